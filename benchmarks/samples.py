"""What was measured, in pyperf's own objects and file format, with the types that pyperf does not declare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from benchmarks.model import Case, Library, Unit

SMALLEST = 1e-12
"""In place of a difference that came out at nothing or below: pyperf takes positive values only."""


class ProcessRun(Protocol):
    """`pyperf.Run`: the values of one process."""

    @property
    def values(self) -> tuple[float, ...]:
        """One per turn, in order."""
        ...


class CaseRuns(Protocol):
    """`pyperf.Benchmark`: the runs of one case."""

    def get_metadata(self) -> Mapping[str, object]:
        """Return what all runs have in common."""
        ...

    def get_runs(self) -> Sequence[ProcessRun]:
        """Return one per process."""
        ...

    def get_values(self) -> Sequence[float]:
        """Return the values of all runs."""
        ...

    def median(self) -> float:
        """Return the median of all values."""
        ...

    def median_abs_dev(self) -> float:
        """Return the median distance of the values from their median."""
        ...


class Suite(Protocol):
    """`pyperf.BenchmarkSuite`: all cases."""

    def get_benchmarks(self) -> Sequence[CaseRuns]:
        """Return one per case."""
        ...

    def add_runs(self, result: Suite) -> None:
        """Add the runs of another suite, case by case."""
        ...

    def dump(self, file: str, *, replace: bool = False) -> None:
        """Write pyperf's JSON file."""
        ...


class _Suites(Protocol):
    def __call__(self, benchmarks: Sequence[CaseRuns]) -> Suite: ...
    def load(self, file: str) -> Suite: ...


class _Pyperf(Protocol):
    def Run(self, values: Sequence[float], *, metadata: Mapping[str, object], collect_metadata: bool) -> ProcessRun: ...  # noqa: N802
    def Benchmark(self, runs: Sequence[ProcessRun]) -> CaseRuns: ...  # noqa: N802
    @property
    def BenchmarkSuite(self) -> _Suites: ...  # noqa: N802


_pyperf = cast("_Pyperf", import_module("pyperf"))
_PYPERF_UNITS = {Unit.TIME: "second", Unit.RATE: "second", Unit.MEMORY: "byte"}


def benchmark(group: str, case: Case, values: Sequence[float], loops: int) -> CaseRuns:
    """Return the values of one process as a benchmark; nothing about the machine goes into it."""
    metadata: dict[str, object] = {
        "name": f"{case.scenario} | {case.library.value}",
        "unit": _PYPERF_UNITS[case.unit],
        "loops": loops,
        "inner_loops": case.inner,
        "group": group,
        "scenario": case.scenario,
        "library": case.library.value,
        "kind": case.unit.value,
    }
    positive = [max(SMALLEST, value) for value in values]
    return _pyperf.Benchmark([_pyperf.Run(positive, metadata=metadata, collect_metadata=False)])


def write(benchmarks: Sequence[CaseRuns], file: Path) -> None:
    """Write pyperf's JSON file of these benchmarks, in place of one that is there."""
    _pyperf.BenchmarkSuite(benchmarks).dump(str(file), replace=True)


def read(files: Iterable[Path]) -> Suite:
    """Return the benchmarks of these files, those of the same case joined.

    Raises:
        ValueError: there is no file.
    """
    whole: Suite | None = None
    for file in files:
        suite = _pyperf.BenchmarkSuite.load(str(file))
        if whole is None:
            whole = suite
        else:
            whole.add_runs(suite)
    if whole is None:
        raise ValueError("nothing was measured")
    return whole


def identity(measured: CaseRuns) -> tuple[str, str, Library, Unit]:
    """Return group, scenario, library and unit of a benchmark."""
    metadata = measured.get_metadata()
    return (
        str(metadata["group"]),
        str(metadata["scenario"]),
        Library(str(metadata["library"])),
        Unit(str(metadata["kind"])),
    )
