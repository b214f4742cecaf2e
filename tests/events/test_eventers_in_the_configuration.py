"""The key ``eventers`` of a configuration: all types, their options, and errors that name the place."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

import otel_ctxlog as cl
from otel_ctxlog import config
from otel_ctxlog.events.cloudwatch import CloudWatchEventer
from otel_ctxlog.loggers.named_eventers import close_eventers, eventer, eventers, flush_eventers

from .cloud import arrived, senders, wait_until
from .test_eventers_by_name import Kept, Recording

if TYPE_CHECKING:
    from collections.abc import Iterator

ALL = """
defaultLevel: Info
rules:
  - rule: {level: Debug, conditions: [{tag: billing}]}
eventers:
  audit: {type: otlp, level: Warn, body: none, spanEvents: true}
  billed:
    type: otlp
    level: Debug
    realm: shop/billing
    name: billing
    tags: [billing, money]
    attributes: {team: blue, size: 3}
  debug: {type: log, level: Info, realm: shop}
  off: {type: nop}
  both: {type: tee, eventers: [audit, debug, "off"]}
"""


@pytest.fixture
def sink() -> Recording:
    return Recording()


@pytest.fixture
def ctx(sink: Recording) -> Iterator[cl.LoggingContext]:
    context = cl.LoggingContext(sink, sources=())
    yield context
    close_eventers(context=context)
    assert wait_until(lambda: not senders())


def problem(text: object, registry: config.Registry | None = None) -> str:
    """What is said about a configuration, which changes nothing."""
    context = cl.LoggingContext(Recording())
    generation = context.generation
    with pytest.raises(config.ConfigError) as caught:
        config.configure(context, text, registry)  # type: ignore[arg-type]
    assert (context.generation, context.rules, eventers(context)) == (generation, (), {})
    return str(caught.value)


def test_every_type_does_what_it_says(ctx: cl.LoggingContext, sink: Recording) -> None:
    """Otlp with all its options, log, nop, and a tee of them."""
    config.configure(ctx, ALL)
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("t")
    with tracer.start_as_current_span("work") as span:
        eventer("audit", context=ctx).event("a", k=1)
        eventer("billed", context=ctx).event("b")
        eventer("debug", context=ctx).event("c", k=1)
        eventer("off", context=ctx).event("d")
        eventer("both", context=ctx).event("e")
    on_span = [event.name for event in span.events]  # type: ignore[attr-defined]

    assert sink.records == [
        ("a", {"k": 1, "eventType": "a"}, 2, None),
        ("b", {"realm": "shop/billing", "team": "blue", "size": 3, "eventType": "b"}, 4, '{"eventType":"b"}'),
        (None, {"realm": "shop"}, 3, '{"eventType":"c","k":1}'),
        ("e", {"eventType": "e"}, 2, None),
        (None, {"realm": "shop"}, 3, '{"eventType":"e"}'),
    ]
    assert on_span == ["a", "e"]


def test_the_defaults_are_those_of_the_eventers(ctx: cl.LoggingContext, sink: Recording) -> None:
    """Without options: otlp at Info with a JSON body, log at Debug, which the default level keeps back."""
    config.configure(ctx, "eventers: {o: {type: otlp}, l: {type: log}}")
    eventer("o", context=ctx).event("a")
    eventer("l", context=ctx).event("b")
    ctx.default_level = cl.DEBUG
    eventer("l", context=ctx).event("c")

    assert [(level, body) for _, _, level, body in sink.records] == [(3, '{"eventType":"a"}'), (4, '{"eventType":"c"}')]


def test_events_of_a_named_eventer_pass_the_rules(ctx: cl.LoggingContext, sink: Recording) -> None:
    """Rules of the same configuration decide about its events, by type, fields, realm and tags."""
    config.configure(
        ctx,
        """
        rules:
          - rule: {level: None, conditions: [{attribute: {name: eventType, value: {value: noise}}}]}
          - rule: {level: Debug, conditions: [{tag: loud}]}
        eventers:
          quiet: {type: otlp, level: Debug}
          loud: {type: otlp, level: Debug, tags: [loud]}
          normal: {type: otlp}
        """,
    )
    for name in ("quiet", "loud", "normal"):
        eventer(name, context=ctx).event("signal")
        eventer(name, context=ctx).event("noise")

    assert sink.names == ["signal", "noise", "signal"]


def test_cloudwatch_by_configuration(
    ctx: cl.LoggingContext, server: str, client: Any, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Group, stream, region and address as written, credentials of the environment; nothing is made before the need."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    config.configure(
        ctx,
        f"eventers: {{usage: {{type: cloudwatch, group: {group}, stream: s, region: eu-central-1, "
        f"endpointUrl: '{server}'}}}}",
    )
    made = eventers(ctx)["usage"]
    idle = senders()
    eventer("usage", context=ctx).event("used", seats=4)

    assert isinstance(made, CloudWatchEventer)
    assert (made.group, made.stream, idle) == (group, "s", [])
    assert flush_eventers(20, context=ctx)
    assert arrived(client, group, "s") == [{"eventType": "used", "seats": 4}]


def test_a_reload_sends_what_the_old_eventer_has(
    ctx: cl.LoggingContext, server: str, client: Any, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change of stream under way: events before it arrive in the old stream, those after it in the new one."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    usage = eventer("usage", context=ctx)
    for stream in ("one", "two"):
        spec = config.eventer("cloudwatch", group=group, stream=stream, region="eu-central-1", endpointUrl=server)
        config.configure(ctx, config.Config(eventers={"usage": spec}))
        for number in range(50):
            usage.event("used", number=number)
    close_eventers(context=ctx)
    assert wait_until(lambda: not senders(), 20)

    assert [event["number"] for event in arrived(client, group, "one")] == list(range(50))
    assert [event["number"] for event in arrived(client, group, "two")] == list(range(50))


def test_without_boto3_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The type cloudwatch without boto3 is an error at its place that says what to install; all else works without."""
    for name in list(sys.modules):
        if name.partition(".")[0] in ("boto3", "botocore"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "boto3", None)
    text = "eventers:\n  a: {type: otlp}\n  usage: {type: cloudwatch, group: g}\n"

    assert problem(text) == (
        "3:10: eventers.usage: the eventer type 'cloudwatch' needs an optional dependency: "
        "pip install 'otel-ctxlog[cloudwatch]'"
    )
    assert config.load(text).eventers["usage"] == {"type": "cloudwatch", "group": "g"}


