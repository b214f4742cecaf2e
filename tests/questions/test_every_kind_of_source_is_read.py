from __future__ import annotations

import gzip
import os
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from otel_ctxlog.questions.asking import Count, Listing, Records
from otel_ctxlog.questions.lines import Sources
from otel_ctxlog.questions.rows import Chunk, Place
from otel_ctxlog.questions.wanted import Filters
from tests.questions import fleet
from tests.questions.asked import PROGRAM, ask, command, environment, process
from tests.questions.lines import event, logs

COUNT = ("--count-by", "eventType", "--format", "csv")
LINE = logs(event("a")).encode()
TWO = "eventType,count\na,2\n"


def test_gzip(tmp_path: Path) -> None:
    """By its first bytes, not by its name; several members and padding are one file."""
    file = tmp_path / "some.txt"
    file.write_bytes(gzip.compress(LINE) + b"\0" * 100 + gzip.compress(LINE))

    assert (command(file, *COUNT).out, command(file, *COUNT).err) == (TWO, "")


def test_gzip_that_ends_early_gives_what_is_there(tmp_path: Path) -> None:
    """A file that is still written to, or was cut: whole lines count, the rest is a broken line."""
    file = tmp_path / "some.jsonl.gz"
    whole = gzip.compress(b"".join(logs(event(f"e{i}", n=i)).encode() for i in range(2_000)))
    file.write_bytes(whole[: len(whole) // 2])
    done = command(file, "--count-by", "severity", "--format", "csv")
    name, _, number = done.out.splitlines()[1].partition(",")

    assert name == "INFO"
    assert 100 < int(number) < 1_900
    assert done.code == 3
    assert f"{file}:{int(number) + 1}: the gzip data end early; the rest of the file is left out" in done.err


def test_damaged_gzip(tmp_path: Path) -> None:
    """Damaged data do not stop the other files."""
    bad, good = tmp_path / "bad.gz", tmp_path / "good.gz"
    data = bytearray(gzip.compress(os.urandom(5_000)))
    data[100:200] = bytes(100)
    bad.write_bytes(data)
    good.write_bytes(gzip.compress(LINE * 2))
    done = command(bad, good, *COUNT)

    assert (done.code, done.out) == (3, TWO)
    assert "the gzip data are damaged" in done.err


def test_zstd(tmp_path: Path) -> None:
    """Frames of zstd; damage is a broken line."""
    zstandard = pytest.importorskip("zstandard", reason="needs zstandard, or Python 3.14")
    file = tmp_path / "some.jsonl.zst"
    packed = zstandard.ZstdCompressor().compress(LINE)
    file.write_bytes(packed * 2)

    assert (command(file, *COUNT).out, command(file, *COUNT).err) == (TWO, "")

    file.write_bytes(packed * 2 + b"\x28\xb5\x2f\xfdrubbish")
    done = command(file, *COUNT)

    assert done.code == 3
    assert "the zstd data are damaged" in done.err


def test_zstd_that_ends_early_is_broken(tmp_path: Path) -> None:
    """Wherever it is cut, also between two lines: what came before counts, and the rest is not passed over."""
    zstandard = pytest.importorskip("zstandard", reason="needs zstandard, or Python 3.14")
    file = tmp_path / "some.jsonl.zst"
    packer = zstandard.ZstdCompressor().compressobj()
    first = packer.compress(LINE) + packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    rest = packer.compress(LINE) + packer.flush()
    whole = zstandard.ZstdCompressor().compress(LINE)

    file.write_bytes(first + rest)
    assert (command(file, *COUNT).code, command(file, *COUNT).out) == (0, TWO)

    for data in (whole + first, whole + first + rest[:-1]):
        file.write_bytes(data)
        done = command(file, *COUNT)

        assert (done.code, done.out) == (3, TWO)
        assert "the zstd data " in done.err
        assert "the rest of the file is left out" in done.err


def test_patterns_and_several_files(tmp_path: Path) -> None:
    """Patterns are expanded in order, and a file that is named twice is read once."""
    for name in ("b.jsonl", "a.jsonl", "c.txt", "deep/d.jsonl"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(logs(event(path.stem)))
    (tmp_path / "link").symlink_to(tmp_path / "a.jsonl")
    same = (tmp_path / "a.jsonl", tmp_path / "deep" / ".." / "a.jsonl", tmp_path / "link")
    done = command(tmp_path / "*.jsonl", *same, "--columns", "eventType", "--format", "csv")

    assert done.out == "eventType\na\nb\n"
    assert command(tmp_path / "**/*.jsonl", *COUNT).out.count("\n") == 4


def test_a_name_that_looks_like_a_pattern_is_a_name(tmp_path: Path) -> None:
    """A file of exactly that name comes first."""
    file = tmp_path / "a[1].jsonl"
    file.write_bytes(LINE * 2)

    assert command(file, *COUNT).out == TWO


@pytest.mark.slow
def test_standard_input(tmp_path: Path) -> None:
    """Plain or compressed, alone or with files."""
    file = tmp_path / "some.jsonl"
    file.write_bytes(LINE)

    assert process("-", *COUNT, stdin=LINE * 2).out == TWO
    assert process("-", *COUNT, stdin=gzip.compress(LINE * 2)).out == TWO
    assert process(file, "-", *COUNT, stdin=LINE).out == TWO
    assert process("-", *COUNT, stdin=b"").out == "eventType,count\n"
    assert (
        process("-", *COUNT, stdin=b"x\n").err
        == "1 broken line left out:\n  -:1: not JSON: JSON is malformed: invalid character (byte 0)\n"
    )


@pytest.mark.skipif(not Path("/dev/stdin").exists(), reason="there is no /dev/stdin")
def test_standard_input_by_name_is_read_by_this_process(tmp_path: Path) -> None:
    """It is another file in the processes that help to read: they get its data, and not its name."""
    file = tmp_path / "some.jsonl"
    file.write_bytes(LINE)
    before = os.dup(0)
    try:
        with file.open("rb") as input:
            os.dup2(input.fileno(), 0)
        (chunk,) = Sources(["/dev/stdin"]).chunks()
    finally:
        os.dup2(before, 0)
        os.close(before)

    assert isinstance(chunk, Chunk)
    assert (chunk.data, chunk.place) == (LINE, None)


def test_nothing_at_all(tmp_path: Path) -> None:
    """Empty files, blank lines and empty requests are no error."""
    empty, blank, hollow = tmp_path / "empty", tmp_path / "blank", tmp_path / "hollow"
    empty.write_bytes(b"")
    blank.write_bytes(b"\n \n\t\r\n")
    hollow.write_bytes(b'{"resourceLogs":[]}\n{"resourceSpans":[{"scopeSpans":[{}]}]}\n{"resourceMetrics":[{"a":1}]}\n')
    for options in ((), ("--count-by", "tenant"), ("--rate", "1m"), ("--timeline",), ("--trace", "ab"), ("--schema",)):
        done = command(empty, blank, hollow, *options)

        assert (done.code, done.err) == (
            0,
            "" if options == ("--schema",) else "nothing found in 0 log records and 0 spans\n",
        )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nowhere.jsonl", "otel-ctxlog events: nowhere.jsonl: No such file or directory\n"),
        (".", "otel-ctxlog events: .: is a directory, expected a file\n"),
    ],
)
def test_what_is_no_file_is_an_error(name: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is as given, and nothing is read of the other files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.jsonl").write_bytes(LINE)
    done = command("good.jsonl", name, *COUNT)

    assert (done.code, done.out, done.err) == (1, "", expected)


def test_a_pattern_without_a_file_is_an_error() -> None:
    """It is not read as an empty set of files."""
    done = command("nowhere/*.jsonl")

    assert (done.code, done.err) == (2, "otel-ctxlog events: no file matches 'nowhere/*.jsonl'\n")


def test_a_named_pipe(tmp_path: Path) -> None:
    """What can be read once is read once: process substitution, `<(…)`, works."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(LINE * 2,))
    writer.start()
    done = command(pipe, *COUNT)
    writer.join()

    assert done.out == TWO


@pytest.mark.slow
def test_any_number_of_processes_gives_the_same_answer(tmp_path: Path) -> None:
    """Order, counts and places of broken lines do not depend on who reads."""
    plain, packed = tmp_path / "plain.jsonl", tmp_path / "packed.jsonl.gz"
    text = [*fleet.lines(6_000)]
    text[3:3] = ["broken\n"]
    plain.write_text("".join(text), encoding="utf-8", newline="")
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    everything = Listing(Records(filters=Filters(), plain=True))
    counted = Count(Records(filters=Filters()), by=("tenant", "eventType"))
    for question in (everything, counted):
        alone, found_alone = ask(question, plain, packed)
        together, found_together = ask(question, plain, packed, jobs=2, chunk_size=300_000)

        assert together == alone
        assert (found_together.lines, found_together.broken) == (found_alone.lines, found_alone.broken)
        assert [broken.line for broken in found_alone.broken] == [4, 4]
        assert found_together.records == 12_000


@pytest.mark.slow
def test_a_file_may_grow_while_it_is_read(tmp_path: Path) -> None:
    """Whatever is there by then counts; no line is lost, none counts twice, and nothing fails."""
    file = tmp_path / "some.jsonl"
    block = logs(*(event("a", n=i) for i in range(200))).encode()
    file.write_bytes(block * 1_500)
    asking = subprocess.Popen(
        [*PROGRAM, str(file), *COUNT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    )
    written = 1_500
    with file.open("ab", buffering=0) as growing:
        while asking.poll() is None and written < 3_000:
            growing.write(block)
            written += 1
    out, err = asking.communicate(timeout=60)
    counted = int(out.decode().splitlines()[1].partition(",")[2])

    assert asking.returncode == 0, err
    assert counted % 200 == 0
    assert 1_500 * 200 <= counted <= written * 200


@pytest.mark.slow
def test_a_reader_that_is_killed_is_an_error(tmp_path: Path) -> None:
    """As by a machine without memory: the answer is not given without what it was reading, and nothing waits for it."""
    file = tmp_path / "some.jsonl"
    block = logs(*(event("a", n=i) for i in range(2_000))).encode()
    file.write_bytes(block * 400)
    with subprocess.Popen(
        [*PROGRAM, str(file), *COUNT, "--jobs", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        start_new_session=True,
    ) as asking:
        try:
            reader = _reader_of(asking.pid)
            os.kill(reader, signal.SIGKILL)
            out, err = asking.communicate(timeout=30)

            assert (asking.returncode, out) == (1, b"")
            assert err == b"otel-ctxlog events: a process that reads was killed; is there enough memory?\n"
        finally:
            asking.kill()


def _reader_of(process: int) -> int:
    """The number of a process that reads for another one."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for number in Path(f"/proc/{process}/task/{process}/children").read_text(encoding="utf-8").split():
            with suppress(OSError):
                if b"spawn_main" in Path(f"/proc/{number}/cmdline").read_bytes():
                    return int(number)
        time.sleep(0.01)
    pytest.fail("no process was started")


def test_a_file_that_is_replaced_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    """Another file of that name is not read in its place."""
    file = tmp_path / "some.jsonl"
    file.write_bytes(LINE)
    found = file.stat()
    place = Place(str(file), (found.st_dev, found.st_ino), 0, len(LINE))
    other = tmp_path / "other.jsonl"
    other.write_bytes(LINE)

    assert place.read() == LINE

    other.replace(file)
    with pytest.raises(OSError, match="was replaced or shortened while it was read"):
        place.read()
