"""One segment as its reader sees it: what is not yet accepted, and how far it was."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from otel_ctxlog.delivery.spool.entries import Bad, Limits, Stretch, last_number, parse
from otel_ctxlog.delivery.spool.files import open_for_changing, open_for_looking, read_at, write_at
from otel_ctxlog.delivery.spool.format import (
    CURSOR_AT,
    HEADER_SIZE,
    Cursor,
    Header,
    cursor_bytes,
    read_cursor,
    read_header,
)

__all__ = ["Segment"]

_WINDOW: Final = 256 << 10
_TAIL: Final = 64 << 10
_EVERYTHING: Final = Limits(sys.maxsize, sys.maxsize)


class Segment:
    """A segment of this process, or one that a dead process left.

    Attributes:
        path: its file.
        header: what its entries have in common.
        cursor: how far it was accepted.
        end: offset behind the last complete entry. The writer moves it, after the bytes are there.
        written: how many records were appended; of another process's segment as many as its last intact entry says.
        exact: whether `written` is known and not read.
        sealed: whether nothing will be appended any more; turns true after the last change of `end`.
        dropped: whether it was removed to make room, by another thread than the reader.
    """

    __slots__ = (
        "_contexts",
        "_descriptor",
        "_told",
        "cursor",
        "dropped",
        "end",
        "exact",
        "header",
        "path",
        "sealed",
        "written",
    )

    def __init__(self, path: Path, header: Header, *, cursor: Cursor | None = None) -> None:
        self.path = path
        self.header = header
        self.cursor = cursor or Cursor()
        self.end = HEADER_SIZE
        self.written = 0
        self.exact = True
        self.sealed = False
        self.dropped = False
        self._descriptor = -1
        self._contexts: dict[int, tuple[bytes, bytes]] = {}
        # Damaged stretches before this offset are already counted.
        self._told = 0

    @classmethod
    def left_behind(cls, path: Path) -> Segment:
        """Return a segment that somebody else wrote, and nobody writes any more; for reading it need not be ours.

        Raises:
            OSError: it cannot be read.
            NoSegmentError: it has no valid header.
        """
        descriptor = open_for_looking(path)
        try:
            area = read_at(descriptor, HEADER_SIZE, 0)
            header = read_header(area)
            segment = cls(path, header, cursor=read_cursor(area))
            segment.end = os.fstat(descriptor).st_size
            segment.sealed = True
            segment.exact = False
            # A cursor beyond the end: the file was cut off.
            if segment.cursor.offset > segment.end:
                segment.cursor = Cursor(max(segment.end, HEADER_SIZE), segment.cursor.records, segment.cursor.turn)
            segment.written = max(segment._count(descriptor), segment.cursor.records)
        finally:
            os.close(descriptor)
        return segment

    def _count(self, descriptor: int) -> int:
        for size in (_TAIL, self.end):
            start = max(HEADER_SIZE, self.end - size)
            last = last_number(read_at(descriptor, self.end - start, start), self.header)
            if last is not None:
                return last + 1
        return 0

    def read(self, limits: Limits) -> Stretch:
        """Return the next records that are not accepted; the same again until they are.

        Of damaged stretches only those are named that no earlier call has named.

        Raises:
            OSError: the file cannot be read.
        """
        # In this order: once it is sealed, the end is final.
        sealed = self.sealed
        end, cursor = self.end, self.cursor
        if cursor.offset >= end:
            return Stretch([], cursor.offset, cursor.records)
        descriptor = self._opened()
        available = end - cursor.offset
        found = Stretch([], cursor.offset, cursor.records)
        for size in (min(available, max(_WINDOW, 2 * limits.size)), available):
            data = read_at(descriptor, size, cursor.offset)
            if len(data) < size:
                if not sealed:
                    # Somebody has cut it off; the writer will notice and seal it.
                    return found
                self.end = cursor.offset + len(data)
            found = parse(
                data,
                self.header,
                self._contexts,
                start=cursor.offset,
                number=cursor.records,
                complete=size == available,
                limits=limits,
                expected=self.written if sealed and self.exact else None,
            )
            if found.end > cursor.offset:
                break
        if self.end < end and found.end >= self.end:
            self._note_cut(found, end)
        found.bad = [bad for bad in found.bad if bad.start >= self._told]
        if found.bad:
            self._told = found.bad[-1].end
        return found

    def _note_cut(self, found: Stretch, end: int) -> None:
        """Count what somebody has cut off from the end of a sealed segment, as far as that is known."""
        lost = self.written - found.number
        if self.exact and lost > 0:
            found.bad.append(Bad(found.end, end, lost))
            found.number = self.written

    def keep_open(self, descriptor: int) -> None:
        """Read from here on: the file has lost its name. The descriptor is closed with the segment, or at once."""
        if self._descriptor < 0:
            self._descriptor = descriptor
        else:
            os.close(descriptor)

    def _opened(self) -> int:
        if self._descriptor < 0:
            self._descriptor = open_for_changing(self.path)
        if not self._contexts and self.cursor.offset > HEADER_SIZE:
            # Adopted in the middle: its contexts stand before.
            seen = read_at(self._descriptor, self.cursor.offset - HEADER_SIZE, HEADER_SIZE)
            parse(seen, self.header, self._contexts, start=HEADER_SIZE, number=0, complete=True, limits=_EVERYTHING)
        return self._descriptor

    def bytes_of(self, start: int, end: int) -> bytes:
        """Return a part of the file.

        Raises:
            OSError: the file cannot be read.
        """
        return read_at(self._opened(), end - start, start)

    def accept(self, offset: int, number: int) -> None:
        """Move the cursor, in the file as well: whoever reads it next begins there.

        Raises:
            OSError: the file cannot be written; in memory the cursor has moved.
        """
        self.cursor = cursor = Cursor(offset, max(number, self.cursor.records), self.cursor.turn + 1)
        write_at(self._opened(), cursor_bytes(cursor), CURSOR_AT[cursor.turn % 2])

    @property
    def is_done(self) -> bool:
        """Whether all of it was accepted, and nothing will be added."""
        return self.sealed and self.cursor.offset >= self.end

    @property
    def waiting_records(self) -> int:
        """How many records are not accepted."""
        return max(0, self.written - self.cursor.records)

    @property
    def waiting_bytes(self) -> int:
        """How many bytes of it are not accepted."""
        return max(0, self.end - self.cursor.offset)

    def close(self) -> None:
        """Close the file; it is opened again when it is needed."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def remove(self) -> int:
        """Close and remove the file, and return its size; 0 if it was gone already.

        Raises:
            OSError: it cannot be removed.
        """
        self.close()
        try:
            size = self.path.stat().st_size
            self.path.unlink()
        except FileNotFoundError:
            return 0
        return size
