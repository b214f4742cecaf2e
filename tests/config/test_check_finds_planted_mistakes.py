"""The corpus: each file in `broken` has one mistake, which its first line tells; those in `valid` have none."""

from __future__ import annotations

from pathlib import Path

import pytest

import otel_ctxlog as cl
from otel_ctxlog import config
from otel_ctxlog.config.lint import check, check_rules

BROKEN = sorted((Path(__file__).parent / "broken").glob("*.yaml"))
VALID = sorted((Path(__file__).parent / "valid").glob("*.yaml"))
REALMS = ("shop/cart", "shop/db", "shop/pricing", "shop/stock")
TAGS = ("audit", "noisy", "slow")


@pytest.fixture(scope="module")
def registry() -> config.Registry:
    """The own types that a valid file uses."""
    made = config.Registry()
    made.register_rule_type("com.acme.office-hours", lambda _spec, _registry: cl.ConditionRule(4, cl.Tag("office")))
    made.register_condition_type("com.acme.weekend", lambda _spec, _registry: cl.Tag("weekend"))
    made.register_value_type("com.acme.even", lambda _spec, _registry: 2)
    return made


def test_the_corpus_is_large_enough() -> None:
    """Forty files with a mistake each, at least."""
    assert len(BROKEN) >= 40
    assert len(VALID) >= 10


@pytest.mark.parametrize("file", BROKEN, ids=lambda file: file.stem)
def test_the_planted_mistake_is_found_and_nothing_else(file: Path, registry: config.Registry) -> None:
    """One finding, of the right kind, in the right line, in the words that help."""
    code, line, words = file.read_text().splitlines()[0].removeprefix("# expect: ").split(" ", 2)
    found = check(file, registry=registry, realms=REALMS, tags=TAGS)

    assert [(one.code, one.line) for one in found] == [(code, int(line))], "\n".join(map(str, found))
    assert words in found[0].problem
    assert found[0].file == str(file)
    assert str(found[0]).startswith(f"{file}:{line}:")


@pytest.mark.parametrize("file", BROKEN, ids=lambda file: file.stem)
def test_what_check_calls_an_error_is_one(file: Path, registry: config.Registry) -> None:
    """What is called an error cannot be loaded, for the same reason; what is called a warning can."""
    (found,) = check(file, registry=registry, realms=REALMS, tags=TAGS)
    if not found.is_error:
        config.load(file, registry)
        return
    with pytest.raises(config.ConfigError) as caught:
        config.load(file, registry)

    assert (caught.value.problem, caught.value.line) == (found.problem, found.line)


@pytest.mark.parametrize("file", VALID, ids=lambda file: file.stem)
def test_a_valid_file_is_accepted(file: Path, registry: config.Registry) -> None:
    """No error and no warning."""
    assert check(file, registry=registry, realms=REALMS, tags=TAGS) == []


def test_every_mistake_of_a_file_is_found() -> None:
    """One bad rule hides no other: each has its own error, and good ones their warnings."""
    text = """\
defaultLevel: Wran
rules:
  - rule: {level: Debgu}
  - rule: {level: Debug, conditions: [{tag: slow}]}
  - rule: {level: Debug, conditions: [{tga: slow}]}
  - rule: {level: Info, conditions: [{tag: slow}], expire: 5m}
  - rule: {level: Info}
"""
    found = check(text)

    assert [(one.code, one.line) for one in found] == [
        ("error", 1),
        ("error", 3),
        ("unreachable", 4),
        ("error", 5),
        ("error", 6),
    ]


def test_what_the_service_does_not_look_at_is_told() -> None:
    """Conditions about spans and baggage say nothing in a service without such a source."""
    text = "[baggage:a]=debug,[span:a]=debug,[spanname=x]=debug,[sampled]=info,[resource:a]=warn,[any(span:b)]=info"
    codes = [
        [one.column for one in check_rules(text, sources=sources) if one.code == "no-source"]
        for sources in (("baggage", "span"), ("baggage",), ("span",), ())
    ]

    parts = ("baggage:", "span:a", "spanname", "sampled", "resource:", "span:b")
    columns = {part: text.index(part) + 1 for part in parts}
    spans = [columns[part] for part in ("span:a", "spanname", "sampled", "span:b")]
    assert codes == [[], spans, [columns["baggage:"]], sorted(columns.values())]


def test_one_line_rules_are_checked_as_well() -> None:
    """The same findings, with columns, and a caret for an error."""
    found = check_rules("shop/db=debug,shop/**=info,[#slwo]=trace,x=debgu", name="OTEL_CTXLOG", tags=TAGS)

    assert [(one.code, one.column) for one in found] == [("unreachable", 1), ("unknown-tag", 29), ("error", 44)]
    assert "the one in column 15" in str(found[0])
    assert str(found[2]).startswith("OTEL_CTXLOG:1:44: error: unknown level 'debgu'")
    assert str(found[2]).endswith("^")
    assert [one.code for one in check_rules("a=")] == ["error"]


def test_plain_data_are_checked_without_lines() -> None:
    """A configuration that was built has paths only."""
    built = config.Config(None, [config.rule("Debug", config.tag("a")), config.rule("Info")])
    (found,) = check(built)

    assert (found.code, found.line, found.path) == ("unreachable", None, "rules[0]")
    assert "the one at rules[1]" in found.problem
