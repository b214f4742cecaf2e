"""From encoded records to requests, and back to what can be told from their bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_ctxlog.delivery.kinds import EVENT, kind_of_number
from otel_ctxlog.delivery.wire import message, varint

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["assemble", "kind_of_encoded"]

# The top bit of a byte of a varint: another one follows.
_CONTINUED: Final = 1 << 7

# How a value is written, and fields of ``LogRecord``.
_VARINT: Final = 0
_FIXED64: Final = 1
_SIZED: Final = 2
_FIXED32: Final = 5
_SEVERITY_NUMBER: Final = 2
_EVENT_NAME: Final = 12


def assemble(records: Iterable[tuple[tuple[bytes, bytes], bytes]]) -> bytes:
    """Return the ``ExportLogsServiceRequest`` of records: ((resource, scope), record), encoded each.

    Records are grouped by equal resource and scope, groups in the order of their first record.
    """
    groups: dict[tuple[bytes, bytes], list[bytes]] = {}
    owner: tuple[bytes, bytes] | None = None
    group: list[bytes] = []
    for owner_here, record in records:
        if owner_here is not owner:
            owner = owner_here
            group = groups.setdefault(owner, [])
        group.append(b"\x12" + varint(len(record)))
        group.append(record)
    by_resource: dict[bytes, list[bytes]] = {}
    for (resource, scope), parts in groups.items():
        first, schema = _split(scope)
        by_resource.setdefault(resource, []).append(message(b"\x12", (first, *parts, schema)))
    requests: list[bytes] = []
    for resource, scopes in by_resource.items():
        first, schema = _split(resource)
        requests.append(message(b"\x0a", (first, *scopes, schema)))
    return b"".join(requests)


def _split(content: bytes) -> tuple[bytes, bytes]:
    """Return the first field, which is one with a length, and what follows: the order of the official encoder."""
    size, place = _read_varint(content, 1)
    return content[: place + size], content[place + size :]


def kind_of_encoded(record: bytes) -> int:
    """Return the kind of an encoded record; of one that is cut off, what can be told from its beginning."""
    severity = 0
    for field, number in _fields(record):
        if field == _EVENT_NAME:
            return EVENT
        if field == _SEVERITY_NUMBER:
            severity = number
    return kind_of_number(severity)


def _fields(content: bytes) -> Iterator[tuple[int, int]]:
    """Give number and value of each field of a message; of one with a length, its length."""
    place = 0
    while place < len(content):
        tag, place = _read_varint(content, place)
        written = tag & 7
        value = 0
        if written in (_VARINT, _SIZED):
            value, place = _read_varint(content, place)
        yield tag >> 3, value
        if written == _SIZED:
            place += value
        elif written in (_FIXED64, _FIXED32):
            place += 8 if written == _FIXED64 else 4


def _read_varint(content: bytes, place: int) -> tuple[int, int]:
    """Return the number at a place, and the place behind it."""
    number = shift = 0
    while place < len(content):
        byte = content[place]
        place += 1
        number |= (byte & 127) << shift
        shift += 7
        if byte < _CONTINUED:
            break
    return number, place
