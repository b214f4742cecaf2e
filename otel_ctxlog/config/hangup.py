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
    """One handler for the process, there while somebody listens; the one before is called after it."""

    def __init__(self) -> None:
        # Replaced as a whole, never changed: the handler may come between any two steps.
        self._listeners: tuple[Callable[[], None], ...] = ()
        self._before: object = None
        self._installed = False

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
        if not self._installed:
            self._before = signal.signal(signal.SIGHUP, self._came)
            self._installed = True
        self._listeners = (*self._listeners, listener)

    def forget(self, listener: Callable[[], None]) -> None:
        """Call it no more; with the last one the handler before is back, unless somebody has set another since."""
        self._listeners = tuple(one for one in self._listeners if one != listener)
        if self._listeners or not self._installed or threading.current_thread() is not threading.main_thread():
            return
        self._installed = False
        before, self._before = self._before, None
        if signal.getsignal(signal.SIGHUP) == self._came:
            signal.signal(signal.SIGHUP, before if callable(before) or isinstance(before, int) else signal.SIG_DFL)

    def _came(self, number: int, frame: FrameType | None) -> None:
        for listener in self._listeners:
            listener()
        if callable(self._before):
            self._before(number, frame)


HANGUP: Final = _Hangup()
