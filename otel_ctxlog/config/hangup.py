"""SIGHUP as a wish to look again, shared by all who want to hear of it."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

__all__ = ["HANGUP"]


class _Hangup:
    """A handler for the process, there while somebody listens; the one before is called after it."""

    def __init__(self) -> None:
        # Replaced as a whole, never changed: the handler may come between any two steps.
        self._listeners: tuple[Callable[[], None], ...] = ()
        self._installed: _Handler | None = None

    def check(self) -> None:
        """Raise where no handler can be installed.

        Raises:
            ValueError: this system has no SIGHUP, or this is not the main thread.
        """
        if not hasattr(signal, "SIGHUP"):
            raise ValueError("sighup=True needs a system that has SIGHUP; allowed here: False")
        if threading.current_thread() is not threading.main_thread():
            found = threading.current_thread().name
            raise ValueError(f"sighup=True needs the main thread, where signal handlers are set; called in {found!r}")

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` at each SIGHUP, in the main thread, between any two steps of it."""
        self.check()
        self._listeners = (*self._listeners, listener)
        # Somebody may have set another handler since, which calls ours, or does not.
        if self._installed is None or not self._installed.is_set():
            self._installed = _Handler(self, signal.getsignal(signal.SIGHUP))
            signal.signal(signal.SIGHUP, self._installed)

    def forget(self, listener: Callable[[], None]) -> None:
        """Call it no more; with the last one the handler before is back, unless somebody has set another since."""
        self._listeners = tuple(one for one in self._listeners if one != listener)
        if not self._listeners and threading.current_thread() is threading.main_thread():
            self._leave()

    def tell(self) -> bool:
        """Tell all who listen; False if nobody does."""
        listeners = self._listeners
        for listener in listeners:
            listener()
        return bool(listeners)

    def _leave(self) -> None:
        installed = self._installed
        self._installed = None
        if installed is not None and installed.is_set():
            signal.signal(signal.SIGHUP, installed.before)


class _Handler:
    """What is called for the signal. It goes on passing it on where another handler that knows it has outlived it."""

    def __init__(self, hangup: _Hangup, before: Callable[[int, FrameType | None], object] | int | None) -> None:
        self._hangup = hangup
        # What Python did not install cannot be put back by it.
        self.before = signal.SIG_DFL if before is None else before

    def is_set(self) -> bool:
        """Whether it is the one that is called first."""
        return signal.getsignal(signal.SIGHUP) == self

    def __call__(self, number: int, frame: FrameType | None) -> None:
        told = self._hangup.tell()
        if callable(self.before):
            self.before(number, frame)
        elif not told and self.is_set():
            # The last one has gone in a thread, which cannot set handlers: now it can be done.
            signal.signal(number, self.before)
            signal.raise_signal(number)


HANGUP: Final = _Hangup()
