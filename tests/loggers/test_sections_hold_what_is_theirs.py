"""Sections among others: what code does beside them neither loses their rules nor mixes up the default level."""

from __future__ import annotations

import pytest

import otel_ctxlog as cl
from otel_ctxlog.testing import capture

FILE = cl.Origin("file", "rules.yaml")
TEXT = cl.Origin("text", "other")


def _rule(name: str, level: int = cl.DEBUG) -> cl.ConditionRule:
    return cl.ConditionRule(level, cl.Realm(name))


def test_a_rule_of_code_supersedes_none_of_a_section() -> None:
    """It is asked before it, and once it is removed the rule of the section decides again."""
    context = cl.LoggingContext()
    section = context.section(FILE)
    section.replace([_rule("a", cl.WARN)])
    context.add_rule(_rule("a", cl.TRACE))
    levels = [context.explain(cl.Realm("a")).level]
    context.remove_rule(_rule("a", cl.TRACE))
    levels.append(context.explain(cl.Realm("a")).level)

    assert levels == [cl.TRACE, cl.WARN]


@pytest.mark.parametrize("way", ["one", "all", "replaced"])
def test_a_reload_brings_back_what_was_removed(way: str) -> None:
    """A section that is given the same rules again has them, whoever took them out."""
    context = cl.LoggingContext()
    section = context.section(FILE)
    section.replace([_rule("a"), _rule("b")])
    if way == "one":
        context.remove_rule(_rule("a"))
    elif way == "all":
        context.reset_rules()
    else:
        context.replace_rules([])
    section.replace([_rule("a"), _rule("b")])

    assert context.rules == (_rule("b"), _rule("a"))


def test_a_capture_around_a_reload_doubles_no_rule() -> None:
    """After rules were put back, a section still knows its own."""
    context = cl.LoggingContext()
    section = context.section(FILE)
    section.replace([_rule("a")])
    with capture(context):
        section.replace([_rule("b")])
    section.replace([_rule("c")])

    assert context.rules == (_rule("c"),)


def test_superseded_in_itself_changes_nothing_again() -> None:
    """Rules of which one supersedes another are no change when they are given again."""
    context = cl.LoggingContext()
    section = context.section(FILE)
    rules = [_rule("a", cl.WARN), _rule("a", cl.TRACE)]
    section.replace(rules)
    before = context.generation
    section.replace(rules)

    assert (context.generation, context.rules) == (before, (_rule("a", cl.TRACE),))


def test_two_sections_set_the_default_level() -> None:
    """The one that began last counts, a reload of the other takes nothing from it, and all goes back in the end."""
    context = cl.LoggingContext()
    context.default_level = cl.WARN
    first, second = context.section(FILE), context.section(TEXT)
    found: list[int] = []
    for section, level in (
        (first, cl.DEBUG),
        (second, cl.TRACE),
        (first, cl.DEBUG),
        (first, None),
        (second, None),
        (first, cl.DEBUG),
        (second, cl.TRACE),
        (second, None),
    ):
        section.replace([], default_level=level)
        found.append(context.default_level)
    first.remove()
    found.append(context.default_level)

    assert found == [
        cl.DEBUG,
        cl.TRACE,
        cl.TRACE,
        cl.TRACE,
        cl.WARN,
        cl.DEBUG,
        cl.TRACE,
        cl.DEBUG,
        cl.WARN,
    ]


def test_an_inherited_default_level_comes_back() -> None:
    """A section of a nested context gives way to the level of the base, live."""
    base = cl.LoggingContext()
    nested = base.with_context(cl.Attribute("a", 1))
    section = nested.section(FILE)
    section.replace([], default_level=cl.TRACE)
    base.default_level = cl.DEBUG
    levels = [nested.default_level, base.default_level]
    section.remove()
    levels.append(nested.default_level)

    assert levels == [cl.TRACE, cl.DEBUG, cl.DEBUG]


def test_what_is_no_rule_is_not_looked_for() -> None:
    """True is no id, though Python counts it as 1."""
    for wrong in (True, "rule", None):
        with pytest.raises(TypeError, match="match"):
            cl.LoggingContext().remove_rule(wrong)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def test_what_is_no_origin_is_refused() -> None:
    """A text in its place is an error at once, not of what asks for statistics later; nothing is changed."""
    context = cl.LoggingContext()
    section = context.section(FILE)
    with pytest.raises(TypeError, match="Origin"):
        context.add_rule(_rule("a"), origin="file")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="Origin"):
        section.replace([_rule("a")], origins=["file"])  # type: ignore[list-item] # pyright: ignore[reportArgumentType]

    assert context.rules == ()
