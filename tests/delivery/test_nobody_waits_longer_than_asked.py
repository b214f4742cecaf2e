"""Flushes and the end keep their deadlines, from every thread, in signal handlers, and leave no thread behind."""

from __future__ import annotations

import gc
import logging
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk._logs.export import LogRecordExportResult

from otel_ctxlog.delivery.answers import ACCEPTED, Answer
from otel_ctxlog.delivery.limits import Limits
from tests.delivery.collectors import Held, transport_to, wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk._logs import ReadableLogRecord

    from tests.delivery.collectors import Deliver, Scripted

# These tests take the signal that pytest-timeout waits for by default, and a late one would be taken for its own.
pytestmark = pytest.mark.timeout(120, method="thread")

NAME = "otel_ctxlog delivery"
DESCRIPTORS = Path("/proc/self/fd")
# On a machine that is busy with something else; who waits for what he should not wait for takes longer still.
PROMPT = 5.0


def threads() -> int:
    """How many threads of ours there are."""
    return sum(thread.name == NAME for thread in threading.enumerate())


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    begun = time.monotonic()
    call()
    return time.monotonic() - begun


def test_there_is_no_thread_before_the_first_record(deliver: Deliver) -> None:
    """Made, flushed and shut down without a record, a processor has none; the first record makes one daemon."""
    delivered = deliver(Held())
    assert delivered.flush()
    assert threads() == 0

    delivered.log("one")
    [thread] = [thread for thread in threading.enumerate() if thread.name == NAME]
    assert thread.daemon
    delivered.shutdown()
    thread.join(2)
    assert not thread.is_alive()


def test_a_flush_with_a_held_exporter_ends_at_its_timeout(deliver: Deliver) -> None:
    """And so does the next, and the end; what was under way arrives all the same when it can."""
    exporter = Held()
    exporter.gate.clear()
    delivered = deliver(exporter)
    delivered.log("one")

    assert 0.19 < seconds(lambda: delivered.flush(0.2)) < PROMPT
    assert seconds(lambda: delivered.flush(0)) < PROMPT
    assert 0.25 < seconds(lambda: delivered.shutdown(0.3)) < PROMPT
    assert not delivered.flush(1)
    exporter.gate.set()
    wait_until(lambda: exporter.bodies == ["one"])
    wait_until(lambda: threads() == 0)


@pytest.mark.parametrize("protocol", ["http", "rpc"])
def test_a_collector_that_hangs(request: pytest.FixtureRequest, deliver: Deliver, protocol: str) -> None:
    """It takes the request, and answers nothing."""
    collector: Scripted = request.getfixturevalue(protocol)
    collector.answers.clear()
    delivered = deliver(collector, limits=Limits(timeout=15, delay=60))
    delivered.log("one")

    assert seconds(lambda: delivered.flush(0.2)) < PROMPT
    assert seconds(lambda: delivered.shutdown(0.3)) < PROMPT
    collector.answers.set()
    wait_until(lambda: threads() == 0)


