from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import otel_ctxlog as cl
from otel_ctxlog.console import ConsoleHandler, ConsoleRecord, ConsoleSink, ConsoleStream, HumanFormat, JsonLinesFormat

ROOT = Path(__file__).resolve().parents[2]


def diagnostics(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "otel_ctxlog"]


def test_a_broken_pipe_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever reads has gone: nothing is raised, however often, and one diagnostic says so."""
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w", encoding="utf-8")
    log = cl.LoggingContext(ConsoleSink(stream)).logger()
    for _ in range(5):
        log.info("hello")
    ConsoleHandler(stream).handle(logging.LogRecord("n", 20, __file__, 1, "hello", (), None))
    print("hello", file=ConsoleStream(stream))
    with pytest.raises(BrokenPipeError):  # ours to close, and not the library's
        stream.close()

    assert diagnostics(caplog) == [
        "a console stream failed (BrokenPipeError: [Errno 32] Broken pipe): what is written there is lost"
    ]


def test_a_closed_stream_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """The same for a stream that was closed."""
    stream = io.StringIO()
    log = cl.LoggingContext(ConsoleSink(stream)).logger()
    stream.close()
    log.info("hello")
    log.info("hello")

    assert diagnostics(caplog) == [
        "a console stream failed (ValueError: I/O operation on closed file): what is written there is lost"
    ]


class Failing:
    """A stream that is broken in a way nobody thought of."""

    def write(self, _text: str) -> int:
        raise NotImplementedError("never")


def test_a_stream_of_the_user_may_raise_anything(caplog: pytest.LogCaptureFixture) -> None:
    """Its traceback is in the diagnostic."""
    stream: Any = Failing()
    cl.LoggingContext(ConsoleSink(stream)).logger().info("hello")

    [record] = [record for record in caplog.records if record.name == "otel_ctxlog"]
    assert record.exc_info is not None
    assert record.exc_info[0] is NotImplementedError


def test_a_full_disk_that_has_room_again_is_written_to_again() -> None:
    """A failure is no reason to give a stream up."""

    class Disk(io.StringIO):
        full = True

        def write(self, text: str, /) -> int:
            if self.full:
                raise OSError(28, "No space left on device")
            return super().write(text)

    disk = Disk()
    log = cl.LoggingContext(ConsoleSink(disk, format=HumanFormat(time="none"))).logger()
    log.info("lost")
    disk.full = False
    log.info("kept")

    assert disk.getvalue() == "INFO  kept\n"


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("ascii", b'INFO  K\\u00f6ln \\u25c6 \\ud83d\\ude00  "k\\u00f6"="\\u2014"\n'),
        ("cp1252", b"INFO  K\xf6ln \\u25c6 \\ud83d\\ude00  k\xf6=\x97\n"),
        ("utf-8", "INFO  Köln ◆ 😀  kö=—\n".encode()),
        ("utf-16-le", "INFO  Köln ◆ 😀  kö=—\n".encode("utf-16-le")),
    ],
)  # fmt: skip
def test_what_an_encoding_lacks_is_escaped(encoding: str, text: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """A narrow stream gets the whole record, with escapes for the rest of the world."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    log = cl.LoggingContext(ConsoleSink(stream, format=HumanFormat(time="none"))).logger()
    log.info("Köln ◆ 😀", kö="—")

    assert raw.getvalue() == text.replace(b'"k\\u00f6"="\\u2014"', b"k\\u00f6=\\u2014")
    assert diagnostics(caplog) == []


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_json_lines_stay_valid_on_a_narrow_stream(encoding: str) -> None:
    """The escapes are JSON's own."""
    import json

    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors="backslashreplace", newline="\n")
    log = cl.LoggingContext(ConsoleSink(stream, format=JsonLinesFormat(ascii_only=False))).logger()
    log.info("é 😀 \u2028", **{"◆": "\x85"})

    found = json.loads(raw.getvalue().decode(encoding))
    assert (found["message"], found["◆"]) == ("é 😀 \u2028", "\x85")