def test_without_a_region_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where nothing says the region, the error does, when the configuration is applied."""
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))

    assert problem("eventers: {u: {type: cloudwatch, group: g}}") == (
        "1:15: eventers.u: no region; allowed: the key 'region', the variable AWS_DEFAULT_REGION, or a profile with one"
    )


def test_all_or_nothing(registry_with_kept: config.Registry) -> None:
    """An eventer that cannot be made keeps rules and other eventers from being added."""

    def fail(options: object, registry: config.Registry) -> Kept:
        raise RuntimeError("planted")

    registry_with_kept.register_eventer_type("com.acme.failing", fail)
    ctx = cl.LoggingContext(Recording())
    registry_with_kept.configure(ctx, "eventers: {k: {type: com.acme.kept}}")
    kept = eventers(ctx)["k"]
    with pytest.raises(config.ConfigError) as caught:
        registry_with_kept.configure(
            ctx,
            {
                "rules": [config.rule("Debug")],
                "eventers": {"k": {"type": "com.acme.kept", "n": 2}, "f": {"type": "com.acme.failing"}},
            },
        )

    assert str(caught.value) == ("eventers.f: the factory of the type 'com.acme.failing' failed: RuntimeError: planted")
    assert ctx.rules == ()
    assert eventers(ctx) == {"k": kept}


@pytest.fixture
def registry_with_kept() -> config.Registry:
    Kept.made = []
    registry = config.Registry()
    registry.register_eventer_type("com.acme.kept", lambda options, registry: Kept(options))
    return registry


def test_a_change_that_fails_closes_what_it_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the rules cannot be applied, the eventers that were made for them are closed, and nothing has changed."""
    made: list[Kept] = []
    registry = config.Registry()

    def make(options: object, registry: config.Registry) -> Kept:
        made.append(Kept(options))
        return made[-1]

    class Refusing(cl.LoggingContext):
        def apply(self, **arguments: Any) -> None:
            raise RuntimeError("planted")

    registry.register_eventer_type("com.acme.kept", make)
    ctx = Refusing(Recording())
    with pytest.raises(RuntimeError, match="planted"):
        registry.configure(ctx, {"defaultLevel": "Debug", "eventers": {"k": {"type": "com.acme.kept"}}})

    assert eventers(ctx) == {}
    assert wait_until(lambda: made[0].closed)
    assert wait_until(lambda: not senders())


