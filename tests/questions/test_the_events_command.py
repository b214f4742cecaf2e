from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from tests.questions import fleet
from tests.questions.asked import PROGRAM, command, environment, process
from tests.questions.lines import TRACE, event, log, logs, span, spans

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    file = tmp_path / "orders.jsonl"
    file.write_text(
        logs(
            event("orderPlaced", {"tenant": "acme", "total": 100, "http.route": "/orders"}),
            event("orderPlaced", at=61, tenant="globex", total=7, trace=TRACE),
            event("orderFailed", at=62, tenant="acme", retry=4),
            log("plain text", at=63, severity=17),
        )
        + logs(event("stockReserved", at=64, tenant="acme", trace=TRACE, total=2.5), service="stock"),
        encoding="utf-8",
    )
    return file


def test_without_a_question_events_are_listed(orders: Path) -> None:
    """In order of time, a line each, plain records only on demand."""
    assert command(orders).out == (
        "2026-11-20 12:00:00.000 INFO  shop  orderPlaced   tenant=acme total=100 http.route=/orders\n"
        "2026-11-20 12:01:01.000 INFO  shop  orderPlaced   tenant=globex total=7  5b8efff7\n"
        "2026-11-20 12:01:02.000 INFO  shop  orderFailed   tenant=acme retry=4\n"
        "2026-11-20 12:01:04.000 INFO  stock stockReserved tenant=acme total=2.5  5b8efff7\n"
    )
    assert "2026-11-20 12:01:03.000 ERROR shop                plain text\n" in command(orders, "--logs").out
    assert command(orders, "--newest", "--limit", "1").out.startswith("2026-11-20 12:01:04.000")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--type", "orderPlaced"), "100 7"),
        (("--type", "order*", "--type", "stockReserved"), "100 7 - 2.5"),
        (("--type", "ORDER*"), ""),
        (("--service", "st*"), "2.5"),
        (("--since", "2026-11-20T12:01:01"), "7 - 2.5"),
        (("--until", "2026-11-20T13:01:01+01:00"), "100"),
        (("--since", "1m"), ""),
        (("--trace", "5B8E"), "7 2.5"),
        (("--severity", "error", "--logs"), "-"),
        (("--where", "total > 5"), "100 7"),
        (("--where", "retry > 3"), "-"),
        (("--where", "tenant = 'acme' and http.route like '/o%'"), "100"),
        (("--where", "events.tenant = 'acme' -- only\n"), "100 - 2.5"),
        (("--where", "total is null or Service = 'stock'"), "- 2.5"),
        (("--where", "attributes->>'tenant' = 'globex'"), "7"),
        (("--where", "time > '2026-11-20 12:01:02' "), "2.5"),
        (("--where", "\"service.name\" = 'stock'"), "2.5"),
        (("--where", "service.name = 'stock'"), "2.5"),
        (("--limit", "2"), "100 7"),
        (("--newest", "--limit", "2"), "2.5 -"),
    ],
)
def test_what_can_be_chosen(options: tuple[str, ...], expected: str, orders: Path) -> None:
    """Each filter for itself."""
    done = command(orders, "--columns", "total", "--format", "csv", *options)

    given = ["-" if value == '""' else f"{float(value):g}" for value in done.out.split("\n")[1:-1]]

    assert given == expected.split()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--count-by", "tenant"), "tenant,count\nacme,3\nglobex,1\n"),
        (("--count-by", "tenant,eventType", "--top", "1"), "tenant,eventType,count\nacme,orderFailed,1\n"),
        (("--count-by", "nobody"), "nobody,count\n,4\n"),
        (("--count-by", "severity", "--logs"), "severity,count\nINFO,4\nERROR,1\n"),
        (
            ("--rate", "1m"),
            "time,count,per_second\n2026-11-20T12:00:00.000Z,1,0.017\n2026-11-20T12:01:00.000Z,3,0.05\n",
        ),
        (("--rate", "1m", "--top", "1"), "time,count,per_second\n2026-11-20T12:01:00.000Z,3,0.05\n"),
        (
            ("--rate", "1h", "--by", "tenant"),
            "time,tenant,count,per_second\n2026-11-20T12:00:00.000Z,acme,3,0.001\n2026-11-20T12:00:00.000Z,globex,1,0.0\n",
        ),
        (("--sql", "SELECT count(*) AS n, sum(total) FROM logs"), "n,sum(total)\n5,109.5\n"),
        (("--sql", "SELECT http.route FROM events WHERE http.route IS NOT NULL;"), "http.route\n/orders\n"),
        (("--sql", "SELECT e.http.route AS r FROM events AS e ORDER BY ALL LIMIT 1"), "r\n/orders\n"),
        (("--sql", "WITH a AS (SELECT * FROM events) SELECT max(total) AS m FROM a"), "m\n100.0\n"),
        (("--sql", "SELECT total FROM events ORDER BY #1 LIMIT 1"), "total\n2.5\n"),
        (("--service", "stock", "--sql", "SELECT count(*) AS n FROM events"), "n\n1\n"),
    ],
)
def test_what_can_be_asked(options: tuple[str, ...], expected: str, orders: Path) -> None:
    """Counts, rates and own SQL, to the letter."""
    assert command(orders, "--format", "csv", *options).out == expected


