from __future__ import annotations

import os
import pty
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.questions.asked import PROGRAM, command, environment
from tests.questions.lines import event, logs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "some.jsonl"
    path.write_text(logs(event("a", {"group": "g", "order-id": 7, "case": "x", "n": 1})), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("condition", "word", "name"),
    [
        ("group = 'g'", "group", '"group"'),
        ("n = 1 AND group = 'g'", "group", '"group"'),
        ("'äöü' <> '' and order-id > 3", "order", '"order-id"'),
        ("case = 'x'", "case", '"case"'),
        ("case is not null", "case", '"case"'),
    ],
)
def test_a_name_that_sql_uses_itself_needs_quotes(condition: str, word: str, name: str, file: Path) -> None:
    """The complaint says which one, and how it is written; and so written it works."""
    done = command(file, "--where", condition)

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("otel-ctxlog events: --where: syntax error")
    assert done.err.endswith(f"\n(SQL uses {word} itself; the attribute is written in quotes: {name})\n")
    assert command(file, "--where", condition.replace(name.strip('"'), name), "--format", "csv").out.count("\n") == 2


@pytest.mark.parametrize("condition", ["n = 1 and", "n = 1 and and n = 2", "(((= 3", "n >", "'open"])
def test_what_is_no_name_is_not_taken_for_one(condition: str, file: Path) -> None:
    """A condition that is just wrong gets no advice about quotes."""
    done = command(file, "--where", condition)

    assert (done.code, done.out) == (2, "")
    assert "in quotes" not in done.err


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (
            ("-o", "x.foo"),
            "-o 'x.foo' does not say a format: known are the endings .csv, .jsonl, .parquet, and ",
        ),
        (("-o", "x.json"), "; did you mean .jsonl?\n"),
        (("--sql", ""), "--sql must be one SELECT"),
        (("--sql", "SELECT 1", "--limit", "3"), "the SELECT of --sql can have a LIMIT of its own"),
        (("--timeline", "--limit", "3"), "--limit belongs to a list, --count-by or --rate"),
        (("--trace", "a", "--newest"), "--newest belongs to a list, not to the tree of a trace"),
        (("--schema", "--distinct"), "--distinct does not go with --schema, which keeps no records"),
        (("--since", "1m", "--until", "1m"), "--since must be before --until, but got --since 1m --until 1m"),
        (("--since", "2026-11-20", "--until", "2026-11-19"), "there is no time between them"),
    ],
)
def test_what_is_not_meant_is_refused(options: tuple[str, ...], complaint: str, file: Path) -> None:
    """Rather than half obeyed: nothing is answered, and the last line says why."""
    done = command(file, *options)

    assert (done.code, done.out) == (2, "")
    assert complaint in done.err
    assert done.err.count("\n") <= 2


def test_a_window_of_time_may_be_given_backwards_from_now(file: Path) -> None:
    """What is refused is an empty one only."""
    assert command(file, "--since", "1h", "--until", "10m").code == 0


@pytest.mark.parametrize("option", ["--where", "--sql", "--columns", "--count-by", "--type", "--service", "--memory"])
def test_bytes_that_are_no_text_are_refused(option: str, file: Path) -> None:
    """Arguments need not be UTF-8, but what is asked has to be; no traceback."""
    done = command(file, option, os.fsdecode(b"caf\xe9"))

    assert (done.code, done.out) == (2, "")
    assert done.err.endswith(f"otel-ctxlog events: error: argument {option}: expected UTF-8, found 'caf\\udce9'\n")


def test_a_file_may_have_any_name(tmp_path: Path) -> None:
    """Names of files are bytes, and are shown escaped."""
    name = tmp_path / os.fsdecode(b"caf\xe9.jsonl")

    assert "caf\\udce9.jsonl: No such file or directory\n" in command(name).err

    try:
        name.write_text(logs(event("a")), encoding="utf-8")
    except OSError:
        pytest.skip("a file system that takes UTF-8 only")

    assert command(name, "--count-by", "eventType", "--format", "csv").out == "eventType,count\na,1\n"


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_nothing_to_read_is_told(content: str, tmp_path: Path) -> None:
    """An empty file is no error, but what would be expected is said."""
    file = tmp_path / "empty.jsonl"
    file.write_text(content)
    expected = "nothing to read: expected lines of OTLP JSON, as `otel-ctxlog receive --keep FILE` writes them\n"

    assert (command(file).code, command(file).out, command(file).err) == (0, "", expected)
    assert command(file, "--count-by", "tenant", "--format", "csv").err.endswith(expected)


def test_a_terminal_is_told_that_it_is_read(tmp_path: Path) -> None:
    """Whoever forgets to redirect something sees what is waited for."""
    ours, terminal = pty.openpty()
    try:
        with subprocess.Popen(
            [*PROGRAM, "-", "--format", "csv"],
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            cwd=tmp_path,
        ) as asking:
            os.write(ours, b"\x04")
            try:
                out, err = asking.communicate(timeout=60)
            finally:
                with suppress(OSError):
                    asking.kill()
    finally:
        os.close(ours)
        os.close(terminal)

    assert asking.returncode == 0
    assert out.startswith(b"time,service,")
    assert err.startswith(b"reading lines of OTLP JSON from the terminal; Ctrl-D ends them\n")


def test_a_standard_input_that_is_closed_is_told(tmp_path: Path) -> None:
    """As in some services; no traceback."""
    done = subprocess.run(
        f"exec {' '.join(PROGRAM)} - <&-",
        shell=True,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment(),
        cwd=tmp_path,
    )

    assert (done.returncode, done.stdout, done.stderr) == (1, "", "otel-ctxlog events: standard input is closed\n")


def test_complaints_about_sql_show_what_was_asked(file: Path) -> None:
    """Without a word of ours in it, and the mark stands below the place."""
    shown = command(file, "--sql", "SELECT nothing.x FROM events").err.splitlines()

    assert shown[-2] == "LINE 1: SELECT nothing.x FROM events"
    assert shown[-1].find("^") == shown[-2].find("nothing")
