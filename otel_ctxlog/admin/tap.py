"""The tap: the last records that passed, for the tail and for previews. Bounded in memory, and in time per second."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Collection
from contextlib import suppress
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeVar

from otel_ctxlog.admin.redaction import Redaction
from otel_ctxlog.admin.seen import Seen
from otel_ctxlog.otel.context import Context

if TYPE_CHECKING:
    from opentelemetry._logs import LogRecord

__all__ = ["Tap"]

_T = TypeVar("_T")

_MOST_PER_SECOND: Final = 1_000
_MOST_SCOPES: Final = 200
_PER_SCOPE: Final = 10


class Tap:
    """The last records, and the last ones of each logger, so that a talkative one does not hide the others.

    Nothing here takes a lock: a record may be logged by a signal handler or a finalizer in the middle of another.
    Of more than a thousand records in a second the further ones are counted only.

    Args:
        most: how many records are kept.
        redaction: what of them is hidden.

    Attributes:
        open: whether records are taken.
        last: the number of the last record; their numbers have no gaps but for those that were counted only.
        by_level: how many records there were of each level; a close guess where several threads log.
    """

    __slots__ = (
        "__weakref__",
        "_numbers",
        "_records",
        "_redaction",
        "_room",
        "_scopes",
        "_second",
        "by_level",
        "last",
        "open",
    )

    def __init__(self, most: int, redaction: Redaction) -> None:
        self.open = most > 0
        self.last = 0
        self.by_level: dict[int, int] = {}
        self._numbers = count(1)
        self._records: deque[Seen] = deque(maxlen=most)
        self._scopes: OrderedDict[str, deque[Seen]] = OrderedDict()
        self._redaction = redaction
        self._second = 0
        self._room = _MOST_PER_SECOND

    def take(self, record: LogRecord, scope: str, severity: int, context: Context) -> None:
        """Take one record."""
        if not self.open:
            return
        number = next(self._numbers)
        # One that came in the middle of this has a higher number, and readers that have seen it go on from there. After
        # a call, that of `max` too, another thread may go on; between these two steps none does.
        if number > self.last:  # noqa: PLR1730
            self.last = number
        level = self.by_level
        level[severity] = level.get(severity, 0) + 1
        second = int(monotonic())
        if second != self._second:
            self._second = second
            self._room = _MOST_PER_SECOND
        self._room -= 1
        if self._room < 0:
            return
        seen = Seen(number, record, scope, context, self._redaction)
        self._records.append(seen)
        ring = self._scopes.get(scope)
        if ring is None:
            if len(self._scopes) >= _MOST_SCOPES:
                with suppress(KeyError):  # another thread was faster
                    self._scopes.popitem(last=False)
            ring = self._scopes.setdefault(scope, deque(maxlen=_PER_SCOPE))
        ring.append(seen)

    def records(self, after: int, most: int) -> list[Seen]:
        """Return the oldest records after that number, in the order of their numbers."""
        found = sorted((one for one in _copy(self._records) if one.number > after), key=_number)
        return found[:most]

    def latest(self, most: int) -> list[Seen]:
        """Return the last records, in the order of their numbers."""
        return sorted(_copy(self._records), key=_number)[-most:] if most else []

    def known(self) -> list[Seen]:
        """Return all records that are there, those of rare loggers too, the latest first."""
        found = {one.number: one for one in _copy(self._records)}
        for ring in _copy(self._scopes.values()):
            found.update((one.number, one) for one in _copy(ring))
        return sorted(found.values(), key=_number, reverse=True)

    def close(self) -> None:
        """Take no more records, and forget those that are there."""
        self.open = False
        self._records.clear()
        self._scopes.clear()


def _number(seen: Seen) -> int:
    return seen.number


def _copy(items: Collection[_T]) -> list[_T]:
    """Return what is in a collection that other threads change meanwhile."""
    while True:
        try:
            return list(items)
        except RuntimeError:  # changed meanwhile
            continue
