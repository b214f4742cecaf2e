"""A small pool of daemon threads, for gRPC.

`concurrent.futures.ThreadPoolExecutor` would do but for one thing: the interpreter waits for its threads at exit, so a
display that blocks (a stopped terminal) would keep the whole process from ending.
"""

from __future__ import annotations

import threading
import time
from concurrent import futures
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class DaemonPool(futures.Executor):
    """An executor on a fixed number of daemon threads, which run from its making to `shutdown`."""

    def __init__(self, workers: int, name: str) -> None:
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._closed = False
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._work, name=name, daemon=True) for _ in range(workers)]
        for thread in self._threads:
            thread.start()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> futures.Future[T]:
        """Run the function on one of the threads; RuntimeError after `shutdown`."""
        future: futures.Future[T] = futures.Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001  (the future's business)
                future.set_exception(error)
            else:
                future.set_result(result)

        with self._lock:
            if self._closed:
                raise RuntimeError("the pool is shut down")
            self._tasks.put(run)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        """Let the threads end after what was submitted; with `wait`, wait for them."""
        with self._lock:
            if not self._closed:
                self._closed = True
                for _ in self._threads:
                    self._tasks.put(None)
        if wait:
            self.join(None)

    def join(self, timeout: float | None) -> None:
        """Wait for the threads after `shutdown`, at most so many seconds in all."""
        deadline = None if timeout is None else time.monotonic() + timeout
        for thread in self._threads:
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        while True:
            task = self._tasks.get()
            if task is None:
                return
            task()
