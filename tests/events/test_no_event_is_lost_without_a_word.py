"""What a `CloudWatchEventer` cannot keep is dropped, counted and told; its caller never hears of it."""

from __future__ import annotations

import gc
import logging
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import otel_ctxlog as cl
from otel_ctxlog.events.cloudwatch import CloudWatchEventer
from otel_ctxlog.events.cloudwatch_processes import flush_all

from .cloud import Gate, Watched, arrived, senders, wait_until

if TYPE_CHECKING:
    from types import FrameType

# These tests take the signal that pytest-timeout waits for by default, and a late one would be taken for its own.
pytestmark = pytest.mark.timeout(120, method="thread")


class Service:
    """A service that takes everything."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def create_log_group(self, **arguments: object) -> object:
        return {}

    create_log_stream = create_log_group

    def put_log_events(self, **arguments: Any) -> object:
        self.events += arguments["logEvents"]
        return {}


def said(diagnostics: list[logging.LogRecord], level: int) -> list[str]:
    return [record.getMessage() for record in diagnostics if record.levelno == level]


def test_the_queue_holds_what_was_said(diagnostics: list[logging.LogRecord]) -> None:
    """32,768 events wait while the service does not answer; of the further ones each is counted, and one is told of."""
    gate, service = Gate(), Service()
    eventer = CloudWatchEventer(Watched(service, gate), "g", "s", interval=0.01)
    eventer.event("first")
    assert gate.entered.wait(10)
    for number in range(40_000):
        eventer.event("a", number=number)
    waiting = eventer.waiting
    lost = dict(eventer.losses)
    told = list(diagnostics)
    gate.open()

    assert eventer.close(20)
    assert waiting == 32_768
    assert lost == {"overflow": 40_001 - 32_768}
    assert len(service.events) == 32_768
    assert [service.events[index]["message"] for index in (1, -1)] == [
        cl.marshal("a", number=0),
        cl.marshal("a", number=32_766),
    ]
    assert [record.levelno for record in told] == [logging.ERROR]
    assert "the queue is full (32768 events" in told[0].getMessage()
    assert said(diagnostics, logging.ERROR) == [told[0].getMessage()]
    assert said(diagnostics, logging.INFO) == [
        f"CloudWatch Logs, group 'g': the queue has room again; {40_001 - 32_768} event(s) were dropped"
    ]


def test_each_overflow_is_told_of_once(diagnostics: list[logging.LogRecord]) -> None:
    """An overflow ends when half of the queue is sent; the next one is told of again, with its own count."""
    service, gate = Service(), Gate()
    watched = Watched(service, gate)
    eventer = CloudWatchEventer(watched, "g", "s", interval=0.01, most_events=10)
    for overflow in (3, 5):
        eventer.event("first")
        assert gate.entered.wait(10)
        for _ in range(9 + overflow):
            eventer.event("a")
        gate.open()
        assert eventer.flush(10)
        watched.fail = gate = Gate()
    eventer.close()

    assert len(said(diagnostics, logging.ERROR)) == 2
    assert [text.rpartition("; ")[2] for text in said(diagnostics, logging.INFO)] == [
        "3 event(s) were dropped",
        "5 event(s) were dropped",
    ]
    assert eventer.dropped == 8


def test_bytes_are_bounded_as_well(diagnostics: list[logging.LogRecord]) -> None:
    """Large events fill the queue before 32,768 of them do; small ones that still fit do not overtake."""
    gate, service = Gate(), Service()
    eventer = CloudWatchEventer(Watched(service, gate), "g", "s", interval=0.01, most_bytes=2_000_000)
    eventer.event("first")
    assert gate.entered.wait(10)
    for _ in range(4):
        eventer.event("large", v="x" * 600_000)
    gate.open()

    assert eventer.close(10)
    assert eventer.losses == {"overflow": 1}
    assert len(service.events) == 4


def test_after_the_end_events_are_dropped(diagnostics: list[logging.LogRecord]) -> None:
    """A closed eventer takes no events, counts them, and says so once; closing it again changes nothing."""
    eventer = CloudWatchEventer(Service(), "g", "s")
    eventer.event("a")
    assert eventer.close()
    for _ in range(3):
        eventer.event("late")

    assert eventer.losses == {"closed": 3}
    assert (eventer.close(), eventer.flush()) == (True, True)
    assert len(said(diagnostics, logging.ERROR)) == 1
    assert senders() == []


def test_violations_are_those_of_all_eventers(diagnostics: list[logging.LogRecord]) -> None:
    """What breaks the event contract is dropped, counted and logged as by every eventer."""
    service = Service()
    with CloudWatchEventer(service, "g", "s") as eventer:
        eventer.event("")
        eventer.event("t", "eventType", 1)
        eventer.event("t", "a", 1, a=2)
        eventer.event("t", a=object())
        eventer.event("t", a=cl.Lazy(lambda: 1 / 0))
        eventer.event("t", a=cl.Lazy(lambda: 1), b=cl.IGNORE)
        assert eventer.dropped == 5
        assert eventer.losses == {}

    assert [event["message"] for event in service.events] == [cl.marshal("t", a=1)]
    assert [text.partition(": ")[2].partition(":")[0] for text in said(diagnostics, logging.ERROR)] == [
        "type",
        "reserved",
        "duplicate",
        "value",
        "failure",
    ]


def test_an_eventer_that_nobody_holds_sends_what_it_has() -> None:
    """Dropping the last reference sends what waits, and ends the thread."""
    service = Service()
    eventer = CloudWatchEventer(service, "g", "s", interval=60)
    eventer.event("a")
    del eventer
    gc.collect()

    assert wait_until(lambda: len(service.events) == 1)
    assert wait_until(lambda: not senders())


def test_eventers_come_and_go_without_a_trace() -> None:
    """A hundred eventers, half of them closed, half forgotten, leave no thread behind."""
    service = Service()

    def use(number: int) -> None:
        eventer = CloudWatchEventer(service, "g", "s", interval=60)
        eventer.event("a")
        if number % 2:
            assert eventer.close()

    for number in range(100):
        use(number)
    gc.collect()

    assert wait_until(lambda: not senders())
    assert len(service.events) == 100


def test_an_own_log_handler_may_record_events() -> None:
    """A handler of the library's diagnostics that records an event, flushes and closes neither recurses nor hangs."""
    gate, service = Gate(), Service()
    eventer = CloudWatchEventer(Watched(service, gate), "g", "s", interval=0.01, most_events=2)

    class Recording(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            eventer.event("diagnostic", text=record.getMessage())
            eventer.flush(0.01)

    logger = logging.getLogger("otel_ctxlog")
    handler = Recording()
    logger.addHandler(handler)
    try:
        eventer.event("a")
        assert gate.entered.wait(10)
        for _ in range(5):
            eventer.event("b")
        gate.open()
        assert eventer.close(10)
    finally:
        logger.removeHandler(handler)

    assert len(service.events) == 2
    assert eventer.dropped >= 4


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers")
def test_a_signal_handler_may_record_and_flush() -> None:
    """Handlers that interrupt recording at any point record and flush themselves: nothing hangs, nothing is lost."""
    service = Service()
    handled = 0
    with CloudWatchEventer(service, "g", "s", interval=0.02, most_events=1_000_000) as eventer:

        def handler(number: int, frame: FrameType | None) -> None:
            nonlocal handled
            handled += 1
            eventer.event("handler")
            if handled % 10 == 0:
                assert eventer.flush(5)

        before = signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        try:
            until = time.monotonic() + 1.5
            recorded = 0
            while time.monotonic() < until:
                eventer.event("main")
                recorded += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert eventer.flush(10)

    assert handled > 10
    assert len(service.events) == recorded + handled
    assert eventer.dropped == 0


def test_a_signal_handler_may_close(diagnostics: list[logging.LogRecord]) -> None:
    """Closing out of a handler sends all that was recorded before, wherever it interrupts a call."""
    service = Service()
    eventer = CloudWatchEventer(service, "g", "s", interval=0.02, most_events=1_000_000)
    closed: list[bool] = []

    def handler(number: int, frame: FrameType | None) -> None:
        closed.append(eventer.close(5))

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    recorded = 0
    try:
        while not closed:
            eventer.event("main")
            recorded += 1
    finally:
        signal.signal(signal.SIGALRM, before)

    assert closed == [True]
    assert len(service.events) + eventer.dropped == recorded
    assert eventer.dropped <= 1


def test_the_end_under_load_counts_exactly() -> None:
    """Events of 8 threads that record while the eventer is closed either arrive or are counted."""
    service = Service()
    switch = sys.getswitchinterval()
    sys.setswitchinterval(0.00005)
    try:
        for _ in range(10):
            service.events.clear()
            eventer = CloudWatchEventer(service, "g", "s", interval=0.001)
            over = threading.Event()
            counts: list[int] = []

            def record(eventer: CloudWatchEventer = eventer, over: threading.Event = over) -> None:
                count = 0
                while not over.is_set():
                    eventer.event("a")
                    count += 1
                counts.append(count)  # noqa: B023

            threads = [threading.Thread(target=record) for _ in range(8)]
            for thread in threads:
                thread.start()
            time.sleep(0.03)
            assert eventer.close(10)
            over.set()
            for thread in threads:
                thread.join()

            assert len(service.events) + eventer.dropped == sum(counts)
    finally:
        sys.setswitchinterval(switch)


def test_names_that_matter_are_told(client: Any, group: str, diagnostics: list[logging.LogRecord]) -> None:
    """`repr` shows where events go and how many there are; a service without such a client says what is wrong."""
    eventer = CloudWatchEventer(client, group, "s", interval=60)
    eventer.event("a")
    shown = repr(eventer)
    eventer.close()
    wrong = CloudWatchEventer(_no_client, "g", "s")
    wrong.event("a")

    assert shown == f"<CloudWatchEventer {group}/s, 1 waiting, 0 dropped>"
    assert len(arrived(client, group, "s")) == 1
    assert wrong.close(10) is False
    assert wrong.losses == {"unsent": 1}
    assert any(
        "'object' object has no attribute 'create_log_group'" in text for text in said(diagnostics, logging.ERROR)
    )


def _no_client() -> object:
    return object()


def test_all_eventers_of_a_process_are_flushed_at_once() -> None:
    """`flush_all` settles what waits in every eventer of the process, and says whether it did in time."""
    service, gate = Service(), Gate()
    eventers = [CloudWatchEventer(service, "g", "s", interval=60) for _ in range(3)]
    for eventer in eventers:
        eventer.event("a")
    done = flush_all(10)
    sent = len(service.events)
    with CloudWatchEventer(Watched(service, gate), "g", "s", interval=60) as stuck:
        stuck.event("a")
        late = flush_all(0.2)
        gate.open()
    for eventer in eventers:
        eventer.close()

    assert (done, sent) == (True, 3)
    assert late is False
