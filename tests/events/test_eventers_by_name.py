"""Eventers by name: live handles, made before or after any configuration."""

from __future__ import annotations

import gc
import json
import logging
import os
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

import otel_ctxlog as cl
from otel_ctxlog import config
from otel_ctxlog.config.document import read_document
from otel_ctxlog.events.cloudwatch import CloudWatchEventer
from otel_ctxlog.loggers.named_eventers import (
    NamedEventer,
    close_eventers,
    eventer,
    eventers,
    flush_eventers,
)

from .cloud import senders, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Recording:
    """A sink that keeps the event name and attributes of each record."""

    def __init__(self) -> None:
        self.records: list[tuple[str | None, dict[str, Any], int, object]] = []

    def enabled(self, level: int) -> bool:
        return True

    def emit(self, **parts: Any) -> None:
        self.records.append((parts["event_name"], dict(parts["attributes"]), parts["level"], parts["body"]))

    @property
    def names(self) -> list[str | None]:
        return [name for name, *_ in self.records]


class Kept:
    """An own eventer that keeps what it gets, and says whether it was closed."""

    made: ClassVar[list[Kept]] = []

    def __init__(self, options: Any = None) -> None:
        self.options = options
        self.events: list[str] = []
        self.late = 0
        self.closed = False
        Kept.made.append(self)

    def event(self, type: str, /, *fields: object, **attributes: object) -> None:
        if self.closed:
            self.late += 1
        self.events.append(type)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def registry() -> config.Registry:
    """A registry with an own type, ``com.acme.kept``."""
    Kept.made = []
    registry = config.Registry()
    registry.register_eventer_type("com.acme.kept", lambda options, registry: Kept(options))
    return registry


@pytest.fixture
def sink() -> Recording:
    return Recording()


@pytest.fixture
def ctx(sink: Recording) -> cl.LoggingContext:
    return cl.LoggingContext(sink, sources=())


@pytest.fixture
def default(sink: Recording) -> Iterator[cl.LoggingContext]:
    """A fresh default context."""
    context = cl.LoggingContext(sink, sources=())
    before = cl.set_default_context(context)
    yield context
    cl.set_default_context(before)


def errors(diagnostics: list[logging.LogRecord]) -> list[str]:
    return [record.getMessage() for record in diagnostics if record.levelno >= logging.ERROR]


def test_a_handle_follows_the_configuration(
    default: cl.LoggingContext, sink: Recording, diagnostics: list[logging.LogRecord]
) -> None:
    """Made before anything is configured it does nothing, with one diagnostic; afterwards what is configured."""
    audit = eventer("audit")
    audit.event("early")
    audit.event("early")
    early = errors(diagnostics)
    config.configure(default, "eventers: {audit: {type: otlp}}")
    audit.event("a", k=1)
    config.configure(default, "eventers: {audit: {type: nop}}")
    audit.event("b")
    config.configure(default, "eventers: {audit: {type: otlp, level: Warn, body: none}}")
    audit.event("c")

    assert early == ["no eventer is configured as 'audit': its events go nowhere"]
    assert errors(diagnostics) == early
    assert sink.records == [
        ("a", {"k": 1, "eventType": "a"}, 3, '{"eventType":"a","k":1}'),
        ("c", {"eventType": "c"}, 2, None),
    ]


def test_an_unknown_name_is_told_of_once(ctx: cl.LoggingContext, diagnostics: list[logging.LogRecord]) -> None:
    """The diagnostic names what there is and the nearest match, once for a name until the configuration changes."""
    config.configure(ctx, "eventers: {audit: {type: otlp}, usage: {type: nop}}")
    for _ in range(3):
        eventer("audti", context=ctx).event("a")
    config.configure(ctx, "eventers: {more: {type: nop}}")
    eventer("audti", context=ctx).event("a")

    assert [text.partition("go nowhere; ")[2] for text in errors(diagnostics)] == [
        "there are 'audit', 'usage'; did you mean 'audit'?",
        "there are 'audit', 'more', 'usage'; did you mean 'audit'?",
    ]


def test_many_unknown_names_cost_no_memory(ctx: cl.LoggingContext, diagnostics: list[logging.LogRecord]) -> None:
    """A thousand unknown names are told of, then it is quiet."""
    for number in range(1_500):
        eventer(f"name {number}", context=ctx).event("a")

    assert 900 <= len(diagnostics) <= 1_000


def test_names_are_looked_for_in_the_bases(ctx: cl.LoggingContext, registry: config.Registry) -> None:
    """A nested context has its base's eventers, but for those of its own; nothing of it shows in the base."""
    nested = ctx.with_context(cl.Tag("t"))
    registry.configure(ctx, "eventers: {a: {type: com.acme.kept}, b: {type: com.acme.kept}}")
    registry.configure(nested, "eventers: {b: {type: com.acme.kept, own: true}, c: {type: com.acme.kept}}")
    for name in "abc":
        eventer(name, context=nested).event("n")
        eventer(name, context=ctx).event("base")
    base_a, base_b, own_b, own_c = Kept.made

    assert [one.events for one in (base_a, base_b, own_b, own_c)] == [["n", "base"], ["base"], ["n"], ["n"]]
    assert sorted(eventers(nested)) == ["a", "b", "c"]
    assert sorted(eventers(ctx)) == ["a", "b"]
    assert eventers(nested)["b"] is own_b


