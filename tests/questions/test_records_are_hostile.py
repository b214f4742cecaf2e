from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest

from otel_ctxlog.questions.cells import width
from tests.questions.asked import command
from tests.questions.lines import SECOND, TRACE, event, log, logs, span, spans

if TYPE_CHECKING:
    from pathlib import Path

NASTY = (
    "\x1b[2J\x1b]0;pwned\x07 \r\n\t\x00\x9b31m \u202egnp.exe\u2066 \u2028\u2029 \u200b\ufeff \U000e0001 "
    "'\"`$(reboot); -- \\"
)
VIEWS = (
    (),
    ("--logs",),
    ("--count-by", "eventType,tenant,service"),
    ("--columns", "eventType,tenant,body,attributes,resource"),
    ("--rate", "1s", "--by", "tenant"),
    ("--timeline", "--by", "tenant,service"),
    ("--trace", TRACE),
    ("--sql", "SELECT * FROM logs"),
    ("--sql", "SELECT [tenant, tenant] AS a, {'x': tenant} AS b, name FROM events, spans"),
    ("--schema",),
)


@pytest.fixture
def nasty(tmp_path: Path) -> Path:
    file = tmp_path / "nasty.jsonl"
    records = [
        event(NASTY, {"tenant": NASTY, NASTY: NASTY}, trace=TRACE, span="00f067aa0ba902b7"),
        log(NASTY, severityText=NASTY, severityNumber=0),
        event("wide", tenant="京東" * 40, trace=TRACE, span="00f067aa0ba902b7"),
    ]
    file.write_text(
        logs(*records, service=NASTY)
        + spans(span(NASTY, at=0, ms=5, trace=TRACE, id="00f067aa0ba902b7"), service=NASTY),
        encoding="utf-8",
    )
    return file


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: " ".join(view)[:30] or "list")
def test_nothing_that_was_sent_moves_the_cursor(view: tuple[str, ...], nasty: Path) -> None:
    """Tables, lists, plots, trees and messages hold nothing but printable characters and line ends."""
    done = command(nasty, *view)

    assert done.code == 0
    assert [c for c in done.out + done.err if not c.isprintable() and c != "\n"] == []
    assert "wide" in done.out or view[:1] != ()


def test_a_complaint_about_a_value_is_escaped(nasty: Path) -> None:
    """DuckDB quotes the value that it cannot convert."""
    done = command(nasty, "--sql", "SELECT CAST(tenant AS INTEGER) FROM events")

    assert done.code == 2
    assert "Conversion Error" in done.err
    assert [c for c in done.err if not c.isprintable() and c != "\n"] == []


def test_a_record_is_one_line(nasty: Path) -> None:
    """Line breaks in texts make no lines."""
    assert command(nasty, "--logs").out.count("\n") == 3
    assert command(nasty, "--trace", TRACE).out.count("\n") == 3


def test_programs_get_what_was_sent(nasty: Path) -> None:
    """CSV and JSON lines hold the text as it is: nothing is escaped twice, nothing is lost."""
    columns = ("--columns", "eventType,tenant")
    as_json = [json.loads(line) for line in command(nasty, *columns, "--format", "jsonl").out.split("\n")[:-1]]
    # Before Python 3.11 the module `csv` reads no NUL.
    text = command(nasty, *columns, "--format", "csv").out.replace("\x00", "\ufffd")
    as_csv = list(csv.reader(io.StringIO(text, newline="")))

    assert as_json[0] == {"eventType": NASTY, "tenant": NASTY}
    assert as_csv[:2] == [["eventType", "tenant"], [NASTY.replace("\x00", "\ufffd")] * 2]


