"""The SDK's processors around a watched exporter: a queue and a thread, or directly."""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, SimpleLogRecordProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

from otel_ctxlog.engine.diagnostics import emit_diagnostic
from otel_ctxlog.pipeline.log_snapshot import snapshot
from otel_ctxlog.pipeline.reachability import WatchedLogExporter, WatchedSpanExporter, listener

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import LogRecordProcessor, ReadWriteLogRecord
    from opentelemetry.sdk._logs.export import LogRecordExporter
    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
    from opentelemetry.sdk.trace.export import SpanExporter

    from otel_ctxlog.pipeline.environment import Signal
    from otel_ctxlog.pipeline.exporters import Prepared
    from otel_ctxlog.pipeline.reachability import Destination

__all__ = ["PROCESSOR_LOGGERS", "batch_size", "log_processor", "span_processor"]

# Where the SDK's processors warn about full queues, which a destination that is down fills.
PROCESSOR_LOGGERS: Final = frozenset({"opentelemetry.sdk._shared_internal"})

# The defaults of the specification.
_DEFAULT_QUEUE: Final = 2048
_DEFAULT_BATCH: Final = 512

_PREFIX: Final[dict[str, str]] = {"logs": "OTEL_BLRP", "traces": "OTEL_BSP"}


# Between two diagnostics about a full queue, in seconds.
_OVERFLOW_PAUSE: Final = 10.0


class _Overflow:
    """Hears the SDK's "Queue full, dropping Log." and says instead which queue it is, and how to make it larger.

    It says nothing while it is known that nothing gets through: then every queue gets full.
    """

    def __init__(self, signal: Signal, destination: Destination) -> None:
        self._what = "log records" if signal == "logs" else "spans"
        self._variable = f"{_PREFIX[signal]}_MAX_QUEUE_SIZE"
        self._size = os.environ.get(self._variable, str(_DEFAULT_QUEUE))
        self._destination = destination
        self._next = 0.0
        self._dropped = 0

    def hear(self, record: logging.LogRecord) -> bool:
        """Take the warning, which can only be that one; what is said at lower levels is not about the queue."""
        if record.levelno < logging.WARNING:
            return False
        self._dropped += 1
        now = time.monotonic()
        if now >= self._next and not self._destination.down:
            self._next = now + _OVERFLOW_PAUSE
            dropped, self._dropped = self._dropped, 0
            emit_diagnostic(
                f"{self._what} for {self._destination.text} are dropped, the oldest first: its batch queue is full"
                f" ({self._variable} is {self._size}); dropped since this was last said: {dropped}",
                level=logging.WARNING,
            )
        return True


class _BatchLogProcessor(BatchLogRecordProcessor):
    """The SDK's, whose full queue is an `_Overflow`, and whose records are copied by `snapshot`."""

    def __init__(self, exporter: LogRecordExporter, destination: Destination) -> None:
        super().__init__(exporter, max_export_batch_size=batch_size("logs"))
        self._overflow = _Overflow("logs", destination)

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        token = listener.set(self._overflow)
        try:
            super().on_emit(snapshot(log_record))
        finally:
            listener.reset(token)


class _BatchSpanProcessor(BatchSpanProcessor):
    """As `_BatchLogProcessor`."""

    def __init__(self, exporter: SpanExporter, destination: Destination) -> None:
        super().__init__(exporter, max_export_batch_size=batch_size("traces"))
        self._overflow = _Overflow("traces", destination)

    def on_end(self, span: ReadableSpan) -> None:
        token = listener.set(self._overflow)
        try:
            super().on_end(span)
        finally:
            listener.reset(token)


def log_processor(prepared: Prepared[LogRecordExporter]) -> tuple[LogRecordProcessor, WatchedLogExporter]:
    """Return the processor, and the watched exporter inside it."""
    watched = WatchedLogExporter(prepared.exporter, prepared.destination)
    if prepared.batch:
        return _BatchLogProcessor(watched, prepared.destination), watched
    return SimpleLogRecordProcessor(watched), watched


def span_processor(prepared: Prepared[SpanExporter]) -> tuple[SpanProcessor, WatchedSpanExporter]:
    """Return the processor, and the watched exporter inside it."""
    watched = WatchedSpanExporter(prepared.exporter, prepared.destination)
    if prepared.batch:
        return _BatchSpanProcessor(watched, prepared.destination), watched
    return SimpleSpanProcessor(watched), watched


def batch_size(signal: Signal) -> int:
    """Return how many records or spans go into a batch, from ``OTEL_BLRP_*`` or ``OTEL_BSP_*``.

    A queue smaller than the default batch makes smaller batches; the SDK alone would refuse it.

    Raises:
        ValueError: one of the variables is no positive whole number, for which the SDK would log a traceback and go on
            with its default, or the batch is said to be longer than the queue.
    """
    prefix = _PREFIX[signal]
    values: dict[str, int] = {}
    for setting in ("MAX_QUEUE_SIZE", "MAX_EXPORT_BATCH_SIZE", "SCHEDULE_DELAY", "EXPORT_TIMEOUT"):
        variable = f"{prefix}_{setting}"
        text = os.environ.get(variable)
        if text is None:
            continue
        try:
            values[setting] = int(text)
        except ValueError:
            values[setting] = 0
        if values[setting] <= 0:
            raise ValueError(f"{variable} is {text!r}, allowed: a whole number above 0")
    queue = values.get("MAX_QUEUE_SIZE", _DEFAULT_QUEUE)
    batch = values.get("MAX_EXPORT_BATCH_SIZE")
    if batch is None:
        return min(queue, _DEFAULT_BATCH)
    if batch > queue:
        raise ValueError(
            f"{prefix}_MAX_EXPORT_BATCH_SIZE is {batch}, allowed: at most {prefix}_MAX_QUEUE_SIZE, which is {queue}"
        )
    return batch
