from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections import ChainMap
from typing import TYPE_CHECKING

import pytest

from otel_ctxlog import config
from otel_ctxlog.engine.ambient_conditions import BaggageEntry, ResourceAttribute, Sampled, SpanAttribute, SpanName
from otel_ctxlog.engine.conditions import And, Not, Or, RealmPrefix
from otel_ctxlog.engine.matchers import Exists, Glob, OneOf, Range, Regex
from otel_ctxlog.engine.messages import Attribute, Realm, Tag
from otel_ctxlog.engine.rules import ConditionRule

if TYPE_CHECKING:
    from pathlib import Path

    from otel_ctxlog import LoggingContext

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
REFERENCE_DATA: dict[str, object] = {
    "defaultLevel": "Info",
    "rules": [
        {"rule": {"level": "Debug", "conditions": [{"realm": "github.com/mandelsoft/spiff"}]}},
        {
            "rule": {
                "level": "Trace",
                "conditions": [{"attribute": {"name": "test", "value": {"value": "testvalue"}}}],
            }
        },
    ],
}


def conditions_of(text: str) -> list[object]:
    """The conditions that the YAML list `text` gives."""
    rule = config.Registry().create_rule(f"rule: {{level: Debug, conditions: {text}}}")
    assert isinstance(rule, ConditionRule)
    return list(rule.conditions)


def test_the_reference_format_configures_a_context(context: LoggingContext) -> None:
    """The document of the reference works unchanged: rules in file order, so the last is asked first."""
    config.configure(context, REFERENCE)

    assert context.default_level == 3
    assert context.rules == (
        ConditionRule(5, Attribute("test", "testvalue")),
        ConditionRule(4, Realm("github.com/mandelsoft/spiff")),
    )


def test_all_kinds_of_sources_say_the_same(tmp_path: Path) -> None:
    """Text, bytes, UTF-16, a file, a mapping, tuples in it and a Config all load as the same Config."""
    file = tmp_path / "logging.yaml"
    file.write_text(REFERENCE, encoding="utf-8")
    expected = config.Config("Info", REFERENCE_DATA["rules"])  # type: ignore[arg-type]
    sources = [
        REFERENCE,
        REFERENCE.encode(),
        bytearray(REFERENCE.encode()),
        b"\xef\xbb\xbf" + REFERENCE.encode(),
        REFERENCE.encode("utf-16"),
        "\ufeff" + REFERENCE,
        REFERENCE.replace("\n", "\r\n"),
        file,
        REFERENCE_DATA,
        ChainMap(REFERENCE_DATA),
        expected,
        config.Config("Info", tuple(expected.rules)),
    ]

    for source in sources:
        assert config.load(source) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "empty",
    [
        "",
        " \n",
        "# only a comment\n",
        "{}",
        "---\n",
        "~",
        "rules:\n",
        "defaultLevel:\n",
        "rules: []",
        b"",
        {},
        {"rules": None},
        config.Config(),
    ],
)
def test_an_empty_configuration_changes_nothing(context: LoggingContext, empty: str) -> None:
    """What says nothing is not even applied: the generation stays."""
    before = context.generation

    config.configure(context, empty)

    assert config.load(empty) == config.Config()
    assert (context.generation, context.rules, context.default_level) == (before, (), 3)


def test_a_configuration_is_one_change(context: LoggingContext) -> None:
    """Level and rules arrive together: the generation grows once, and later rules are asked before earlier ones."""
    config.configure(context, {"rules": [config.rule("Error")]})
    before = context.generation

    config.configure(
        context,
        "{defaultLevel: Warn, rules: [{rule: {level: 1, conditions: [{tag: a}]}}, "
        "{rule: {level: 7, conditions: [{tag: b}]}}]}",
    )

    assert context.generation == before + 1
    assert context.default_level == 2
    assert context.rules == (ConditionRule(7, Tag("b")), ConditionRule(1, Tag("a")), ConditionRule(1))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tag: a", Tag("a")),
        ("realm: a/b", Realm("a/b")),
        ("realmprefix: a", RealmPrefix("a")),
        ("and: []", And()),
        ("and: [{tag: a}, {tag: b}]", And(Tag("a"), Tag("b"))),
        ("or: [{tag: a}, {not: {tag: b}}]", Or(Tag("a"), Not(Tag("b")))),
        ("attribute: {name: a, value: {value: 5}}", Attribute("a", 5)),
        ("attribute: {name: a, value: {value: }}", Attribute("a", None)),
        ("attribute: {name: a, value: {value: {b: [1, x]}}}", Attribute("a", {"b": [1, "x"]})),
        ("attribute: {name: a, value: {value: 2020-01-02}}", Attribute("a", dt.date(2020, 1, 2))),
        ("attribute: {name: a, value: {value: !!binary YQ==}}", Attribute("a", b"a")),
        ("attribute: {name: a, value: {value: <<}}", Attribute("a", "<<")),
        ("attribute: {name: a, value: {value: =}}", Attribute("a", "=")),
        ("baggage: {name: a, value: {glob: x*}}", BaggageEntry("a", Glob("x*"))),
        ("span: {name: a, value: {regex: '^x'}}", SpanAttribute("a", Regex("^x"))),
        ("resource: {name: a, value: {oneof: [1, b]}}", ResourceAttribute("a", OneOf(1, "b"))),
        ("span: {name: a, value: {range: {min: 1}}}", SpanAttribute("a", Range(1))),
        ("span: {name: a, value: {range: {min: 1, max: 2.5}}}", SpanAttribute("a", Range(1, 2.5))),
        ("span: {name: a, value: {exists: true}}", SpanAttribute("a", Exists())),
        ("spanname: GET /", SpanName("GET /")),
        ("spanname: {glob: GET *}", SpanName(Glob("GET *"))),
        ("sampled: true", Sampled()),
        ("sampled: no", Sampled(sampled=False)),
    ],
)
def test_every_standard_condition_and_value(text: str, expected: object) -> None:
    """Each standard type makes the object of that name."""
    assert config.Registry().create_condition(text) == expected