def test_own_types_get_options_and_registry(registry_with_kept: config.Registry) -> None:
    """A factory gets what stands beside ``type``, a copy of its own, and the registry, for elements inside."""
    seen: list[Any] = []

    def make(options: Any, registry: config.Registry) -> Kept:
        seen.append((options, registry.create_condition(options["only"])))
        options["only"] = "changed"
        return Kept(options)

    registry_with_kept.register_eventer_type("com.acme.filtered", make)
    ctx = cl.LoggingContext(Recording())
    source = {"eventers": {"f": {"type": "com.acme.filtered", "only": {"tag": "t"}, "deep": [1, {"a": 2}]}}}
    registry_with_kept.configure(ctx, source)
    registry_with_kept.copy().configure(ctx, source)

    assert len(seen) == 2
    assert seen[0] == ({"only": "changed", "deep": [1, {"a": 2}]}, cl.Tag("t"))
    assert source["eventers"]["f"]["only"] == {"tag": "t"}
    assert problem("eventers:\n  f:\n    type: com.acme.filtered\n    only: {tga: t}\n", registry_with_kept).startswith(
        "4:12: eventers.f.only.tga: unknown condition type 'tga'"
    )
    assert "com.acme.filtered" in repr(registry_with_kept)


def test_registering_is_checked() -> None:
    """A name is a text with a dot, a factory can be called, and what it returns is an eventer."""
    registry = config.Registry()
    with pytest.warns(
        UserWarning, match="the eventer type 'nop' has no dot: .*; it replaces the standard one"
    ) as warned:
        registry.register_eventer_type("nop", lambda options, registry: Kept())
    with pytest.raises(TypeError, match="a factory must be callable"):
        registry.register_eventer_type("com.acme.x", 5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must not be empty"):
        registry.register_eventer_type("", lambda options, registry: Kept())
    registry.register_eventer_type("com.acme.bad", lambda options, registry: object())  # type: ignore[arg-type, return-value]
    ctx = cl.LoggingContext(Recording())
    registry.configure(ctx, "eventers: {a: {type: nop}}")

    assert Path(warned[0].filename).name == Path(__file__).name
    assert isinstance(eventers(ctx)["a"], Kept)
    assert "returned <object object" in problem("eventers: {a: {type: com.acme.bad}}", registry)


def test_yaml_reads_off_as_a_name_here(ctx: cl.LoggingContext) -> None:
    """``off`` and ``on`` without quotes are names, also in a tee, and come out quoted."""
    loaded = config.load("eventers: {off: {type: nop}, on: {type: otlp}, both: {type: tee, eventers: [off, on]}}")

    assert list(loaded.eventers) == ["off", "on", "both"]
    assert '"off":' in loaded.to_yaml()
    assert config.load(loaded.to_yaml()).eventers["on"] == {"type": "otlp"}
    assert problem("eventers: {off: {type: nop}, 'off': {type: otlp}}") == (
        "1:30: eventers.off: duplicate name 'off'; allowed: each name once"
    )


def test_a_config_says_it_again() -> None:
    """`Config` has the eventers as plain data, third; two that say the same are equal; YAML gives an equal one."""
    loaded = config.load(ALL)
    built = config.Config(
        "Info",
        [config.rule("Debug", config.tag("billing"))],
        {
            "audit": config.eventer("otlp", level="Warn", body="none", spanEvents=True),
            "billed": config.eventer(
                "otlp",
                level="Debug",
                realm="shop/billing",
                name="billing",
                tags=["billing", "money"],
                attributes={"team": "blue", "size": 3},
            ),
            "debug": config.eventer("log", level="Info", realm="shop"),
            "off": config.eventer("nop"),
            "both": config.eventer("tee", eventers=["audit", "debug", "off"]),
        },
    )

    assert loaded == built == config.load(built) == config.load(loaded.to_yaml())
    assert config.Config() == config.load("eventers:") == config.load("{}")
    assert config.Config(eventers={"a": {"type": "nop"}}) != config.Config(eventers={"b": {"type": "nop"}})
    assert config.Config().eventers == {}
    assert config.eventer("log", level=cl.DEBUG) == {"type": "log", "level": 4}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("eventers: []", "1:11: eventers: found an empty list []; allowed: a mapping from names to eventers"),
        (
            "eventers: {a: otlp}",
            "1:15: eventers.a: found the text 'otlp'; allowed: an eventer, a mapping with the key 'type'",
        ),
        ("eventers: {a: }", "eventers.a: found nothing (null)"),
        ("eventers: {'': {type: nop}}", "found an empty name ''; allowed: the name of an eventer"),
        ("eventers: {5: {type: nop}}", "1:12: eventers[5]: found the number 5; allowed: the name of an eventer"),
        (
            "eventers: {a: {}}",
            "1:15: eventers.a: missing key 'type'; found an empty mapping {}; allowed types: cloudwatch, log",
        ),
        (
            "eventers: {a: {typ: otlp}}",
            (
                "missing key 'type'; found a mapping with the keys 'typ'; allowed types: cloudwatch, log, nop, otlp, "
                "tee; did you mean 'type' for 'typ'?"
            ),
        ),
        (
            "eventers: {a: {type: oltp}}",
            (
                "1:22: eventers.a.type: unknown eventer type 'oltp'; allowed: cloudwatch, log, nop, otlp, tee; did you "
                "mean 'otlp'?"
            ),
        ),
        ("eventers: {a: {type: [otlp]}}", "unknown eventer type ['otlp']"),
        (
            "eventers: {a: {type: otlp, lvl: Info}}",
            (
                "1:28: eventers.a.lvl: unknown key 'lvl'; allowed: attributes, body, level, name, realm, spanEvents, "
                "tags; did you mean 'level'?"
            ),
        ),
        (
            "eventers: {a: {type: otlp, level: Debgu}}",
            (
                "1:35: eventers.a.level: unknown level 'Debgu'; allowed: Error, Warn, Info, Debug, Trace, None or off, "
                "or a number from 0; did you mean 'Debug'?"
            ),
        ),
        (
            "eventers: {a: {type: otlp, body: jsno}}",
            "1:34: eventers.a.body: found the text 'jsno'; allowed: json, none; did you mean 'json'?",
        ),
        ("eventers: {a: {type: otlp, body: }}", "eventers.a.body: found nothing (null); allowed: json, none"),
        (
            "eventers: {a: {type: otlp, spanEvents: 1}}",
            "eventers.a.spanEvents: found the number 1; allowed: true or false",
        ),
        ("eventers: {a: {type: otlp, realm: ''}}", "eventers.a.realm: found an empty name ''"),
        (
            "eventers: {a: {type: otlp, tags: x}}",
            "eventers.a.tags: found the text 'x'; allowed: a list of names of tags",
        ),
        ("eventers: {a: {type: otlp, tags: [x, 5]}}", "1:38: eventers.a.tags[1]: found the number 5"),
        (
            "eventers: {a: {type: otlp, attributes: [x]}}",
            "eventers.a.attributes: found a list of 1; allowed: a mapping from names",
        ),
        ("eventers: {a: {type: otlp, attributes: {'': 1}}}", "found an empty name ''"),
        (
            "eventers: {a: {type: log, body: json}}",
            "unknown key 'body'; allowed: attributes, level, name, realm, tags",
        ),
        ("eventers: {a: {type: nop, level: Info}}", "1:27: eventers.a.level: unknown key 'level'; allowed: no option"),
        ("eventers: {a: {type: cloudwatch}}", "1:15: eventers.a: missing key 'group'"),
        (
            "eventers: {a: {type: cloudwatch, group: 'a b'}}",
            "1:41: eventers.a.group: group must have 1 to 512 characters out of a-z A-Z 0-9 . - _ / #, but got 'a b'",
        ),
        (
            "eventers: {a: {type: cloudwatch, group: g, stream: 'a:b'}}",
            "1:52: eventers.a.stream: stream must have 1 to 512 characters without ':' and '*', but got 'a:b'",
        ),
        (
            "eventers: {a: {type: cloudwatch, group: g, regoin: x}}",
            "unknown key 'regoin'; allowed: endpointUrl, group, region, stream; did you mean 'region'?",
        ),
        ("eventers: {a: {type: cloudwatch, group: g, region: 5}}", "eventers.a.region: found the number 5"),
        (
            "eventers: {a: {type: cloudwatch, group: g, endpointUrl: 'localhost:4566'}}",
            "1:57: eventers.a.endpointUrl: found the text 'localhost:4566'; allowed: an address as http://localhost:4566",
        ),
        ("eventers: {a: {type: tee}}", "missing key 'eventers'"),
        (
            "eventers: {a: {type: tee, eventers: b}}",
            "eventers.a.eventers: found the text 'b'; allowed: a list of names of eventers",
        ),
        (
            "eventers: {audit: {type: nop}, t: {type: tee, eventers: [audti]}}",
            "1:58: eventers.t.eventers[0]: unknown eventer 'audti'; allowed: audit, t; did you mean 'audit'?",
        ),
        (
            "eventers: {a: {type: tee, eventers: [a]}}",
            "1:38: eventers.a.eventers[0]: the eventer 'a' would get its own events",
        ),
        (
            "eventers: {a: {type: tee, eventers: [b]}, b: {type: tee, eventers: [c]}, c: {type: tee, eventers: [a]}}",
            "would get its own events",
        ),
        (
            "eventer: {a: {type: nop}}",
            "unknown key 'eventer'; allowed: defaultLevel, eventers, rules; did you mean 'eventers'?",
        ),
        ("eventers: {a: {type: nop}, a: {type: otlp}}", "duplicate key 'a'"),
    ],
)
def test_errors_name_the_place(text: str, said: str) -> None:
    """What is wrong is named with line, column and path, what was found, what is allowed, and the nearest match."""
    assert said in problem(text)


