"""What a collector answers decides: taken, tried again and when, made smaller, or lost and counted."""

from __future__ import annotations

import logging
import time
from email.utils import formatdate
from typing import TYPE_CHECKING

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped] # it has no types
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped] # as above
from opentelemetry._logs import SeverityNumber
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from otel_ctxlog.delivery.backoff import Backoff
from otel_ctxlog.delivery.limits import Limits
from tests.delivery.collectors import transport_to, wait_until

if TYPE_CHECKING:
    from tests.delivery.collectors import Answer, Deliver, Scripted

EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED


def partial(rejected: int, message: str) -> bytes:
    """The answer that some records were not taken."""
    response = ExportLogsServiceResponse()
    response.partial_success.rejected_log_records = rejected
    response.partial_success.error_message = message
    return response.SerializeToString()


def retry_info(seconds: float) -> bytes:
    """A wish to be left alone, as gRPC transports it."""
    info = RetryInfo()
    info.retry_delay.FromNanoseconds(int(seconds * 1e9))
    detail = AnyMessage()
    detail.Pack(info)
    return bytes(Status(code=8, details=[detail]).SerializeToString())


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_http_answers_that_mean_later(http: Scripted, deliver: Deliver, status: int) -> None:
    """The same records come again, after the pause that was asked for."""
    http.script = [(status, {"Retry-After": "0"}, b"")]
    delivered = deliver(http)
    delivered.log("one")

    assert delivered.flush()
    assert http.batches == [["one"], ["one"]]
    assert (delivered.lost, delivered.processor.sent) == ({}, 1)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 408, 422, 500, 501])
def test_http_answers_that_mean_never(http: Scripted, deliver: Deliver, status: int) -> None:
    """As the specification says, the records are not sent again; they are counted."""
    http.script = [(status, {}, b"no")]
    delivered = deliver(http)
    delivered.log("one", SeverityNumber.WARN)
    assert not delivered.flush()
    delivered.log("two")

    assert delivered.flush()
    assert [batch for batch in http.batches if "records lost" not in batch] == [["one"], ["two"]]
    assert delivered.lost == {("rejected", "WARN"): 1}


LATER = ["CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS", "RESOURCE_EXHAUSTED"]


@pytest.mark.parametrize("name", LATER)
@pytest.mark.parametrize("key", ["grpc-status-details-bin", "google.rpc.retryinfo-bin"])
def test_grpc_answers_that_mean_later(rpc: Scripted, deliver: Deliver, name: str, key: str) -> None:
    """With a pause in the trailing metadata, wherever the server puts it, RESOURCE_EXHAUSTED is one of them."""
    info = retry_info(0.05)
    if key == "google.rpc.retryinfo-bin":
        info = Status.FromString(info).details[0].value
    rpc.script = [(grpc.StatusCode[name], "later", ((key, info),))]
    delivered = deliver(rpc)
    delivered.log("one")

    assert delivered.flush()
    # Without the wish it would be 0.8 at least.
    assert rpc.times[1] - rpc.times[0] >= 0.04
    assert rpc.batches == [["one"], ["one"]]


@pytest.mark.parametrize(
    "name", ["INVALID_ARGUMENT", "NOT_FOUND", "PERMISSION_DENIED", "UNAUTHENTICATED", "UNIMPLEMENTED", "INTERNAL"]
)
def test_grpc_answers_that_mean_never(rpc: Scripted, deliver: Deliver, name: str) -> None:
    """They are counted, and nothing is repeated."""
    rpc.script = [(grpc.StatusCode[name], "no", ())]
    delivered = deliver(rpc)
    delivered.log("one", SeverityNumber.ERROR)

    assert not delivered.flush()
    assert rpc.batches == [["one"]]
    assert delivered.lost == {("rejected", "ERROR"): 1}


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured(http: Scripted, deliver: Deliver, form: str) -> None:
    """As a number of seconds, and as a date; who flushes does not make it shorter."""
    wanted = "1" if form == "seconds" else formatdate(time.time() + 2, usegmt=True)
    http.script = [(429, {"Retry-After": wanted}, b"")]
    delivered = deliver(http)
    delivered.log("one")

    assert not delivered.flush(0.3)
    assert delivered.flush()
    assert http.times[1] - http.times[0] >= 0.95


