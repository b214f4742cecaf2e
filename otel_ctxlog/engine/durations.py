"""Durations as people write them."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["UNITS", "duration_text", "parse_duration"]

UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
"""The units of a duration, in seconds."""

_PART: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_LONGEST: Final = 100 * 365 * 86_400.0


def parse_duration(value: object) -> float:
    """Return the seconds of a duration: a number of seconds, or a text like ``90``, ``15m``, ``1h30m``, ``250ms``.

    Raises:
        ValueError: it is none, is not above 0, or is longer than 100 years; the text quotes it.
    """
    seconds: float | None = None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        # A number beyond all floats is none.
        seconds = float(value) if value <= _LONGEST else None
    elif isinstance(value, str):
        seconds = _seconds(value.strip().lower())
    if seconds is not None and 0 < seconds <= _LONGEST:
        return seconds
    msg = f"a duration must be a number of seconds above 0 or a text like '15m', '1h30m', '250ms', but got {value!r}"
    raise ValueError(msg)


def _seconds(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        pass
    total, end = 0.0, 0
    for part in _PART.finditer(text):
        if text[end : part.start()].strip():
            return None
        total += float(part.group(1)) * UNITS[part.group(2)]
        end = part.end()
    return None if end == 0 or text[end:].strip() else total


def duration_text(seconds: float) -> str:
    """Return a duration in its largest units: ``15m``, ``1h30m``, ``250ms``; `parse_duration` gives it back."""
    thousandths = round(seconds * 1000)
    if thousandths <= 0 or abs(thousandths - seconds * 1000) > 1e-6 * max(1.0, seconds):
        return repr(float(seconds))
    parts: list[str] = []
    for unit in ("d", "h", "m", "s", "ms"):
        size = round(UNITS[unit] * 1000)
        whole, thousandths = divmod(thousandths, size)
        if whole:
            parts.append(f"{whole}{unit}")
    return "".join(parts)
