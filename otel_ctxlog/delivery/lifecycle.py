"""What a process has to end before it ends itself: at exit, in workers of `multiprocessing`, across forks.

Whoever has something queued is *enrolled*, and from then on held; `dismiss` lets go of it. Each hook into the
interpreter is made once per process, however many come and go: `atexit` gives back no memory for what was taken off.

The end of the interpreter has two moments. Handlers of `atexit` run the last registered first, so that what they log is
exported by ours only if ours is older. But what finalizers of other libraries close is better used before they do. So
what is queued is exported at the place of the first enrolment, and the pipelines end at the place of the import of this
module, which can be long before.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from typing import Final, Protocol

__all__ = ["Ending", "dismiss", "enroll", "enrolled"]

# Among the finalizers of `multiprocessing`, whose own go down to -100.
_LAST_PRIORITY: Final = -1000


class Ending(Protocol):
    """Something with a queue, which has an end."""

    @property
    def ending(self) -> bool:
        """Whether its `shutdown` has begun."""
        ...

    def flush(self, timeout: float, /) -> bool:
        """Export what is queued now, within so many seconds; go on after it."""
        ...

    def drain(self) -> None:
        """Export what is queued, as patiently as `shutdown` at the end of the process; go on after it."""
        ...

    def shutdown(self, timeout: float = ..., /) -> bool:
        """Export what is queued and end, within so many seconds; return whether all was taken."""
        ...

    def in_forked_child(self) -> None:
        """Forget what only the parent's threads do."""
        ...


# An immutable tuple that is swapped: a signal handler, a fork or an exit reads it without a lock.
_enrolled: tuple[Ending, ...] = ()
_lock = threading.RLock()
_exports_at_exit = False


def enroll(ending: Ending) -> None:
    """Have the end of the process end it, and hold it until `dismiss`."""
    global _enrolled, _exports_at_exit  # noqa: PLW0603 - one end per process
    with _lock:
        _enrolled = (*_enrolled, ending)
        first, _exports_at_exit = not _exports_at_exit, True
    if first:
        atexit.register(_drain_all)
    _workers.finish_here()


def dismiss(ending: Ending) -> None:
    """Let go of it; does nothing for one that was not enrolled."""
    global _enrolled  # noqa: PLW0603 - as above
    with _lock:
        _enrolled = tuple(one for one in _enrolled if one is not ending)


def enrolled() -> tuple[Ending, ...]:
    """Return what is enrolled, the oldest first."""
    return _enrolled


def _drain_all() -> None:
    for ending in _enrolled:
        ending.drain()


def _end_all() -> None:
    for ending in _enrolled:
        ending.shutdown()


class _Workers:
    """Processes of `multiprocessing`: they leave by `os._exit`, which no `atexit` sees, but have own finalizers."""

    def __init__(self) -> None:
        self._finishing = 0

    def finish_here(self) -> None:
        """Have this process end what is enrolled, if it is a worker."""
        process, util = sys.modules.get("multiprocessing.process"), sys.modules.get("multiprocessing.util")
        if process is None or util is None or process.parent_process() is None or self._finishing == os.getpid():
            return
        self._finishing = os.getpid()
        # The last of all finalizers: the others may log.
        util.Finalize(None, _end_all, exitpriority=_LAST_PRIORITY)

    def in_forked_child(self) -> None:
        """Prepare for the case that this child is a worker, which is not known yet."""
        util = sys.modules.get("multiprocessing.util")
        if util is not None:
            # Finalizers of the parent are thrown away later than now, and before this is called.
            util.register_after_fork(self, _Workers.finish_here)


_workers: Final = _Workers()


def _in_forked_child() -> None:
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it
    _lock = threading.RLock()
    if _enrolled:
        _workers.in_forked_child()
    for ending in _enrolled:
        ending.in_forked_child()


atexit.register(_end_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)
