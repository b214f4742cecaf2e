"""A queue with two limits, records and bytes, that drops the least important of the oldest when it is full.

Whoever logs only appends to the *inbox*, one atomic step of C without a lock, so that a signal handler or a finalizer
may log at any moment. The inbox is sorted into one deque per kind under the lock, by the thread that takes records out,
or by a thread that logs once the queue is nearly full; what is too much then goes from the front of the lowest kind
that has any. Each record is moved a fixed number of times, however full the queue is.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final

from otel_ctxlog.delivery.kinds import EVENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from otel_ctxlog.delivery.losses import Counts

__all__ = ["OVERHEAD", "Item", "Queue", "Report"]

OVERHEAD: Final = 200
"""What a waiting record takes on top of its own bytes, about: the objects around it."""

# How many records may stay in the inbox, and from which size on one is sorted at once: 4 MiB in all.
_MAX_INBOX: Final = 1024
_LARGE: Final = 4096


class Item:
    """A record that waits.

    Attributes:
        kind: how much it is worth, see `kinds`.
        size: of it in bytes, for the limit.
        owner: the encoded resource and scope; empty where the payload is no bytes.
        payload: the encoded record, or a copy of it for an exporter.
        number: its place in the order of arrival.
    """

    __slots__ = ("kind", "number", "owner", "payload", "size")

    def __init__(self, kind: int, size: int, owner: tuple[bytes, bytes], payload: object) -> None:
        self.kind = kind
        self.size = size
        self.owner = owner
        self.payload = payload
        self.number = 0


class Report(Item):
    """The record that tells about losses.

    Attributes:
        counts: what it tells.
    """

    __slots__ = ("counts",)

    def __init__(self, item: Item, counts: Counts) -> None:
        super().__init__(item.kind, item.size, item.owner, item.payload)
        self.counts = counts


class Queue:
    """Records that wait.

    A limit may be exceeded for a moment, by the inbox: by 1,024 records, but never by more than 4 MiB.

    Args:
        max_records: how many may wait.
        max_bytes: how large they may be together.
        dropped: called with each record that has to go; it must not raise, and runs under the lock.
    """

    def __init__(self, *, max_records: int, max_bytes: int, dropped: Callable[[Item], None]) -> None:
        self.max_records = max_records
        self.max_bytes = max_bytes
        self._dropped = dropped
        self.start_in_child()

    def start_in_child(self) -> None:
        """Begin empty, with a lock of its own: what waits here after a fork is the parent's."""
        self._lock = threading.RLock()
        self._sorting = False
        self._inbox: deque[Item] = deque()
        self._by_kind: tuple[deque[Item], ...] = tuple(deque[Item]() for _ in range(EVENT + 1))
        self._records = 0
        self._bytes = 0
        self._last = 0
        self._measure_room()

    def __len__(self) -> int:
        return self._records + len(self._inbox)

    @property
    def bytes(self) -> int:
        """The size of what waits, without what is still in the inbox."""
        return self._bytes

    def is_full(self) -> bool:
        """Return whether a record more might cost one."""
        return len(self) >= self.max_records or self._bytes >= self.max_bytes

    def has_room(self) -> bool:
        """Return whether at least half of both limits is free."""
        return len(self) * 2 <= self.max_records and self._bytes * 2 <= self.max_bytes

    def put(self, item: Item) -> int:
        """Have a record wait; at any moment, from any thread or signal handler. Return how many wait, about."""
        inbox = self._inbox
        inbox.append(item)
        arrived = len(inbox)
        if arrived >= self._room or item.size >= _LARGE:
            self.settle()
            return len(self)
        return self._records + arrived

    def settle(self) -> None:
        """Sort the inbox, and drop what is too much."""
        with self._lock:
            if self._sorting:
                return  # a signal handler has interrupted its own thread in here
            self._sorting = True
            try:
                self._sort()
            finally:
                self._sorting = False

    def take(self, max_records: int, max_bytes: int) -> list[Item]:
        """Take out the oldest records, at most so many, and so large together unless the first alone is larger."""
        with self._lock:
            if self._sorting:
                return []
            self._sorting = True
            try:
                self._sort()
                taken = self._oldest_of_all_kinds(max_records, max_bytes)
                self._measure_room()
            finally:
                self._sorting = False
        return taken

    def put_back(self, items: Iterable[Item]) -> None:
        """Have records that were taken wait again, in their old places, unless there are more important ones by now."""
        with self._lock:
            for item in sorted(items, key=lambda one: one.number, reverse=True):
                self._by_kind[item.kind].appendleft(item)
                self._records += 1
                self._bytes += item.size
        self.settle()

    def newest(self) -> int:
        """Return the number of the record that came last, whether or not it still waits; 0 before the first."""
        self.settle()
        return self._last

    def waits_until(self, number: int) -> bool:
        """Return whether a record with that number, or with a lower one, still waits."""
        with self._lock:
            return any(kind[0].number <= number for kind in self._by_kind if kind)

    def clear(self) -> list[Item]:
        """Take out everything."""
        taken: list[Item] = []
        while some := self.take(_MAX_INBOX, self.max_bytes):
            taken.extend(some)
        return taken

    def _sort(self) -> None:
        inbox, by_kind = self._inbox, self._by_kind
        try:
            last, size = self._last, 0
            # What comes from now on is for the next time.
            for _ in range(len(inbox)):
                # Taken off only when it is in its place: an exception of a signal handler may come in between.
                item = inbox[0]
                last += 1
                item.number = self._last = last
                by_kind[item.kind].append(item)
                size += item.size
                inbox.popleft()
                self._records += 1
            self._bytes += size
            while self._records > self.max_records or self._bytes > self.max_bytes:
                lowest = next(kind for kind in by_kind if kind)
                item = lowest.popleft()
                self._records -= 1
                self._bytes -= item.size
                self._dropped(item)
        except BaseException:
            self._records = sum(len(kind) for kind in by_kind)
            self._bytes = sum(item.size for kind in by_kind for item in kind)
            raise
        self._measure_room()

    def _measure_room(self) -> None:
        # With less room in bytes than a full inbox may need, each record is sorted at once.
        spacious = self.max_bytes - self._bytes >= _MAX_INBOX * _LARGE
        free = max(1, self.max_records - self._records)
        self._room = min(_MAX_INBOX, free) if spacious else 1

    def _oldest_of_all_kinds(self, max_records: int, max_bytes: int) -> list[Item]:
        taken: list[Item] = []
        size = 0
        while len(taken) < max_records:
            waiting = sorted((kind[0].number, place) for place, kind in enumerate(self._by_kind) if kind)
            if not waiting:
                break
            oldest = self._by_kind[waiting[0][1]]
            # As long as the next of this kind is older than the first of any other.
            until = waiting[1][0] if len(waiting) > 1 else self._last + 1
            while oldest and len(taken) < max_records:
                item = oldest[0]
                if item.number >= until:
                    break
                size += item.size
                if size > max_bytes and taken:
                    return taken
                taken.append(oldest.popleft())
                self._records -= 1
                self._bytes -= item.size
        return taken
