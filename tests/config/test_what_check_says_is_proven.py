from __future__ import annotations

import datetime as dt
import importlib.util
import random
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

import otel_ctxlog as cl
from otel_ctxlog.config import reachability
from otel_ctxlog.config.implication import Proof, conjuncts
from otel_ctxlog.config.reachability import shadows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.engine import naive
else:
    _spec = importlib.util.spec_from_file_location(
        "otel_ctxlog_naive", Path(__file__).resolve().parents[1] / "engine" / "naive.py"
    )
    naive = importlib.util.module_from_spec(_spec)
    sys.modules[_spec.name] = naive
    _spec.loader.exec_module(naive)

NAMES = ("a", "b")
REALMS = ("r", "r/s", "r/s/t", "rs", "q")
TAGS = ("t", "u")
SCALARS: tuple[object, ...] = (
    1,
    1.0,
    True,
    False,
    "1",
    "true",
    "x",
    "xy",
    "x-1",
    "",
    None,
    5,
    1.5,
    "1.0",
    float("nan"),
)
TEXTS = ("1", "true", "x", "xy", "x-1", "1.0", "5", "", "xyz")
LISTS: tuple[object, ...] = ([1], (1,), {"k": 1})


@dataclass(frozen=True)
class Raises:
    """A condition of the user that raises where there is a tag."""

    name: str = "t"

    def matches(self, messages: Sequence[object], /) -> bool:
        if any(isinstance(one, cl.Tag) and one.name == self.name for one in messages):
            raise LookupError(self.name)
        return True


@dataclass(frozen=True)
class Odd:
    """A matcher of the user."""

    def matches_value(self, value: object, /) -> bool:
        if value is None:
            raise LookupError("none")
        return len(str(value)) % 2 == 1


