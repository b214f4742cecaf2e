"""The bytes of a segment: a header that is there twice, a cursor, and entries with a checksum each.

All numbers are little-endian::

    0    header (64 bytes): magic 8, version 2, size of all that precedes the entries 2, salt 4, marker 4,
         process id 4, made at (Unix nanoseconds) 8, zeros, crc32 of all this 4
    64   the same header again
    128  cursor (32 bytes): offset 8, records 4, turn 4, zeros, crc32 4: everything before `offset` was accepted
    160  cursor; the two are written in turns, the valid one with the higher turn counts
    192  zeros
    256  entries

    entry: marker 4, crc32 of what follows 4, length of the content 4, context 4, number 4, content

A *context* is a resource and a scope, stored when the first record of the segment needs it, twice, since all records
that name it depend on it: its entries have the top bit of `context` set, the length of the resource in `number`, and
both as content. An entry of a record has the number of its context, its own number in the segment, and the record.

Marker and salt are random and different in each segment. After a damaged entry the next intact one is found by the
marker; the salt goes into each checksum, so that nobody can write an entry into the text of a record.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from struct import Struct
from typing import Final
from zlib import crc32

__all__ = ["CONTEXT", "ENTRY", "ENTRY_SIZE", "HEADER_SIZE", "Cursor", "Header", "NoSegmentError", "area_of"]
__all__ += ["CURSOR_AT", "context_entry", "cursor_bytes", "read_cursor", "read_header", "record_entry"]

MAGIC: Final = b"\x93ctxlog\n"
VERSION: Final = 1
HEADER_SIZE: Final = 256
CONTEXT: Final = 1 << 31
CURSOR_AT: Final = (128, 160)

_HEADER: Final = Struct("<8sHHI4sIQ28x")
_CURSOR: Final = Struct("<QII12x")
_CRC: Final = Struct("<I")
_BODY: Final = Struct("<III")
_COPY: Final = 64
_CURSOR_SIZE: Final = 32

ENTRY: Final = Struct("<4sIIII")
"""What precedes the content of an entry: marker, checksum, length, context, number."""
ENTRY_SIZE: Final = ENTRY.size


class NoSegmentError(Exception):
    """A file is no segment that can be read; the text says why.

    Attributes:
        untouchable: whether it may be good all the same, only not for us: of a later version, or not ours to open.
    """

    def __init__(self, problem: str, *, untouchable: bool = False) -> None:
        super().__init__(problem)
        self.untouchable = untouchable


@dataclass(frozen=True, slots=True)
class Header:
    """What the entries of a segment have in common.

    Attributes:
        salt: what each checksum begins with.
        marker: the four bytes that each entry begins with.
        process: id of the process that wrote it; for people, it proves nothing.
        made: when, in nanoseconds since the epoch.
    """

    salt: int
    marker: bytes
    process: int
    made: int

    @classmethod
    def new(cls, made: int) -> Header:
        """Return a header with salt and marker of its own, of this process."""
        marker = os.urandom(4)
        # A marker of equal bytes would match at several places of a run of them.
        while len(set(marker)) < len(marker):
            marker = os.urandom(4)
        return cls(int.from_bytes(os.urandom(4), "little"), marker, os.getpid(), made)


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a segment was accepted.

    Attributes:
        offset: everything before it was accepted, or cannot be read.
        records: the number that the next record would have: those before it are done.
        turn: how often it was written.
    """

    offset: int = HEADER_SIZE
    records: int = 0
    turn: int = 0


def area_of(header: Header) -> bytes:
    """Return what a new segment begins with: `HEADER_SIZE` bytes."""
    fields = _HEADER.pack(
        MAGIC, VERSION, HEADER_SIZE, header.salt, header.marker, header.process & 0xFFFFFFFF, header.made
    )
    copy = fields + _CRC.pack(crc32(fields))
    return (copy + copy).ljust(HEADER_SIZE, b"\0")


def read_header(area: bytes) -> Header:
    """Return the header from the beginning of a file; one of its two copies is enough.

    Raises:
        NoSegmentError: neither is one.
    """
    if len(area) < HEADER_SIZE:
        raise NoSegmentError(f"{len(area)} bytes are too few for a header")
    for start in (0, _COPY):
        copy = area[start : start + _COPY]
        if crc32(copy[:-4]) != _CRC.unpack(copy[-4:])[0]:
            continue
        magic, version, size, salt, marker, process, made = _HEADER.unpack(copy[:-4])
        if magic != MAGIC:
            continue
        if version != VERSION or size != HEADER_SIZE:
            raise NoSegmentError(f"version {version} of the format, this is version {VERSION}", untouchable=True)
        return Header(salt, marker, process, made)
    raise NoSegmentError("no valid header")


def cursor_bytes(cursor: Cursor) -> bytes:
    """Return a cursor as it is written, at ``CURSOR_AT[cursor.turn % 2]``."""
    fields = _CURSOR.pack(cursor.offset, cursor.records, cursor.turn & 0xFFFFFFFF)
    return fields + _CRC.pack(crc32(fields))


def read_cursor(area: bytes) -> Cursor:
    """Return how far a segment was accepted; from the beginning where neither copy is valid."""
    best = Cursor()
    for start in CURSOR_AT:
        copy = area[start : start + _CURSOR_SIZE]
        # Zeros have the checksum of zeros in no length: a slot that was never written is not valid.
        if len(copy) < _CURSOR_SIZE or crc32(copy[:-4]) != _CRC.unpack(copy[-4:])[0]:
            continue
        offset, records, turn = _CURSOR.unpack(copy[:-4])
        if turn > best.turn and offset >= HEADER_SIZE:
            best = Cursor(offset, records, turn)
    return best


def record_entry(header: Header, *, context: int, number: int, record: bytes) -> bytes:
    """Return the entry of a record."""
    return _entry(header, _BODY.pack(len(record), context, number), record)


def context_entry(header: Header, *, context: int, resource: bytes, scope: bytes) -> bytes:
    """Return the entry of a context."""
    content = resource + scope
    return _entry(header, _BODY.pack(len(content), context | CONTEXT, len(resource)), content)


def _entry(header: Header, body: bytes, content: bytes) -> bytes:
    checksum = crc32(content, crc32(body, header.salt))
    return b"%b%b%b%b" % (header.marker, _CRC.pack(checksum), body, content)
