"""Interrupting a call of the spool at any of its lines, as a signal does."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


def interrupted(call: Callable[[], object], at: int, handler: Callable[[], None]) -> bool:
    """Run a call, and the handler before its line number `at`, counted over all of the spool's functions.

    Returns:
        Whether there was such a line.
    """
    count = 0

    def trace(frame: FrameType, kind: str, argument: object) -> Any:
        nonlocal count
        if "otel_ctxlog/delivery/spool/" not in frame.f_code.co_filename:
            return None
        if kind == "line":
            count += 1
            if count == at:
                sys.settrace(None)
                handler()
        return trace

    # Coverage is measured by one as well.
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count >= at