def test_tables_are_for_people(orders: Path) -> None:
    """Numbers stand right, names at the top."""
    assert command(orders, "--count-by", "tenant,http.route").out == (
        "tenant  http.route  count\n"
        "──────  ──────────  ─────\n"
        "acme                    2\n"
        "acme    /orders         1\n"
        "globex                  1\n"
    )


def test_json_lines_hold_values(orders: Path) -> None:
    """Numbers are numbers, attributes an object, times ISO 8601."""
    first = json.loads(command(orders, "--format", "jsonl", "--limit", "1").out)

    assert first == {
        "time": "2026-11-20T12:00:00.000Z",
        "service": "shop",
        "severity": "INFO",
        "eventType": "orderPlaced",
        "body": None,
        "scope": "test",
        "trace_id": None,
        "span_id": None,
        "attributes": {"tenant": "acme", "total": 100, "http.route": "/orders"},
    }


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet", "txt"])
def test_the_answer_goes_into_a_file(ending: str, orders: Path, tmp_path: Path) -> None:
    """Its ending says the format; it replaces what was there, and nothing goes to standard output."""
    out = tmp_path / f"answer.{ending}"
    out.write_text("before")
    done = command(orders, "--count-by", "tenant", "-o", out)

    assert (done.code, done.out, done.err) == (0, "", "")
    if ending == "parquet":
        assert duckdb.connect().execute(f"SELECT * FROM '{out}'").fetchall() == [("acme", 3), ("globex", 1)]
    elif ending == "csv":
        assert list(csv.reader(io.StringIO(out.read_text()))) == [["tenant", "count"], ["acme", "3"], ["globex", "1"]]
    elif ending == "jsonl":
        assert [json.loads(line)["count"] for line in out.read_text().splitlines()] == [3, 1]
    else:
        assert out.read_text().startswith("tenant  count\n")


def test_a_whole_list_as_parquet(orders: Path, tmp_path: Path) -> None:
    """With types: what was exported can be asked again."""
    out = tmp_path / "all.parquet"
    command(orders, "--logs", "-o", out)
    rows = duckdb.connect().execute(f"SELECT typeof(time), service, attributes->>'tenant' FROM '{out}'").fetchall()

    assert rows[0] == ("TIMESTAMP", "shop", "acme")
    assert len(rows) == 5


def test_an_input_is_never_overwritten(orders: Path) -> None:
    """Not under another name either."""
    before = orders.read_bytes()
    other = orders.with_name("link.jsonl")
    other.symlink_to(orders)
    done = command(orders, "-o", other)

    assert done.code == 2
    assert "is one of the files to read" in done.err
    assert orders.read_bytes() == before


