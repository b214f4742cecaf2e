"""One process of a run: measures groups, one after the other, and writes what it measured.

``python -m benchmarks.worker --rounds 15 --milliseconds 5 --output FILE GROUP …``
"""

from __future__ import annotations

import argparse
import gc
import sys
from pathlib import Path
from time import perf_counter

from benchmarks import samples
from benchmarks.model import Case, Group
from benchmarks.rooms import GROUPS

MOST_LOOPS = 1 << 20


def loops_for(case: Case, seconds: float) -> int:
    """Return how many loops of this case take about so many seconds of real time, whatever of it is counted.

    Trying it out is also the case's warm-up. What only the very first calls do, such as compiling rules, is over before
    the time is taken.
    """
    if case.loops is not None:
        return case.loops
    case.sample(1)
    loops = 1
    while True:
        begin = perf_counter()
        case.sample(loops)
        spent = perf_counter() - begin
        if spent >= seconds / 2 or loops >= MOST_LOOPS:
            return max(1, min(MOST_LOOPS, round(loops * seconds / spent)))
        loops = max(loops * 2, min(loops * 10, int(loops * seconds / max(spent, 1e-9))))


def measure(group: Group, *, rounds: int, seconds: float) -> list[samples.CaseRuns]:
    """Return the samples of a group: in each turn one of every case, each turn beginning with the next case."""
    rounds = min(rounds, group.rounds or rounds)
    with group.open() as cases:
        gc.collect()
        gc.freeze()
        gc.disable()
        loops = [loops_for(case, seconds * group.scale) for case in cases]
        values: list[list[float]] = [[] for _ in cases]
        for turn in range(rounds):
            for position in range(len(cases)):
                index = (position + turn) % len(cases)
                case = cases[index]
                values[index].append(case.sample(loops[index]) / (loops[index] * case.inner))
            gc.collect()
        gc.enable()
        gc.unfreeze()
    return [
        samples.benchmark(group.name, case, own, count) for case, own, count in zip(cases, values, loops, strict=True)
    ]


def main(argv: list[str] | None = None) -> int:
    """Measure and write; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worker")
    parser.add_argument("groups", nargs="+", choices=GROUPS)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--milliseconds", type=float, required=True)
    parser.add_argument("--output", type=Path, required=True)
    given = parser.parse_args(argv)
    measured: list[samples.CaseRuns] = []
    for name in given.groups:
        measured += measure(GROUPS[name], rounds=given.rounds, seconds=given.milliseconds / 1e3)
    samples.write(measured, given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
