"""Looking into a spool's directory from outside, without changing anything, also while processes write to it."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from otel_ctxlog.delivery.spool.entries import Bad, Limits, parse
from otel_ctxlog.delivery.spool.files import open_for_looking, read_at
from otel_ctxlog.delivery.spool.folders import MAX_IDENTITY
from otel_ctxlog.delivery.spool.format import HEADER_SIZE, NoSegmentError, read_cursor, read_header
from otel_ctxlog.delivery.spool.layout import (
    LOCK,
    OWNER,
    listed_corrupt,
    listed_making,
    listed_owners,
    listed_segments,
)
from otel_ctxlog.delivery.spool.locking import is_locked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_ctxlog.delivery.spool.entries import Encoded
    from otel_ctxlog.delivery.spool.format import Header

__all__ = ["OwnerView", "SegmentView", "SpoolView", "look", "waiting_records", "why_no_spool"]

_WINDOW: Final = 1 << 20
_EVERYTHING: Final = Limits(sys.maxsize, sys.maxsize)
# At the root of a volume, of the file system's own making.
_LOST_AND_FOUND: Final = "lost+found"


@dataclass(frozen=True, slots=True)
class SegmentView:
    """A segment, as far as it is not accepted.

    Attributes:
        path: its file.
        records: how many intact records wait in it.
        bytes: how much of the file is not accepted.
        first: the first of these records; None if there is none.
        made: when it was begun, in nanoseconds since the epoch; 0 if it cannot be read.
        bad: damaged stretches. What stands at the end of a segment that is being written is not among them.
        problem: why it cannot be read at all, or empty.
        foreign: whether that may be good all the same: it is of a later version.
    """

    path: Path
    records: int = 0
    bytes: int = 0
    first: Encoded | None = None
    made: int = 0
    bad: tuple[Bad, ...] = ()
    problem: str = ""
    foreign: bool = False


@dataclass(frozen=True, slots=True)
class OwnerView:
    """What one process has left, or has.

    Attributes:
        name: the name of its folder without the ending.
        alive: whether the process lives.
        sender: process id of the living process that sends what a dead one has left; 0 if there is none.
        pid: its process id, 0 if unknown; on `host`, which may be a container.
        host: name of its machine, or empty.
        program: name of its program, or empty.
        segments: in the order of writing.
        problem: why it cannot be read, or empty.
    """

    name: str
    alive: bool
    sender: int
    pid: int
    host: str
    program: str
    segments: tuple[SegmentView, ...]
    problem: str = ""

    @property
    def is_held(self) -> bool:
        """Whether a living process sends what waits."""
        return self.alive or self.sender != 0

    @property
    def records(self) -> int:
        """How many intact records wait."""
        return sum(segment.records for segment in self.segments)

    @property
    def bytes(self) -> int:
        """How many bytes of segments are not accepted."""
        return sum(segment.bytes for segment in self.segments)

    @property
    def damage(self) -> int:
        """How many parts cannot be read."""
        return sum(len(one.bad) + bool(one.problem and not one.foreign) for one in self.segments)


@dataclass(frozen=True, slots=True)
class SpoolView:
    """A spool's directory.

    Attributes:
        path: the directory.
        owners: the oldest first.
        corrupt: damaged parts that were set aside: path and size.
    """

    path: Path
    owners: tuple[OwnerView, ...]
    corrupt: tuple[tuple[Path, int], ...]


def look(path: Path) -> SpoolView:
    """Return what is in a spool's directory; every record that waits is read and checked.

    Raises:
        OSError: it is not there, is no directory, or cannot be read.
    """
    # Listing would take one that is missing for empty.
    os.stat(path)  # noqa: PTH116 - the error is wanted, not the answer
    owners = [view for owner in listed_owners(path) if (view := _owner(owner)) is not None]
    corrupt: list[tuple[Path, int]] = []
    for part in listed_corrupt(path):
        try:
            corrupt.append((part, part.stat().st_size))
        except FileNotFoundError:
            continue
    return SpoolView(path, tuple(owners), tuple(corrupt))


def why_no_spool(path: Path) -> str:
    """Return that a directory is none of a spool, and which is probably meant, for people; empty if it may be one.

    A spool from which everything was delivered is an empty directory.

    Raises:
        OSError: as `look`.
    """
    os.stat(path)  # noqa: PTH116 - as above
    if _looks_like_spool(path):
        return ""
    absolute = path.absolute()
    if absolute.name.endswith(OWNER) and absolute.is_dir():
        return f"{path}: that is one owner's folder; name the directory above"
    with os.scandir(path) as entries:
        names = sorted(entry.name for entry in entries)
    meant = [path / name for name in names if _looks_like_spool(path / name)]
    if meant:
        return f"{path} does not look like a spool; did you mean {' or '.join(map(str, meant))}?"
    # Hidden ones are the system's, too, like snapshots.
    strange = any(name != _LOST_AND_FOUND and not name.startswith(".") for name in names)
    return f"{path} does not look like a spool" if strange else ""


def _looks_like_spool(path: Path) -> bool:
    try:
        return any(listed(path) for listed in (listed_owners, listed_making, listed_corrupt))
    except OSError:
        return False


def waiting_records(path: Path) -> Iterator[list[Encoded]]:
    """Give the intact records that wait, the oldest owner first, some at a time; damage is passed over.

    Raises:
        OSError: as `look`.
    """
    os.stat(path)  # noqa: PTH116 - as above
    for owner in listed_owners(path):
        try:
            names = listed_segments(owner)
        except OSError:
            continue
        for name in names:
            try:
                for records, _ in _stretches(name):
                    yield records
            except (OSError, NoSegmentError):
                continue


def _owner(folder: Path) -> OwnerView | None:
    name = folder.name.removesuffix(OWNER)
    locked, lines = False, list[bytes]()
    try:
        descriptor = open_for_looking(folder / LOCK)
        try:
            locked = is_locked(descriptor)
            lines = read_at(descriptor, MAX_IDENTITY, 0).splitlines()
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        pass
    except OSError as error:
        return OwnerView(name, False, 0, 0, "", "", (), problem=error.strerror or str(error))
    known, adopter = (_identity(line) for line in (*lines, b"", b"")[:2])
    try:
        names = listed_segments(folder)
    except OSError:
        return None
    segments: list[SegmentView] = []
    for path in names:
        view = _segment(path, being_written=locked and path == names[-1])
        if view is not None:
            segments.append(view)
    return OwnerView(
        name,
        locked and not adopter,
        _number(adopter.get("pid")) if locked else 0,
        _number(known.get("pid")),
        _text(known.get("host")),
        _text(known.get("program")),
        tuple(segments),
    )


def _number(value: object) -> int:
    return value if type(value) is int else 0


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _identity(content: bytes) -> dict[str, object]:
    try:
        known: object = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, object]", known) if isinstance(known, dict) else {}


def _segment(path: Path, *, being_written: bool) -> SegmentView | None:
    count = size = made = 0
    first: Encoded | None = None
    bad: list[Bad] = []
    try:
        descriptor = open_for_looking(path)
        try:
            area = read_at(descriptor, HEADER_SIZE, 0)
            if not area:
                return SegmentView(path)
            end = os.fstat(descriptor).st_size
            made = read_header(area).made
            size = max(0, end - read_cursor(area).offset)
        finally:
            os.close(descriptor)
        for records, damaged in _stretches(path):
            first = first or next(iter(records), None)
            count += len(records)
            # What was being written while we looked is no damage.
            bad += [part for part in damaged if not (being_written and part.end >= end)]
    except FileNotFoundError:
        # Delivered while we looked.
        return None
    except NoSegmentError as error:
        return SegmentView(path, problem=str(error), foreign=error.untouchable)
    except OSError as error:
        return SegmentView(path, problem=error.strerror or str(error))
    return SegmentView(path, count, size, first, made, tuple(bad))


def _stretches(path: Path) -> Iterator[tuple[list[Encoded], list[Bad]]]:
    """Give what waits in a segment in windows: records, and damaged stretches."""
    descriptor = open_for_looking(path)
    try:
        area = read_at(descriptor, HEADER_SIZE, 0)
        header, cursor = read_header(area), read_cursor(area)
        contexts: dict[int, tuple[bytes, bytes]] = {}
        # The contexts of what waits may stand before it.
        seen = read_at(descriptor, cursor.offset - HEADER_SIZE, HEADER_SIZE)
        parse(seen, header, contexts, start=HEADER_SIZE, number=0, complete=True, limits=_EVERYTHING)
        yield from _rest(descriptor, header, contexts, start=cursor.offset, number=cursor.records)
    finally:
        os.close(descriptor)


def _rest(
    descriptor: int, header: Header, contexts: dict[int, tuple[bytes, bytes]], *, start: int, number: int
) -> Iterator[tuple[list[Encoded], list[Bad]]]:
    end = os.fstat(descriptor).st_size
    size = _WINDOW
    while start < end:
        data = read_at(descriptor, min(size, end - start), start)
        complete = start + len(data) >= end or len(data) < size
        found = parse(data, header, contexts, start=start, number=number, complete=complete, limits=_EVERYTHING)
        if found.end == start:
            if complete:
                return
            size = end - start
            continue
        size = _WINDOW
        start, number = found.end, found.number
        yield found.records, found.bad
