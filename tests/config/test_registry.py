from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from otel_ctxlog import config
from otel_ctxlog.config import ConfigError, Registry
from otel_ctxlog.config.kinds import is_dict
from otel_ctxlog.engine.conditions import And, Not
from otel_ctxlog.engine.matchers import Glob
from otel_ctxlog.engine.messages import Attribute, Name, Tag
from otel_ctxlog.engine.rules import ConditionRule

if TYPE_CHECKING:
    from otel_ctxlog import LoggingContext

IN_RULE = "rules:\n- rule:\n    level: 1\n    conditions:\n    - "


def nest(spec: Any, registry: Registry) -> Not:
    """A factory that has an element inside its spec."""
    return Not(registry.create_condition(spec["inner"]))


def all_of(spec: Any, registry: Registry) -> And:
    """A factory with a list of elements."""
    return And(*[registry.create_condition(element) for element in spec])


@pytest.fixture
def registry() -> Registry:
    """A registry with own types of each kind."""
    registry = Registry()
    registry.register_condition_type("com.acme.nest", nest)
    registry.register_condition_type("com.acme.all", all_of)
    registry.register_value_type("com.acme.prefix", lambda spec, _: Glob(f"{spec}*"))
    registry.register_rule_type(
        "com.acme.quiet",
        lambda spec, registry: ConditionRule(1, registry.create_condition(spec)),  # type: ignore[arg-type]
    )
    return registry


def test_own_types_of_all_kinds_take_part(context: LoggingContext, registry: Registry) -> None:
    """Own rules, conditions and values stand where standard ones can, nested both ways."""
    registry.configure(
        context,
        "rules:\n"
        "- com.acme.quiet: {tag: a}\n"
        "- rule: {level: 2, conditions: [{not: {com.acme.nest: {inner: {com.acme.nest: {inner: {tag: b}}}}}}]}\n"
        "- rule: {level: 3, conditions: [{attribute: {name: c, value: {com.acme.prefix: d}}}]}\n",
    )

    assert context.rules == (
        ConditionRule(3, Attribute("c", Glob("d*"))),
        ConditionRule(2, Not(Not(Not(Tag("b"))))),
        ConditionRule(1, Tag("a")),
    )


def test_elements_are_created_from_text_and_mappings(registry: Registry) -> None:
    """The three `create_` methods take YAML text, bytes or a mapping of one element."""
    assert registry.create_condition("tag: a") == registry.create_condition({"tag": "a"}) == Tag("a")
    assert registry.create_condition(b"com.acme.nest: {inner: {tag: a}}") == Not(Tag("a"))
    assert registry.create_rule("com.acme.quiet: {tag: a}") == ConditionRule(1, Tag("a"))
    assert registry.create_value({"com.acme.prefix": "a"}) == Glob("a*")
    assert registry.create_value("value: {a: [1]}") == {"a": [1]}
    assert registry.create_value("value:") is None
    with pytest.raises(ConfigError, match=r"^1:6: tag: found an empty name"):
        registry.create_condition("tag: ''")
    with pytest.raises(ConfigError, match=r"^tag: found an empty name"):
        registry.create_condition({"tag": ""})
    with pytest.raises(ConfigError, match="found nothing"):
        registry.create_condition("")


