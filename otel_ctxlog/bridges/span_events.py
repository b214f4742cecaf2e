"""OpenTelemetry's events as events of the current span, where tracing tools show them.

This module loads the OpenTelemetry SDK.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.context import get_current
from opentelemetry.sdk._logs import LogRecordProcessor

from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.otel.span_events import add_span_event, is_bridged, mark_bridged

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import ReadWriteLogRecord

__all__ = ["SpanEventProcessor"]


class SpanEventProcessor(LogRecordProcessor):
    """A ``LogRecordProcessor`` that adds each event to the span that it happened in, too.

    It is the "Event to span event bridge" of the OpenTelemetry specification (Logs SDK, status: Development): a record
    becomes an event of the current span of its OTel context if it has an event name and valid trace and span ids, and
    that span records and has these ids. The span event has the record's event name, its timestamp, else its observed
    timestamp, and all its attributes; not its body. The record goes on as ever. An event that was put on its span
    before, by an `OTelEventer` with ``span_events`` or by another of these, is not put there again.

    Args:
        next: the processor that gets all records afterwards, for instance a ``BatchLogRecordProcessor`` behind the
            rules of a `ContextRuleProcessor`; None: none, for one that is added to a provider beside the others.

    Raises:
        TypeError: `next` is no processor.
    """

    def __init__(self, next: LogRecordProcessor | None = None) -> None:
        if next is not None and not callable(getattr(next, "on_emit", None)):
            msg = f"next must be a LogRecordProcessor or None, but got {next!r}"
            raise TypeError(msg)
        self._next: Final = next
        self._ended = False

    def __repr__(self) -> str:
        return f"SpanEventProcessor({'' if self._next is None else repr(self._next)})"

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Add the record to its span if it is an event, and hand it on; raises nothing."""
        if self._ended:
            return
        try:
            _bridge(log_record)
        except Exception as error:  # noqa: BLE001 - a logging call never raises
            text = f"adding an event to its span raised {type(error).__name__}"
            report_once(self, text, error=error, topic="span")
        if self._next is None:
            return
        try:
            self._next.on_emit(log_record)
        except Exception as error:  # noqa: BLE001 - a logging call never raises
            kind = type(self._next).__name__
            text = f"a log record processor of type {kind} raised {type(error).__name__}: a record is lost"
            report_once(self, text, error=error, topic="next")

    def shutdown(self) -> None:
        """Shut the next processor down, once; records that come later are ignored. Raises what that raises."""
        if self._ended:
            return
        self._ended = True
        if self._next is not None:
            self._next.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Have the next processor export what it holds, and return whether it did in `timeout_millis` milliseconds.

        Raises what that raises.
        """
        return True if self._next is None else self._next.force_flush(timeout_millis)


def _bridge(log_record: ReadWriteLogRecord) -> None:
    record = log_record.log_record
    if not record.event_name:
        return
    # A processor before this one may have taken the context away, as the SDK's once did; the ids tell.
    context = record.context or get_current()
    if is_bridged(context):
        return
    if add_span_event(
        context,
        record.event_name,
        record.attributes,
        timestamp=record.timestamp or record.observed_timestamp,
        ids=(record.trace_id or 0, record.span_id or 0),
    ):
        record.context = mark_bridged(context)