def test_no_standard_stream_is_no_error(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Where a program has no stderr at all, records go nowhere."""
    sink = ConsoleSink()
    monkeypatch.setattr(sys, "stderr", None)
    cl.LoggingContext(sink).logger().info("hello")
    print("hello", file=sink.stream, flush=True)

    assert (sink.stream.isatty(), sink.stream.encoding) == (False, "utf-8")
    assert diagnostics(caplog) == []


class Raising:
    def format(self, record: ConsoleRecord, *, color: bool = False) -> str:
        raise LookupError("none")


class Wrong:
    def format(self, record: ConsoleRecord, *, color: bool = False) -> str:
        return record.timestamp  # type: ignore[return-value]


@pytest.mark.parametrize("style", [Raising(), Wrong()])
def test_a_format_that_fails_costs_its_looks_only(style: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The record is written without the format, and the format is named once."""
    out = io.StringIO()
    log = cl.LoggingContext(ConsoleSink(out, format=style)).logger()
    log.info("one\ntwo")
    log.info("three")

    assert [line.partition(" ")[2] for line in out.getvalue().splitlines()] == ["one\\ntwo", "three"]
    assert len(diagnostics(caplog)) == 1
    assert f"the console format {type(style).__name__} raised" in diagnostics(caplog)[0]


def test_a_format_that_forgets_the_end_of_the_line_gets_one() -> None:
    """Two records never share a line."""

    class Endless:
        def format(self, record: ConsoleRecord, *, color: bool = False) -> str:
            return str(record.body)

    out = io.StringIO()
    log = cl.LoggingContext(ConsoleSink(out, format=Endless())).logger()
    log.info("one")
    log.info("two")

    assert out.getvalue() == "one\ntwo\n"


def test_a_stream_that_logs_whenever_it_is_written_to_comes_to_an_end(caplog: pytest.LogCaptureFixture) -> None:
    """A stream that feeds the log that feeds it is said once, and does not recurse."""
    written: list[str] = []

    class Feeding(io.StringIO):
        def write(self, text: str, /) -> int:
            written.append(text)
            log.info("written")
            return len(text)

    log = cl.LoggingContext(ConsoleSink(Feeding())).logger()
    log.info("first")

    assert len(written) < 200
    assert diagnostics(caplog) == [
        "a console stream logs whenever it is written to: what is written there is lost",
    ]


def test_a_diagnostic_on_a_broken_handler_ends() -> None:
    """The diagnostic about a stream goes through `logging`, and so perhaps to the very handler that fails."""
    program = (
        "import logging, sys, os, threading\n"
        "import otel_ctxlog as cl; from otel_ctxlog.console import ConsoleHandler, ConsoleSink\n"
        "reader, writer = os.pipe(); os.close(reader); broken = open(writer, 'w')\n"
        "logging.basicConfig(handlers=[ConsoleHandler(broken), ConsoleHandler('stderr')])\n"
        "log = cl.LoggingContext(ConsoleSink(broken)).logger()\n"
        "threads = [threading.Thread(target=lambda: (log.info('x'), logging.error('y'))) for _ in range(8)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "os._exit(0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, timeout=30, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip

    lines = done.stderr.splitlines()
    assert done.returncode == 0
    assert sum("ERROR root: y" in line for line in lines) == 8
    assert sum("Broken pipe" in line for line in lines) == 1
    assert len(lines) == 9


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ({"stream": "stdrr"}, ValueError, "stream is 'stdrr', allowed: stderr, stdout; did you mean 'stderr'?"),
        ({"stream": 2}, TypeError, "stream is 2, allowed: a text stream, 'stderr', 'stdout' or None"),
        ({"format": "jsn"}, ValueError, "format is 'jsn', allowed: human, padded, json; did you mean 'json'?"),
        ({"format": 2}, TypeError, "format is 2, allowed: human, padded, json, or an object with a method"),
        ({"format": logging.Formatter()}, TypeError, "allowed: human, padded, json, or an object with a method"),
        ({"format": HumanFormat}, TypeError, "allowed: human, padded, json, or an object with a method"),
        ({"color": "yes"}, TypeError, "color is 'yes', allowed: True, False, or None"),
    ],
)
def test_a_wrong_argument_is_named(arguments: Any, kind: type[Exception], text: str) -> None:
    """A sink and a handler say what was found, what is allowed and the nearest match."""
    for made in (ConsoleSink, ConsoleHandler):
        with pytest.raises(kind) as caught:
            made(**arguments)
        assert text in str(caught.value)
