from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from otel_ctxlog.questions import lines as reading
from otel_ctxlog.questions.asking import Count, Records
from otel_ctxlog.questions.wanted import Filters
from tests.questions.asked import ask, command
from tests.questions.lines import event, logs

if TYPE_CHECKING:
    from pathlib import Path

GOOD = logs(event("a", n=1)).encode()
COUNT = ("--count-by", "eventType", "--format", "csv")

BROKEN = {
    "cut in half": GOOD[: len(GOOD) // 2] + b"\n",
    "no JSON": b"hello\n",
    "two objects": GOOD.strip() + GOOD,
    "not UTF-8": GOOD.replace(b'"a"', b'"\xff"'),
    "half a pair of surrogates": GOOD.replace(b'"a"', rb'"\ud800"'),
    "a NUL": b"\0\n",
    "JSON of another kind": b"[]\n",
    "an object of another kind": b'{"a": 1}\n',
    "a number": b"3\n",
    "records that are no list": b'{"resourceLogs": {}}\n',
    "a record that is none": b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[3]}]}]}\n',
    "attributes that are an object": b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"attributes":{}}]}]}]}\n',
    "a time that is none": GOOD.replace(b'"timeUnixNano": "', b'"timeUnixNano": "x'),
    "a time of more than 64 bit": GOOD.replace(b'"timeUnixNano": "', b'"timeUnixNano": "99999999'),
    "nested too deeply": b"[" * 100_000 + b"\n",
    "a body nested too deeply": b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":'
    + b'{"arrayValue":{"values":[' * 20_000
    + b"]}}" * 20_000
    + b"}]}]}]}\n",
    "NaN": b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"doubleValue":NaN}}]}]}]}\n',
}


@pytest.mark.parametrize("at", [0, 1, 2], ids=["first", "between", "last"])
@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_line_costs_only_itself(what: str, at: int, tmp_path: Path) -> None:
    """Wherever it stands, the other lines are counted, its place is named, and the exit code is 3."""
    file = tmp_path / "some.jsonl"
    whole = [GOOD, GOOD]
    whole.insert(at, BROKEN[what])
    file.write_bytes(b"".join(whole))
    done = command(file, *COUNT)

    assert done.out == "eventType,count\na,2\n"
    assert done.err.startswith(f"1 broken line left out:\n  {file}:{at + 1}: ")
    assert done.err.splitlines()[1].split(": ")[1].split()[0] in ("not", "nested")
    assert len(done.err) < 400
    assert done.err.count("\n") == 2
    assert done.code == 3


def test_an_integer_that_is_none_breaks_the_line_that_needs_it(tmp_path: Path) -> None:
    """What a question does not look at is not checked."""
    file = tmp_path / "some.jsonl"
    file.write_bytes(GOOD + GOOD.replace(b'"intValue": "1"', b'"intValue": "one"'))

    assert command(file, *COUNT).code == 0
    assert command(file, "--count-by", "n", "--format", "csv").out == "n,count\n1,1\n"
    assert "some.jsonl:2: not OTLP JSON: expected an integer, found 'one'" in command(file, "--count-by", "n").err


def test_nothing_of_a_broken_line_counts(tmp_path: Path) -> None:
    """Neither its whole records nor the kinds of their values: a number stays a number."""
    file = tmp_path / "some.jsonl"
    bad = logs(event("bad", n="text"), event("bad", n=1)).encode().replace(b'"intValue": "1"', b'"intValue": "one"')
    file.write_bytes(GOOD + bad)
    done = command(file, "--where", "n + 1 = 2", "--count-by", "eventType", "--format", "csv")

    assert (done.code, done.out) == (3, "eventType,count\na,1\n")


def test_places_are_right_in_every_file_and_chunk(tmp_path: Path) -> None:
    """Lines are counted from 1 in each file, blank ones too, however the files are cut into chunks."""
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl.gz"
    first.write_bytes(GOOD + b"\n" + b"\xef\xbb\xbf\r\n" + GOOD * 3 + b"x\n" + GOOD)
    second.write_bytes(gzip.compress(GOOD * 5 + b"y\n"))
    question = Count(Records(filters=Filters()), by=("eventType",))
    for size in (40, 100, 700, 1 << 20):
        rows, found = ask(question, first, second, chunk_size=size)

        assert rows == [("a", 10)]
        assert [(broken.source, broken.line) for broken in found.broken] == [
            (str(first), 3),
            (str(first), 7),
            (str(second), 6),
        ]


def test_a_byte_order_mark_and_windows_line_ends_are_no_harm(tmp_path: Path) -> None:
    """A file that an editor has been at."""
    file = tmp_path / "some.jsonl"
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n") * 2)
    done = command(file, *COUNT)

    assert (done.code, done.out, done.err) == (0, "eventType,count\na,2\n", "")


def test_many_broken_lines_are_a_few_lines(tmp_path: Path) -> None:
    """The first 20 are named, the rest is a number."""
    file = tmp_path / "some.jsonl"
    file.write_bytes(b"x\n" * 1_000 + GOOD)
    done = command(file, *COUNT)

    assert done.out == "eventType,count\na,1\n"
    assert done.err.startswith("1,000 broken lines left out:\n")
    assert done.err.endswith("\n  and 980 more\n")
    assert done.err.count("\n") == 22


def test_the_last_line_may_be_unfinished(tmp_path: Path) -> None:
    """A file that is still written to ends anywhere: that is said, and is no error."""
    file = tmp_path / "some.jsonl"
    file.write_bytes(GOOD + GOOD[:-20])
    done = command(file, *COUNT)

    assert (done.code, done.out) == (0, "eventType,count\na,1\n")
    assert done.err.startswith(f"note: the last line is not finished: {file}:2: not JSON: ")

    file.write_bytes(GOOD + GOOD.rstrip(b"\n"))

    assert command(file, *COUNT).out == "eventType,count\na,2\n"


def test_a_line_that_is_too_long_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows it is read; several in one file are several."""
    monkeypatch.setattr(reading, "LONGEST_LINE", 4_000)
    file = tmp_path / "some.jsonl"
    endless = logs(event("endless", text="x" * 20_000)).encode()
    file.write_bytes(GOOD + endless + GOOD + endless + endless + GOOD)
    for size in (100, 1_000):
        rows, found = ask(Count(Records(filters=Filters()), by=("eventType",)), file, chunk_size=size)

        assert [broken.line for broken in found.broken] == [2, 4, 5]
        assert rows == [("a", 3)]


def test_a_file_of_something_else_is_all_broken(tmp_path: Path) -> None:
    """A binary file gives no answer, and as many broken lines as it seems to have."""
    file = tmp_path / "some.bin"
    file.write_bytes(bytes(range(256)) * 10)
    done = command(file, *COUNT)

    assert (done.code, done.out) == (3, "eventType,count\n")
    assert "broken lines left out" in done.err
    assert all(character.isprintable() or character == "\n" for character in done.err)


def test_the_schema_counts_nothing_of_a_broken_line(tmp_path: Path) -> None:
    """Not even what was read of it before it turned out to be broken."""
    file = tmp_path / "some.jsonl"
    broken = {**event("a", half=1), "timeUnixNano": "never"}
    file.write_text(logs(event("a", whole=1)) + logs(event("a", whole=1, half=1), broken) + logs(event("a", whole=1)))
    done = command(file, "--schema")

    assert done.code == 3
    assert done.out.endswith("\nevents  whole            2  integer\n")
    assert "half" not in done.out