@dataclass
class Choice:
    """Random conditions, rules and moments out of small pools."""

    random: random.Random = field(default_factory=random.Random)

    def one(self, *items: object) -> object:
        return self.random.choice(items)

    def value(self) -> object:
        if self.random.random() < 0.5:
            return self.one(*SCALARS)
        makers: tuple[Callable[[], object], ...] = (
            lambda: cl.Glob(str(self.one("*", "x*", "x", "xy*", "x-?", "[x]*", "?"))),
            lambda: cl.Regex(str(self.one("x", "^1", ""))),
            lambda: cl.OneOf(*(self.one(*SCALARS) for _ in range(self.random.randrange(3)))),
            lambda: cl.Range(*cast("tuple[float, float]", self.one((1, 5), (1, None), (None, 1), (2, 3), (1.0, 5.0)))),
            cl.Exists,
            lambda: self.one(*LISTS),
            Odd,
        )
        return self.random.choice(makers)()

    def atom(self) -> cl.Condition:
        name = str(self.one(*NAMES))
        makers: tuple[Callable[[], cl.Condition], ...] = (
            lambda: cl.Realm(str(self.one(*REALMS))),
            lambda: cl.RealmPrefix(str(self.one(*REALMS))),
            lambda: cl.Tag(str(self.one(*TAGS))),
            lambda: cl.Attribute(name, self.value()),
            lambda: cl.Attribute(name, self.value()),
            lambda: cl.BaggageEntry(name, self.value()),
            lambda: cl.SpanAttribute(name, self.value()),
            lambda: cl.ResourceAttribute("a", self.value()),
            lambda: cl.SpanName(self.one("x", "xy", cl.Glob("x*"), cl.OneOf("x", "xy"))),
            lambda: cl.Sampled(bool(self.one(True, False))),
            lambda: cast("cl.Condition", Raises(str(self.one(*TAGS)))),
        )
        return self.random.choice(makers)()

    def condition(self, depth: int = 2) -> cl.Condition:
        if depth and self.random.random() < 0.4:
            inner = [self.condition(depth - 1) for _ in range(self.random.randrange(3))]
            kind = self.random.randrange(3)
            return cl.Not(self.condition(depth - 1)) if kind == 0 else (cl.And if kind == 1 else cl.Or)(*inner)
        return self.atom()

    def rules(self) -> list[cl.Rule]:
        """Rules, the later ones often weaker than earlier ones."""
        found: list[cl.Rule] = []
        for _ in range(self.random.randrange(2, 5)):
            conditions = [self.condition() for _ in range(self.random.randrange(4))]
            if found and self.random.random() < 0.6:
                earlier = found[-1]
                rule = earlier.rule if isinstance(earlier, cl.ControlledRule) else earlier
                known = list(cast("cl.ConditionRule", rule).conditions)
                self.random.shuffle(known)
                conditions = [self.weaker(one) for one in known[: self.random.randrange(len(known) + 1)]]
            rule = cl.ConditionRule(self.random.randrange(6), *conditions)
            ends = self.random.random() < 0.15
            found.append(cl.ControlledRule(rule, expires=3600) if ends else rule)
        return found

    def weaker(self, condition: cl.Condition) -> cl.Condition:
        """A condition much like another, often one that follows from it."""
        kind = self.random.randrange(7)
        if kind == 0:
            return cl.Or(self.condition(1), condition)
        if kind == 1 and isinstance(condition, (cl.BaggageEntry, cl.SpanAttribute, cl.Attribute)):
            return cl.Attribute(condition.name, condition.value)
        if kind == 2 and isinstance(condition, (cl.BaggageEntry, cl.SpanAttribute, cl.Attribute)):
            return type(condition)(condition.name, self.value())
        if kind == 3 and isinstance(condition, (cl.Realm, cl.RealmPrefix)):
            return cl.RealmPrefix(str(self.one(*REALMS)))
        if kind == 4 and isinstance(condition, cl.And):
            return cl.And(*condition.conditions[:1])
        if kind == 5 and isinstance(condition, cl.Or):
            return cl.Or(*condition.conditions, self.atom())
        return cl.Not(cl.Not(condition)) if kind == 6 else condition

    def moment(self) -> naive.Messages:
        """A random message context, with what is around it."""
        explicit: list[object] = []
        for _ in range(self.random.randrange(4)):
            makers: tuple[Callable[[], object], ...] = (
                lambda: cl.Realm(str(self.one(*REALMS))),
                lambda: cl.Tag(str(self.one(*TAGS))),
                lambda: cl.Attribute(str(self.one(*NAMES)), self.one(*SCALARS, *LISTS)),
            )
            explicit.append(self.random.choice(makers)())
        found = naive.Ambient()
        if self.random.random() < 0.8:
            for name in NAMES:
                if self.random.random() < 0.5:
                    text = str(self.one(*TEXTS))
                    found.attributes.append(("baggage", name, naive.FromBaggage(text)))
                    if self.random.random() < 0.3:
                        # A second source that cuts it shorter.
                        found.attributes.append(("baggage", name, naive.FromBaggage(text[:1])))
                if self.random.random() < 0.5:
                    found.attributes.append(("span", name, self.one(*SCALARS, *LISTS)))
            found.sampled = self.random.random() < 0.5
            found.span_name = cast("str | None", self.one(None, "x", "xy", "q"))
            found.resource = cast("dict[str, object]", self.one({}, {"a": 1}, {"a": "x"}, {"a": True}))
        return naive.flat_messages(explicit, found)


def _matches(rule: cl.Rule, messages: naive.Messages) -> bool:
    inside = rule.rule if isinstance(rule, cl.ControlledRule) else rule
    return naive.verdict_of(inside, messages, None) is not None


def _kept(rules: Sequence[cl.Rule]) -> Iterator[tuple[int, cl.Rule]]:
    """The rules that are there after all were added, as a context keeps them, with their indices."""
    ctx = cl.LoggingContext()
    ctx.add_rule(*rules)
    kept = [id(rule) for rule in ctx.rules]
    ctx.reset_rules()
    return ((index, rule) for index, rule in enumerate(rules) if id(rule) in kept)


