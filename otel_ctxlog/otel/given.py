"""Records as callers of OpenTelemetry's logs API give them, and emitting them as they were given."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Final, cast

from opentelemetry import trace
from opentelemetry._logs import Logger as OtelLogger
from opentelemetry._logs import LogRecord
from opentelemetry.util.types import AnyValue, Attributes

from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.engine.fields import Fields, are_plain, read_fields
from otel_ctxlog.engine.held import Held
from otel_ctxlog.engine.levels import ERROR
from otel_ctxlog.engine.protocols import LogSink
from otel_ctxlog.engine.stem import Stem
from otel_ctxlog.engine.values import AttributeValue, safe_text, to_value
from otel_ctxlog.otel.context import Context, get_current
from otel_ctxlog.otel.decided import GATES, mark
from otel_ctxlog.otel.provider_sink import DEFAULT_SCOPE, LOGGER_NAME, ScopeLogger, emit_record
from otel_ctxlog.otel.route import Route, goes_out, shifted, write
from otel_ctxlog.otel.severity import SeverityNumber, level_of, severity_of, severity_text

__all__ = ["Given", "GivenLogger", "emit_given", "is_wanted"]

_NO_ATTRIBUTES: Final[Mapping[str, object]] = {}
# OTLP's field is ``fixed64``.
_LAST_TIME: Final = (1 << 64) - 1


class Given:
    """One record, as it was given.

    Attributes:
        ids: trace id, span id and flags, where they are others than those of its context (parameters of ``LogRecord``
            that are deprecated); else None.
        level: what its severity says; Info where it has none.
    """

    __slots__ = (
        "attributes",
        "body",
        "context",
        "event_name",
        "exception",
        "ids",
        "level",
        "observed_timestamp",
        "severity",
        "severity_text",
        "timestamp",
    )

    def __init__(
        self,
        *,
        timestamp: int | None,
        observed_timestamp: int | None,
        context: Context | None,
        severity: SeverityNumber | None,
        severity_text: str | None,
        body: object,
        attributes: Mapping[str, object] | None,
        event_name: str | None,
        exception: BaseException | None,
        ids: tuple[int, int, trace.TraceFlags] | None = None,
    ) -> None:
        self.timestamp = _time(timestamp)
        self.observed_timestamp = _time(observed_timestamp)
        self.context = _context(context)
        self.severity = severity = _severity(severity)
        self.severity_text = _text(severity_text)
        self.body = body
        self.attributes = attributes or _NO_ATTRIBUTES
        self.event_name = _text(event_name)
        self.exception = exception if isinstance(exception, BaseException) else None
        self.ids = ids
        self.level = level_of(0 if severity is None else severity)

    @classmethod
    def of(cls, record: LogRecord) -> Given:
        """Return what a record says."""
        # The SDK's own have the record in an envelope.
        record = cast("LogRecord", getattr(record, "log_record", record))
        context = record.context or get_current()
        ids = (record.trace_id or 0, record.span_id or 0, record.trace_flags or trace.TraceFlags(0))
        span = trace.get_current_span(context).get_span_context()
        return cls(
            timestamp=record.timestamp,
            observed_timestamp=record.observed_timestamp,
            context=context,
            severity=record.severity_number,
            severity_text=record.severity_text,
            body=record.body,
            attributes=record.attributes,
            event_name=record.event_name,
            exception=record.exception,
            ids=None if ids == (span.trace_id, span.span_id, span.trace_flags) else ids,
        )

    def content(self) -> tuple[AttributeValue, Fields]:
        """Return body and fields as they go on records."""
        return to_value(self.body), self.fields()

    def fields(self) -> Fields:
        """Return the attributes as they go on records."""
        kind: object = type(self.attributes)
        if kind is dict and are_plain(self.attributes):
            return read_fields((), self.attributes)
        return read_fields((self.attributes,), _NO_ATTRIBUTES)


# A record that cannot be encoded costs the whole batch that it is exported in: such parts are mended here.
def _time(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= _LAST_TIME else None


def _context(value: object) -> Context:
    return value if value and isinstance(value, Context) else get_current()


def _severity(value: object) -> SeverityNumber | None:
    if value is None or type(value) is SeverityNumber:
        return value
    try:
        return SeverityNumber(value)
    except ValueError:
        return None


def _text(value: object) -> str | None:
    if value is None or (type(value) is str and value.isascii()):
        return value
    return safe_text(value)


class GivenLogger(OtelLogger):
    """OpenTelemetry's ``Logger``, without what becomes of the records."""

    def __init__(self) -> None:
        super().__init__(DEFAULT_SCOPE)

    def emit(
        self,
        record: LogRecord | None = None,
        *,
        timestamp: int | None = None,
        observed_timestamp: int | None = None,
        context: Context | None = None,
        severity_number: SeverityNumber | None = None,
        severity_text: str | None = None,
        body: AnyValue | None = None,
        attributes: Attributes = None,
        event_name: str | None = None,
        exception: BaseException | None = None,
    ) -> None:
        """Emit one record, given as a ``LogRecord`` or by its parts, if it passes; raises nothing."""
        try:
            if record is not None:
                given = Given.of(record)
            else:
                given = Given(
                    timestamp=timestamp,
                    observed_timestamp=observed_timestamp,
                    context=context,
                    severity=severity_number,
                    severity_text=severity_text,
                    body=body,
                    attributes=attributes,
                    event_name=event_name,
                    exception=exception,
                )
            self._take(given)
        except Exception as error:  # noqa: BLE001 - a logging call never raises
            text = f"a record given to an OpenTelemetry logger raised {type(error).__name__}: it is lost"
            report_once(type(self), text, error=error)

    @abstractmethod
    def _take(self, given: Given) -> None:
        """Do what is to be done with one record; may raise."""


