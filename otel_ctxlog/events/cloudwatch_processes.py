"""What happens to the events that wait when a process ends or forks."""

from __future__ import annotations

import atexit
import os
import sys
import time
import weakref
from collections.abc import Callable
from typing import Any, Final, Protocol

__all__ = ["Ending", "care_for", "end_all", "flush_all", "prepare_end"]


class Ending(Protocol):
    """What has events that wait."""

    exit_timeout: float

    def flush(self, timeout: float) -> bool:
        """Return whether all that waits now is settled within `timeout` seconds."""
        ...

    def end(self, timeout: float) -> None:
        """Begin to send what waits, within `timeout` seconds, and take no more."""
        ...

    def close(self, timeout: float) -> bool:
        """End, and wait for it."""
        ...

    def start_in_child(self) -> None:
        """Begin anew in a forked child."""
        ...


# A dict rather than a WeakSet: its single steps are atomic, so that a fork finds it whole.
_living: Final[dict[int, weakref.ref[Ending]]] = {}
_prepared_in: int | None = None


def care_for(one: Ending) -> None:
    """Let the end of the process, and forks, be known to it as long as it lives."""
    key = id(one)
    _living[key] = weakref.ref(one, lambda _ref: _living.pop(key, None))
    prepare_end()


def prepare_end() -> None:
    """See to it that the end of this process is noticed, also if it is one of `multiprocessing`."""
    global _prepared_in  # noqa: PLW0603
    if _prepared_in == os.getpid():
        return
    _prepared_in = os.getpid()
    atexit.register(end_all)
    # A child of `multiprocessing` ends by `os._exit`, without what is registered above.
    util: Any = sys.modules.get("multiprocessing.util")
    finalize: Callable[..., object] | None = getattr(util, "Finalize", None)
    if finalize is not None:
        finalize(None, end_all, exitpriority=0)


def end_all() -> None:
    """Send what waits anywhere, each within its own time, all at once."""
    senders = _alive()
    started = time.monotonic()
    for sender in senders:
        sender.end(sender.exit_timeout)
    for sender in senders:
        sender.close(max(0.0, started + sender.exit_timeout - time.monotonic()))


def flush_all(timeout: float = 5.0) -> bool:
    """Return whether all that waits in any `CloudWatchEventer` of this process is settled within `timeout` seconds."""
    until = time.monotonic() + timeout
    settled = [sender.flush(max(0.0, until - time.monotonic())) for sender in _alive()]
    return all(settled)


def _alive() -> list[Ending]:
    return [sender for ref in list(_living.values()) if (sender := ref()) is not None]


def _after_fork_in_child() -> None:
    for sender in _alive():
        sender.start_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
