"""What was received, in memory, up to a limit; and waiting for more."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_ctxlog.receiver.model import ReceivedRecord, ReceivedSpan

T = TypeVar("T")


class _Bounded(Generic[T]):
    """The newest elements, as many as a count and a sum of sizes allow."""

    def __init__(self, max_count: int, max_bytes: int) -> None:
        self._max_count = max_count
        self._max_bytes = max_bytes
        self._elements: deque[tuple[T, int]] = deque()
        self._bytes = 0
        self.dropped = 0

    def add(self, element: T, size: int) -> None:
        self._elements.append((element, size))
        self._bytes += size
        # The newest one stays, however big it is: the size of a request is limited elsewhere.
        while len(self._elements) > self._max_count or (self._bytes > self._max_bytes and len(self._elements) > 1):
            _, old_size = self._elements.popleft()
            self._bytes -= old_size
            self.dropped += 1

    def elements(self) -> list[T]:
        return [element for element, _ in self._elements]

    def received(self) -> int:
        return len(self._elements) + self.dropped

    def clear(self) -> None:
        self._elements.clear()
        self._bytes = 0
        self.dropped = 0


class Store:
    """The received records and spans; safe from many threads."""

    def __init__(self, *, max_records: int, max_bytes: int) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._records: _Bounded[ReceivedRecord] = _Bounded(max_records, max_bytes)
        self._spans: _Bounded[ReceivedSpan] = _Bounded(max_records, max_bytes)
        self._changes = 0

    def add_record(self, record: ReceivedRecord, size: int) -> None:
        """Add a record of so many bytes, dropping the oldest beyond the limits."""
        with self._changed:
            self._records.add(record, size)

    def add_span(self, span: ReceivedSpan, size: int) -> None:
        """Add a span of so many bytes, dropping the oldest beyond the limits."""
        with self._changed:
            self._spans.add(span, size)

    def announce(self) -> None:
        """Wake up those who wait, once per request."""
        with self._changed:
            self._changes += 1
            self._changed.notify_all()

    def records(self) -> list[ReceivedRecord]:
        """The records held, oldest first."""
        with self._changed:
            return self._records.elements()

    def spans(self) -> list[ReceivedSpan]:
        """The spans held, oldest first."""
        with self._changed:
            return self._spans.elements()

    def counts(self) -> tuple[int, int, int, int]:
        """Records received, records dropped, spans received, spans dropped since the last `clear`."""
        with self._changed:
            return self._records.received(), self._records.dropped, self._spans.received(), self._spans.dropped

    def clear(self) -> None:
        """Forget everything, the counts too."""
        with self._changed:
            self._records.clear()
            self._spans.clear()

    def wait_until(self, predicate: Callable[[], bool], timeout: float) -> bool:
        """Whether the predicate became true within so many seconds; it is asked now and after each request.

        The predicate runs without a lock: it may ask this object anything.
        """
        deadline = time.monotonic() + timeout
        while True:
            with self._changed:
                seen = self._changes
            if predicate():
                return True
            with self._changed:
                while self._changes == seen:
                    remaining = deadline - time.monotonic()
                    if remaining <= 0:
                        return False
                    self._changed.wait(remaining)
