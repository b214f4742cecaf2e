from __future__ import annotations

import contextlib
import logging
import random
import signal
import sys
import threading
import time
from collections import Counter
from types import FrameType
from typing import TYPE_CHECKING

import pytest

from otel_ctxlog.delivery.spool import Spool

from .content import RESOURCE, SCOPE, drained, fill, texts
from .interrupting import interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from .conftest import Open

# These tests take the signal that pytest-timeout waits for by default, and a late one would be taken for its own.
pytestmark = pytest.mark.timeout(120, method="thread")


@contextlib.contextmanager
def alarm(handler: Callable[[int, FrameType | None], None]) -> Generator[Callable[[float, float], object]]:
    """Have the timer call a handler; how to set it. Who used it before, as a limit for tests does, gets it back."""
    before = signal.signal(signal.SIGALRM, handler)
    left, interval = signal.getitimer(signal.ITIMER_REAL)
    # An exception in the middle of what measures coverage would leave a lock of that behind.
    trace = sys.gettrace()
    sys.settrace(None)
    try:
        yield lambda first, again: signal.setitimer(signal.ITIMER_REAL, first, again)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, left, interval)
        sys.settrace(trace)


@pytest.mark.parametrize("first", [True, False])
def test_at_every_line_of_an_append(tmp_path: Path, first: bool) -> None:
    """An append in the middle of an append: what says it was kept is there, once, before and after a restart."""
    kept_inside = at = 0
    going = True
    while going:
        at += 1
        spool = Spool(tmp_path / str(at))
        given = [] if first else [b"before"]
        fill(spool, *given)
        inside: list[bool] = []

        def handler(spool: Spool = spool, inside: list[bool] = inside) -> None:
            # Another scope: the context of the interrupted call and this one must not be mixed up.
            inside.append(spool.append(RESOURCE, b"handler", b"inside"))

        outer: list[bool] = []

        def call(spool: Spool = spool, outer: list[bool] = outer) -> None:
            outer.append(spool.append(RESOURCE, SCOPE, b"outer"))

        going = interrupted(call, at, handler)
        assert outer == [True], at
        assert spool.append(RESOURCE, SCOPE, b"after"), at
        kept_inside += sum(inside)
        expected = [*((RESOURCE, SCOPE, record) for record in (*given, b"outer", b"after"))]
        expected += [(RESOURCE, b"handler", b"inside")] * sum(inside)
        assert spool.pending()[0] == len(expected), at
        if at % 2:
            spool.close()
            spool = Spool(tmp_path / str(at))
        found = drained(spool)
        spool.close()

        assert Counter(found) == Counter(expected), at
        assert [record for _, _, record in found if record != b"inside"] == [*given, b"outer", b"after"], at
        assert spool.counts.corrupt_parts == 0, at

    assert at > 20
    # All but the lines at which the file is being changed.
    assert kept_inside >= 10


def test_at_every_line_of_an_append_that_changes_segments(tmp_path: Path) -> None:
    """The same where the interrupted call ends a segment and begins another."""
    at, going = 0, True
    while going:
        at += 1
        spool = Spool(tmp_path / str(at), max_bytes=64 << 10)
        fill(spool, b"x" * 3500)
        inside: list[bool] = []

        def handler(spool: Spool = spool, inside: list[bool] = inside) -> None:
            inside.append(spool.append(RESOURCE, SCOPE, b"inside" * 100))

        def call(spool: Spool = spool) -> None:
            assert spool.append(RESOURCE, SCOPE, b"y" * 3500)

        going = interrupted(call, at, handler)
        assert spool.append(RESOURCE, SCOPE, b"after"), at
        found = texts(spool)
        spool.close()

        assert Counter(found) == Counter([b"x" * 3500, b"y" * 3500, b"after", *[b"inside" * 100] * sum(inside)]), at
        assert spool.counts.corrupt_parts == 0, at