def emit_given(route: Route, stem: Stem, sink: LogSink | None, given: Given, held: Held | None = None) -> None:
    """Emit one record that the rules let through, unless their controls hold it back; raises what a sink raises.

    A provider gets timestamps, severity, texts, ids and event name as they were given; other sinks what their protocol
    has. What a stem and the sources attach comes on top, as for all records.

    Args:
        route: gives the sources and, where `sink` is None, the target.
        stem: what the logger puts on the record.
        sink: where a rule sent the record, or None for the route's target.
        given: the record.
        held: the rule that let it through, or None where the default level did.
    """
    severity, text = given.severity, given.severity_text
    if route.offset and sink is None and given.level > ERROR:
        severity = severity_of(given.level + route.offset)
        text = severity_text(severity)
    if sink is not None or route.provider is None:
        write(
            route,
            stem,
            sink,
            given.context,
            given.level,
            None,
            (),
            _NO_ATTRIBUTES,
            exception=given.exception,
            severity=severity or None,
            event_name=given.event_name,
            timestamp=given.timestamp,
            content=given.content,
            held=held,
        )
        return
    context = mark(given.context, route.owner) if GATES.living else given.context
    logger, renamed = route.provider.scope(stem.scope)
    if not logger.wants_all() and not logger.enabled(
        context=context, severity_number=severity, event_name=given.event_name
    ):
        return
    attributes = stem.record_attributes(route.reader.attachments(given.context), given.fields())
    if held is not None and not goes_out(held, given.level, given.context, given.body, given.event_name, attributes):
        return
    if renamed:
        attributes[LOGGER_NAME] = stem.scope
    as_given = _AsGiven(logger, given, severity, text)
    if given.exception is None:
        as_given.emit(context=context, body=to_value(given.body), attributes=attributes, event_name=given.event_name)
        return
    emit_record(
        as_given,
        body=to_value(given.body),
        attributes=attributes,
        exception=given.exception,
        context=context,
        timestamp=given.timestamp or 0,
        severity=severity or SeverityNumber.UNSPECIFIED,
        event_name=given.event_name,
    )


def is_wanted(
    route: Route,
    stem: Stem,
    sink: LogSink | None,
    level: int,
    severity: SeverityNumber,
    *,
    context: Context,
    event_name: str | None,
) -> bool:
    """Return whether the target would use such a record, which the rules let through; raises what a sink raises."""
    if sink is not None:
        return sink.enabled(level)
    shifted_level = shifted(level, route.offset)
    if route.provider is None:
        return route.target.enabled(shifted_level)
    if shifted_level != level:
        severity = severity_of(shifted_level)
    if GATES.living:
        context = mark(context, route.owner)
    logger, _ = route.provider.scope(stem.scope)
    return logger.wants_all() or logger.enabled(context=context, severity_number=severity, event_name=event_name)


class _AsGiven:
    """Passes one record on to a logger, with those of its parts that our own records do not have."""

    __slots__ = ("_given", "_logger", "_severity", "_text")

    def __init__(self, logger: ScopeLogger, given: Given, severity: SeverityNumber | None, text: str | None) -> None:
        self._logger = logger
        self._given = given
        self._severity = severity
        self._text = text

    def emit(self, **parts: Any) -> None:
        """Emit the record: its parts, with those that were given as they were, none included."""
        given = self._given
        parts |= {
            "timestamp": given.timestamp,
            "observed_timestamp": given.observed_timestamp,
            "severity_number": self._severity,
            "severity_text": self._text,
        }
        if given.ids is None:
            self._logger.emit(**parts)
            return
        record = LogRecord(**parts)
        record.trace_id, record.span_id, record.trace_flags = given.ids
        self._logger.emit(record)
