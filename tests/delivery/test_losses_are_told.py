"""What is lost is told: by a log record where the others went, by metrics, and by one diagnostic per episode."""

from __future__ import annotations

import copy
import gc
import logging
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from opentelemetry import metrics
from opentelemetry._logs import SeverityNumber
from opentelemetry.metrics import CallbackOptions, NoOpMeterProvider
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from otel_ctxlog.delivery.answers import ACCEPTED, Answer
from otel_ctxlog.delivery.kinds import DEBUG, ERROR, INFO
from otel_ctxlog.delivery.limits import Limits
from otel_ctxlog.delivery.losses import Losses
from otel_ctxlog.delivery.metrics import _Instruments  # pyright: ignore[reportPrivateUsage] - the loop in it
from otel_ctxlog.delivery.processor import DeliveryProcessor
from tests.delivery.collectors import Held, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from tests.delivery.collectors import Deliver, Delivered, Scripted

SMALL = Limits(records=10, batch_records=5, delay=60)


def overflow(delivered: Delivered, exporter: Held, records: int) -> None:
    """Lose some records for lack of room: five are on their way, ten wait."""
    exporter.gate.clear()
    exporter.called.clear()
    for number in range(5):
        delivered.log(f"sent {number}")
    assert exporter.called.wait(5)
    for number in range(10 + records):
        delivered.log(f"waits {number}", SeverityNumber.DEBUG if number % 2 else SeverityNumber.INFO)


def attributes(exporter: Held, body: str = "records lost") -> list[Mapping[str, Any]]:
    """The attributes of the records with that body."""
    return [dict(record.log_record.attributes or {}) for record in exporter.records if record.log_record.body == body]


def test_a_record_tells_once_there_is_room(deliver: Deliver) -> None:
    """How many, by reason and by severity, at WARN, in a scope of its own, with the resource of the others."""
    exporter = Held()
    delivered = deliver(exporter, limits=SMALL)
    overflow(delivered, exporter, 8)
    exporter.gate.set()
    delivered.flush()
    delivered.flush()

    assert delivered.lost == {("overflow", "DEBUG"): 8}
    [told] = [record for record in exporter.records if record.log_record.body == "records lost"]
    assert dict(told.log_record.attributes or {}) == {
        "otel_ctxlog.lost.count": 8,
        "otel_ctxlog.lost.reason.overflow": 8,
        "otel_ctxlog.lost.severity.debug": 8,
    }
    assert told.log_record.severity_number is SeverityNumber.WARN
    assert told.instrumentation_scope is not None
    assert told.instrumentation_scope.name == "otel_ctxlog.delivery"
    assert told.resource is exporter.records[0].resource


def test_every_loss_is_told_exactly_once(deliver: Deliver) -> None:
    """Over several episodes the records add up to the counts."""
    exporter = Held()
    delivered = deliver(exporter, limits=SMALL)
    for losses in (1, 5, 12):
        overflow(delivered, exporter, losses)
        exporter.gate.set()
        delivered.flush()
        assert delivered.flush()

    told = attributes(exporter)
    assert sum(one["otel_ctxlog.lost.count"] for one in told) == sum(delivered.lost.values()) == 18
    assert len(told) == 3


def test_a_report_that_is_refused_is_made_once_more(http: Scripted, deliver: Deliver) -> None:
    """What it told is told by the next one, and it is no loss itself; nothing goes round in circles."""
    http.judge = lambda records: (400, {}, b"") if records == ["bad"] or "records lost" in records else None
    delivered = deliver(http, limits=Limits(batch_records=1, records=10, delay=60))
    for body in ("good", "bad", "good", "good"):
        delivered.log(body)
        delivered.flush()
    refused = [batch for batch in http.batches if batch == ["records lost"]]
    http.judge = None
    delivered.log("good")
    assert delivered.flush()

    assert delivered.lost == {("rejected", "INFO"): 1}
    assert 1 <= len(refused) <= 3
    assert http.taken[-1] == "records lost"


def test_a_collector_that_refuses_everything_gets_no_reports(http: Scripted, deliver: Deliver) -> None:
    """Nothing was ever taken: a record about that would be refused as well."""
    http.usual = (401, {}, b"")
    delivered = deliver(http)
    for _ in range(3):
        delivered.log("no")
        assert not delivered.flush()

    assert http.batches == [["no"]] * 3


