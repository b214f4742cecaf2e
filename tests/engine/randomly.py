"""Random messages, conditions, rules and sources out of small pools, so that they meet each other often."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar, cast

from hypothesis import strategies as st

import otel_ctxlog as cl

from . import own
from .naive import SourceFacts

T = TypeVar("T")

NAMES = ("a", "b", "tenant", "a.b", "message")
REALMS = ("a", "a/b", "a//b", "a/", "a/b/c", "ab", "/", "/a", "b")
TAGS = ("t", "u")
FAMILIES: tuple[tuple[object, ...], ...] = (
    (True, 1, 1.0, "1", "true", "1.0"),
    (True, False, 1, 0, "true", "false"),
    (False, 0, "false", "0", "", None),
    ([1, 2], (1, 2), (1.0, 2), [True, 2], ["x"], ("x",), "x", [], [[1], ("x",)]),
    ({"k": 1}, {"k": 1.0}, {"k": True}, {"k": [1]}, {"k": (1,)}, {1: "x"}, {True: "x"}, {}, "x"),
    ("x", "xy", "", b"x", "longer", None),
    (2**70, 1.5, -1, 2, "2", "-1", "1.5", "1e1"),
)
"""Values that are alike: a world takes two families, so that rules and messages meet."""
TEXTS = ("1", "true", "1.0", "x", "xy", "", "-1", "2", "false", "1e1", "longer")
SPAN_NAMES = ("x", "GET", "1", "longer")
LEVELS = (0, 1, 2, 3, 4, 5, 6, 7)
CONDITION_KINDS = (
    *("attribute",) * 6,
    *("baggage",) * 3,
    *("span",) * 3,
    *("tag", "tag", "realm", "realm", "span name", "sampled", "resource"),
    *("own",) * 3,
)
GLOBS = ("*", "x*", "?", "[0-9]", "X", "", "[!x]*")
REGEXES = ("x", "^1", r"\d", "", "true|y$")


class Chooser(Protocol):
    """Something that makes choices."""

    def below(self, number: int, /) -> int:
        """Return a number from 0 to `number` - 1."""
        ...


class Seeded:
    """Chooses by a seed."""

    def __init__(self, seed: object) -> None:
        self._random = random.Random(repr(seed))

    def below(self, number: int, /) -> int:
        return int(self._random.random() * number)


class ByHypothesis:
    """Has Hypothesis choose, so that it can shrink what fails."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data

    def below(self, number: int, /) -> int:
        return self._data.draw(st.integers(0, number - 1))


def _fits_span(value: object) -> bool:
    """Return whether the SDK keeps the value as it is, or with tuples for lists."""
    return not isinstance(value, dict) or all(isinstance(name, str) for name in cast("dict[object, object]", value))


def fresh(value: object) -> object:
    """Return an equal value that is another object, where Python lets us."""
    if isinstance(value, str):
        return "".join(list(value))
    if isinstance(value, float):
        return float(repr(value))
    return tuple(cast("Sequence[object]", value)[:]) if isinstance(value, list) else value


