"""10,000 rules, however they come."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pytest

import otel_ctxlog as cl

from .running import NullSink

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MANY = 10_000
SECONDS = 10.0

RULES: list[cl.Rule] = [cl.ConditionRule(4 + n % 3, cl.BaggageEntry("tenant", f"t{n}")) for n in range(MANY)]


def _one_by_one(ctx: cl.LoggingContext) -> None:
    for rule in RULES:
        ctx.add_rule(rule)


def _copied(ctx: cl.LoggingContext) -> None:
    other = cl.LoggingContext(NullSink())
    other.add_rule(*RULES)
    other.add_rules_to(ctx)


WAYS: dict[str, Callable[[cl.LoggingContext], None]] = {
    "one by one": _one_by_one,
    "at once": lambda ctx: ctx.add_rule(*RULES),
    "replaced": lambda ctx: ctx.replace_rules(RULES),
    "copied": _copied,
}


@pytest.mark.parametrize("way", list(WAYS))
def test_loading_takes_no_time_that_grows_with_the_square(way: str) -> None:
    """10,000 rules load in a moment, also one by one, also over themselves."""
    ctx = cl.LoggingContext(NullSink())
    start = time.process_time()
    for _ in range(2):
        WAYS[way](ctx)
        ctx.logger().info("m")

    assert time.process_time() - start < SECONDS
    assert list(ctx.rules) == RULES[::-1]


@dataclass(frozen=True)
class Counting:
    """Never holds, and counts how often it is asked and compared."""

    number: int
    calls: ClassVar[list[str]] = []

    def matches(self, messages: Sequence[object], /) -> bool:
        Counting.calls.append("matches")
        return False

    def __eq__(self, other: object) -> bool:
        Counting.calls.append("eq")
        return isinstance(other, Counting) and self.number == other.number

    def __hash__(self) -> int:
        return self.number


def test_rules_with_keys_are_found_and_not_walked() -> None:
    """Of 10,000 rules for tenants, a call asks only the one for its tenant; loading compares none with each other."""
    ctx = cl.LoggingContext(NullSink())
    Counting.calls.clear()
    ctx.add_rule(*(cl.ConditionRule(4, cl.Attribute("tenant", f"t{n}"), Counting(n)) for n in range(MANY)))
    compared = Counting.calls.count("eq")
    Counting.calls.clear()

    assert not ctx.logger(cl.Attribute("tenant", "t77")).enabled(4)
    assert compared == 0
    assert len(Counting.calls) <= 3
