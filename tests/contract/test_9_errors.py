"""Section 9 of the contract: what is an error, where it is, what it says, and that nothing is applied then."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import otel_ctxlog as cl
from otel_ctxlog import config

from .records import RecordingSink

if TYPE_CHECKING:
    from pathlib import Path


def _rule(condition: str) -> str:
    return f"rules: [rule: {{level: Debug, conditions: [{condition}]}}]"


BAD: dict[str, str | bytes] = {
    # what is not YAML
    "unclosed flow": "rules: [",
    "unclosed quote": "defaultLevel: 'Info",
    "tab": "rules:\n\t- rule: {}",
    "bad indent": "rules:\n  - a\n b: c",
    "no utf-8": b"defaultLevel: \xff\xfe\xfa",
    "null character": "defaultLevel: \x00",
    "control character": "defaultLevel: a\x07b",
    "lone surrogate": "defaultLevel: \udc80",
    "unknown alias": "defaultLevel: *nothing",
    "two documents": "defaultLevel: Info\n---\ndefaultLevel: Debug\n",
    "bad escape": 'defaultLevel: "\\q"',
    # wrong kinds
    "a text": "just a text",
    "a list": "- rule",
    "a number": "5",
    "rules is a mapping": "rules: {rule: {level: Debug}}",
    "rules is a text": "rules: rule",
    "rules is a number": "rules: 5",
    "an element is a text": "rules: [rule]",
    "an element is null": "rules: [null]",
    "an element is a list": "rules: [[]]",
    "a rule is a text": "rules: [rule: Debug]",
    "a rule is null": "rules: [rule: ]",
    "a rule is a list": "rules: [rule: [Debug]]",
    "conditions is a mapping": "rules: [rule: {level: Debug, conditions: {tag: t}}]",
    "conditions is a text": "rules: [rule: {level: Debug, conditions: tag}]",
    "a condition is a text": _rule("tag"),
    "and is a mapping": _rule("and: {tag: a}"),
    "or is a text": _rule("or: a"),
    "not is a list": _rule("not: [tag: a]"),
    "not is null": _rule("not: "),
    "not is a text": _rule("not: a"),
    "realm is a number": _rule("realm: 5"),
    "realm is a list": _rule("realm: [a]"),
    "realm is null": _rule("realm: "),
    "tag is a bool": _rule("tag: true"),
    "tag is a mapping": _rule("tag: {name: t}"),
    "realmprefix is a number": _rule("realmprefix: 5"),
    "attribute is a text": _rule("attribute: a"),
    "attribute name is a number": _rule("attribute: {name: 5, value: {value: 1}}"),
    "attribute value is a text": _rule("attribute: {name: a, value: b}"),
    "attribute value is null": _rule("attribute: {name: a, value: }"),
    "baggage is a text": _rule("baggage: a"),
    "span value is a number": _rule("span: {name: a, value: 5}"),
    "spanname is a number": _rule("spanname: 5"),
    "spanname is a list": _rule("spanname: [a]"),
    "sampled is a text": _rule("sampled: very"),
    "sampled is a number": _rule("sampled: 1"),
    "sampled is null": _rule("sampled: "),
    "glob is a number": _rule("attribute: {name: a, value: {glob: 5}}"),
    "regex is a list": _rule("attribute: {name: a, value: {regex: [a]}}"),
    "oneof is a text": _rule("attribute: {name: a, value: {oneof: a}}"),
    "oneof is a mapping": _rule("attribute: {name: a, value: {oneof: {a: b}}}"),
    "range is a list": _rule("attribute: {name: a, value: {range: [1, 2]}}"),
    "range min is a text": _rule("attribute: {name: a, value: {range: {min: low}}}"),
    "range max is a bool": _rule("attribute: {name: a, value: {range: {max: true}}}"),
    "exists is a text": _rule("attribute: {name: a, value: {exists: please}}"),
    "exists is false": _rule("attribute: {name: a, value: {exists: false}}"),
    # unknown, duplicate, missing keys; unknown types
    "unknown key at the top": "defaultLevel: Info\nruels: []",
    "key of the wrong case": "defaultlevel: Info",
    "key that is no text": "5: Info",
    "unknown key in a rule": "rules: [rule: {level: Debug, condition: []}]",
    "unknown key in an attribute": _rule("attribute: {name: a, value: {value: 1}, extra: 1}"),
    "unknown key in a range": _rule("attribute: {name: a, value: {range: {min: 1, maximum: 2}}}"),
    "unknown rule type": "rules: [rulez: {level: Debug}]",
    "unknown condition type": _rule("realmm: a"),
    "unknown value type": _rule("attribute: {name: a, value: {valeu: b}}"),
    "condition type in the place of a rule": "rules: [tag: t]",
    "value type in the place of a condition": _rule("glob: t"),
    "two types in one rule element": "rules: [{rule: {level: Debug}, other: {level: Debug}}]",
    "two types in one condition": _rule("{tag: a, realm: b}"),
    "two types in one value": _rule("attribute: {name: a, value: {glob: a, regex: b}}"),
    "no type in a rule element": "rules: [{}]",
    "no type in a condition": _rule("{}"),
    "no type in a value": _rule("attribute: {name: a, value: {}}"),
    "duplicate key at the top": "defaultLevel: Info\ndefaultLevel: Debug",
    "duplicate rules": "rules: []\nrules: []",
    "duplicate key in a rule": "rules: [rule: {level: Debug, level: Info}]",
    "duplicate key in an attribute": _rule("attribute: {name: a, name: b, value: {value: 1}}"),
    "duplicate key in a value": _rule("attribute: {name: a, value: {value: {x: 1, x: 2}}}"),
    "duplicate type": _rule("{tag: a, tag: b}"),
    "missing level": "rules: [rule: {conditions: []}]",
    "missing everything": "rules: [rule: {}]",
    "missing name": _rule("attribute: {value: {value: a}}"),
    "missing value": _rule("attribute: {name: a}"),
    "missing baggage value": _rule("baggage: {name: a}"),
    "missing span name": _rule("span: {value: {value: a}}"),
    "missing resource value": _rule("resource: {name: a}"),
    # empty names
    "empty realm": _rule("realm: ''"),
    "empty realmprefix": _rule("realmprefix: ''"),
    "empty tag": _rule("tag: ''"),
    "empty attribute": _rule("attribute: {name: '', value: {value: a}}"),
    "empty baggage": _rule("baggage: {name: '', value: {value: a}}"),
    "empty span": _rule("span: {name: '', value: {value: a}}"),
    "empty resource": _rule("resource: {name: '', value: {value: a}}"),
    # levels
    "mistyped level": "defaultLevel: Debgu",
    "negative level": "defaultLevel: -1",
    "fractional level": "defaultLevel: 2.5",
    "level on": "defaultLevel: on",
    "empty level": "defaultLevel: ''",
    "level is a list": "defaultLevel: [Info]",
    "mistyped level in a rule": "rules: [rule: {level: Verbose}]",
    "null level in a rule": "rules: [rule: {level: }]",
    "true level in a rule": "rules: [rule: {level: true}]",
    # patterns
    "bad regex": _rule("attribute: {name: a, value: {regex: '(['}}"),
    "bad regex in spanname": _rule("spanname: {regex: '*'}"),
    # unsafe tags
    "python object": "defaultLevel: !!python/object/apply:os.getcwd []",
    "python name": _rule("attribute: {name: a, value: {value: !!python/name:os.system }}"),
    "own tag": "defaultLevel: !mine Info",
    "python tuple": _rule("attribute: {name: a, value: {value: !!python/tuple [1]}}"),
}


@pytest.fixture
def plain() -> cl.LoggingContext:
    """A context with a rule and a default level of its own."""
    context = cl.LoggingContext(RecordingSink())
    context.default_level = cl.WARN
    context.add_rule(cl.ConditionRule(7, cl.Tag("before")))
    return context


def _state(ctx: cl.LoggingContext) -> tuple[object, ...]:
    return ctx.generation, ctx.rules, ctx.default_level


@pytest.mark.parametrize("name", BAD)
def test_a_bad_configuration_is_an_error_and_changes_nothing(name: str, plain: cl.LoggingContext) -> None:
    """Every kind of error is a `ConfigError`, and the context is unchanged, its generation too."""
    before = _state(plain)

    with pytest.raises(config.ConfigError):
        config.configure(plain, BAD[name])

    assert _state(plain) == before
    with pytest.raises(config.ConfigError):
        config.load(BAD[name])


@pytest.mark.parametrize("name", [name for name, text in BAD.items() if "rules: [rule: {" in str(text)])
def test_an_error_in_the_last_rule_undoes_the_first(name: str, plain: cl.LoggingContext) -> None:
    """All or nothing: nothing of what is right before an error is applied."""
    bad = str(BAD[name]).removeprefix("rules: [").removesuffix("]")
    before = _state(plain)

    with pytest.raises(config.ConfigError):
        config.configure(plain, f"defaultLevel: Trace\nrules: [rule: {{level: Debug, conditions: [tag: ok]}}, {bad}]")

    assert _state(plain) == before


def test_a_config_error_is_a_value_error() -> None:
    """`ConfigError(ValueError)`."""
    assert issubclass(config.ConfigError, ValueError)


BAD_OBJECTS: list[object] = [
    {"defaultLevel": "Debgu"},
    {"rules": {}},
    {"rules": [{"rule": {}}]},
    {5: 6},
    {"rules": [{"rule": {"level": "Debug", "conditions": [{"realm": object()}]}}]},
    {"rules": [{"rule": {"level": "Debug", "conditions": [{"tag": "a", "realm": "b"}]}}]},
    config.Config(default_level="Debgu"),
    config.Config(rules=[{"rulez": {}}]),
    config.Config(rules=[config.rule("Debgu")]),
]


@pytest.mark.parametrize("source", BAD_OBJECTS, ids=repr)
def test_mappings_and_configs_are_checked_too(source: object, plain: cl.LoggingContext) -> None:
    """A mapping or a `Config` is checked as a text is, and changes nothing on an error."""
    before = _state(plain)

    with pytest.raises(config.ConfigError):
        config.configure(plain, source)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    assert _state(plain) == before


@pytest.mark.parametrize("source", [5, None, ["rules"], object(), 1.5], ids=lambda s: type(s).__name__)
def test_what_is_no_source_changes_nothing(source: object, plain: cl.LoggingContext) -> None:
    """What is no source at all is refused with an error about its kind, and changes nothing."""
    before = _state(plain)

    with pytest.raises((TypeError, ValueError)):
        config.configure(plain, source)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    assert _state(plain) == before


def test_a_file_that_is_not_there_changes_nothing(plain: cl.LoggingContext, tmp_path: Path) -> None:
    """A missing file is an error that names it, and changes nothing."""
    before = _state(plain)

    with pytest.raises((OSError, ValueError), match=r"missing\.yaml"):
        config.configure(plain, tmp_path / "missing.yaml")

    assert _state(plain) == before


# --- where and what -----------------------------------------------------------------------------------------------

PLACES: list[tuple[str, str, str, set[int]]] = [
    ("defaultLevel: Debgu\n", "1", "defaultLevel", {1, 15}),
    ("# c\n\ndefaultLevel: Debgu\n", "3", "defaultLevel", {1, 15}),
    ("rules:\n  - rule:\n      level: Info\n  - rule:\n      level: Debgu\n", "5", "rules[1].rule.level", {7, 14}),
    ("rules:\n  - rule: {level: Info}\n  - rulez: {level: Info}\n", "3", "rules[1]", {5, 12}),
    (
        "rules:\n  - rule:\n      level: Info\n      conditions:\n        - tag: t\n        - realm: 5\n",
        "6",
        "rules[0].rule.conditions[1].realm",
        {11, 18},
    ),
    (
        """rules:
- rule:
    level: Info
    conditions:
    - not:
        attribute:
          name: a
          value:
            regex: '('
""",
        "9",
        "rules[0].rule.conditions[0].not.attribute.value.regex",
        {13, 20},
    ),
    ("rules:\n- rule:\n    level: Info\n    conditons: []\n", "4", "rules[0].rule", {5, 16}),
]


@pytest.mark.parametrize(("text", "line", "path", "columns"), PLACES, ids=[p[2] for p in PLACES])
@pytest.mark.parametrize("kind", ["file", "text", "bytes", "mapping"])
def test_an_error_starts_with_its_place(
    kind: str, text: str, line: str, path: str, columns: set[int], plain: cl.LoggingContext, tmp_path: Path
) -> None:
    """The message starts with `file:line:column: path: ` where known; without a file `line:column: path: `."""
    import yaml

    file = tmp_path / "levels.yaml"
    file.write_text(text, encoding="utf-8")
    sources = {"file": file, "text": text, "bytes": text.encode(), "mapping": yaml.safe_load(text)}
    expected = {
        "file": rf"{re.escape(str(file))}:{line}:(?P<column>\d+): {re.escape(path)}[.\w]*: .",
        "text": rf"{line}:(?P<column>\d+): {re.escape(path)}[.\w]*: .",
        "bytes": rf"{line}:(?P<column>\d+): {re.escape(path)}[.\w]*: .",
        "mapping": rf"{re.escape(path)}[.\w]*: .",
    }

    with pytest.raises(config.ConfigError) as caught:
        config.configure(plain, sources[kind])

    match = re.match(expected[kind], str(caught.value))
    assert match, str(caught.value)
    if kind != "mapping":
        assert int(match["column"]) in columns


@pytest.mark.parametrize(
    ("text", "line"),
    [("defaultLevel: Info\nrules: [\n", r"[23]"), ("a: b: c\n", "1"), ("rules:\n  - 'x\n", r"[23]"), ("x: *a", "1")],
    ids=repr,
)
def test_what_is_not_yaml_has_a_line_and_a_column(
    text: str, line: str, plain: cl.LoggingContext, tmp_path: Path
) -> None:
    """Also where the text is not even YAML, the place is known and said."""
    file = tmp_path / "levels.yaml"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(config.ConfigError, match=rf"^{line}:\d+: "):
        config.configure(plain, text)
    with pytest.raises(config.ConfigError, match=rf"^{re.escape(str(file))}:{line}:\d+: "):
        config.configure(plain, file)


FOUND: list[tuple[str, list[str]]] = [
    ("defaultLevel: Debgu", ["Debgu", "Debug", "Info", "Trace"]),
    ("defaultLevel: -1", ["-1"]),
    ("rules: [rule: {level: Wran}]", ["Wran", "Warn"]),
    ("defautLevel: Info", ["defautLevel", "defaultLevel", "rules"]),
    ("rules: [rule: {levle: Info}]", ["levle", "level"]),
    ("rules: [rulle: {level: Info}]", ["rulle", "rule"]),
    (_rule("relam: a"), ["relam", "realm", "tag"]),
    (_rule("realmprefx: a"), ["realmprefx", "realmprefix"]),
    (_rule("atribute: {name: a, value: {value: 1}}"), ["atribute", "attribute"]),
    (_rule("attribute: {nmae: a, value: {value: 1}}"), ["nmae", "name"]),
    (_rule("attribute: {name: a, value: {golb: a}}"), ["golb", "glob", "regex"]),
    (_rule("attribute: {name: a, value: {range: {mni: 1}}}"), ["mni", "min"]),
    (_rule("realm: 5"), ["5"]),
    (_rule("sampled: maybe"), ["maybe"]),
    (_rule("attribute: {name: a, value: {regex: '(['}}"), ["(["]),
    (_rule("attribute: {name: a}"), ["value"]),
    ("rules: [rule: {}]", ["level"]),
    ("defaultLevel: Info\ndefaultLevel: Debug", ["defaultLevel"]),
]


@pytest.mark.parametrize(("text", "said"), FOUND, ids=[text for text, _ in FOUND])
def test_an_error_says_what_was_found_and_what_is_allowed(text: str, said: list[str]) -> None:
    """The message says what was found and what is allowed, with the nearest match for a mistyped name."""
    with pytest.raises(config.ConfigError) as caught:
        config.load(text)

    for word in said:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "right"), [("Debgu", "Debug"), ("Eror", "Error"), ("tarce", "race"), ("Wanr", "Warn")]
)
def test_the_nearest_match_is_named_for_itself(wrong: str, right: str) -> None:
    """The nearest match is said apart from the list of all that is allowed: it occurs twice, or not every name does."""
    with pytest.raises(config.ConfigError) as caught:
        config.load(f"defaultLevel: {wrong}")

    assert str(caught.value).lower().count(right.lower()) >= 2


# --- anything at all ----------------------------------------------------------------------------------------------

VALID = """
defaultLevel: Info
rules:
  - rule:
      level: Debug
      conditions: [{realm: a/b}, {not: {attribute: {name: test, value: {range: {min: 1, max: 2}}}}}]
  - rule: {level: off, conditions: [or: [tag: t, baggage: {name: tenant, value: {oneof: [a, b]}}]]}
"""
TOKENS = ["rules", "rule", "level", "Debug", ":", "- ", "  ", "\n", "{", "}", "[", "]", "&a ", "*a", "'", "!!str ", "0"]


@st.composite
def _mutated(draw: st.DrawFn) -> str:
    text = VALID
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        cut = draw(st.integers(0, 6))
        new = draw(st.one_of(st.sampled_from(TOKENS), st.characters()))
        text = text[:at] + new + text[at + cut :]
    return text


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(source=st.one_of(_mutated(), st.text(max_size=30), st.binary(max_size=30)))
def test_any_text_is_valid_or_an_error_that_changes_nothing(source: str | bytes) -> None:
    """Mutated and random texts are valid, or a `ConfigError` with the context unchanged; nothing else is raised."""
    ctx = cl.LoggingContext(RecordingSink())
    before = _state(ctx)

    try:
        config.configure(ctx, source)
    except config.ConfigError:
        assert _state(ctx) == before