def test_another_default_context_has_its_own(default: cl.LoggingContext, registry: config.Registry) -> None:
    """A handle without a context goes with whichever context is the default."""
    handle = eventer("a")
    other = cl.LoggingContext(base=cl.default_context())
    registry.configure(default, "eventers: {a: {type: com.acme.kept}}")
    registry.configure(other, "eventers: {a: {type: com.acme.kept}}")
    handle.event("one")
    before = cl.set_default_context(other)
    handle.event("two")
    cl.set_default_context(before)
    handle.event("three")

    assert [one.events for one in Kept.made] == [["one", "three"], ["two"]]


def test_an_eventer_goes_on_while_it_is_written_the_same(ctx: cl.LoggingContext, registry: config.Registry) -> None:
    """Configuring anew keeps what has not changed; what has changed is another eventer, the one before is closed."""
    text = "eventers: {a: {type: com.acme.kept, x: 1}, b: {type: com.acme.kept, x: %d}}"
    registry.configure(ctx, text % 1)
    first_a, first_b = eventers(ctx)["a"], eventers(ctx)["b"]
    registry.configure(ctx, text % 2)
    second_a, second_b = eventers(ctx)["a"], eventers(ctx)["b"]

    assert second_a is first_a
    assert second_b is not first_b
    assert isinstance(first_b, Kept)
    assert wait_until(lambda: first_b.closed)
    assert isinstance(first_a, Kept)
    assert not first_a.closed
    assert wait_until(lambda: not senders())


@pytest.mark.parametrize("other", ["true", "1.0", "'1'", "[1]"])
def test_another_value_is_another_eventer(ctx: cl.LoggingContext, registry: config.Registry, other: str) -> None:
    """What Python takes for equal is not the same: 1 is neither true nor 1.0; the order of keys does not matter."""
    registry.configure(ctx, "eventers: {a: {type: com.acme.kept, x: {y: 1, z: 2}}}")
    first = eventers(ctx)["a"]
    registry.configure(ctx, "eventers: {a: {x: {z: 2, y: 1}, type: com.acme.kept}}")
    same = eventers(ctx)["a"]
    registry.configure(ctx, f"eventers: {{a: {{type: com.acme.kept, x: {{y: {other}, z: 2}}}}}}")

    assert same is first
    assert eventers(ctx)["a"] is not first
    assert wait_until(lambda: not senders())


def test_what_another_configuration_says_stays(ctx: cl.LoggingContext, registry: config.Registry) -> None:
    """Configuring adds names; those that it does not mention stay; an empty one changes nothing."""
    registry.configure(ctx, "eventers: {a: {type: com.acme.kept}}")
    registry.configure(ctx, "eventers: {b: {type: com.acme.kept}}")
    for empty in ("", "{}", "eventers:", "eventers: {}", "defaultLevel: Debug"):
        registry.configure(ctx, empty)

    assert sorted(eventers(ctx)) == ["a", "b"]
    assert not any(one.closed for one in Kept.made)  # type: ignore[attr-defined, unused-ignore]


def test_no_event_is_lost_by_changes_under_load(ctx: cl.LoggingContext) -> None:
    """While 8 threads record, 100 changes of the eventer lose no event, and none comes to one that is closed."""
    registry = config.Registry()
    made: list[Kept] = []

    def make(options: object, registry: config.Registry) -> Kept:
        made.append(Kept(options))
        return made[-1]

    def spec(number: int) -> dict[str, object]:
        return config.eventer("com.acme.kept", n=number)

    registry.register_eventer_type("com.acme.kept", make)
    handle = eventer("a", context=ctx)
    registry.configure(ctx, config.Config(eventers={"a": spec(0)}))
    over = threading.Event()
    counts: list[int] = []

    def record() -> None:
        count = 0
        while not over.is_set():
            handle.event("e")
            count += 1
            time.sleep(0)
        counts.append(count)

    threads = [threading.Thread(target=record) for _ in range(8)]
    for thread in threads:
        thread.start()
    plans = [registry.plan(read_document(config.Config(eventers={"a": spec(number)}))) for number in range(1, 101)]
    for plan in plans:
        plan.apply_to(ctx)
        time.sleep(0.001)
    over.set()
    for thread in threads:
        thread.join()

    assert sum(len(one.events) for one in made) == sum(counts) > 0
    assert sum(one.late for one in made) == 0
    assert wait_until(lambda: [one.closed for one in made] == [True] * 100 + [False])
    assert wait_until(lambda: not senders())


