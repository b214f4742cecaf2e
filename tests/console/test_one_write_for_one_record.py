from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import otel_ctxlog as cl
from otel_ctxlog.console import ConsoleHandler, ConsoleSink, ConsoleStream, HumanFormat

ROOT = Path(__file__).resolve().parents[2]


class Counting(io.RawIOBase):
    """A raw stream that keeps each write."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        self.writes.append(bytes(data))  # type: ignore[call-overload]
        return len(self.writes[-1])


def test_a_record_reaches_the_system_in_one_write() -> None:
    """Also a record with a traceback, and one larger than every buffer, is one write to the operating system."""
    raw = Counting()
    stream = io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8")
    log = cl.LoggingContext(ConsoleSink(stream, format=HumanFormat(time="none"))).logger()
    try:
        raise ValueError("x")  # noqa: TRY301 - its traceback is the point
    except ValueError:
        log.exception("failed")
    log.info("large", value="x" * 100_000)
    log.info("Köln")

    assert len(raw.writes) == 3
    assert raw.writes[0].endswith(b"    ValueError: x\n")
    assert len(raw.writes[1]) > 100_000
    assert raw.writes[2] == "INFO  Köln\n".encode()


class Tearing(io.StringIO):
    """A stream that gives other threads every chance between two characters, and knows when they take it."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = 0
        self.torn = 0

    def write(self, text: str, /) -> int:
        self.inside += 1
        self.torn += self.inside > 1
        for character in text:
            super().write(character)
            if character == " ":
                threading.Event().wait(0)
        self.inside -= 1
        return len(text)


def test_threads_do_not_tear_each_others_records() -> None:
    """Records of a sink, a handler and a text stream on one stream come whole, from eight threads at once."""
    stream = Tearing()
    log = cl.LoggingContext(ConsoleSink(stream, format="json")).logger()
    handler = ConsoleHandler(stream, format="json")
    others = ConsoleStream(stream)

    def work(number: int) -> None:
        import logging

        for index in range(20):
            log.info("a record of several words", thread=number, index=index)
            handler.handle(logging.LogRecord("n", 20, __file__, 1, "%s of %s", (index, number), None))
            print(json.dumps({"level": "print", "words": "a b"}), file=others)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert stream.torn == 0
    assert len(lines) == 3 * 8 * 20
    assert sorted((line["thread"], line["index"]) for line in lines if "thread" in line) == [
        (thread, index) for thread in range(8) for index in range(20)
    ]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="pipes of several processes")
def test_processes_on_one_pipe_do_not_tear_each_others_records() -> None:
    """Records of up to 4,096 bytes, which a pipe takes whole, come whole from four processes."""
    program = (
        "import sys, otel_ctxlog as cl; from otel_ctxlog.console import ConsoleSink\n"
        "log = cl.LoggingContext(ConsoleSink('stdout', format='json')).logger()\n"
        "for index in range(200): log.info('x' * (index * 15), process=int(sys.argv[1]), index=index)\n"
    )
    reader, writer = os.pipe()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(number)], stdout=writer, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        for number in range(4)
    ]
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as received:
        lines = [json.loads(line) for line in received]
    codes = [process.wait(timeout=30) for process in processes]

    assert codes == [0] * 4
    assert sorted((line["process"], line["index"]) for line in lines) == [
        (process, index) for process in range(4) for index in range(200)
    ]
