"""How much a spool may hold, and what goes when it is full."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from otel_ctxlog.delivery.spool.layout import used_bytes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["FullError", "Room"]

# A full spool is not measured again for every record that it refuses.
_PAUSE_SECONDS: Final = 0.05


class FullError(Exception):
    """There is no room for a record."""


class Room:
    """What may still be written before the directory is measured again.

    The limit is on all segments of all owners together. Each process measures once per `step` bytes, so that several
    of them together may exceed it by a step each.

    Args:
        root: the spool's directory.
        max_bytes: the limit.
        step: how much is written between two measurements.
        drop_oldest: removes the oldest segment that this process has to send, and returns how many bytes that was; 0
            where there is none. None: nothing is removed.

    Attributes:
        left: how much may be written; the writer takes off what it has written.
    """

    def __init__(self, root: Path, *, max_bytes: int, step: int, drop_oldest: Callable[[], int] | None) -> None:
        self._root = root
        self._max_bytes = max_bytes
        self._step = step
        self._drop_oldest = drop_oldest
        self._full_until = 0.0
        self.left = 0

    def make(self, size: int) -> None:
        """Make room for a write of so many bytes.

        Raises:
            FullError: it cannot be made.
            OSError: the directory cannot be measured.
        """
        now = time.monotonic()
        if now < self._full_until:
            raise FullError
        free = self._max_bytes - used_bytes(self._root)
        while free < size and self._drop_oldest is not None and size <= self._max_bytes:
            gained = self._drop_oldest()
            if not gained:
                break
            free += gained
        if free < size:
            self.left = 0
            # What does not fit for its own size says nothing about the next record.
            if size <= self._step:
                self._full_until = now + _PAUSE_SECONDS
            raise FullError
        self.left = max(size, min(free, self._step))

    def look_again(self) -> None:
        """Measure again before the next write: something was removed."""
        self._full_until = 0.0
