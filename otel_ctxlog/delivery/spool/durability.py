"""When what was appended is handed on from the operating system's memory to the device."""

from __future__ import annotations

import _thread
import os
import threading
from collections import deque
from typing import TYPE_CHECKING, Final, Literal

from otel_ctxlog.delivery.spool.files import sync_data

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Durability", "FsyncPolicy"]

FsyncPolicy = Literal["none", "interval", "each"]

# How long `close` waits for the thread that syncs: it may be in the middle of a slow device.
_CLOSE_SECONDS: Final = 2.0


class Durability:
    """Syncs the files of the writer by a policy, and closes those that it has done with.

    Args:
        policy: ``none``: never; ``interval``: a thread does it, that often; ``each``: `settle` returns when it is done,
            together for all threads that wait.
        interval: in seconds.
        on_error: is told what went wrong in the thread.

    Attributes:
        appended: how many records were appended; the writer counts, under its lock.
    """

    def __init__(self, policy: FsyncPolicy, *, interval: float, on_error: Callable[[OSError], None]) -> None:
        self.policy: Final = policy
        self.appended = 0
        self._interval = interval
        self._on_error = on_error
        self._synced = 0
        self._current = -1
        self._syncing = False
        # Only `sync` closes these, under its lock, so that nobody syncs a descriptor that is closed or somebody else's.
        self._retired: deque[int] = deque()
        # Re-entrant: a signal handler may log while its thread is in here.
        self._lock = threading.RLock()
        self._stop: _thread.LockType | None = None
        self._ended: _thread.LockType | None = None

    @property
    def is_durable(self) -> bool:
        """Whether anything is to survive a power cut, names of files included."""
        return self.policy != "none"

    def begin(self, descriptor: int) -> None:
        """Take note of the file that is appended to from now on."""
        self._current = descriptor

    def retire(self, descriptor: int) -> None:
        """Take over a file that is not appended to any more."""
        # In this order, see `sync`: either it is not seen there any more, or it is not closed here.
        self._current = -1
        if self.is_durable or self._syncing:
            self._retired.append(descriptor)
        else:
            os.close(descriptor)

    def settle(self, ticket: int | None) -> None:
        """Do for a record what the policy asks for before `append` returns; outside of the writer's lock.

        Args:
            ticket: value of `appended` right after the record; None: the record is not counted there yet.

        Raises:
            OSError: ``each``, and it could not be synced.
        """
        if self.policy == "each":
            with self._lock:
                # Whoever waited here finds that the thread before it has synced its record as well.
                if ticket is None or self._synced < ticket:
                    self.sync()
        elif self.policy == "interval" and self._stop is None:
            self._start()

    def sync(self) -> None:
        """Return when what was appended up to now is on the device; with ``none`` only what the current file has.

        Raises:
            OSError: something is not.
        """
        with self._lock:
            ticket = self.appended
            self._syncing = True
            failed: OSError | None = None
            try:
                while self._retired:
                    descriptor = self._retired.popleft()
                    try:
                        sync_data(descriptor)
                    except OSError as error:
                        failed = error
                    finally:
                        os.close(descriptor)
                if self._current >= 0:
                    sync_data(self._current)
            finally:
                self._syncing = False
            if failed is not None:
                raise failed
            self._synced = max(self._synced, ticket)

    def _start(self) -> None:
        # Not `threading.Thread`, whose locks are not re-entrant: the caller may be a signal handler that has
        # interrupted the start of another thread.
        stop, ended = _thread.allocate_lock(), _thread.allocate_lock()
        stop.acquire()
        ended.acquire()
        self._stop, self._ended = stop, ended
        try:
            _thread.start_new_thread(self._run, (stop, ended))
        except RuntimeError:
            # The interpreter is about to end, or there are too many: better slow than not.
            self._stop = self._ended = None
            self.sync()

    def _run(self, stop: _thread.LockType, ended: _thread.LockType) -> None:
        try:
            while not stop.acquire(timeout=self._interval):
                if self._synced < self.appended:
                    try:
                        self.sync()
                    except OSError as error:
                        self._on_error(error)
        finally:
            ended.release()

    def close(self) -> None:
        """End the thread and close everything, synced where the policy wants that.

        Raises:
            OSError: something could not be synced.
        """
        stop, ended = self._stop, self._ended
        self._stop = self._ended = None
        if stop is not None and ended is not None:
            stop.release()
            ended.acquire(timeout=_CLOSE_SECONDS)
        with self._lock:
            try:
                if self.is_durable:
                    self.sync()
            finally:
                self.forget()

    def forget(self) -> None:
        """Close all files as they are: what a forked child does with its parent's."""
        self._stop = self._ended = None
        while self._retired:
            os.close(self._retired.popleft())
        descriptor, self._current = self._current, -1
        if descriptor >= 0:
            os.close(descriptor)