@pytest.mark.parametrize("output", ["nowhere/answer.csv", "."])
def test_an_answer_that_has_no_place_is_told_at_once(output: str, orders: Path) -> None:
    """Before everything is read."""
    done = command(orders, "-o", output)

    assert (done.code, done.err) == (
        2,
        f"otel-ctxlog events: -o needs a file in a folder that exists, but got {output!r}\n",
    )


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ((), "the following arguments are required: FILE"),
        (("x", "--rate", "soon"), "argument --rate: a duration must be a number of seconds above 0"),
        (("x", "--by", "tenant"), "--by belongs to --rate or --timeline"),
        (("x", "--top", "3"), "--top belongs to --count-by, --rate or --timeline"),
        (("x", "--count-by", "a", "--top", "3", "--limit", "3"), "--top and --limit are alternatives"),
        (("x", "--count-by", "a", "--rate", "1m"), "argument --rate: not allowed with argument --count-by"),
        (("x", "--count-by", "a,,b"), "names with commas between are needed, like tenant,eventType, found 'a,,b'"),
        (("x", "--sql", "SELECT 1", "--where", "a"), "--where does not go with --sql"),
        (("x", "--timeline", "--format", "csv"), "--timeline has no format csv; --rate has"),
        (("-", "-"), "standard input can be read once"),
        (("x", "--limit", "-1"), "a number from 0 is needed, found '-1'"),
        (("x", "--newest", "--count-by", "a"), "--newest belongs to a list"),
        (("x", "--tipe", "a"), "unrecognized arguments: --tipe a"),
    ],
)
def test_a_wrong_command_line_is_2(options: tuple[str, ...], complaint: str) -> None:
    """Nothing is read, and one line says what is wrong."""
    done = command(*options)

    assert (done.code, done.out) == (2, "")
    assert complaint in done.err


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--since", "yesterday"), "a moment must be like '2026-11-20T13:37:00'"),
        (
            ("--severity", "loud"),
            "a severity is one of trace, debug, info, warn, error, fatal, or 1 to 24, but got 'loud'",
        ),
        (("--trace", "xyz"), "a trace id has up to 32 hexadecimal digits, but got 'xyz'"),
        (("--where", "total >"), "--where: syntax error"),
        (("--where", "1) FROM events; DROP TABLE x; SELECT (1"), "--where"),
        (("--where", "total in (SELECT 1 FROM spans)"), "--where must be a condition on one record"),
        (("--sql", "DROP TABLE logs_rows"), "--sql must be a SELECT"),
        (("--sql", "SELECT 1; SELECT 2"), "--sql must be one SELECT"),
        (("--sql", "SELECT nothing FROM events"), "Binder Error"),
        (("--sql", "SELECT 1 FROM evints"), "Catalog Error"),
        (("--memory", "lots"), "'lots' is no amount of memory; allowed: like 500MB, 2GB"),
        (("--count-by", "tenant,Tenant"), "'tenant' and 'Tenant' differ in case only"),
    ],
)
def test_a_question_that_is_not_understood_is_2(options: tuple[str, ...], complaint: str, orders: Path) -> None:
    """The complaint says what was found, and nothing is answered."""
    done = command(orders, *options)

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("otel-ctxlog events: ")
    assert complaint in done.err


def test_mistyped_names_are_told(orders: Path) -> None:
    """A name that no record has is no error, but the nearest one is named."""
    done = command(orders, "--where", "tenat = 'acme'", "--count-by", "tennant")

    assert done.code == 0
    assert "note: no record has an attribute 'tenat'; did you mean 'tenant'?\n" in done.err
    assert "note: no record has an attribute 'tennant'; did you mean 'tenant'?\n" in done.err
    assert "did you mean 'tenant'?" in command(orders, "--sql", "SELECT tennant FROM events").err


def test_values_of_several_kinds_are_told(tmp_path: Path) -> None:
    """Text cannot be compared with a number: the complaint says which attribute, and what to write."""
    file = tmp_path / "some.jsonl"
    file.write_text(logs(event("a", retry=4), event("a", retry="often")))
    done = command(file, "--where", "retry > 3")

    assert done.code == 2
    assert "attribute 'retry' has values of several kinds (text, integers), so it is text" in done.err
    assert (
        command(file, "--where", "try_cast(retry as double) > 3", "--columns", "retry", "--format", "csv").out
        == "retry\n4\n"
    )


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('{file}')",
        "SELECT * FROM read_csv('{file}')",
        "SELECT * FROM '{file}'",
        "SELECT * FROM glob('{file}')",
        "SELECT * FROM sqlite_scan('{file}', 'x')",
        "SELECT * FROM read_json('https://example.com/x.json')",
        "SELECT * FROM orders",
        "SELECT * FROM query('COPY (SELECT 1) TO ''{file}''')",
        "COPY (SELECT 1) TO '{file}'",
        "SET enable_external_access = true",
        "ATTACH '{file}' AS other",
        "INSTALL httpfs",
        "PRAGMA database_list",
        "CREATE TABLE x AS SELECT 1",
        "DELETE FROM logs_rows",
        "SELECT 1; COPY (SELECT 1) TO '{file}'",
        "EXPLAIN ANALYZE SELECT 1",
    ],
)
def test_sql_reads_nothing_but_the_records(sql: str, orders: Path, tmp_path: Path) -> None:
    """No file, no network, no variable of ours, and nothing is written."""
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    done = command(orders, "--sql", sql.format(file=secret))

    assert done.code == 2
    assert "secret\n" not in done.out
    assert secret.read_text() == "secret"
    assert {path.name for path in tmp_path.iterdir()} == {"orders.jsonl", "secret.txt"}


