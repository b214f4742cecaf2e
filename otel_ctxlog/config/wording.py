"""The words of configuration errors: what was found, what is allowed, the nearest match."""

from __future__ import annotations

import difflib
from itertools import islice
from typing import TYPE_CHECKING

from otel_ctxlog.config.kinds import is_mapping, is_sequence, is_set

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["describe", "listing", "nearest", "short", "tidy"]

_LONGEST = 80
_LONGEST_LINE = 300
# difflib is quadratic: longer texts are no typing mistakes of a name.
_LONGEST_NAME = 64


def short(value: object) -> str:
    """The repr of a value, cut to a length that fits into a message; never raises."""
    if isinstance(value, str) and len(value) > _LONGEST:
        return f"{value[: _LONGEST - 3]!r}..."
    if isinstance(value, (bytes, bytearray)) and len(value) > _LONGEST:
        return f"{bytes(value[: _LONGEST - 3])!r}..."
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001
        return f"<{type(value).__name__}>"
    return text if len(text) <= _LONGEST + 10 else f"{text[:_LONGEST]}..."


def tidy(text: str) -> str:
    """`text` on one line, cut to a length that fits into a message."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}..."


def describe(value: object) -> str:
    """What was found, in words: ``the text 'a'``, ``a list``, ``nothing``."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return f"the truth value {'true' if value else 'false'}"
    if isinstance(value, (int, float)):
        return f"the number {short(value)}"
    if isinstance(value, str):
        return f"the text {short(value)}" if value else "the empty text ''"
    if is_mapping(value):
        keys = [short(key) for key in islice(value, 4)]
        return f"a mapping with the keys {', '.join(keys)}" if keys else "an empty mapping {}"
    if is_sequence(value):
        return f"a list of {len(value)}" if value else "an empty list []"
    if is_set(value):
        return "a set"
    return f"{short(value)} ({type(value).__name__})"


def listing(names: Iterable[str]) -> str:
    """The allowed names, sorted, as one text."""
    return ", ".join(sorted(names))


def nearest(name: object, allowed: Iterable[str]) -> str:
    """``"; did you mean 'level'?"`` for a mistyped name, an empty text where nothing is near."""
    if not isinstance(name, str) or len(name) > _LONGEST_NAME:
        return ""
    by_lower = {candidate.lower(): candidate for candidate in allowed}
    matches = difflib.get_close_matches(name.strip().lower(), by_lower, n=1, cutoff=0.5)
    return f"; did you mean {by_lower[matches[0]]!r}?" if matches else ""
