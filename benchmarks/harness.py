"""A run: which groups are measured, in how many processes, how long."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import samples

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured.

    Args:
        processes: how many processes measure each group, one after the other.
        rounds: how many turns each of them takes.
        milliseconds: how long a sample is, about.
        together: whether one process measures all groups, which saves their start.
    """

    processes: int
    rounds: int
    milliseconds: float
    together: bool = False


FULL = Effort(processes=3, rounds=15, milliseconds=5)
QUICK = Effort(processes=1, rounds=2, milliseconds=0.2, together=True)
"""Everything runs through; the numbers mean little."""


def run(groups: Sequence[str], effort: Effort, *, progress: Callable[[str], None]) -> samples.Suite:
    """Return what was measured in new processes, without the ``OTEL_*`` variables of this one.

    Args:
        groups: names of groups.
        effort: how much.
        progress: called with what is done next.

    Raises:
        ValueError: there are no groups.
        subprocess.CalledProcessError: a process failed; it has written why to standard error.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    portions = [list(groups)] if effort.together else [[name] for name in groups]
    with tempfile.TemporaryDirectory() as folder:
        files: list[Path] = []
        # All groups once, then again: what changes slowly on the machine meets all alike.
        for process in range(effort.processes):
            for portion in portions:
                progress(f"process {process + 1} of {effort.processes}: {', '.join(portion)}")
                file = Path(folder) / f"{len(files)}.json"
                command = [sys.executable, "-m", "benchmarks.worker", *portion]
                command += ["--rounds", str(effort.rounds), "--milliseconds", str(effort.milliseconds)]
                subprocess.run([*command, "--output", str(file)], cwd=ROOT, env=environment, check=True)
                files.append(file)
        return samples.read(files)
