"""`Spool`: records on disk before the call that made them returns."""

from __future__ import annotations

import dataclasses
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from otel_ctxlog.delivery.spool.aside import Aside
from otel_ctxlog.delivery.spool.complaints import Complaints
from otel_ctxlog.delivery.spool.counts import SpoolCounts
from otel_ctxlog.delivery.spool.durability import Durability, FsyncPolicy
from otel_ctxlog.delivery.spool.entries import Limits
from otel_ctxlog.delivery.spool.files import sync_file
from otel_ctxlog.delivery.spool.forking import watch
from otel_ctxlog.delivery.spool.holdings import Holdings
from otel_ctxlog.delivery.spool.options import Options, WhenFull, check_count
from otel_ctxlog.delivery.spool.reader import Reader, SpooledBatch
from otel_ctxlog.delivery.spool.room import FullError, Room
from otel_ctxlog.delivery.spool.writer import Writer

if TYPE_CHECKING:
    from pathlib import Path

    from otel_ctxlog.delivery.spool.format import NoSegmentError
    from otel_ctxlog.delivery.spool.segment import Segment

__all__ = ["Spool"]

# After the disk has failed it is left in peace for so many seconds; a full one answers at once, a broken one may not.
_REST_SECONDS: Final = 0.25

# Damaged parts that are kept take at most this part of what the records may take.
_ASIDE_PART: Final = 16


