"""Signals that end the process: what is queued is exported first, and then the process ends as it would have.

A handler of ours is put only where the default action would end the process, and, for SIGTERM, around a Python handler
that is there. What ignores a signal, what was installed by C code, and Python's own KeyboardInterrupt are left alone.

Python runs a handler in the main thread, between any two instructions: the code below it may hold any lock, one of the
exporter's, of `logging` or of `threading` itself. So the handler exports nothing. A thread does, started without the
locks of `threading`, and the handler waits for it, but not for ever: after half of the time it returns, so that the
code below lets go of its locks, and the thread has the other half. That thread, too, ends the process.
"""

from __future__ import annotations

import _thread
import os
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias
from weakref import ref

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from otel_ctxlog.delivery.lifecycle import Ending

    Handler: TypeAlias = Callable[[int, FrameType | None], object]

__all__ = ["arm", "disarm", "ended"]

# Those that a supervisor, a terminal or an operator ends a program with. SIGHUP is POSIX's, SIGBREAK Windows'.
_NAMES: Final = ("SIGTERM", "SIGHUP", "SIGINT", "SIGBREAK")

# How long somebody's own handler is kept waiting, at most, in seconds: it has things to do.
_PATIENCE_BEFORE_A_HANDLER: Final = 0.5

# Once such a handler has run the process may end at any moment, in ways that nobody hears of: from then on what is
# queued is exported every so many seconds, for so long.
_DRAIN_PAUSE: Final = 0.05
_DRAIN_SECONDS: Final = 30.0

_INIT: Final = 1


@dataclass(frozen=True, slots=True)
class _Armed:
    ending: ref[Ending]
    seconds: float


class _Ends:
    """What this process does about signals: swapped whole or read as one, never locked."""

    def __init__(self) -> None:
        self.armed: tuple[_Armed, ...] = ()
        # What is left to do as soon as the `shutdown` that a signal came into is over.
        self.dying: Callable[[], object] | None = None
        self.draining = False

    def alive(self) -> list[tuple[Ending, float]]:
        found = [(one.ending(), one.seconds) for one in self.armed]
        return [(ending, seconds) for ending, seconds in found if ending is not None]


_ends: Final = _Ends()
# For the writers of `_ends.armed` alone.
_lock = threading.RLock()


def arm(ending: Ending, *, seconds: float) -> None:
    """Have signals that end the process end `ending` first, within so many seconds; held weakly.

    Only the main thread can install handlers: elsewhere nothing is installed, and nothing is raised. It counts all the
    same as soon as another call is made in the main thread.
    """
    with _lock:
        _ends.armed = (*_still_armed(without=ending), _Armed(ref(ending), min(seconds, threading.TIMEOUT_MAX)))
    for number in _numbers():
        _install(number)


def disarm(ending: Ending) -> None:
    """Undo `arm`: after the last one, handlers that nobody has replaced since become again what was found.

    A thread other than the main one cannot do that: there, the handlers stay, and do what would be done without them.
    """
    with _lock:
        _ends.armed = _still_armed(without=ending)
        if _ends.armed:
            return
    for number in _numbers():
        _restore(number)


def ended() -> None:
    """Say that a `shutdown` is over: a signal that came into it, in the main thread, takes its effect now."""
    die = _ends.dying
    if die is not None and threading.get_ident() == threading.main_thread().ident:
        die()


def _still_armed(*, without: Ending) -> tuple[_Armed, ...]:
    return tuple(one for one in _ends.armed if (found := one.ending()) is not None and found is not without)


def _numbers() -> list[int]:
    return [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]


def _install(number: int) -> None:
    found = signal.getsignal(number)
    if found is None or found is signal.SIG_IGN or found is signal.default_int_handler or isinstance(found, _Handler):
        return
    if found is signal.SIG_DFL:
        handler = _Handler(None)
    elif number == signal.SIGTERM and callable(found):
        handler = _Handler(found)
    else:
        return
    # ValueError: not the main thread, or a subinterpreter; OSError: not a signal of this system.
    with suppress(ValueError, OSError):
        signal.signal(number, handler)


def _restore(number: int) -> None:
    with suppress(ValueError, OSError):
        while isinstance(found := signal.getsignal(number), _Handler):
            signal.signal(number, found.previous or signal.SIG_DFL)