def test_a_collector_that_never_answers_a_connection(deliver: Deliver) -> None:
    """The attempt itself ends, too, and leaves no thread."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        delivered = deliver(
            transport_to(f"http://127.0.0.1:{silent.getsockname()[1]}/v1/logs"), limits=Limits(timeout=0.5, delay=60)
        )
        delivered.log("one")
        assert 0.4 < seconds(lambda: delivered.flush(20)) < PROMPT
        assert seconds(lambda: delivered.shutdown(0.2)) < PROMPT
        wait_until(lambda: threads() == 0)

    assert delivered.lost == {("shutdown", "INFO"): 1}


def test_what_waits_is_sent_at_the_end(http: Scripted, deliver: Deliver) -> None:
    """Many batches, within the deadline, in order; the pause of a failed attempt is not waited for."""
    http.script = [(503, {}, b"")]
    delivered = deliver(http, limits=Limits(records=5000, delay=0.05))
    delivered.log("0")
    wait_until(lambda: http.bodies)
    for number in range(1, 3000):
        delivered.log(f"{number}")

    assert seconds(lambda: delivered.shutdown(20)) < 10
    assert http.taken == [f"{number}" for number in range(3000)]
    assert delivered.lost == {}


def test_the_end_tries_again_until_its_deadline(http: Scripted, deliver: Deliver) -> None:
    """A collector that comes back in time gets everything."""
    delivered = deliver(http)
    delivered.log("zero")
    assert delivered.flush()
    http.usual = (503, {}, b"")
    delivered.log("one")
    timer = threading.Timer(0.7, lambda: setattr(http, "usual", b""))
    timer.start()

    assert seconds(lambda: delivered.shutdown(20)) < 10
    timer.join()
    assert http.taken == ["zero", "one"]
    assert delivered.lost == {}


def test_a_flush_waits_for_what_was_there_and_not_for_what_comes(deliver: Deliver) -> None:
    """While another thread goes on logging, it ends."""
    exporter = Held(0.01)
    delivered = deliver(exporter, limits=Limits(batch_records=10, delay=0.01))
    stop = threading.Event()

    def log() -> None:
        while not stop.is_set():
            delivered.log("more")
            time.sleep(0.0005)

    thread = threading.Thread(target=log)
    thread.start()
    time.sleep(0.05)
    delivered.log("mine")
    try:
        assert delivered.flush(5)
        assert "mine" in exporter.bodies
    finally:
        stop.set()
        thread.join()


def test_many_flushes_at_once(deliver: Deliver) -> None:
    """From many threads, each is answered."""
    exporter = Held(0.005)
    delivered = deliver(exporter)

    def work(number: int) -> bool:
        delivered.log(f"{number}")
        return delivered.flush() and f"{number}" in exporter.bodies

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(work, range(200)))


class Reentrant(Held):
    """An exporter that calls its own processor."""

    def __init__(self) -> None:
        super().__init__()
        self.call: Callable[[], object] = lambda: None
        self.results: list[object] = []

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        self.results.append(self.call())
        return super().export(batch)


def test_an_exporter_that_flushes_or_logs_does_not_wait_for_itself(deliver: Deliver) -> None:
    """In the thread that sends, a flush says False at once, and a record waits for the next batch."""
    exporter = Reentrant()
    delivered = deliver(exporter)
    exporter.call = lambda: delivered.flush(15)
    delivered.log("one")
    assert seconds(lambda: delivered.flush(15)) < PROMPT
    exporter.call = lambda: delivered.log("from inside") if len(exporter.batches) < 3 else None
    delivered.log("two")
    assert delivered.flush(5)
    exporter.call = lambda: delivered.shutdown(15)
    delivered.log("three")

    assert seconds(lambda: delivered.flush(15)) < PROMPT
    assert exporter.results[0] is False
    assert exporter.bodies[:2] == ["one", "two"]
    assert "from inside" in exporter.bodies


class Instant:
    """A transport that takes everything at once."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def send(self, request: bytes, timeout: float) -> Answer:
        self.sizes.append(len(request))
        return ACCEPTED

    def close(self) -> None:
        pass

    def start_in_child(self) -> None:
        pass


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers on this system")
@pytest.mark.parametrize("full", [False, True])
def test_signal_handlers_may_log_and_flush_anywhere(deliver: Deliver, full: bool) -> None:
    """Thousands of signals into a thread that logs: no deadlock, no record lost that was not counted."""
    limits = Limits(records=20, batch_records=20, delay=60) if full else Limits(records=100_000, delay=0.001)
    delivered = deliver(Instant(), limits=limits)
    handled = 0

    def handle(_signal: int, _frame: Any) -> None:
        nonlocal handled
        handled += 1
        delivered.log("handler")
        if handled % 20 == 0:
            delivered.flush(0.05)
        signal.setitimer(signal.ITIMER_REAL, 0.0004)

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.0004)
    logged = 0
    try:
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            delivered.log("main")
            logged += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    delivered.flush(10)

    assert handled > 20
    counted = delivered.processor.sent + sum(delivered.lost.values()) + delivered.processor.waiting
    assert counted == logged + handled
    assert full or delivered.lost == {}


class InterruptedCallError(BaseException):
    """What a handler raises, as Python's own does for Ctrl-C."""


