"""Crowds: rule sets of hundreds of rules, most of which concern few messages, so that the first that matches is deep.

Own conditions, own rules and subclasses of ours stand in between; the index must keep every one of them in its place.
"""

from __future__ import annotations

from collections.abc import Callable

import otel_ctxlog as cl

from . import own, randomly

TENANTS = (*(f"t{number}" for number in range(12)), "1", "true")
USERS: tuple[object, ...] = (1, True, 1.0, 2, "1", (1, 2))
NAMES = ("tenant", "user", "place")
TAGS = tuple(f"g{number}" for number in range(8))
REALMS = tuple(f"r{number}{rest}" for number in range(4) for rest in ("", "/a", "/a/b"))


class Crowd(randomly.Random):
    """Makes crowds.

    Args:
        chooser: makes the choices.
        most: so many rules a rule set has at most.
    """

    def __init__(self, chooser: randomly.Chooser, most: int) -> None:
        super().__init__(chooser)
        self.most = most
        self.names = NAMES
        self.texts = (*TENANTS, "x")
        self.values = (*TENANTS, *USERS)
        self.span_values = self.values
        self.hot = tuple(zip(NAMES, (self.one(TENANTS), self.one(USERS), self.one(TENANTS)), strict=True))

    def message(self) -> object:
        kind = self.chooser.below(4)
        if kind == 0:
            return cl.Tag(self.one(TAGS))
        return cl.Realm(self.one(REALMS)) if kind == 1 else cl.Attribute(*self.entry())

    def narrow(self) -> cl.Condition:
        """Return a condition that concerns few messages."""
        name, value = self.entry()
        made: tuple[Callable[[], cl.Condition], ...] = (
            lambda: cl.Attribute(name, value),
            lambda: cl.BaggageEntry(name, value),
            lambda: cl.SpanAttribute(name, value),
            lambda: cl.Attribute(name, cl.OneOf(value, self.one(TENANTS))),
            lambda: cl.Attribute(name, cl.Glob(f"{self.one(TENANTS)}")),
            lambda: cl.SpanAttribute(name, cl.Range(2, 3)),
            lambda: cl.Tag(self.one(TAGS)),
            lambda: cl.Realm(self.one(REALMS)),
            lambda: cl.RealmPrefix(self.one(REALMS)),
            lambda: cl.SpanName(self.one(randomly.SPAN_NAMES)),
            lambda: cl.ResourceAttribute("place", self.one(("here", "there"))),
            lambda: own.Knows(name, value),
            lambda: own.LastIs(name, value),
            lambda: own.SubSpanAttribute(name, value),
            lambda: own.Asks(self.narrow()),
            lambda: cl.Not(cl.Not(self.narrow())),
            lambda: cl.Or(self.narrow(), self.narrow()),
            lambda: cl.And(self.condition(1), self.narrow()),
        )
        return self.one((*made[:11], *made))()

    def rule(self, elsewhere: own.Elsewhere) -> cl.Rule:
        level = self.one(randomly.LEVELS)
        if self.chance(100):
            return super().rule(elsewhere)
        conditions = [self.narrow() for _ in range(self.one((2, 2, 2, 3)))]
        kind = self.chooser.below(24)
        if kind == 0:
            goal = elsewhere if self.chance(2) else None
            return own.OwnRule(level, cl.And(*conditions), self.chance(2), goal)
        if kind == 1:
            return own.Keyed(level, cl.And(*conditions), key=str(self.chooser.below(50)))
        if kind == 2:
            return self.one((own.Stricter, own.Same))(level, *conditions)
        if kind == 3:
            return cl.ConditionRule(level, own.RaisesWith(self.one(NAMES)), *conditions)
        return cl.ConditionRule(level, *conditions)

    def rules(self, most: int, elsewhere: own.Elsewhere) -> list[cl.Rule]:
        # Thousands of choices are too many for Hypothesis: it chooses how many, and a seed.
        number = self.most - self.chooser.below(self.most)
        seed = self.chooser.below(1000)
        before, self.chooser = self.chooser, randomly.Seeded(("rules", seed))
        try:
            return [self.rule(elsewhere) for _ in range(number)]
        finally:
            self.chooser = before
