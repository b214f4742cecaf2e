"""What an operator changes: each change is one swap in the context, and leaves an audit record: who, until when."""

from __future__ import annotations

import threading
from time import time
from typing import Final

from otel_ctxlog.admin.composing import check_expiry
from otel_ctxlog.admin.exchange import Problem
from otel_ctxlog.admin.rule_view import ENDPOINT
from otel_ctxlog.engine.levels import level_name
from otel_ctxlog.engine.origin import Origin
from otel_ctxlog.engine.protocols import Rule
from otel_ctxlog.engine.rules import ConditionRule, uncontrolled
from otel_ctxlog.loggers.context import LoggingContext
from otel_ctxlog.loggers.sections import RuleSection
from otel_ctxlog.loggers.statistics import RuleStatistics

__all__ = ["Changes"]

_MOST_RULES: Final = 200


class Changes:
    """Adds and removes rules of a context, and sets its default level, on behalf of somebody.

    Each rule gets a section of its own: so it is asked before all that are there, and replaces none of them. When it
    ends, what it stood before holds again, also where both have the same conditions.

    Args:
        context: the context.
        max_expiry: the longest time for which a rule can be added, in seconds.
    """

    def __init__(self, context: LoggingContext, max_expiry: float) -> None:
        self._context = context
        self._max_expiry = max_expiry
        self._lock = threading.Lock()
        self._sections: dict[int, RuleSection] = {}

    def renew_lock(self) -> None:
        """Replace the lock, in a forked child."""
        self._lock = threading.Lock()

    def add(self, rule: Rule, *, actor: str, reason: str) -> tuple[RuleStatistics, list[int]]:
        """Add a rule that ends; return it, and the ids of those that it replaces.

        A rule that came through this endpoint and has the same conditions is replaced.

        Raises:
            Problem: it does not end in time, or there are too many.
        """
        left = check_expiry(rule, self._max_expiry)
        with self._lock:
            self._forget_ended()
            if len(self._sections) >= _MOST_RULES:
                raise Problem(
                    409,
                    "too many rules were added through this endpoint",
                    found=f"{len(self._sections)}",
                    allowed=f"{_MOST_RULES}; remove one first",
                )
            origin = Origin(ENDPOINT, actor=actor)
            section = self._context.section(origin)
            try:
                section.replace([rule])
            except (ArithmeticError, TypeError, ValueError) as error:
                raise Problem(422, f"the rule cannot be added: {type(error).__name__}: {error}"[:500]) from None
            self._context.audit("ruleAdded", actor=actor, rule=rule, origin=origin, until=time() + left, detail=reason)
            known = {one.id: one for one in self._context.statistics().rules}
            made = next((one for one in known.values() if one.rule is rule), None)
            if made is None:
                section.remove()
                raise Problem(409, "the rule has ended already", allowed="a longer time")
            alike = [number for number, other in self._sections.items() if _are_alike(other, rule)]
            replaced = [number for number in alike if number in known]
            for number in replaced:
                self._remove(known[number], actor=actor, reason="replaced by another rule with the same conditions")
            self._sections[made.id] = section
            return made, replaced

    def remove(self, number: int, *, actor: str, reason: str, confirmed: bool) -> RuleStatistics:
        """Remove a rule, and return it.

        Raises:
            Problem: there is none of that id here, or it did not come through an endpoint and that is not confirmed.
        """
        with self._lock:
            rule = self.rule(number)[1]
            if rule.inherited:
                raise Problem(
                    409,
                    "the rule belongs to the context in which this one is nested",
                    found=str(rule.origin),
                    allowed="a rule of this context; a rule that is asked earlier can overrule it",
                )
            if rule.origin.kind != ENDPOINT and not confirmed:
                raise Problem(
                    409,
                    "the rule did not come through an endpoint: it comes back only with a restart, or when its file is"
                    " read again",
                    found=str(rule.origin),
                    allowed="the same with confirm=true",
                )
            if not self._remove(rule, actor=actor, reason=reason):
                raise Problem(404, "there is no rule with this id any more", found=str(number))
            return rule

    def set_default_level(self, level: int | None, *, actor: str, reason: str) -> None:
        """Set the default level; None: the one of the context in which this one is nested, or Info."""
        with self._lock:
            before = self._context.default_level
            self._context.default_level = level
            after = self._context.default_level
            detail = f"{level_name(before)} to {level_name(after)}"[:200]
            if level is None:
                detail += ", the inherited one"
            self._context.audit(
                "defaultLevelChanged",
                actor=actor,
                origin=Origin(ENDPOINT, actor=actor),
                detail=f"{detail}: {reason}" if reason else detail,
            )

    def rule(self, number: int) -> tuple[int, RuleStatistics]:
        """Return a rule, and its place in the order asked.

        Raises:
            Problem: there is none of that id.
        """
        for position, rule in enumerate(self._context.statistics().rules):
            if rule.id == number:
                return position, rule
        raise Problem(404, "there is no rule with this id: it has ended, or was removed", found=str(number))

    def _remove(self, rule: RuleStatistics, *, actor: str, reason: str) -> bool:
        """Remove a rule, and return False where it has gone by itself."""
        section = self._sections.pop(rule.id, None)
        if section is None:
            removed = self._context.remove_rule(rule.id)
        else:
            removed = bool(section.rules)
            section.remove()
        if removed:
            self._context.audit("ruleRemoved", actor=actor, rule=rule.rule, origin=rule.origin, detail=reason)
        return removed

    def _forget_ended(self) -> None:
        """Take out the sections of rules that have ended, or that somebody else has removed."""
        alive = {one.id for one in self._context.statistics().rules}
        for number in [number for number in self._sections if number not in alive]:
            self._sections.pop(number).remove()


def _are_alike(section: RuleSection, rule: Rule) -> bool:
    """Return whether the rule of a section has the conditions of another."""
    inner = uncontrolled(rule)
    if not isinstance(inner, ConditionRule):
        return False
    return any(
        type(other) is ConditionRule and other.conditions == inner.conditions
        for other in map(uncontrolled, section.rules)
    )
