"""Regular expressions that could hold up the program: what an operator sends is looked at before it is used.

Python's `re` tries all ways to divide a text between repetitions. Where one repetition stands in another, as in
``(a+)+$``, the ways double with each character, and a rule is asked by every call that logs, with the interpreter's
lock held. This finds that most common case; it cannot find all.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["repeats_repetitions"]

# The order counts: escapes and character classes hide what is in them.
_PARTS: Final = re.compile(
    r"\\."
    r"|\[\^?\]?(?:\\.|[^\]\\])*\]"
    r"|\(\?#[^)]*\)"
    r"|(?P<open>\()"
    r"|(?P<close>\))"
    r"|(?P<repeat>[*+]|\{[0-9]*,[0-9]*\}|\{[0-9]{2,}\})"
    r"|.",
    re.DOTALL,
)
_FEW: Final = re.compile(r"\{[0-9]*,[0-3]\}")


def repeats_repetitions(pattern: str) -> bool:
    """Return whether a group that has a repetition in it is repeated itself."""
    # For each open group whether there is a repetition in it; the first is the whole.
    inside = [False]
    # Whether the last part was a group with one.
    closed = False
    for part in _PARTS.finditer(pattern):
        kind = part.lastgroup
        if kind == "open":
            inside.append(False)
            closed = False
        elif kind == "close":
            closed = inside.pop() if len(inside) > 1 else False
            inside[-1] |= closed
        elif kind == "repeat" and _FEW.fullmatch(part.group()) is None:
            if closed:
                return True
            inside[-1] = True
        else:
            closed = False
    return False
