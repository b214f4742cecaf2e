"""Deadlines hold, whatever the call behind them does."""

from __future__ import annotations

import threading
import time

import pytest

from otel_ctxlog.pipeline.deadline import Calls, Deadline


def _raise() -> None:
    raise RuntimeError("no")


def test_the_results_of_all_calls_count() -> None:
    """True if every call ends well: returning None is good, False or an exception is not."""
    assert Calls({}).run(Deadline(0))
    assert Calls({"a": lambda: None, "b": lambda: True}).run(Deadline(5))
    assert not Calls({"a": lambda: None, "b": lambda: False}).run(Deadline(5))
    assert not Calls({"a": _raise}).run(Deadline(5))


def test_the_calls_run_side_by_side() -> None:
    """Each call meets the other: one that hangs does not keep the other from its turn."""
    meeting = threading.Barrier(2)

    assert Calls({"a": lambda: meeting.wait(5), "b": lambda: meeting.wait(5)}).run(Deadline(5))


def test_a_call_that_hangs_is_left_and_not_doubled() -> None:
    """The wait ends at the deadline; the next run waits for the same call, then makes a fresh one."""
    begun: list[int] = []
    gate = threading.Event()

    def hang() -> None:
        begun.append(1)
        gate.wait(10)

    calls = Calls({"hang": hang})
    begin = time.monotonic()
    assert [calls.run(Deadline(0.05)), calls.run(Deadline(0.05)), calls.wait(Deadline(0))] == [False] * 3
    assert time.monotonic() - begin < 8
    assert len(begun) == 1

    gate.set()
    assert calls.run(Deadline(5))
    assert len(begun) == 2
    assert calls.wait(Deadline(0))


def test_where_no_thread_starts_the_call_is_made_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the interpreter exits, newer Pythons start no threads: the call is made all the same."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    made: list[str] = []

    assert Calls({"a": lambda: made.append("a")}).run(Deadline(5))
    assert made == ["a"]