def test_an_episode_is_one_diagnostic(deliver: Deliver, caplog: pytest.LogCaptureFixture) -> None:
    """However many records go; the next episode is said again."""
    exporter = Held()
    delivered = deliver(exporter, limits=SMALL)
    for _ in range(2):
        overflow(delivered, exporter, 50)
        exporter.gate.set()
        delivered.flush()
        delivered.flush()

    said = [(record.levelno, record.getMessage()) for record in caplog.records]
    assert [level for level, _text in said] == [logging.WARNING] * 2
    assert all("are dropped, the least severe first" in text for _level, text in said)
    assert all("OTEL_BLRP_MAX_QUEUE_SIZE is 10" in text for _level, text in said)


def test_what_no_record_tells_is_said_at_the_end(deliver: Deliver, caplog: pytest.LogCaptureFixture) -> None:
    """Once, with the numbers by severity and reason, the worthiest first."""
    caplog.set_level(logging.INFO, "otel_ctxlog")
    exporter = Held()
    delivered = deliver(exporter, limits=SMALL)
    overflow(delivered, exporter, 8)
    delivered.processor.stop()
    delivered.processor.stop()
    exporter.gate.set()

    said = [(record.levelno, record.getMessage()) for record in caplog.records]
    assert [level for level, _text in said] == [logging.WARNING] * 2
    assert said[1][1].endswith("were lost by the end, 18: 9 INFO, 9 DEBUG (overflow: 8, shutdown: 10)")


def test_what_was_told_is_not_said_again_at_the_end(deliver: Deliver, caplog: pytest.LogCaptureFixture) -> None:
    """What a record has told, and a shutdown without losses, says nothing."""
    exporter = Held()
    delivered = deliver(exporter, limits=SMALL)
    overflow(delivered, exporter, 8)
    exporter.gate.set()
    delivered.flush()
    assert delivered.flush()
    caplog.clear()
    delivered.shutdown()

    assert caplog.messages == []


def test_the_end_of_a_failure_is_told_at_info(
    http: Scripted, deliver: Deliver, caplog: pytest.LogCaptureFixture
) -> None:
    """Who was told that a collector takes nothing needs no second warning."""
    caplog.set_level(logging.INFO, "otel_ctxlog")
    http.usual = (401, {}, b"")
    delivered = deliver(http)
    delivered.log("no", SeverityNumber.ERROR)
    assert not delivered.flush()
    delivered.shutdown()

    said = [(record.levelno, record.getMessage()) for record in caplog.records]
    assert [level for level, _text in said] == [logging.ERROR, logging.INFO]
    assert said[1][1].endswith("were lost by the end, 1: 1 ERROR (rejected: 1)")


def test_a_shutdown_that_waits_for_nothing_complains_of_no_wait(
    http: Scripted, deliver: Deliver, caplog: pytest.LogCaptureFixture
) -> None:
    """What the collector has rejected at the end is said as that, and not as an answer that never came."""
    answer = ExportLogsServiceResponse()
    answer.partial_success.rejected_log_records = 1
    http.usual = answer.SerializeToString()
    delivered = deliver(http)
    delivered.log("one")
    delivered.log("two")
    delivered.shutdown()

    assert delivered.lost == {("rejected", "INFO"): 1}
    assert not [text for text in caplog.messages if "not delivered" in text]
    [said] = [text for text in caplog.messages if "lost by the end" in text]
    assert said.endswith("1: 1 INFO (rejected: 1)")


def test_the_limit_that_was_hit_is_named(deliver: Deliver, caplog: pytest.LogCaptureFixture) -> None:
    """Here the bytes."""
    exporter = Held()
    delivered = deliver(exporter, limits=Limits(bytes=20_000, delay=60))
    exporter.gate.clear()
    for _ in range(50):
        delivered.log("x" * 1000)
    exporter.gate.set()

    [said] = [record.getMessage() for record in caplog.records]
    assert "(OTEL_CTXLOG_QUEUE_BYTES is 20000)" in said


