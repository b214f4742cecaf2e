"""OpenTelemetry's own ``Logger``, gated by the rules of a context."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from otel_ctxlog.engine.fields import read_fields
from otel_ctxlog.engine.stem import Recipe
from otel_ctxlog.events.contract import EVENT_TYPE
from otel_ctxlog.loggers.core import ContextCore
from otel_ctxlog.loggers.record_rules import RecordRules
from otel_ctxlog.otel.context import Context, get_current
from otel_ctxlog.otel.given import Given, GivenLogger, emit_given, is_wanted
from otel_ctxlog.otel.route import report_lost
from otel_ctxlog.otel.severity import SeverityNumber, level_of

__all__ = ["ContextOtelLogger"]

_NO_ATTRIBUTES: Final[Mapping[str, object]] = {}


class ContextOtelLogger(GivenLogger):
    """An ``opentelemetry._logs.Logger`` whose records the rules of a context let through, or not.

    For code that speaks OpenTelemetry's logs API. As live as an unbound logger. The level of a record is that of its
    severity number, Info where it has none; rules see its attributes, its event name as attribute ``eventType``, and
    span and baggage of its own OTel context. Made by `LoggingContext.otel_logger`.
    """

    def __init__(self, core: ContextCore, recipe: Recipe) -> None:
        super().__init__()
        self._core = core
        self._recipe = recipe
        self._rules = RecordRules(core, recipe, key=EVENT_TYPE)

    def __repr__(self) -> str:
        return f"<ContextOtelLogger {self._recipe.messages!r}>"

    def with_name(self, name: str) -> ContextOtelLogger:
        """Return a logger whose name, which is the scope of its records, has one more part, joined by a dot."""
        return ContextOtelLogger(self._core, self._recipe.with_name(name))

    def with_values(self, /, *fields: object, **attributes: object) -> ContextOtelLogger:
        """Return a logger that puts these fields on all its records; attributes of a record win over them."""
        read = read_fields(fields, attributes, keep_lazy=True)
        return ContextOtelLogger(self._core, self._recipe.with_fields(read))

    def enabled(
        self,
        *,
        context: Context | None = None,
        severity_number: SeverityNumber | None = None,
        event_name: str | None = None,
    ) -> bool:
        """Return False where no such record passes the rules, or the target wants none; raises nothing.

        Where rules look at attributes, which are not known here, the answer is yes unless no level is that high.

        Args:
            context: the record's OTel context; None: the current one.
            severity_number: its severity; None: any.
            event_name: its event name.
        """
        if severity_number is None:
            return self._rules.wants(1)
        try:
            level = level_of(severity_number)
            needs = self._core.effective().needs
            if not self._rules.wants(level) or needs.names or needs.explicit:
                return self._rules.wants(level)
            context = context or get_current()
            passed = self._rules.decide(level, context, _NO_ATTRIBUTES)
            if passed is None:
                return False
            route, sink = passed.effective.route, passed.decision.sink
            return is_wanted(route, passed.stem, sink, level, severity_number, context=context, event_name=event_name)
        except Exception:  # noqa: BLE001 - whatever was given as severity or context: `emit` reports it
            return True

    def _take(self, given: Given) -> None:
        attributes = given.attributes
        if given.event_name and EVENT_TYPE not in attributes and self._rules.looks_at(EVENT_TYPE):
            attributes = {**attributes, EVENT_TYPE: given.event_name}
        passed = self._rules.decide(given.level, given.context, attributes)
        if passed is None:
            return
        route, sink = passed.effective.route, passed.decision.sink
        try:
            emit_given(route, passed.stem, sink, given, passed.decision.held)
        except Exception as error:  # noqa: BLE001 - a logging call never raises
            report_lost(route, sink, error)
