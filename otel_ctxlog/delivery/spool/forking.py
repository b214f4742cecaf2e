"""Forks: the child begins anew, and finds nothing half-made of the parent's.

A descriptor that another thread has just got, and that nobody knows of yet, would be open in the child for good, and
keep the lock of an owner alive that has died long ago. So a fork waits for those who hold a spool's locks, but only
for a moment.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["watch"]

_WAIT_SECONDS: Final = 0.2


class _Forkable(Protocol):
    def start_in_child(self) -> None: ...


class _Lock(Protocol):
    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool: ...  # noqa: FBT001, FBT002 - `threading`'s

    def release(self) -> None: ...


_watched: weakref.WeakKeyDictionary[_Forkable, Sequence[_Lock]] = weakref.WeakKeyDictionary()
_taken: dict[int, list[_Lock]] = {}


def watch(spool: _Forkable, locks: Sequence[_Lock]) -> None:
    """Have an object's `start_in_child` called in every forked child, for as long as the object lives.

    Args:
        spool: the object.
        locks: those that a fork waits for, in the order in which they are taken elsewhere; re-entrant ones.
    """
    _watched[spool] = locks


def _before() -> None:
    taken = _taken.setdefault(threading.get_ident(), [])
    # Not a loop over the mapping: another thread may just be adding to it.
    for spool in [spool for ref in _watched.keyrefs() if (spool := ref()) is not None]:
        taken.extend(lock for lock in _watched.get(spool, ()) if lock.acquire(timeout=_WAIT_SECONDS))


def _after_in_parent() -> None:
    for lock in reversed(_taken.pop(threading.get_ident(), [])):
        lock.release()


def _after_in_child() -> None:
    # The parent's locks stay as they are: everybody gets new ones.
    _taken.clear()
    for spool in list(_watched):
        spool.start_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
