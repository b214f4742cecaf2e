"""``python -m benchmarks`` runs through, sets like against like, and its exit code says what it was asked to say."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from benchmarks import __main__, harness, results, samples
from benchmarks.harness import QUICK, ROOT
from benchmarks.model import Case, Library
from benchmarks.rooms import GROUPS
from benchmarks.targets import TARGETS, Target
from benchmarks.worker import measure


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run of the command ended, and the results that it wrote."""

    code: int
    printed: str
    results: results.Results


def run(folder: Path, *arguments: str) -> Ended:
    """Run ``python -m benchmarks`` with these arguments."""
    file = folder / "results.json"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "benchmarks", *arguments, "--json", str(file)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=110,
        check=False,
    )
    assert file.exists(), done.stderr
    return Ended(done.returncode, done.stdout, results.from_json(file.read_text(encoding="utf-8")))


def written_files() -> list[bytes]:
    """The files that a complete run writes."""
    files = (ROOT / "README.md", ROOT / "benchmarks" / "RESULTS.md", ROOT / "benchmarks" / "results.json")
    return [file.read_bytes() for file in files]


@pytest.mark.slow
def test_a_quick_run_measures_every_group_and_every_target(tmp_path: Path) -> None:
    """All scenarios run through, each target has both its cases in one group, and nothing is published of it."""
    before = written_files()

    ended = run(tmp_path, "--quick")

    assert ended.code == 0
    assert {case.group for case in ended.results.cases} == set(GROUPS)
    assert [one.scenario for one in ended.results.targets if one.measured is None] == []
    assert len(ended.results.targets) == len(TARGETS)
    assert not ended.results.complete
    assert f"of {len(TARGETS)} met." in ended.printed
    assert written_files() == before


def test_a_part_can_be_run_by_name(tmp_path: Path) -> None:
    """Only the groups asked for are measured, for each library; the targets of others stay open."""
    ended = run(tmp_path, "--quick", "off/bound")

    assert {case.group for case in ended.results.cases} == {"off/bound"}
    assert {case.library for case in ended.results.cases} == {library.value for library in Library}
    assert all(case.median > 0 and case.samples == QUICK.rounds for case in ended.results.cases)
    assert {one.met for one in ended.results.targets if one.scenario == "import"} == {None}


def test_a_name_that_no_group_has_is_refused() -> None:
    """A mistyped name is an error that says how to see the names, not an empty table."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "offf"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "no group has offf in its name; --list shows them" in done.stderr


def made_case(library: Library, seconds: Sequence[float]) -> samples.CaseRuns:
    """A case with these samples of one process."""
    return samples.benchmark("off/bound", Case("off", library, float), seconds, 1)


def test_a_ratio_is_of_turns_not_of_medians(tmp_path: Path) -> None:
    """Where both slow down together in some turns, the ratio is that within the turns."""
    file = tmp_path / "samples.json"
    ours, stdlib = [1e-7, 4e-7, 3e-7], [2e-7, 8e-7, 1e-7]
    samples.write([made_case(Library.OURS, ours), made_case(Library.STDLIB, stdlib)], file)
    suite = samples.read([file, file])

    found = results.evaluate(suite, [Target("off", 0.6, ("off", Library.STDLIB))], effort=QUICK, complete=False)

    assert [one.ratio for one in found.ratios] == [0.5]
    assert [(one.measured, one.met) for one in found.targets] == [(0.5, True)]
    assert [case.samples for case in found.cases] == [6, 6]
    assert [case.median for case in found.cases] == [300.0, 200.0]


@pytest.mark.parametrize(("limit", "met"), [(0.49, False), (0.5, True), (0.51, True)])
def test_a_target_is_met_at_its_limit(tmp_path: Path, limit: float, met: bool) -> None:
    """At most means at most."""
    file = tmp_path / "samples.json"
    samples.write([made_case(Library.OURS, [1e-7]), made_case(Library.STDLIB, [2e-7])], file)

    found = results.evaluate(
        samples.read([file]), [Target("off", limit, ("off", Library.STDLIB))], effort=QUICK, complete=False
    )

    assert [one.met for one in found.targets] == [met]


def test_cases_of_two_groups_have_no_ratio(tmp_path: Path) -> None:
    """A target between cases that were not measured in turns is refused."""
    file = tmp_path / "samples.json"
    elsewhere = samples.benchmark("written/by_fields", Case("on", Library.STDLIB, float), [1e-7], 1)
    samples.write([made_case(Library.OURS, [1e-7]), elsewhere], file)

    with pytest.raises(ValueError, match="off/bound and written/by_fields were not measured in turns"):
        results.evaluate(
            samples.read([file]), [Target("off", 1.0, ("on", Library.STDLIB))], effort=QUICK, complete=False
        )


def test_rivals_take_turns() -> None:
    """In each turn every case is measured once, and each turn begins with another case."""
    taken: list[str] = []

    def case(name: str) -> Case:
        def sample(loops: int) -> float:
            taken.append(name)
            return 1e-6 * loops

        return Case(name, Library.OURS, sample, loops=1)

    made = replace(GROUPS["off/bound"], open=lambda: nullcontext([case("a"), case("b"), case("c")]))

    measured = measure(made, rounds=3, seconds=0.001)

    assert "".join(taken) == "abcbcacab"
    assert [len(one.get_values()) for one in measured] == [3, 3, 3]


@pytest.mark.parametrize(("arguments", "code"), [([], 0), (["--check"], 1)])
def test_a_missed_target_fails_a_run_only_if_asked_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int
) -> None:
    """A run is a report, and ends well whatever it reports; ``--check`` is for machines."""
    file = tmp_path / "samples.json"
    scenario = "off, bound logger"
    slow = samples.benchmark("off/bound", Case(scenario, Library.OURS, float), [9e-7], 1)
    quick = samples.benchmark("off/bound", Case(scenario, Library.STDLIB, float), [1e-7], 1)
    samples.write([slow, quick], file)

    def measured(*given: object, **named: object) -> samples.Suite:
        return samples.read([file])

    monkeypatch.setattr(harness, "run", measured)

    assert __main__.main(["off/bound", *arguments]) == code


def test_a_process_that_fails_ends_the_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Half a measurement is none: no table, and an exit code of its own."""

    def failed(*given: object, **named: object) -> samples.Suite:
        raise subprocess.CalledProcessError(7, ["python"])

    monkeypatch.setattr(harness, "run", failed)

    code = __main__.main(["off/bound"])

    captured = capsys.readouterr()
    assert (code, captured.out) == (2, "")
    assert captured.err == "a process that measures ended with exit code 7, see above\n"
