"""Rules that end by themselves: one thread that waits for the next one, and is there only while there is one.

Time is taken from the monotonic clock, so that setting the computer's clock neither ends a rule nor keeps it. A call
that a rule lets through looks for itself (`Held.is_over`), so that nothing depends on the thread being in time, or
there at all (uWSGI without threads): it is what ends the rules that switch records off, which no call gets to.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Collection, Iterable
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

    def expire(self, ended: Collection[Held]) -> None:
        """Take out rules whose time is over."""
        ...


class Expiry:
    """Waits for the ends of rules; keeps neither a context nor a rule alive."""

    __slots__ = ("_condition", "_news", "_thread", "_waiting")

    def __init__(self) -> None:
        # Re-entrant: a finalizer may wake the thread while its own holds the lock. It is for waking only: the dict is
        # changed in single steps, so that neither a signal handler nor a fork finds half of one.
        self._condition = threading.Condition(threading.RLock())
        self._waiting: dict[int, tuple[float, weakref.ref[Owner], weakref.ref[Held]]] = {}
        self._news = False
        self._thread: threading.Thread | None = None

    def watch(self, owner: Owner, rules: Iterable[Held]) -> None:
        """Have `owner` told when the time of each of `rules` is over; those without a deadline have no end."""
        reference = weakref.ref(owner, self._wake)
        added = False
        for held in rules:
            if held.deadline is not None:
                self._waiting[held.number] = (held.deadline, reference, weakref.ref(held, self._wake))
                added = True
        if added:
            self._look_again(start=True)

    def forget(self, rules: Iterable[Held]) -> None:
        """Wait no longer for these: they have gone."""
        known = [self._waiting.pop(held.number, None) for held in rules]
        if any(known):
            self._look_again()

    def _look_again(self, *, start: bool = False) -> None:
        condition = self._condition
        self._news = True
        if not condition.acquire(timeout=_PATIENCE):
            return
        try:
            if start:
                self._start()
            condition.notify()
        finally:
            condition.release()

    def _wake(self, _gone: object) -> None:
        """Have the thread look again: what it waits for has gone. Called by finalizers, which must not wait."""
        condition = self._condition
        self._news = True
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
            with self._condition:
                self._news = False
                due, seconds = self._due()
                if not due:
                    if not self._waiting:
                        self._thread = None
                        return
                    if not self._news:
                        self._condition.wait(seconds)
                    continue
            while due:
                self._end(*due.pop())

    def _due(self) -> tuple[list[tuple[Owner, list[Held]]], float]:
        """Return the rules whose time is over, by owner, and the seconds until the next one's is."""
        due: dict[int, tuple[Owner, list[Held]]] = {}
        now = monotonic()
        soonest = now + _LONGEST_WAIT
        for number, (deadline, owner_reference, held_reference) in self._waiting.copy().items():
            owner, held = owner_reference(), held_reference()
            if owner is None or held is None:
                self._waiting.pop(number, None)
            elif deadline <= now:
                due.setdefault(id(owner), (owner, []))[1].append(held)
            else:
                soonest = min(soonest, deadline)
        return list(due.values()), soonest - now

    def _end(self, owner: Owner, ended: list[Held]) -> None:
        try:
            owner.expire(ended)
        except BaseException as error:  # noqa: BLE001 - the thread is there for others, too
            report_once(owner, f"a rule could not be ended: {type(error).__name__}", error=error)
        # Only now: a child that is forked meanwhile has to do it as well.
        for held in ended:
            self._waiting.pop(held.number, None)

    def start_in_child(self) -> None:
        """In a forked child: the parent's thread is not there, and what it was just ending has not ended here."""
        self._condition = threading.Condition(threading.RLock())
        self._thread = None
        for _, _, held_reference in self._waiting.copy().values():
            held = held_reference()
            if held is not None:
                held.ended = False
        if self._waiting:
            self._look_again(start=True)


EXPIRY: Final = Expiry()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=EXPIRY.start_in_child)
