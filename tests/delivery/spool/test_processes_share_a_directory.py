from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otel_ctxlog.delivery.spool import Spool
from otel_ctxlog.delivery.spool.inspecting import look

from .content import RESOURCE, SCOPE, drained, files, fill, left_behind, look_again, segments, texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Open

ROOT = Path(__file__).resolve().parents[3]


class Other:
    """Another process with a spool in the same directory, which does what it is told, line by line."""

    _PROGRAM = """
        import os, sys
        from otel_ctxlog.delivery.spool import Spool
        spool = Spool(sys.argv[1])
        for line in sys.stdin:
            print(eval(line), flush=True)
    """

    def __init__(self, root: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(self._PROGRAM), str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def do(self, expression: str) -> str:
        """What it says to an expression."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(expression + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def append(self, *records: bytes) -> None:
        """Have it append records."""
        for record in records:
            assert self.do(f"spool.append({RESOURCE!r}, {SCOPE!r}, {record!r})") == "True"

    def kill(self) -> None:
        """End it the hard way."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def other(root: Path) -> Iterator[Other]:
    """Another process."""
    running = Other(root)
    yield running
    running.kill()


def test_what_a_living_process_has_is_left_alone(open_spool: Open, other: Other) -> None:
    """However often one looks: its records are its own, until it is dead."""
    other.append(b"theirs")
    spool = open_spool()
    fill(spool, b"ours")
    assert texts(spool) == [b"ours"]
    look_again(spool)
    assert spool.read(10, 1000) is None
    other.kill()
    look_again(spool)

    assert texts(spool) == [b"theirs"]


def test_a_process_that_sleeps_is_not_dead(open_spool: Open, other: Other) -> None:
    """Stopped for a while, it goes on as if nothing had been."""
    other.append(b"1")
    other.process.send_signal(signal.SIGSTOP)
    assert texts(open_spool()) == []
    other.process.send_signal(signal.SIGCONT)
    other.append(b"2")

    assert other.do("[r for _, _, r in spool.read(10, 1000).records]") == "[b'1', b'2']"


def test_what_several_dead_processes_left_comes_oldest_first(open_spool: Open, root: Path) -> None:
    """Before what is newer of one's own; each process's records in its order."""
    for name in (b"a", b"b", b"c"):
        left_behind(root, name + b"1", name + b"2")
    spool = open_spool()
    fill(spool, b"own")

    assert spool.pending()[0] == 1
    assert texts(spool) == [b"a1", b"a2", b"b1", b"b2", b"c1", b"c2", b"own"]
    assert len(files(root)) == 3


def test_more_dead_processes_than_are_adopted_at_once(open_spool: Open, root: Path) -> None:
    """All of their records come in one go, without a descriptor for each of them."""
    for number in range(40):
        left_behind(root, b"%02d" % number)
    before = sum(1 for _ in Path("/proc/self/fd").iterdir()) if Path("/proc/self/fd").is_dir() else 0
    spool = open_spool()
    first = spool.read(1, 1)
    assert first is not None
    if before:
        assert sum(1 for _ in Path("/proc/self/fd").iterdir()) - before <= 20

    assert texts(spool) == [b"%02d" % number for number in range(40)]
    assert files(root) == []


def test_only_one_of_many_readers_gets_what_a_dead_process_left(root: Path) -> None:
    """Eight spools race for the same folders, over and over: each record is given out exactly once."""
    for _ in range(20):
        expected = sorted(b"%d:%d" % (owner, number) for owner in range(3) for number in range(5))
        for owner in range(3):
            left_behind(root, *(b"%d:%d" % (owner, number) for number in range(5)))
        spools = [Spool(root) for _ in range(8)]
        found: list[bytes] = []
        start = threading.Barrier(8)

        def race(spool: Spool, start: threading.Barrier = start, found: list[bytes] = found) -> None:
            start.wait()
            found.extend(texts(spool))

        threads = [threading.Thread(target=race, args=(spool,)) for spool in spools]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for spool in spools:
            spool.close()

        assert sorted(found) == expected
        assert files(root) == []


@pytest.mark.slow
def test_processes_race_for_what_dead_processes_left(root: Path) -> None:
    """Four processes at once, several rounds: each record comes out exactly once."""
    others = [Other(root) for _ in range(4)]
    try:
        for turn in range(20):
            expected = sorted(b"%d:%d" % (turn, number) for number in range(20))
            for owner in range(4):
                left_behind(root, *expected[owner::4])
            read = "[r for b in iter(lambda: spool.read(3, 1000), None) for _, _, r in (b.records, b.accept())[0]]"
            for other in others:
                assert other.do("setattr(spool._reader, '_searched', None)") == "None"
            for other in others:
                assert other.process.stdin is not None
                other.process.stdin.write(read + "\n")
                other.process.stdin.flush()
            found: list[bytes] = []
            for other in others:
                assert other.process.stdout is not None
                found += eval(other.process.stdout.readline())

            assert sorted(found) == expected
    finally:
        for other in others:
            other.kill()


def test_a_process_that_ends_while_it_reads_leaves_the_rest(open_spool: Open, root: Path, other: Other) -> None:
    """It had adopted, and accepted a part: whoever comes next goes on behind that."""
    left_behind(root, b"1", b"2", b"3", b"4")
    assert other.do("(lambda b: (b.accept(), [r for _, _, r in b.records]))(spool.read(2, 100))[1]") == "[b'1', b'2']"
    assert other.do("len(spool.read(1, 100).records)") == "1"
    spool = open_spool()
    assert texts(spool) == []
    other.kill()
    look_again(spool)

    assert texts(spool) == [b"3", b"4"]


def test_a_lock_that_somebody_removed_deceives_nobody(open_spool: Open, root: Path, other: Other) -> None:
    """Without its lock file a living process is still known by the segment that it writes; it loses nothing."""
    other.append(b"1")
    (lock,) = root.glob("*.owner/owner.lock")
    lock.unlink()
    spool = open_spool()
    assert texts(spool) == []
    look_again(spool)
    assert texts(spool) == []
    other.append(b"2")
    other.kill()
    look_again(spool)

    assert texts(spool) == [b"1", b"2"]
    assert files(root) == []


def test_a_folder_whose_lock_was_removed_is_adopted(open_spool: Open, root: Path) -> None:
    """A restored backup, say, that has left out empty files: the records count."""
    segment = left_behind(root, b"1")
    (segment.parent / "owner.lock").unlink()

    assert texts(open_spool()) == [b"1"]


def test_a_lock_that_says_nonsense_hides_no_records(root: Path) -> None:
    """Whoever looks from outside sees what waits, whatever somebody has written into the lock file."""
    segment = left_behind(root, b"1")
    for said in (b"[" * 4000, b"\xff\n\xff", b"{}\n[]", b'{"pid": "1", "host": 2}'):
        (segment.parent / "owner.lock").write_bytes(said)
        [owner] = look(root).owners

        assert (owner.records, owner.pid, owner.host, owner.problem) == (1, 0, "", "")


def test_folders_that_were_never_finished_are_removed_after_a_while(open_spool: Open, root: Path) -> None:
    """A process was killed while it made or removed its folder: not at once, it might be at it, but later."""
    fresh, old = (root / f"18c2f0a1b2c3d4e{n}-9f8e7d6c.making" for n in (1, 2))
    done = root / "18c2f0a1b2c3d4e3-9f8e7d6c.owner"
    for folder in (fresh, old, done):
        folder.mkdir(parents=True)
    (old / "owner.lock").touch()
    for folder in (old, done):
        os.utime(folder, (time.time() - 120, time.time() - 120))
    assert open_spool().read(1, 1) is None

    assert files(root) == [fresh.name]


def test_two_spools_of_one_process_do_not_share_records(open_spool: Open) -> None:
    """Each gives out its own, and after the end of one the other takes over what it left."""
    one, two = open_spool(), open_spool()
    fill(one, b"1")
    fill(two, b"2")
    assert texts(two) == [b"2"]
    one.close()
    look_again(two)

    assert drained(two) == [(RESOURCE, SCOPE, b"1")]


def test_a_copied_directory_is_a_spool(open_spool: Open, root: Path, tmp_path: Path) -> None:
    """A volume moved to another machine: what was in it is delivered there."""
    segment = left_behind(root, b"1", b"2")
    copied = tmp_path / "copy" / segment.parent.name
    copied.mkdir(parents=True)
    (copied / segment.name).write_bytes(segments(root)[0].read_bytes())

    assert texts(open_spool(tmp_path / "copy")) == [b"1", b"2"]