class Random:
    """Makes random things from the choices of `chooser`."""

    def __init__(self, chooser: Chooser) -> None:
        self.chooser = chooser
        self.names = tuple(self.one(NAMES) for _ in range(3))
        self.values = (*self.one(FAMILIES), *self.one(FAMILIES))
        self.texts = (*(value for value in self.values if isinstance(value, str)), self.one(TEXTS), self.one(TEXTS))
        self.span_values = (*filter(_fits_span, self.values), "x", 1)
        # What rules look at and what happens should be the same now and then: these are asked and set most.
        self.hot = tuple((self.one(self.names), self.one(self.span_values)) for _ in range(2))
        self._given: list[tuple[cl.Condition, ...]] = []

    def one(self, items: Sequence[T]) -> T:
        return items[self.chooser.below(len(items))]

    def some(self, make: Callable[[], T], most: int) -> list[T]:
        return [make() for _ in range(self.chooser.below(most + 1))]

    def chance(self, one_in: int) -> bool:
        # The first choice is what Hypothesis shrinks to: it should be the plain one.
        return self.chooser.below(one_in) == one_in - 1

    def value(self) -> object:
        return self.one(self.values)

    def entry(self) -> tuple[str, object]:
        """Return a name and a value that a span can have."""
        if self.chance(2):
            return self.one(self.hot)
        if self.chance(2):
            return self.one(self.hot)[0], self.one(self.span_values)
        return self.one(self.names), self.one(self.span_values)

    def baggage_entry(self) -> tuple[str, object]:
        """Return a name and a value for baggage; mostly a text."""
        name, value = self.entry()
        if isinstance(value, (str, bool, int, float)) and self.chance(2):
            return name, value
        return name, self.one(self.texts)

    def message(self) -> object:
        kind = self.chooser.below(8)
        if kind <= 2:
            return cl.Attribute(self.one(self.names), self.value())
        if kind == 3:
            return cl.Tag(self.one(TAGS))
        if kind in (4, 5):
            return cl.Realm(self.one(REALMS))
        return self.one((cl.Name("n"), cl.RealmPrefix("a"), cl.And(cl.Tag("t")))) if kind == 6 else "text"

    def expected(self) -> object:
        """Return a value or a matcher."""
        kind = self.chooser.below(12)
        if kind <= 5:
            return self.value()
        if kind == 6:
            return cl.Glob(self.one(GLOBS))
        if kind == 7:
            return cl.Regex(self.one(REGEXES))
        if kind == 8:
            return cl.OneOf(*self.some(self.value, 3))
        if kind == 9:
            return self.one((cl.Range(1, 2), cl.Range(min=1.5), cl.Range(max=1), cl.Range(), cl.Range(1.0, 1)))
        return cl.Exists() if kind == 10 else self.one((own.IsText(), own.Short(1), own.Short(2)))

    def condition(self, depth: int = 3) -> cl.Condition:
        if depth and self.chance(3):
            return self.combination(depth - 1)
        if self.chance(12):
            return cl.ResourceAttribute("a", self.one((1, True, "1")))
        if self.chance(3):
            kinds: tuple[Callable[[str, object], cl.Condition], ...] = (
                cl.Attribute,
                cl.SpanAttribute,
                cl.BaggageEntry,
                own.SubSpanAttribute,
            )
            return self.one(kinds)(*self.one(self.hot))
        kind = self.one(CONDITION_KINDS)
        name = self.one(self.names)
        if kind == "tag":
            return cl.Tag(self.one(TAGS))
        if kind == "realm":
            return (cl.RealmPrefix if self.chance(2) else cl.Realm)(self.one(REALMS))
        if kind == "attribute":
            return cl.Attribute(name, self.expected())
        if kind == "baggage":
            return cl.BaggageEntry(name, self.expected())
        if kind == "span":
            return cl.SpanAttribute(name, self.expected())
        if kind == "span name":
            return cl.SpanName(self.one((*SPAN_NAMES, cl.Glob("?"), cl.Regex("E"), cl.OneOf("x", 1), own.Short(1))))
        if kind == "sampled":
            return cl.Sampled(self.chance(2))
        if kind == "resource":
            return cl.ResourceAttribute(self.one(("place", "a")), self.one(("here", "there", 1, cl.Exists())))
        return self.own_condition(name, depth)

    def combination(self, depth: int) -> cl.Condition:
        kind = self.chooser.below(3)
        if kind == 0:
            return cl.Not(self.condition(depth))
        return (cl.And if kind == 1 else cl.Or)(*self.some(lambda: self.condition(depth), 3))

    def own_condition(self, name: str, depth: int) -> cl.Condition:
        kind = self.chooser.below(8)
        if kind == 0:
            return own.Knows(name, self.value())
        if kind == 1:
            return own.LastIs(name, self.value())
        if kind == 2:
            return own.MoreThan(self.chooser.below(6))
        if kind == 3:
            tags: tuple[Callable[[str], cl.Condition], ...] = (own.StaticTag, own.SubTag)
            return self.one(tags)(self.one(TAGS))
        if kind == 4:
            return own.RaisesWith(name)
        if kind == 5:
            return own.RaisesKnowing(name)
        return own.Raises() if kind == 6 else own.Asks(self.condition(max(depth - 1, 0)))

    def conditions(self) -> tuple[cl.Condition, ...]:
        """Return the conditions of a rule; now and then those of an earlier one, so that it is superseded."""
        if self._given and self.chance(3):
            return self.one(self._given)
        self._given.append(tuple(self.some(self.condition, 2)))
        if self.chance(3):
            self._given.append(tuple(map(self.alike, self._given[-1])))
        return self._given[-1]

    def alike(self, condition: cl.Condition) -> cl.Condition:
        """Return a condition that looks much like another."""
        for kind in (cl.Attribute, cl.BaggageEntry, cl.SpanAttribute):
            if isinstance(condition, kind):
                return kind(condition.name, self.expected())
        if isinstance(condition, (cl.And, cl.Or)):
            return type(condition)(*map(self.alike, condition.conditions))
        return cl.Not(self.alike(condition.condition)) if isinstance(condition, cl.Not) else condition

    def rule(self, elsewhere: own.Elsewhere) -> cl.Rule:
        level = self.one(LEVELS)
        kind = self.chooser.below(16)
        if kind <= 10:
            return cl.ConditionRule(level, *self.conditions())
        if kind == 11:
            return own.Keyed(level, self.condition(1), key=self.one(("k", "l")))
        if kind == 12:
            return own.OwnRule(level, self.condition(1), self.chance(2), elsewhere if self.chance(2) else None)
        if kind == 13:
            return self.one((own.Stricter, own.Same))(level, *self.conditions())
        return (
            own.FaultyRule(self.one(("raises", "number", "true", "pair", "type")))
            if kind == 14
            else (own.Sweeper(level, self.condition(1)))
        )

    def rules(self, most: int, elsewhere: own.Elsewhere) -> list[cl.Rule]:
        """Return a whole rule set."""
        return self.some(lambda: self.rule(elsewhere), most)

    def source(self) -> SourceFacts:
        kind = self.one(("baggage", "span", "span", "baggage", "own"))
        if kind == "own":
            given = {self.one(self.names): self.value() for _ in range(self.chooser.below(3))}
            name = self.one((None, *self.names))
            return SourceFacts(kind, gives=tuple(given.items()), gives_value_as=name, raises=self.chance(4))
        include = self.one((("*",), ("a*",), ("tenant", "b"), ("*b",), ()))
        exclude = self.one(((), ("a",), ("*b",), ("*",)))
        if kind == "baggage" and self.chance(3):
            return SourceFacts(kind, include, exclude, max_entries=self.chooser.below(3), max_value_length=2)
        return SourceFacts(kind, include, exclude)

    def sources(self) -> tuple[SourceFacts, ...] | None:
        return None if self.chance(3) else tuple(self.some(self.source, 3))
