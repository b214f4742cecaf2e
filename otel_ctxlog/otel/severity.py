"""Levels as OpenTelemetry severities (logs data model, field ``SeverityNumber``)."""

from __future__ import annotations

from typing import Final

from opentelemetry._logs import SeverityNumber

from otel_ctxlog.engine.levels import DEBUG, ERROR, INFO, TRACE, WARN

__all__ = ["FATAL", "FINEST", "SEVERITIES", "SeverityNumber", "level_of", "severity_of", "severity_text"]

FATAL: Final = SeverityNumber.FATAL

_BY_LEVEL: Final = (
    SeverityNumber.UNSPECIFIED,
    SeverityNumber.ERROR,
    SeverityNumber.WARN,
    SeverityNumber.INFO,
    SeverityNumber.DEBUG,
    SeverityNumber.TRACE,
)
_LEVELS: Final = tuple(map(int, (INFO, *[TRACE] * 4, *[DEBUG] * 4, *[INFO] * 4, *[WARN] * 4, ERROR)))
_FIRST_ERROR: Final = 17
# By value: looking up an Enum member's name is a descriptor call each time, and its hash a Python one.
_TEXTS: Final = {severity.value: severity.name for severity in SeverityNumber}
SEVERITIES: Final = tuple((severity, severity.name) for severity in _BY_LEVEL)
"""Severity and text of the levels 0 to 5."""
FINEST: Final = SEVERITIES[-1]
"""That of 5 and of all that are finer."""


def severity_of(level: int) -> SeverityNumber:
    """Return the severity of a level: ERROR 17, WARN 13, INFO 9, DEBUG 5, TRACE 1 for 5 and every finer level."""
    return _BY_LEVEL[level] if level < TRACE else SeverityNumber.TRACE


def level_of(severity: int | SeverityNumber) -> int:
    """Return the level of a severity number: 1-4 Trace, 5-8 Debug, 9-12 Info, 13-16 Warn, 17 and above Error.

    The ranges are those of the logs data model. What is unspecified (0) counts as Info.
    """
    number = severity if type(severity) is int else severity.value  # type: ignore[union-attr] # of an enum with int values
    if number <= 0:
        return int(INFO)
    if number > _FIRST_ERROR:
        return int(ERROR)
    return _LEVELS[number]


def severity_text(severity: SeverityNumber) -> str:
    """Return the text of a severity: ``"ERROR"``, ``"WARN"``, ``"INFO"``, ``"DEBUG"``, ``"TRACE"`` or ``"FATAL"``."""
    return _TEXTS[severity.value]
