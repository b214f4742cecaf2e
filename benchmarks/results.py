"""What a run gave, as plain data: medians, ratios and verdicts; ``results.json`` is this and nothing else."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from typing import Any

from benchmarks import samples
from benchmarks.harness import Effort
from benchmarks.model import Library, Unit
from benchmarks.targets import Target

PACKAGES = (
    "otel-ctxlog",
    "opentelemetry-api",
    "opentelemetry-sdk",
    "opentelemetry-exporter-otlp",
    "structlog",
    "loguru",
    "pyperf",
)


@dataclass(frozen=True, slots=True)
class Measured:
    """A case: nanoseconds (per record where the unit is the rate) or bytes.

    Args:
        group: what it was measured with, in turns.
        scenario: what was measured.
        library: by whom.
        unit: `Unit`'s value.
        median: of all samples of all processes.
        spread: median distance of the samples from it.
        least: the lowest sample.
        samples: how many.
    """

    group: str
    scenario: str
    library: str
    unit: str
    median: float
    spread: float
    least: float
    samples: int


@dataclass(frozen=True, slots=True)
class Ratio:
    """Our cost in a scenario divided by a rival's: the median of the ratios of single turns, and their spread."""

    scenario: str
    rival: str
    ratio: float
    spread: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a target.

    Args:
        scenario: of ours.
        rival_scenario: what it was compared with; None for a limit in milliseconds.
        rival: likewise, by whom.
        limit: a ratio, or milliseconds.
        measured: likewise; None if it was not.
        met: whether it is at most the limit; None if it was not measured.
    """

    scenario: str
    rival_scenario: str | None
    rival: str | None
    limit: float
    measured: float | None
    met: bool | None


@dataclass(frozen=True, slots=True)
class Results:
    """A whole run.

    Args:
        python: implementation and version.
        versions: of the libraries; ``source`` for one that is not installed.
        processes: how many per group.
        rounds: how many turns in each, at most.
        complete: whether all groups were measured, with the full effort.
        cases: in the order of the rooms.
        ratios: of ours to each rival, where a scenario has both.
        targets: all of them.
    """

    python: str
    versions: Mapping[str, str]
    processes: int
    rounds: int
    complete: bool
    cases: Sequence[Measured]
    ratios: Sequence[Ratio]
    targets: Sequence[Verdict]

    def missed(self) -> list[Verdict]:
        """Return the targets that were not met, those that were not measured included."""
        return [verdict for verdict in self.targets if not verdict.met]


_Key = tuple[str, Library]


def evaluate(suite: samples.Suite, targets: Sequence[Target], *, effort: Effort, complete: bool) -> Results:
    """Return the results of what was measured."""
    by_key: dict[_Key, samples.CaseRuns] = {}
    cases: list[Measured] = []
    for benchmark in suite.get_benchmarks():
        group, scenario, library, unit = samples.identity(benchmark)
        by_key[scenario, library] = benchmark
        cases.append(_measured(group, scenario, library, unit, benchmark))
    ratios: list[Ratio] = []
    for (scenario, library), rival in by_key.items():
        ours = by_key.get((scenario, Library.OURS))
        if ours is not None and library is not Library.OURS:
            single = _single_ratios(ours, rival)
            ratios.append(Ratio(scenario, library.value, _rounded(median(single)), _rounded(_deviation(single))))
    return Results(
        python=f"{platform.python_implementation()} {platform.python_version()}",
        versions={package: _version(package) for package in PACKAGES},
        processes=effort.processes,
        rounds=effort.rounds,
        complete=complete,
        cases=cases,
        ratios=ratios,
        targets=[_verdict(target, by_key) for target in targets],
    )


def _measured(group: str, scenario: str, library: Library, unit: Unit, benchmark: samples.CaseRuns) -> Measured:
    scale = 1.0 if unit is Unit.MEMORY else 1e9
    values = benchmark.get_values()
    return Measured(
        group,
        scenario,
        library.value,
        unit.value,
        median=_rounded(benchmark.median() * scale),
        spread=_rounded(benchmark.median_abs_dev() * scale),
        least=_rounded(min(values) * scale),
        samples=len(values),
    )


def _verdict(target: Target, by_key: Mapping[_Key, samples.CaseRuns]) -> Verdict:
    ours = by_key.get((target.scenario, Library.OURS))
    if target.rival is None:
        limit = target.limit * 1e3
        measured = None if ours is None else _rounded(ours.median() * 1e3)
        return Verdict(target.scenario, None, None, limit, measured, None if measured is None else measured <= limit)
    rival = by_key.get(target.rival)
    measured = None if ours is None or rival is None else _rounded(median(_single_ratios(ours, rival)))
    scenario, library = target.rival
    met = None if measured is None else measured <= target.limit
    return Verdict(target.scenario, scenario, library.value, target.limit, measured, met)


def _single_ratios(ours: samples.CaseRuns, rival: samples.CaseRuns) -> list[float]:
    group, other = samples.identity(ours)[0], samples.identity(rival)[0]
    if group != other:
        raise ValueError(f"{group} and {other} were not measured in turns: no ratio between them means anything")
    return [
        own / others
        for own_run, others_run in zip(ours.get_runs(), rival.get_runs(), strict=True)
        for own, others in zip(own_run.values, others_run.values, strict=True)
    ]


def _deviation(values: Sequence[float]) -> float:
    middle = median(values)
    return median(abs(value - middle) for value in values)


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "source"


def to_json(results: Results) -> str:
    """Return the text of ``results.json``."""
    return json.dumps(asdict(results), indent=1, ensure_ascii=False) + "\n"


def from_json(text: str) -> Results:
    """Return the results that `to_json` made this text of.

    Raises:
        ValueError: it is no JSON.
        TypeError: it has other fields.
    """
    raw: dict[str, Any] = json.loads(text)
    raw["cases"] = [Measured(**case) for case in raw["cases"]]
    raw["ratios"] = [Ratio(**ratio) for ratio in raw["ratios"]]
    raw["targets"] = [Verdict(**verdict) for verdict in raw["targets"]]
    return Results(**raw)
