"""`docs/questions.md`: every command of the page is run, and the answers are those of plain Python scripts.

``python -m tests.questions.test_the_ten_questions`` writes the real output into the page. With ``--count N --time`` it
runs the commands on a day of another size, each as a process, and prints time and memory instead.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import re
import resource
import shlex
import statistics
import subprocess
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.questions import fleet
from tests.questions.asked import PROGRAM, ROOT, command, environment
from tests.questions.fleet import Fleet, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PAGE = ROOT / "docs" / "questions.md"
COUNT = 100_000
_COMMAND = re.compile(
    r"^```sh\notel-ctxlog events (?P<line>.*?)^```\n(?:\n```text\n(?P<output>.*?)^```\n)?", re.MULTILINE | re.DOTALL
)
_SECOND = 1_000_000_000

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Asked:
    """A command of the page, and what the page says it prints."""

    arguments: tuple[str, ...]
    output: str


def asked(text: str) -> list[Asked]:
    """The commands of the page."""
    return [Asked(tuple(shlex.split(match["line"])), match["output"] or "") for match in _COMMAND.finditer(text)]


COMMANDS = asked(PAGE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("day")
    fleet.write(folder / "fleet.jsonl", COUNT)
    return folder


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return [item for item in Fleet(COUNT).story() if isinstance(item, Record)]


@pytest.mark.parametrize("question", COMMANDS, ids=lambda question: " ".join(question.arguments[1:5])[:60])
def test_a_command_prints_what_the_page_says(question: Asked, day: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the letter, and without a complaint."""
    monkeypatch.chdir(day)
    done = command(*question.arguments)

    assert (done.code, done.err) == (0, "")
    assert done.out == question.output


