"""What a record of stdlib ``logging`` says, in terms of OpenTelemetry records.

The attributes are those of OpenTelemetry's own handler (``opentelemetry-instrumentation-logging``): what was given by
``extra=``, under its own keys, and the code location (semantic conventions, ``code.*``). The ``otel*`` keys which that
package's record factory adds are left out: they repeat what the record itself has.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Final, cast

from otel_ctxlog.engine.levels import DEBUG, ERROR, INFO, TRACE, WARN
from otel_ctxlog.engine.values import AttributeValue, clean_text, is_a, safe_text, to_value

__all__ = [
    "CAPTURED",
    "LEVEL_NAME",
    "SET_ASIDE",
    "attributes_of",
    "body_of",
    "call_attributes",
    "event_name_of",
    "exception_of",
    "level_of",
    "std_level_of",
    "timestamp_of",
]

CAPTURED: Final = "_otel_ctxlog_context"
"""Where a record keeps the OTel context that it was made in."""
LEVEL_NAME: Final = "log.level"
"""The attribute with the name of a level that is none of logging's own."""
SET_ASIDE: Final = "_otel_ctxlog_extra"
"""Where a record keeps the extras that its own attributes would hide."""

_ERROR, _WARN, _INFO, _DEBUG, _TRACE = int(ERROR), int(WARN), int(INFO), int(DEBUG), int(TRACE)
_STANDARD: Final = frozenset({10, 20, 30, 40, 50})
_STD_LEVELS: Final = (logging.CRITICAL + 1, logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG)
_FINEST: Final = 5

_PLAIN: Final = vars(logging.LogRecord("", 0, "", 0, "", (), None))
_OWN: Final = frozenset(_PLAIN) | {
    "asctime",
    "message",
    "taskName",
    CAPTURED,
    SET_ASIDE,
    "otelSpanID",
    "otelTraceID",
    "otelTraceSampled",
    "otelServiceName",
}
_REFUSED: Final = frozenset({"message", "asctime"})
_OWN_COUNT: Final = len(_PLAIN)
_LAST_OWN: Final = next(reversed(_PLAIN))
_KEPT: Final = (bool, int, float, bytes, Mapping, Sequence)
_LATEST: Final = 2.0**63 / 1e9


def level_of(levelno: int) -> int:
    """Return the level of a ``logging`` level: 40 and above Error, 30 Warn, 20 Info, 10 Debug, below Trace.

    What lies between two counts as the more verbose: 25 is Info. CRITICAL is an error to the rules.
    """
    if levelno >= logging.INFO:
        if levelno < logging.WARNING:
            return _INFO
        return _WARN if levelno < logging.ERROR else _ERROR
    return _DEBUG if levelno >= logging.DEBUG else _TRACE


def std_level_of(level: int) -> int:
    """Return the lowest ``logging`` level that `level` lets through; for None one above CRITICAL, for Trace 5."""
    return _STD_LEVELS[level] if level < _TRACE else _FINEST


def timestamp_of(record: logging.LogRecord) -> int | None:
    """Return when the record was made, in nanoseconds since the epoch; None where it does not say."""
    made: object = record.created
    return int(made * 1e9) if type(made) is float and 0 < made < _LATEST else None


def exception_of(record: logging.LogRecord) -> BaseException | None:
    """Return the record's exception, or None."""
    info: object = record.exc_info
    if type(info) is tuple:
        parts = cast("tuple[object, ...]", info)
        info = parts[1] if len(parts) > 1 else None
    return info if is_a(info, BaseException) else None


def body_of(record: logging.LogRecord) -> AttributeValue:
    """Return the formatted message; an object logged without arguments is kept where OpenTelemetry can say it.

    Raises:
        Exception: whatever formatting raises.
    """
    message: object = record.msg
    if record.args or type(message) is str or type(record).getMessage is not logging.LogRecord.getMessage:
        return clean_text(record.getMessage())
    kind = type(message)
    if message is None or (issubclass(kind, _KEPT) and not issubclass(kind, str)):
        return to_value(message)
    return safe_text(message)


def attributes_of(record: logging.LogRecord) -> dict[str, object]:
    """Return the attributes of a record, values as they were given; what a limit takes first comes first."""
    known = record.__dict__
    path, line, function = record.pathname, record.lineno, record.funcName
    attributes: dict[str, object]
    if path and line and function and path != "(unknown file)":
        attributes = {"code.file.path": path, "code.line.number": line, "code.function.name": function}
    else:  # a record that came over a socket, or was made by hand
        attributes = _partly(path, line, function)
    if record.levelno not in _STANDARD or record.stack_info or record.exc_text:
        _add_rare(record, attributes)
    if len(known) != _OWN_COUNT:
        # The attributes that every record has come first, unless somebody took one away.
        keys = list(known)
        for key in keys[_OWN_COUNT:] if keys[_OWN_COUNT - 1] == _LAST_OWN else keys:
            if key not in _OWN:
                attributes[key] = known[key]
        aside = known.get(SET_ASIDE)
        if aside is not None:
            attributes.update(aside)
    return attributes


def call_attributes(
    levelno: int, place: tuple[str, int, str, str | None], extra: dict[str, object] | None
) -> dict[str, object] | None:
    """Return what `attributes_of` would for the record of a call; None where that call would raise.

    Args:
        levelno: the level of the call.
        place: file, line, function, and the stack or None, as ``Logger.findCaller`` gives them.
        extra: what was given as ``extra=``, or None.
    """
    path, line, function, stack = place
    attributes: dict[str, object] = {"code.file.path": path, "code.line.number": line, "code.function.name": function}
    if stack is not None:
        attributes["code.stacktrace"] = stack
    if levelno not in _STANDARD:
        attributes[LEVEL_NAME] = logging.getLevelName(levelno)
    if extra:
        for key, value in extra.items():
            if key in _OWN:
                if key in _PLAIN or key in _REFUSED:
                    return None
                continue
            attributes[key] = value
    return attributes


def event_name_of(attributes: dict[str, object]) -> str | None:
    """Take the event name out of a record's attributes and return it, or None.

    It is what was given as extra ``otel.event.name`` or, as it was once, ``event.name``; what is no text stays an
    attribute.
    """
    for key in ("otel.event.name", "event.name"):
        name = attributes.get(key)
        if is_a(name, str) and name:
            del attributes[key]
            return clean_text(name)
    return None


def _partly(path: str, line: int, function: str) -> dict[str, object]:
    found: dict[str, object] = {}
    if path and path != "(unknown file)":
        found["code.file.path"] = path
        if line:
            found["code.line.number"] = line
    if function and function != "(unknown function)":
        found["code.function.name"] = function
    return found


def _add_rare(record: logging.LogRecord, attributes: dict[str, object]) -> None:
    if record.stack_info:
        attributes["code.stacktrace"] = record.stack_info
    if record.exc_text and exception_of(record) is None:
        # It was formatted elsewhere: records lose the exception itself on the way through a socket.
        attributes["exception.stacktrace"] = record.exc_text
    if record.levelno not in _STANDARD:
        attributes[LEVEL_NAME] = record.levelname
