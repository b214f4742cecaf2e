"""Who owns what: a lock on a file that the operating system drops when its process ends, however it ends.

Not process ids: those are reused, mean nothing in another container, and need somebody to clean up.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["is_locked", "lock_new", "try_lock"]

if sys.platform == "win32":
    import msvcrt

    # A region that nobody reads or writes: Windows locks keep others from the bytes themselves.
    _FAR = 1 << 30

    def try_lock(descriptor: int) -> bool:
        """Take the lock of a file, exclusively and without waiting; return whether it is ours now."""
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def is_locked(descriptor: int) -> bool:
        """Return whether somebody else has the lock of a file; nothing is changed by asking."""
        if not try_lock(descriptor):
            return True
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
        return False

else:
    import fcntl

    # `flock` and not `fcntl.lockf`: those locks belong to a process and are gone as soon as any of its descriptors of
    # that file is closed. A forked child shares ours until it closes it, which does not unlock.

    def try_lock(descriptor: int) -> bool:
        """Take the lock of a file, exclusively and without waiting; return whether it is ours now.

        It lasts until the last descriptor that came from this opening of the file is closed.

        Raises:
            OSError: the file system has no locks.
        """
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def is_locked(descriptor: int) -> bool:
        """Return whether somebody else has the lock of a file.

        The question itself takes a shared lock for a moment: whoever wants to adopt the file just then comes again.

        Raises:
            OSError: the file system has no locks.
        """
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return True
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        return False


def lock_new(descriptor: int, path: Path) -> None:
    """Take the lock of a file that nobody else can know yet.

    Raises:
        OSError: somebody has it all the same, or the file system has no locks.
    """
    if not try_lock(descriptor):
        raise BlockingIOError(f"{path} was locked by another process")
