"""Reading: the oldest records first, the same again until they are accepted, and around whatever is damaged."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from otel_ctxlog.delivery.spool.entries import Limits
from otel_ctxlog.delivery.spool.nesting import is_nested

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from otel_ctxlog.delivery.spool.aside import Aside
    from otel_ctxlog.delivery.spool.complaints import Complaints
    from otel_ctxlog.delivery.spool.counts import SpoolCounts
    from otel_ctxlog.delivery.spool.entries import Bad, Encoded
    from otel_ctxlog.delivery.spool.folders import Folder
    from otel_ctxlog.delivery.spool.format import NoSegmentError
    from otel_ctxlog.delivery.spool.holdings import Holdings
    from otel_ctxlog.delivery.spool.segment import Segment

__all__ = ["Reader", "SpooledBatch"]

# How often the directory is searched for what dead processes left: while there is something to send, and while not.
_SEARCH_SECONDS: Final = 10.0
_IDLE_SEARCH_SECONDS: Final = 1.0

# A file that cannot be read is tried again so often, with so many seconds between, before it is set aside.
_ATTEMPTS: Final = 5
_REST_SECONDS: Final = 1.0

# How long the end waits for a thread that is reading.
_END_SECONDS: Final = 2.0


class SpooledBatch:
    """Records in the order of appending, of one segment.

    Attributes:
        records: resource, scope and log record of each, as they were given to `Spool.append`.
    """

    __slots__ = ("_end", "_folder", "_number", "_reader", "_segment", "records")

    def __init__(
        self, records: list[Encoded], *, reader: Reader, folder: Folder, segment: Segment, end: int, number: int
    ) -> None:
        self.records = records
        self._reader = reader
        self._folder = folder
        self._segment = segment
        self._end = end
        self._number = number

    def accept(self) -> None:
        """The receiver has them: they are removed, and not sent again after a restart. A second time does nothing."""
        self._reader.accept(self._folder, self._segment, end=self._end, number=self._number)

    def retry(self) -> None:
        """Not now: the next `Spool.read` gives them again, as it does with every batch that was not accepted."""
        self._reader.retry(self._segment)


class Reader:
    """Gives out what is in the folders of `Holdings`.

    Args:
        holdings: the folders; the oldest segment of all of them comes first.
        aside: where damaged parts go.
        counts: where they are counted.
        complaints: where they are reported; nothing is said here.
        seal: asks the writer to end a segment, all of which was accepted.
        on_gain: is called when something was removed.
        small: bytes up to which a segment that is being written, and was accepted, is not ended for that.

    Attributes:
        lock: of everything here; taken before the lock of the holdings, never after it.
        over: whether nothing is given out any more, and no batch that is still out there changes anything.
    """

    def __init__(
        self,
        holdings: Holdings,
        *,
        aside: Aside,
        counts: SpoolCounts,
        complaints: Complaints,
        seal: Callable[[Segment], None],
        on_gain: Callable[[], None],
        small: int,
    ) -> None:
        self._holdings = holdings
        self._aside = aside
        self._counts = counts
        self._complaints = complaints
        self._seal = seal
        self._on_gain = on_gain
        self._small = small
        self.lock = threading.RLock()
        self._busy = False
        self.over = False
        self._searched: float | None = None
        self._failures: dict[Path, tuple[int, float]] = {}

    def read(self, limits: Limits) -> SpooledBatch | None:
        """Return the oldest records, or None if there is nothing to send now."""
        with self.lock:
            # Somebody who comes after the end, or a signal handler that reads in the middle of a read.
            if self.over or (self._busy and is_nested(Reader.read.__code__)):
                return None
            self._busy = True
            try:
                return self._read(limits)
            finally:
                self._busy = False

    def _read(self, limits: Limits) -> SpooledBatch | None:
        self._search(_SEARCH_SECONDS)
        passed: list[Folder] = []
        while True:
            choice = self._holdings.oldest(passed)
            if choice is None and self._search(0 if self._holdings.more else _IDLE_SEARCH_SECONDS):
                choice = self._holdings.oldest(passed)
            if choice is None:
                for topic in ("corrupt", "full"):
                    self._complaints.over(topic)
                return None
            folder, segment = choice
            batch = self._take(folder, segment, limits)
            if batch is not None:
                return batch
            if folder.segments[:1] == [segment]:
                passed.append(folder)

    def _take(self, folder: Folder, segment: Segment, limits: Limits) -> SpooledBatch | None:
        """Return a batch of a segment; without one it is either removed, or has nothing for now."""
        if segment.path in self._failures and time.monotonic() < self._failures[segment.path][1]:
            return None
        try:
            found = segment.read(limits)
            for bad in found.bad:
                self._set_aside(segment, bad)
        except FileNotFoundError:
            self._lost(segment, "was removed by somebody else")
            self._finish(folder, segment, keep_file=True)
            return None
        except OSError as error:
            self._failed(folder, segment, error)
            return None
        self._failures.pop(segment.path, None)
        if found.records:
            return SpooledBatch(
                found.records, reader=self, folder=folder, segment=segment, end=found.end, number=found.number
            )
        if found.end > segment.cursor.offset:
            # Nothing but damage.
            with suppress(OSError):
                segment.accept(found.end, found.number)
        if segment.is_done:
            self._finish(folder, segment)
        return None

    def accept(self, folder: Folder, segment: Segment, *, end: int, number: int) -> None:
        """Note that everything before `end` has arrived."""
        with self.lock:
            with self._holdings.lock:
                if self.over or segment.dropped or end <= segment.cursor.offset:
                    return
                # From here on nobody drops it, and closes its file.
                self._holdings.in_flight = segment
            try:
                segment.accept(end, number)
            except OSError as error:
                self._complaints.note(
                    "accept",
                    f"spool: what was delivered cannot be marked in {segment.path} ({error.strerror});"
                    " it will be sent again after a restart",
                )
            if not segment.sealed and self._small < segment.end <= end:
                self._seal(segment)
            if segment.is_done:
                self._finish(folder, segment)
            self.retry(segment)

    def retry(self, segment: Segment) -> None:
        """Note that a batch is not on its way any more."""
        if self._holdings.in_flight is segment:
            self._holdings.in_flight = None

    def end(self) -> bool:
        """Give out nothing any more, and let no batch that is still out there change anything.

        Returns:
            Whether nothing is being read now; otherwise the files must stay open.
        """
        self.over = True
        if not self.lock.acquire(timeout=_END_SECONDS):
            return False
        try:
            return not self._busy
        finally:
            self.lock.release()

    def _search(self, seconds: float) -> bool:
        """Adopt what dead processes left, unless that was done less than `seconds` ago; return whether it was done."""
        now = time.monotonic()
        if self._searched is not None and now - self._searched < seconds:
            return False
        self._searched = now
        try:
            self._holdings.adopt()
        except OSError as error:
            self._complaints.note("search", f"spool: it cannot be searched for what dead processes left: {error}")
        return True

    def _finish(self, folder: Folder, segment: Segment, *, keep_file: bool = False) -> None:
        self._failures.pop(segment.path, None)
        try:
            self._holdings.finish(folder, segment, keep_file=keep_file)
        except OSError as error:
            self._complaints.note(
                "accept",
                f"spool: {segment.path}, which was delivered, cannot be removed ({error.strerror});"
                " it may be sent again after a restart",
            )
        self._on_gain()

    def _failed(self, folder: Folder, segment: Segment, error: OSError) -> None:
        attempts = self._failures.get(segment.path, (0, 0.0))[0] + 1
        self._failures[segment.path] = (attempts, time.monotonic() + _REST_SECONDS)
        segment.close()
        if attempts < _ATTEMPTS:
            self._complaints.note("corrupt", f"spool: {segment.path} cannot be read: {error.strerror}")
            return
        self._lost(segment, f"cannot be read ({error.strerror}) and was set aside")
        with suppress(OSError):
            self._aside.move(segment.path)
        self._finish(folder, segment, keep_file=True)

    def _lost(self, segment: Segment, what: str) -> None:
        self._count(segment.waiting_records, segment.waiting_bytes)
        self._complaints.note("corrupt", f"spool: {segment.path} with {_records(segment.waiting_records)} {what}")

    def unreadable(self, path: Path, problem: NoSegmentError) -> None:
        """Set a file aside that is no segment, or leave it alone where it may be good."""
        if problem.untouchable:
            self._complaints.note("untouchable", f"spool: {path} is left alone: {problem}")
            return
        try:
            # Whoever made it was killed before it wrote anything.
            if path.stat().st_size == 0:
                path.unlink()
                return
            self._count(0, self._aside.move(path))
        except OSError:
            return
        self._complaints.note("corrupt", f"spool: {path} cannot be read and was set aside: {problem}")

    def _set_aside(self, segment: Segment, bad: Bad) -> None:
        self._count(bad.records, bad.end - bad.start)
        self._complaints.note(
            "corrupt",
            f"spool: {bad.end - bad.start} bytes of {segment.path} are damaged ({_records(bad.records)}) and were set"
            " aside; everything else in it is delivered",
        )
        with suppress(OSError):
            data = segment.bytes_of(bad.start, bad.end)
            # Of what somebody has cut off there is nothing.
            if data:
                self._aside.put(segment.path, bad.start, data)

    def _count(self, records: int, size: int) -> None:
        counts = self._counts
        counts.corrupt += records
        counts.corrupt_bytes += size
        counts.corrupt_parts += 1


def _records(number: int) -> str:
    return "1 record" if number == 1 else f"{number} records"
