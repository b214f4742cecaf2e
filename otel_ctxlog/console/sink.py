"""The console sink: a context's records on a text stream, without an OpenTelemetry provider."""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.trace import get_current_span

from otel_ctxlog.console.formats import ConsoleFormat, FormatName, as_format
from otel_ctxlog.console.outlet import Outlet, StreamArgument
from otel_ctxlog.console.record import ConsoleRecord
from otel_ctxlog.console.text_stream import ConsoleStream
from otel_ctxlog.engine.values import AttributeValue
from otel_ctxlog.otel.context import Context
from otel_ctxlog.otel.severity import SeverityNumber

__all__ = ["ConsoleSink"]


class ConsoleSink:
    """A `LogSink` that writes each record to a text stream, with one ``write`` each; safe from many threads.

    Nothing that the stream does reaches the caller: a stream that fails is reported once.

    Args:
        stream: a text stream, ``"stderr"``, ``"stdout"``, or None for ``"stderr"``. A standard stream is looked up anew
            for each record.
        format: ``"human"`` (the default), ``"padded"``, ``"json"``, or a format object.
        color: colours or none; None: as ``NO_COLOR``, ``FORCE_COLOR`` and the terminal say.

    Raises:
        ValueError: a name that is not known; the nearest is named.
        TypeError: an argument of the wrong kind.
    """

    __slots__ = ("__weakref__", "_format", "_outlet", "_stream")

    def __init__(
        self,
        stream: StreamArgument = None,
        *,
        format: ConsoleFormat | FormatName | None = None,
        color: bool | None = None,
    ) -> None:
        self._outlet = Outlet(stream, color=color)
        self._format = as_format(format)
        self._stream = ConsoleStream(outlet=self._outlet)

    def __repr__(self) -> str:
        return f"<ConsoleSink {self._outlet!r} {self._format!r}>"

    @property
    def stream(self) -> ConsoleStream:
        """The text stream for other output between the records; the same one each time."""
        return self._stream

    def enabled(self, level: int) -> bool:  # noqa: ARG002 - a console takes every level
        """Return True: rules decide what passes."""
        return True

    def emit(
        self,
        *,
        level: int,
        body: AttributeValue,
        attributes: Mapping[str, AttributeValue],
        name: str,
        realm: str | None,
        exception: BaseException | None,
        context: Context,
        timestamp: int,
        severity: SeverityNumber,
        event_name: str | None,
    ) -> None:
        """Write one record; never raises."""
        span = get_current_span(context).get_span_context()
        record = ConsoleRecord(
            timestamp,
            level,
            severity.value,
            "",
            name,
            realm,
            body,
            attributes,
            exception,
            None,
            event_name,
            span.trace_id,
            span.span_id,
        )
        self._outlet.show(record, self._format)