def rows(day: Path, number: int, *more: str, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The answer to a command of the page, as CSV without the names."""
    monkeypatch.chdir(day)
    done = command(*COMMANDS[number].arguments, "--format", "csv", *more)
    return list(csv.reader(io.StringIO(done.out)))[1:]


def share_of_errors(records: Iterable[Record]) -> list[list[Any]]:
    """1: requests and failures by tenant."""
    by: dict[Any, list[bool]] = defaultdict(list)
    for one in records:
        if one.event == "requestServed":
            by[one.attributes["tenant"]].append(int(one.attributes["http.response.status_code"]) >= 500)
    shares = [[tenant, len(of), round(100 * sum(of) / len(of), 2)] for tenant, of in by.items()]
    return sorted(shares, key=lambda row: (-float(row[2]), str(row[0])))[:5]


def storms(records: Iterable[Record]) -> list[list[Any]]:
    """2: minutes and tenants with many retries."""
    by: dict[Any, list[int]] = defaultdict(list)
    for one in records:
        if one.event == "jobRetried":
            by[one.time // (60 * _SECOND), one.attributes["tenant"]].append(int(one.attributes["retry"]))
    return [
        [iso(minute * 60 * _SECOND), tenant, len(of), max(of)]
        for (minute, tenant), of in sorted(by.items())
        if len(of) > 50
    ]


def slowest_restarts(records: Iterable[Record]) -> list[list[Any]]:
    """3: restarts by how long they took."""
    found = [one for one in records if one.event == "machineRestarted"]
    found.sort(key=lambda one: -float(one.attributes["duration"]))
    return [
        [iso(one.time), one.attributes["machine"], one.attributes["tenant"], one.attributes["duration"]]
        for one in found[:5]
    ]


def busiest_machines(records: Iterable[Record]) -> list[list[Any]]:
    """4, first part: machines by the number of their events."""
    counted = Counter(str(one.attributes["machine"]) for one in records if one.event and "machine" in one.attributes)
    return [[machine, count] for machine, count in sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:3]]


def first_and_last(records: Iterable[Record]) -> list[list[Any]]:
    """4, second part: first and last event of each machine."""
    first: dict[Any, Record] = {}
    last: dict[Any, Record] = {}
    for one in records:
        if one.event and "machine" in one.attributes:
            first.setdefault(one.attributes["machine"], one)
            last[one.attributes["machine"]] = one
    found = [[machine, iso(first[machine].time), iso(one.time), one.event] for machine, one in last.items()]
    return sorted(found, key=lambda row: row[2])[:5]


def without_trace(records: Iterable[Record]) -> list[list[Any]]:
    """5: events without a trace by service and type."""
    counted = Counter((one.service, one.event) for one in records if one.event and not one.trace)
    return [[*key, count] for key, count in sorted(counted.items(), key=lambda item: (-item[1], item[0]))]


def peak(records: Iterable[Record]) -> list[list[Any]]:
    """7: the fullest minutes."""
    counted = Counter(one.time // (60 * _SECOND) for one in records if one.event)
    fullest = sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:3]
    return [[iso(minute * 60 * _SECOND), count, round(count / 60, 3)] for minute, count in fullest]


def largest_tenants(records: Iterable[Record]) -> list[list[Any]]:
    """8: tenants by the number of their events."""
    counted = Counter(str(one.attributes["tenant"]) for one in records if one.event)
    return [[tenant, count] for tenant, count in sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:5]]


def never_ended(records: Iterable[Record]) -> list[list[Any]]:
    """9: jobs with a start and no end."""
    open_jobs: dict[Any, Record] = {}
    for one in records:
        if one.event == "jobStarted":
            open_jobs[one.attributes["job"]] = one
        elif one.event in ("jobFinished", "jobFailed"):
            del open_jobs[one.attributes["job"]]
    found = sorted(open_jobs.items(), key=lambda item: (item[1].time, str(item[0])))[:5]
    return [[job, one.attributes["tenant"], one.attributes["machine"], iso(one.time)] for job, one in found]


def latencies(records: Iterable[Record]) -> list[list[Any]]:
    """10: from the start to the end of jobs, by tenant."""
    started: dict[Any, Record] = {}
    by: dict[Any, list[int]] = defaultdict(list)
    for one in records:
        if one.event == "jobStarted":
            started[one.attributes["job"]] = one
        elif one.event == "jobFinished":
            start = started[one.attributes["job"]]
            by[start.attributes["tenant"]].append(one.time - start.time)
    found = [
        [tenant, len(of), float(round(statistics.median(of) / 1e6)), float(round(quantile(of, 0.99) / 1e6))]
        for tenant, of in by.items()
    ]
    return sorted(found, key=lambda row: (-float(row[2]), str(row[0])))[:5]


def quantile(values: list[int], share: float) -> float:
    """Between the two values that stand at this share, in proportion."""
    ordered = sorted(values)
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def iso(nanoseconds: int) -> str:
    """As the command writes a time."""
    seconds, rest = divmod(nanoseconds, _SECOND)
    fraction = f"{rest // 1000:06d}"
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{fraction.removesuffix('000')}Z"


# The number of the command on the page, and the script. Commands 2 and 6 show plots and trees.
ANSWERS: tuple[tuple[int, Callable[[Iterable[Record]], list[list[Any]]]], ...] = (
    (0, share_of_errors),
    (1, storms),
    (3, slowest_restarts),
    (4, busiest_machines),
    (5, first_and_last),
    (6, without_trace),
    (8, peak),
    (9, largest_tenants),
    (10, never_ended),
    (11, latencies),
)


@pytest.mark.parametrize(("number", "script"), ANSWERS, ids=lambda value: getattr(value, "__name__", ""))
def test_an_answer_is_that_of_a_plain_script(
    number: int,
    script: Callable[[Iterable[Record]], list[list[Any]]],
    day: Path,
    records: list[Record],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Row by row, from the records that the generator made, not from what was read."""
    expected = script(records)

    assert expected != []
    assert rows(day, number, monkeypatch=monkeypatch) == [[str(value) for value in row] for row in expected]


def test_a_trace_has_all_that_belongs_to_it(day: Path, records: list[Record], monkeypatch: pytest.MonkeyPatch) -> None:
    """6: every record and every span of the trace, in order of time."""
    monkeypatch.chdir(day)
    arguments = COMMANDS[7].arguments
    prefix = arguments[arguments.index("--trace") + 1]
    belonging = [item for item in Fleet(COUNT).story() if item.trace.startswith(prefix)]

    assert len(belonging) > 3
    assert len(command(*arguments).out.splitlines()) == len(belonging)
    assert [row[2] for row in rows(day, 7, monkeypatch=monkeypatch)] == [item.service for item in belonging]


def write_outputs() -> None:
    """Replace the outputs on the page by real ones."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        fleet.write(Path("fleet.jsonl"), COUNT)

        def replaced(match: re.Match[str]) -> str:
            done = command(*shlex.split(match["line"]))
            print(done.code, done.err)
            return f"```sh\notel-ctxlog events {match['line']}```\n\n```text\n{done.out}```\n"

        PAGE.write_text(_COMMAND.sub(replaced, PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def measure(count: int, file: Path | None, more: list[str]) -> None:
    """Run every command as a process on a day of `count` records, and print what it takes."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        if file is None:
            fleet.write(Path("fleet.jsonl"), count)
        else:
            Path("fleet.jsonl").symlink_to(file.resolve())
        for question in COMMANDS:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            began = time.monotonic()
            subprocess.run(
                [*PROGRAM, *question.arguments, *more], check=True, stdout=subprocess.DEVNULL, env=environment()
            )
            seconds = time.monotonic() - began
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            print(
                f"{seconds:5.1f} s  {cpu:5.1f} s CPU  {after.ru_maxrss >> 10:4d} MiB at most  {question.arguments[1:5]}"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--time", action="store_true")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--file", type=Path)
    parsed, rest = parser.parse_known_args()
    if parsed.time:
        measure(parsed.count, parsed.file, rest)
    else:
        write_outputs()
