"""Ways to a destination, as `Telemetry` watches them; and exporters whose failures are counted and reported once.

An exporter is wrapped in a `Watched…Exporter`, which passes every batch on and counts what was lost. While it does so,
in this thread only, what the wrapped exporter logs is kept for the diagnostic (`otel_ctxlog.delivery.hearing`).
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol

from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otel_ctxlog.delivery.hearing import hushed
from otel_ctxlog.delivery.reasons import shorten
from otel_ctxlog.engine.diagnostics import emit_diagnostic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.sdk.trace import ReadableSpan

    from otel_ctxlog.delivery.destination import Destination
    from otel_ctxlog.delivery.processor import DeliveryProcessor
    from otel_ctxlog.pipeline.deadline import Deadline

__all__ = ["Watch", "Watched", "WatchedDelivery", "WatchedLogExporter", "WatchedSpanExporter"]


class Watch(Protocol):
    """One way to one destination, as `Telemetry` sees it."""

    @property
    def destination(self) -> Destination:
        """Where it leads."""
        ...

    @property
    def lost(self) -> int:
        """How many records or spans were lost on it."""
        ...

    def give_up(self, waited: str) -> bool:
        """Say that something is still under way after `waited`, like ``2 s of flush()``; return whether it is."""
        ...

    def forget(self) -> None:
        """Forget what is under way: in a forked child nobody exports it."""
        ...

    def end_by(self, deadline: Deadline) -> None:
        """From now on give up instead of trying again once `deadline` has passed."""
        ...

    def stop(self) -> None:
        """End it at once."""
        ...


class Watched(Protocol):
    """Something on such a way."""

    @property
    def watch(self) -> Watch:
        """The way."""
        ...


class _ExporterWatch:
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
        self.watch = _ExporterWatch(shutdown=inner.shutdown, signal="logs", destination=destination)

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
        self.watch = _ExporterWatch(shutdown=inner.shutdown, signal="traces", destination=destination)

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


class WatchedDelivery:
    """The way of a `DeliveryProcessor`.

    Attributes:
        watch: this very object.
    """

    def __init__(self, processor: DeliveryProcessor) -> None:
        self._processor = processor
        self._ending = False
        self.watch: Watch = self

    @property
    def destination(self) -> Destination:
        """Where it leads."""
        return self._processor.destination

    @property
    def lost(self) -> int:
        """How many records were lost."""
        return sum(self._processor.lost.values())

    def give_up(self, waited: str) -> bool:
        """Say that something still waits; see `Watch.give_up`."""
        return self._processor.tell_wait(waited, ending=self._ending)

    def forget(self) -> None:
        """Do nothing: the processor knows when it was forked."""

    def end_by(self, deadline: Deadline) -> None:
        """Tell the processor."""
        self._ending = True
        self._processor.end_by(time.monotonic() + deadline.remaining)

    def stop(self) -> None:
        """End the processor."""
        self._processor.stop()