# There the exception leaves a `with` without the lock being given back.
@pytest.mark.skipif(sys.version_info[:3] == (3, 13, 0), reason="Python 3.13.0 loses exceptions at the end of a loop")
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers on this system")
def test_an_exception_of_a_signal_handler_leaves_everything_in_order(
    deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A KeyboardInterrupt between any two instructions of a call: the next calls work, and the queue stays bounded."""
    # In the midst of `logging` it would leave the lock of a handler locked, for all tests to come.
    monkeypatch.setattr(logging.getLogger("otel_ctxlog"), "disabled", True)
    delivered = deliver(Instant(), limits=Limits(records=50, batch_records=50, delay=60))

    armed = False
    interrupted = 0

    def interrupt(_signal: int, _frame: Any) -> None:
        nonlocal armed
        if armed:
            armed = False
            raise InterruptedCallError

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0007)
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        try:
            armed = True
            delivered.log("main")
            armed = False
        except InterruptedCallError:
            interrupted += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)

    assert interrupted > 10
    assert delivered.processor.waiting <= 50
    delivered.log("after")
    delivered.flush(5)
    assert delivered.processor.waiting == 0


def test_finalizers_may_log_anywhere(deliver: Deliver) -> None:
    """An object that logs when it is collected, also in the thread that sends."""
    delivered = deliver(Instant(), limits=Limits(records=100_000, delay=0.001))
    logged = 0

    class Logs:
        def __del__(self) -> None:
            nonlocal logged
            logged += 1
            delivered.log("collected")

    threshold = gc.get_threshold()
    gc.set_threshold(5)
    try:
        for _ in range(3000):
            garbage: list[object] = [Logs()]
            garbage.append(garbage)
            garbage = []
            delivered.log("main")
    finally:
        gc.set_threshold(*threshold)
    gc.collect()

    assert delivered.flush(10)
    assert logged == 3000
    assert delivered.processor.sent == 6000


def test_where_no_thread_starts_the_flush_sends(deliver: Deliver, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the last moments of an interpreter: whoever flushes or shuts down does it."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    exporter = Held()
    delivered = deliver(exporter)
    delivered.log("one")
    assert delivered.flush()
    delivered.log("two")
    delivered.shutdown()

    assert exporter.bodies == ["one", "two"]
    assert exporter.threads == {threading.get_ident()}


def test_without_a_thread_each_call_sends_its_own(http: Scripted, deliver: Deliver) -> None:
    """`thread=False`: the record is there when the call returns, also after one that could not be sent."""
    delivered = deliver(http, thread=False, limits=Limits(timeout=0.3, delay=60))
    delivered.log("one")
    assert http.taken == ["one"]
    http.usual = (503, {}, b"")
    delivered.log("two")
    http.usual = b""
    delivered.log("three")

    assert http.taken == ["one", "two", "three"]
    assert threads() == 0


def test_a_call_may_wait_for_room(deliver: Deliver) -> None:
    """`block`: where there will be room in time nothing is lost; otherwise the call goes on at its deadline."""
    exporter = Held(0.05)
    delivered = deliver(exporter, limits=Limits(records=10, batch_records=10, block=5, delay=0.01))
    for number in range(60):
        delivered.log(f"{number}")
    assert delivered.flush()
    assert exporter.bodies == [f"{number}" for number in range(60)]
    assert delivered.lost == {}

    exporter = Held()
    exporter.gate.clear()
    delivered = deliver(exporter, limits=Limits(records=2, batch_records=2, block=0.2, delay=60))
    for number in range(2):
        delivered.log(f"{number}")
    assert exporter.called.wait(5)
    for number in range(2):
        delivered.log(f"{number}")
    assert 0.19 < seconds(lambda: delivered.log("one too many")) < PROMPT
    assert delivered.lost == {("overflow", "INFO"): 1}


def open_descriptors() -> int:
    """How many descriptors this process has."""
    return len(list(DESCRIPTORS.iterdir()))


@pytest.mark.slow
@pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="needs /proc")
def test_a_thousand_lives_leave_nothing(http: Scripted, deliver: Deliver) -> None:
    """Threads and descriptors are as before; each life has sent its record."""

    def live(number: int) -> None:
        delivered = deliver(http)
        delivered.log(f"{number}")
        delivered.shutdown()
        deliver.made.clear()

    live(0)
    wait_until(lambda: threads() == 0)
    gc.collect()
    descriptors = open_descriptors()
    for number in range(1, 1000):
        live(number)
    wait_until(lambda: threads() == 0)
    gc.collect()
    # The server closes its ends a moment later.
    wait_until(lambda: open_descriptors() <= descriptors + 2)

    assert http.taken == [f"{number}" for number in range(1000)]


def test_a_request_after_the_end_keeps_no_connection(http: Scripted) -> None:
    """One that another thread was just about to make: it is made, and its connection closed."""
    transport = transport_to(http.endpoint)
    before = threading.active_count()
    transport.close()
    transport.send(b"", 5)

    wait_until(lambda: threading.active_count() == before)
    assert len(http.bodies) == 1
