from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from otel_ctxlog.questions.asking import Count, Records
from otel_ctxlog.questions.wanted import Filters
from tests.questions.asked import ask, command
from tests.questions.lines import TRACE, event, log, logs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Five events, of which two came twice, one of them in another request, and one has no id; and a log record."""
    one = event("placed", {"log.record.uid": "01A", "tenant": "acme"}, at=1, trace=TRACE)
    two = event("placed", {"log.record.uid": "01B", "tenant": "globex"}, at=2)
    plain = log("text", attributes=[{"key": "log.record.uid", "value": {"stringValue": "01C"}}])
    path = tmp_path / "some.jsonl"
    path.write_text(logs(one, two, two, event("b", at=3)) + logs(one, event("b", at=3), plain, plain))
    return path


LEFT_OUT = "{} left out whose log.record.uid had come before\n"


@pytest.mark.parametrize(
    ("options", "expected", "left_out"),
    [
        (("--count-by", "eventType"), "eventType,count\nb,2\nplaced,2\n", "2 log records"),
        (("--count-by", "tenant", "--type", "placed"), "tenant,count\nacme,1\nglobex,1\n", "2 log records"),
        (("--sql", "SELECT count(*) AS n, max(seq) AS last FROM logs"), "n,last\n5,6\n", "3 log records"),
        (("--columns", "tenant", "--where", "tenant = 'acme'"), "tenant\nacme\n", "2 log records"),
        (("--trace", TRACE, "--columns", "tenant"), "tenant\nacme\n", "1 log record"),
    ],
)
def test_distinct_keeps_the_first_of_each_id(
    options: tuple[str, ...], expected: str, left_out: str, file: Path
) -> None:
    """In every kind of question; records without an id all count, and how many were left out is said."""
    done = command(file, "--distinct", "--format", "csv", *options)

    assert (done.code, done.out, done.err) == (0, expected, LEFT_OUT.format(left_out))


def test_trees_and_plots_leave_duplicates_out_too(file: Path) -> None:
    """What is drawn is the same as what is counted."""
    assert command(file, "--trace", TRACE).out.count("\n") == 2
    assert command(file, "--trace", TRACE, "--distinct").out.count("\n") == 1
    assert "4 events" in command(file, "--timeline", "--distinct").out


def test_without_distinct_everything_counts(file: Path) -> None:
    """What is in the files is the answer, unless somebody asks otherwise."""
    done = command(file, "--count-by", "eventType", "--format", "csv")

    assert (done.out, done.err) == ("eventType,count\nplaced,4\nb,2\n", "")


def test_duplicates_are_found_across_files_and_processes(tmp_path: Path) -> None:
    """Whoever reads them."""
    files = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for path in files:
        lines = (logs(*(event("a", {"log.record.uid": f"{n}-{i}"}) for i in range(50))) for n in range(40))
        path.write_text("".join(lines))
    question = Count(Records(filters=Filters(), distinct=True), by=("eventType",))

    assert ask(question, *files, jobs=2, chunk_size=40_000)[0] == [("a", 2_000)]
