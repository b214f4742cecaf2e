"""Appending: one write for one record, so that whatever ends the process leaves whole records.

Every method is called with the spool's re-entrant lock held. A signal handler may therefore interrupt `append` and
append itself, in the same thread. The plain way through `append` can bear that at every point, since a complete entry
may go to the end of the file at any time and what the interrupted call knows about the file is only put together at
its end; in the parts that cannot bear it (`_Stage.CHANGING`) the inner call keeps nothing and says so.
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from enum import Enum, auto
from itertools import count
from typing import TYPE_CHECKING, Final

from otel_ctxlog.delivery.spool.files import open_for_appending, sync_folder
from otel_ctxlog.delivery.spool.folders import Folder
from otel_ctxlog.delivery.spool.format import HEADER_SIZE, Header, area_of, context_entry, record_entry
from otel_ctxlog.delivery.spool.layout import later, segment_name
from otel_ctxlog.delivery.spool.locking import lock_new
from otel_ctxlog.delivery.spool.nesting import is_nested
from otel_ctxlog.delivery.spool.room import FullError
from otel_ctxlog.delivery.spool.segment import Segment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from otel_ctxlog.delivery.spool.durability import Durability
    from otel_ctxlog.delivery.spool.room import Room

__all__ = ["Writer"]

# A file that somebody has removed takes records that nobody will find after a crash; asking costs a microsecond.
_LOOK_SECONDS: Final = 0.05


class _Stage(Enum):
    IDLE = auto()
    WRITING = auto()
    CHANGING = auto()


class _Tail:
    """The file that is appended to: a segment from the writer's side."""

    __slots__ = ("contexts", "descriptor", "header", "looked", "numbers", "segment")

    def __init__(self, segment: Segment, descriptor: int) -> None:
        self.segment = segment
        self.header = segment.header
        self.descriptor = descriptor
        self.contexts: dict[tuple[bytes, bytes], int] = {}
        self.numbers = count(1)
        self.looked = time.monotonic()

    def is_whole(self) -> bool:
        """Whether the file is still in its folder and as long as it should be.

        Raises:
            OSError: it cannot be asked.
        """
        self.looked = time.monotonic()
        found = os.fstat(self.descriptor)
        if not found.st_nlink:
            # What is in it is not lost, for as long as this process lives.
            self.segment.keep_open(os.dup(self.descriptor))
        return found.st_nlink > 0 and found.st_size == self.segment.end