def test_at_every_line_of_read_accept_and_close(tmp_path: Path) -> None:
    """A handler that appends and reads while its thread reads, accepts or closes: nothing is lost, nothing hangs."""
    at, going = 0, True
    while going:
        at += 1
        spool = Spool(tmp_path / str(at))
        fill(spool, b"1", b"2")
        got: list[bytes] = []
        inside: list[bool] = []

        def handler(spool: Spool = spool, got: list[bytes] = got, inside: list[bool] = inside) -> None:
            inside.append(spool.append(RESOURCE, SCOPE, b"inside"))
            got += texts(spool)
            spool.pending()

        def call(spool: Spool = spool, got: list[bytes] = got) -> None:
            batch = spool.read(1, 100)
            if batch is not None:
                batch.accept()
                got += [record for _, _, record in batch.records]
            spool.close()

        going = interrupted(call, at, handler)
        rest = Spool(tmp_path / str(at))
        got += texts(rest)
        rest.close()

        # What is accepted in the middle of an acceptance may come twice.
        assert set(got) == {b"1", b"2", *([b"inside"] if any(inside) else [])}, at


def spin(seconds: float) -> None:
    """Wait without a sleep, which a signal would prolong."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
# A directory that was just being listed is closed by the interpreter, which says so.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_exception_of_a_handler_costs_nothing_that_was_kept(
    open_spool: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C at random moments of an append: it comes out, and the spool goes on, without losing a record or a lock."""
    # In the midst of `logging` it would leave the lock of a handler locked, for all tests to come.
    monkeypatch.setattr(logging.getLogger("otel_ctxlog"), "disabled", True)
    spool = open_spool(max_bytes=1 << 20)
    choose = random.Random(11)
    kept: list[bytes] = []
    found: list[bytes] = []
    came = 0
    fill(spool, b"0")
    kept.append(b"0")

    armed = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal armed
        # One that is late on a busy machine, or noticed late, must not come out of the test.
        if armed:
            armed = False
            raise KeyboardInterrupt

    with alarm(interrupt) as set_alarm:
        for number in range(3000):
            record = b"%d" % number
            try:
                armed = True
                set_alarm(choose.uniform(1e-6, 500e-6), 0)
                for _ in range(100):
                    if spool.append(RESOURCE, SCOPE, record):
                        # At once: the next call may be interrupted.
                        kept.append(record)  # noqa: PERF401
                # Now and then it comes while the interpreter finalises something, and is swallowed there.
                # In a function: Python 3.13.0 does not catch what comes at the end of a loop that ends a `try`.
                spin(0.1)
                armed = False
            except KeyboardInterrupt:
                came += 1
            if number % 100 == 0:
                found += texts(spool)
    thread = threading.Thread(target=fill, args=(spool, b"thread"))
    thread.start()
    thread.join(5)
    assert not thread.is_alive()
    found += texts(spool)

    assert came > 2900
    assert len(kept) > 100
    assert found[-1] == b"thread"
    # What was interrupted between the write and the return is there without anybody having been told.
    assert Counter(kept) - Counter(found) == Counter()
    assert len(found) - len(kept) <= came + 1
    assert found[:-1] == sorted(found[:-1], key=int)
    assert spool.counts.corrupt_parts == spool.counts.failed == 0


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
def test_a_storm_of_signals_under_load(open_spool: Open) -> None:
    """A real timer interrupts the main thread every 200 µs, its handler appends; four threads append, one reads."""
    spool = open_spool(max_bytes=4 << 20, when_full="refuse")
    kept: Counter[bytes] = Counter()
    found: Counter[bytes] = Counter()
    done = threading.Event()
    number = 0

    def handler(signal_number: int, frame: FrameType | None) -> None:
        nonlocal number
        number += 1
        record = b"signal %d" % number
        if spool.append(RESOURCE, b"signals", record):
            kept[record] += 1

    def append(name: int, amount: int) -> None:
        for index in range(amount):
            record = b"%d:%d" % (name, index)
            if spool.append(RESOURCE, SCOPE, record):
                kept[record] += 1

    def read() -> None:
        while not done.is_set():
            found.update(texts(spool))

    threads = [threading.Thread(target=append, args=(name, 1000)) for name in range(1, 5)]
    reader = threading.Thread(target=read)
    with alarm(handler) as set_alarm:
        set_alarm(0.0002, 0.0002)
        for thread in (reader, *threads):
            thread.start()
        append(0, 5000)
        for thread in threads:
            thread.join()
    done.set()
    reader.join()
    found.update(texts(spool))

    assert number > 20
    assert found == kept
    assert spool.counts.corrupt_parts == 0
