"""The folder of an owner: made for this process, or adopted from one that has died."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from otel_ctxlog.delivery.spool.files import (
    FOLDER_MODE,
    make_folder,
    open_for_changing,
    open_for_looking,
    read_at,
    sync_folder,
    write_at,
)
from otel_ctxlog.delivery.spool.format import NoSegmentError
from otel_ctxlog.delivery.spool.layout import LOCK, MAKING, OWNER, listed_making, listed_segments, new_stem
from otel_ctxlog.delivery.spool.locking import is_locked, lock_new, try_lock
from otel_ctxlog.delivery.spool.segment import Segment

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MAX_IDENTITY", "Folder", "tidy"]

MAX_IDENTITY: Final = 4096
"""How much of a lock file is looked at."""

# A folder that is being made, or removed, is left alone for so many seconds.
_GRACE: Final = 60.0

_MAX_NAME: Final = 200


class Folder:
    """An owner's folder of which this process has the lock.

    Attributes:
        path: where it is.
        segments: those with records to send, in the order of writing; the writer adds, reader and quota remove.
        complete: whether nothing will be added: it was adopted, or is not where it was any more.
    """

    __slots__ = ("_lock", "complete", "path", "segments")

    def __init__(self, path: Path, lock: int, *, complete: bool) -> None:
        self.path = path
        self._lock = lock
        self.complete = complete
        self.segments: list[Segment] = []

    @classmethod
    def make(cls, root: Path, *, durable: bool) -> Folder:
        """Make a folder for this process, and the directory as well if it is not there.

        Args:
            root: the spool's directory.
            durable: whether its name is to survive a power cut.

        Raises:
            OSError: it cannot be made, or the file system has no locks.
        """
        make_folder(root)
        stem = new_stem()
        path = root / f"{stem}{OWNER}"
        # Nobody ever sees it unlocked. Windows does not rename what has an open file in it.
        making = path if sys.platform == "win32" else root / f"{stem}{MAKING}"
        making.mkdir(mode=FOLDER_MODE)
        lock = -1
        try:
            lock = open_for_changing(making / LOCK, create=True)
            lock_new(lock, making / LOCK)
            write_at(lock, _identity(), 0)
            if making != path:
                making.rename(path)
            if durable:
                sync_folder(path)
                sync_folder(root)
        except BaseException:
            # Ctrl-C, too: what nobody knows of stays locked until the process ends.
            if lock >= 0:
                os.close(lock)
            _remove(making)
            raise
        return cls(path, lock, complete=False)

    @classmethod
    def adopt(cls, path: Path, *, on_problem: Callable[[Path, NoSegmentError], None]) -> Folder | None:
        """Return the folder of a dead process, ours from now on, or None while its owner lives.

        Args:
            path: the folder.
            on_problem: is told of each segment that has no valid header; it is not among those of the folder.

        Raises:
            OSError: it cannot be read, or the file system has no locks.
        """
        names = listed_segments(path)
        try:
            lock = open_for_changing(path / LOCK, create=bool(names))
        except FileNotFoundError:
            # Whoever removed its last segment and its lock has not got to the folder itself.
            if _age(path) > _GRACE:
                _remove(path)
            return None
        folder = cls(path, lock, complete=True)
        try:
            if folder._is_free():
                folder._sign()
                folder._collect(on_problem)
                return folder
        except BaseException:
            folder.release()
            raise
        folder.release()
        return None

    def _is_free(self) -> bool:
        """Take the lock and return whether nobody else has the folder, or has had all that was in it."""
        if not try_lock(self._lock) or not self.is_held():
            return False
        # Where somebody's hand has removed the lock of a living process, the segment that it writes still tells; the
        # lock that we have just made would deceive the next.
        if any(map(_is_being_written, listed_segments(self.path))):
            (self.path / LOCK).unlink()
            return False
        return True

    def _sign(self) -> None:
        """Add a second line to the lock: who sends what its owner left. For people; it proves nothing."""
        with suppress(OSError):
            owner, end, _ = read_at(self._lock, MAX_IDENTITY, 0).partition(b"\n")
            line = _identity()
            write_at(self._lock, line, len(owner + end))
            os.ftruncate(self._lock, len(owner + end + line))

    def _collect(self, on_problem: Callable[[Path, NoSegmentError], None]) -> None:
        for name in listed_segments(self.path):
            try:
                self.segments.append(Segment.left_behind(name))
            except NoSegmentError as problem:
                on_problem(name, problem)
            except FileNotFoundError:
                continue
            except OSError as error:
                on_problem(name, NoSegmentError(f"it cannot be read: {error.strerror}", untouchable=True))

    def is_held(self) -> bool:
        """Return whether the folder is still there, with the lock that we hold."""
        return _is_at(self._lock, self.path / LOCK)

    def remove(self) -> None:
        """Remove the folder if nothing is left in it, and give it up in any case."""
        # The lock goes first, while we have it: an adopter that has opened it sees that it is gone.
        if not listed_segments(self.path) and self.is_held():
            _remove(self.path)
        self.release()

    def release(self) -> None:
        """Give it up as it is: whoever comes next adopts it. Also what a forked child does with its parent's."""
        for segment in self.segments:
            segment.close()
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)


def tidy(root: Path) -> None:
    """Remove folders whose making was cut off by the end of a process, a while ago.

    Raises:
        OSError: the directory cannot be read.
    """
    for path in listed_making(root):
        if _age(path) > _GRACE:
            _remove(path)


def _identity() -> bytes:
    program = Path(sys.argv[0]).name[:_MAX_NAME] if sys.argv else ""
    known = {"pid": os.getpid(), "host": socket.gethostname()[:_MAX_NAME], "program": program}
    return json.dumps(known).encode() + b"\n"


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def _is_being_written(path: Path) -> bool:
    try:
        descriptor = open_for_looking(path)
    except OSError:
        return False
    try:
        return is_locked(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    # What is not ours keeps the folder.
    for remove in ((path / LOCK).unlink, path.rmdir):
        try:
            remove()
        except OSError:
            continue
