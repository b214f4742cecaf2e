"""One diagnostic for a destination that does not answer, instead of the SDK's stream of warnings.

An exporter is wrapped in a `Watched…Exporter`, which passes every batch on and counts what was lost. While it does so,
in this thread only, what the wrapped exporter logs is kept from the handlers and kept for the diagnostic instead: the
filter sits on the loggers of the modules that the exporter's class is made of, and looks at a context variable that
only our own export calls set. Exporters of other providers run outside such a call and log as they always did.

A destination that was never reached is reported at its first failed attempt, one that was reached before when a batch
is really lost (the exporters try again for some seconds); when it takes batches again, that is said once, at info.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Protocol

from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otel_ctxlog.engine.diagnostics import emit_diagnostic
from otel_ctxlog.pipeline.reasons import advice_for, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.sdk.trace import ReadableSpan

    from otel_ctxlog.pipeline.deadline import Deadline

__all__ = [
    "Destination",
    "QuietLoggers",
    "WatchedLogExporter",
    "WatchedSpanExporter",
    "hushed",
    "listener",
    "note_answer",
]


class Listener(Protocol):
    """Hears what the SDK says during one of our calls into it."""

    def hear(self, record: logging.LogRecord) -> bool:
        """Return whether the record is kept from the handlers."""
        ...


class _Hush:
    """What is said during one of our calls into the SDK: kept, not shown."""

    def __init__(self, heard: Callable[[str], None] | None) -> None:
        self.said: list[str] = []
        self.answer: str | None = None
        self._heard = heard

    def hear(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        try:
            text = record.getMessage()
        except Exception as error:  # noqa: BLE001 - a filter that raises would surface in the SDK's own code
            text = f"{record.msg!r} ({error!r})"
        text = self.answer or text
        self.said.append(text)
        if self._heard is not None:
            self._heard(text)
        return True


# Set by `hushed`, and by the processors, for which a context manager per record would cost too much.
listener: Final[ContextVar[Listener | None]] = ContextVar("otel_ctxlog_listener", default=None)


def note_answer(answer: str | None) -> None:
    """Have the diagnostics say what a collector has answered, in place of what its exporter makes of it."""
    hush = listener.get()
    if isinstance(hush, _Hush):
        hush.answer = answer


@contextmanager
def hushed(heard: Callable[[str], None] | None = None) -> Generator[list[str]]:
    """Keep what `QuietLoggers` say in this thread from the handlers, and give it as a growing list of texts."""
    hush = _Hush(heard)
    token = listener.set(hush)
    try:
        yield hush.said
    finally:
        listener.reset(token)


class QuietLoggers(logging.Filter):
    """The filter on some loggers that hides what they say during a `hushed` call; it shows everything else.

    Args:
        names: names of the loggers. `install` and `remove` may be called in any order, any number of times.
    """

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__()
        self._loggers = tuple(logging.getLogger(name) for name in sorted(names))

    def install(self) -> None:
        """Put the filter on the loggers, ahead of theirs."""
        for logger in self._loggers:
            if self not in logger.filters:
                # First, so that the SDK's own filter of duplicates does not swallow what we want to hear.
                logger.filters.insert(0, self)

    def remove(self) -> None:
        """Take the filter off."""
        for logger in self._loggers:
            logger.removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Return False for what is said during one of our calls and kept."""
        hears = listener.get()
        return hears is None or not hears.hear(record)


def logger_names(exporter: object) -> frozenset[str]:
    """Return the names of the loggers that an exporter uses by the convention ``getLogger(__name__)``.

    They are the modules of its class and its base classes, and of the HTTP client that the official exporter keeps.
    """
    classes = list(type(exporter).__mro__)
    for part in list(getattr(exporter, "__dict__", {}).values()):
        classes.extend(type(part).__mro__)
    return frozenset(cls.__module__ for cls in classes if cls.__module__.startswith("opentelemetry."))


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

    def batch_lost(self, signal: str, count: int, reason: str) -> None:
        """Note that `count` records or spans are lost for good."""
        self.lost += count
        self._tell_failure(signal, reason)

    def kept_waiting(self, signal: str, reason: str, *, lost: bool) -> None:
        """Note that somebody has given up to wait for it; reported unless it was already said that it fails."""
        if self._failing or lost in self._waits_told:
            return
        self._waits_told.add(lost)
        end = "What was not taken by then is lost." if lost else "The program goes on, and so does the export."
        text = f"{signal} not delivered to {self.text}: {shorten(reason)}. {end}"
        emit_diagnostic(text, level=logging.ERROR if lost else logging.WARNING)

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


