"""Places: where code runs with an OpenTelemetry context of its own, a thread or an asyncio task among others.

A task is a `contextvars.Context` that runs a bit now and then in the one thread; so a place is one, too, which lets a
test alternate between many as it likes.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from opentelemetry import context

T = TypeVar("T")


class Place:
    """Runs calls with its own current OpenTelemetry context.

    Args:
        thread: run them in a thread of its own.
    """

    def __init__(self, *, thread: bool) -> None:
        self._variables = contextvars.Context()
        self._thread = ThreadPoolExecutor(1) if thread else None

    def do(self, call: Callable[[], T]) -> T:
        """Return what `call` returns here."""
        if self._thread is None:
            return self._variables.run(call)
        return self._thread.submit(self._variables.run, call).result()

    def enter(self, current: context.Context) -> None:
        """Make an OpenTelemetry context the current one here."""
        self.do(lambda: context.attach(current))

    def close(self) -> None:
        """End the thread."""
        if self._thread is not None:
            self._thread.shutdown()
