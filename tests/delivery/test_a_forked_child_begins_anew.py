"""After a fork each process sends its own records, once, with threads, connections and counts of its own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from otel_ctxlog.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")

BOTH = pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])

QUEUED = """
import os, threading, warnings
import otel_ctxlog as cl

warnings.simplefilter("ignore", DeprecationWarning)
telemetry = cl.setup(service_name="shop", traces_exporter="none")
log = cl.log(cl.Realm("shop"))
if {connected}:
    log.info("connected")
    assert telemetry.flush()
for number in range(20):
    log.info("parent", number=number)
children = []
for child in range(3):
    pid = os.fork()
    if pid == 0:
        assert [t.name for t in threading.enumerate() if t.name.startswith("otel_ctxlog")] == []
        for number in range(20):
            log.info(f"child {{child}}", number=number)
        assert telemetry.flush(), "child"
        os._exit(0)
    children.append(pid)
log.info("parent", number=20)
for pid in children:
    assert os.waitpid(pid, 0)[1] == 0
assert telemetry.flush()
"""


@BOTH
@pytest.mark.parametrize("connected", [False, True])
def test_what_the_parent_has_queued_is_sent_once_and_by_the_parent(
    run_program: Callable[..., str], protocol: str, connected: bool
) -> None:
    """Three children of a parent with 20 records in its queue, connected to the collector or not yet."""
    with Receiver(http_port=0, grpc_port=0) as receiver:
        endpoint = receiver.grpc_endpoint if protocol == "grpc" else receiver.http_endpoint
        run_program(
            QUEUED.format(connected=connected),
            OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
            OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
            OTEL_BLRP_SCHEDULE_DELAY="30000",
        )
        records = receiver.wait_for(81 + connected)

    by_body: dict[object, list[object]] = {}
    for record in records:
        by_body.setdefault(record.body, []).append(record.attributes.get("number"))
    by_body.pop("connected", None)
    assert by_body == {"parent": list(range(21)), **{f"child {child}": list(range(20)) for child in range(3)}}


LOCKED = """
import logging, os, threading, time, warnings
import otel_ctxlog as cl

warnings.simplefilter("ignore", DeprecationWarning)
logging.getLogger("otel_ctxlog").setLevel(logging.CRITICAL)
telemetry = cl.setup(service_name="shop", protocol="http/protobuf", traces_exporter="none")
log = cl.log(cl.Realm("shop"))
stop = threading.Event()

def work():
    while not stop.is_set():
        log.info("busy")

threads = [threading.Thread(target=work, daemon=True) for _ in range(3)]
for thread in threads:
    thread.start()
for child in range(30):
    time.sleep(0.003)
    pid = os.fork()
    if pid == 0:
        log.warn("child", number=child)
        assert telemetry.flush(10), "child"
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
stop.set()
for thread in threads:
    thread.join()
telemetry.shutdown()
"""


@pytest.mark.slow
def test_a_fork_at_any_moment_leaves_no_lock_behind(run_program: Callable[..., str]) -> None:
    """30 forks while three threads log and the queue overflows: each child delivers its record."""
    with Receiver(http_port=0, grpc_port=None) as receiver:
        run_program(LOCKED, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.http_endpoint, OTEL_BLRP_MAX_QUEUE_SIZE="600")
        numbers = [record.attributes["number"] for record in receiver.records if record.body == "child"]

    assert sorted(map(str, numbers)) == sorted(map(str, range(30)))


COUNTED = """
import logging, os, threading, warnings
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.resources import Resource
from otel_ctxlog.delivery.limits import Limits
from otel_ctxlog.delivery.processor import DeliveryProcessor
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter

warnings.simplefilter("ignore", DeprecationWarning)
logging.getLogger("otel_ctxlog").setLevel(logging.CRITICAL)
processor = DeliveryProcessor(
    InMemoryLogRecordExporter(), limits=Limits(records=5, batch_records=5, delay=60)
)
provider = LoggerProvider(Resource({}), shutdown_on_exit=False)
provider.add_log_record_processor(processor)
logger = provider.get_logger("t")
# As long as no thread can be started, nothing leaves the queue.
start = threading.Thread.start
def refuse(thread): raise RuntimeError
threading.Thread.start = refuse
for number in range(8):
    logger.emit(body=str(number))
threading.Thread.start = start
assert sum(processor.lost.values()) == 3 and processor.waiting == 5
pid = os.fork()
if pid == 0:
    assert sum(processor.lost.values()) == 0 and processor.waiting == 0 and processor.sent == 0
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
assert sum(processor.lost.values()) == 3 and processor.waiting == 5
"""


def test_losses_and_queue_of_the_parent_are_not_the_childs(run_program: Callable[..., str]) -> None:
    """Nothing is counted twice."""
    run_program(COUNTED)


ENDING = """
import logging, os, threading, time, warnings
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.resources import Resource
from otel_ctxlog.delivery.answers import ACCEPTED
from otel_ctxlog.delivery.limits import Limits
from otel_ctxlog.delivery.processor import DeliveryProcessor

warnings.simplefilter("ignore", DeprecationWarning)
logging.getLogger("otel_ctxlog").setLevel(logging.CRITICAL)
class Holding:
    def __init__(self): self.called, self.gate = threading.Event(), threading.Event()
    def send(self, request, timeout):
        self.called.set()
        self.gate.wait(30)
        return ACCEPTED
    def close(self): pass
    def start_in_child(self): pass
transport = Holding()
processor = DeliveryProcessor(transport, limits=Limits(delay=60))
provider = LoggerProvider(Resource({}), shutdown_on_exit=False)
provider.add_log_record_processor(processor)
provider.get_logger("t").emit(body="one")
ending = threading.Thread(target=processor.shutdown, args=(30_000,))
ending.start()
assert transport.called.wait(20)
pid = os.fork()
if pid == 0:
    provider.get_logger("t").emit(body="late")
    begin = time.monotonic()
    processor.shutdown(30_000)
    os._exit(0 if time.monotonic() - begin < 10 and sum(processor.lost.values()) == 1 else 1)
assert os.waitpid(pid, 0)[1] == 0
transport.gate.set()
ending.join()
assert processor.sent == 1 and not processor.lost
"""


def test_a_fork_in_the_middle_of_a_shutdown_leaves_no_child_that_waits(run_program: Callable[..., str]) -> None:
    """Who was ending it is not in the child: there it has ended, and its own `shutdown` returns at once."""
    run_program(ENDING)
