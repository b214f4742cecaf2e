"""The standard rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from otel_ctxlog.engine.conditions import check_condition
from otel_ctxlog.engine.frozen import Frozen, put
from otel_ctxlog.engine.levels import check_level
from otel_ctxlog.engine.messages import View, ask, view_of
from otel_ctxlog.engine.protocols import Condition, LogSink, Rule, Verdict, is_rule

if TYPE_CHECKING:
    from otel_ctxlog.engine.held import Governor

__all__ = ["ConditionRule", "Controlled", "check_rule", "uncontrolled"]


class ConditionRule(Frozen):
    """Lets `level` through where all `conditions` hold; without conditions it always matches.

    It supersedes a `ConditionRule` with equal conditions in the same order. Immutable; equal by level and conditions.

    Raises:
        ValueError: `level` is no level.
        TypeError: one of `conditions` is none.
    """

    __slots__ = ("__weakref__", "conditions", "level")
    __match_args__ = ("level", "conditions")

    level: int
    conditions: tuple[Condition, ...]

    def __init__(self, level: int, *conditions: Condition) -> None:
        put(self, "level", int(check_level(level)))
        put(self, "conditions", tuple(map(check_condition, conditions)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, (self.level, *self.conditions)))})"

    def holds(self, view: View) -> bool:
        """Return whether all conditions hold; raises what an own condition raises."""
        return all(ask(condition, view) for condition in self.conditions)

    def match(self, messages: Sequence[object], sink: LogSink, /) -> Verdict | None:
        """Return a verdict of this level into `sink`, or None where a condition does not hold."""
        return Verdict(self.level, sink) if self.holds(view_of(messages)) else None

    def supersedes(self, other: Rule, /) -> bool:
        """Return whether `other` is a `ConditionRule` with equal conditions in the same order."""
        other = uncontrolled(other)
        return isinstance(other, ConditionRule) and self.conditions == other.conditions


class Controlled(Frozen):
    """What stands around a rule to end it or to hold its records back; see `ControlledRule`, the only kind."""

    __slots__ = ("__weakref__", "rule")

    rule: Rule

    def match(self, messages: Sequence[object], sink: LogSink, /) -> Verdict | None:
        """Return the verdict of the rule inside."""
        return self.rule.match(messages, sink)

    def supersedes(self, other: Rule, /) -> bool:
        """Return what the rule inside says about the one inside of `other`; False where it does not say."""
        asked = getattr(self.rule, "supersedes", None)
        return bool(asked(uncontrolled(other))) if callable(asked) else False

    def governor(self) -> Governor | None:
        """Return what holds its records back, made anew; None where nothing does."""
        raise NotImplementedError

    def seconds_left(self) -> float | None:
        """Return the seconds until a rule that is added now ends, or None where it does not."""
        raise NotImplementedError


def uncontrolled(rule: Rule) -> Rule:
    """Return the rule inside of a controlled one, or `rule` itself."""
    return rule.rule if isinstance(rule, Controlled) else rule


def check_rule(rule: object) -> Rule:
    """Return `rule` if it is one.

    Raises:
        TypeError: it has no method ``match``.
    """
    if not is_rule(rule):
        msg = (
            f"a rule must have a method match(messages, sink) -> Verdict | None, but got {type(rule).__name__} {rule!r}"
        )
        raise TypeError(msg)
    return rule
