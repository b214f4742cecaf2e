"""Section 4 of the contract: which rules a new one replaces, and the order that is left."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import otel_ctxlog as cl

from .own_rules import A, B, Fixed, Greedy, any_rules
from .records import RecordingSink

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_condition_rule_supersedes_equal_conditions_in_the_same_order() -> None:
    """It supersedes a `ConditionRule` with equal conditions in the same order, whatever the levels."""
    rule = cl.ConditionRule(4, A, B)

    assert rule.supersedes(cl.ConditionRule(2, cl.Tag("a"), cl.Tag("b")))
    assert rule.supersedes(rule)
    assert not rule.supersedes(cl.ConditionRule(4, B, A))
    assert not rule.supersedes(cl.ConditionRule(4, A))
    assert not rule.supersedes(cl.ConditionRule(4, A, B, B))
    assert not rule.supersedes(cl.ConditionRule(4, cl.And(A, B)))
    assert not rule.supersedes(Fixed(4))
    assert cl.ConditionRule(4).supersedes(cl.ConditionRule(2))
    assert not cl.ConditionRule(1, cl.Attribute("a", 1)).supersedes(cl.ConditionRule(1, cl.Attribute("a", True)))
    assert cl.ConditionRule(1, cl.Attribute("a", [1])).supersedes(cl.ConditionRule(1, cl.Attribute("a", (1.0,))))


@pytest.mark.parametrize(
    "conditions",
    [
        (),
        (A,),
        (A, cl.Not(cl.And(B, cl.Attribute("a", [1, {"b": True}])))),
        (cl.Attribute("a", {"x": 1}),),
        (cl.Attribute("a", cl.OneOf(1, [2])),),
        (cl.Realm("r"), cl.RealmPrefix("r"), cl.BaggageEntry("t", "v")),
    ],
    ids=repr,
)
def test_a_rule_with_equal_conditions_is_replaced(
    plain: cl.LoggingContext, conditions: tuple[cl.Condition, ...]
) -> None:
    """Adding a `ConditionRule` with equal conditions replaces the older one; the new one is asked first."""
    old, other, new = cl.ConditionRule(2, *conditions), cl.ConditionRule(3, B), cl.ConditionRule(4, *conditions)
    again = cl.ConditionRule(4, *copy.deepcopy(conditions))
    plain.add_rule(old, other)

    plain.add_rule(new)
    assert plain.rules == (new, other)

    plain.add_rule(again)
    assert plain.rules == (new, other)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ((A, B), (B, A)),
        ((A,), (A, A)),
        ((A,), (cl.Not(cl.Not(A)),)),
        ((cl.Attribute("a", 1),), (cl.Attribute("a", True),)),
        ((cl.Attribute("a", "1"),), (cl.Attribute("a", 1),)),
        ((cl.Realm("r"),), (cl.RealmPrefix("r"),)),
        ((cl.Attribute("a", "v"),), (cl.BaggageEntry("a", "v"),)),
        ((cl.BaggageEntry("a", "v"),), (cl.SpanAttribute("a", "v"),)),
        ((cl.Realm("a"),), (cl.Tag("a"),)),
        ((cl.Sampled(),), (cl.Sampled(sampled=False),)),
        ((), (cl.And(),)),
    ],
    ids=repr,
)
def test_a_rule_with_other_conditions_stays(
    plain: cl.LoggingContext, old: tuple[cl.Condition, ...], new: tuple[cl.Condition, ...]
) -> None:
    """It supersedes nothing but equal conditions in the same order."""
    plain.add_rule(cl.ConditionRule(2, *old))
    plain.add_rule(cl.ConditionRule(4, *new))

    assert plain.rules == (cl.ConditionRule(4, *new), cl.ConditionRule(2, *old))


@pytest.mark.parametrize(
    ("one", "other"), [(1, 1.0), ([1, 2], (1, 2)), ({"a": [1]}, {"a": (1.0,)}), (cl.INFO, 3), ((1,), (1.0,))], ids=repr
)
def test_a_rule_is_replaced_by_one_whose_values_are_equal(plain: cl.LoggingContext, one: object, other: object) -> None:
    """Equal conditions are those of equal values: 1 equals 1.0, a list equals a tuple; in a matcher too."""
    wrappers: list[Callable[[object], object]] = [lambda value: value, cl.OneOf]
    for wrap in wrappers:
        for first, second in ((one, other), (other, one)):
            plain.replace_rules([cl.ConditionRule(2, cl.Attribute("a", wrap(first)))])
            plain.add_rule(cl.ConditionRule(4, cl.Attribute("a", wrap(second))))

            assert [plain.explain(cl.Attribute("a", value)).level for value in (one, other)] == [4, 4]
            assert len(plain.rules) == 1


def test_an_own_rule_without_supersedes_replaces_nothing(plain: cl.LoggingContext) -> None:
    """Only a rule of a type that defines `supersedes` can replace others: equal own rules stay side by side."""
    rules: list[cl.Rule] = [Fixed(2), Fixed(2), cl.ConditionRule(2), Fixed(2)]
    plain.add_rule(*rules)
    plain.add_rule(rules[0])

    assert [id(rule) for rule in plain.rules] == [id(rule) for rule in (rules[0], *reversed(rules))]


def test_an_own_rule_with_supersedes_replaces_what_it_says(plain: cl.LoggingContext) -> None:
    """Optional `supersedes(other)`: the rules it is true for go, of any type, the others keep their order."""
    low, two, other, tagged = cl.ConditionRule(2), Fixed(2), Fixed(3), cl.ConditionRule(2, A)
    greedy = Greedy(7)
    plain.add_rule(low, two, other, tagged)

    plain.add_rule(greedy)

    assert plain.rules == (greedy, other)


def test_superseding_is_asked_of_the_new_rule_only(plain: cl.LoggingContext) -> None:
    """The rule that is added replaces others; those that are there already do not keep it out."""
    greedy, late = Greedy(7), cl.ConditionRule(2, B)

    plain.add_rule(greedy, late)

    assert plain.rules == (late, greedy)


def test_superseding_stays_within_a_context(plain: cl.LoggingContext) -> None:
    """A nested context's rule replaces none of the base, and the other way round."""
    nested = plain.with_context()
    plain.add_rule(cl.ConditionRule(2, A))
    nested.add_rule(cl.ConditionRule(4, A))

    assert plain.rules == (cl.ConditionRule(2, A),)
    assert nested.rules == (cl.ConditionRule(4, A),)
    plain.add_rule(cl.ConditionRule(5, A))
    assert nested.rules == (cl.ConditionRule(4, A),)
    assert nested.explain(A).level == 4
    nested.reset_rules()
    assert nested.explain(A).level == 5


