"""Events that did not reach CloudWatch Logs: counted by reason, and said so now and then."""

from __future__ import annotations

import time
from typing import Final

from otel_ctxlog.engine.diagnostics import emit_diagnostic

__all__ = ["Losses"]

_PERIOD: Final = 10.0
"""Seconds between two diagnostics about one reason."""


class Losses:
    """What one sender has lost. No lock: its callers are one thread at a time, but for `counted`.

    Args:
        place: where the events should have gone, for people.
    """

    __slots__ = ("_due", "_untold", "counted", "place")

    def __init__(self, place: str) -> None:
        self.place = place
        self.counted: dict[str, int] = {}
        self._untold: dict[str, int] = {}
        self._due: dict[str, float] = {}

    @property
    def total(self) -> int:
        """The number of all events lost."""
        return sum(self.counted.values())

    def count(self, reason: str, number: int = 1) -> None:
        """Count events without a word."""
        self.counted[reason] = self.counted.get(reason, 0) + number

    def add(self, reason: str, number: int, text: str, *, error: Exception | None = None) -> None:
        """Count events, and log it at most once in 10 seconds for a reason.

        Args:
            reason: a short name, the key of `counted`.
            number: how many.
            text: why, for people.
            error: the exception behind it.
        """
        self.count(reason, number)
        now = time.monotonic()
        untold = self._untold.get(reason, 0) + number
        if now < self._due.get(reason, now):
            self._untold[reason] = untold
            return
        self._untold[reason] = 0
        self._due[reason] = now + _PERIOD
        emit_diagnostic(f"{self.place}: {untold} event(s) dropped: {text}", error=error)

    def say_untold(self) -> None:
        """Log what was counted and not said yet, at the end."""
        untold, self._untold = self._untold, {}
        for reason, number in list(untold.items()):
            if number:
                emit_diagnostic(f"{self.place}: {number} more event(s) dropped: {reason}")

    def forget_untold(self) -> None:
        """Leave what was not said yet to the process that this one was forked from."""
        self._untold = {}
