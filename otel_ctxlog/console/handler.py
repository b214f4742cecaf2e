"""The console formats for the standard library's `logging`."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from itertools import islice
from typing import Final, cast

from opentelemetry.trace import get_current_span

from otel_ctxlog.console.formats import ConsoleFormat, FormatName, as_format
from otel_ctxlog.console.outlet import Outlet, StreamArgument
from otel_ctxlog.console.record import ConsoleRecord, level_of_severity
from otel_ctxlog.console.text_stream import ConsoleStream
from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.engine.values import AttributeValue, clean_text, repr_of, safe_text, to_value

__all__ = ["ConsoleFormatter", "ConsoleHandler", "record_of"]

# What a record has of itself; all else was given as `extra`. `taskName` is new in Python 3.12, `message` and `asctime`
# are left by formatters.
_STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_OWN: Final = len(logging.makeLogRecord({}).__dict__)
_LAST: Final = tuple(logging.makeLogRecord({}).__dict__)[-1]
# From the standard levels to severity numbers (OpenTelemetry logs data model, appendix B); what lies between two
# belongs to the lower one.
_SEVERITIES: Final = ((50, 21), (40, 17), (30, 13), (20, 9), (10, 5), (1, 1))
_USUAL_SEVERITIES: Final = dict(_SEVERITIES)
# These names say what the severity says; others are shown.
_USUAL: Final = frozenset({"CRITICAL", "FATAL", "ERROR", "WARNING", "WARN", "INFO", "DEBUG", "NOTSET"})


class ConsoleFormatter(logging.Formatter):
    """A console format as a `logging.Formatter`, without colours: for handlers that write files.

    Args:
        format: as for `ConsoleSink`.

    Raises:
        ValueError: a name that is not known; the nearest is named.
        TypeError: an argument of the wrong kind.
    """

    def __init__(self, format: ConsoleFormat | FormatName | None = None) -> None:
        super().__init__()
        self._console_format = as_format(format)

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record without the last line end, as formatters do."""
        return self._console_format.format(record_of(record)).removesuffix("\n")


class ConsoleHandler(logging.Handler):
    """A `logging.Handler` that writes records in a console format, fields given as ``extra`` included.

    It can be named in a configuration for `logging.config.dictConfig`, with its arguments as keys.

    Args:
        stream: as for `ConsoleSink`; ``"ext://sys.stdout"`` of a configuration is a stream as well.
        format: ``"human"`` (the default), ``"padded"``, ``"json"``, or a format object. A `logging.Formatter` that is
            set with ``setFormatter`` is used in its place.
        color: as for `ConsoleSink`.
        level: the handler's level, as for every handler.

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
        level: int | str = logging.NOTSET,
    ) -> None:
        self._outlet = Outlet(stream, color=color)
        self._console_format = as_format(format)
        self._stream = ConsoleStream(outlet=self._outlet)
        super().__init__(level)
        # Not None, or `logging.basicConfig` would set one of its own.
        self._own_formatter = self.formatter = ConsoleFormatter(self._console_format)

    def __repr__(self) -> str:
        return f"<ConsoleHandler {self._outlet!r} ({logging.getLevelName(self.level)})>"

    @property
    def stream(self) -> ConsoleStream:
        """The text stream for other output between the records; the same one each time."""
        return self._stream

    def createLock(self) -> None:  # noqa: N802 - the standard library's name
        """Make no lock: the stream has one of its own, and two would have to be taken in one order."""
        self.lock = None

    def handle(self, record: logging.LogRecord) -> bool:
        """Write a record that passes the handler's filters; return whether it did."""
        passed: object = self.filter(record)
        if passed:
            # Since Python 3.12 a filter may replace the record.
            self.emit(record if passed is True else _replaced(record, passed))
        return bool(passed)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; never raises."""
        formatter = self.formatter
        if formatter is not None and formatter is not self._own_formatter:
            try:
                text = f"{formatter.format(record)}\n"
            except Exception as error:  # noqa: BLE001 - whatever a formatter of the user does
                report_once(formatter, f"a logging formatter raised {type(error).__name__}", error=error)
            else:
                self._outlet.write(text)
                return
        try:
            shown = record_of(record)
        except Exception as error:  # noqa: BLE001 - a record of somebody's making
            kind = type(record)
            report_once(kind, f"a record of type {kind.__name__} cannot be shown", error=error, topic="console")
            return
        self._outlet.show(shown, self._console_format)

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record without colours and the last line end, as handlers do."""
        return (self.formatter or self._own_formatter).format(record)

    def flush(self) -> None:
        """Write what was left unfinished on `stream`; records are written at once."""
        self._stream.close()

    def close(self) -> None:
        """Flush; the stream stays open, it belongs to others."""
        self.flush()
        super().close()


