"""Whether a call is one that has interrupted another call of the same function, in the same thread.

A flag that is set in ``try`` and taken back in ``finally`` says so nearly always: Ctrl-C may come in the very moment
before it is taken back. What the flag says is therefore checked here, where the calls themselves can be seen.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import CodeType

__all__ = ["is_nested"]


def is_nested(code: CodeType) -> bool:
    """Return whether the caller of this function, which has that code, runs further out in this thread as well."""
    frame = inspect.currentframe()
    if frame is None or frame.f_back is None:
        # An interpreter without frames: believe the flag.
        return True
    frame = frame.f_back.f_back
    while frame is not None:
        if frame.f_code is code:
            return True
        frame = frame.f_back
    return False
