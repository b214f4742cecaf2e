"""Section 9 of the contract: the YAML format, and `configure`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import otel_ctxlog as cl
from otel_ctxlog import config

from .records import RecordingSink, use_baggage

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.trace import Tracer

REFERENCE = """
defaultLevel: Info
rules:
  - rule:
      level: Debug
      conditions:
        - realm: github.com/mandelsoft/spiff
  - rule:
      level: Trace
      conditions:
        - attribute:
            name: test
            value:
               value: testvalue  # value is the *value* type, here
"""

CONTRACT = """
defaultLevel: Info
rules:
  - rule:
      level: Debug
      conditions:
        - realm: github.com/acme/spiff
        - not: {attribute: {name: test, value: {value: testvalue}}}
"""


@pytest.fixture
def plain() -> cl.LoggingContext:
    """A context on a recording sink."""
    return cl.LoggingContext(RecordingSink())


def _one(condition: str) -> object:
    """Return the only condition of a context configured with it."""
    ctx = cl.LoggingContext(RecordingSink())
    config.configure(ctx, f"rules:\n  - rule:\n      level: Debug\n      conditions:\n        - {condition}\n")
    (rule,) = ctx.rules
    assert isinstance(rule, cl.ConditionRule)
    (found,) = rule.conditions
    return found


# --- the format ---------------------------------------------------------------------------------------------------


def test_the_example_of_the_reference_works_unchanged(plain: cl.LoggingContext) -> None:
    """The YAML format of the reference document works unchanged."""
    config.configure(plain, REFERENCE)

    assert plain.default_level == cl.INFO
    assert plain.rules == (
        cl.ConditionRule(cl.TRACE, cl.Attribute("test", "testvalue")),
        cl.ConditionRule(cl.DEBUG, cl.Realm("github.com/mandelsoft/spiff")),
    )


def test_the_example_of_the_contract_works(plain: cl.LoggingContext) -> None:
    """The example of the contract gives the rule that it says."""
    config.configure(plain, CONTRACT)

    assert plain.rules == (
        cl.ConditionRule(cl.DEBUG, cl.Realm("github.com/acme/spiff"), cl.Not(cl.Attribute("test", "testvalue"))),
    )
    assert plain.logger(cl.Realm("github.com/acme/spiff")).enabled(cl.DEBUG)
    assert not plain.logger(cl.Realm("github.com/acme/spiff"), cl.Attribute("test", "testvalue")).enabled(cl.DEBUG)


CONDITIONS: list[tuple[str, object]] = [
    ("tag: t", cl.Tag("t")),
    ("realm: a/b", cl.Realm("a/b")),
    ("realmprefix: a/b", cl.RealmPrefix("a/b")),
    ("attribute: {name: a, value: {value: b}}", cl.Attribute("a", "b")),
    ("and: [tag: a, realm: b]", cl.And(cl.Tag("a"), cl.Realm("b"))),
    ("or: [tag: a, tag: b]", cl.Or(cl.Tag("a"), cl.Tag("b"))),
    ("and: []", cl.And()),
    ("or: []", cl.Or()),
    ("not: {tag: a}", cl.Not(cl.Tag("a"))),
    ("not: {or: [{and: [{tag: a}]}, {not: {tag: b}}]}", cl.Not(cl.Or(cl.And(cl.Tag("a")), cl.Not(cl.Tag("b"))))),
    ("baggage: {name: tenant, value: {value: acme}}", cl.BaggageEntry("tenant", "acme")),
    ("span: {name: a, value: {value: 5}}", cl.SpanAttribute("a", 5)),
    ("resource: {name: service.name, value: {value: x}}", cl.ResourceAttribute("service.name", "x")),
    ("spanname: checkout", cl.SpanName("checkout")),
    ("spanname: {glob: 'check*'}", cl.SpanName(cl.Glob("check*"))),
    ("spanname: {value: checkout}", cl.SpanName("checkout")),
    ("sampled: true", cl.Sampled(True)),
    ("sampled: false", cl.Sampled(False)),
]


@pytest.mark.parametrize(("text", "expected"), CONDITIONS, ids=[text for text, _ in CONDITIONS])
def test_every_condition_type(text: str, expected: object) -> None:
    """Condition types: `and or not tag realm realmprefix attribute`, `baggage span resource spanname sampled`."""
    assert _one(text) == expected


VALUES: list[tuple[str, object]] = [
    ("value: text", "text"),
    ("value: 5", 5),
    ("value: 1.5", 1.5),
    ("value: true", True),
    ("value: null", None),
    ("value: [1, [a, {b: c}]]", [1, ["a", {"b": "c"}]]),
    ("value: {a: {b: [1]}}", {"a": {"b": [1]}}),
    ("value: {value: 5}", {"value": 5}),
    ("value: {glob: x}", {"glob": "x"}),
    ("value: ''", ""),
    ("value: 'off'", "off"),
    ("value: off", False),
    ("glob: 'a*'", cl.Glob("a*")),
    ("regex: '^a+$'", cl.Regex("^a+$")),
    ("oneof: [a, 5, null]", cl.OneOf("a", 5, None)),
    ("oneof: [a]", cl.OneOf("a")),
    ("range: {min: 1, max: 5.5}", cl.Range(min=1, max=5.5)),
    ("range: {min: 1}", cl.Range(min=1)),
    ("range: {max: 1}", cl.Range(max=1)),
    ("exists: true", cl.Exists()),
]


@pytest.mark.parametrize(("text", "expected"), VALUES, ids=[text for text, _ in VALUES])
@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("attribute", cl.Attribute),
        ("baggage", cl.BaggageEntry),
        ("span", cl.SpanAttribute),
        ("resource", cl.ResourceAttribute),
    ],
)
def test_every_value_type(kind: str, make: type, text: str, expected: object) -> None:
    """Value types: `value` (any YAML), `glob`, `regex`, `oneof`, `range`, `exists`, wherever a value is."""
    assert _one(f"{kind}: {{name: n, value: {{{text}}}}}") == make("n", expected)


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("Error", 1),
        ("Warn", 2),
        ("warning", 2),
        ("INFO", 3),
        ("debug", 4),
        ("Trace", 5),
        ("None", 0),
        ("none", 0),
        ("'off'", 0),
        ("off", 0),
        ("Off", 0),
        ("OFF", 0),
        ("0", 0),
        ("4", 4),
        ("17", 17),
        ("'4'", 4),
        ("' debug '", 4),
    ],
)
def test_every_level(text: str, level: int, plain: cl.LoggingContext) -> None:
    """Levels are those that `parse_level` takes; YAML's `off` read as false is level NONE."""
    config.configure(plain, f"defaultLevel: {text}\nrules: [rule: {{level: {text}}}]\n")

    assert plain.default_level == level
    assert plain.rules == (cl.ConditionRule(level),)


