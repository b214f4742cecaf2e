"""How many records were lost, why, and of which kind: exact, whoever loses them and when.

Reasons: ``overflow`` (the queue was full), ``rejected`` (the receiver has refused them for good), ``failed`` (the
exporter has given them up), ``too_large`` (one record alone is more than the receiver, or the queue, takes),
``unencodable`` (no encoder takes it), ``spool_full`` (removed from a spool to make room), ``shutdown`` (not delivered
when the processor was shut down, or emitted later).
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from typing import Final, Literal

__all__ = ["Counts", "Losses", "Reason"]

Reason = Literal["overflow", "rejected", "failed", "too_large", "unencodable", "spool_full", "shutdown"]
Counts = Counter[tuple[Reason, int]]
"""Numbers of records by reason and kind."""

# So many losses are noted before they are added up; it bounds the memory that the notes take.
_MAX_NOTES: Final = 256


class Losses:
    """The counts of one processor, and which of them were reported.

    A loss is noted by one atomic `append`, since a signal handler may lose a record while its own thread is just
    counting another; the notes are added up by whoever looks at them.
    """

    def __init__(self) -> None:
        self.start_in_child()

    def start_in_child(self) -> None:
        """Begin with nothing lost, and a lock of its own: after a fork, the losses are the parent's."""
        self._notes: deque[tuple[Reason, int, int]] = deque()
        self._lock = threading.RLock()
        self._adding = False
        self._counts: Counts = Counter()
        self._reported: Counts = Counter()

    def add(self, reason: Reason, kind: int, count: int = 1) -> None:
        """Note that `count` records of a kind are lost."""
        self._notes.append((reason, kind, count))
        if len(self._notes) >= _MAX_NOTES:
            self._add_up()

    def counts(self) -> Counts:
        """Return all losses so far; a copy."""
        with self._lock:
            self._add_up()
            return Counter(self._counts)

    @property
    def total(self) -> int:
        """All losses so far."""
        return sum(self.counts().values())

    def take_unreported(self) -> Counts:
        """Return the losses that nobody was told about yet, which counts as telling; empty if there are none."""
        with self._lock:
            self._add_up()
            new: Counts = self._counts - self._reported
            self._reported = Counter(self._counts)
            return new

    def has_unreported(self) -> bool:
        """Return whether there are losses that nobody was told about."""
        with self._lock:
            self._add_up()
            return self._counts != self._reported

    def give_back(self, counts: Counts) -> None:
        """Take back that these were told: the report did not arrive."""
        with self._lock:
            self._reported = self._reported - counts

    def _add_up(self) -> None:
        with self._lock:
            if self._adding:
                return  # a signal handler inside of the loop below
            self._adding = True
            try:
                while self._notes:
                    reason, kind, count = self._notes.popleft()
                    self._counts[reason, kind] += count
            finally:
                self._adding = False
