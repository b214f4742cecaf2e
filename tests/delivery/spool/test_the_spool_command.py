from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import SEVERITY_NUMBER_INFO, LogRecord, ResourceLogs, ScopeLogs

from otel_ctxlog.cli import main
from otel_ctxlog.delivery.spool import Spool
from otel_ctxlog.delivery.spool.inspecting import look, waiting_records
from otel_ctxlog.receiver import ReceivedRecord, Receiver, read_kept

from .content import files, segments, texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Open

ROOT = Path(__file__).resolve().parents[3]


def encoded(number: int, body: str = "") -> tuple[bytes, bytes, bytes]:
    """A record as it is on the wire."""
    resource, scope = ResourceLogs(), ScopeLogs()
    name = resource.resource.attributes.add()
    name.key, name.value.string_value = "service.name", "shop"
    scope.scope.name = "cart"
    record = LogRecord(time_unix_nano=1_700_000_000_123_456_789 + number * 10**9, severity_number=SEVERITY_NUMBER_INFO)
    record.event_name = "itemAdded"
    record.body.string_value = body or f"item {number}"
    return resource.SerializeToString(), scope.SerializeToString(), record.SerializeToString()


def leave(root: Path, *numbers: int) -> None:
    """What a dead process has left."""
    spool = Spool(root)
    for number in numbers:
        assert spool.append(*encoded(number))
    spool.close()


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    """Times are shown in UTC, without colours."""
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    if hasattr(time, "tzset"):
        time.tzset()
    yield
    monkeypatch.undo()
    if hasattr(time, "tzset"):
        time.tzset()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of both protocols."""
    with Receiver(http_port=0, grpc_port=0) as running:
        yield running


def run(root: Path, *arguments: str) -> int:
    """The exit code."""
    return main(["spool", str(root), *arguments])


def test_it_shows_who_has_what(open_spool: Open, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each process, living or dead, with what waits and since when; nothing is changed by looking."""
    leave(root, 0, 1, 2)
    living = open_spool()
    assert living.append(*encoded(100))
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert run(root) == 0
    first, head, dead, alive = capsys.readouterr().out.splitlines()

    assert first.startswith(f"{root}: 4 records (")
    assert first.endswith(") of 1 living process and 1 dead")
    assert head.split() == ["OWNER", "STATE", "PROCESS", "SEGMENTS", "RECORDS", "SIZE", "OLDEST"]
    assert dead.split()[1] == "dead"
    assert dead.split()[-5:-1] == ["1", "3", str(before_size(dead)), "B"]
    assert dead.split()[-1] == "2023-11-14T22:13:20.123Z"
    assert alive.split()[1] == "lives"
    assert str(os.getpid()) in alive
    assert alive.split()[-1] == "2023-11-14T22:15:00.123Z"
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_it_shows_who_sends_what_the_dead_left(
    open_spool: Open, root: Path, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a living process has adopted is of a dead one, and is sent: until that one is dead, too."""
    leave(root, 0, 1)
    adopter = open_spool()
    assert adopter.read(1, 1) is not None
    assert run(root) == 0
    assert f"  sent by {os.getpid()}  " in capsys.readouterr().out.splitlines()[2]
    arguments = ("drain", "--all", "--endpoint", receiver.http_endpoint, "--protocol", "http/protobuf")
    assert run(root, *arguments) == 1
    adopter.close()
    assert run(root) == 0
    assert capsys.readouterr().out.splitlines()[2].split()[1] == "dead"

    assert run(root, *arguments) == 0
    assert receiver.received_records == 2


def before_size(line: str) -> int:
    """The size that a line says, in bytes."""
    return int(line.split()[-3])


def test_it_shows_the_same_as_json(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json`, with or without the word `show`."""
    leave(root, 0, 1)
    (segment,) = segments(root)
    content = bytearray(segment.read_bytes())
    content[-1] ^= 1
    segment.write_bytes(content)
    assert run(root, "--json") == 0
    shown: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert run(root, "show", "--json") == 0

    assert json.loads(capsys.readouterr().out) == shown
    assert (shown["records"], shown["damagedParts"], shown["setAside"]) == (1, 1, [])
    (owner,) = shown["owners"]
    assert owner["alive"] is False
    assert (owner["pid"], owner["records"], owner["oldest"]) == (os.getpid(), 1, "2023-11-14T22:13:20.123Z")
    assert [one["name"] for one in owner["segments"]] == [segment.name]


def test_records_are_printed_for_people(open_spool: Open, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The oldest first, living and dead, with date and zone, and nothing in them that a terminal would obey."""
    leave(root, 0)
    assert open_spool().append(*encoded(1, "red \x1b[31m alert"))
    assert run(root, "records") == 0

    assert capsys.readouterr().out == (
        "2023-11-14T22:13:20.123Z INFO  shop cart: ◆ itemAdded item 0\n"
        "2023-11-14T22:13:21.123Z INFO  shop cart: ◆ itemAdded red \\x1b[31m alert\n"
    )


def test_records_are_printed_as_otlp_json(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Lines that whatever reads the Collector's files takes; `--limit` ends it."""
    leave(root, *range(250))
    assert run(root, "records", "--json") == 0
    kept = tmp_path / "kept.jsonl"
    kept.write_text(capsys.readouterr().out, encoding="utf-8")
    assert run(root, "records", "--limit", "130") == 0

    found = [record.body for record in read_kept(kept) if isinstance(record, ReceivedRecord)]
    assert found == [f"item {n}" for n in range(250)]
    assert len(capsys.readouterr().out.splitlines()) == 130


def test_what_was_accepted_is_not_printed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Records are those that wait, also behind others that were delivered."""
    spool = Spool(root)
    for number in range(3):
        spool.append(*encoded(number))
    batch = spool.read(2, 1 << 20)
    assert batch is not None
    batch.accept()
    spool.close()
    assert run(root, "records") == 0

    assert capsys.readouterr().out == "2023-11-14T22:13:22.123Z INFO  shop cart: ◆ itemAdded item 2\n"


def test_records_that_are_no_otlp_are_counted(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The spool takes any bytes: those that make no sense cost one line and an exit code, not the others."""
    spool = Spool(root)
    spool.append(*encoded(0))
    spool.append(b"\xff\xff", b"\xff", b"\xff\xff\xff")
    spool.append(*encoded(1))
    spool.close()

    assert run(root, "records") == 1
    shown = capsys.readouterr()
    assert [line[-6:] for line in shown.out.splitlines()] == ["item 0", "item 1"]
    assert shown.err == "otel-ctxlog spool: 1 record cannot be decoded as OTLP\n"


def test_verify_names_each_damaged_part(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """File, offset, length and what is lost; the exit code says whether there is any."""
    leave(root, 0, 1, 2)
    assert run(root, "verify") == 0
    assert capsys.readouterr().err == "3 intact records, 0 damaged parts\n"
    (segment,) = segments(root)
    content = segment.read_bytes()
    place = content.index(encoded(1)[2])
    segment.write_bytes(content.replace(b"item 1", b"item X"))
    (segment.parent / f"{1:016x}.segment").write_bytes(b"?" * 300)

    assert run(root, "verify") == 1
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [
        f"{segment.parent / f'{1:016x}.segment'}: no valid header",
        f"{segment}:{place - 20}: {20 + len(encoded(1)[2])} bytes are damaged, 1 record lost",
    ]
    assert shown.err == "2 intact records, 2 damaged parts\n"


def test_what_is_being_written_is_no_damage(open_spool: Open, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The end of a living process's segment may be half a record for a moment; of a dead one's it is damage."""
    spool = open_spool()
    assert spool.append(*encoded(0))
    (segment,) = segments(root)
    with segment.open("ab") as file:
        file.write(segment.read_bytes()[-40:-10])
    assert run(root, "verify") == 0
    spool.close()

    assert run(root, "verify") == 1
    assert "1 damaged part" in capsys.readouterr().err


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_drain_sends_what_dead_processes_left(
    open_spool: Open, root: Path, receiver: Receiver, protocol: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In order, over either protocol, removed when it has arrived; what a living process has stays its own."""
    leave(root, *range(1200))
    living = open_spool()
    assert living.append(*encoded(5000))
    endpoint = receiver.grpc_endpoint if protocol == "grpc" else receiver.http_endpoint
    assert run(root, "drain", "--endpoint", endpoint, "--protocol", protocol, "--header", "x-key=1") == 0

    assert [record.body for record in receiver.records] == [f"item {n}" for n in range(1200)]
    assert capsys.readouterr().err == ("otel-ctxlog spool: 1200 records delivered; 1 are sent by living processes\n")
    assert len(segments(root)) == 1
    assert texts(living) == [encoded(5000)[2]]


def test_drain_all_leaves_nothing_or_does_nothing(
    open_spool: Open, root: Path, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    """While somebody lives it refuses, and says who; afterwards the directory is empty."""
    leave(root, 0)
    living = open_spool()
    assert living.append(*encoded(1))
    arguments = ("drain", "--all", "--endpoint", receiver.http_endpoint, "--protocol", "http/protobuf")
    assert run(root, *arguments) == 1
    assert receiver.received_records == 0
    assert f"{os.getpid()}" in capsys.readouterr().err
    living.close()

    assert run(root, *arguments) == 0
    assert [record.body for record in receiver.records] == ["item 0", "item 1"]
    assert files(root) == []


def test_drain_keeps_what_nobody_takes(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No collector there: tried for as long as was said, exit code 1, and everything is still there."""
    leave(root, 0, 1)
    assert run(root, "drain", "--endpoint", "http://127.0.0.1:1", "--protocol", "http/protobuf", "--timeout", "1") == 1
    said = "otel-ctxlog spool: 0 of 2 records delivered to http://127.0.0.1:1 (http/protobuf); 2 remain; stopped: "
    assert capsys.readouterr().err.startswith(said)
    assert run(root, "verify") == 0
    assert capsys.readouterr().err == "2 intact records, 0 damaged parts\n"


def test_drain_finds_the_record_that_is_refused(
    root: Path, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    """One record is no OTLP: the rest of its batch arrives, and it stops there, or discards that one if told so."""
    spool = Spool(root)
    spool.append(*encoded(0))
    spool.append(b"\xff\xff", b"\xff", b"\xff\xff\xff")
    spool.append(*encoded(1))
    spool.close()
    arguments = ("drain", "--endpoint", receiver.http_endpoint, "--protocol", "http/protobuf")
    assert run(root, *arguments) == 1
    assert "a record is refused for good: HTTP 400" in capsys.readouterr().err
    assert run(root, *arguments, "--discard-refused") == 0

    assert capsys.readouterr().err == "otel-ctxlog spool: 2 records delivered, 1 discarded\n"
    # The first one was delivered twice: its batch had not been accepted.
    assert sorted(str(record.body) for record in receiver.records) == ["item 0", "item 0", "item 1"]
    assert files(root) == []


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("drain", "--endpoint", "nonsense://x", "--protocol", "grpc"), "argument 'endpoint'"),
        (("drain", "--protocol", "http/protobaf"), "http/protobuf"),
        (("drain", "--header", "novalue"), "--header is 'novalue', allowed: NAME=VALUE"),
    ],
)
def test_wrong_settings_are_said_and_send_nothing(
    root: Path, arguments: tuple[str, ...], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and the records stay."""
    leave(root, 0)

    assert run(root, *arguments) == 2
    assert text in capsys.readouterr().err
    assert len(segments(root)) == 1


@pytest.mark.parametrize("action", ["show", "verify", "records", "drain"])
def test_a_path_that_is_no_directory_is_said(tmp_path: Path, action: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 and one line, not a traceback, not an empty answer."""
    missing = tmp_path / "missing"
    assert run(missing, action) == 2
    assert capsys.readouterr().err == f"otel-ctxlog spool: {missing}: No such file or directory\n"
    file = tmp_path / "file"
    file.touch()

    assert run(file, action) == 2
    assert capsys.readouterr().err == f"otel-ctxlog spool: {file}: Not a directory\n"


def test_an_empty_directory_has_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, and all is well."""
    assert run(tmp_path) == 0
    assert capsys.readouterr().out == f"{tmp_path}: 0 records (0 B) of 0 living processes and 0 dead\n"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("show", "--json"),
        ("verify",),
        ("records",),
        ("drain",),
        ("drain", "--all", "--endpoint", "http://127.0.0.1:1"),
    ],
    ids=" ".join,
)
def test_a_directory_of_something_else_is_not_an_empty_spool(
    root: Path, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Who asks for the wrong one before a volume goes is told so, and which may be meant."""
    leave(root, 0)
    above, (owner,) = root.parent, root.glob("*.owner")
    other = above / "other"
    other.mkdir()
    (other / "notes.txt").touch()
    said: list[str] = []
    for path in (above, other, owner):
        assert run(path, *arguments) == 2
        shown = capsys.readouterr()
        assert shown.out == ""
        said.append(shown.err.removeprefix("otel-ctxlog spool: "))

    assert said == [
        f"{above} does not look like a spool; did you mean {root}?\n",
        f"{other} does not look like a spool\n",
        f"{owner}: that is one owner's folder; name the directory above\n",
    ]
    assert len(segments(root)) == 1


def test_a_volume_that_is_empty_but_for_the_systems_files_has_nothing(tmp_path: Path) -> None:
    """All was delivered, and the spool is the root of its volume."""
    (tmp_path / "lost+found").mkdir()
    (tmp_path / ".snapshot").mkdir()

    assert run(tmp_path, "drain", "--all", "--endpoint", "http://127.0.0.1:1") == 0


def test_looking_under_load_disturbs_nobody_and_sees_no_damage(open_spool: Open, root: Path) -> None:
    """Segments come, grow and go while one looks: no exception, no false alarm, and every record is delivered."""
    spool = open_spool(max_bytes=64 << 10, when_full="refuse")
    stop = threading.Event()
    kept: list[bytes] = []
    found: list[bytes] = []

    def append() -> None:
        for number in range(6000):
            record = encoded(number)
            if spool.append(*record):
                kept.append(record[2])
            else:
                time.sleep(0.002)
        stop.set()

    def read() -> None:
        while not stop.is_set():
            found.extend(texts(spool))

    threads = [threading.Thread(target=append), threading.Thread(target=read)]
    for thread in threads:
        thread.start()
    looks = 0
    while not stop.is_set():
        looks += 1
        assert [owner.damage for owner in look(root).owners if owner.damage] == [] if root.exists() else True
        for _ in waiting_records(root) if root.exists() else ():
            pass
    for thread in threads:
        thread.join()
    found += texts(spool)

    assert looks > 5
    assert found == kept
    assert spool.counts.corrupt_parts == 0


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become somebody else")
def test_what_may_not_be_read_is_said(root: Path) -> None:
    """Another user's folder is shown as what it is; looking does not fail over it."""
    leave(root, 0)
    program = """
        import os, pathlib, sys
        from otel_ctxlog.delivery.spool.inspecting import look, waiting_records
        os.chdir(sys.argv[1])
        os.chmod(".", 0o755)
        os.seteuid(65534)
        print([owner.problem for owner in look(pathlib.Path(".")).owners], list(waiting_records(pathlib.Path("."))))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(root)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "['Permission denied'] []\n"


def test_wrong_command_lines_end_with_2(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As for every command: usage, and what is wrong with it."""
    for arguments in (["spool"], ["spool", str(root), "shwo"], ["spool", str(root), "records", "--limit", "0"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
        assert "usage: otel-ctxlog spool" in capsys.readouterr().err


def test_a_reader_that_has_enough_is_no_error(root: Path) -> None:
    """`… records | head -1` ends quietly."""
    leave(root, *range(3000))
    command = f"{sys.executable} -m otel_ctxlog spool {root} records | head -1"
    done = subprocess.run(
        command,
        shell=True,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
    )

    assert done.stdout == "2023-11-14T22:13:20.123Z INFO  shop cart: ◆ itemAdded item 0\n"
    assert done.stderr == ""


def test_the_command_loads_what_it_needs_when_it_runs() -> None:
    """The parser of all commands loads neither the spool nor OpenTelemetry."""
    program = """
        import sys
        import otel_ctxlog.cli.spool
        heavy = ("otel_ctxlog.delivery.spool", "otel_ctxlog.receiver", "opentelemetry.sdk", "google.protobuf")
        print(*(name for name in sys.modules if name.startswith(heavy)))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

    assert done.stdout.split() == []
