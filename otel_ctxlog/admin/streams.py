"""The tail as Server-Sent Events: what is written into such a stream, and how many streams there may be."""

from __future__ import annotations

import threading
from typing import Final

from otel_ctxlog.admin.exchange import Problem, as_json
from otel_ctxlog.admin.tap import Tap

__all__ = ["BEAT", "BEAT_SECONDS", "EVENT_STREAM", "MAX_STREAMS", "POLL_SECONDS", "Streams", "Tail"]

EVENT_STREAM: Final = "text/event-stream"
MAX_STREAMS: Final = 8
POLL_SECONDS: Final = 0.25
"""How often a stream looks for new records."""
BEAT_SECONDS: Final = 10.0
"""After so long without a record something is written, so that a reader that has gone is noticed."""
BEAT: Final = b": still here\n\n"
_MOST_AT_ONCE: Final = 200


class Streams:
    """How many streams are open."""

    def __init__(self) -> None:
        self._open = 0
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Count one more; each has to be ended.

        Raises:
            Problem: there are too many.
        """
        with self._lock:
            if self._open >= MAX_STREAMS:
                raise Problem(
                    503,
                    "too many streams of records are open",
                    found=str(self._open),
                    allowed=f"{MAX_STREAMS}; api/records?after= gives the same without a stream",
                    headers={"Retry-After": "5"},
                )
            self._open += 1

    def end(self) -> None:
        """Count one less."""
        with self._lock:
            self._open -= 1

    def renew_lock(self) -> None:
        """Replace the lock, in a forked child, which has none of the parent's streams."""
        self._lock = threading.Lock()
        self._open = 0


class Tail:
    """One reader of the records, from a place on.

    Args:
        tap: has the records.
        after: the number after which to begin.
    """

    def __init__(self, tap: Tap, after: int) -> None:
        self._tap = tap
        self._after = min(after, tap.last)

    def start(self) -> bytes:
        """Return how a stream begins: how long to wait before coming again."""
        return b"retry: 1000\n\n"

    def more(self) -> bytes:
        """Return what has come since, empty where nothing has."""
        parts: list[bytes] = []
        for seen in self._tap.records(self._after, _MOST_AT_ONCE):
            missed = seen.number - self._after - 1
            if missed > 0:
                parts.append(b'event: missed\ndata: {"missed":%d}\n\n' % missed)
            self._after = seen.number
            parts.append(b"id: %d\nevent: record\ndata: %s\n\n" % (seen.number, as_json(dict(seen.as_json()))))
        return b"".join(parts)
