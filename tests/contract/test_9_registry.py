"""Section 9 of the contract: registries and own types."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

import otel_ctxlog as cl
from otel_ctxlog import config

from .records import FreshProcess, RecordingSink

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Longer:
    """An own matcher: texts longer than a number of characters."""

    than: int

    def matches_value(self, value: object) -> bool:
        """Return whether the text is longer."""
        return isinstance(value, str) and len(value) > self.than


@dataclass(frozen=True)
class Count:
    """An own condition: at least so many of the conditions match."""

    least: int
    conditions: tuple[cl.Condition, ...]

    def matches(self, messages: Sequence[object]) -> bool:
        """Return whether enough match."""
        return sum(condition.matches(messages) for condition in self.conditions) >= self.least


@dataclass(frozen=True)
class Always:
    """An own rule."""

    level: int

    def match(self, messages: Sequence[object], sink: cl.LogSink) -> cl.Verdict:
        """Return the verdict."""
        return cl.Verdict(self.level, sink)


def make_longer(spec: object, registry: config.Registry) -> object:
    """Return the own matcher."""
    assert isinstance(spec, int)
    return Longer(spec)


def make_count(spec: object, registry: config.Registry) -> cl.Condition:
    """Return the own condition, its own ones made by the registry."""
    table: Any = spec
    return Count(table["least"], tuple(registry.create_condition(source) for source in table["of"]))


def make_always(spec: object, registry: config.Registry) -> cl.Rule:
    """Return the own rule."""
    return Always(cl.parse_level(spec))


@pytest.fixture
def own() -> config.Registry:
    """A registry with own types of every kind."""
    registry = config.Registry()
    registry.register_value_type("longer.example.org", make_longer)
    registry.register_condition_type("count.example.org", make_count)
    registry.register_rule_type("always.example.org", make_always)
    return registry


@pytest.fixture
def plain() -> cl.LoggingContext:
    """A context on a recording sink."""
    return cl.LoggingContext(RecordingSink())


OWN = """
rules:
  - always.example.org: Trace
  - rule:
      level: Debug
      conditions:
        - count.example.org: {least: 1, of: [tag: a, realm: b]}
        - not: {attribute: {name: n, value: {longer.example.org: 3}}}
"""


def test_own_types_of_every_kind(own: config.Registry, plain: cl.LoggingContext) -> None:
    """Own types: rules, conditions and values made by their factories, nested in standard ones."""
    own.configure(plain, OWN)

    assert plain.rules == (
        cl.ConditionRule(cl.DEBUG, Count(1, (cl.Tag("a"), cl.Realm("b"))), cl.Not(cl.Attribute("n", Longer(3)))),
        Always(cl.TRACE),
    )
    assert plain.logger(cl.Tag("a")).enabled(cl.DEBUG)
    assert not plain.logger(cl.Tag("a")).enabled(cl.TRACE)
    assert plain.logger(cl.Tag("a"), cl.Attribute("n", "long text")).enabled(cl.TRACE)


@pytest.mark.parametrize("kind", ["str", "mapping", "config"])
def test_a_registry_loads_with_its_types(kind: str, own: config.Registry, plain: cl.LoggingContext) -> None:
    """`load(source, registry)` and `Registry.configure` know the registry's own types, whatever the source."""
    import yaml

    loaded = config.load(OWN, own)
    sources: dict[str, object] = {"str": OWN, "mapping": yaml.safe_load(OWN), "config": loaded}

    assert config.load(sources[kind], own) == loaded  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert config.load(loaded.to_yaml(), own) == loaded
    own.configure(plain, sources[kind])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert len(plain.rules) == 2


def test_other_registries_do_not_know_them(own: config.Registry, plain: cl.LoggingContext) -> None:
    """Own types belong to their registry: neither a new one nor the default one knows them."""
    before = plain.generation

    with pytest.raises(config.ConfigError, match=r"always\.example\.org"):
        config.configure(plain, OWN)
    with pytest.raises(config.ConfigError):
        config.Registry().configure(plain, OWN)
    with pytest.raises(config.ConfigError):
        config.load(OWN)
    assert (plain.rules, plain.generation) == ((), before)


