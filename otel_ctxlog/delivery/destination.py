"""Where batches go, and whether they arrive: one diagnostic for a destination that does not answer.

A destination that was never reached is reported at its first failed attempt, one that was reached before when a batch
was in vain for as long as an export may take; when it takes batches again, that is said once, at info.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import Final

from otel_ctxlog.delivery.reasons import advice_for, shorten
from otel_ctxlog.engine.diagnostics import emit_diagnostic

__all__ = ["Destination"]

# Between two diagnostics about records that a receiver has picked out of batches, in seconds.
_REJECTION_PAUSE: Final = 60.0


class Destination:
    """Where batches go, and whether they arrive: the diagnostics about it are made here.

    The exporters of several signals may share one, so that a collector that is gone is reported once and not per
    signal. No lock is held, so that a fork at any moment is harmless: what has to happen once hangs on taking a token
    out of a deque, which is atomic.

    Args:
        text: what the diagnostic calls it, like ``http://localhost:4317 (OTLP over grpc)``.
        advice: what to check if nobody answers there; empty where there is nothing to be said, whatever the answer is.
    """

    def __init__(self, text: str, *, advice: str) -> None:
        self.text = text
        self._advice = advice
        self._reached: set[str] = set()
        self._failing: set[str] = set()
        self._untold: deque[None] = deque([None])
        self._waits_told: set[bool] = set()
        self._rejections_told = float("-inf")
        self.lost = 0

    @property
    def down(self) -> bool:
        """Whether the last that was heard of it was a failure."""
        return bool(self._failing)

    @property
    def reached(self) -> bool:
        """Whether it ever took anything."""
        return bool(self._reached)

    def attempt_failed(self, signal: str, reason: str) -> None:
        """Note one failed attempt, which may be repeated; reported only if the destination was never reached."""
        if signal not in self._reached:
            self._tell_failure(signal, reason)

    def put_off(self, signal: str, reason: str) -> None:
        """Note that all attempts for as long as an export may take were in vain; what they were about still waits."""
        self._tell_failure(signal, reason)

    def batch_lost(self, signal: str, count: int, reason: str) -> None:
        """Note that `count` records or spans are lost for good."""
        self.lost += count
        self._tell_failure(signal, reason)

    def dropped(self, count: int) -> None:
        """Note that so many could not be kept; said together with the end of a failure."""
        if self._failing:
            self.lost += count

    def some_rejected(self, signal: str, count: int, message: str) -> None:
        """Note that a batch was taken but for `count` records, or, if that is 0, taken with a warning.

        Reported once in a minute at most.
        """
        now = time.monotonic()
        if now < self._rejections_told + _REJECTION_PAUSE:
            return
        self._rejections_told = now
        message = shorten(message) or "it did not say why"
        what = f"rejects {count} {signal} of a batch" if count else f"takes {signal} with a warning"
        emit_diagnostic(f"{self.text} {what}: {message}", level=logging.WARNING)

    def kept_waiting(self, signal: str, reason: str, *, lost: bool, on_disk: bool = False) -> None:
        """Note that somebody has given up to wait for it; reported unless it was already said that it fails.

        Args:
            signal: what was waited for.
            reason: why it has not come.
            lost: whether nobody will try again.
            on_disk: whether another process will.
        """
        if self._failing or lost in self._waits_told:
            return
        self._waits_told.add(lost)
        end = "What was not taken by then is lost." if lost else "The program goes on, and so does the export."
        if lost and on_disk:
            end = "What is in the spool is sent by the next process; anything else is lost."
        text = f"{signal} not delivered to {self.text}: {shorten(reason)}. {end}"
        emit_diagnostic(text, level=logging.ERROR if lost else logging.WARNING)

    def ended(self, what: str, lost: str) -> None:
        """Say what was lost and never told: at info where it was said that it fails, since once is enough for most.

        Args:
            what: of which kind they are, in the plural.
            lost: how many, and why.
        """
        known = self._failing or self._waits_told
        text = f"{what} for {self.text} that were lost by the end, {lost}"
        emit_diagnostic(text, level=logging.INFO if known else logging.WARNING)

    def batch_arrived(self, signal: str) -> None:
        """Note that a batch arrived; reported if the destination was reported as failing before."""
        self._reached.add(signal)
        self._waits_told.clear()
        if signal not in self._failing:
            return
        self._failing.discard(signal)
        if self._failing:
            return
        lost, self.lost = self.lost, 0
        self._untold.append(None)
        emit_diagnostic(f"{self.text} takes {signal} again; lost meanwhile: {lost}", level=logging.INFO)

    def _tell_failure(self, signal: str, reason: str) -> None:
        self._failing.add(signal)
        try:
            self._untold.pop()
        except IndexError:
            return
        reason = shorten(reason)
        parts = (
            f"cannot deliver {signal} to {self.text}: {reason}.",
            self._advice and advice_for(reason, unanswered=self._advice),
            "The program goes on; what cannot be kept is dropped. This is said once, until it works again.",
        )
        emit_diagnostic(" ".join(filter(None, parts)))
