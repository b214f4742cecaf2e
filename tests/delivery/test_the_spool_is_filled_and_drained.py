"""With a spool, events are on disk before the call returns, and leave it when the collector has them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from opentelemetry._logs import SeverityNumber

import otel_ctxlog as cl
from otel_ctxlog.delivery.limits import Limits
from otel_ctxlog.delivery.spool import Spool
from otel_ctxlog.delivery.uid import new_uid
from otel_ctxlog.receiver import Receiver
from tests.delivery.collectors import Held, wait_until
from tests.delivery.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.delivery.collectors import Deliver, Scripted


def uids(collector: Scripted) -> dict[str, list[str]]:
    """The ids of the records in all requests, by body."""
    found: dict[str, list[str]] = {}
    for request in collector.requests:
        for record in (r for rl in request.resource_logs for sl in rl.scope_logs for r in sl.log_records):
            ids = [each.value.string_value for each in record.attributes if each.key == "log.record.uid"]
            found.setdefault(record.body.string_value, []).extend(ids)
    return found


def test_events_are_on_disk_and_others_in_memory(http: Scripted, deliver: Deliver, tmp_path: Path) -> None:
    """By the event's name, by the attribute ``eventType``, and by severity, if that was asked for."""
    http.usual = (503, {"Retry-After": "3600"}, b"")
    spool = Spool(tmp_path)
    delivered = deliver(http, spool=spool, spool_severity=SeverityNumber.ERROR)
    delivered.log("event", event_name="placed")
    delivered.log("marked", attributes={"eventType": "placed"})
    delivered.log("error", SeverityNumber.ERROR)
    delivered.log("fatal", SeverityNumber.FATAL)
    assert spool.pending()[0] == 4
    delivered.log("warning", SeverityNumber.WARN)

    assert spool.pending()[0] == 4
    assert delivered.processor.waiting <= 1


def test_it_is_drained_together_with_the_queue(collector: Scripted, deliver: Deliver, tmp_path: Path) -> None:
    """Everything arrives, each durable record with an id of its own, and then the disk is empty."""
    spool = Spool(tmp_path)
    delivered = deliver(collector, spool=spool)
    for number in range(700):
        delivered.log(f"event {number}", event_name="placed")
        delivered.log(f"line {number}")

    assert delivered.flush()
    ids = uids(collector)
    events = [body for body in collector.taken if body.startswith("event")]
    assert events == [f"event {number}" for number in range(700)]
    assert sorted(set(collector.taken)) == sorted(ids)
    assert len(collector.taken) == 1400
    assert len({uid for body in events for uid in ids[body]}) == 700
    assert all(ids[f"line {number}"] == [] for number in range(700))
    assert spool.pending()[0] == 0


def test_an_id_that_a_record_has_stays(http: Scripted, deliver: Deliver, tmp_path: Path) -> None:
    """Whoever gives one knows why."""
    delivered = deliver(http, spool=Spool(tmp_path))
    delivered.log("event", event_name="placed", attributes={"log.record.uid": "mine"})

    assert delivered.flush()
    assert uids(http) == {"event": ["mine"]}


def test_ids_are_ulids() -> None:
    """26 digits of Crockford's alphabet, which sort by time."""
    first = new_uid()
    time.sleep(0.002)
    second = new_uid()

    assert len(first) == 26
    assert set(first) <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
    assert first < second
    assert first[0] <= "7"


@pytest.mark.parametrize("answer", [(401, {}, b""), (403, {}, b""), (404, {}, b""), (503, {}, b"")])
def test_what_the_address_or_the_credentials_are_to_blame_for_stays_on_disk(
    http: Scripted, deliver: Deliver, tmp_path: Path, answer: Any
) -> None:
    """A durable record is not lost by a wrong password: it is sent when the password is right."""
    spool = Spool(tmp_path)
    http.usual = answer
    delivered = deliver(http, spool=spool, limits=Limits(timeout=0.5, delay=60))
    delivered.log("event", event_name="placed")
    assert not delivered.flush()
    assert spool.pending()[0] == 1
    http.usual = b""

    assert delivered.flush()
    assert http.taken == ["event"]
    assert delivered.lost == {}


def test_what_is_refused_for_good_leaves_the_disk_and_is_counted(
    http: Scripted, deliver: Deliver, tmp_path: Path
) -> None:
    """It would be refused for ever, and keep all others from their turn; the kinds are read from the bytes."""
    spool = Spool(tmp_path)
    http.judge = lambda records: (400, {}, b"") if "bad" in records or "error" in records else None
    delivered = deliver(http, spool=spool, spool_severity=SeverityNumber.ERROR)
    for body in ("bad", "error"):
        delivered.log(body, SeverityNumber.ERROR, event_name="placed" if body == "bad" else None)
        assert not delivered.flush()
    delivered.log("good", event_name="placed")

    assert delivered.flush()
    assert spool.pending()[0] == 0
    assert delivered.lost == {("rejected", "EVENT"): 1, ("rejected", "ERROR"): 1}


