"""What one request to CloudWatch Logs may hold, and how a queue of events is cut into such requests.

The limits are those of the operation ``PutLogEvents`` in the service's API reference (2014-03-28).
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Final, NamedTuple

__all__ = [
    "EVENT_OVERHEAD",
    "MAX_BATCH_BYTES",
    "MAX_BATCH_EVENTS",
    "MAX_MESSAGE_BYTES",
    "MAX_SPAN",
    "Entry",
    "Mark",
    "cut",
]

MAX_BATCH_BYTES: Final = 1_048_576
"""The most bytes of a request: of all messages in UTF-8, and `EVENT_OVERHEAD` for each event."""

EVENT_OVERHEAD: Final = 26
"""The bytes that each event counts besides its message."""

MAX_BATCH_EVENTS: Final = 10_000
"""The most events of a request."""

MAX_SPAN: Final = 24 * 60 * 60 * 1000
"""The most milliseconds between two events of a request."""

MAX_MESSAGE_BYTES: Final = MAX_BATCH_BYTES - EVENT_OVERHEAD
"""The most bytes of a message in UTF-8: the service takes 1 MB per event, and this is all that fits into a request."""


class Entry(NamedTuple):
    """An event on its way: milliseconds since the epoch, JSON text, and what it counts in a request, in bytes."""

    timestamp: int
    message: str
    size: int


class Mark:
    """A place in the queue: `passed` is released when all before it is settled."""

    __slots__ = ("passed",)

    def __init__(self) -> None:
        # Not an Event: a signal handler may make and set one while its own thread is doing the same.
        self.passed = threading.Lock()
        self.passed.acquire()


def cut(queue: deque[Entry | Mark]) -> list[Entry]:
    """Take the next request off the left of the queue: as many events as the limits allow, none past a mark.

    Returns:
        The events in chronological order, those of one millisecond in the order of the queue; empty if there is none
        before the first mark.
    """
    taken: list[Entry] = []
    size = 0
    earliest = latest = 0
    while queue and len(taken) < MAX_BATCH_EVENTS:
        entry = queue[0]
        if isinstance(entry, Mark):
            break
        timestamp = entry.timestamp
        if taken:
            earliest, latest = min(earliest, timestamp), max(latest, timestamp)
            if size + entry.size > MAX_BATCH_BYTES or latest - earliest > MAX_SPAN:
                break
        else:
            earliest = latest = timestamp
        size += entry.size
        taken.append(entry)
        queue.popleft()
    # A clock may go backwards, and threads overtake each other between reading it and queueing.
    taken.sort(key=_timestamp)
    return taken


def _timestamp(entry: Entry) -> int:
    return entry.timestamp
