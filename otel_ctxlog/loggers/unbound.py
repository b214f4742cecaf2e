"""Unbound loggers: they follow every change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import monotonic

from otel_ctxlog.engine.fields import Fields
from otel_ctxlog.engine.plan import Plan
from otel_ctxlog.engine.stem import Recipe
from otel_ctxlog.loggers.base import Logger, given_exception
from otel_ctxlog.loggers.bound import bound_logger
from otel_ctxlog.loggers.core import ContextCore
from otel_ctxlog.otel.context import get_current
from otel_ctxlog.otel.route import report_lost, write
from otel_ctxlog.otel.severity import SeverityNumber

__all__ = ["UnboundLogger"]


class UnboundLogger(Logger):
    """A logger that follows every change of rules, levels, targets and ambient attributes at its next call.

    Made for module level and long-lived objects, by contexts (`LoggingContext.unbound_logger`, ``cl.log``). It is a
    message context provider.
    """

    # `_gate` is a Plan here: what a disabled call asks, what decides and what is put on records are one object, swapped
    # as one reference.
    __slots__ = ("__weakref__", "_core")

    def __init__(self, core: ContextCore, recipe: Recipe) -> None:
        self._core = core
        self._recipe = recipe
        self._gate = core.plan(recipe)

    def __repr__(self) -> str:
        return f"<UnboundLogger {self._current().stem.scope!r}>"

    @property
    def message_context(self) -> tuple[object, ...]:
        """The messages of this logger, those of its context included."""
        return self._core.messages() + self._recipe.messages

    def bound(self) -> Logger:
        """Return a bound logger with the same messages, name and values, its level decided now."""
        return bound_logger(self._core, self._recipe)

    def _current(self) -> Plan:
        """Return a plan that is good now."""
        plan: Plan = self._gate  # type: ignore[assignment] # pyright: ignore[reportAssignmentType]
        if plan.stale:
            self._gate = plan = self._core.plan(self._recipe, plan)
        return plan

    def _write(
        self,
        level: int,
        message: object,
        fields: Sequence[object] | Fields,
        attributes: Mapping[str, object],
        exception: BaseException | None = None,
        severity: SeverityNumber | None = None,
    ) -> None:
        plan: Plan = self._gate  # type: ignore[assignment] # pyright: ignore[reportAssignmentType]
        if plan.stale:
            plan = self._current()
            if level > plan.high:
                return
        context = get_current()
        decision = plan.constant
        if decision is None:
            # What `Plan.decide` does, without the call, for the context of the call before: most that get here are off.
            kept = plan.decisions.last
            if kept() is context and (kept.changed is None or not kept.changed()):
                if level > kept.level:
                    return
                decision = kept.decision
            else:
                decision = plan.decide(context)
                if level > decision.level:
                    return
        held = decision.held
        if held is not None and held.deadline is not None and monotonic() >= held.deadline and held.is_over():
            plan = self._current()
            decision = self._core.decide_anew(plan, plan.static, context)
            if level > decision.level:
                return
            held = decision.held
        # A plan that is good was made of what holds now.
        route = plan.origin.route
        try:
            if "exc_info" in attributes:
                exception = given_exception(attributes, exception)
            write(
                route,
                plan.stem,
                decision.sink,
                context,
                level,
                message,
                fields,
                attributes,
                exception=exception,
                severity=severity,
                held=held,
            )
        except Exception as error:  # noqa: BLE001 - a logging call never raises
            report_lost(route, decision.sink, error)

    def _is_on(self, level: int) -> bool:
        plan = self._current()
        if level > plan.high:
            return False
        context = get_current()
        decision = plan.decide(context)
        if decision.held is not None and decision.held.is_over():
            plan = self._current()
            decision = self._core.decide_anew(plan, plan.static, context)
        return level <= decision.level

    def _derived(self, recipe: Recipe) -> UnboundLogger:
        return UnboundLogger(self._core, recipe)