def test_an_event_out_of_a_change_does_not_hang(ctx: cl.LoggingContext) -> None:
    """An own factory that records through the handle it is about to replace does not hang."""
    registry = config.Registry()
    handle = eventer("a", context=ctx)

    class Chatty(Kept):
        def __init__(self, options: Any = None) -> None:
            super().__init__(options)
            handle.event("made")

        def close(self) -> None:
            handle.event("closed")
            super().close()

    made: list[Chatty] = []

    def make(options: object, registry: config.Registry) -> Chatty:
        made.append(Chatty(options))
        return made[-1]

    registry.register_eventer_type("com.acme.chatty", make)
    for number in range(3):
        registry.configure(ctx, {"eventers": {"a": {"type": "com.acme.chatty", "n": number}}})

    assert wait_until(lambda: made[1].closed)
    assert made[0].events == ["made"]
    assert made[2].events.count("closed") >= 1


def test_an_own_eventer_that_raises_costs_its_caller_nothing(
    ctx: cl.LoggingContext, diagnostics: list[logging.LogRecord]
) -> None:
    """An eventer that raises from `event`, `flush` or `close` costs a diagnostic each."""

    class Raising:
        def event(self, type: str, /, *fields: object, **attributes: object) -> None:
            raise RuntimeError("event")

        def flush(self, timeout: float) -> bool:
            raise RuntimeError("flush")

        def close(self) -> None:
            raise RuntimeError("close")

    registry = config.Registry()
    registry.register_eventer_type("com.acme.raising", lambda options, registry: Raising())
    registry.configure(ctx, "eventers: {a: {type: com.acme.raising}}")
    handle = eventer("a", context=ctx)
    handle.event("e")
    handle.event("e")
    flushed = flush_eventers(1, context=ctx)
    close_eventers(context=ctx)

    assert flushed is False
    assert wait_until(lambda: len(diagnostics) == 3)
    assert wait_until(lambda: not senders())
    assert [text.split(" ")[0] for text in errors(diagnostics)] == ["an", "flushing", "closing"]


def test_flush_and_close_reach_all(ctx: cl.LoggingContext) -> None:
    """Flushing the named eventers of a context sends what waits in them; closing them forgets and ends them."""
    sent: list[Any] = []

    class Service:
        def create_log_group(self, **arguments: object) -> object:
            return {}

        create_log_stream = create_log_group

        def put_log_events(self, **arguments: Any) -> object:
            sent.extend(json.loads(one["message"])["eventType"] for one in arguments["logEvents"])
            return {}

    registry = config.Registry()
    registry.register_eventer_type(
        "com.acme.cloud", lambda options, registry: CloudWatchEventer(Service(), "g", "s", interval=60)
    )
    registry.configure(ctx, "eventers: {a: {type: com.acme.cloud}, n: {type: nop}}")
    handle = eventer("a", context=ctx)
    handle.event("one")

    assert flush_eventers(10, context=ctx) is True
    assert sent == ["one"]
    handle.event("two")
    close_eventers(context=ctx)
    assert wait_until(lambda: sent == ["one", "two"])
    assert eventers(ctx) == {}
    assert wait_until(lambda: not senders())


def test_a_context_goes_with_its_eventers(registry: config.Registry) -> None:
    """A context that was configured, used and dropped is collected, with all that was made for it."""
    ctx = cl.LoggingContext(Recording())
    registry.configure(
        ctx,
        "eventers: {a: {type: otlp}, l: {type: log}, t: {type: tee, eventers: [a, l, k]}, k: {type: com.acme.kept}}",
    )
    for name in "alt":
        eventer(name, context=ctx).event("e")
    gone: list[Callable[[], object]] = [weakref.ref(ctx), weakref.ref(Kept.made[0])]
    Kept.made.clear()
    del ctx
    gc.collect()

    assert [ref() for ref in gone] == [None, None]


def test_handles_read_well(ctx: cl.LoggingContext) -> None:
    """A handle says its name and what it stands for; one for nothing is disabled, as a `NopEventer` is."""
    handle = eventer("audit", context=ctx)
    before = (str(handle), repr(handle))
    config.configure(ctx, "eventers: {audit: {type: otlp}}")

    assert before == ("disabled", "<NamedEventer 'audit': NopEventer()>")
    assert repr(handle) == "<NamedEventer 'audit': <OTelEventer level 3, 0 dropped>>"
    assert isinstance(handle.eventer, cl.OTelEventer)
    assert handle.name == "audit"


def test_bad_names_are_refused() -> None:
    """A name is a text that is not empty, and the context is one."""
    with pytest.raises(ValueError, match="the name of an eventer must not be empty"):
        eventer("")
    with pytest.raises(TypeError, match="must be a str, but got 5"):
        eventer(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="context must be a LoggingContext or None, but got 'x'"):
        eventer("a", context="x")  # type: ignore[arg-type]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_has_the_eventers_of_its_parent(ctx: cl.LoggingContext, registry: config.Registry) -> None:
    """In a forked child a handle works, and follows changes made there."""
    registry.configure(ctx, "eventers: {a: {type: com.acme.kept, n: 1}}")
    handle = eventer("a", context=ctx)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            handle.event("one")
            registry.configure(ctx, "eventers: {a: {type: com.acme.kept, n: 2}}")
            handle.event("two")
            code = 0 if [one.events for one in Kept.made] == [["one"], ["two"]] else 2
        finally:
            os._exit(code)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert isinstance(handle, NamedEventer)
