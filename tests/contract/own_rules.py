"""Own rules, and random rules, for the tests of section 4."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

import otel_ctxlog as cl

if TYPE_CHECKING:
    from collections.abc import Sequence

A, B = cl.Tag("a"), cl.Tag("b")


class Fixed:
    """An own rule: always this verdict; it replaces nothing."""

    def __init__(self, level: int | None, sink: cl.LogSink | None = None) -> None:
        self.level = level
        self.sink = sink
        self.met: list[tuple[tuple[object, ...], cl.LogSink]] = []

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fixed) and self.level == other.level

    __hash__ = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]

    def match(self, messages: Sequence[object], sink: cl.LogSink) -> cl.Verdict | None:
        """Keep what was met; return the verdict."""
        self.met.append((tuple(messages), sink))
        return None if self.level is None else cl.Verdict(self.level, self.sink or sink)


class Greedy(Fixed):
    """An own rule that replaces every rule of level 2."""

    def supersedes(self, other: object) -> bool:
        """Return whether the other is of level 2."""
        return getattr(other, "level", None) == 2


def rule(level: int, conditions: list[cl.Condition]) -> cl.ConditionRule:
    """Return the rule of these conditions."""
    return cl.ConditionRule(level, *conditions)


condition_rules = st.builds(
    rule,
    st.integers(0, 6),
    st.lists(
        st.sampled_from([A, B, cl.Attribute("a", 1), cl.Attribute("a", 1.0), cl.Attribute("a", True)]), max_size=2
    ),
)
any_rules = st.one_of(condition_rules, st.integers(0, 3).map(Fixed), st.just(7).map(Greedy))
