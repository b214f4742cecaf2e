from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from otel_ctxlog import config

if TYPE_CHECKING:
    from pathlib import Path

# document, line, column, path, fragments of the message
BROKEN: list[tuple[str, int, int, str, tuple[str, ...]]] = [
    ("a: [1, 2", 1, 9, "", ("not YAML", "began at 1:4")),
    ("a: b: c", 1, 5, "", ("not YAML",)),
    ("rules:\n\t- rule: {}", 2, 1, "", ("not YAML",)),
    ("a: 'x", 1, 6, "", ("not YAML", "began at 1:4")),
    ("a: *foo", 1, 4, "a", ("not YAML",)),
    ("&a [*a]", 1, 5, "[0]", ("the alias 'a' is inside its own anchor",)),
    (
        "rules: &r\n  - rule: {level: 1, conditions: *r}",
        2,
        34,
        "rules[0].rule.conditions",
        ("the alias 'r' is inside its own anchor",),
    ),
    ("a: 1\n---\nb: 2", 2, 1, "", ("found a second document",)),
    ("defaultLevel: Info\ndefaultLevel: Warn", 2, 1, "defaultLevel", ("duplicate key 'defaultLevel', first at 1:1",)),
    (
        "rules:\n  - rule:\n      level: Debug\n      level: Info",
        4,
        7,
        "rules[0].rule.level",
        ("duplicate key 'level', first at 3:7",),
    ),
    (
        "rules:\n  - rule: {level: Debug, <<: {level: Info}, <<: {conditions: []}}",
        2,
        45,
        "rules[0].rule['<<']",
        ("duplicate key '<<'",),
    ),
    ("rules: [{rule: {level: Debug, <<: 5}}]", 1, 35, "rules[0].rule['<<']", ("found the number 5 to merge",)),
    ("hello.yaml", 1, 1, "", ("found the text 'hello.yaml'",)),
    ("- rule: {level: Debug}", 1, 1, "", ("found a list of 1",)),
    ("7", 1, 1, "", ("found the number 7",)),
    ("false", 1, 1, "", ("found the truth value false",)),
    ("defaultLevel: Debgu", 1, 15, "defaultLevel", ("unknown level 'Debgu'", "did you mean 'Debug'")),
    ("defaultLevel: on", 1, 15, "defaultLevel", ("found the truth value true as level",)),
    ("defaultLevel: 4.0", 1, 15, "defaultLevel", ("found the number 4.0 as level",)),
    ("defaultLevel: -1", 1, 15, "defaultLevel", ("unknown level -1", "allowed: ")),
    ("defaultLevel: [Info]", 1, 15, "defaultLevel", ("found a list of 1 as level",)),
    ("defaultlevel: Info", 1, 1, "defaultlevel", ("unknown key 'defaultlevel'", "did you mean 'defaultLevel'")),
    ("rulez: []", 1, 1, "rulez", ("unknown key 'rulez'", "did you mean 'rules'")),
    ("5: x", 1, 1, "[5]", ("unknown key 5", "allowed: ")),
    ("rules: {rule: {level: Debug}}", 1, 8, "rules", ("found a mapping with the keys 'rule'",)),
    ("rules: text", 1, 8, "rules", ("found the text 'text'",)),
    ("rules:\n  -", 2, 4, "rules[0]", ("found nothing (null)",)),
    ("rules:\n  - rule", 2, 5, "rules[0]", ("found the text 'rule'",)),
    ("rules:\n  - {}", 2, 5, "rules[0]", ("found an empty mapping {}",)),
    (
        "rules:\n  - rule: {level: Debug}\n    level: Debug",
        3,
        5,
        "rules[0]",
        ("found a mapping with the keys 'rule', 'level'",),
    ),
    ("rules:\n  - rool: {level: Debug}", 2, 5, "rules[0].rool", ("unknown rule type 'rool'", "did you mean 'rule'")),
    ("rules:\n  - 5: {level: Debug}", 2, 5, "rules[0][5]", ("unknown rule type 5", "allowed: ")),
    ("rules:\n  - rule:", 2, 5, "rules[0].rule", ("found nothing (null)",)),
    ("rules:\n  - rule: {conditions: []}", 2, 11, "rules[0].rule", ("missing key 'level'",)),
    ("rules:\n  - rule: {level: }", 2, 12, "rules[0].rule.level", ("found nothing (null) as level",)),
    (
        "rules:\n  - rule: {level: Debug}\n  - rule: {level: Tarce}",
        3,
        19,
        "rules[1].rule.level",
        ("unknown level 'Tarce'", "did you mean 'Trace'"),
    ),
    (
        "rules:\n  - rule: {level: Debug, condition: []}",
        2,
        26,
        "rules[0].rule.condition",
        ("unknown key 'condition'", "did you mean 'conditions'"),
    ),
    (
        "rules:\n  - rule: {level: Debug, conditions: {tag: x}}",
        2,
        38,
        "rules[0].rule.conditions",
        ("found a mapping with the keys 'tag'",),
    ),
    (
        "rules:\n  - rule: {level: Debug, conditions: [tag]}",
        2,
        39,
        "rules[0].rule.conditions[0]",
        ("found the text 'tag'",),
    ),
    (
        "rules:\n  - rule: {level: Debug, conditions: [{tag: ''}]}",
        2,
        45,
        "rules[0].rule.conditions[0].tag",
        ("found an empty name ''",),
    ),
    (
        "rules:\n  - rule: {level: Debug, conditions: [{tag: 5}]}",
        2,
        45,
        "rules[0].rule.conditions[0].tag",
        ("found the number 5",),
    ),
    (
        "rules:\n  - rule: {level: Debug, conditions: [{realm: off}]}",
        2,
        47,
        "rules[0].rule.conditions[0].realm",
        ("found the truth value false",),
    ),
    (
        "rules:\n  - rule: {level: Debug, conditions: [{realmprefix: [a]}]}",
        2,
        53,
        "rules[0].rule.conditions[0].realmprefix",
        ("found a list of 1",),
    ),
    (
        "rules:\n  - rule: {level: Debug, conditions: [{and: {tag: x}}]}",
        2,
        45,
        "rules[0].rule.conditions[0].and",
        ("found a mapping with the keys 'tag'",),
    ),
    (
        "rules:\n  - rule: {level: Debug, conditions: [{or: [{tag: x}, {tga: y}]}]}",
        2,
        56,
        "rules[0].rule.conditions[0].or[1].tga",
        ("unknown condition type 'tga'", "did you mean 'tag'"),
    ),
    (
        "rules:\n  - rule: {level: Debug, conditions: [{not: [{tag: x}]}]}",
        2,
        45,
        "rules[0].rule.conditions[0].not",
        ("found a list of 1",),
    ),
    (
        "rules:\n  - rule: {level: Debug, conditions: [{not: {not: {tag: }}}]}",
        2,
        52,
        "rules[0].rule.conditions[0].not.not.tag",
        ("found nothing (null)",),
    ),
    (
        "rules:\n  - rule: {level: Debug, conditions: [{attribute: {name: a}}]}",
        2,
        51,
        "rules[0].rule.conditions[0].attribute",
        ("missing key 'value'",),
    ),
    (
        "rules:\n  - rule: {level: Debug, conditions: [{attribute: {name: '', value: {value: 1}}}]}",
        2,
        58,
        "rules[0].rule.conditions[0].attribute.name",
        ("found an empty name ''",),
    ),
    (
        "rules:\n  - rule: {level: Debug, conditions: [{attribute: {nam: a, value: {value: 1}}}]}",
        2,
        52,
        "rules[0].rule.conditions[0].attribute.nam",
        ("unknown key 'nam'", "did you mean 'name'"),
    ),
    (
        "rules:\n  - rule: {level: Debug, conditions: [{attribute: {name: a, value: 5}}]}",
        2,
        68,
        "rules[0].rule.conditions[0].attribute.value",
        ("found the number 5",),
    ),
    (
        "rules:\n  - rule: {level: Debug, conditions: [{attribute: {name: a, value: {valeu: 5}}}]}",
        2,
        69,
        "rules[0].rule.conditions[0].attribute.value.valeu",
        ("unknown value type 'valeu'", "did you mean 'value'"),
    ),
    (
        "rules:\n  - rule: {level: Debug, conditions: [{baggage: {name: a, value: {value: 1, glob: x}}}]}",
        2,
        77,
        "rules[0].rule.conditions[0].baggage.value",
        ("found a mapping with the keys 'value', 'glob'",),
    ),
    (
        "rules:\n  - rule: {level: Debug, conditions: [{span: {name: a, value: {regex: '('}}}]}",
        2,
        71,
        "rules[0].rule.conditions[0].span.value.regex",
        ("the pattern '(' is no regular expression: missing ), unterminated subpattern at position 0",),
    ),
    (
        "rules:\n  - rule: {level: Debug, conditions: [{span: {name: a, value: {regex: 5}}}]}",
        2,
        71,
        "rules[0].rule.conditions[0].span.value.regex",
        ("found the number 5",),
    ),
    (
        "rules:\n  - rule: {level: Debug, conditions: [{resource: {name: a, value: {glob: [x]}}}]}",
        2,
        74,
        "rules[0].rule.conditions[0].resource.value.glob",
        ("found a list of 1",),
    ),
    (
        "rules:\n  - rule: {level: Debug, conditions: [{span: {name: a, value: {oneof: x}}}]}",
        2,
        71,
        "rules[0].rule.conditions[0].span.value.oneof",
        ("found the text 'x'",),
    ),
    (
        "rules:\n  - rule: {level: Debug, conditions: [{span: {name: a, value: {range: {min: 5, max: 1}}}}]}",
        2,
        71,
        "rules[0].rule.conditions[0].span.value.range",
        ("min of a Range must not exceed max, but got Range(5, 1)",),
    ),
    (
        "rules:\n  - rule: {level: Debug, conditions: [{span: {name: a, value: {range: {min: a}}}}]}",
        2,
        77,
        "rules[0].rule.conditions[0].span.value.range.min",
        ("found the text 'a'",),
    ),
    (
        "rules:\n  - rule: {level: Debug, conditions: [{span: {name: a, value: {range: {maximum: 1}}}}]}",
        2,
        72,
        "rules[0].rule.conditions[0].span.value.range.maximum",
        ("unknown key 'maximum'", "did you mean 'max'"),
    ),
    (
        "rules:\n  - rule: {level: Debug, conditions: [{span: {name: a, value: {exists: false}}}]}",
        2,
        72,
        "rules[0].rule.conditions[0].span.value.exists",
        ("found the truth value false",),
    ),
    (
        "rules:\n  - rule: {level: Debug, conditions: [{spanname: ''}]}",
        2,
        50,
        "rules[0].rule.conditions[0].spanname",
        ("found an empty name ''",),
    ),
    (
        "rules:\n  - rule: {level: Debug, conditions: [{spanname: 5}]}",
        2,
        50,
        "rules[0].rule.conditions[0].spanname",
        ("found the number 5",),
    ),
    (
        "rules:\n  - rule: {level: Debug, conditions: [{spanname: {globe: x}}]}",
        2,
        51,
        "rules[0].rule.conditions[0].spanname.globe",
        ("unknown value type 'globe'", "did you mean 'glob'"),
    ),
    (
        "rules:\n  - rule: {level: Debug, conditions: [{sampled: 'yes'}]}",
        2,
        49,
        "rules[0].rule.conditions[0].sampled",
        ("found the text 'yes'",),
    ),
    (
        "a: !!python/object/apply:os.system [ls]",
        1,
        4,
        "a",
        ("the tag '!!python/object/apply:os.system' does not fit a list",),
    ),
    ("a: !!python/name:os.system x", 1, 4, "a", ("the tag '!!python/name:os.system' is not allowed here",)),
    ("a: !env x", 1, 4, "a", ("the tag '!env' is not allowed here",)),
    ("rules: !!str [a]", 1, 8, "rules", ("the tag '!!str' does not fit a list",)),
    (
        "defaultLevel: !!int abc",
        1,
        15,
        "defaultLevel",
        ("'abc' is no valid !!int: \"invalid literal for int() with base 10: 'abc'\"",),
    ),
    (
        "defaultLevel: 2001-99-99",
        1,
        15,
        "defaultLevel",
        ("'2001-99-99' is no valid !!timestamp: 'month must be in 1..12'",),
    ),
    ("? [a]\n: b", 1, 3, "", ("found a list of 1 as a key",)),
    ("rules: !!omap [a]", 1, 16, "rules[0]", ("found the text 'a' in a list of pairs",)),
    ("rules: !!set {a: 1}", 1, 18, "rules.a", ("found the number 1 as the value of a member of a set",)),
    ('"\\q"', 1, 3, "", ("not YAML", "began at 1:1")),
    ("%YAML 3.0\n---\na", 1, 1, "", ("not YAML",)),
]