def test_a_record_larger_than_the_queue_costs_nobody_else(deliver: Deliver) -> None:
    """It is lost by itself, and the others stay."""
    exporter = Held()
    delivered = deliver(exporter, limits=Limits(bytes=20_000, delay=60))
    delivered.log("small")
    delivered.log("x" * 30_000, SeverityNumber.FATAL)

    assert delivered.flush()
    assert exporter.bodies[0] == "small"
    assert delivered.lost == {("too_large", "FATAL"): 1}


class Unspeakable:
    """A value of no kind that anybody encodes."""


def test_what_cannot_be_encoded_is_counted_and_costs_only_itself(
    http: Scripted, deliver: Deliver, caplog: pytest.LogCaptureFixture
) -> None:
    """The call does not raise, the others arrive, and one diagnostic says why."""
    delivered = deliver(http)
    delivered.log("before")
    for _ in range(3):
        delivered.provider.get_logger("t").emit(body=2**70, severity_number=SeverityNumber.ERROR)
    delivered.log("after")
    delivered.flush()

    assert http.taken[:2] == ["before", "after"]
    assert delivered.lost == {("unencodable", "ERROR"): 3}
    assert len([record for record in caplog.records if "cannot be sent" in record.getMessage()]) == 1


def test_what_comes_after_the_end_is_counted(deliver: Deliver) -> None:
    """A record emitted after `shutdown`."""
    exporter = Held()
    delivered = deliver(exporter)
    delivered.shutdown()
    delivered.log("late", SeverityNumber.WARN)

    assert exporter.bodies == []
    assert delivered.lost == {("shutdown", "WARN"): 1}


def test_calls_that_wait_for_room_at_the_end_are_counted(deliver: Deliver) -> None:
    """They come out of their wait after the queue was emptied for the last time: their records count as lost."""
    exporter = Held()
    delivered = deliver(exporter, limits=Limits(records=5, batch_records=5, delay=60, block=20))
    exporter.gate.clear()
    for _ in range(5):
        delivered.log("sent")
    assert exporter.called.wait(5)
    for _ in range(5):
        delivered.log("waits")
    waiting = [threading.Thread(target=delivered.log, args=("late",)) for _ in range(4)]
    for thread in waiting:
        thread.start()
    delivered.processor.stop()
    for thread in waiting:
        thread.join(5)
    exporter.gate.set()
    wait_until(lambda: delivered.processor.sent == 5)

    assert delivered.processor.waiting == 0
    assert delivered.lost == {("shutdown", "INFO"): 9}


class Raising:
    """A transport that breaks its promise to raise nothing, once."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.error: Exception | None = MemoryError("just now")

    def send(self, request: bytes, timeout: float) -> Answer:
        error, self.error = self.error, None
        if error is not None:
            raise error
        self.sent.append(request)
        return ACCEPTED

    def close(self) -> None:
        pass

    def start_in_child(self) -> None:
        pass


def test_a_transport_that_raises_loses_nothing(deliver: Deliver, caplog: pytest.LogCaptureFixture) -> None:
    """The batch is sent again, and the diagnostic says what was raised."""
    transport = Raising()
    delivered = deliver(transport)
    delivered.log("one")

    assert delivered.flush()
    assert len(transport.sent) == 1
    assert (delivered.processor.sent, delivered.lost) == (1, {})
    assert "cannot deliver logs to Raising: MemoryError: just now" in caplog.text


def values(reader: InMemoryMetricReader) -> dict[str, list[tuple[dict[str, Any], int | float]]]:
    """What was measured: by name, the attributes, but for those of the component, and the value."""
    data = reader.get_metrics_data()
    found: dict[str, list[tuple[dict[str, Any], int | float]]] = {}
    for resource in data.resource_metrics if data is not None else ():
        for scope in resource.scope_metrics:
            assert scope.scope.name == "otel_ctxlog.delivery"
            for metric in scope.metrics:
                for point in metric.data.data_points:
                    given: dict[str, Any] = dict(point.attributes or {})
                    assert given.pop("otel.component.type") == "otel_ctxlog.delivery.DeliveryProcessor"
                    assert given.pop("otel.component.name").startswith("otel_ctxlog.delivery.DeliveryProcessor/")
                    found.setdefault(metric.name, []).append((given, getattr(point, "value")))  # noqa: B009 - a union
    return found


def test_metrics_tell_everything(deliver: Deliver) -> None:
    """Sizes, capacities, what was sent and lost, by the names of the conventions where they have one."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    exporter = Held()
    delivered = deliver(exporter, limits=SMALL, meter_provider=provider)
    overflow(delivered, exporter, 3)
    during = values(reader)
    exporter.gate.set()
    delivered.flush()
    delivered.shutdown()
    delivered.log("late", SeverityNumber.ERROR)
    after = values(reader)
    provider.shutdown()

    assert during["otel.sdk.processor.log.queue.size"] == [({}, 10)]
    assert during["otel.sdk.processor.log.queue.capacity"] == [({}, 10)]
    assert during["otel_ctxlog.delivery.queue.bytes.capacity"] == [({}, SMALL.bytes)]
    assert 10 * 200 < during["otel_ctxlog.delivery.queue.bytes"][0][1] < 10 * 300
    assert during["otel.sdk.processor.log.processed"] == [({}, 0), ({"error.type": "queue_full"}, 3)]
    assert after["otel.sdk.processor.log.queue.size"] == [({}, 0)]
    assert after["otel_ctxlog.delivery.sent"] == [({}, 15)]
    assert after["otel.sdk.processor.log.processed"] == [
        ({}, 15),
        ({"error.type": "queue_full"}, 3),
        ({"error.type": "already_shutdown"}, 1),
    ]
    assert after["otel_ctxlog.delivery.lost"] == [
        ({"otel_ctxlog.lost.reason": "overflow", "otel_ctxlog.lost.severity": "DEBUG"}, 3),
        ({"otel_ctxlog.lost.reason": "shutdown", "otel_ctxlog.lost.severity": "ERROR"}, 1),
    ]