@pytest.mark.parametrize(
    ("written", "level"),
    [
        ("off", 0),
        ("no", 0),
        ("'off'", 0),
        ("None", 0),
        ("0", 0),
        ("ERROR", 1),
        ("warning", 2),
        ("' Info '", 3),
        ("'4'", 4),
        ("9", 9),
        ("0x10", 16),
    ],
)
def test_levels_as_yaml_writes_them(written: str, level: int) -> None:
    """Names in any case, numbers, and an unquoted `off`, which YAML reads as false."""
    rule = config.Registry().create_rule(f"rule: {{level: {written}}}")

    assert rule == ConditionRule(level)


def test_levels_stay_as_written() -> None:
    """A loaded Config has the levels of the text, not their numbers."""
    loaded = config.load("{defaultLevel: off, rules: [{rule: {level: dEBUG}}, {rule: {level: 7}}]}")

    assert loaded.default_level is False
    assert loaded.rules == [{"rule": {"level": "dEBUG"}}, {"rule": {"level": 7}}]


def test_anchors_and_merge_keys() -> None:
    """Aliases stand for their anchor; merged keys give way to own ones, earlier sources win over later ones."""
    assert conditions_of("[&c {tag: a}, *c, {not: *c}]") == [Tag("a"), Tag("a"), Not(Tag("a"))]

    data = config.Registry().create_value(
        "value: [&a {x: 1, y: 1}, &b {y: 2, z: 2}, {<<: [*a, *b], x: 0}, {z: 3, <<: *a}]"
    )

    assert data == [{"x": 1, "y": 1}, {"y": 2, "z": 2}, {"x": 0, "y": 1, "z": 2}, {"x": 1, "y": 1, "z": 3}]


def test_an_error_in_merged_keys_is_placed_where_they_are_written() -> None:
    """A merged key keeps its own position."""
    text = "rules:\n- rule: &r {level: Info, cond: []}\n- rule: {<<: *r}"

    with pytest.raises(config.ConfigError) as caught:
        config.load(text)

    assert (caught.value.line, caught.value.column, caught.value.path) == (2, 26, "rules[0].rule.cond")


def test_a_loaded_config_shares_nothing_with_its_source() -> None:
    """Changing the mapping afterwards does not change what was loaded."""
    conditions: list[object] = [{"tag": "a"}]
    loaded = config.load({"rules": [{"rule": {"level": 1, "conditions": conditions}}]})

    conditions.append("broken")

    assert loaded.rules == [{"rule": {"level": 1, "conditions": [{"tag": "a"}]}}]


@pytest.mark.parametrize("source", [None, 5, [], object(), {1, 2}, print])
def test_what_is_no_source_is_a_config_error(source: object) -> None:
    """Anything but the documented kinds is refused with words."""
    with pytest.raises(config.ConfigError, match="allowed: YAML as str or bytes, a mapping, a Path, a Config"):
        config.load(source)  # type: ignore[arg-type]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """The error has the file's name and the reason of the system, which is its cause."""
    missing = tmp_path / "missing.yaml"

    with pytest.raises(config.ConfigError, match="No such file or directory") as caught:
        config.load(missing)
    with pytest.raises(config.ConfigError, match=r"[Ii]s a directory|[Pp]ermission"):
        config.load(tmp_path)

    assert str(caught.value).startswith(f"{missing}: ")
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_the_face_does_not_load_yaml() -> None:
    """Only importing `otel_ctxlog.config` needs PyYAML."""
    program = (
        "import sys, otel_ctxlog; assert 'yaml' not in sys.modules; "
        "import otel_ctxlog.config as c; assert 'yaml' in sys.modules; assert sorted(c.__all__) == c.__all__"
    )

    subprocess.run([sys.executable, "-c", program], check=True)
