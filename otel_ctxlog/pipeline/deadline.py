"""Calls that may take longer than they promise, with a deadline that holds.

The SDK's `force_flush` and `shutdown` take a timeout and do not keep it (a flush of 100 ms was measured at 2.2 s). The
call runs in a thread of its own; whoever asked waits as long as they want to and then goes on without it.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Calls", "Deadline"]


class Deadline:
    """A moment in the future; `remaining` seconds are left until then, never less than 0.

    Raises:
        TypeError: `timeout` is no number.
        ValueError: `timeout` is negative or NaN.
    """

    def __init__(self, timeout: float) -> None:
        if not isinstance(timeout, (int, float)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"argument 'timeout' is {timeout!r}, allowed: seconds, 0 or more")  # pyright: ignore[reportUnreachable]
        if not timeout >= 0:
            raise ValueError(f"argument 'timeout' is {timeout!r}, allowed: seconds, 0 or more")
        self._end = time.monotonic() + timeout

    @property
    def remaining(self) -> float:
        """Seconds left; 0.0 once it has passed."""
        return min(max(0.0, self._end - time.monotonic()), threading.TIMEOUT_MAX)


class _Call:
    """One call in a thread of its own: its end, and whether it was a good one."""

    def __init__(self, call: Callable[[], object], name: str) -> None:
        self._call = call
        self._done = threading.Event()
        self.good = False
        # A daemon: a call that never ends must not keep the process alive.
        thread = threading.Thread(target=self._run, name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # While the interpreter exits, Python 3.12 and later start no threads.
            self._run()

    def _run(self) -> None:
        try:
            # An SDK's method that returns nothing has done what it was asked for.
            self.good = self._call() is not False
        except Exception:  # noqa: BLE001 - whatever it is, the caller learns that it failed
            self.good = False
        finally:
            self._done.set()

    @property
    def done(self) -> bool:
        return self._done.is_set()

    def wait(self, deadline: Deadline) -> bool:
        return self._done.wait(deadline.remaining)


class Calls:
    """Runs some calls side by side until a deadline; one still running from before is waited for, not doubled.

    So at most one thread per call exists, however often a caller loses patience.

    Args:
        calls: a name for each call, used for its thread; a result of False or an exception is a failure.
    """

    def __init__(self, calls: Mapping[str, Callable[[], object]]) -> None:
        self._calls = dict(calls)
        self._latest: dict[str, _Call] = {}

    def run(self, deadline: Deadline) -> bool:
        """Return whether every call, begun from now on, ended well before the deadline."""
        earlier = {name: call for name, call in self._latest.items() if not call.done}
        for name in self._calls:
            if name not in earlier:
                self._start(name)
        for name, call in earlier.items():
            if call.wait(deadline):
                self._start(name)
        fresh = [call for name, call in self._latest.items() if call is not earlier.get(name)]
        ended = [call.wait(deadline) and call.good for call in fresh]
        return len(ended) == len(self._calls) and all(ended)

    def wait(self, deadline: Deadline) -> bool:
        """Wait for the calls still running; return whether none is left."""
        return all(call.wait(deadline) for call in self._latest.values())

    def forget(self) -> None:
        """Forget the calls still running: in a forked child their threads do not exist."""
        self._latest.clear()

    def _start(self, name: str) -> None:
        self._latest[name] = _Call(self._calls[name], f"otel_ctxlog {name}")