def _try(seed: int, rounds: int, moments: int) -> tuple[int, int, int]:
    choice = Choice(random.Random(seed))
    unreachable = replaced = contradictions = 0
    seen = [choice.moment() for _ in range(moments)]
    for _ in range(rounds):
        rules = choice.rules()
        found, finished = shadows(rules)
        assert finished
        kept = dict(_kept(rules))
        for shadow in found:
            if shadow.replaced:
                replaced += 1
                assert shadow.rule not in kept, rules
                continue
            unreachable += 1
            # What ends is not there at some time: what then decides must not be the rule that is said never to.
            permanent = [rule for rule in kept.values() if not _ends(rule) or rule is rules[shadow.rule]]
            assert shadow.by in kept
            for messages in seen:
                first = next((rule for rule in reversed(permanent) if _matches(rule, messages)), None)
                assert first is not rules[shadow.rule], (rules, shadow, messages, messages.ambient)
        for rule in rules:
            inside = rule.rule if isinstance(rule, cl.ControlledRule) else rule
            given = conjuncts(cast("cl.ConditionRule", inside).conditions)
            if Proof().contradict(given) is not None:
                contradictions += 1
                for messages in seen:
                    assert not _matches(rule, messages), (rule, messages, messages.ambient)
    return unreachable, replaced, contradictions


def _ends(rule: cl.Rule) -> bool:
    return isinstance(rule, cl.ControlledRule) and rule.expires is not None


@pytest.mark.parametrize("seed", range(4))
def test_no_rule_that_is_called_dead_ever_decides(seed: int) -> None:
    """Random rules and moments, decided by the naive evaluator: what is called unreachable, or contradictory, is."""
    unreachable, replaced, contradictions = _try(seed, rounds=300, moments=120)

    # The test would be worth nothing without cases.
    assert min(unreachable, replaced, contradictions) >= 5, (unreachable, replaced, contradictions)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 108))
def test_no_rule_that_is_called_dead_ever_decides_in_many_worlds(seed: int) -> None:
    """The same, many more."""
    _try(seed, rounds=1_500, moments=150)


R, T, A, B, S = cl.Realm("r"), cl.Tag("t"), cl.Attribute("a", "x"), cl.BaggageEntry("a", "x"), cl.SpanAttribute("a", 5)

# what is given, what follows from it
FOLLOWS: list[tuple[list[cl.Condition], cl.Condition]] = [
    ([R, T], R),
    ([R], cl.And()),
    ([cl.And(R, T)], cl.And(T, R)),
    ([R], cl.Or(T, R)),
    ([cl.Realm("r/s")], cl.RealmPrefix("r")),
    ([cl.RealmPrefix("r/s/t")], cl.RealmPrefix("r/s")),
    ([B], A),
    ([S], cl.Attribute("a", 5)),
    ([S], cl.SpanAttribute("a", cl.Exists())),
    ([S], cl.SpanAttribute("a", cl.Range(1, 5))),
    ([S], cl.SpanAttribute("a", 5.0)),
    ([A], cl.Attribute("a", cl.OneOf("y", "x"))),
    ([A], cl.Attribute("a", cl.Glob("x*"))),
    ([A], cl.Attribute("a", cl.Regex("^x"))),
    ([cl.Attribute("a", cl.OneOf("x", "y"))], cl.Attribute("a", cl.OneOf("y", "z", "x"))),
    ([cl.Attribute("a", cl.Glob("acme-*"))], cl.Attribute("a", cl.Glob("ac*"))),
    ([cl.Attribute("a", cl.Range(2, 3))], cl.Attribute("a", cl.Range(1))),
    ([cl.BaggageEntry("a", True)], cl.BaggageEntry("a", "true")),
    ([cl.SpanName("GET /")], cl.SpanName(cl.Glob("GET *"))),
    ([R], cl.Not(cl.Realm("q"))),
    ([cl.Realm("r/s")], cl.Not(cl.RealmPrefix("q"))),
    ([cl.Not(T)], cl.Not(cl.And(T, R))),
    ([cl.Not(cl.Or(T, R))], cl.Not(T)),
    ([cl.Not(cl.Not(T))], T),
    ([cl.Or(R, T), cl.Tag("u")], cl.Or(T, R)),
    ([cl.Or(cl.Realm("r/s"), cl.Realm("r/t"))], cl.RealmPrefix("r")),
    ([cast("cl.Condition", Raises()), R], cast("cl.Condition", Raises())),
    ([cl.SpanAttribute("a", 5)], cl.Not(cl.SpanAttribute("a", 6))),
]
# what does not
FOLLOWS_NOT: list[tuple[list[cl.Condition], cl.Condition]] = [
    ([R], T),
    ([cl.RealmPrefix("r")], R),
    ([cl.Realm("rs")], cl.RealmPrefix("r")),
    ([A], B),
    ([cl.Attribute("a", 1)], cl.Attribute("a", 1.0)),  # in baggage there are two texts
    ([cl.BaggageEntry("a", 1)], cl.BaggageEntry("a", 1.0)),
    ([cl.Attribute("a", 1)], cl.Attribute("a", "1")),
    ([cl.Attribute("a", 1)], cl.Attribute("a", True)),
    ([cl.Attribute("a", "x")], cl.Not(cl.Attribute("a", "y"))),  # there may be both
    ([cl.Attribute("a", cl.Glob("[ac]*"))], cl.Attribute("a", cl.Glob("a*"))),
    ([cl.Attribute("a", cl.Range(1, 9))], cl.Attribute("a", cl.Range(2))),
    ([R], cl.Or(cast("cl.Condition", Raises()), R)),
    ([cl.Not(cl.Sampled())], cl.Sampled(False)),  # there may be no source
    ([], R),
]