def test_a_context_of_another_kind_is_refused() -> None:
    """Eventers belong to a `LoggingContext`; anything else is told so before anything is changed."""
    applied: list[object] = []

    class Other:
        def apply(self, **arguments: object) -> None:
            applied.append(arguments)

    with pytest.raises(TypeError, match="eventers need a LoggingContext"):
        config.configure(Other(), {"defaultLevel": "Info", "eventers": {"a": {"type": "nop"}}})  # type: ignore[arg-type, unused-ignore]
    config.configure(Other(), {"defaultLevel": "Info"})

    assert len(applied) == 1


def test_a_watched_file_says_all_of_its_eventers(tmp_path: Path, sink: Recording) -> None:
    """A watched file's eventers follow it: changed, added, and those it does not name any more gone; others stay."""
    registry = config.Registry()
    registry.register_eventer_type("com.acme.kept", lambda options, registry: Kept(options))
    ctx = cl.LoggingContext(sink)
    registry.configure(ctx, "eventers: {code: {type: com.acme.kept}}")
    path = tmp_path / "log.yaml"
    path.write_text("eventers: {a: {type: com.acme.kept, n: 1}, b: {type: com.acme.kept}}", encoding="utf-8")
    with config.watch(ctx, path, interval=60, registry=registry) as watcher:
        first = dict(eventers(ctx))
        path.write_text("eventers: {a: {type: com.acme.kept, n: 2}, c: {type: com.acme.kept}}", encoding="utf-8")
        assert watcher.check()
        second = dict(eventers(ctx))
        path.write_text("eventers: {a: {type: com.acme.kpet}}", encoding="utf-8")
        assert not watcher.check()
        third = dict(eventers(ctx))

    assert sorted(first) == ["a", "b", "code"]
    assert sorted(second) == ["a", "c", "code"]
    assert second["a"] is not first["a"]
    assert second["code"] is first["code"]
    assert third == second
    assert wait_until(lambda: first["b"].closed and first["a"].closed)  # type: ignore[attr-defined]
    assert wait_until(lambda: not senders())
