"""`DeliveryProcessor`: log records on their way out of the process, none of which is lost silently."""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING, Final, cast
from weakref import WeakSet

from opentelemetry.sdk._logs import LogRecordProcessor
from opentelemetry.sdk._logs.export import LogRecordExporter

from otel_ctxlog.delivery.batches import Batches
from otel_ctxlog.delivery.destination import Destination
from otel_ctxlog.delivery.exporter_carrier import ExporterCarrier
from otel_ctxlog.delivery.kinds import EVENT, KINDS, kind_of
from otel_ctxlog.delivery.limits import Limits
from otel_ctxlog.delivery.losses import Losses
from otel_ctxlog.delivery.metrics import Readings, watch
from otel_ctxlog.delivery.protocols import Transport
from otel_ctxlog.delivery.queue import Item, Queue, Report
from otel_ctxlog.delivery.report import in_words, loss_report
from otel_ctxlog.delivery.sender import Sender
from otel_ctxlog.delivery.uid import RECORD_UID, new_uid
from otel_ctxlog.delivery.wire import text_attribute
from otel_ctxlog.engine.diagnostics import emit_diagnostic, report_once

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry._logs import SeverityNumber
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.sdk._logs import ReadWriteLogRecord
    from opentelemetry.sdk.resources import Resource

    from otel_ctxlog.delivery.losses import Counts
    from otel_ctxlog.delivery.protocols import Carrier, Spool

__all__ = ["DeliveryProcessor"]

# Where `setup` takes the limits from.
_VARIABLES: Final = {"records": "OTEL_BLRP_MAX_QUEUE_SIZE", "bytes": "OTEL_CTXLOG_QUEUE_BYTES"}

# Above all severity numbers.
_NO_SEVERITY: Final = 25

# So often a call that waits for room looks again, in seconds: a bell wakes one of those that wait.
_LOOK_AGAIN: Final = 0.05


