"""From the bytes of a segment to records, around whatever is damaged in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from zlib import crc32

from otel_ctxlog.delivery.spool.format import CONTEXT, ENTRY, ENTRY_SIZE

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from otel_ctxlog.delivery.spool.format import Header

__all__ = ["Bad", "Encoded", "Limits", "Stretch", "last_number", "parse"]

Encoded = tuple[bytes, bytes, bytes]
"""A record: resource, scope, log record, each as OTLP has it on the wire."""

# Of a damaged stretch that hides its records nobody can tell more than this is worth looking for.
_MAX_GUESSED: Final = 100_000


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is taken at once; one record is taken in any case.

    Attributes:
        records: at most so many.
        size: at most so many bytes of records, resources and scopes not counted.
    """

    records: int
    size: int


@dataclass(frozen=True, slots=True)
class Bad:
    """A stretch that cannot be read.

    Attributes:
        start: offset in the segment.
        end: offset behind it.
        records: how many records were in it, as far as their neighbours tell.
    """

    start: int
    end: int
    records: int


@dataclass(slots=True)
class Stretch:
    """What was found in a part of a segment.

    Attributes:
        records: in the order of appending.
        end: offset behind what was looked at.
        number: the number that the next record has.
        bad: what could not be read on the way.
    """

    records: list[Encoded]
    end: int
    number: int
    bad: list[Bad] = field(default_factory=list[Bad])


def parse(
    data: bytes,
    header: Header,
    contexts: MutableMapping[int, tuple[bytes, bytes]],
    *,
    start: int,
    number: int,
    complete: bool,
    limits: Limits,
    expected: int | None = None,
) -> Stretch:
    """Return the records of a part of a segment.

    Args:
        data: the part; it begins with an entry, or with what is left of one.
        header: of the segment.
        contexts: those known; those found are added.
        start: offset of the part in the segment.
        number: the number that its first record should have.
        complete: whether the part goes on to the end of the segment: otherwise an entry that is cut off, or damaged,
            ends the search, and is the business of the next, larger part.
        limits: how much is wanted.
        expected: how many records the segment has, if that is known; it tells how many are lost at its end.
    """
    found = Stretch([], start, number)
    view = memoryview(data)
    size = len(data)
    salt, marker = header.salt, header.marker
    taken = position = 0
    while position < size:
        stop = _good(data, view, position, salt, marker)
        if not stop:
            follower = _next_good(data, view, position + 1, header)
            after = _next_number(data, view, follower, header) if follower else expected
            if not complete and (not follower or after is None):
                break
            end = follower or size
            lost = (
                _guessed(data, position, end, header.marker, last=not follower)
                if after is None
                else after - found.number
            )
            found.bad.append(Bad(start + position, start + end, max(0, lost)))
            found.number += max(0, lost)
            position = end
            continue
        _, _, length, context, serial = ENTRY.unpack_from(data, position)
        content = data[position + ENTRY_SIZE : stop]
        if context & CONTEXT:
            contexts[context & ~CONTEXT] = (content[:serial], content[serial:])
        else:
            known = contexts.get(context)
            if found.records and (len(found.records) >= limits.records or taken + length > limits.size):
                break
            if known is None:
                # Both copies of its resource are damaged.
                found.bad.append(Bad(start + position, start + stop, 1))
            else:
                found.records.append((*known, content))
                taken += length
            found.number = max(found.number, serial + 1)
        position = stop
    found.end = start + position
    return found


def _good(data: bytes, view: memoryview, position: int, salt: int, marker: bytes) -> int:
    """Return where the entry at `position` ends, or 0 if none that is intact begins there."""
    if position + ENTRY_SIZE > len(data):
        return 0
    found, checksum, length, _, _ = ENTRY.unpack_from(data, position)
    stop: int = position + ENTRY_SIZE + length
    if found != marker or stop > len(data) or crc32(view[position + 8 : stop], salt) != checksum:
        return 0
    return stop


def _next_good(data: bytes, view: memoryview, position: int, header: Header) -> int:
    """Return where the next intact entry begins, or 0 if there is none."""
    position = data.find(header.marker, position)
    while position >= 0:
        if _good(data, view, position, header.salt, header.marker):
            return position
        position = data.find(header.marker, position + 1)
    return 0


def _next_number(data: bytes, view: memoryview, position: int, header: Header) -> int | None:
    """Return the number of the first record from an intact entry on, or None if no record follows it at once."""
    while stop := _good(data, view, position, header.salt, header.marker):
        _, _, _, context, serial = ENTRY.unpack_from(data, position)
        if not context & CONTEXT:
            return int(serial)
        position = stop
    return None


def _guessed(data: bytes, position: int, end: int, marker: bytes, *, last: bool) -> int:
    """Return how many records a stretch seems to have had, where no later record tells."""
    count = 0
    while 0 <= position < end and count < _MAX_GUESSED:
        head = data[position : position + ENTRY_SIZE]
        count += len(head) < ENTRY_SIZE or not ENTRY.unpack(head)[3] & CONTEXT
        position = data.find(marker, position + 1, end)
    # A context is never last: where all looks like one, there was a record, or the beginning of one.
    return max(count, int(last))


def last_number(data: bytes, header: Header) -> int | None:
    """Return the number of the last intact record in the tail of a segment, or None if there is none."""
    view = memoryview(data)
    position = data.rfind(header.marker)
    while position >= 0:
        stop = _good(data, view, position, header.salt, header.marker)
        if stop:
            _, _, _, context, serial = ENTRY.unpack_from(data, position)
            if not context & CONTEXT:
                return int(serial)
        position = data.rfind(header.marker, 0, position + len(header.marker) - 1) if position else -1
    return None
