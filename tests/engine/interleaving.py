"""Interleaving: a call of the library during which something else happens, at any chosen point of it.

A trace function stops a call before its n-th line or bytecode instruction inside the library, and does there what
another thread, or a signal handler, may do at that point. So every place where two threads can meet is tried, and a
failure comes back with every run.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Literal, TypeVar

import otel_ctxlog as cl

T = TypeVar("T")
Unit = Literal["line", "opcode"]

assert cl.__file__ is not None
_PACKAGE = str(Path(cl.__file__).parent)


def interrupted(call: Callable[[], T], actions: Mapping[int, Callable[[], object]], unit: Unit) -> tuple[T, int]:
    """Return what `call` returns, and of how many units inside the library it consisted.

    Args:
        call: what is interrupted.
        actions: what happens before the unit of that number; the first is 1.
        unit: what is counted.
    """
    passed = 0

    def inside(_frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal passed
        if event == unit:
            passed += 1
            action = actions.get(passed)
            if action is not None:
                action()
        return inside

    def outside(frame: FrameType, _event: str, _argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(_PACKAGE):
            return None
        # Before the next line: from Python 3.13 on, opcodes count only for a frame that is being traced already.
        frame.f_trace = inside
        frame.f_trace_opcodes = unit == "opcode"
        return inside

    before = sys.gettrace()
    # Python 3.12 looks once, when tracing starts, whether any frame wants opcodes.
    sys._getframe().f_trace_opcodes = unit == "opcode"
    sys.settrace(outside)
    try:
        result = call()
    finally:
        sys.settrace(before)
    return result, passed


def everywhere(
    call: Callable[[], T],
    action: Callable[[], object],
    unit: Unit,
    *,
    start: Callable[[], object],
) -> Iterator[tuple[int, T]]:
    """Yield, for each point of `call` where `action` may come in, its number and what `call` then returns.

    Args:
        call: what is interrupted; its length may differ from time to time.
        action: what happens there.
        unit: what is counted.
        start: what is done before each call, uninterrupted.
    """
    for number in itertools.count(1):
        start()
        result, passed = interrupted(call, {number: action}, unit)
        if passed < number:
            assert number > 1, "nothing of the library was run"
            return
        yield number, result


def everywhere_twice(
    call: Callable[[], object],
    first: Callable[[], object],
    second: Callable[[], object],
    *,
    start: Callable[[], object],
    stride: int = 1,
) -> Iterator[tuple[int, int]]:
    """Yield, for two lines of `call`, their numbers, after `first` came in before the one, `second` before the other.

    Args:
        call: what is interrupted.
        first: what happens at the one.
        second: what happens at the other, later one.
        start: what is done before each call, uninterrupted.
        stride: only every so many lines are the one.
    """
    for one in itertools.count(1, stride):
        other = one
        while True:
            other += 1
            start()
            _, passed = interrupted(call, {one: first, other: second}, "line")
            if passed < other:
                break
            yield one, other
        if passed <= one:
            assert one > 1, "nothing of the library was run"
            return