@pytest.mark.parametrize("header", ["soon", "-5", "1e400", "", "99999999999999999999", "Fri, 99 Foo 2099 00:00:00 GMT"])
def test_a_strange_retry_after_breaks_nothing(http: Scripted, deliver: Deliver, header: str) -> None:
    """What is no number and no date is no wish; one for all eternity is not waited for by who flushes."""
    http.script = [(503, {"Retry-After": header}, b"")]
    delivered = deliver(http)
    delivered.log("one")

    assert delivered.flush(3) is (header != "99999999999999999999")


def test_pauses_double_and_vary() -> None:
    """1 s, 2 s, 4 s up to 30 s, a fifth more or less; what the receiver asks for counts as it is; then anew."""
    backoff = Backoff()
    pauses = [backoff.failed(None) for _ in range(12)]
    wanted = [1, 2, 4, 8, 16] + [30] * 7

    assert all(0.8 * base <= pause <= 1.2 * base for pause, base in zip(pauses, wanted, strict=True))
    assert len({pause / base for pause, base in zip(pauses, wanted, strict=True)}) > 6
    assert backoff.failed(2.5) == 2.5
    assert backoff.failed(1e9) == 3600
    backoff.worked()
    assert backoff.failed(None) <= 1.2


def test_a_receiver_that_always_says_at_once_is_not_asked_all_the_time() -> None:
    """``Retry-After: 0`` from one that is down: soon at first, then with pauses that grow to a third of a second."""
    backoff = Backoff()
    pauses = [backoff.failed(0.0) for _ in range(12)]

    assert pauses[0] < 0.02
    assert all(0.2 < pause < 0.4 for pause in pauses[5:])


def test_what_was_not_taken_of_a_batch_is_counted_and_said_once(
    collector: Scripted, deliver: Deliver, caplog: pytest.LogCaptureFixture
) -> None:
    """Partial success: nothing is sent again, the number is exact, the message is one warning."""
    answers = {"0 0": partial(2, "no room for you"), "1 0": partial(1, "still none")}
    collector.judge = lambda records: answers.get(records[0])
    delivered = deliver(collector)
    for round_ in range(2):
        for number in range(5):
            delivered.log(f"{round_} {number}")
        assert not delivered.flush()

    assert delivered.lost == {("rejected", "INFO"): 3}
    assert delivered.processor.sent == 7
    [said] = [record for record in caplog.records if record.name == "otel_ctxlog"]
    assert said.levelno == logging.WARNING
    assert "rejects 2 logs of a batch: no room for you" in said.getMessage()


def test_a_rejected_part_of_a_mixed_batch_has_no_known_severity(http: Scripted, deliver: Deliver) -> None:
    """The receiver says how many, and not which."""
    http.script = [partial(1, "")]
    delivered = deliver(http)
    delivered.log("one", SeverityNumber.ERROR)
    delivered.log("two", SeverityNumber.DEBUG)

    assert not delivered.flush()
    assert delivered.lost == {("rejected", "UNKNOWN"): 1}


def test_a_warning_of_the_receiver_is_passed_on(
    http: Scripted, deliver: Deliver, caplog: pytest.LogCaptureFixture
) -> None:
    """A message without rejected records loses nothing."""
    http.script = [partial(0, "this path is deprecated")]
    delivered = deliver(http)
    delivered.log("one")

    assert delivered.flush()
    assert delivered.lost == {}
    assert "takes logs with a warning: this path is deprecated" in caplog.text


def test_nonsense_in_a_good_answer_is_ignored(http: Scripted, deliver: Deliver) -> None:
    """Whatever a proxy writes under 200."""
    http.usual = b"<html>fine</html>"
    delivered = deliver(http)
    delivered.log("one")

    assert delivered.flush()


