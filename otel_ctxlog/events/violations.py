"""What happens to events that cannot be recorded: dropped, counted, logged now and then, never raised."""

from __future__ import annotations

import threading
import time
from typing import Final

from otel_ctxlog.engine.diagnostics import emit_diagnostic
from otel_ctxlog.engine.values import safe_text
from otel_ctxlog.errors import EventError

__all__ = ["Violations", "renew_lock"]

_PERIOD: Final = 10.0
"""Seconds between two diagnostics about one kind of violation."""


# One for all eventers, since it has to be renewed in a forked child; an RLock: a finalizer may record events.
_lock = threading.RLock()


def renew_lock() -> None:
    """Replace the lock: in a forked child, another thread of the parent may have held it."""
    global _lock  # noqa: PLW0603
    _lock = threading.RLock()


class Violations:
    """Counts the dropped events of one eventer, and logs each kind of violation at most once in 10 seconds."""

    __slots__ = ("_due", "_pending", "dropped")

    def __init__(self) -> None:
        self.dropped = 0
        self._due: dict[str, float] = {}
        self._pending: dict[str, int] = {}

    def drop(self, event_type: object, error: Exception) -> None:
        """Count one dropped event."""
        kind = error.kind if isinstance(error, EventError) else "failure"
        now = time.monotonic()
        with _lock:
            self.dropped += 1
            count = self._pending.get(kind, 0) + 1
            if now < self._due.get(kind, now):
                self._pending[kind] = count
                return
            self._pending[kind] = 0
            self._due[kind] = now + _PERIOD
        shown = event_type if type(event_type) is str else type(event_type).__name__
        cause = None if isinstance(error, EventError) else error
        reason = error if cause is None else f"failure: {type(error).__name__}: {safe_text(error)}"
        emit_diagnostic(f"dropped {count} event(s), the last of type {shown!r}: {reason}", error=cause)
