"""Calls that wait, made from coroutines: the loop goes on meanwhile."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["off_the_loop"]

_T = TypeVar("_T")
_U = TypeVar("_U")


class _Call(Generic[_T]):
    """A call in a thread of its own, whose end a loop learns of, unless it is closed by then."""

    def __init__(self, call: Callable[[], _T]) -> None:
        self._call = call
        self._loop = asyncio.get_running_loop()
        self.done: asyncio.Future[_T] = self._loop.create_future()

    def run(self) -> None:
        try:
            result = self._call()
        except BaseException as error:  # noqa: BLE001 - whoever awaits it gets it
            self._tell(self._failed, error)
        else:
            self._tell(self._returned, result)

    def _tell(self, what: Callable[[_U], None], argument: _U) -> None:
        # Closed: nobody waits any more.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(what, argument)

    def _failed(self, error: BaseException) -> None:
        if not self.done.done():
            self.done.set_exception(error)

    def _returned(self, result: _T) -> None:
        if not self.done.done():
            self.done.set_result(result)


async def off_the_loop(call: Callable[[], _T]) -> _T:
    """Return what `call` returns, or raise what it raises, while the loop goes on.

    The call has a thread of its own: the loop's executor may be busy with what is being logged. A task that is
    cancelled stops waiting, and the call goes on without it.
    """
    one = _Call(call)
    try:
        # A daemon: a program that has stopped waiting may end.
        threading.Thread(target=one.run, name="otel_ctxlog off the loop", daemon=True).start()
    except RuntimeError:
        # While the interpreter exits, Python 3.12 and later start no threads.
        return call()
    return await one.done