def test_a_configured_context_decides(plain: cl.LoggingContext, tracer: Tracer) -> None:
    """A configuration is at work at once: by baggage, by span attribute, by realm, by default."""
    config.configure(
        plain,
        """
        defaultLevel: Warn
        rules:
          - rule: {level: Debug, conditions: [baggage: {name: tenant, value: {value: acme}}]}
          - rule: {level: Trace, conditions: [span: {name: order.size, value: {range: {min: 100}}}, realmprefix: shop]}
        """,
    )
    logger = plain.unbound_logger(cl.Realm("shop/db"))

    assert not logger.enabled(cl.INFO)
    with use_baggage(tenant="acme"):
        assert logger.enabled(cl.DEBUG)
        assert not logger.enabled(cl.TRACE)
    with tracer.start_as_current_span("s", attributes={"order.size": 100}):
        assert logger.enabled(cl.TRACE)


# --- configure ----------------------------------------------------------------------------------------------------

MAPPING = {"defaultLevel": "Warn", "rules": [{"rule": {"level": "Debug", "conditions": [{"tag": "t"}]}}]}
TEXT = "defaultLevel: Warn\nrules: [rule: {level: Debug, conditions: [tag: t]}]\n"


@pytest.mark.parametrize("kind", ["str", "bytes", "mapping", "path", "config", "json"])
def test_configure_takes_every_kind_of_source(kind: str, plain: cl.LoggingContext, tmp_path: Path) -> None:
    """`configure(ctx, source)`: str or bytes of YAML, a mapping, a `Path`, or a `Config`."""
    path = tmp_path / "levels.yaml"
    path.write_text(TEXT, encoding="utf-8")
    sources: dict[str, object] = {
        "str": TEXT,
        "bytes": TEXT.encode(),
        "mapping": MAPPING,
        "path": path,
        "config": config.Config(default_level="Warn", rules=[config.rule("Debug", config.tag("t"))]),
        "json": '{"defaultLevel": "Warn", "rules": [{"rule": {"level": "Debug", "conditions": [{"tag": "t"}]}}]}',
    }

    config.configure(plain, sources[kind])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    assert plain.default_level == cl.WARN
    assert plain.rules == (cl.ConditionRule(cl.DEBUG, cl.Tag("t")),)


def test_a_text_is_never_a_path(plain: cl.LoggingContext, tmp_path: Path) -> None:
    """A str is YAML, not the name of a file: a path as text is an error, not a file read."""
    path = tmp_path / "levels.yaml"
    path.write_text(TEXT, encoding="utf-8")

    with pytest.raises(config.ConfigError):
        config.configure(plain, str(path))