class DeliveryProcessor(LogRecordProcessor):
    """A processor of a ``LoggerProvider`` that sends log records in batches, in place of ``BatchLogRecordProcessor``.

    Records wait in memory, bounded by number and size. When there is no room, the least important goes, and of those
    the oldest: TRACE and DEBUG first, ERROR and FATAL late, events last. What cannot be sent now is tried again, with
    growing pauses, until it is sent, makes room for something more important, or the processor is shut down. Every loss
    is counted by reason and severity: see `lost`, the metrics, and the record ``records lost`` that is sent as soon as
    there is room.

    A call that logs encodes its record, and takes no lock. One thread sends; it begins with the first record. `block`
    in `limits` is for calls that rather wait than lose.

    Args:
        to: a `Transport` for OTLP requests, or an exporter, which gets copies of the records, and tries again by
            itself.
        limits: how much may wait, and what goes out when.
        spool: where events are on disk before the call that emits them returns; see docs/spool.md. It is closed by
            `shutdown`. Needs a `Transport`.
        spool_severity: from which severity number on other records are, too; None: they are not.
        meter_provider: for the metrics; None: the global one.
        destination: what diagnostics call the place where records go; None: by the type of `to`.
        thread: False: every call that logs sends its own record, and waits for it.
        official_encoder: whether the official encoder encodes all records, in place of those only that ours does not
            take. It costs several times as much.

    Raises:
        TypeError: `to` is neither a transport nor an exporter.
        ValueError: a spool for an exporter.
    """

    def __init__(
        self,
        to: Transport | LogRecordExporter,
        *,
        limits: Limits | None = None,
        spool: Spool | None = None,
        spool_severity: SeverityNumber | None = None,
        meter_provider: MeterProvider | None = None,
        destination: Destination | None = None,
        thread: bool = True,
        official_encoder: bool = False,
    ) -> None:
        limits = limits or Limits()
        self._limits = limits
        self._spool = spool
        self._durable_from = _NO_SEVERITY if spool_severity is None else spool_severity.value
        self._blocks = limits.block > 0
        self._destination = destination or Destination(f"{type(to).__qualname__}", advice="")
        self._losses = Losses()
        self._queue = Queue(max_records=limits.records, max_bytes=limits.bytes, dropped=self._dropped)
        self._resource: Resource | None = None
        # Which limit has dropped a record that nobody was told about yet, and whether somebody was told.
        self._overflow = ""
        self._overflow_told = False
        self._supervised = False
        self._carrier = self._carrier_to(to, official=official_encoder)
        self._batches = Batches(
            self._queue,
            self._carrier,
            losses=self._losses,
            destination=self._destination,
            limits=limits,
            spool=spool,
            report=self._report,
        )
        self._sender = Sender(
            self._batches,
            destination=self._destination,
            delay=limits.delay,
            timeout=limits.timeout,
            thread=thread,
        )
        _living.add(self)
        # Observed for as long as this processor holds it.
        self._readings = Readings(self._queue, self._batches, self._sender, losses=self._losses, spool=spool)
        watch(self._readings, meter_provider)
        if spool is not None:
            # What an earlier process has left goes out although nobody logs.
            self._batches.spooled = 1
            self._sender.notice(1)

    def _carrier_to(self, to: object, *, official: bool) -> Carrier:
        if isinstance(to, Transport):
            # Brings the messages of protobuf, which nobody needs who has no collector; and brings them now: a process
            # that is forked while one of its threads imports a module can never import it.
            from otel_ctxlog.delivery.otlp_carrier import OtlpCarrier

            return OtlpCarrier(to, official=official)
        if not isinstance(to, LogRecordExporter):
            raise TypeError(f"argument 'to' is {to!r}, allowed: a Transport or a LogRecordExporter")
        if self._spool is not None:
            raise ValueError(f"a spool keeps encoded records, which {type(to).__qualname__} does not take: use OTLP")
        return ExporterCarrier(to, self._heard)

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Take a record; raises nothing, and returns at once unless `block` or `thread` say otherwise."""
        try:
            item = self._carrier.pack(log_record)
            if self._sender.closing:
                self._losses.add("shutdown", item.kind)
                return
            self._resource = log_record.resource
            if self._spool is not None and self._append(self._spool, item, log_record):
                return
            if item.size > self._limits.bytes:
                self._too_large(item)
                return
            if self._blocks and self._queue.is_full():
                self._wait_for_room()
            self._sender.notice(self._queue.put(item))
            if self._overflow:
                self._tell_overflow()
            if self._sender.ended:
                # It has ended since it was asked.
                self._batches.drop_rest()
        except Exception as error:  # noqa: BLE001 - a logging call never raises
            self._losses.add("unencodable", kind_of(log_record.log_record.severity_number))
            text = f"a log record cannot be sent to {self._destination.text}: it is lost, as all of its kind"
            report_once(self, text, error=error, topic="unencodable")

    def _append(self, spool: Spool, item: Item, log_record: ReadWriteLogRecord) -> bool:
        """Put a record on disk, if it is one for that; return whether it is there."""
        if item.kind != EVENT:
            severity = log_record.log_record.severity_number
            if severity is None or severity.value < self._durable_from:
                return False
        item.payload = encoded = _with_uid(item, log_record)
        if spool.append(*item.owner, encoded):
            self._batches.spooled += 1
            self._sender.notice(self._batches.waiting())
            return True
        text = f"the spool does not take log records for {self._destination.text}: they wait in memory"
        report_once(self, text, topic="spool")
        return False

    def _too_large(self, item: Item) -> None:
        self._losses.add("too_large", item.kind)
        text = f"a log record of {item.size} bytes is lost: larger than the whole queue, {self._limits.bytes} bytes"
        report_once(self, text, topic="too large")

    def _wait_for_room(self) -> None:
        if self._sender.sends_in_this_thread:
            return
        end = time.monotonic() + self._limits.block
        while self._queue.is_full() and not self._sender.closing:
            left = end - time.monotonic()
            if left <= 0:
                return
            self._batches.room.wait(min(left, _LOOK_AGAIN))

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what waits now, and return whether all of it was taken in time, and nothing was lost meanwhile.

        False after `shutdown`, once a batch could not be delivered for as long as an export may take, and in an
        exporter that this very processor calls. What is not taken still waits.
        """
        return self._sender.flush(timeout_millis / 1000)

    def shutdown(self, timeout_millis: int = 30_000) -> None:
        """Send what waits, and end for good; what is not taken in time is lost, counted, and said. Raises nothing."""
        seconds = timeout_millis / 1000
        if not self._sender.end(seconds):
            # Unless whoever has said `end_by` has said this, too.
            waited = "the time of shutdown()" if self._supervised else f"the {seconds:g} s of shutdown()"
            self.tell_wait(waited, ending=True)
        self._tell_last_losses()

    @property
    def lost(self) -> Mapping[tuple[str, str], int]:
        """How many records were lost so far, by reason and severity; see `otel_ctxlog.delivery.losses`."""
        return {(reason, KINDS[kind]): count for (reason, kind), count in self._losses.counts().items()}

    @property
    def sent(self) -> int:
        """How many records the receiver has accepted."""
        return self._batches.sent

    @property
    def waiting(self) -> int:
        """How many records wait in memory; the batch that is just being sent does not count."""
        return len(self._queue)

    # For whoever ends several of them, and knows how long that may take.

    @property
    def destination(self) -> Destination:
        """Where the records go."""
        return self._destination

    def end_by(self, moment: float) -> None:
        """From now on try nothing after a moment of the monotonic clock, and little where nothing ever answered.

        The caller says what is lost by that, with `tell_wait`.
        """
        self._supervised = True
        self._sender.end_by(moment)

    def tell_wait(self, waited: str, *, ending: bool) -> bool:
        """Say that something is still under way after `waited`, unless it is known; return whether something is."""
        if not self._sender.under_way and not (ending and self._batches.left):
            return False
        reason = self._sender.last_reason or "no answer"
        on_disk = self._spool is not None
        self._destination.kept_waiting("logs", f"{reason} within {waited}", lost=ending, on_disk=on_disk)
        return True

    def stop(self) -> None:
        """End at once; what waits is lost, counted, and said."""
        self._sender.stop()
        self._tell_last_losses()

    def _tell_last_losses(self) -> None:
        # No record can tell any more.
        if counts := self._losses.take_unreported():
            self._destination.ended("log records", in_words(counts))

    def _dropped(self, item: Item) -> None:
        # Under the lock of the queue: what there is to say is said by the call that comes out of it.
        self._batches.lose(item, "overflow")
        self._destination.dropped(1)
        if not self._overflow_told:
            self._overflow = "records" if len(self._queue) >= self._limits.records else "bytes"

    def _tell_overflow(self) -> None:
        which, self._overflow = self._overflow, ""
        # While nothing gets through, every queue gets full.
        if self._overflow_told or self._destination.down:
            return
        self._overflow_told = True
        emit_diagnostic(
            f"log records for {self._destination.text} are dropped, the least severe first: its queue is full"
            f" ({_VARIABLES[which]} is {getattr(self._limits, which)}). How many were lost is logged there as soon as"
            " there is room again.",
            level=logging.WARNING,
        )

    def _report(self, counts: Counts) -> Report | None:
        self._overflow_told = False
        try:
            return Report(self._carrier.pack(loss_report(counts, self._resource)), counts)
        except Exception as error:  # noqa: BLE001 - a resource that cannot be encoded
            report_once(self, "the log record about lost ones cannot be made", error=error, topic="report")
            return None

    def _heard(self, said: str) -> None:
        """Take what an exporter says while it tries."""
        self._sender.last_reason = said
        if not self._sender.ended:
            self._destination.attempt_failed("logs", said)

    def in_forked_child(self) -> None:
        """Begin anew, with nothing queued and nothing counted: what waits here is the parent's."""
        for part in (self._losses, self._queue, self._batches, self._sender, self._carrier):
            part.start_in_child()
        if self._spool is not None:
            self._spool.start_in_child()


def _with_uid(item: Item, log_record: ReadWriteLogRecord) -> bytes:
    encoded = cast("bytes", item.payload)
    if RECORD_UID in (log_record.log_record.attributes or ()):
        return encoded
    # Not on the record: other processors get it as it was emitted.
    return encoded + text_attribute(RECORD_UID, new_uid())


# All of them; a hook of `os.register_at_fork` cannot be taken back, so that there is one for all.
_living: Final[WeakSet[DeliveryProcessor]] = WeakSet()


def _in_forked_child() -> None:
    for processor in tuple(_living):
        processor.in_forked_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)
