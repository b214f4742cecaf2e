"""The console formats as an OpenTelemetry exporter. Importing this module loads the SDK."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, cast

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import ConsoleLogRecordExporter, LogRecordExportResult

from otel_ctxlog.console.formats import ConsoleFormat, FormatName, as_format
from otel_ctxlog.console.outlet import Outlet, StreamArgument
from otel_ctxlog.console.record import ConsoleRecord, level_of_severity
from otel_ctxlog.console.text_stream import ConsoleStream
from otel_ctxlog.engine.values import AttributeValue
from otel_ctxlog.otel.provider_sink import DEFAULT_SCOPE

__all__ = ["ConsoleExporter", "record_of"]

_STACK: Final = "exception.stacktrace"
_TYPE: Final = "exception.type"
_MESSAGE: Final = "exception.message"
_EXCEPTION: Final = frozenset({_STACK, _TYPE, _MESSAGE})


# The SDK's console exporter as base: whoever treats that one as one that writes at once means this one, too.
class ConsoleExporter(ConsoleLogRecordExporter):
    """A `LogRecordExporter` that writes each record to a text stream, with one ``write`` each; safe from many threads.

    Args:
        stream: as for `ConsoleSink`, but None is ``"stdout"``, as for the SDK's console exporter.
        format: ``"human"`` (the default), ``"padded"``, ``"json"``, or a format object.
        color: as for `ConsoleSink`.

    Raises:
        ValueError: a name that is not known; the nearest is named.
        TypeError: an argument of the wrong kind.
    """

    def __init__(
        self,
        stream: StreamArgument = None,
        *,
        format: ConsoleFormat | FormatName | None = None,
        color: bool | None = None,
    ) -> None:
        self._outlet = Outlet("stdout" if stream is None else stream, color=color)
        self._format = as_format(format)
        self._stream = ConsoleStream(outlet=self._outlet)
        super().__init__(out=self._stream, formatter=self._formatted)  # pyright: ignore[reportUnknownMemberType] - the SDK's

    def __repr__(self) -> str:
        return f"<ConsoleExporter {self._outlet!r} {self._format!r}>"

    @property
    def stream(self) -> ConsoleStream:
        """The text stream for other output between the records; the same one each time."""
        return self._stream

    def export(self, batch: Sequence[ReadableLogRecord]) -> Literal[LogRecordExportResult.SUCCESS]:
        """Write the records; always a success, since what a stream does is reported and not raised."""
        for record in batch:
            self._outlet.show(record_of(record), self._format)
        return LogRecordExportResult.SUCCESS

    def _formatted(self, record: ReadableLogRecord) -> str:
        return self._format.format(record_of(record))


def record_of(record: ReadableLogRecord) -> ConsoleRecord:
    """Return an SDK record as a console record.

    The scope is the name, unless it only stands for the realm or for this library; the attribute `realm` is the realm;
    the attributes ``exception.*`` are the exception.
    """
    log = record.log_record
    attributes: Mapping[str, AttributeValue] = cast("Mapping[str, AttributeValue]", log.attributes or {})
    realm = attributes.get("realm")
    realm = realm if isinstance(realm, str) else None
    exception = _exception(attributes)
    if exception is not None:
        attributes = {name: value for name, value in attributes.items() if name not in _EXCEPTION}
    scope = record.instrumentation_scope
    name = scope.name if scope is not None else ""
    severity = 0 if log.severity_number is None else log.severity_number.value
    return ConsoleRecord(
        timestamp=log.timestamp or log.observed_timestamp or 0,
        level=level_of_severity(severity),
        severity=severity,
        severity_text=log.severity_text or "",
        name="" if name in (realm, DEFAULT_SCOPE) else name,
        realm=realm,
        body=log.body,
        attributes=attributes,
        exception=exception,
        event_name=log.event_name or None,
        trace_id=log.trace_id or 0,
        span_id=log.span_id or 0,
    )


def _exception(attributes: Mapping[str, AttributeValue]) -> str | None:
    stack = attributes.get(_STACK)
    if isinstance(stack, str) and stack.strip():
        return stack
    parts = [part for key in (_TYPE, _MESSAGE) if isinstance(part := attributes.get(key), str)]
    return ": ".join(parts) if parts else None