def test_the_schema(orders: Path) -> None:
    """Without files the views; with some, their attributes and kinds of values as well."""
    without, with_file = command("--schema"), command(orders, "--schema")

    assert without.code == 0
    assert "eventType" in without.out
    assert with_file.out.startswith(without.out)
    assert re.search(r"^events +total +3 +integer, double$", with_file.out, re.MULTILINE)
    assert re.search(r"^events +tenant +4 +text$", with_file.out, re.MULTILINE)


def test_a_trace_that_is_not_unique_is_several(tmp_path: Path) -> None:
    """The beginning of an id may stand for several traces: each is shown under its own."""
    file = tmp_path / "some.jsonl"
    other = TRACE[:8] + "f" * 24
    file.write_text(
        spans(span("one", at=0, ms=2, trace=TRACE, id="a" * 16), span("two", at=1, ms=2, trace=other, id="b" * 16))
        + logs(event("e", at=0.001, trace=TRACE, span="a" * 16), log("lost", at=2, traceId=other, spanId="c" * 16))
    )

    assert command(file, "--trace", TRACE[:6]).out == (
        f"trace {TRACE}\n"
        "     +0.0 ms  shop  ┌ one, 2.0 ms\n"
        "     +1.0 ms  shop  │ INFO  ◆ e\n"
        f"trace {other}\n"
        "     +0.0 ms  shop  ┌ two, 2.0 ms\n"
        " +1,000.0 ms  shop  INFO  lost\n"
    )
    assert command(file, "--trace", TRACE, "--format", "csv").out.count("\n") == 3
    assert command(file, "--trace", TRACE, "--count-by", "eventType", "--format", "csv").out == "eventType,count\ne,1\n"


def test_a_limit_is_told(tmp_path: Path) -> None:
    """A list on a table ends after 100 records and says how many more there are; other formats have all."""
    file = tmp_path / "some.jsonl"
    file.write_text(logs(*(event("e", n=n) for n in range(250))))
    listed = command(file)

    assert (listed.out.count("\n"), listed.err) == (100, "150 more are not shown; --limit 0 shows all\n")
    assert command(file, "--limit", "0").out.count("\n") == 250
    assert command(file, "-o", tmp_path / "all.txt").err == ""
    assert (tmp_path / "all.txt").read_text(encoding="utf-8").count("\n") == 250
    assert command(file, "--limit", "0").err == ""
    assert command(file, "--format", "csv").out.count("\n") == 251