def test_rules_are_added_in_file_order(plain: cl.LoggingContext) -> None:
    """Rules are added, in file order, so the last is asked first."""
    config.configure(
        plain,
        """
        rules:
          - rule: {level: 6, conditions: [tag: a]}
          - rule: {level: 7, conditions: [tag: b]}
          - rule: {level: 8, conditions: [tag: c]}
        """,
    )

    assert plain.rules == tuple(cl.ConditionRule(level, cl.Tag(tag)) for level, tag in [(8, "c"), (7, "b"), (6, "a")])
    assert plain.logger(cl.Tag("a"), cl.Tag("b")).enabled(7)
    assert not plain.logger(cl.Tag("a"), cl.Tag("b")).enabled(8)


def test_rules_are_added_to_what_the_context_has(plain: cl.LoggingContext) -> None:
    """Rules are added to what the context has; one with equal conditions supersedes as `add_rule` does."""
    plain.add_rule(cl.ConditionRule(7, cl.Tag("old")), cl.ConditionRule(7, cl.Tag("same")))
    plain.default_level = cl.ERROR

    config.configure(
        plain, "rules: [rule: {level: 8, conditions: [tag: same]}, rule: {level: 8, conditions: [tag: new]}]"
    )

    assert plain.rules == (
        cl.ConditionRule(8, cl.Tag("new")),
        cl.ConditionRule(8, cl.Tag("same")),
        cl.ConditionRule(7, cl.Tag("old")),
    )
    assert plain.default_level == cl.ERROR


def test_configuring_twice_adds_twice(plain: cl.LoggingContext) -> None:
    """A second configuration adds to the first; the default level is the last one given."""
    config.configure(plain, "defaultLevel: Error\nrules: [rule: {level: 6, conditions: [tag: a]}]")
    config.configure(plain, "rules: [rule: {level: 7, conditions: [tag: b]}]")

    assert plain.rules == (cl.ConditionRule(7, cl.Tag("b")), cl.ConditionRule(6, cl.Tag("a")))
    assert plain.default_level == cl.ERROR


def test_a_rule_without_conditions_always_matches(plain: cl.LoggingContext) -> None:
    """A rule without conditions is the generic rule of the reference document."""
    config.configure(plain, "rules:\n- rule: {level: 7}\n")

    assert plain.rules == (cl.ConditionRule(7),)
    assert plain.logger().enabled(7)


def test_a_change_grows_the_generation(plain: cl.LoggingContext) -> None:
    """A configuration is a change of the context: its generation grows, and an unbound logger follows at once."""
    logger = plain.unbound_logger()
    before = plain.generation
    assert not logger.enabled(cl.DEBUG)

    config.configure(plain, "rules: [rule: {level: Debug}]")

    assert plain.generation > before
    assert logger.enabled(cl.DEBUG)


@pytest.mark.parametrize(
    "source",
    ["", b"", "   \n", "# only a comment\n", "---\n", "---\n...\n", "{}", "null", {}, config.Config(), "rules: []"],
    ids=repr,
)
def test_empty_changes_nothing(source: object, plain: cl.LoggingContext) -> None:
    """Empty: nothing changes, the generation neither."""
    plain.add_rule(cl.ConditionRule(7, cl.Tag("t")))
    plain.default_level = cl.ERROR
    before = plain.generation

    config.configure(plain, source)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    assert plain.rules == (cl.ConditionRule(7, cl.Tag("t")),)
    assert plain.default_level == cl.ERROR
    assert plain.generation == before


def test_an_empty_file_changes_nothing(plain: cl.LoggingContext, tmp_path: Path) -> None:
    """An empty file is an empty configuration."""
    path = tmp_path / "empty.yaml"
    path.write_bytes(b"")
    before = plain.generation

    config.configure(plain, path)

    assert (plain.rules, plain.generation) == ((), before)


def test_aliases_are_allowed(plain: cl.LoggingContext) -> None:
    """Anchors and aliases of YAML work."""
    config.configure(
        plain,
        """
        rules:
          - rule: {level: &l Debug, conditions: &c [tag: a]}
          - rule: {level: *l, conditions: [and: *c]}
        """,
    )

    assert plain.rules == (
        cl.ConditionRule(cl.DEBUG, cl.And(cl.Tag("a"))),
        cl.ConditionRule(cl.DEBUG, cl.Tag("a")),
    )


def test_names_may_be_any_text(plain: cl.LoggingContext) -> None:
    """Names and values in other scripts arrive as they are, from text, bytes and files."""
    text = "rules: [rule: {level: 7, conditions: [tag: größe, realm: 日本/😀]}]"
    expected = (cl.ConditionRule(7, cl.Tag("größe"), cl.Realm("日本/😀")),)

    config.configure(plain, text.encode("utf-8"))

    assert plain.rules == expected
