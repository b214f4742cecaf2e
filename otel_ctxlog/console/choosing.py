"""Arguments that are one of some words."""

from __future__ import annotations

import difflib

__all__ = ["choose"]


def choose(value: object, allowed: tuple[str, ...], *, what: str) -> str:
    """Return `value` if it is one of the words allowed.

    Raises:
        ValueError: it is none; the text names the nearest.
    """
    if isinstance(value, str) and value in allowed:
        return value
    close = difflib.get_close_matches(value.strip().lower(), allowed, n=1) if isinstance(value, str) else []
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise ValueError(f"{what} is {value!r}, allowed: {', '.join(allowed)}{hint}")
