"""The rules of a context for records with attributes of their own: events, and records that others made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from otel_ctxlog.engine.messages import Attribute, StaticMessages
from otel_ctxlog.engine.plan import Decision, Plan
from otel_ctxlog.engine.stem import Recipe, Stem
from otel_ctxlog.engine.values import Lazy, is_a
from otel_ctxlog.loggers.core import ContextCore, Effective
from otel_ctxlog.loggers.making import make_unbound
from otel_ctxlog.otel.context import Context

__all__ = ["Passed", "RecordRules"]

_MOST_PLANS: Final = 256
_LONGEST_VALUE: Final = 256


class Passed:
    """A record that the rules let through: what goes on it, and where it goes (None: the target of the moment)."""

    __slots__ = ("decision", "effective", "stem")

    def __init__(self, effective: Effective, stem: Stem, decision: Decision) -> None:
        self.effective = effective
        self.stem = stem
        self.decision = decision


class RecordRules:
    """Decides about records whose attributes rules may look at; as live as an unbound logger.

    A record is decided by a plan where no rule looks at its attributes, and where the only one that rules look at is
    `key`; else rule by rule.

    Args:
        core: the context.
        recipe: its messages and names are those of the records.
        key: an attribute with few values by which rules often decide; each value gets a plan.
    """

    __slots__ = ("__weakref__", "_by_value", "_core", "_key", "_plan", "_recipe")

    def __init__(self, core: ContextCore, recipe: Recipe, key: str = "") -> None:
        self._core = core
        # The way of a logger, so that messages attach what they attach to loggers.
        self._recipe = make_unbound(core, recipe).recipe
        self._key = key
        self._plan = core.plan(self._recipe)
        self._by_value: tuple[object, dict[str, Plan]] = (None, {})

    def wants(self, level: int) -> bool:
        """Return False where a record at `level` surely is off: neither a rule nor the default level is that high."""
        return 0 < level <= self._core.effective().highest

    def looks_at(self, key: str) -> bool:
        """Return whether a rule may look at that attribute of a record."""
        return self._core.effective().looks_at(key)

    def highest(self) -> float:
        """Return the highest level that may be on, in any OTel context, for records without own attributes."""
        return self._current().high

    def decide(self, level: int, context: Context, attributes: Mapping[str, object]) -> Passed | None:
        """Return what is needed to write a record at `level`, or None where the rules do not let it through.

        Args:
            level: the record's level; 0 never passes.
            context: the record's OTel context.
            attributes: its own attributes, as far as rules may look at them.
        """
        passed = self._decide(level, context, attributes)
        held = None if passed is None else passed.decision.held
        if held is not None and held.deadline is not None and held.is_over():
            return self._decide(level, context, attributes, anew=True)
        return passed

    def _decide(
        self, level: int, context: Context, attributes: Mapping[str, object], *, anew: bool = False
    ) -> Passed | None:
        plan = self._current()
        effective = cast("Effective", plan.origin)
        if not 0 < level <= effective.highest:
            return None
        seen = [name for name in attributes if effective.looks_at(name)] if effective.rule_sets else []
        if anew:
            static = _with_attributes(plan.static, attributes) if seen else plan.static
            decision = self._core.decide_anew(plan, static, context)
        elif not seen:
            decision = plan.decide(context)
        elif seen == [self._key] and _is_short(attributes[self._key]):
            decision = self._plan_for(plan, effective, attributes[self._key]).decide(context)
        else:
            decision = self._core.decide_anew(plan, _with_attributes(plan.static, attributes), context)
        return Passed(effective, plan.stem, decision) if level <= decision.level else None

    def _decision(self, context: Context) -> tuple[Plan, Decision]:
        """Return what is decided without attributes of a record, and what decided it."""
        plan = self._current()
        decision = plan.decide(context)
        held = decision.held
        if held is not None and held.deadline is not None and held.is_over():
            plan = self._current()
            decision = self._core.decide_anew(plan, plan.static, context)
        return plan, decision

    def _current(self) -> Plan:
        """Return a plan that is good now."""
        plan = self._plan
        if plan.stale:
            self._plan = plan = self._core.plan(self._recipe, plan)
        return plan

    def _plan_for(self, plan: Plan, effective: Effective, value: object) -> Plan:
        """Return the plan for records whose attribute `key` is that text, made of the same moment as `plan`."""
        origin, plans = self._by_value
        if origin is not effective:
            self._by_value = origin, plans = effective, {}
        text = cast("str", value)
        known = plans.get(text)
        if known is None:
            if len(plans) >= _MOST_PLANS:
                plans.clear()
            known = plans[text] = Plan(
                effective.rule_sets,
                plan.stem,
                default_level=effective.default_level,
                reader=effective.route.reader,
                sink=self._core.sink,
                epoch=plan.epoch,
                origin=effective,
                static=_with_attributes(plan.static, {self._key: text}),
            )
        return known


def _is_short(value: object) -> bool:
    return type(value) is str and len(value) <= _LONGEST_VALUE


def _with_attributes(static: StaticMessages, added: Mapping[str, object]) -> StaticMessages:
    """Return the static messages with further attributes."""
    attributes = {name: list(known) for name, known in static.attributes.items()}
    # What has no proper name is for `!BADKEY`, which rules do not see.
    fields = [
        (str.__str__(name), value)
        for name, value in added.items()
        if is_a(name, str) and str.__len__(name) and type(value) is not Lazy
    ]
    for name, value in fields:
        attributes.setdefault(name, []).append(value)
    flat = (*static.flat, *(Attribute(name, value) for name, value in fields))
    extended = StaticMessages(flat, static.realm, static.tags, attributes)
    extended.ambient = static.ambient
    return extended
