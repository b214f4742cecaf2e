"""A bell: one thread waits, others ring.

Not an `Event` or a `Condition`: those take a lock inside, so that a signal handler that logs while its own thread is in
their `set` would wait for itself. Releasing a plain lock is one step of C, and harmless at any moment.
"""

from __future__ import annotations

import threading

__all__ = ["Bell"]


class Bell:
    """Rung any number of times, it wakes one waiting thread once; rung while nobody waits, the next one to wait."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def ring(self) -> None:
        """Wake who waits; at any moment, from any thread or signal handler."""
        try:
            self._lock.release()
        except RuntimeError:
            return  # it was rung already

    def wait(self, seconds: float | None = None) -> bool:
        """Return True once it is rung, False after so many seconds; None: as long as it takes."""
        if seconds is None:
            return self._lock.acquire()
        return self._lock.acquire(timeout=min(max(0.0, seconds), threading.TIMEOUT_MAX))