class _Watch:
    """One exporter on its way to one destination: what both kinds of watched exporters share."""

    def __init__(self, *, shutdown: Callable[[], object], signal: str, destination: Destination) -> None:
        self._shutdown_inner = shutdown
        self.signal = signal
        self.destination = destination
        self.stopped = False
        self.lost = 0
        # What the last attempt at each batch under way has come to; empty as long as nothing was heard.
        self._under_way: dict[int, str] = {}
        self._given_up = False
        self._end_by: Deadline | None = None
        self._last_attempts = 2

    def export(self, call: Callable[[], bool], count: int) -> bool:
        """Return whether the batch was taken; never raises."""
        if self.stopped:
            self.lost += count
            return False
        batch = threading.get_ident()
        self._under_way[batch] = ""
        with hushed(self._heard) as said:
            try:
                arrived = call()
                reason = said[0] if said else "the exporter reported a failure without a reason"
            except Exception as error:  # noqa: BLE001 - an exporter's failure is a diagnostic, whatever it is
                arrived = False
                reason = f"{type(error).__name__}: {error}"
        self._under_way.pop(batch, None)
        if arrived:
            self.destination.batch_arrived(self.signal)
        else:
            self.lost += count
            if not self._given_up:
                # Otherwise it was said, and this is only how the exporter takes being shut down.
                self.destination.batch_lost(self.signal, count, reason)
        return arrived

    def give_up(self, waited: str) -> bool:
        """Say that a batch is still under way after `waited`, like ``2 s of flush()``; return whether one is."""
        reasons = list(self._under_way.values())
        if reasons:
            reason = next(filter(None, reasons), "no answer")
            self.destination.kept_waiting(self.signal, f"{reason} within {waited}", lost=self._end_by is not None)
            self._given_up = self._end_by is not None
        return bool(reasons)

    def forget(self) -> None:
        """Forget the batches under way: in a forked child nobody exports them."""
        self._under_way.clear()

    def end_by(self, deadline: Deadline) -> None:
        """From now on give up instead of trying again once `deadline` has passed.

        A destination that never took anything gets two more attempts at most: the end of a program should not wait for
        a collector that was never there. Works also while the interpreter exits, when no thread can be started to call
        `stop` in time.
        """
        self._end_by = deadline

    def _heard(self, text: str) -> None:
        if self._given_up:
            return
        self._under_way[threading.get_ident()] = shorten(text)
        self.destination.attempt_failed(self.signal, text)
        if self._end_by is None:
            return
        # Said by the exporter in its own thread, just before it waits for the next attempt.
        self._last_attempts -= 1
        hopeless = self._last_attempts <= 0 and not self.destination.reached
        if hopeless or self._end_by.remaining == 0:
            self.stop()

    def stop(self) -> None:
        """Shut the exporter down, once; an attempt that waits to be repeated is given up."""
        if self.stopped:
            return
        self.stopped = True
        with hushed():
            try:
                self._shutdown_inner()
            except Exception as error:  # noqa: BLE001 - as in `export`
                emit_diagnostic(f"shutting down the exporter to {self.destination.text} failed", error=error)


class WatchedLogExporter(LogRecordExporter):
    """A log exporter whose failures are counted and reported once; everything else is the wrapped exporter's.

    Args:
        inner: the exporter that does the work.
        destination: what its diagnostics are about.
    """

    def __init__(self, inner: LogRecordExporter, destination: Destination) -> None:
        self._inner = inner
        self.watch = _Watch(shutdown=inner.shutdown, signal="logs", destination=destination)

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Pass the batch on; never raises."""
        success = LogRecordExportResult.SUCCESS
        arrived = self.watch.export(lambda: self._inner.export(batch) is success, len(batch))
        return success if arrived else LogRecordExportResult.FAILURE

    def shutdown(self) -> None:
        """Shut the exporter down; further calls do nothing."""
        self.watch.stop()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Pass it on."""
        return self._inner.force_flush(timeout_millis)


class WatchedSpanExporter(SpanExporter):
    """A span exporter whose failures are counted and reported once; everything else is the wrapped exporter's.

    Args:
        inner: the exporter that does the work.
        destination: what its diagnostics are about.
    """

    def __init__(self, inner: SpanExporter, destination: Destination) -> None:
        self._inner = inner
        self.watch = _Watch(shutdown=inner.shutdown, signal="traces", destination=destination)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Pass the batch on; never raises."""
        success = SpanExportResult.SUCCESS
        arrived = self.watch.export(lambda: self._inner.export(spans) is success, len(spans))
        return success if arrived else SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """Shut the exporter down; further calls do nothing."""
        self.watch.stop()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Pass it on."""
        return self._inner.force_flush(timeout_millis)
