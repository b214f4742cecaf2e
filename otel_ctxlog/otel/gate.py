"""A gate in front of a log record processor. Loads the SDK: imported by who uses one."""

from __future__ import annotations

import weakref
from typing import Final, Protocol

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context, get_current
from opentelemetry.sdk._logs import LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.otel.decided import GATES, Decided, decided

__all__ = ["GateProcessor", "Judge", "LogRecordProcessor"]


class Judge(Protocol):
    """What decides about records."""

    def has_decided(self, mark: Decided) -> bool:
        """Return whether that decision was this judge's own."""
        ...

    def lets_through(self, scope: str, record: LogRecord, context: Context) -> bool:
        """Return whether a record of an instrumentation scope passes; `context` is the record's own."""
        ...

    def may_let_through(self, severity: SeverityNumber | None) -> bool:
        """Return False where no record of that severity passes, whatever is on it; None: of any severity."""
        ...


class _Open:
    """Lets everything pass."""

    def has_decided(self, mark: Decided) -> bool:  # noqa: ARG002
        return True

    def lets_through(self, scope: str, record: LogRecord, context: Context) -> bool:  # noqa: ARG002
        return True

    def may_let_through(self, severity: SeverityNumber | None) -> bool:  # noqa: ARG002
        return True


_OPEN: Final = _Open()


class GateProcessor(LogRecordProcessor):
    """Passes on the records that a judge lets through, and those that it has decided about before.

    Args:
        next: the processor that gets them.
        judge: decides.
    """

    def __init__(self, next: LogRecordProcessor, judge: Judge) -> None:
        self._next = next
        self._judge: Judge = judge
        self._ended = False
        token = object()
        GATES.living.add(token)
        # Marks are needed until nobody can emit through this any more.
        self._leave = weakref.finalize(self, GATES.living.discard, token)
        self._leave.atexit = False

    def open(self) -> None:
        """Let everything pass from now on."""
        self._judge = _OPEN
        self._leave()

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Hand the record on if it passes; raises nothing."""
        if self._ended:
            return
        try:
            passes = self._passes(log_record)
        except Exception as error:  # noqa: BLE001 - whatever a record of others does
            report_once(
                self, f"a rule gate raised {type(error).__name__}: the record passes", error=error, topic="gate"
            )
            passes = True
        if not passes:
            return
        try:
            self._next.on_emit(log_record)
        except Exception as error:  # noqa: BLE001 - a logging call never raises
            kind = type(self._next).__name__
            text = f"a log record processor of type {kind} raised {type(error).__name__}: a record is lost"
            report_once(self, text, error=error, topic="next")

    def _passes(self, log_record: ReadWriteLogRecord) -> bool:
        record, scope = log_record.log_record, log_record.instrumentation_scope
        # A processor before this one may have taken the context away, as the SDK's once did.
        context = record.context or get_current()
        mark = decided(context)
        if mark is not None:
            if self._judge.has_decided(mark):
                return True
            context = mark.context
        return self._judge.lets_through("" if scope is None else scope.name, record, context)

    def enabled(
        self,
        *,
        context: Context | None = None,
        instrumentation_scope: InstrumentationScope | None = None,
        severity_number: SeverityNumber | None = None,
        event_name: str | None = None,
    ) -> bool:
        """Return False where no such record passes, or the next processor does not want it; raises nothing."""
        if self._ended:
            return False
        try:
            mark = None if context is None else decided(context)
            known = mark is not None and self._judge.has_decided(mark)
            if not known and not self._judge.may_let_through(severity_number):
                return False
            return self._next.enabled(
                context=context,
                instrumentation_scope=instrumentation_scope,
                severity_number=severity_number,
                event_name=event_name,
            )
        except Exception as error:  # noqa: BLE001 - a logging call never raises
            report_once(self, f"asking whether a record is wanted raised {type(error).__name__}", error=error)
            return True

    def shutdown(self) -> None:
        """Shut the next processor down, once; records that come later are ignored. Raises what that raises."""
        if self._ended:
            return
        self._ended = True
        self._leave()
        self._next.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Have the next processor export what it holds, and return whether it did in `timeout_millis` milliseconds.

        Raises what that raises.
        """
        return self._next.force_flush(timeout_millis)
