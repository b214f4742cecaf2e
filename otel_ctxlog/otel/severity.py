"""Levels as OpenTelemetry severities (logs data model, field ``SeverityNumber``)."""

from __future__ import annotations

from typing import Final

from opentelemetry._logs import SeverityNumber

from otel_ctxlog.engine.levels import TRACE

__all__ = ["FATAL", "SeverityNumber", "severity_of", "severity_text"]

FATAL: Final = SeverityNumber.FATAL

_BY_LEVEL: Final = (
    SeverityNumber.UNSPECIFIED,
    SeverityNumber.ERROR,
    SeverityNumber.WARN,
    SeverityNumber.INFO,
    SeverityNumber.DEBUG,
    SeverityNumber.TRACE,
)
# By value: looking up an Enum member's name is a descriptor call each time, and its hash a Python one.
_TEXTS: Final = {severity.value: severity.name for severity in SeverityNumber}


def severity_of(level: int) -> SeverityNumber:
    """Return the severity of a level: ERROR 17, WARN 13, INFO 9, DEBUG 5, TRACE 1 for 5 and every finer level."""
    return _BY_LEVEL[level] if level < TRACE else SeverityNumber.TRACE


def severity_text(severity: SeverityNumber) -> str:
    """Return the text of a severity: ``"ERROR"``, ``"WARN"``, ``"INFO"``, ``"DEBUG"``, ``"TRACE"`` or ``"FATAL"``."""
    return _TEXTS[severity.value]
