"""Section 9 of the contract: `Config`, `load`, `to_yaml` and the builders."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import otel_ctxlog as cl
from otel_ctxlog import config

from .records import RecordingSink

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEXT = "defaultLevel: Warn\nrules: [rule: {level: Debug, conditions: [tag: t]}, rule: {level: 7}]\n"


def _rules(source: object) -> tuple[object, ...]:
    ctx = cl.LoggingContext(RecordingSink())
    config.configure(ctx, source)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    return ctx.rules


# --- Config and load ----------------------------------------------------------------------------------------------


def test_a_config_is_plain_data() -> None:
    """`Config(default_level=None, rules=[])`: plain data, equal by value."""
    empty = config.Config()

    assert empty.default_level is None
    assert list(empty.rules) == []
    assert empty == config.Config(default_level=None, rules=[])
    assert config.Config(default_level="Info") == config.Config(default_level="Info")
    assert config.Config(default_level="Info") != config.Config(default_level="Warn")
    assert config.Config(rules=[config.rule("Info")]) == config.Config(rules=[config.rule("Info")])
    assert config.Config(rules=[config.rule("Info")]) != config.Config(rules=[config.rule("Warn")])
    assert config.Config(rules=[config.rule(1), config.rule(2)]) != config.Config(
        rules=[config.rule(2), config.rule(1)]
    )


def test_two_configs_share_nothing() -> None:
    """The rules of one `Config` are not those of another."""
    first, second = config.Config(), config.Config()

    assert first.rules is not second.rules or isinstance(first.rules, tuple)


@pytest.mark.parametrize("kind", ["str", "bytes", "path", "mapping", "config"])
def test_load_takes_every_kind_of_source(kind: str, tmp_path: Path) -> None:
    """`load(source, registry=None) -> Config`, from the sources that `configure` takes."""
    path = tmp_path / "levels.yaml"
    path.write_text(TEXT, encoding="utf-8")
    expected = config.Config(
        default_level="Warn", rules=[config.rule("Debug", config.tag("t")), {"rule": {"level": 7}}]
    )
    sources: dict[str, object] = {
        "str": TEXT,
        "bytes": TEXT.encode(),
        "path": path,
        "mapping": yaml.safe_load(TEXT),
        "config": expected,
    }

    found = config.load(sources[kind])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    assert isinstance(found, config.Config)
    assert found == expected


def test_levels_are_as_written() -> None:
    """Plain data: levels as written, neither renamed nor made numbers."""
    for written in ("debug", "DEBUG", "Warning", 4, 17, "4"):
        found = config.load({"defaultLevel": written, "rules": [{"rule": {"level": written}}]})
        assert found.default_level == written
        assert type(found.default_level) is type(written)
        assert found.rules[0] == {"rule": {"level": written}}


def test_load_is_checked() -> None:
    """`load` checks what `configure` checks."""
    for bad in ("defaultLevel: Debgu", "rules: [rulez: {}]", "rules: [rule: {level: Info, conditions: [realm: '']}]"):
        with pytest.raises(config.ConfigError):
            config.load(bad)


def test_load_of_nothing_is_the_empty_config() -> None:
    """Empty is the empty configuration."""
    for empty in ("", b"", "# c", dict[str, object](), config.Config()):
        assert config.load(empty) == config.Config()


def test_a_loaded_config_configures_as_its_source() -> None:
    """A `Config` that was loaded gives the rules that its text gives."""
    assert _rules(config.load(TEXT)) == _rules(TEXT)


def test_a_loaded_config_does_not_change_with_its_source() -> None:
    """What was loaded and checked is not changed through the mapping it came from, in what a context has."""
    source = {
        "rules": [{"rule": {"level": "Debug", "conditions": [{"attribute": {"name": "a", "value": {"value": [1]}}}]}}]
    }
    ctx = cl.LoggingContext(RecordingSink())
    config.configure(ctx, source)
    source["rules"][0]["rule"]["conditions"][0]["attribute"]["value"]["value"].append(2)  # type: ignore[index]  # pyright: ignore[reportArgumentType]

    assert ctx.rules == (cl.ConditionRule(cl.DEBUG, cl.Attribute("a", [1])),)


# --- to_yaml ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "made",
    [
        config.Config(),
        config.Config(default_level="Info"),
        config.Config(default_level="off"),
        config.Config(default_level=0),
        config.Config(default_level="4", rules=[config.rule("off"), config.rule(5)]),
        config.load("defaultLevel: off\nrules: [rule: {level: off}]"),
        config.Config(rules=[config.rule("Debug", config.tag("t"), config.not_(config.realm("a/b")))]),
        config.Config(
            rules=[config.rule(1, config.attribute("a", value)) for value in ("off", "1", 1, None, "null", "~")]
        ),
        config.Config(
            rules=[config.rule(1, config.tag(name)) for name in ("ü😀", " x ", "a\nb", "#", "a: b", "\u2028", "\x85")]
        ),
        config.Config(rules=[config.rule(1, config.attribute("a", [1, {"b": ["c", 1.5, True, None]}]))]),
    ],
    ids=lambda c: repr(c)[:60],
)
def test_to_yaml_is_loaded_back(made: config.Config) -> None:
    """`load(to_yaml())` gives an equal `Config`."""
    text = made.to_yaml()

    assert isinstance(text, str)
    assert config.load(text) == made
    assert config.load(text.encode("utf-8")) == made


NAMES = st.text(min_size=1, max_size=6)
PLAIN = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(allow_nan=False),
        st.text(max_size=6),
        st.sampled_from(
            ["off", "yes", "1", "1e3", "0x10", "1_000", "2020-01-01", "=", "<<", "null", "~", ".inf", "1:30"]
        ),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=6,
)
VALUES = st.one_of(
    PLAIN.map(config.value),
    NAMES.map(config.glob),
    st.lists(PLAIN, min_size=1, max_size=3).map(lambda values: config.oneof(*values)),
    st.integers(-9, 9).map(lambda low: config.range_(min=low)),
    st.just(config.exists()),
)
CONDITIONS = st.recursive(
    st.one_of(
        NAMES.map(config.tag),
        NAMES.map(config.realm),
        NAMES.map(config.realmprefix),
        st.builds(config.attribute, NAMES, VALUES),
        st.builds(config.baggage, NAMES, VALUES),
        st.builds(config.span, NAMES, VALUES),
        st.builds(config.resource, NAMES, VALUES),
        NAMES.map(config.spanname),
        st.booleans().map(config.sampled),
    ),
    lambda inner: st.one_of(
        inner.map(config.not_),
        st.lists(inner, max_size=3).map(lambda parts: config.and_(*parts)),
        st.lists(inner, max_size=3).map(lambda parts: config.or_(*parts)),
    ),
    max_leaves=5,
)
LEVELS = st.one_of(st.integers(0, 99), st.sampled_from(["Info", "debug", "off", "None", "7"]))


def _config(level: str | int | None, rules: list[tuple[str | int, list[dict[str, object]]]]) -> config.Config:
    return config.Config(
        default_level=level, rules=[config.rule(of_rule, *conditions) for of_rule, conditions in rules]
    )


CONFIGS = st.builds(
    _config,
    st.one_of(st.none(), LEVELS),
    st.lists(st.tuples(LEVELS, st.lists(CONDITIONS, max_size=2)), max_size=3),
)


@settings(deadline=None)
@given(made=CONFIGS)
def test_every_config_is_loaded_back(made: config.Config) -> None:
    """Whatever is built, `load(to_yaml())` gives an equal `Config`, and the same rules."""
    again = config.load(made.to_yaml())

    assert again == made
    assert _rules(again) == _rules(made)


# --- builders -----------------------------------------------------------------------------------------------------

BUILT: list[tuple[Callable[[], object], object]] = [
    (lambda: config.tag("t"), cl.Tag("t")),
    (lambda: config.realm("a/b"), cl.Realm("a/b")),
    (lambda: config.realmprefix("a/b"), cl.RealmPrefix("a/b")),
    (lambda: config.attribute("a", config.value("b")), cl.Attribute("a", "b")),
    (lambda: config.attribute("a", "b"), cl.Attribute("a", "b")),
    (lambda: config.attribute("a", 5), cl.Attribute("a", 5)),
    (lambda: config.attribute("a", None), cl.Attribute("a", None)),
    (lambda: config.attribute("a", [1, 2]), cl.Attribute("a", [1, 2])),
    (lambda: config.attribute("a", {"x": 1}), cl.Attribute("a", {"x": 1})),
    (lambda: config.attribute("a", config.value({"glob": "x"})), cl.Attribute("a", {"glob": "x"})),
    (lambda: config.attribute("a", config.glob("x*")), cl.Attribute("a", cl.Glob("x*"))),
    (lambda: config.attribute("a", config.regex("x+")), cl.Attribute("a", cl.Regex("x+"))),
    (lambda: config.attribute("a", config.oneof("x", 2)), cl.Attribute("a", cl.OneOf("x", 2))),
    (lambda: config.attribute("a", config.range_(min=1, max=2)), cl.Attribute("a", cl.Range(min=1, max=2))),
    (lambda: config.attribute("a", config.range_(max=2)), cl.Attribute("a", cl.Range(max=2))),
    (lambda: config.attribute("a", config.exists()), cl.Attribute("a", cl.Exists())),
    (lambda: config.and_(config.tag("a"), config.tag("b")), cl.And(cl.Tag("a"), cl.Tag("b"))),
    (lambda: config.or_(config.tag("a"), config.tag("b")), cl.Or(cl.Tag("a"), cl.Tag("b"))),
    (config.and_, cl.And()),
    (config.or_, cl.Or()),
    (lambda: config.not_(config.tag("a")), cl.Not(cl.Tag("a"))),
    (lambda: config.baggage("tenant", "acme"), cl.BaggageEntry("tenant", "acme")),
    (lambda: config.baggage("tenant", config.glob("a*")), cl.BaggageEntry("tenant", cl.Glob("a*"))),
    (lambda: config.span("a", 5), cl.SpanAttribute("a", 5)),
    (lambda: config.resource("service.name", "x"), cl.ResourceAttribute("service.name", "x")),
    (lambda: config.spanname("checkout"), cl.SpanName("checkout")),
    (lambda: config.spanname(config.glob("check*")), cl.SpanName(cl.Glob("check*"))),
    (lambda: config.sampled(True), cl.Sampled(True)),
    (lambda: config.sampled(False), cl.Sampled(False)),
]


@pytest.mark.parametrize(
    ("build", "expected"), BUILT, ids=[repr(expected) + str(i) for i, (_, expected) in enumerate(BUILT)]
)
def test_every_builder(build: Callable[[], object], expected: object) -> None:
    """The builders make plain data that loads as the conditions and values they are named after."""
    condition = build()
    made = config.Config(rules=[config.rule("Debug", condition)])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    assert _rules(made) == (cl.ConditionRule(cl.DEBUG, expected),)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert _rules(made.to_yaml()) == _rules(made)


def test_what_is_built_is_plain_data() -> None:
    """Plain data: what the builders make is dicts, lists and scalars, which any YAML or JSON writer takes."""
    made = config.Config(rules=[config.rule("Debug", build()) for build, _ in BUILT])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    assert json.loads(json.dumps(made.rules)) == made.rules
    assert yaml.safe_load(yaml.safe_dump(made.rules)) == made.rules


@pytest.mark.parametrize("level", ["Debug", "debug", 4, cl.DEBUG, "4"], ids=repr)
def test_rule_takes_every_level(level: str | int) -> None:
    """`rule(level, *conditions)` takes a level in every form, and writes one that loads back."""
    made = config.Config(default_level=level, rules=[config.rule(level)])

    assert _rules(made) == (cl.ConditionRule(cl.DEBUG),)
    assert _rules(made.to_yaml()) == (cl.ConditionRule(cl.DEBUG),)
