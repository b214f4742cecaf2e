"""Which calls only the rules let through: their records are none for the other handlers.

A record of the same level that comes from elsewhere (`Logger.handle`) may be one for them, so that what `isEnabledFor`
has said must be known of the call, not of its level. It is noted by the logger, which outlasts a change of bridges.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import Final, TypeAlias

from otel_ctxlog.bridges.stdlib import cpython

__all__ = ["MAKING", "Call", "is_held", "note"]

Call: TypeAlias = tuple[logging.Logger, int]

# The last call that only the rules let through.
_asked: Final[ContextVar[Call | None]] = ContextVar("otel_ctxlog_by_rules_only", default=None)

MAKING: Final[ContextVar[Call | None]] = ContextVar("otel_ctxlog_held_back", default=None)
"""The call whose record is being made, where it is such a one: what is logged on the way has notes of its own."""


def note(logger: logging.Logger, level: int) -> None:
    """Note that only the rules let a call through that comes now."""
    _asked.set((logger, level))


def is_held(logger: logging.Logger, level: int) -> bool:
    """Return whether only the rules let through the call that comes now, or that a record is of; ends its note."""
    call = (logger, level)
    if MAKING.get() == call:
        return True
    if _asked.get() != call:
        return False
    _asked.set(None)
    # The note may be of a question that no call followed, and levels may have changed since.
    return not cpython.standard_level(logger, level)
