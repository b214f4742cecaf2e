"""Ids of records: ULIDs (https://github.com/ulid/spec), 26 characters that sort by time."""

from __future__ import annotations

import os
import time
from typing import Final

__all__ = ["RECORD_UID", "new_uid"]

RECORD_UID: Final = "log.record.uid"
"""The attribute by which duplicates of a record are recognised (semantic conventions, general logs attributes)."""

_DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# Two digits at a time.
_PAIRS: Final = tuple(first + second for first in _DIGITS for second in _DIGITS)
_RANDOM_BYTES: Final = 10


def new_uid() -> str:
    """Return a new ULID: the milliseconds of now and 80 random bits; from the system, so that a fork repeats none."""
    number = (time.time_ns() // 1_000_000 << 80) | int.from_bytes(os.urandom(_RANDOM_BYTES), "big")
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])