@pytest.mark.parametrize(
    ("condition", "line", "column", "path"),
    [
        ("com.acme.nest: {inner: {tga: a}}", 5, 31, "com.acme.nest.inner.tga"),
        ("com.acme.nest: {inner: {tag: ''}}", 5, 36, "com.acme.nest.inner.tag"),
        (
            "com.acme.nest: {inner: {not: {attribute: {name: 5, value: {value: 1}}}}}",
            5,
            55,
            "com.acme.nest.inner.not.attribute.name",
        ),
        (
            "com.acme.nest:\n        inner:\n          com.acme.all:\n          - tag: a\n          - tag: 5\n",
            9,
            18,
            "com.acme.nest.inner.com.acme.all[1].tag",
        ),
        ("com.acme.nest: {outer: 1}", 5, 22, "com.acme.nest"),
        ("com.acme.nest: {inner: 5}", 5, 22, "com.acme.nest"),
        ("not: {com.acme.all: 5}", 5, 27, "not.com.acme.all"),
    ],
)
def test_errors_inside_own_types_name_their_own_place(
    registry: Registry, condition: str, line: int, column: int, path: str
) -> None:
    """An element made by a factory out of its spec keeps line, column and path; other failures name the element."""
    with pytest.raises(ConfigError) as caught:
        registry.load(IN_RULE + condition)

    error = caught.value
    assert (error.line, error.column, error.path) == (line, column, f"rules[0].rule.conditions[0].{path}")
    assert str(error).count("rules[0]") == 1


def test_whatever_a_factory_raises_or_returns_is_a_config_error(registry: Registry) -> None:
    """Exceptions of any kind, wrong results, classes in place of objects: an error at the element, the cause kept."""

    def fail(_spec: object, _registry: Registry) -> Tag:
        raise LookupError("not today")

    def refuse(_spec: object, _registry: Registry) -> Tag:
        raise ConfigError("needs a moon phase")

    def recurse(spec: Any, registry: Registry) -> Any:
        return registry.create_condition({"com.acme.recurse": spec})

    registry.register_condition_type("com.acme.fail", fail)
    registry.register_condition_type("com.acme.refuse", refuse)
    registry.register_condition_type("com.acme.recurse", recurse)
    registry.register_condition_type("com.acme.name", lambda _spec, _registry: Name("x"))  # type: ignore[arg-type,return-value]
    registry.register_condition_type("com.acme.class", lambda _spec, _registry: Tag)  # type: ignore[arg-type,return-value]
    registry.register_rule_type("com.acme.tag", lambda _spec, _registry: Tag("x"))  # type: ignore[arg-type,return-value]

    for condition, words in [
        ("com.acme.fail: 1", "'com.acme.fail' failed: LookupError: not today"),
        ("com.acme.refuse: 1", "needs a moon phase"),
        ("com.acme.recurse: 1", "com.acme.recurse"),
        ("com.acme.name: 1", "'com.acme.name' returned"),
        ("com.acme.class: 1", "'com.acme.class' returned"),
    ]:
        with pytest.raises(ConfigError) as caught:
            registry.load(IN_RULE + condition)
        assert str(caught.value).startswith("5:")
        assert "rules[0].rule.conditions[0]" in str(caught.value)
        assert words in str(caught.value)
        assert len(str(caught.value)) < 1_000
    with pytest.raises(ConfigError, match=r"^1:9: rules\[0\]: the factory of the rule type 'com.acme.tag' returned"):
        registry.load("rules: [{com.acme.tag: 1}]")


def test_a_factory_may_keep_and_change_its_spec(registry: Registry) -> None:
    """The spec is a copy in plain dicts and lists: taking it apart changes neither the Config nor other aliases."""
    seen: list[object] = []

    def consume(spec: object, registry: Registry) -> Not:
        assert is_dict(spec)
        seen.append(spec.__class__)
        inner: Any = spec.pop("inner")
        return Not(registry.create_condition(inner))

    registry.register_condition_type("com.acme.consume", consume)
    text = "rules: [{rule: {level: 1, conditions: [{com.acme.consume: &s {inner: {tag: a}}}, {com.acme.consume: *s}]}}]"

    loaded = registry.load(text)

    assert seen == [dict, dict]
    assert loaded.rules == [{"rule": {"level": 1, "conditions": [{"com.acme.consume": {"inner": {"tag": "a"}}}] * 2}}]


