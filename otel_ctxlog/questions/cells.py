"""Text in columns of a terminal: how wide it is, cut to a width, filled up to one.

What is shown came over the wire: everything that is not printable is escaped before it gets here.
"""

from __future__ import annotations

import json
import unicodedata
from datetime import date, datetime, time, timedelta
from typing import Final

from otel_ctxlog.console.text import escape

__all__ = ["cell", "cut", "iso", "number_like", "pad", "width"]

_LONGEST: Final = 2_000
_WIDE: Final = frozenset({"W", "F"})
_MARKS: Final = frozenset({"Mn", "Me", "Cf"})
_MILLISECOND: Final = 1_000


def width(text: str) -> int:
    """Return how many columns a printable text takes: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.category(character) in _MARKS:
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1


def cut(text: str, columns: int) -> str:
    """Return the text, or its beginning and ``…``, in at most so many columns."""
    if width(text) <= columns:
        return text
    if columns <= 0:
        return ""
    room = columns - 1
    kept: list[str] = []
    for character in text:
        room -= _columns(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept) + "…"


def pad(text: str, columns: int, *, right: bool = False) -> str:
    """Return the text with blanks after it, or before it, so that it fills so many columns."""
    blanks = " " * max(columns - width(text), 0)
    return blanks + text if right else text + blanks


def cell(value: object) -> str:
    """Return a value of an answer as text on one line, escaped and not longer than 2,000 characters."""
    if value is None:
        return ""
    if isinstance(value, str):
        text = value
    elif isinstance(value, bool):
        return "true" if value else "false"
    elif isinstance(value, (datetime, date, time, timedelta)):
        return iso(value)
    elif isinstance(value, (list, dict)):
        text = json.dumps(value, ensure_ascii=False, default=str)
    elif isinstance(value, bytes):
        text = value.hex()
    else:
        text = str(value)
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + "…"
    return escape(text)


def iso(value: date | time | timedelta) -> str:
    """Return a time as ISO 8601, to the millisecond or as fine as it is; views have UTC, without a zone."""
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            return value.isoformat()
        fine = value.microsecond % _MILLISECOND
        return value.isoformat(timespec="microseconds" if fine else "milliseconds") + "Z"
    return str(value)


def number_like(value: object) -> bool:
    """Return whether a value stands right in its column."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
