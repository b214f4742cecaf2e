"""The one input of every console format: a record, wherever it came from."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from otel_ctxlog.engine.levels import ERROR, TRACE, Level
from otel_ctxlog.engine.values import AttributeValue

__all__ = ["SAID", "ConsoleRecord", "is_error", "is_said", "label_of", "level_of_severity", "severity_word"]

# Four severity numbers each, from 1 (OpenTelemetry logs data model, "Field: SeverityNumber").
_RANGES: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_LEVELS: Final = (5, 4, 3, 2, 1, 1)
_NONE: Final[Mapping[str, AttributeValue]] = MappingProxyType({})


class ConsoleRecord(NamedTuple):
    """What a console format shows; immutable. A named tuple, since one is made for every record.

    Attributes:
        timestamp: nanoseconds since the epoch.
        level: the level as in `otel_ctxlog.Level`, finer trace levels included.
        severity: the OpenTelemetry severity number, 1 to 24, or 0 where there is none.
        severity_text: its text, as ``"WARN"``; empty for that of the number.
        name: the logger's name, or empty.
        realm: the realm, or None.
        body: the message, or whatever else the record is about.
        attributes: the fields, in the order shown.
        exception: the exception, or a traceback that is text already.
        stack: the stack of the call as text, where one was asked for.
        event_name: the type of an event, or None for a log record.
        trace_id: the trace it belongs to, or 0.
        span_id: the span it belongs to, or 0.
    """

    timestamp: int
    level: int
    severity: int
    severity_text: str = ""
    name: str = ""
    realm: str | None = None
    body: AttributeValue = None
    attributes: Mapping[str, AttributeValue] = _NONE
    exception: BaseException | str | None = None
    stack: str | None = None
    event_name: str | None = None
    trace_id: int = 0
    span_id: int = 0


def level_of_severity(severity: int) -> int:
    """Return the level of a severity number: ERROR for 17 and above … TRACE for 1 to 4, and INFO for none."""
    return _LEVELS[min((severity - 1) // 4, 5)] if severity > 0 else int(Level.INFO)


_WORDS: Final = {number: _RANGES[(number - 1) // 4] for number in range(1, 25)}


def severity_word(record: ConsoleRecord) -> str:
    """Return the word for a record's severity: its own text, else ``FATAL`` … ``TRACE`` by number, else ``-``."""
    if record.severity_text:
        return record.severity_text
    severity = record.severity
    return _RANGES[min((severity - 1) // 4, 5)] if severity > 0 else "-"


def label_of(record: ConsoleRecord) -> str:
    """Return the word for a record's level: that for its severity, with the number of a level finer than Trace.

    Level 6 is ``TRACE6``. OpenTelemetry's own ``TRACE2`` to ``TRACE4`` are severities: no level that fine has such a
    number.
    """
    if record.level <= TRACE and not record.severity_text:
        return _WORDS.get(record.severity, "-")
    word = severity_word(record)
    return f"TRACE{record.level}" if record.level > TRACE and word == "TRACE" else word


def is_error(record: ConsoleRecord) -> bool:
    """Return whether the record is an error or worse."""
    return record.severity >= 17 if record.severity else record.level == ERROR  # noqa: PLR2004 - SeverityNumber.ERROR


SAID: Final = frozenset({"realm", "eventType"})
"""The attributes that may have been said elsewhere; see `is_said`."""


def is_said(name: str, value: object, record: ConsoleRecord) -> bool:
    """Return whether a field is the record's realm or event type, which have places of their own."""
    if name == "realm":
        return type(value) is str and value == record.realm
    return name == "eventType" and type(value) is str and value == record.event_name
