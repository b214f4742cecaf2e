from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable

import pytest

import otel_ctxlog as cl
from otel_ctxlog.console import ConsoleRecord, ConsoleSink, HumanFormat, JsonLinesFormat

pty = pytest.importorskip("pty")


def written_to_a_terminal(write: Callable[[io.TextIOWrapper], None]) -> str:
    """What arrives at the other end of a real pseudo terminal."""
    master, slave = pty.openpty()
    try:
        with os.fdopen(slave, "w", encoding="utf-8", newline="") as stream:
            write(stream)
            return os.read(master, 100_000).decode().replace("\r\n", "\n")
    finally:
        os.close(master)


def record_to(stream: io.TextIOWrapper, color: bool | None = None) -> None:
    ctx = cl.LoggingContext(ConsoleSink(stream, format=HumanFormat(time="none"), color=color))
    ctx.logger(cl.Realm("shop")).error("failed", code=1)


COLORED = "\x1b[31mERROR\x1b[0m \x1b[35m[shop]\x1b[0m \x1b[31mfailed\x1b[0m  \x1b[2mcode=\x1b[0m1\n"
PLAIN = "ERROR [shop] failed  code=1\n"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, COLORED),
        ({"TERM": "xterm-256color"}, COLORED),
        ({"TERM": "dumb"}, PLAIN),
        ({"NO_COLOR": "1"}, PLAIN),
        ({"NO_COLOR": ""}, COLORED),
        ({"NO_COLOR": "0"}, PLAIN),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, COLORED),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, PLAIN),
    ],
)
def test_a_terminal_has_colours_unless_the_environment_says_otherwise(
    variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A non-empty `NO_COLOR` wins, then a non-empty `FORCE_COLOR`, then `TERM=dumb`, then the terminal."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert written_to_a_terminal(record_to) == expected


@pytest.mark.parametrize(
    ("variables", "expected"),
    [({}, PLAIN), ({"FORCE_COLOR": "0"}, COLORED), ({"FORCE_COLOR": ""}, PLAIN), ({"NO_COLOR": "1"}, PLAIN)],
)
def test_anything_else_has_colours_only_by_force(
    variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file or a pipe is coloured for `FORCE_COLOR`, whatever its value says, and for nothing else."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="utf-8", newline="")
    record_to(out)

    assert raw.getvalue().decode() == expected


def test_an_argument_decides_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """`color=` wins over terminal and environment."""
    monkeypatch.setenv("NO_COLOR", "1")

    assert written_to_a_terminal(lambda stream: record_to(stream, color=True)) == COLORED
    monkeypatch.delenv("NO_COLOR")
    assert written_to_a_terminal(lambda stream: record_to(stream, color=False)) == PLAIN


def test_each_part_has_its_colour() -> None:
    """Time and names of fields are dim, levels and errors by severity, events stand out; JSON never has any."""
    record = ConsoleRecord(0, 1, 21, name="n", body="x", exception="T: e", trace_id=1 << 127)
    event = ConsoleRecord(0, 3, 9, event_name="paid")
    style = HumanFormat()

    assert style.format(record, color=True) == (
        "\x1b[2m1970-01-01T00:00:00.000Z\x1b[0m \x1b[1;31mFATAL\x1b[0m \x1b[1mn\x1b[0m: \x1b[1;31mx\x1b[0m  "
        "\x1b[2mtrace=80000000\x1b[0m\n\x1b[1;31m    T: e\x1b[0m\n"
    )
    assert style.format(event, color=True).endswith("\x1b[32mINFO \x1b[0m \x1b[1;36m◆ paid\x1b[0m\n")
    assert JsonLinesFormat().format(record, color=True) == JsonLinesFormat().format(record)


def test_a_redirection_gets_no_colours_of_the_terminal_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Following a standard stream, each stream that it stands for is asked for itself."""

    def both(stream: io.TextIOWrapper) -> None:
        monkeypatch.setattr(sys, "stderr", stream)
        log.error("failed", code=1)
        monkeypatch.setattr(sys, "stderr", memory)
        log.error("failed", code=1)

    memory = io.StringIO()
    log = cl.LoggingContext(ConsoleSink(format=HumanFormat(time="none"))).logger(cl.Realm("shop"))

    assert (written_to_a_terminal(both), memory.getvalue()) == (COLORED, PLAIN)