def test_a_copy_is_independent(own: config.Registry) -> None:
    """`copy()` knows what the original knows, and neither sees what is registered in the other later."""
    copied = own.copy()
    copied.register_value_type("copy.example.org", make_longer)
    own.register_value_type("original.example.org", make_longer)

    assert copied.create_value({"longer.example.org": 1}) == Longer(1)
    assert copied.create_value({"copy.example.org": 1}) == Longer(1)
    with pytest.raises(config.ConfigError):
        own.create_value({"copy.example.org": 1})
    with pytest.raises(config.ConfigError):
        copied.create_value({"original.example.org": 1})


@pytest.mark.parametrize("make", [config.Registry, config.default_registry, lambda: config.Registry().copy()])
def test_every_registry_holds_the_standard_types(make: type[config.Registry]) -> None:
    """`Registry()` and `default_registry()` hold the standard types."""
    registry = make()

    assert registry.create_rule("rule: {level: Debug, conditions: [tag: t]}") == cl.ConditionRule(cl.DEBUG, cl.Tag("t"))
    for text, expected in [
        ("tag: t", cl.Tag("t")),
        ("realm: a", cl.Realm("a")),
        ("realmprefix: a", cl.RealmPrefix("a")),
        ("attribute: {name: a, value: {value: 1}}", cl.Attribute("a", 1)),
        ("and: [tag: a]", cl.And(cl.Tag("a"))),
        ("or: [tag: a]", cl.Or(cl.Tag("a"))),
        ("not: {tag: a}", cl.Not(cl.Tag("a"))),
        ("baggage: {name: a, value: {value: b}}", cl.BaggageEntry("a", "b")),
        ("span: {name: a, value: {value: b}}", cl.SpanAttribute("a", "b")),
        ("resource: {name: a, value: {value: b}}", cl.ResourceAttribute("a", "b")),
        ("spanname: a", cl.SpanName("a")),
        ("sampled: true", cl.Sampled(True)),
    ]:
        assert registry.create_condition(text) == expected
    for text, value in [
        ("value: [1, a]", [1, "a"]),
        ("glob: a*", cl.Glob("a*")),
        ("regex: a+", cl.Regex("a+")),
        ("oneof: [1, 2]", cl.OneOf(1, 2)),
        ("range: {min: 1}", cl.Range(min=1)),
        ("exists: true", cl.Exists()),
    ]:
        assert registry.create_value(text) == value


def test_create_takes_text_or_a_mapping() -> None:
    """`create_rule`, `create_condition`, `create_value` take YAML text or a mapping."""
    registry = config.Registry()

    assert registry.create_rule({"rule": {"level": 4}}) == registry.create_rule("rule: {level: 4}")
    assert registry.create_condition({"tag": "t"}) == registry.create_condition("tag: t") == cl.Tag("t")
    assert registry.create_value({"value": 5}) == registry.create_value("value: 5") == 5


@pytest.mark.parametrize("create", ["create_rule", "create_condition", "create_value"])
@pytest.mark.parametrize(
    "source", ["", "[", "5", "{}", "a: 1", "{tag: a, realm: b}", {}, {"nothing": 1}, "&a [*a]"], ids=repr
)
def test_create_is_checked(create: str, source: object) -> None:
    """What is no element of one known type is a `ConfigError`."""
    with pytest.raises(config.ConfigError):
        getattr(config.Registry(), create)(source)


def test_the_default_registry_is_one_object() -> None:
    """`default_registry()` is always the same one."""
    assert config.default_registry() is config.default_registry()


