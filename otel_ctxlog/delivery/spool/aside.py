"""What cannot be read is put aside, in files of its own beside the owners' folders, for whoever wants to know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_ctxlog.delivery.spool.files import FILE_MODE
from otel_ctxlog.delivery.spool.layout import corrupt_name, listed_corrupt

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Aside"]

_MAX_FILES: Final = 100

# Where there is too much, so much of what is allowed stays: looking through the directory costs.
_REST: Final = 0.75


class Aside:
    """Keeps damaged parts, at most a hundred of them and so many bytes; the oldest go first.

    Args:
        root: the spool's directory.
        max_bytes: limit of all of them together.
    """

    def __init__(self, root: Path, *, max_bytes: int) -> None:
        self._root = root
        self._max_bytes = max_bytes
        # What is there, as far as this process knows; nothing is known yet.
        self._files = _MAX_FILES
        self._bytes = max_bytes

    def put(self, segment: Path, offset: int, data: bytes) -> None:
        """Keep a stretch of a segment; a longer one than the limit is cut.

        Raises:
            OSError: it cannot be written.
        """
        path = self._root / corrupt_name(segment, offset)
        path.touch(mode=FILE_MODE)
        path.write_bytes(data[: self._max_bytes])
        self._trim(len(data))

    def move(self, segment: Path) -> int:
        """Keep a whole file, which is no segment that can be read, and return its size.

        Raises:
            OSError: it cannot be moved.
        """
        size = segment.stat().st_size
        segment.rename(self._root / corrupt_name(segment, 0))
        self._trim(size)
        return size

    def _trim(self, added: int) -> None:
        self._files += 1
        self._bytes += added
        if self._files <= _MAX_FILES and self._bytes <= self._max_bytes:
            return
        found: list[tuple[float, Path, int]] = []
        for path in listed_corrupt(self._root):
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            found.append((status.st_mtime, path, status.st_size))
        found.sort()
        self._files, self._bytes = len(found), sum(size for _, _, size in found)
        if self._files <= _MAX_FILES and self._bytes <= self._max_bytes:
            return
        for _, path, size in found:
            if self._bytes <= self._max_bytes * _REST and self._files <= _MAX_FILES * _REST:
                break
            path.unlink(missing_ok=True)
            self._files -= 1
            self._bytes -= size
