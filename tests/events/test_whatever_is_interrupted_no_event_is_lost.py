"""A `CloudWatchEventer` whose calls are interrupted, or whose locks nobody will release, loses and hangs nothing."""

from __future__ import annotations

import math
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from otel_ctxlog.events import cloudwatch_processes, cloudwatch_sender
from otel_ctxlog.events.cloudwatch import CloudWatchEventer

from .cloud import Gate, Watched, senders, wait_until
from .test_no_event_is_lost_without_a_word import Service

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_FILES = {cloudwatch_sender.__file__, cloudwatch_processes.__file__}


class Interrupted:
    """Calls a function after so many steps of the sender's code, in the thread that is running it."""

    def __init__(self, after: int, function: Callable[[], object]) -> None:
        self.left = after
        self.seconds = 0.0
        self._function = function

    def __call__(self, frame: FrameType, event: str, _argument: object) -> Interrupted | None:
        if frame.f_code.co_filename not in _FILES:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode" and self.left:
            self.left -= 1
            if not self.left:
                sys.settrace(None)
                began = time.monotonic()
                self._function()
                self.seconds = time.monotonic() - began
        return self


@pytest.mark.slow
@pytest.mark.parametrize("handler", ["close", "flush", "event"])
def test_a_handler_may_run_between_any_two_steps_of_a_call(handler: str) -> None:
    """Closing, flushing or recording at each step of recording the first event hangs nothing and loses nothing."""
    before = sys.gettrace()
    for after in range(1, 1000):
        service = Service()
        eventer = CloudWatchEventer(service, "g", "s", interval=0.01)
        calls: dict[str, Callable[[], object]] = {
            "close": eventer.close,
            "flush": eventer.flush,
            "event": lambda eventer=eventer: eventer.event("handler"),  # type: ignore[misc] # bound now
        }
        tracer = Interrupted(after, calls[handler])
        sys.settrace(tracer)
        try:
            eventer.event("a")
        finally:
            sys.settrace(before)
        eventer.close()
        if tracer.left:
            assert after > 50
            break
        assert tracer.seconds < 3, after
        assert len(service.events) + eventer.dropped == 1 + (handler == "event"), after
        assert "unsent" not in eventer.losses, after
    assert wait_until(lambda: not senders())


def test_the_last_moment_does_not_wait_for_threads_that_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the interpreter has stopped a daemon thread inside `event`, its lock is never released: nobody waits."""
    eventer = CloudWatchEventer(Service(), "g", "s")
    eventer.event("a")
    assert eventer.close()
    release, locked = threading.Event(), threading.Event()

    def be_stopped() -> None:
        with eventer._sender._lock:
            locked.set()
            release.wait(20)

    stopped = threading.Thread(target=be_stopped)
    stopped.start()
    assert locked.wait(10)
    monkeypatch.setattr(sys, "is_finalizing", lambda: True)
    began = time.monotonic()
    eventer.event("b")
    done = eventer.flush(), eventer.close()
    seconds = time.monotonic() - began
    monkeypatch.undo()
    release.set()
    stopped.join()

    assert seconds < 1
    assert done == (True, True)
    assert eventer.losses == {"closed": 1}


def test_flushes_in_vain_take_no_room() -> None:
    """While the service hangs, flushes that time out leave nothing in the queue, and push no event out of it."""
    gate = Gate()
    eventer = CloudWatchEventer(Watched(Service(), gate), "g", "s", interval=0.01, most_events=10)
    eventer.event("a")
    assert gate.entered.wait(10)
    flushed = [eventer.flush(0) for _ in range(100)]
    eventer.event("b")
    waiting = eventer.waiting
    gate.open()

    assert not any(flushed)
    assert waiting == 2
    assert eventer.close()
    assert eventer.dropped == 0


def test_any_timeout_will_do() -> None:
    """Flushing and closing wait for as long as it takes, if they are told so."""
    eventer = CloudWatchEventer(Service(), "g", "s")
    eventer.event("a")

    assert eventer.flush(math.inf)
    assert eventer.close(math.inf)
    assert eventer.close(-1)


def test_a_client_that_wants_to_end_the_program_ends_nothing() -> None:
    """A client that raises SystemExit is one that fails: the event waits, and arrives later."""
    service = Service()

    def leave(name: str, number: int) -> None:
        if name == "put_log_events" and number <= 2:
            raise SystemExit(3)

    with CloudWatchEventer(Watched(service, leave), "g", "s", interval=0.01) as eventer:
        eventer.event("a")
        assert wait_until(lambda: len(service.events) == 1)
        eventer.event("b")

    assert len(service.events) == 2


def test_a_thread_that_fails_counts_what_it_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """Should the sending thread fail, the events in its hands are counted, and so is each later one."""

    def fail(*_arguments: Any) -> None:
        raise MemoryError

    eventer = CloudWatchEventer(Service(), "g", "s", interval=0.01)
    monkeypatch.setattr(eventer._sender, "_settle", fail)
    eventer.event("a")
    assert wait_until(lambda: eventer.dropped == 1)
    assert wait_until(lambda: not senders())
    eventer.event("b")

    assert eventer.losses == {"unsent": 1, "closed": 1}
    assert eventer.waiting == 0
    assert eventer.flush(1)


def test_closing_while_others_begin_raises_nothing() -> None:
    """Threads that record their first event while another closes: nothing raises, every event is accounted for."""
    for _ in range(100):
        service = Service()
        eventer = CloudWatchEventer(service, "g", "s")
        ready = threading.Barrier(3)
        errors: list[BaseException] = []

        def work(call: Callable[[], object], ready: threading.Barrier = ready, errors: list[Any] = errors) -> None:
            ready.wait()
            try:
                call()
            except Exception as error:  # noqa: BLE001 - there must be none of any kind
                errors.append(error)

        calls: list[Callable[[], object]] = [lambda e=eventer: e.event("a"), eventer.close, eventer.close]  # type: ignore[misc] # bound now
        threads = [threading.Thread(target=work, args=(call,)) for call in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        eventer.close()

        assert errors == []
        assert len(service.events) + eventer.losses.get("closed", 0) == 1