def test_a_factory_can_build_elements_of_its_own(registry: Registry) -> None:
    """Elements that are not part of the spec work too; their errors name the element that asked for them."""

    def either(spec: Any, registry: Registry) -> object:
        return registry.create_condition({"or": [{"tag": tag} for tag in spec]})

    registry.register_condition_type("com.acme.either", either)  # type: ignore[arg-type]

    assert registry.create_condition("com.acme.either: [a]") == registry.create_condition("or: [{tag: a}]")
    with pytest.raises(
        ConfigError,
        match=r"^5:24: rules\[0\]\.rule\.conditions\[0\]\.com\.acme\.either: or\[1\]\.tag: found an empty name",
    ):
        registry.load(IN_RULE + "com.acme.either: [a, '']")


def test_names_without_a_dot_are_a_warning(registry: Registry) -> None:
    """Flat names are reserved; the type is registered all the same, a standard one replaced."""
    for register in (registry.register_rule_type, registry.register_condition_type, registry.register_value_type):
        with pytest.warns(UserWarning, match="'flat' has no dot"):
            register("flat", lambda _spec, _registry: Tag("flat"))  # type: ignore[arg-type,return-value]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            register("com.acme.dotted", lambda _spec, _registry: Tag("x"))  # type: ignore[arg-type,return-value]
    with pytest.warns(UserWarning, match="replaces the standard one"):
        registry.register_condition_type("tag", lambda _spec, _registry: Tag("replaced"))

    assert registry.create_condition("flat: 1") == Tag("flat")
    assert registry.create_condition("tag: a") == Tag("replaced")
    assert Registry().create_condition("tag: a") == Tag("a")


@pytest.mark.parametrize(
    ("name", "factory", "error"), [("", nest, ValueError), (5, nest, TypeError), ("com.acme.x", 5, TypeError)]
)
def test_bad_registrations_are_refused(name: Any, factory: Any, error: type[Exception]) -> None:
    """An empty name, a name that is no text, and a factory that cannot be called."""
    with pytest.raises(error):
        Registry().register_condition_type(name, factory)


def test_copies_are_independent(registry: Registry) -> None:
    """A copy has the same types and hands itself to the factories; what is added to one is not in the other."""
    copied = registry.copy()
    copied.register_condition_type("com.acme.inner", lambda _spec, _registry: Tag("inner"))

    assert copied.create_condition("com.acme.nest: {inner: {com.acme.inner: 1}}") == Not(Tag("inner"))
    with pytest.raises(ConfigError, match=r"unknown condition type 'com\.acme\.inner'"):
        registry.create_condition("com.acme.nest: {inner: {com.acme.inner: 1}}")
    assert "com.acme.inner" in repr(copied)
    assert "com.acme.inner" not in repr(registry)


def test_the_default_registry_is_one_object(context: LoggingContext) -> None:
    """`load` and `configure` use it unless they are given another."""
    text = "rules: [{rule: {level: 1, conditions: [{com.acme.only-here: 1}]}}]"
    other = Registry()
    other.register_condition_type("com.acme.only-here", lambda _spec, _registry: Tag("x"))

    assert config.default_registry() is config.default_registry()
    with pytest.raises(ConfigError, match=r"unknown condition type 'com\.acme\.only-here'"):
        config.configure(context, text)
    config.configure(context, text, other)
    assert config.load(text, other).rules
    assert context.rules == (ConditionRule(1, Tag("x")),)


def test_types_can_be_registered_while_others_load() -> None:
    """Many threads register and load at once without an error or a lost type."""
    registry = Registry()
    errors: list[Exception] = []

    def work(number: int) -> None:
        try:
            for i in range(50):
                registry.register_condition_type(f"com.acme.t{number}.{i}", lambda _spec, _registry: Tag("x"))
                registry.load(f"rules: [{{rule: {{level: 1, conditions: [{{com.acme.t{number}.{i}: 1}}]}}}}]")
        except Exception as error:  # noqa: BLE001 - all of them are asserted below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert all(registry.create_condition(f"com.acme.t{n}.{i}: 1") == Tag("x") for n in range(4) for i in range(50))
