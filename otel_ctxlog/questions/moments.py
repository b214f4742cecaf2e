"""Moments and severities as people write them on a command line."""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta, timezone
from typing import Final

from otel_ctxlog.engine.durations import parse_duration

__all__ = ["nanoseconds", "parse_moment", "parse_severity"]

_RELATIVE: Final = re.compile(r"(?:\d+(?:\.\d+)?\s*(?:ms|s|m|h|d)\s*)+", re.IGNORECASE)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_FRACTION: Final = re.compile(r"(:\d\d\.)(\d+)")
_SEVERITIES: Final = {"trace": 1, "debug": 5, "info": 9, "warn": 13, "warning": 13, "error": 17, "fatal": 21}
_HIGHEST: Final = 24


def parse_moment(text: str, *, now: int | None = None) -> int:
    """Return a moment in nanoseconds since 1970: ISO 8601, in UTC unless it says a zone, or like ``10m``: before now.

    Raises:
        ValueError: it is neither; the text quotes it.
    """
    stripped = text.strip()
    if _RELATIVE.fullmatch(stripped):
        return (time.time_ns() if now is None else now) - round(parse_duration(stripped) * 1e9)
    try:
        # Python 3.10 knows neither Z nor fractions of other lengths than 3 and 6.
        fraction = _FRACTION.search(stripped)
        plain = _FRACTION.sub(lambda match: match[1] + match[2][:6].ljust(6, "0"), stripped)
        moment = datetime.fromisoformat(re.sub("[zZ]$", "+00:00", plain))
    except ValueError:
        msg = (
            f"a moment must be like '2026-11-20T13:37:00', with a zone or in UTC, "
            f"or like '10m' for before now, but got {text!r}"
        )
        raise ValueError(msg) from None
    beyond = int(fraction[2][6:9].ljust(3, "0")) if fraction else 0
    return nanoseconds(moment) + beyond


def nanoseconds(moment: datetime) -> int:
    """Return a moment, in UTC unless it has a zone, in nanoseconds since 1970."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)
    return (aware - _EPOCH) // timedelta(microseconds=1) * 1000


def parse_severity(text: str) -> int:
    """Return the lowest severity number of a severity given by name or number.

    Raises:
        ValueError: it is neither a name nor 1 to 24; the text quotes it.
    """
    found = _SEVERITIES.get(text.strip().lower())
    if found is None and text.strip().isascii() and text.strip().isdigit():
        found = int(text)
    if found is None or not 1 <= found <= _HIGHEST:
        msg = f"a severity is one of trace, debug, info, warn, error, fatal, or 1 to {_HIGHEST}, but got {text!r}"
        raise ValueError(msg)
    return found