TOO_LARGE: list[tuple[str, Answer]] = [
    ("http", (413, {}, b"")),
    ("rpc", (EXHAUSTED, "Received message larger than max (5000025 vs. 4194304)", ())),
    ("rpc", (EXHAUSTED, "quota", ())),
]


@pytest.mark.parametrize(("fixture", "answer"), TOO_LARGE)
def test_batches_that_are_too_large_are_split(
    request: pytest.FixtureRequest, deliver: Deliver, fixture: str, answer: Answer
) -> None:
    """A receiver that takes 20 records at most gets 100 of them, in order, each once."""
    collector: Scripted = request.getfixturevalue(fixture)
    collector.judge = lambda records: answer if len(records) > 20 else None
    delivered = deliver(collector)
    for number in range(100):
        delivered.log(f"{number}")

    assert delivered.flush()
    assert collector.taken == [f"{number}" for number in range(100)]
    assert delivered.lost == {}


@pytest.mark.parametrize(("fixture", "answer"), TOO_LARGE[:2])
def test_a_record_that_is_too_large_alone_costs_only_itself(
    request: pytest.FixtureRequest, deliver: Deliver, fixture: str, answer: Answer
) -> None:
    """It is split off, and counted."""
    collector: Scripted = request.getfixturevalue(fixture)
    collector.judge = lambda records: answer if any(len(record) > 1000 for record in records) else None
    delivered = deliver(collector)
    for number in range(16):
        delivered.log("x" * 2000 if number == 5 else f"{number}")

    assert not delivered.flush()
    assert [body for body in collector.taken if body != "records lost"] == [f"{n}" for n in range(16) if n != 5]
    assert delivered.lost == {("too_large", "INFO"): 1}


def test_a_busy_receiver_is_not_asked_for_each_record(rpc: Scripted, deliver: Deliver) -> None:
    """One that refuses everything for lack of resources gets at most 15 requests for a batch."""
    rpc.usual = (EXHAUSTED, "no", ())
    delivered = deliver(rpc)
    for number in range(200):
        delivered.log(f"{number}")

    assert not delivered.flush()
    assert len(rpc.bodies) <= 15
    assert delivered.lost == {("rejected", "INFO"): 200}


def test_what_a_receiver_has_found_too_large_is_remembered(http: Scripted, deliver: Deliver) -> None:
    """The next batches are small from the beginning."""
    http.judge = lambda _records: (413, {}, b"") if len(http.bodies[-1]) > 300_000 else None
    delivered = deliver(http)
    refused: list[int] = []
    for round_ in range(3):
        for number in range(100):
            delivered.log(f"{round_} {number} {'x' * 5000}")
        assert delivered.flush()
        refused.append(sum(len(body) > 300_000 for body in http.bodies))

    assert refused[0] == refused[2] > 0
    assert len(http.taken) == 300


def test_a_batch_in_vain_leaves_room_for_what_is_more_important(http: Scripted, deliver: Deliver) -> None:
    """While the receiver refuses, errors push out what waits for its next attempt."""
    http.usual = (503, {"Retry-After": "3600"}, b"")
    delivered = deliver(http, limits=Limits(records=10, batch_records=10, delay=0.05))
    for number in range(10):
        delivered.log(f"info {number}")
    wait_until(lambda: http.bodies)
    for number in range(8):
        delivered.log(f"error {number}", SeverityNumber.ERROR)
    wait_until(lambda: sum(delivered.lost.values()) == 8)

    assert delivered.lost == {("overflow", "INFO"): 8}
    assert delivered.processor.waiting == 10


@pytest.mark.parametrize("compression", ["gzip", "deflate"])
def test_compressed_requests_are_smaller(http: Scripted, deliver: Deliver, compression: str) -> None:
    """And say so."""
    delivered = deliver(transport_to(http.endpoint, compression=compression))
    delivered.log("one" * 1000)

    assert delivered.flush()
    assert http.headers[0]["content-encoding"] == compression
    assert http.batches == [["one" * 1000]]
    assert len(http.bodies[0]) < 1000