class Spool:
    """Records of this process in a directory, which it may share with other processes.

    Nothing is opened, made or read before it is needed. No method but the constructor raises; what goes wrong is
    reported through ``logging.getLogger("otel_ctxlog")``, once as long as it lasts.

    Args:
        path: the directory; made when the first record is appended. Not shared by spools of different purposes:
            whatever dead processes left in it is sent to wherever this one sends.
        max_bytes: how much all processes together may keep in it, at least 64 KiB. Several processes may exceed it by
            one sixty-fourth of it, or 1 MiB, each.
        fsync: ``none``: a record is in the operating system's hands when `append` returns, which survives the end of
            the process in any way, but not a power cut; ``interval``: the device has it `fsync_interval` seconds
            later; ``each``: when `append` returns.
        fsync_interval: seconds, for ``interval``.
        when_full: ``drop_oldest``: the oldest records are removed, a segment at a time; ``refuse``: `append`
            gives False.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: it has a value that is not allowed.
    """

    def __init__(
        self,
        path: os.PathLike[str] | str,
        *,
        max_bytes: int = 256 << 20,
        fsync: FsyncPolicy = "none",
        fsync_interval: float = 1.0,
        when_full: WhenFull = "drop_oldest",
    ) -> None:
        self._options = Options.checked(
            path, max_bytes=max_bytes, fsync=fsync, fsync_interval=fsync_interval, when_full=when_full
        )
        self._begin()

    def _begin(self) -> None:
        options = self._options
        self._process = os.getpid()
        self._closed = False
        self._rest_until = 0.0
        self._counts = SpoolCounts()
        self._complaints = Complaints()
        self._holdings = holdings = Holdings(options.root, on_problem=self._on_problem)
        self._durability = Durability(options.fsync, interval=options.fsync_interval, on_error=self._on_sync_error)
        self._room = Room(
            options.root,
            max_bytes=options.max_bytes,
            step=options.segment_bytes // 4,
            drop_oldest=self._drop_oldest if options.when_full == "drop_oldest" else None,
        )
        self._writer = Writer(
            options.root,
            segment_bytes=options.segment_bytes,
            durability=self._durability,
            room=self._room,
            on_folder=holdings.add,
        )
        self._reader = Reader(
            holdings,
            aside=Aside(options.root, max_bytes=options.max_bytes // _ASIDE_PART),
            counts=self._counts,
            complaints=self._complaints,
            seal=self._seal,
            on_gain=self._room.look_again,
            small=options.segment_bytes // 4,
        )
        watch(self, (self._reader.lock, holdings.lock))

    @property
    def path(self) -> Path:
        """The directory, as an absolute path."""
        return self._options.root

    @property
    def counts(self) -> SpoolCounts:
        """What was lost, refused or failed up to now."""
        return dataclasses.replace(self._counts)

    def dropped(self) -> int:
        """Return how many records this process has removed to make room; `counts` has more."""
        return self._counts.dropped

    def __repr__(self) -> str:
        records, size = self.pending()
        return f"<Spool {str(self.path)!r}: {records} records, {size} bytes pending>"

    def append(self, resource: bytes, scope: bytes, record: bytes) -> bool:
        """Put a record on disk, as far as the `fsync` policy says, and return whether it is there.

        Any thread may call it, a signal handler too. False: it was not kept, and is the caller's still: the spool is
        full and refuses, the disk does not take it, it is closed, or the call is one of a signal handler that has
        interrupted another call at a moment when the file is being changed.

        Args:
            resource: content of an OTLP ``ResourceLogs`` without its records.
            scope: content of a ``ScopeLogs`` without its records.
            record: content of a ``LogRecord``.
        """
        kept = False
        try:
            with self._holdings.lock:
                kept, ticket = self._append(resource, scope, record)
            if kept:
                self._durability.settle(ticket)
        except OSError as error:
            # It may be sent twice then: from here, and by the caller.
            kept = False
            self._counts.failed += 1
            self._troubled(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the host must not hear of it
            kept = False
            self._complaints.note("failure", f"spool: a record could not be kept: {error!r}")
        self._complaints.say()
        return kept

    def _append(self, resource: bytes, scope: bytes, record: bytes) -> tuple[bool, int | None]:
        if self._closed or (self._rest_until and time.monotonic() < self._rest_until):
            self._counts.failed += 1
            return False, 0
        try:
            if not self._writer.append(resource, scope, record):
                self._counts.failed += 1
                return False, 0
        except FullError:
            self._counts.refused += 1
            self._complaints.note("full", f"spool: {self.path} is full ({self._options.max_bytes} bytes)")
            return False, 0
        except OSError as error:
            self._counts.failed += 1
            self._troubled(error)
            return False, 0
        self._rest_until = 0.0
        if self._complaints.open:
            self._complaints.over("disk")
        # The record of a call that has interrupted another is counted by that one.
        return True, self._durability.appended if self._writer.is_idle else None

    def read(self, max_records: int, max_bytes: int) -> SpooledBatch | None:
        """Return the oldest records that are not accepted, or None if there are none.

        What dead processes left is adopted and comes first where it is older. Records of one batch are of one
        process, in the order of its calls. The same come again with each call until they are accepted.

        Args:
            max_records: at most so many.
            max_bytes: at most so many bytes of records, but always one.

        Raises:
            TypeError: a limit is no whole number.
            ValueError: it is not above 0.
        """
        limits = Limits(check_count(max_records, what="max_records"), check_count(max_bytes, what="max_bytes"))
        batch = None
        try:
            if self._writer.is_unsure:
                with self._holdings.lock:
                    if self._writer.is_idle:
                        self._writer.seal()
            batch = self._reader.read(limits)
        except Exception as error:  # noqa: BLE001 - the sender must go on with what it has in memory
            self._complaints.note("failure", f"spool: {self.path} could not be read: {error!r}")
        self._complaints.say()
        return batch

    def pending(self) -> tuple[int, int]:
        """Return how many records are not accepted, and how many bytes of files: of this process and adopted ones."""
        return self._holdings.waiting()

    def sync(self) -> None:
        """Return when the device has everything appended up to now, whatever the policy; a failure is reported."""
        try:
            self._durability.sync()
            if not self._durability.is_durable:
                # Those that are full were closed as they were.
                for path in self._holdings.own_files():
                    sync_file(path)
        except OSError as error:
            self._troubled(error)
        self._complaints.say()

    def close(self) -> None:
        """End: nothing is appended or read any more; what is not accepted stays for the next process that comes."""
        idle = self._reader.end()
        with self._holdings.lock:
            if self._closed:
                return
            self._closed = True
            with suppress(OSError):
                self._writer.seal()
        try:
            # Outside of the lock: the device may be slow.
            self._durability.close()
        except OSError as error:
            self._troubled(error)
        # A descriptor that is closed while it is read may be somebody else's file a moment later.
        if idle:
            self._holdings.release()
        self._complaints.say()

    def start_in_child(self) -> None:
        """Begin anew in a forked child, without anything of the parent's, counts included.

        A fork by `os.fork` calls it by itself; where the process is the one that it began in, it does nothing.
        """
        if os.getpid() == self._process:
            return
        closed = self._closed
        self._reader.over = True
        # Only closed here: the locks live on in the parent.
        with suppress(OSError):
            self._durability.forget()
        self._holdings.forget()
        self._begin()
        self._closed = closed

    def _seal(self, segment: Segment) -> None:
        with self._holdings.lock:
            if self._writer.is_idle and self._writer.unfinished is segment and segment.end <= segment.cursor.offset:
                self._writer.seal()

    def _drop_oldest(self) -> int:
        # What dead processes left is older, and takes room as well.
        self._holdings.adopt()
        found = self._holdings.drop_oldest()
        if found is None:
            return 0
        records, size, gained = found
        self._counts.dropped += records
        self._counts.dropped_bytes += size
        if records:
            self._complaints.note(
                "full", f"spool: {self.path} is full ({self._options.max_bytes} bytes); its oldest records are dropped"
            )
        # What was gone already has made room, too.
        return gained or 1

    def _on_problem(self, path: Path, problem: NoSegmentError) -> None:
        self._reader.unreadable(path, problem)

    def _on_sync_error(self, error: OSError) -> None:
        self._troubled(error)
        self._complaints.say()

    def _troubled(self, error: OSError) -> None:
        self._rest_until = time.monotonic() + _REST_SECONDS
        self._complaints.note(
            "disk", f"spool: {self.path} does not take records ({error.strerror or error}); they are kept in memory"
        )
