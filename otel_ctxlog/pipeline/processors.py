"""The processors of both signals: where records and spans wait for the thread that sends them, or do not."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk._logs.export import LogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

from otel_ctxlog.delivery.hearing import listener
from otel_ctxlog.delivery.processor import DeliveryProcessor
from otel_ctxlog.engine.diagnostics import emit_diagnostic
from otel_ctxlog.pipeline.environment import read_batch, read_queue
from otel_ctxlog.pipeline.otlp import encoder_is_official
from otel_ctxlog.pipeline.reachability import WatchedDelivery, WatchedLogExporter, WatchedSpanExporter

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.sdk._logs import LogRecordProcessor
    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
    from opentelemetry.sdk.trace.export import SpanExporter

    from otel_ctxlog.delivery.destination import Destination
    from otel_ctxlog.delivery.limits import Limits
    from otel_ctxlog.delivery.protocols import Transport
    from otel_ctxlog.pipeline.exporters import Prepared
    from otel_ctxlog.pipeline.spooling import Spooling

__all__ = ["PROCESSOR_LOGGERS", "log_processor", "span_processor"]

# Where the SDK's processors warn about full queues, which a destination that is down fills.
PROCESSOR_LOGGERS: Final = frozenset({"opentelemetry.sdk._shared_internal"})

# Between two diagnostics about a full queue, in seconds.
_OVERFLOW_PAUSE: Final = 10.0


class _Overflow:
    """Hears the SDK's "Queue full, dropping Span." and says instead which queue it is, and how to make it larger.

    It says nothing while it is known that nothing gets through: then every queue gets full.
    """

    def __init__(self, destination: Destination, size: int) -> None:
        self._size = size
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
                f"spans for {self._destination.text} are dropped, the oldest first: its batch queue is full"
                f" (OTEL_BSP_MAX_QUEUE_SIZE is {self._size}); dropped since this was last said: {dropped}",
                level=logging.WARNING,
            )
        return True


class _BatchSpanProcessor(BatchSpanProcessor):
    """The SDK's, whose full queue is an `_Overflow`."""

    def __init__(self, exporter: SpanExporter, destination: Destination) -> None:
        super().__init__(exporter, max_export_batch_size=read_batch("traces"))
        self._overflow = _Overflow(destination, read_queue("traces"))

    def on_end(self, span: ReadableSpan) -> None:
        token = listener.set(self._overflow)
        try:
            super().on_end(span)
        finally:
            listener.reset(token)


def log_processor(
    prepared: Prepared[LogRecordExporter | Transport],
    limits: Limits,
    *,
    spooling: Spooling | None,
    meter_provider: MeterProvider | None,
) -> tuple[LogRecordProcessor, WatchedLogExporter | WatchedDelivery]:
    """Return the processor, and how it is watched.

    Args:
        prepared: where records go.
        limits: of what waits.
        spooling: what waits on disk, for OTLP; None: nothing.
        meter_provider: for the metrics; None: the global one.
    """
    to = prepared.exporter
    if isinstance(to, LogRecordExporter):
        if not prepared.batch:
            watched = WatchedLogExporter(to, prepared.destination)
            return SimpleLogRecordProcessor(watched), watched
        made = DeliveryProcessor(to, limits=limits, destination=prepared.destination, meter_provider=meter_provider)
    else:
        made = DeliveryProcessor(
            to,
            limits=limits,
            destination=prepared.destination,
            meter_provider=meter_provider,
            spool=None if spooling is None else spooling.spool,
            spool_severity=None if spooling is None else spooling.severity,
            thread=prepared.batch,
            official_encoder=encoder_is_official(),
        )
    return made, WatchedDelivery(made)


def span_processor(prepared: Prepared[SpanExporter]) -> tuple[SpanProcessor, WatchedSpanExporter]:
    """Return the processor, and the watched exporter inside it."""
    watched = WatchedSpanExporter(prepared.exporter, prepared.destination)
    if prepared.batch:
        return _BatchSpanProcessor(watched, prepared.destination), watched
    return SimpleSpanProcessor(watched), watched
