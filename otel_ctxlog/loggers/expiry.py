"""Rules that end by themselves: one thread that waits for the next one, and is there only while there is one.

Time is taken from the monotonic clock, so that setting the computer's clock neither ends a rule nor keeps it. A call
that a rule lets through looks for itself (`Held.is_over`), so that nothing depends on the thread being in time, or
there at all (uWSGI without threads): it is what ends the rules that switch records off, which no call gets to.
"""

from __future__ import annotations

import heapq
import os
import threading
import weakref
from itertools import count
from time import monotonic
from typing import Final, Protocol

from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.engine.held import Held

__all__ = ["EXPIRY", "Expiry", "Owner"]

# What has gone without a word is noticed after that many seconds.
_LONGEST_WAIT: Final = 60.0
# A lock whose thread was killed by the interpreter's exit is never released.
_PATIENCE: Final = 1.0


class Owner(Protocol):
    """What holds rules that end."""

    def expire(self, held: Held) -> None:
        """Take out a rule whose time is over."""
        ...


class Expiry:
    """Waits for the ends of rules; keeps neither a context nor a rule alive."""

    __slots__ = ("_condition", "_numbers", "_thread", "_waiting")

    def __init__(self) -> None:
        # Re-entrant: a finalizer may wake the thread while its own holds the lock.
        self._condition = threading.Condition(threading.RLock())
        self._waiting: list[tuple[float, int, weakref.ref[Owner], weakref.ref[Held]]] = []
        self._numbers = count()
        self._thread: threading.Thread | None = None

    def watch(self, owner: Owner, held: Held) -> None:
        """Have `owner` told when the time of `held`, which has a deadline, is over."""
        deadline = held.deadline
        if deadline is None:
            return
        entry = (deadline, next(self._numbers), weakref.ref(owner, self._wake), weakref.ref(held, self._wake))
        condition = self._condition
        if not condition.acquire(timeout=_PATIENCE):
            return
        try:
            heapq.heappush(self._waiting, entry)
            self._start()
            condition.notify()
        finally:
            condition.release()

    def forget(self, held: Held) -> None:
        """Wait no longer for `held`: it has gone before its time."""
        condition = self._condition
        if not condition.acquire(timeout=_PATIENCE):
            return
        try:
            self._waiting = [entry for entry in self._waiting if entry[3]() is not held]
            heapq.heapify(self._waiting)
            condition.notify()
        finally:
            condition.release()

    def _wake(self, _gone: object) -> None:
        """Have the thread look again: what it waits for has gone. Called by finalizers, which must not wait."""
        condition = self._condition
        if condition.acquire(blocking=False):
            try:
                condition.notify()
            finally:
                condition.release()

    def _start(self) -> None:
        if self._thread is not None:
            return
        thread = threading.Thread(target=self._run, name="otel_ctxlog rules that end", daemon=True)
        self._thread = thread
        try:
            thread.start()
        except RuntimeError:
            # While the interpreter exits no thread starts; calls look for themselves.
            self._thread = None

    def _run(self) -> None:
        while True:
            due: list[tuple[Owner, Held]] = []
            with self._condition:
                self._forget_gone()
                if not self._waiting:
                    self._thread = None
                    return
                now = monotonic()
                while self._waiting and self._waiting[0][0] <= now:
                    _, _, owner_ref, held_ref = heapq.heappop(self._waiting)
                    owner, held = owner_ref(), held_ref()
                    if owner is not None and held is not None:
                        due.append((owner, held))
                if not due:
                    self._condition.wait(min(self._waiting[0][0] - now, _LONGEST_WAIT) if self._waiting else 0)
            while due:
                owner, held = due.pop()
                try:
                    owner.expire(held)
                except Exception as error:  # noqa: BLE001 - the thread is there for others, too
                    report_once(held, f"a rule could not be ended: {type(error).__name__}", error=error)
                del owner, held

    def _forget_gone(self) -> None:
        kept = [entry for entry in self._waiting if entry[2]() is not None and _lives(entry[3]())]
        if len(kept) != len(self._waiting):
            heapq.heapify(kept)
            self._waiting = kept

    def start_in_child(self) -> None:
        """In a forked child: the parent's thread is not there."""
        self._condition = threading.Condition(threading.RLock())
        self._thread = None
        with self._condition:
            if self._waiting:
                self._start()


def _lives(held: Held | None) -> bool:
    return held is not None and not held.ended


EXPIRY: Final = Expiry()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=EXPIRY.start_in_child)