@pytest.mark.slow
def test_names_are_names_whatever_they_say(tmp_path: Path) -> None:
    """Attributes named like SQL, like our own columns, or like nothing at all are counted by their names."""
    file = tmp_path / "some.jsonl"
    names = ["select", "a b", 'x"; DROP TABLE logs_rows; --', "größe", "log_rows", "x", "t", "count", "rows", "place"]
    file.write_text(logs(*(event("e", {name: name}) for name in names)), encoding="utf-8")
    for name in names:
        for question in (("--count-by", name), ("--rate", "1s", "--by", name, "--top", "1"), ("--columns", name)):
            done = command(file, *question, "--format", "csv")

            assert (done.code, done.err) == (0, "")
            assert name in next(csv.reader(io.StringIO(done.out)))
            assert any(name in row for row in list(csv.reader(io.StringIO(done.out)))[1:]) or "--top" in question
        assert command(file, "--timeline", "--by", name).code == 0


def test_spans_that_are_parents_of_each_other_are_shown_once(tmp_path: Path) -> None:
    """A ring of spans, a span that is its own parent, and one of an unknown parent stand at the left."""
    file = tmp_path / "some.jsonl"
    of = [
        span("ring a", at=0, ms=1, trace=TRACE, id="a" * 16, parent="b" * 16),
        span("ring b", at=1, ms=1, trace=TRACE, id="b" * 16, parent="c" * 16),
        span("ring c", at=2, ms=1, trace=TRACE, id="c" * 16, parent="a" * 16),
        span("below the ring", at=-1, ms=1, trace=TRACE, id="d" * 16, parent="b" * 16),
        span("itself", at=3, ms=1, trace=TRACE, id="e" * 16, parent="e" * 16),
        span("lost", at=4, ms=1, trace=TRACE, id="f" * 16, parent="1" * 16),
    ]
    file.write_text(spans(*of), encoding="utf-8")
    shown = [line.split("shop  ")[1] for line in command(file, "--trace", TRACE).out.splitlines()]

    assert shown == [
        "┌ ring a, 1.0 ms",
        "│ ┌ ring c, 1.0 ms",
        "│ │ ┌ ring b, 1.0 ms",
        "│ │ │ ┌ below the ring, 1.0 ms",
        "┌ itself, 1.0 ms",
        "┌ lost, 1.0 ms",
    ]


def test_a_very_deep_trace_is_shown(tmp_path: Path) -> None:
    """Ten thousand spans below each other neither fail nor take long."""
    file = tmp_path / "some.jsonl"
    of = [
        span(
            f"s{depth}",
            at=depth / 1000,
            ms=1,
            trace=TRACE,
            id=f"{depth + 1:016x}",
            parent=f"{depth:016x}" if depth else "",
        )
        for depth in range(5_000)
    ]
    file.write_text(spans(*reversed(of)), encoding="utf-8")
    lines = command(file, "--trace", TRACE).out.splitlines()

    assert [line.rpartition("┌ ")[2] for line in lines] == [f"s{depth}, 1.0 ms" for depth in range(5_000)]
    assert max(map(width, lines)) < 150


def test_times_of_other_ages_are_shown(tmp_path: Path) -> None:
    """No time, the year 1970, and the last nanosecond of 63 bit in one file."""
    file = tmp_path / "some.jsonl"
    records = [event("none"), event("early"), event("late"), event("now")]
    for record, time in zip(records, (0, SECOND, 2**63 - 1), strict=False):
        record["timeUnixNano"] = str(time)
    file.write_text(logs(*records), encoding="utf-8")
    listed = command(file).out.splitlines()

    assert [line.split()[:2] for line in listed[1:]] == [
        ["1970-01-01", "00:00:01.000"],
        ["2026-11-20", "12:00:00.000"],
        ["2262-04-11", "23:47:16.854"],
    ]
    assert listed[0].startswith("-" * 23)
    assert command(file, "--timeline").code == 0
    assert "allowed: 100,000" in command(file, "--rate", "1s").err
    assert command(file, "--rate", "40000d").code == 2


def test_more_groups_than_anybody_can_read(tmp_path: Path) -> None:
    """A plot by an attribute of as many values as records stays a few lines."""
    file = tmp_path / "some.jsonl"
    file.write_text(logs(*(event("e", at=n, id=f"{n:05d}") for n in range(3_000))), encoding="utf-8")
    done = command(file, "--timeline", "--by", "id")

    assert done.out.count("\n") == 14
    assert done.out.endswith("2,990 more are not shown; --top 3000 shows all\n")
