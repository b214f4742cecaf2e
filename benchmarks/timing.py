"""Sample functions made of statements, so that nothing but the statement is in the measured loop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import repeat
from time import thread_time
from typing import cast

from benchmarks.model import Case, Library, Sample

UNROLLED = 10
"""How often a statement stands in the body of its loop."""

_CALLS = """\
def sample(loops, {names}):
    before()
    begin = clock()
    for _ in repeat(None, loops):
        {body}
    return clock() - begin
"""
_ITEMS = """\
def sample(loops, {names}):
    items = prepare(loops)
    begin = clock()
    for item in items:
        {body}
    return clock() - begin
"""
Before = Callable[[], object]


def _nothing() -> None:
    pass


def _compiled(template: str, statements: Sequence[str], names: dict[str, object]) -> Sample:
    # As defaults of parameters they are local variables: the fastest there are, for all alike.
    source = template.format(names=", ".join(f"{name}={name}" for name in names), body="\n        ".join(statements))
    space = dict(names)
    exec(compile(source, "<benchmark>", "exec"), space)
    return cast("Sample", space["sample"])


def calls(
    statement: str, names: dict[str, object], *, before: Before = _nothing, clock: object = thread_time
) -> Sample:
    """Return a sample function that runs `statement`, `UNROLLED` times per loop.

    Args:
        statement: one line of Python.
        names: what the names in it stand for.
        before: called before each sample, outside the measured time.
        clock: seconds; by default the CPU time of the calling thread.
    """
    return _compiled(_CALLS, [statement] * UNROLLED, {**names, "before": before, "clock": clock, "repeat": repeat})


def items(statement: str, names: dict[str, object], prepare: Callable[[int], Sequence[object]]) -> Sample:
    """Return a sample function that runs `statement` for each `item` of what `prepare(loops)` returns.

    `prepare` is not in the measured time.
    """
    return _compiled(_ITEMS, statement.split("; "), {**names, "prepare": prepare, "clock": thread_time})


def net(gross: Sample, surroundings: Sample) -> Sample:
    """Return a sample function for the difference of two, measured one after the other."""

    def sample(loops: int) -> float:
        return gross(loops) - surroundings(loops)

    return sample


def timed(
    scenario: str, library: Library, statement: str, names: dict[str, object], *, before: Before = _nothing
) -> Case:
    """Return the case of a statement, per call."""
    return Case(scenario, library, calls(statement, names, before=before), inner=UNROLLED)


def in_threads(count: int, sample: Sample, around: Callable[[Callable[[], None]], None]) -> Sample:
    """Return a sample function that runs `sample` in so many threads at once, and adds up their CPU time.

    Args:
        count: how many threads.
        sample: what each does, with all the loops.
        around: called in each thread with a function to call; it sets up what the thread logs in.
    """

    def run(loops: int) -> float:
        together = threading.Barrier(count)
        spent: list[float] = []

        def work() -> None:
            together.wait()
            spent.append(sample(loops))

        threads = [threading.Thread(target=around, args=(work,)) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if len(spent) != count:
            raise RuntimeError(f"{len(spent)} of {count} threads came to their end")
        return sum(spent)

    return run
