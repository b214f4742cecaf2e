"""What processors count, as OpenTelemetry metrics.

Names and meanings are those of the semantic conventions for SDK telemetry
(https://opentelemetry.io/docs/specs/semconv/otel/sdk-metrics/), and own ones, beginning with ``otel_ctxlog.delivery``,
for what they have no name for. The instruments are observable: nothing is done unless somebody collects. There is one
set of them per meter provider, however many processors come and go.
"""

from __future__ import annotations

import itertools
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary, WeakSet

from opentelemetry.metrics import MeterProvider, Observation, get_meter_provider

from otel_ctxlog.delivery.kinds import KINDS
from otel_ctxlog.delivery.report import SCOPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from opentelemetry.metrics import CallbackOptions

    from otel_ctxlog.delivery.batches import Batches
    from otel_ctxlog.delivery.losses import Counts, Losses
    from otel_ctxlog.delivery.protocols import Spool
    from otel_ctxlog.delivery.queue import Queue
    from otel_ctxlog.delivery.sender import Sender

__all__ = ["Readings", "watch"]

_TYPE: Final = "otel_ctxlog.delivery.DeliveryProcessor"
_numbers = itertools.count()

# What the conventions call the reasons that they know.
_ERROR_TYPES: Final[Mapping[str, str]] = {"overflow": "queue_full", "shutdown": "already_shutdown"}


class Readings:
    """What is observed of a processor.

    Args:
        queue: what waits in memory.
        batches: what was sent.
        sender: what had to be repeated.
        losses: what was lost.
        spool: what waits on disk, or None.
    """

    def __init__(self, queue: Queue, batches: Batches, sender: Sender, *, losses: Losses, spool: Spool | None) -> None:
        self._queue = queue
        self._batches = batches
        self._sender = sender
        self._losses = losses
        self._spool = spool
        self.attributes: Mapping[str, str] = {
            "otel.component.type": _TYPE,
            "otel.component.name": f"{_TYPE}/{next(_numbers)}",
        }

    def lost(self) -> Counts:
        """Return the records lost so far."""
        return self._losses.counts()

    def numbers(self) -> dict[str, int]:
        """Return the other numbers, by the name of their instrument."""
        queue = self._queue
        numbers = {
            "otel.sdk.processor.log.queue.size": len(queue),
            "otel.sdk.processor.log.queue.capacity": queue.max_records,
            "otel_ctxlog.delivery.queue.bytes": queue.bytes,
            "otel_ctxlog.delivery.queue.bytes.capacity": queue.max_bytes,
            "otel_ctxlog.delivery.sent": self._batches.sent,
            "otel_ctxlog.delivery.retries": self._sender.retries,
        }
        if self._spool is not None and not self._sender.ended:
            records, size = self._spool.pending()
            numbers["otel_ctxlog.delivery.spool.records"] = records
            numbers["otel_ctxlog.delivery.spool.bytes"] = size
        return numbers


_GAUGES: Final = {
    "otel.sdk.processor.log.queue.size": ("{log_record}", "log records that wait in memory"),
    "otel.sdk.processor.log.queue.capacity": ("{log_record}", "log records that may wait in memory"),
    "otel_ctxlog.delivery.queue.bytes": ("By", "size of the log records that wait in memory, encoded, with overhead"),
    "otel_ctxlog.delivery.queue.bytes.capacity": ("By", "size that the log records that wait in memory may have"),
    "otel_ctxlog.delivery.spool.records": ("{log_record}", "log records that wait on disk"),
    "otel_ctxlog.delivery.spool.bytes": ("By", "size of the log records that wait on disk"),
}
_COUNTERS: Final = {
    "otel_ctxlog.delivery.sent": ("{log_record}", "log records that the receiver has accepted"),
    "otel_ctxlog.delivery.retries": ("{attempt}", "attempts to send a batch that have to be repeated"),
}


class _Instruments:
    """The instruments of one meter provider, and the readings of the processors that they observe."""

    def __init__(self, provider: MeterProvider) -> None:
        self.observed: WeakSet[Readings] = WeakSet()
        meter = provider.get_meter(SCOPE)
        for name, (unit, text) in _GAUGES.items():
            meter.create_observable_up_down_counter(name, [self._number(name)], unit, text)
        for name, (unit, text) in _COUNTERS.items():
            meter.create_observable_counter(name, [self._number(name)], unit, text)
        text = "log records whose processing has finished, delivered or, with error.type, lost"
        meter.create_observable_counter("otel.sdk.processor.log.processed", [self._processed], "{log_record}", text)
        text = "log records lost, by reason and severity"
        meter.create_observable_counter("otel_ctxlog.delivery.lost", [self._lost], "{log_record}", text)

    def _living(self) -> tuple[Readings, ...]:
        while True:
            with suppress(RuntimeError):  # it has grown meanwhile
                return tuple(self.observed)

    def _number(self, name: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def observe(_options: CallbackOptions) -> Iterable[Observation]:
            for readings in self._living():
                value = readings.numbers().get(name)
                if value is not None:
                    yield Observation(value, readings.attributes)

        return observe

    def _processed(self, _options: CallbackOptions) -> Iterable[Observation]:
        for readings in self._living():
            yield Observation(readings.numbers()["otel_ctxlog.delivery.sent"], readings.attributes)
            by_type: Counter[str] = Counter()
            for (reason, _kind), count in readings.lost().items():
                by_type[_ERROR_TYPES.get(reason, reason)] += count
            for error_type, count in by_type.items():
                yield Observation(count, {**readings.attributes, "error.type": error_type})

    def _lost(self, _options: CallbackOptions) -> Iterable[Observation]:
        for readings in self._living():
            for (reason, kind), count in readings.lost().items():
                told = {"otel_ctxlog.lost.reason": reason, "otel_ctxlog.lost.severity": KINDS[kind]}
                yield Observation(count, {**readings.attributes, **told})


_by_provider: Final[WeakKeyDictionary[MeterProvider, _Instruments]] = WeakKeyDictionary()
# Of the global provider: made once, also if it is set only later, when they become its instruments.
_global: Final[list[_Instruments]] = []


def watch(readings: Readings, provider: MeterProvider | None) -> None:
    """Observe a processor as long as its readings live.

    Args:
        readings: what is observed.
        provider: whose instruments observe; None: those of the global one, which may also be set later.
    """
    if provider is None:
        if not _global:
            _global.append(_Instruments(get_meter_provider()))
        instruments = _global[0]
    else:
        instruments = _by_provider.get(provider) or _Instruments(provider)
        _by_provider[provider] = instruments
    instruments.observed.add(readings)
