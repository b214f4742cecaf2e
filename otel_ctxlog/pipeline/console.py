"""The exporters named `console`: one readable line per record and per span, on standard output."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from opentelemetry.sdk._logs.export import ConsoleLogRecordExporter, LogRecordExporter
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SpanExporter

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.sdk.trace import ReadableSpan

__all__ = ["console_log_exporter", "console_span_exporter", "format_record", "format_span"]


def _time(nanoseconds: int | None) -> str:
    moment = datetime.fromtimestamp((nanoseconds or 0) / 1e9, tz=timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _text(value: object) -> str:
    """A value on one line: bare where that is clear, as JSON otherwise."""
    if isinstance(value, str) and value and value.isprintable() and not set(value) & set(' "='):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _body(value: object) -> str:
    # A line break in a message would make two lines of one record, and a forged record of the second.
    if isinstance(value, str):
        return value if value.isprintable() else json.dumps(value, ensure_ascii=False)[1:-1]
    return "" if value is None else _text(value)


def format_record(record: ReadableLogRecord) -> str:
    """Return the line of a record: time, severity, scope, body, attributes and short trace id, ended by a newline."""
    log = record.log_record
    scope = record.instrumentation_scope
    parts = [_time(log.timestamp or log.observed_timestamp), f"{log.severity_text or '-':<5}", _body(log.body)]
    if scope is not None and scope.name:
        parts.insert(2, f"[{scope.name}]")
    if log.event_name:
        parts.insert(2, f"event={_text(log.event_name)}")
    parts.extend(f"{_text(name)}={_text(value)}" for name, value in (log.attributes or {}).items())
    if log.trace_id:
        parts.append(f"trace={log.trace_id:032x}"[: len("trace=") + 8])
    return " ".join(part for part in parts if part) + "\n"


def format_span(span: ReadableSpan) -> str:
    """Return the line of a span: end, ``SPAN``, name, duration in milliseconds, attributes and short trace id."""
    duration = ((span.end_time or 0) - (span.start_time or 0)) / 1e6
    parts = [_time(span.end_time), "SPAN ", _body(span.name), f"{duration:.1f}ms"]
    parts.extend(f"{_text(name)}={_text(value)}" for name, value in (span.attributes or {}).items())
    if span.context is not None:
        parts.append(f"trace={span.context.trace_id:032x}"[: len("trace=") + 8])
    return " ".join(parts) + "\n"


def console_log_exporter() -> LogRecordExporter:
    """Return the SDK's console exporter with our line, on what is standard output now."""
    return ConsoleLogRecordExporter(out=sys.stdout, formatter=format_record)


def console_span_exporter() -> SpanExporter:
    """Return the SDK's console exporter with our line, on what is standard output now."""
    return ConsoleSpanExporter(out=sys.stdout, formatter=format_span)
