"""Levels: how verbose a record is, as a number that grows with verbosity.

A level is a non-negative ``int``: Error 1, Warn 2, Info 3, Debug 4, Trace 5, and every number above for finer trace
output. Level 0 means "nothing": a context whose level is 0 lets nothing through, a record at level 0 is never emitted.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, TypeGuard, cast

from otel_ctxlog.engine.values import repr_of

__all__ = [
    "DEBUG",
    "ERROR",
    "INFO",
    "NONE",
    "TRACE",
    "WARN",
    "Level",
    "check_level",
    "is_level",
    "level_name",
    "parse_level",
]


class Level(IntEnum):
    """The levels that have a name. Any larger ``int`` is a valid level too: a finer trace level."""

    NONE = 0
    ERROR = 1
    WARN = 2
    INFO = 3
    DEBUG = 4
    TRACE = 5


NONE: Final = Level.NONE
ERROR: Final = Level.ERROR
WARN: Final = Level.WARN
INFO: Final = Level.INFO
DEBUG: Final = Level.DEBUG
TRACE: Final = Level.TRACE

_BY_NAME: Final[dict[str, int]] = {
    "none": int(NONE),
    "off": int(NONE),
    "error": int(ERROR),
    "warn": int(WARN),
    "warning": int(WARN),
    "info": int(INFO),
    "debug": int(DEBUG),
    "trace": int(TRACE),
}
_NAMES: Final = ("None", "Error", "Warn", "Info", "Debug", "Trace")
_MOST_DIGITS: Final = 20_000
_ALLOWED: Final = "Error, Warn, Info, Debug, Trace, None, Off or a non-negative decimal number"


def is_level(value: object) -> TypeGuard[int]:
    """Return whether `value` is a level: an ``int`` that is neither negative nor a ``bool``."""
    # By type, not isinstance: a proxy's `__class__` may run code that raises, and so may a subclass's `>=`.
    kind = type(value)
    return issubclass(kind, int) and not issubclass(kind, bool) and int.__ge__(cast("int", value), 0)


def check_level(value: object) -> int:
    """Return `value` if it is a level.

    Raises:
        ValueError: it is none; the text quotes it.
    """
    if is_level(value):
        return int.__index__(value)
    msg = f"a level must be a non-negative int (Error 1 … Trace 5, finer above), but got {repr_of(value)}{_hint(value)}"
    raise ValueError(msg)


def parse_level(value: object) -> int:
    """Return the level that `value` means.

    Allowed are the names ``error warn warning info debug trace none off`` in any case and with blanks around them,
    a non-negative decimal number as text, and a level itself.

    Raises:
        ValueError: anything else; the text quotes the input.
    """
    if is_level(value):
        return value
    if isinstance(value, str):
        text = value.strip().lower()
        level = _BY_NAME.get(text)
        if level is not None:
            return level
        if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS:
            from decimal import Decimal

            # By way of Decimal: int() and str() refuse numbers of more than 4,300 digits.
            return int(Decimal(text))
    msg = f"unknown level {repr_of(value)}: allowed are {_ALLOWED}{_nearest(value)}"
    raise ValueError(msg)


def _hint(value: object) -> str:
    if isinstance(value, str) and value.strip().lower() in _BY_NAME:
        return f"; for a name there is parse_level({value!r})"
    return ""


def _nearest(value: object) -> str:
    if not isinstance(value, str):
        return ""
    import difflib

    close = difflib.get_close_matches(value.strip().lower(), _BY_NAME, n=1)
    return f"; did you mean {close[0].title()!r}?" if close else ""


def level_name(level: int) -> str:
    """Return ``"Error"`` … ``"Trace"``, ``"None"``, or the decimal number of a finer level.

    ``parse_level(level_name(n)) == n`` for every level n.

    Raises:
        ValueError: `level` is no level.
    """
    number = check_level(level)
    if number < len(_NAMES):
        return _NAMES[number]
    from decimal import Decimal

    return str(Decimal(int(number)))