@pytest.mark.parametrize(("document", "line", "column", "path", "fragments"), BROKEN)
def test_every_error_names_its_place_what_was_found_and_what_is_allowed(
    document: str, line: int, column: int, path: str, fragments: tuple[str, ...]
) -> None:
    """A broken text gives an error with its line, column and path in front, and words about what is wrong."""
    with pytest.raises(config.ConfigError) as caught:
        config.load(document)

    error = caught.value
    assert (error.file, error.line, error.column, error.path) == (None, line, column, path)
    assert str(error).startswith(f"{line}:{column}: {path}: " if path else f"{line}:{column}: ")
    for fragment in fragments:
        assert fragment in str(error)


@pytest.mark.parametrize(("document", "line", "column", "path", "fragments"), BROKEN)
def test_the_error_in_a_file_begins_with_its_name(
    tmp_path: Path, document: str, line: int, column: int, path: str, fragments: tuple[str, ...]
) -> None:
    """The same text in a file gives the same error with the file's name in front."""
    file = tmp_path / "logging.yaml"
    file.write_bytes(document.encode())

    with pytest.raises(config.ConfigError) as caught:
        config.load(file)

    assert str(caught.value).startswith(f"{file}:{line}:{column}: {path}: " if path else f"{file}:{line}:{column}: ")
    assert caught.value.file == str(file)
    assert fragments[0] in str(caught.value)