def test_metrics_count_attempts(http: Scripted, deliver: Deliver) -> None:
    """One that has to be repeated is one retry."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    http.script = [(503, {"Retry-After": "0"}, b"")] * 2
    delivered = deliver(http, meter_provider=provider)
    delivered.log("one")

    assert delivered.flush()
    assert values(reader)["otel_ctxlog.delivery.retries"] == [({}, 2)]
    provider.shutdown()


def test_processors_that_come_and_go_leave_one_set_of_instruments(
    deliver: Deliver, caplog: pytest.LogCaptureFixture
) -> None:
    """No warning about a second instrument of the same name, and no reading of a processor that is gone."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    for _ in range(3):
        delivered = deliver(Held(), meter_provider=provider)
        delivered.shutdown()
        del delivered
        deliver.made.clear()
    living = deliver(Held(), meter_provider=provider)
    living.log("one")
    gc.collect()

    assert len(values(reader)["otel.sdk.processor.log.queue.size"]) == 1
    assert caplog.records == []
    provider.shutdown()


def test_processors_that_are_made_meanwhile_keep_nobody_from_measuring() -> None:
    """Whoever collects while another thread makes processors stumbles over none of them."""
    first = DeliveryProcessor(Held(), meter_provider=NoOpMeterProvider())
    readings = first._readings
    instruments = _Instruments(NoOpMeterProvider())
    over = threading.Event()

    def make() -> None:
        while not over.is_set():
            kept = [copy.copy(readings) for _ in range(50)]
            for one in kept:
                instruments.observed.add(one)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread = threading.Thread(target=make)
    thread.start()
    try:
        for _ in range(300):
            list(instruments._lost(CallbackOptions()))
    finally:
        sys.setswitchinterval(interval)
        over.set()
        thread.join()
        first.shutdown()


def test_without_metrics_nothing_is_asked_for(deliver: Deliver) -> None:
    """Nobody's global meter provider is made by having a processor."""
    before = metrics.get_meter_provider()
    deliver(Held()).log("one")

    assert metrics.get_meter_provider() is before


def test_counts_are_exact_whoever_counts() -> None:
    """Eight threads lose at once, others look on meanwhile."""
    losses = Losses()

    def lose(number: int) -> None:
        for _ in range(2000):
            losses.add("overflow", (DEBUG, INFO, ERROR)[number % 3])
            if number == 0:
                losses.counts()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lose, range(8)))

    assert losses.total == 16_000
    assert losses.counts() == {("overflow", DEBUG): 6000, ("overflow", INFO): 6000, ("overflow", ERROR): 4000}
