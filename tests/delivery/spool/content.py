"""What tests put into a spool and get out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_ctxlog.delivery.spool import Spool

if TYPE_CHECKING:
    from pathlib import Path

RESOURCE, SCOPE = b"the resource", b"the scope"


def drained(spool: Spool, *, records: int = 100, size: int = 1 << 20) -> list[tuple[bytes, bytes, bytes]]:
    """Everything that a spool gives out, accepted batch by batch."""
    found: list[tuple[bytes, bytes, bytes]] = []
    while (batch := spool.read(records, size)) is not None:
        found += batch.records
        batch.accept()
    return found


def texts(spool: Spool) -> list[bytes]:
    """The records alone, accepted."""
    return [record for _, _, record in drained(spool)]


def fill(spool: Spool, *records: bytes) -> None:
    """Append records, all of one resource and scope."""
    for record in records:
        assert spool.append(RESOURCE, SCOPE, record)


def left_behind(root: Path, *records: bytes) -> Path:
    """The only segment of a spool whose process is gone."""
    spool = Spool(root)
    fill(spool, *records)
    spool.close()
    return segments(root)[0]


def segments(root: Path) -> list[Path]:
    """The segments in a spool's directory."""
    return sorted(root.glob("*.owner/*.segment"))


def files(root: Path) -> list[str]:
    """Everything below a directory, as relative paths."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def look_again(spool: Spool) -> None:
    """Have the next read search for what dead processes left, however short ago the last search was."""
    spool._reader._searched = None