def test_superseding_within_one_call(plain: cl.LoggingContext) -> None:
    """Within one `add_rule` or `replace_rules` a later rule replaces an earlier one too."""
    rules = [cl.ConditionRule(2, A), cl.ConditionRule(3, B), cl.ConditionRule(4, A)]

    plain.add_rule(*rules)
    assert plain.rules == (rules[2], rules[1])
    plain.replace_rules(rules)
    assert plain.rules == (rules[2], rules[1])


def _naive(added: list[Any]) -> list[Any]:
    """Return the rules in the order asked, by the words of the contract."""
    asked: list[Any] = []
    for new in added:
        replaces = isinstance(new, (cl.ConditionRule, Greedy))
        kept = [old for old in asked if not (replaces and new.supersedes(old))]
        asked = [new, *kept]
    return asked


@pytest.mark.slow
@given(st.lists(any_rules, max_size=10), st.integers(0, 10))
@settings(max_examples=100, deadline=None)
def test_all_ways_of_adding_give_the_same_order(added: list[Any], cut: int) -> None:
    """One by one, in portions, by `replace_rules` or `add_rules_to`: the order asked is that of the contract."""
    expected = _naive(added)
    contexts: list[cl.LoggingContext] = [cl.LoggingContext(RecordingSink(), sources=()) for _ in range(5)]
    for rule in added:
        contexts[0].add_rule(rule)
    contexts[1].add_rule(*added[:cut])
    contexts[1].add_rule(*added[cut:])
    contexts[2].add_rule(cl.ConditionRule(6, cl.Tag("old")))
    contexts[2].replace_rules(added)
    contexts[3].replace_rules(iter(added))
    contexts[0].add_rules_to(contexts[4])

    assert [list(ctx.rules) for ctx in contexts] == [expected] * 5
