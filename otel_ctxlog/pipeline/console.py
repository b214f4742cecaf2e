"""The exporters named `console`: one readable line per record and per span, on standard output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SpanExporter

from otel_ctxlog.console.exporter import ConsoleExporter
from otel_ctxlog.console.text import as_name, quote, quote_name
from otel_ctxlog.console.text_stream import ConsoleStream
from otel_ctxlog.console.times import iso_time

if TYPE_CHECKING:
    from opentelemetry.sdk._logs.export import LogRecordExporter
    from opentelemetry.sdk.trace import ReadableSpan

__all__ = ["console_log_exporter", "console_span_exporter", "format_span"]


def format_span(span: ReadableSpan) -> str:
    """Return the line of a span: end, ``SPAN``, name, duration in milliseconds, attributes and short trace id."""
    duration = ((span.end_time or 0) - (span.start_time or 0)) / 1e6
    line = f"{iso_time(span.end_time or 0)} SPAN  {as_name(span.name)} {duration:.1f}ms"
    pairs = [f"{quote_name(name)}={quote(value)}" for name, value in (span.attributes or {}).items()]
    if span.context is not None:
        pairs.append(f"trace={span.context.trace_id:032x}"[: len("trace=") + 8])
    return f"{line}  {' '.join(pairs)}\n" if pairs else f"{line}\n"


def console_log_exporter() -> LogRecordExporter:
    """Return an exporter that writes records in the human format to what is standard output then."""
    return ConsoleExporter("stdout")


def console_span_exporter() -> SpanExporter:
    """Return the SDK's console exporter with our line, between the records on the same stream."""
    return ConsoleSpanExporter(out=ConsoleStream("stdout"), formatter=format_span)