class Writer:
    """Appends the records of this process, in segments of a folder of its own.

    Args:
        root: the spool's directory.
        segment_bytes: size beyond which a segment is not continued.
        durability: takes the files over.
        room: how much may be written.
        on_folder: is told of each folder that is begun, before anything is in it.
    """

    def __init__(
        self,
        root: Path,
        *,
        segment_bytes: int,
        durability: Durability,
        room: Room,
        on_folder: Callable[[Folder], None],
    ) -> None:
        self._root = root
        self._segment_bytes = segment_bytes
        self._durability = durability
        self._room = room
        self._on_folder = on_folder
        self._folder: Folder | None = None
        self._tail: _Tail | None = None
        self._made = 0
        self._stage = _Stage.IDLE
        # What inner calls have appended behind the back of the one that they interrupted.
        self._inner_records = 0
        self._inner_bytes = 0
        self._inner_running = False
        # Whether what is at the end of the file is unknown, since an exception came out of the middle of a call.
        self._unsure = False

    @property
    def is_idle(self) -> bool:
        """Whether no call of this very thread is being interrupted."""
        return self._stage is _Stage.IDLE

    @property
    def is_unsure(self) -> bool:
        """Whether the segment has records that its reader does not see before it is sealed."""
        return self._unsure

    def append(self, resource: bytes, scope: bytes, record: bytes) -> bool:
        """Append a record; False only in a call that has interrupted another at a bad moment.

        Raises:
            OSError: the disk does not take it.
            FullError: the spool is full.
        """
        if self._stage is not _Stage.IDLE:
            if is_nested(Writer.append.__code__):
                return self._append_inside(resource, scope, record)
            self._unsure = True
        finished = False
        try:
            self._stage = _Stage.CHANGING
            self._inner_running = False
            tail = self._ready(len(record))
            self._stage = _Stage.WRITING
            context, prefix = _context_of(tail, resource, scope)
            data = prefix + record_entry(tail.header, context=context, number=tail.segment.written, record=record)
            if len(data) > self._room.left:
                self._stage = _Stage.CHANGING
                self._room.make(len(data))
                self._stage = _Stage.WRITING
            _write(tail.descriptor, data)
            self._stage = _Stage.CHANGING
            self._commit(tail, len(data))
            if prefix:
                tail.contexts[resource, scope] = context
            finished = True
        except (OSError, FullError):
            self._stage = _Stage.CHANGING
            self._mend()
            finished = True
            raise
        finally:
            self._unsure |= not finished
            self._stage = _Stage.IDLE
        return True

    def _append_inside(self, resource: bytes, scope: bytes, record: bytes) -> bool:
        tail = self._tail
        if tail is None or self._stage is not _Stage.WRITING or self._inner_running or self._unsure:
            return False
        if tail.segment.end + self._inner_bytes + len(record) > 2 * self._segment_bytes:
            return False
        self._inner_running = True
        try:
            context, prefix = _context_of(tail, resource, scope)
            number = tail.segment.written + 1 + self._inner_records
            data = prefix + record_entry(tail.header, context=context, number=number, record=record)
            try:
                _write(tail.descriptor, data)
            except OSError:
                self._unsure = True
                raise
            self._inner_bytes += len(data)
            self._inner_records += 1
        finally:
            self._inner_running = False
        return True

    def _ready(self, size: int) -> _Tail:
        """Return the tail for a record of this size, a new one where the old one cannot take it."""
        tail = self._tail
        if tail is not None:
            end = tail.segment.end
            full = end + size > self._segment_bytes and end > HEADER_SIZE
            looked = time.monotonic() - tail.looked <= _LOOK_SECONDS
            if full or self._unsure or tail.segment.sealed or not (looked or tail.is_whole()):
                self.seal()
        return self._tail or self._begin()

    def _begin(self) -> _Tail:
        folder = self._folder
        if folder is not None:
            # Where Ctrl-C came between two steps, one may have been forgotten; the reader would wait there for more.
            for forgotten in folder.segments:
                forgotten.sealed = True
        if folder is None or not folder.is_held():
            if folder is not None:
                folder.complete = True
            folder = self._folder = Folder.make(self._root, durable=self._durability.is_durable)
            self._on_folder(folder)
        self._made = later(self._made)
        path = folder.path / segment_name(self._made)
        descriptor = open_for_appending(path)
        try:
            lock_new(descriptor, path)
            header = Header.new(self._made)
            area = area_of(header)
            _write(descriptor, area)
            if self._durability.is_durable:
                sync_folder(folder.path)
        except BaseException:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        segment = Segment(path, header)
        folder.segments.append(segment)
        self._durability.begin(descriptor)
        self._tail = tail = _Tail(segment, descriptor)
        return tail

    def _commit(self, tail: _Tail, written: int) -> None:
        segment = tail.segment
        records, size = self._inner_records + 1, self._inner_bytes + written
        self._inner_records = self._inner_bytes = 0
        segment.written += records
        # Last: the reader goes as far as this says.
        segment.end += size
        self._durability.appended += records
        self._room.left -= size

    def _mend(self) -> None:
        """Take back what was written in part, as far as nothing whole stands behind it."""
        tail = self._tail
        if tail is None:
            return
        if self._inner_records:
            self._unsure = True
        if not self._unsure:
            try:
                os.ftruncate(tail.descriptor, tail.segment.end)
            except OSError:
                self._unsure = True

    def seal(self) -> None:
        """End the current segment; the next record begins another."""
        tail = self._tail
        if tail is None:
            return
        segment = tail.segment
        if self._unsure:
            # Whole entries and parts of others: the reader finds out.
            segment.written += self._inner_records
            self._inner_records = self._inner_bytes = 0
            with suppress(OSError):
                segment.end = max(segment.end, os.fstat(tail.descriptor).st_size)
            self._unsure = False
        # In this order: whatever comes in between, a sealed segment is not continued, see `_ready`.
        segment.sealed = True
        self._tail = None
        self._durability.retire(tail.descriptor)

    @property
    def unfinished(self) -> Segment | None:
        """The segment that is appended to."""
        return None if self._tail is None else self._tail.segment


def _write(descriptor: int, data: bytes) -> None:
    """Write all of `data` at once, or say that it could not be."""
    written = os.write(descriptor, data)
    if written != len(data):
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)} ({written} of {len(data)} bytes were written)")


def _context_of(tail: _Tail, resource: bytes, scope: bytes) -> tuple[int, bytes]:
    """Return the number of a context, and what is to precede the record where the segment does not have it yet."""
    known = tail.contexts.get((resource, scope))
    if known is not None:
        return known, b""
    number = next(tail.numbers)
    return number, 2 * context_entry(tail.header, context=number, resource=resource, scope=scope)
