"""Kinds of records: what is worth more when not all can be kept.

The order is that of importance: where a queue is full, the lowest kind goes first. Severities are put together in the
ranges of the logs data model (https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber); an event
is worth more than any severity, since a number counted from events is wrong once one is missing.
"""

from __future__ import annotations

from typing import Final

from opentelemetry._logs import SeverityNumber

__all__ = ["DEBUG", "ERROR", "EVENT", "FATAL", "INFO", "KINDS", "TRACE", "UNKNOWN", "WARN", "kind_of", "kind_of_number"]

TRACE: Final = 0
DEBUG: Final = 1
INFO: Final = 2
WARN: Final = 3
ERROR: Final = 4
FATAL: Final = 5
EVENT: Final = 6
# Only in counts: of a batch whose receiver says how many records it has rejected, and not which.
UNKNOWN: Final = 7

KINDS: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "EVENT", "UNKNOWN")
"""The names, by number."""

# What has no severity counts as INFO.
_BY_NUMBER: Final = (INFO, *[TRACE] * 4, *[DEBUG] * 4, *[INFO] * 4, *[WARN] * 4, *[ERROR] * 4, *[FATAL] * 4)


# By identity: the hash of an enumeration's member is computed in Python, and so is its value.
_BY_MEMBER: Final = {id(severity): _BY_NUMBER[severity.value] for severity in SeverityNumber}


def kind_of(severity: SeverityNumber | None) -> int:
    """Return the kind of a record that is no event, by its severity; INFO if it has none."""
    return _BY_MEMBER.get(id(severity), INFO)


def kind_of_number(number: int) -> int:
    """Return the kind of a severity number: 1 to 4 TRACE, …, 21 to 24 FATAL; INFO for 0 and for what is none."""
    return _BY_NUMBER[number] if 0 <= number < len(_BY_NUMBER) else INFO
