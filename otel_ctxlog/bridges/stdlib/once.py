"""What tells whether a record was written already, where it passes two bridges on its way.

A bridge that is installed hands each record on to the other handlers. One of them may be the way into another library,
as loguru's documented ``InterceptHandler`` is, or write to the same context by itself.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import Final

from otel_ctxlog.loggers.core import ContextCore
from otel_ctxlog.loggers.default import DefaultCore

__all__ = ["HANDED_ON", "is_same", "is_written"]

HANDED_ON: Final[ContextVar[tuple[ContextCore, logging.LogRecord] | None]] = ContextVar(
    "otel_ctxlog_handed_on", default=None
)
"""The record that the installed bridge has written, and whose handlers are just being called; and its context."""


def is_same(one: ContextCore, other: ContextCore) -> bool:
    """Return whether two contexts are one here and now; the default context is the one it stands for."""
    return one is other or _meant(one) is _meant(other)


def is_written(core: ContextCore, text: str) -> bool:
    """Return whether a message is that of the record that is being handed on, and is written to that context already.

    Anything else that a handler logs on the way is a message of its own.

    Args:
        core: the context that the message is for.
        text: the message.

    Raises:
        Exception: what arguments of the record raise when they are made a text.
    """
    handed_on = HANDED_ON.get()
    return handed_on is not None and is_same(handed_on[0], core) and handed_on[1].getMessage() == text


def _meant(core: ContextCore) -> ContextCore:
    while isinstance(core, DefaultCore):
        core = core.current
    return core
