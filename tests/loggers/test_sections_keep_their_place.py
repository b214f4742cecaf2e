"""Sections: rules that are replaced together, in their place among those that code adds."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import otel_ctxlog as cl
from otel_ctxlog.loggers.sections import RuleSection

FILE = cl.Origin("file", "rules.yaml")


class Nowhere:
    """Takes all and keeps nothing."""

    def enabled(self, level: int) -> bool:
        return True

    def emit(self, **record: object) -> None:
        pass


def _rule(name: str, level: int = cl.DEBUG) -> cl.ConditionRule:
    return cl.ConditionRule(level, cl.Realm(name))


def _names(context: cl.LoggingContext) -> list[str]:
    names: list[str] = []
    for found in context.rules:
        assert isinstance(found, cl.ConditionRule)
        realm = found.conditions[0]
        assert isinstance(realm, cl.Realm)
        names.append(realm.name)
    return names


def test_a_section_keeps_its_place() -> None:
    """Rules from before are asked later, rules added since earlier, however often the section changes."""
    context = cl.LoggingContext()
    context.add_rule(_rule("before"))
    section = context.section(FILE)
    section.replace([_rule("f1"), _rule("f2")])
    context.add_rule(_rule("after"))
    found = [_names(context)]
    for rules in ([], [_rule("f3")], [_rule("f4"), _rule("f3"), _rule("f5")]):
        section.replace(rules)
        found.append(_names(context))
    section.remove()
    found.append(_names(context))

    assert found == [
        ["after", "f2", "f1", "before"],
        ["after", "before"],
        ["after", "f3", "before"],
        ["after", "f5", "f3", "f4", "before"],
        ["after", "before"],
    ]


def test_rules_of_code_stay_where_they_were() -> None:
    """A rule of a section with the same conditions as one of code supersedes it not: it is asked beside it."""
    context = cl.LoggingContext()
    context.add_rule(_rule("a", cl.TRACE))
    section = context.section(FILE)
    section.replace([_rule("a", cl.WARN)])
    assert context.logger(cl.Realm("a")).enabled(cl.INFO) is False
    section.replace([])

    assert context.logger(cl.Realm("a")).enabled(cl.TRACE) is True


def test_one_change_one_generation() -> None:
    """Rules and default level change together, once; what is so already changes nothing."""
    context = cl.LoggingContext()
    section = context.section(FILE)
    generations = [context.generation]
    for rules, level in (([_rule("a")], 4), ([_rule("a")], 4), ([_rule("a")], None), ([_rule("b")], None)):
        section.replace(rules, default_level=level)
        generations.append(context.generation)

    assert generations == [0, 1, 1, 2, 3]


def test_an_empty_section_has_its_place() -> None:
    """What was set to no rules first is still asked before what came earlier, and after what came later."""
    context = cl.LoggingContext()
    first, second = context.section(FILE), context.section(FILE)
    first.replace([])
    second.replace([_rule("second")])
    first.replace([_rule("first")])

    assert _names(context) == ["second", "first"]


def test_the_default_level_goes_back() -> None:
    """To what it was before the section set one, unless somebody has set another since."""
    context = cl.LoggingContext()
    context.default_level = cl.WARN
    section = context.section(FILE)
    found: list[int] = []
    for level in (cl.DEBUG, cl.TRACE, None):
        section.replace([], default_level=level)
        found.append(context.default_level)
    section.replace([], default_level=cl.DEBUG)
    context.default_level = cl.ERROR
    section.replace([], default_level=None)
    found.append(context.default_level)

    assert found == [cl.DEBUG, cl.TRACE, cl.WARN, cl.ERROR]


def test_an_equal_rule_goes_on() -> None:
    """Its counts, its limit and its end do; it takes the new origin."""
    context = cl.LoggingContext(Nowhere())
    section = context.section(FILE)
    limited = cl.ControlledRule(_rule("a"), limit=cl.Limit("1/h", burst=2), expires=3600)
    section.replace([limited], origins=[cl.Origin("file", "rules.yaml:3")])
    logger = context.unbound_logger(cl.Realm("a"))
    logger.debug("1")
    before = context.statistics().rules[0]
    again = cl.ControlledRule(_rule("a"), limit=cl.Limit("1/h", burst=2), expires=3600)
    section.replace([_rule("b"), again], origins=[FILE, cl.Origin("file", "rules.yaml:7")])
    logger.debug("2")
    logger.debug("3")
    after = context.statistics().rules[0]
    section.remove()

    assert (after.id, after.passed, after.suppressed) == (before.id, 2, {"limit": 1})
    assert str(after.origin) == "file rules.yaml:7"
    assert (after.expires_in or 0) <= (before.expires_in or 0)


def test_what_has_ended_stays_ended() -> None:
    """A reload of a file does not bring back a rule whose time is over; without it in between it does."""
    context = cl.LoggingContext()
    section = context.section(FILE)
    timed = cl.ControlledRule(_rule("a"), expires=0.01)
    section.replace([timed])
    while context.rules:
        pass
    section.replace([timed, _rule("b")])
    found = [_names(context)]
    section.replace([_rule("b")])
    section.replace([cl.ControlledRule(_rule("a"), expires=3600), _rule("b")])
    found.append([str(rule)[:10] for rule in context.rules])
    section.remove()

    assert found == [["b"], ["ConditionR", "Controlled"]]


def test_nothing_is_changed_by_what_is_wrong() -> None:
    """A rule that is none, a level that is none, origins that are too few."""
    context = cl.LoggingContext()
    section = context.section(FILE)
    section.replace([_rule("a")])
    before = (context.rules, context.generation)
    with pytest.raises(TypeError, match="match"):
        section.replace([_rule("b"), "no rule"])  # type: ignore[list-item] # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="level"):
        section.replace([_rule("b")], default_level=-1)
    with pytest.raises(ValueError, match="origins"):
        section.replace([_rule("b")], origins=[])

    assert (context.rules, context.generation) == before


def test_origins_and_removal() -> None:
    """Statistics say where each rule came from; a rule goes by its id, or with all that equal it."""
    context = cl.LoggingContext()
    context.add_rule(_rule("a"))
    context.section(FILE).replace([_rule("b")])
    context.add_rule(_rule("c"), origin=cl.Origin("endpoint", actor="alice"))
    statistics = context.statistics()

    assert [str(found.origin).split(":")[0] for found in statistics.rules] == [
        "endpoint by alice",
        "file rules.yaml",
        f"code {__name__}",
    ]
    assert context.remove_rule(statistics.rules[0].id)
    assert context.remove_rule(_rule("a"))
    assert not context.remove_rule(_rule("a"))
    assert _names(context) == ["b"]


def test_sections_of_the_default_context() -> None:
    """They belong to the context that it stands for at the time."""
    mine = cl.LoggingContext()
    previous = cl.set_default_context(mine)
    try:
        cl.default_context().section(FILE).replace([_rule("a")])
        cl.default_context().add_rule(cl.ControlledRule(_rule("b"), expires=3600))
        names = [str(rule)[:10] for rule in mine.rules]
        mine.reset_rules()
    finally:
        cl.set_default_context(previous)

    assert names == ["Controlled", "ConditionR"]


class Sections(RuleBasedStateMachine):
    """Two sections and code, in any order, against lists."""

    def __init__(self) -> None:
        super().__init__()
        self.context = cl.LoggingContext()
        self.sections: list[RuleSection | None] = [None, None]
        # In the order of adding: a name, or the number of a section with its names.
        self.expected: list[str | tuple[int, list[str]]] = []
        self.count = 0

    @rule()
    def add(self) -> None:
        """Code adds a rule."""
        self.count += 1
        name = f"code{self.count}"
        self.context.add_rule(_rule(name))
        self.expected.append(name)

    @rule(number=st.integers(0, 1), names=st.lists(st.sampled_from("abcde"), unique=True))
    def replace(self, number: int, names: list[str]) -> None:
        """A section is replaced."""
        names = [f"{number}{name}" for name in names]
        section = self.sections[number]
        if section is None:
            section = self.sections[number] = self.context.section(cl.Origin("file", str(number)))
            self.expected.append((number, names))
        else:
            self.expected = [
                item if isinstance(item, str) or item[0] != number else (number, names) for item in self.expected
            ]
        section.replace([_rule(name) for name in names])

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        """Code removes one of its rules."""
        names = [item for item in self.expected if isinstance(item, str)]
        if names:
            name = data.draw(st.sampled_from(names))
            assert self.context.remove_rule(_rule(name))
            self.expected.remove(name)

    @rule(number=st.integers(0, 1))
    def end(self, number: int) -> None:
        """A section goes."""
        section = self.sections[number]
        if section is not None:
            section.remove()
            self.sections[number] = None
            self.expected = [item for item in self.expected if isinstance(item, str) or item[0] != number]

    @invariant()
    def in_order(self) -> None:
        """The rules are asked in the opposite order."""
        flat = [name for item in self.expected for name in ([item] if isinstance(item, str) else item[1])]
        assert _names(self.context) == flat[::-1]


TestSections = Sections.TestCase
TestSections.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