@pytest.mark.parametrize(("given", "wanted"), FOLLOWS)
def test_what_follows_is_found(given: list[cl.Condition], wanted: cl.Condition) -> None:
    """The usual cases of one rule in the shadow of another."""
    assert Proof().follows(wanted, conjuncts(given))


@pytest.mark.parametrize(("given", "wanted"), FOLLOWS_NOT)
def test_what_does_not_follow_is_not_claimed(given: list[cl.Condition], wanted: cl.Condition) -> None:
    """What looks as if."""
    assert not Proof().follows(wanted, conjuncts(given))


def test_a_rule_that_ends_shadows_none_but_the_one_it_outlives() -> None:
    """A temporary rule hides others only for a time; it takes the place of an equal one that has ended by then."""

    def ends(after: object) -> cl.Rule:
        return cl.ControlledRule(cl.ConditionRule(5, cl.Tag("t")), expires=cast("float", after))

    def found(*rules: cl.Rule) -> list[tuple[int, int, bool]]:
        return [(shadow.rule, shadow.by, shadow.replaced) for shadow in shadows(rules)[0]]

    tags, same = cl.ConditionRule(4, cl.Tag("t"), cl.Tag("u")), cl.ConditionRule(3, cl.Tag("t"))
    soon, later = (dt.datetime(year, 1, 1, tzinfo=dt.timezone.utc) for year in (2090, 2091))

    assert found(tags, ends(60)) == []
    assert found(same, ends(60)) == []
    assert found(ends(60), same) == [(0, 1, True)]
    assert found(tags, same, ends(60)) == [(0, 1, False)]
    assert (found(ends(60), ends(60)), found(ends(61), ends(60))) == ([(0, 1, True)], [])
    assert (found(ends(soon), ends(later)), found(ends(later), ends(soon))) == ([(0, 1, True)], [])
    # Which of them ends first depends on when they are loaded.
    assert (found(ends(soon), ends(60)), found(ends(60), ends(soon))) == ([], [])


def test_ten_thousand_rules_are_compared_in_seconds() -> None:
    """Debug for 10,000 tenants: an index finds what can matter, so that not every pair is looked at."""
    rules: list[cl.Rule] = [
        cl.ConditionRule(4, cl.RealmPrefix(f"r{number % 7}"), cl.BaggageEntry("tenant", f"t{number}"))
        for number in range(10_000)
    ]
    rules.append(cl.ConditionRule(5, cl.BaggageEntry("tenant", "t77")))
    rules.append(cl.ConditionRule(5, cl.Attribute("tenant", cl.OneOf("t78", "t79"))))
    began = time.monotonic()
    found, finished = shadows(rules)

    assert finished
    assert [(one.rule, one.by) for one in found] == [(77, 10_000), (78, 10_001), (79, 10_001)]
    assert time.monotonic() - began < 100


def test_groups_within_groups_do_not_take_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not pairs of rules are counted, but steps: what cannot be compared in some seconds is said to be so."""
    monkeypatch.setattr(reachability, "_MOST_STEPS", 50_000)
    rules: list[cl.Rule] = [
        cl.ConditionRule(1, *(cl.Or(cl.Tag(f"{part} {number}"), cl.Tag(f"{part}")) for part in range(8)))
        for number in range(300)
    ]

    assert shadows(rules) == ([], False)