def test_the_extra_is_named_where_it_is_missing(orders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, with the command that brings it."""
    monkeypatch.setitem(sys.modules, "duckdb", None)
    done = command(orders)

    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "otel-ctxlog events: otel-ctxlog events needs an optional dependency: pip install 'otel-ctxlog[events]'\n"
    )


def test_help_needs_no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does a wrong command line."""
    monkeypatch.setitem(sys.modules, "duckdb", None)
    monkeypatch.setitem(sys.modules, "msgspec", None)

    assert command("--help").code == 0
    assert command().code == 2


@pytest.mark.slow
def test_who_reads_the_answer_may_stop(tmp_path: Path) -> None:
    """`… | head` ends quietly, with the exit code that shells expect of it."""
    file = tmp_path / "some.jsonl"
    fleet.write(file, 20_000)
    for options in (("--limit", "0"), ("--format", "csv"), ("--format", "jsonl")):
        with subprocess.Popen(
            [*PROGRAM, str(file), *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
        ) as asking:
            assert asking.stdout is not None
            assert asking.stderr is not None
            asking.stdout.readline()
            asking.stdout.close()

            assert (asking.wait(30), asking.stderr.read()) == (141, b"")


@pytest.fixture
def caught(number: signal.Signals) -> Iterator[None]:
    """A signal that this process does not ignore, as `nohup` would have it: nor do those that it starts, then."""
    before = signal.signal(number, signal.default_int_handler)
    yield
    signal.signal(number, before)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("group", [True, False], ids=["whole group", "this process"])
@pytest.mark.usefixtures("caught")
def test_a_signal_ends_it_and_leaves_nothing(number: signal.Signals, group: bool, tmp_path: Path) -> None:
    """While processes read: quietly, soon, with 128 and the signal's number, and without files or processes left."""
    file = tmp_path / "some.jsonl"
    fleet.write(file, 20_000)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    data = file.read_bytes()
    with subprocess.Popen(
        [*PROGRAM, str(file), "-", "--format", "jsonl", "--jobs", "2"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**environment(), "TMPDIR": str(temporary)},
        start_new_session=True,
    ) as asking:
        assert asking.stdin is not None
        assert asking.stderr is not None
        try:
            for _ in range(4):
                asking.stdin.write(data)
            asking.stdin.flush()
            deadline = time.monotonic() + 20
            while not _children(asking.pid) and time.monotonic() < deadline:
                time.sleep(0.05)
            (os.killpg if group else os.kill)(asking.pid, number)
            with suppress(BrokenPipeError):
                asking.stdin.close()

            assert (asking.stderr.read(), asking.wait(20)) == (b"", 128 + number)
            assert list(temporary.iterdir()) == []
        finally:
            asking.kill()


def _children(process: int) -> list[str]:
    return Path(f"/proc/{process}/task/{process}/children").read_text(encoding="utf-8").split()


def on_a_terminal(*arguments: str, columns: int, **variables: str) -> str:
    """What the command writes to a terminal of this width, standard error included."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update({**environment(), "COLUMNS": str(columns), "TERM": "xterm", **variables})
        os.execv(sys.executable, [*PROGRAM, *arguments])
    written = b""
    with suppress(OSError):
        while select.select([terminal], [], [], 30)[0] and (piece := os.read(terminal, 65_536)):
            written += piece
    os.waitpid(pid, 0)
    os.close(terminal)
    return written.decode().replace("\r\n", "\n")


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 200])
def test_everything_fits_on_a_terminal(columns: int, tmp_path: Path) -> None:
    """No line of any view is wider than the terminal; colours only there, and not with NO_COLOR."""
    file = tmp_path / "some.jsonl"
    fleet.write(file, 3_000)
    trace = command(file, "--sql", "SELECT min(trace_id) FROM spans", "--format", "csv").out.split()[1]
    for options in (
        (),
        ("--logs", "--newest"),
        ("--count-by", "tenant,eventType,machine,job,error,http.route,http.response.status_code"),
        ("--columns", "time,service,tenant,job,machine,retry,error,attributes,trace_id"),
        ("--timeline",),
        ("--timeline", "--by", "eventType,tenant"),
        ("--trace", trace),
        ("--schema",),
    ):
        plain = on_a_terminal(str(file), *options, columns=columns, NO_COLOR="1")

        assert "\x1b" not in plain
        assert max(map(len, plain.splitlines())) <= columns
        assert max(map(len, plain.splitlines())) > columns // 2 or columns == 200

    painted = on_a_terminal(str(file), columns=columns)

    assert "\x1b[" in painted
    assert "\x1b" not in process(file).out


@pytest.mark.slow
def test_progress_is_shown_on_a_terminal_and_gone_at_the_end(tmp_path: Path) -> None:
    """A bar on standard error while it takes long; nothing of it is left, and nothing of it in a pipe."""
    file = tmp_path / "some.jsonl"
    fleet.write(file, 60_000)
    shown = on_a_terminal(str(file), "--count-by", "severity", "--jobs", "1", columns=80)
    before, _, after = shown.rpartition("\r\x1b[K")

    assert re.search(r"reading ▕█.{23}▏ +\d+%  \d+ MB  [\d,]+ records  \d+ MB/s", before)
    assert "reading" not in after
    assert "severity" in after
    assert process(file, "--count-by", "severity").err == ""
