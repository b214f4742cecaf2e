"""Times: nanoseconds since the epoch as ISO 8601 with milliseconds, or short."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Final

__all__ = ["iso_time", "short_time"]

_THOUSANDTHS: Final = tuple([f"{number:03d}Z" for number in range(1000)])
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
# The last second that was asked for: its number, what stands before the milliseconds, and behind them. Swapped as one
# reference each, so that threads need no lock.
_last_utc: tuple[int, str] = (0, "1970-01-01T00:00:00.")
_last_local: tuple[int, str, str] = (-1, "", "")


def iso_time(timestamp: int, *, local: bool = False) -> str:
    """Return ``2026-11-20T14:03:07.863Z``, or ``2026-11-20T15:03:07.863+01:00`` in local time.

    A time outside of the years 1 to 9999 gives the number of nanoseconds.
    """
    global _last_utc  # noqa: PLW0603
    second, thousandth = divmod(timestamp // 1_000_000, 1000)
    if local:
        before, behind = _local(second)
        return f"{before}{thousandth:03d}{behind}" if before else str(timestamp)
    known = _last_utc
    if known[0] != second:
        try:
            moment = _EPOCH + timedelta(seconds=second)
        except OverflowError:
            return str(timestamp)
        known = _last_utc = (second, f"{moment:%Y-%m-%dT%H:%M:%S}.")
    return known[1] + _THOUSANDTHS[thousandth]


def short_time(timestamp: int, *, local: bool = False) -> str:
    """Return ``14:03:07.863``, the time of day."""
    text = iso_time(timestamp, local=local)
    return text[11:23] if len(text) > 23 else text  # noqa: PLR2004 - date, T, time


def _local(second: int) -> tuple[str, str]:
    global _last_local  # noqa: PLW0603
    known = _last_local
    if known[0] != second:
        try:
            # By way of UTC: the offset of that moment, not of today.
            moment = (_EPOCH + timedelta(seconds=second)).astimezone()
        except (OverflowError, OSError, ValueError):
            return "", ""
        iso = moment.isoformat(timespec="seconds")
        known = _last_local = (second, f"{iso[:19]}.", iso[19:])
    return known[1], known[2]