def _replaced(record: logging.LogRecord, passed: object) -> logging.LogRecord:
    return passed if isinstance(passed, logging.LogRecord) else record


def record_of(record: logging.LogRecord) -> ConsoleRecord:
    """Return a standard record as a console record, with the current trace.

    A message that does not fit its arguments is kept, with the arguments and what was wrong behind it. A field `realm`
    that is text is the realm.

    Raises:
        Exception: what a record raises that is none of ``logging``'s, as where it lacks an attribute.
    """
    severity = _severity(record.levelno)
    fields: dict[str, AttributeValue] = {}
    given = record.__dict__
    rest: Iterable[tuple[str, object]] = ()
    if next(islice(given, _OWN - 1, None), None) != _LAST:
        rest = given.items()
    elif len(given) > _OWN:
        # Most records: what a record has of itself comes first, in one order.
        rest = islice(given.items(), _OWN, None)
    for name, value in rest:
        if name not in _STANDARD:
            fields[name] = to_value(value)
    realm = fields.get("realm") if fields else None
    span = get_current_span().get_span_context()
    return ConsoleRecord(
        _time(record.created),
        level_of_severity(severity),
        severity,
        "" if record.levelname in _USUAL else _word(record.levelname),
        _text(record.name) or "",
        realm if isinstance(realm, str) else None,
        _message(record),
        fields,
        _exception(record),
        _text(getattr(record, "stack_info", None)),
        None,
        span.trace_id,
        span.span_id,
    )


def _severity(number: object) -> int:
    if isinstance(number, int):
        if number in _USUAL_SEVERITIES:
            return _USUAL_SEVERITIES[number]
        for least, severity in _SEVERITIES:
            if number >= least:
                return severity
    return 0


def _time(created: object) -> int:
    try:
        # By way of microseconds: a float has no more.
        return round(created * 1e6) * 1000  # type: ignore[operator]
    except (TypeError, ValueError, OverflowError):  # a record of somebody's making
        return 0


def _text(text: object) -> str | None:
    if type(text) is str:
        return text or None
    return None if text is None else safe_text(text)


def _word(name: object) -> str:
    text = safe_text(name)
    # What `logging` calls a number without a name.
    return "" if text.startswith("Level ") else text


def _message(record: logging.LogRecord) -> str:
    try:
        return clean_text(record.getMessage())
    except Exception as error:  # noqa: BLE001 - a `__str__` of the user, or arguments that do not fit
        given = f" {repr_of(record.args)}" if record.args else ""
        return f"{safe_text(record.msg)}{given} !ERROR: {type(error).__name__}: {safe_text(error)}"


def _exception(record: logging.LogRecord) -> BaseException | str | None:
    info: object = getattr(record, "exc_info", None)
    if isinstance(info, tuple):
        parts = cast("tuple[object, ...]", info)
        if len(parts) > 1 and isinstance(parts[1], BaseException):
            return parts[1]
    # A record that came from another process, or through a queue.
    return _text(getattr(record, "exc_text", None))
