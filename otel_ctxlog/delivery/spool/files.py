"""Reading, writing and syncing files by descriptor, on the systems that Python runs on.

Everything here raises `OSError` and nothing else.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FILE_MODE", "FOLDER_MODE", "open_for_appending", "open_for_changing", "read_at", "write_at"]
__all__ += ["make_folder", "open_for_looking", "sync_data", "sync_file", "sync_folder"]

# Records may hold anything that a program knows: nobody else reads them unless the folder's owner lets them.
FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700

_BINARY: Final[int] = getattr(os, "O_BINARY", 0)
_HAS_POSITIONS: Final = hasattr(os, "pread") and hasattr(os, "pwrite")
# What the drive itself still holds back on macOS; elsewhere fdatasync sees to that.
_FULL_SYNC: Final = 51 if sys.platform == "darwin" else None


def open_for_appending(path: Path) -> int:
    """Create a file that must not be there yet; each write goes to its end."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | _BINARY
    return os.open(path, flags, FILE_MODE)


def open_for_changing(path: Path, *, create: bool = False) -> int:
    """Open a file for reading and for writing at any place."""
    return os.open(path, os.O_RDWR | _BINARY | (os.O_CREAT if create else 0), FILE_MODE)


def open_for_looking(path: Path) -> int:
    """Open a file for reading only."""
    return os.open(path, os.O_RDONLY | _BINARY)


def read_at(descriptor: int, size: int, offset: int) -> bytes:
    """Return up to `size` bytes from `offset`; fewer only where the file ends."""
    parts: list[bytes] = []
    while size > 0:
        if _HAS_POSITIONS:
            part = os.pread(descriptor, size, offset)
        else:
            os.lseek(descriptor, offset, os.SEEK_SET)
            part = os.read(descriptor, size)
        if not part:
            break
        parts.append(part)
        size -= len(part)
        offset += len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def write_at(descriptor: int, data: bytes, offset: int) -> None:
    """Write all of `data` at `offset`; the descriptor must not be one for appending."""
    left = memoryview(data)
    while left:
        if _HAS_POSITIONS:
            written = os.pwrite(descriptor, left, offset)
        else:
            os.lseek(descriptor, offset, os.SEEK_SET)
            written = os.write(descriptor, left)
        left = left[written:]
        offset += written


def make_folder(path: Path) -> None:
    """Create a folder and those above it, where they are missing."""
    path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)


def sync_data(descriptor: int) -> None:
    """Return when what was written survives a power cut, as far as the device is honest."""
    if _FULL_SYNC is not None and sys.platform != "win32":
        import fcntl

        try:
            fcntl.fcntl(descriptor, _FULL_SYNC)
            return
        except OSError:
            # Not every file system has it.
            pass
    # macOS and Windows lack fdatasync.
    sync = getattr(os, "fdatasync", os.fsync)
    sync(descriptor)


def sync_file(path: Path) -> None:
    """Do as `sync_data` for a file by its name; nothing if it is gone."""
    try:
        descriptor = open_for_changing(path)
    except FileNotFoundError:
        return
    try:
        sync_data(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Return when the names in a folder survive a power cut; nothing where folders cannot be opened."""
    if sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