def test_what_the_default_registry_learns_configure_knows(fresh_process: FreshProcess) -> None:
    """A type registered with the default registry is known to `configure` and `load`, and to no other registry."""
    output = fresh_process(
        """
        import otel_ctxlog as cl
        from otel_ctxlog import config

        config.default_registry().register_value_type("up.example.org", lambda spec, registry: spec.upper())
        ctx = cl.LoggingContext()
        text = "rules: [rule: {level: 7, conditions: [attribute: {name: a, value: {up.example.org: x}}]}]"
        config.configure(ctx, text)
        config.load(text)
        print(ctx.rules[0].conditions[0].value)
        try:
            config.Registry().create_value("up.example.org: x")
        except config.ConfigError:
            print("unknown")
        """
    )

    assert output.split() == ["X", "unknown"]


@pytest.mark.parametrize("register", ["register_rule_type", "register_condition_type", "register_value_type"])
def test_a_name_without_a_dot_is_a_warning(register: str) -> None:
    """Own types: reverse DNS names; registering one without a dot is a `UserWarning`, with one it is none."""
    registry = config.Registry()

    with pytest.warns(UserWarning, match="mine"):
        getattr(registry, register)("mine", make_longer)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        getattr(registry, register)("org.example.mine", make_longer)


def test_a_type_without_a_dot_works_all_the_same() -> None:
    """The warning is a warning: the type is registered."""
    registry = config.Registry()
    with pytest.warns(UserWarning, match="mine"):
        registry.register_value_type("mine", make_longer)

    assert registry.create_value("mine: 5") == Longer(5)


def test_the_names_of_one_kind_are_not_those_of_another(own: config.Registry) -> None:
    """A value type is no condition type: each kind has its own names."""
    with pytest.raises(config.ConfigError):
        own.create_condition({"longer.example.org": 5})
    with pytest.raises(config.ConfigError):
        own.create_rule({"count.example.org": {"least": 1, "of": []}})


def test_a_factory_gets_the_spec_and_the_registry() -> None:
    """A factory is called with `(spec, registry)`: plain data and the registry at work."""
    calls: list[tuple[object, object]] = []

    def factory(spec: object, registry: config.Registry) -> object:
        calls.append((spec, registry))
        return Longer(0)

    registry = config.Registry()
    registry.register_value_type("org.example.spy", factory)

    registry.create_value("org.example.spy: {a: [1, {b: null}], c: text}")

    (spec, given) = calls[-1]
    assert spec == {"a": [1, {"b": None}], "c": "text"}
    assert isinstance(given, config.Registry)
    assert given.create_value("org.example.spy: 1") == Longer(0)


@pytest.mark.parametrize(
    "error", [ValueError("too long"), TypeError("too long"), KeyError("too long"), RuntimeError("too long")], ids=repr
)
def test_a_factory_that_raises_is_an_error_with_a_place(error: Exception, plain: cl.LoggingContext) -> None:
    """What a factory raises is a `ConfigError` with its place and text; the context is unchanged."""

    def factory(spec: object, registry: config.Registry) -> cl.Condition:
        raise error

    registry = config.Registry()
    registry.register_condition_type("org.example.broken", factory)
    before = (plain.generation, plain.rules)

    with pytest.raises(config.ConfigError, match=r"^4:\d+: rules\[1\]\.rule\.conditions\[0\].*too long"):
        registry.configure(
            plain,
            "rules:\n- rule: {level: 1}\n- rule: {level: 1, conditions: [\n    {org.example.broken: 5}]}\n",
        )

    assert (plain.generation, plain.rules) == before


def test_an_error_inside_an_own_type_has_its_place(own: config.Registry, plain: cl.LoggingContext) -> None:
    """An error that the registry finds for a factory is a `ConfigError` too."""
    with pytest.raises(config.ConfigError, match="tga"):
        own.configure(plain, "rules: [rule: {level: 1, conditions: [count.example.org: {least: 1, of: [tga: a]}]}]")

    assert plain.rules == ()