def test_a_spool_that_refuses_leaves_the_record_to_the_queue(
    http: Scripted, deliver: Deliver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A directory that cannot be one: the record arrives all the same, with one diagnostic of ours."""
    (tmp_path / "file").write_text("in the way")
    delivered = deliver(http, spool=Spool(tmp_path / "file"))
    for number in range(3):
        delivered.log(f"{number}", event_name="placed")

    assert delivered.flush()
    assert http.taken == ["0", "1", "2"]
    assert len([r for r in caplog.records if "the spool does not take log records" in r.getMessage()]) == 1


def test_what_a_full_spool_removes_is_lost_and_told(http: Scripted, deliver: Deliver, tmp_path: Path) -> None:
    """Every event either arrives or is counted, and a record tells how many did not."""
    http.usual = (503, {}, b"")
    delivered = deliver(http, spool=Spool(tmp_path, max_bytes=1 << 20))
    for number in range(3_000):
        delivered.log(f"{number} {'x' * 1000}", event_name="placed")
    http.usual = b""
    wait_until(lambda: delivered.flush() and "records lost" in http.taken)

    [(reason, count)] = delivered.lost.items()
    arrived = [body for body in http.taken if body != "records lost"]
    assert reason == ("spool_full", "UNKNOWN")
    assert count > 1_000
    assert len(set(arrived)) == 3_000 - count
    assert http.taken.count("records lost") >= 1


def test_what_is_on_disk_at_the_end_is_no_loss(http: Scripted, deliver: Deliver, tmp_path: Path) -> None:
    """The next processor sends it, without a record of its own."""
    http.usual = (503, {}, b"")
    delivered = deliver(http, spool=Spool(tmp_path), limits=Limits(timeout=0.2, delay=60))
    delivered.log("event", event_name="placed")
    delivered.shutdown(0.3)
    assert delivered.lost == {}
    http.usual = b""
    deliver(http, spool=Spool(tmp_path), limits=Limits(delay=0.05))
    wait_until(lambda: http.taken)

    assert http.taken == ["event"]


def test_a_batch_that_is_too_large_is_split_and_accepted_as_a_whole(
    http: Scripted, deliver: Deliver, tmp_path: Path
) -> None:
    """Each record once, in order."""
    spool = Spool(tmp_path)
    http.judge = lambda records: (413, {}, b"") if len(records) > 10 else None
    delivered = deliver(http, spool=spool)
    for number in range(50):
        delivered.log(f"{number}", event_name="placed")

    assert delivered.flush()
    assert http.taken == [f"{number}" for number in range(50)]
    assert spool.pending()[0] == 0


@pytest.mark.parametrize("refused", [False, True])
def test_parts_that_are_done_are_not_sent_with_the_rest_again(
    http: Scripted, deliver: Deliver, tmp_path: Path, refused: bool
) -> None:
    """Of a batch that was split, what was taken or refused for good is neither repeated nor counted twice."""
    later: list[Any] = [(503, {"Retry-After": "0"}, b"")] * 3

    def judge(records: list[str]) -> Any:
        if len(records) > 2:
            return (413, {}, b"")
        if "0" in records:
            return (400, {}, b"") if refused else None
        return later.pop() if later and "2" in records else None

    http.judge = judge
    delivered = deliver(http, spool=Spool(tmp_path))
    for number in range(4):
        delivered.log(f"{number}", event_name="placed")
    assert delivered.flush() is not refused

    assert http.batches[:6] == [["0", "1", "2", "3"], ["0", "1"], *[["2", "3"]] * 4]
    assert [body for body in http.taken if body != "records lost"] == (["2", "3"] if refused else ["0", "1", "2", "3"])
    assert delivered.processor.sent == (2 if refused else 4)
    assert delivered.lost == ({("rejected", "EVENT"): 2} if refused else {})


@pytest.mark.parametrize("records", [1, 3])
def test_a_busy_collector_costs_nothing_that_is_on_disk(
    rpc: Scripted, deliver: Deliver, tmp_path: Path, records: int
) -> None:
    """One record alone, or several: they stay until the collector has the resources."""
    rpc.usual = (grpc.StatusCode.RESOURCE_EXHAUSTED, "busy", ())
    spool = Spool(tmp_path)
    delivered = deliver(rpc, spool=spool, limits=Limits(timeout=0.5, delay=60))
    for number in range(records):
        delivered.log(f"{number}", event_name="placed")
    assert not delivered.flush()
    assert spool.pending()[0] == records
    rpc.usual = b""

    assert delivered.flush()
    assert rpc.taken == [f"{number}" for number in range(records)]
    assert delivered.lost == {}


def test_what_cannot_be_read_is_not_looked_for_all_the_time(
    http: Scripted, deliver: Deliver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flush that waits for a segment that somebody has cut off looks a few times, and not thousands of times."""
    spool = Spool(tmp_path)
    delivered = deliver(http, spool=spool)
    for number in range(4):
        delivered.log(f"{number}", event_name="placed")
    [segment] = tmp_path.rglob("*.segment")
    os.truncate(segment, 300)
    read, looks = spool.read, 0

    def counting(max_records: int, max_bytes: int) -> Any:
        nonlocal looks
        looks += 1
        return read(max_records, max_bytes)

    monkeypatch.setattr(spool, "read", counting)
    assert not delivered.flush(1.2)
    assert 1 <= looks < 20


def test_an_exporter_has_no_use_for_a_spool(deliver: Deliver, tmp_path: Path) -> None:
    """It takes records, and not bytes: said at once."""
    with pytest.raises(ValueError, match="a spool keeps encoded records, which Held does not take: use OTLP"):
        deliver(Held(), spool=Spool(tmp_path))


KILLED = """
import os, signal, sys
import otel_ctxlog as cl

telemetry = cl.setup(service_name="shop", exporter="otlp", traces_exporter="none", spool=sys.argv[1])
for number in range(100):
    telemetry.eventer.event("orderPlaced", number=number)
print("written", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal on this system")
def test_setup_sends_what_a_killed_process_has_left(tmp_path: Path) -> None:
    """100 events, no collector, SIGKILL: the next process with that directory delivers all of them."""
    program = tmp_path / "program.py"
    program.write_text(KILLED)
    spool = tmp_path / "spool"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    ran = subprocess.run(
        [sys.executable, str(program), str(spool)], env=environment, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (-signal.SIGKILL, "written\n")
    with (
        Receiver(http_port=None, grpc_port=0) as receiver,
        cl.setup(endpoint=receiver.grpc_endpoint, traces_exporter="none", spool=spool, set_global=False) as telemetry,
    ):
        records = receiver.wait_for(100)
        assert telemetry.flush()

    assert [record.attributes["number"] for record in records] == list(range(100))
    assert len({str(record.attributes["log.record.uid"]) for record in records}) == 100
    assert {record.service_name for record in records} == {"shop"}


def test_the_variable_names_the_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``OTEL_CTXLOG_SPOOL``, and a level that makes other records durable."""
    monkeypatch.setenv("OTEL_CTXLOG_SPOOL", str(tmp_path / "spool"))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    with cl.setup(traces_exporter="none", spool_severity="warn", set_global=False) as telemetry:
        telemetry.logging.logger().warn("durable")
        telemetry.logging.logger().info("not")
        telemetry.eventer.event("durable")
        telemetry.shutdown(0.3)
    spool = Spool(tmp_path / "spool")

    batch = spool.read(10, 10_000)
    assert batch is not None
    assert len(batch.records) == 2
    spool.close()


@pytest.mark.parametrize(
    ("arguments", "error", "expected"),
    [
        ({"spool": 5}, TypeError, "argument 'spool' is 5, allowed: a path or a Spool"),
        ({"spool": ""}, ValueError, "argument 'spool' is '', allowed: the path of a directory"),
        ({"spool_severity": "error"}, ValueError, "argument 'spool_severity' needs a spool"),
        ({"spool": "x", "spool_severity": "eror"}, ValueError, "did you mean 'Error'"),
        ({"spool": "x", "spool_severity": 0}, ValueError, "argument 'spool_severity' is 0, allowed: a level above"),
        (
            {"spool": "x", "exporter": "memory"},
            ValueError,
            "a spool is for exporter 'otlp' of setup(), but argument 'ex",
        ),
        ({"spool": __file__}, ValueError, "test_the_spool_is_filled_and_drained.py', which is no directory, allowed: "),
    ],
)
def test_a_wrong_argument_is_named(
    arguments: dict[str, Any], error: type[Exception], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is left behind."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error) as caught:
        cl.setup(set_global=False, **arguments)

    assert expected in str(caught.value)
    assert list(tmp_path.iterdir()) == []