class _Handler:
    """Our handler of a signal.

    Attributes:
        previous: the Python handler that was there; None for the default action.
    """

    __slots__ = ("previous",)

    def __init__(self, previous: Handler | None) -> None:
        self.previous = previous

    def __call__(self, number: int, frame: FrameType | None) -> object:
        alive = _ends.alive()
        if self.previous is not None:
            _export_before_a_handler(alive)
            return self.previous(number, frame)
        if os.getpid() == _INIT:
            # The kernel does not kill the first process of a container by default actions: it goes on, as it would.
            _export_before_a_handler(alive, patience=0.0)
        else:
            _die(number, alive)
        return None

    def __repr__(self) -> str:
        return f"<otel_ctxlog's handler before {self.previous or 'the default action'}>"


def _die(number: int, alive: list[tuple[Ending, float]]) -> None:
    # From now on a further signal has its default action: it ends the process at once.
    for other in _numbers():
        found = signal.getsignal(other)
        if isinstance(found, _Handler) and found.previous is None:
            signal.signal(other, signal.SIG_DFL)
    seconds = max((seconds for _, seconds in alive), default=0.0)
    if seconds <= 0:
        os.kill(os.getpid(), number)
        return
    # Of the code below, which has to go on then.
    ending_here = any(ending.ending for ending, _ in alive)

    def end_all() -> None:
        try:
            _side_by_side([_shutting_down(ending, limit) for ending, limit in alive], seconds)
        finally:
            os.kill(os.getpid(), number)

    try:
        _thread.start_new_thread(end_all, ())
    except RuntimeError:
        # The interpreter exits: Python 3.12 and later start no threads then.
        _die_without_threads(number, alive, wait=ending_here)
        return
    if ending_here:
        _ends.dying = lambda: _never_released(seconds)
    else:
        _never_released(seconds / 2)


def _die_without_threads(number: int, alive: list[tuple[Ending, float]], *, wait: bool) -> None:
    if wait:
        _ends.dying = lambda: os.kill(os.getpid(), number)
        return
    for ending, limit in alive:
        _shutting_down(ending, limit)()
    os.kill(os.getpid(), number)


def _export_before_a_handler(
    alive: list[tuple[Ending, float]], *, patience: float = _PATIENCE_BEFORE_A_HANDLER
) -> None:
    if not alive or _ends.draining or any(ending.ending for ending, _ in alive):
        return
    _ends.draining = True
    seconds = max(seconds for _, seconds in alive)
    exported = _locked()

    def drain() -> None:
        until = time.monotonic() + _DRAIN_SECONDS
        try:
            _side_by_side([_flushing(ending, limit) for ending, limit in alive], seconds)
            exported.release()
            while time.monotonic() < until and (alive_now := _ends.alive()):
                time.sleep(_DRAIN_PAUSE)
                for ending, limit in alive_now:
                    if not ending.ending:
                        ending.flush(limit)
        finally:
            _ends.draining = False

    try:
        _thread.start_new_thread(drain, ())
    except RuntimeError:
        _ends.draining = False
        return
    exported.acquire(timeout=min(patience, seconds))


def _shutting_down(ending: Ending, seconds: float) -> Callable[[], object]:
    return lambda: ending.shutdown(seconds)


def _flushing(ending: Ending, seconds: float) -> Callable[[], object]:
    return lambda: ending.flush(seconds)


def _side_by_side(calls: list[Callable[[], object]], seconds: float) -> None:
    """Make the calls, none waiting for another; return when all are over, or after so many seconds."""
    until = time.monotonic() + seconds
    over = [_locked() for _ in calls]

    def make(call: Callable[[], object], mine: _thread.LockType) -> None:
        try:
            with suppress(Exception):
                call()
        finally:
            mine.release()

    for call, mine in zip(calls, over, strict=True):
        _thread.start_new_thread(make, (call, mine))
    for mine in over:
        mine.acquire(timeout=max(0.0, until - time.monotonic()))


def _never_released(seconds: float) -> None:
    """Wait for the end of the process, at most so many seconds."""
    _locked().acquire(timeout=seconds)


def _locked() -> _thread.LockType:
    lock = _thread.allocate_lock()
    lock.acquire()
    return lock


def _in_forked_child() -> None:
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it
    _lock = threading.RLock()
    _ends.dying = None
    _ends.draining = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)
