"""All folders that this process has: its own, and those of dead processes that it sends."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from otel_ctxlog.delivery.spool.folders import Folder, tidy
from otel_ctxlog.delivery.spool.layout import listed_owners

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from otel_ctxlog.delivery.spool.format import NoSegmentError
    from otel_ctxlog.delivery.spool.segment import Segment

__all__ = ["Holdings"]

# Folders that are adopted at once: each costs a descriptor or two.
_MAX_ADOPTED = 16


class Holdings:
    """The folders whose records this process sends, under the lock that the writer has, too.

    Attributes:
        lock: of everything that changes which folders and segments there are. Re-entrant: a signal handler may log
            while its thread has it. Nobody waits for another lock, or runs code of users, while he has it.
        in_flight: the segment whose records were given out last, which is not dropped meanwhile.
        more: whether there were more dead owners than are adopted at once.
    """

    def __init__(self, root: Path, *, on_problem: Callable[[Path, NoSegmentError], None]) -> None:
        self.lock = threading.RLock()
        self.in_flight: Segment | None = None
        self.more = False
        self._root = root
        self._on_problem = on_problem
        self._folders: list[Folder] = []

    def add(self, folder: Folder) -> None:
        """Take a folder in."""
        with self.lock:
            self._folders.append(folder)
            for known in list(self._folders):
                if known is not folder:
                    self.clear(known)

    def oldest(self, without: Collection[Folder] = ()) -> tuple[Folder, Segment] | None:
        """Return the oldest segment, and mark it as being read; within a folder always the first.

        Args:
            without: folders that are left out.
        """
        with self.lock:
            first = [(folder, folder.segments[0]) for folder in self._folders if folder.segments]
            choice = min(
                (pair for pair in first if pair[0] not in without), key=lambda pair: pair[1].path.name, default=None
            )
            self.in_flight = None if choice is None else choice[1]
            return choice

    def adopt(self) -> None:
        """Take in what dead processes left, the oldest first.

        Raises:
            OSError: the directory cannot be read, or its file system has no locks.
        """
        with self.lock:
            held = {folder.path for folder in self._folders}
            room = _MAX_ADOPTED - sum(folder.complete for folder in self._folders)
        self.more = False
        failed: OSError | None = None
        for path in listed_owners(self._root):
            if path in held:
                continue
            if room <= 0:
                self.more = True
                break
            try:
                folder = Folder.adopt(path, on_problem=self._on_problem)
            except (FileNotFoundError, PermissionError, NotADirectoryError):
                # Somebody was faster, or it is another user's, or none of ours.
                continue
            except OSError as error:
                failed = error
                continue
            if folder is not None:
                room -= 1
                self.add(folder)
                if not folder.segments:
                    self.clear(folder)
        tidy(self._root)
        if failed is not None:
            raise failed

    def drop_oldest(self) -> tuple[int, int, int] | None:
        """Remove the oldest segment that is complete and not being read.

        Returns:
            How many of its records were waiting, their bytes, and the bytes that it took; None where there is none.

        Raises:
            OSError: it cannot be removed.
        """
        with self.lock:
            candidates = [
                (segment.path.name, folder, segment)
                for folder in self._folders
                for segment in folder.segments[:2]
                if segment.sealed and segment is not self.in_flight
            ]
            if not candidates:
                return None
            _, folder, segment = min(candidates, key=lambda candidate: candidate[0])
            records, size = segment.waiting_records, segment.waiting_bytes
            segment.dropped = True
            folder.segments.remove(segment)
            gained = segment.remove()
            self.clear(folder)
            return records, size, gained

    def finish(self, folder: Folder, segment: Segment, *, keep_file: bool = False) -> None:
        """Remove a segment that is done.

        Args:
            folder: where it is.
            segment: which one.
            keep_file: whether its file is left alone: it is not ours to remove, or gone.

        Raises:
            OSError: its file cannot be removed; it is not read again in any case.
        """
        with self.lock:
            if self.in_flight is segment:
                self.in_flight = None
            if segment in folder.segments:
                folder.segments.remove(segment)
        # Not under the lock: a large file takes a while, and somebody may want to append.
        try:
            if keep_file:
                segment.close()
            else:
                segment.remove()
        finally:
            self.clear(folder)

    def clear(self, folder: Folder) -> None:
        """Remove a folder to which nothing will be added if nothing is left in it."""
        with self.lock:
            if folder.complete and not folder.segments and folder in self._folders:
                self._folders.remove(folder)
                with suppress(OSError):
                    folder.remove()

    def own_files(self) -> list[Path]:
        """Return the segments that this process writes or has written."""
        with self.lock:
            own = [folder for folder in self._folders if not folder.complete]
            return [segment.path for folder in own for segment in folder.segments]

    def waiting(self) -> tuple[int, int]:
        """Return how many records, and bytes of segments, are not accepted."""
        with self.lock:
            segments = [segment for folder in self._folders for segment in folder.segments]
            return (
                sum(segment.waiting_records for segment in segments),
                sum(segment.waiting_bytes for segment in segments),
            )

    def release(self) -> None:
        """Give up all folders; what is not accepted is left for the next process, what is empty is removed."""
        with self.lock:
            folders, self._folders = self._folders, []
            self.in_flight = None
            for folder in folders:
                for segment in [segment for segment in folder.segments if segment.is_done]:
                    folder.segments.remove(segment)
                    with suppress(OSError):
                        segment.remove()
                with suppress(OSError):
                    if folder.segments:
                        folder.release()
                    else:
                        folder.remove()

    def forget(self) -> None:
        """Close all descriptors and touch nothing: what a forked child does with its parent's."""
        for folder in self._folders:
            with suppress(OSError):
                folder.release()
        self._folders = []
