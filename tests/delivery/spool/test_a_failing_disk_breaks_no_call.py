from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
import sys
import textwrap
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otel_ctxlog.delivery.spool import Spool

from .content import RESOURCE, SCOPE, drained, fill, left_behind, segments, texts

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from .conftest import Open

ROOT = Path(__file__).resolve().parents[3]


def descriptors() -> int:
    """How many files this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def run(program: str, *arguments: str) -> str:
    """What a program of its own process prints; it must end well and say nothing on stderr."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


class FullDisk:
    """`os.write` as on a disk with so many bytes left; part of a write still goes through."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.full = 0
        self._real = os.write

    def __call__(self, descriptor: int, data: bytes) -> int:
        if len(data) <= self.left:
            self.left -= len(data)
            return self._real(descriptor, data)
        self.full += 1
        part, self.left = data[: self.left], 0
        if not part:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self._real(descriptor, part)


def test_a_disk_that_fills_up_at_any_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever part of a write goes through: what was said to be kept is there, whole, and nothing else."""
    for left in range(0, 630, 3):
        root = tmp_path / str(left)
        spool = Spool(root)
        disk = FullDisk(left)
        monkeypatch.setattr(os, "write", disk)
        monkeypatch.setattr("otel_ctxlog.delivery.spool.spool._REST_SECONDS", 0.0)
        kept = [record for record in (b"%d" % n * 30 for n in range(6)) if spool.append(RESOURCE, SCOPE, record)]
        monkeypatch.undo()
        assert disk.full, left
        assert spool.append(RESOURCE, SCOPE, b"after"), left
        if left % 2:
            spool.close()
            spool = Spool(root)
        assert texts(spool) == [*kept, b"after"], left
        spool.close()

        assert spool.counts.corrupt_parts == 0, left


def test_a_full_disk_is_said_once_and_left_in_peace(
    open_spool: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One diagnostic however many records do not fit, few attempts, and all is well when there is room again."""
    spool = open_spool()
    fill(spool, b"before")
    disk = FullDisk(0)
    monkeypatch.setattr(os, "write", disk)
    assert [spool.append(RESOURCE, SCOPE, b"lost") for _ in range(1000)] == [False] * 1000
    monkeypatch.undo()
    time.sleep(0.3)
    fill(spool, b"after")

    assert texts(spool) == [b"before", b"after"]
    assert disk.full < 10
    assert spool.counts.failed == 1000
    (message,) = caplog.messages
    assert message == f"spool: {spool.path} does not take records (No space left on device); they are kept in memory"


@pytest.mark.skipif(sys.platform != "linux", reason="a limit on file sizes, as Linux has it")
def test_a_limit_on_file_sizes_stops_no_program(root: Path) -> None:
    """The real thing: with RLIMIT_FSIZE the kernel writes a part, then nothing; no signal, no exception, no garbage."""
    said = run(
        """
        import resource, sys, logging
        from otel_ctxlog.delivery.spool import Spool
        logging.disable(logging.CRITICAL)
        spool = Spool(sys.argv[1])
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
        kept = sum(spool.append(b"r", b"s", b"%04d" % n * 50) for n in range(100))
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        import time; time.sleep(0.3)
        print(kept, spool.append(b"r", b"s", b"after"))
        """,
        str(root),
    )
    spool = Spool(root)
    found = texts(spool)
    spool.close()
    kept, after = said.split()

    assert after == "True"
    assert 20 < int(kept) < 60
    assert found == [*(b"%04d" % n * 50 for n in range(int(kept))), b"after"]
    assert spool.counts.corrupt_parts == 0


@contextlib.contextmanager
def small_disk(path: Path, size: str) -> Generator[None]:
    """A file system of its own, of that size."""
    path.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(path)], check=False, capture_output=True
    )
    if done.returncode:
        pytest.skip("only root may mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def test_a_real_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system of 512 KiB: filled by ourselves and by others, emptied by delivery, filled again."""
    monkeypatch.setattr("otel_ctxlog.delivery.spool.spool._REST_SECONDS", 0.0)
    disk = tmp_path / "disk"
    with small_disk(disk, "512k"):
        spool = Spool(disk / "spool", max_bytes=4 << 20)
        kept: Counter[bytes] = Counter()
        found: Counter[bytes] = Counter()
        for turn in range(4):
            tried = [b"%d:%d:" % (turn, n) + b"x" * 900 for n in range(700)]
            kept.update(record for record in tried if spool.append(RESOURCE, SCOPE, record))
            with contextlib.suppress(OSError):
                (disk / "foreign").write_bytes(b"y" * 1000)
            found.update(texts(spool))
        spool.close()

        assert found == kept
        assert len(kept) > 1500
        assert spool.counts.failed == 2800 - len(kept)
        assert spool.counts.corrupt_parts == 0


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become somebody else")
def test_a_directory_that_may_only_be_read(root: Path) -> None:
    """Another user's directory: nothing is kept or sent from it, nothing raised, one diagnostic each."""
    left_behind(root, b"1")
    said = run(
        """
        import logging, os, sys
        sys.path.insert(0, "")
        from otel_ctxlog.delivery.spool import Spool
        logging.basicConfig(stream=sys.stdout, format="%(message)s")
        os.seteuid(65534)
        spool = Spool(sys.argv[1])
        print([spool.append(b"r", b"s", b"x") for _ in range(5)], spool.read(1, 1), spool.pending())
        spool.sync()
        spool.close()
        """,
        str(root),
    )
    assert said.splitlines()[-1] == "[False, False, False, False, False] None (0, 0)"
    assert said.count("spool: ") == said.count("\n") - 1 <= 2
    spool = Spool(root)
    assert texts(spool) == [b"1"]
    spool.close()


def test_a_file_in_place_of_the_directory(open_spool: Open, root: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither kept nor raised; once the file is gone, records are kept."""
    root.write_bytes(b"")
    spool = open_spool()
    assert [spool.append(RESOURCE, SCOPE, b"x") for _ in range(100)] == [False] * 100
    assert spool.read(1, 1) is None
    assert len([text for text in caplog.messages if "does not take records" in text]) == 1
    assert len(caplog.messages) <= 2
    root.unlink()
    time.sleep(0.3)
    fill(spool, b"1")

    assert texts(spool) == [b"1"]


def test_a_directory_that_vanishes_comes_again(open_spool: Open, root: Path) -> None:
    """Somebody removes everything: what was in the open segment is still delivered, and records are kept again."""
    spool = open_spool()
    fill(spool, b"1", b"2")
    shutil.rmtree(root)
    time.sleep(0.06)
    fill(spool, b"3")

    assert len(segments(root)) == 1
    assert texts(spool) == [b"1", b"2", b"3"]


def test_a_directory_that_cannot_come_again_costs_no_call(open_spool: Open, tmp_path: Path) -> None:
    """It is gone and a file stands in the way: False, and True once that is gone."""
    parent = tmp_path / "volume"
    spool = open_spool(parent / "spool")
    fill(spool, b"1")
    shutil.rmtree(parent)
    parent.write_bytes(b"")
    time.sleep(0.06)
    assert not spool.append(RESOURCE, SCOPE, b"x")
    parent.unlink()
    time.sleep(0.3)
    fill(spool, b"2")

    assert texts(spool) == [b"1", b"2"]


def test_segments_that_others_remove_or_cut_cost_themselves(open_spool: Open, root: Path) -> None:
    """One is removed, one emptied, while the process lives: the rest is delivered, the rest counted."""
    spool = open_spool(max_bytes=64 << 10)
    given = [f"{n:03}".encode() * 100 for n in range(60)]
    fill(spool, *given)
    names = segments(root)
    assert len(names) >= 5
    names[1].unlink()
    os.truncate(names[2], 0)
    os.truncate(names[-1], names[-1].stat().st_size - 10)
    time.sleep(0.06)
    fill(spool, b"after")
    found = texts(spool)

    assert found[-1] == b"after"
    assert len(found) > 20
    assert found[:-1] == sorted(set(found[:-1]) & set(given))
    assert len(found) - 1 + spool.counts.corrupt == 60


def test_a_segment_that_cannot_be_read_is_set_aside_in_the_end(
    open_spool: Open, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device that fails: tried again for a while, then its file is kept aside, and the others go on at once."""
    bad = left_behind(root, b"bad")
    left_behind(root, b"good")
    real = os.pread

    def pread(descriptor: int, size: int, offset: int) -> bytes:
        if os.path.samestat(os.fstat(descriptor), status) and offset:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(descriptor, size, offset)

    status = bad.stat()
    content = bad.read_bytes()
    spool = open_spool()
    batch = spool.read(1, 1)
    assert batch is not None
    batch.retry()
    monkeypatch.setattr(os, "pread", pread)
    monkeypatch.setattr("otel_ctxlog.delivery.spool.reader._REST_SECONDS", 0.0)
    found: list[bytes] = []
    for _ in range(10):
        found += texts(spool)
    (kept,) = root.glob("*.corrupt")

    assert found == [b"good"]
    assert kept.read_bytes() == content
    assert spool.counts.corrupt == 1


def test_a_file_system_that_loses_the_mark_of_what_was_delivered(
    open_spool: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The cursor cannot be written: this process sends nothing twice, the next may, and one diagnostic says so."""
    spool = open_spool()
    fill(spool, b"1", b"2", b"3")

    def pwrite(descriptor: int, data: bytes, offset: int) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "pwrite", pwrite)
    assert [record for _, _, record in drained(spool, records=1)] == [b"1", b"2", b"3"]
    monkeypatch.undo()

    assert len(caplog.messages) == 1
    assert "it will be sent again after a restart" in caplog.messages[0]


def test_a_file_system_without_locks_is_not_used(
    open_spool: Open, root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody could tell the living from the dead there: nothing is kept or taken, and that is said."""
    left_behind(root, b"1")

    def flock(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", flock)
    spool = open_spool()

    assert not spool.append(RESOURCE, SCOPE, b"x")
    assert spool.read(1, 1) is None
    assert [text for text in caplog.messages if "No locks available" in text] == caplog.messages != []


def test_descriptors_do_not_leak_whatever_fails(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred spools, of which each call fails in turn at another system call, leave as many open files as before."""
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc")
    before = descriptors()
    for name in ("write", "pwrite", "fstat", "unlink", "rename", "mkdir", "open", "ftruncate", "pread", "rmdir"):
        for turn in range(10):
            count = 0
            real = getattr(os, name)

            def fail(
                *arguments: object, real: Callable[..., object] = real, turn: int = turn, **named: object
            ) -> object:
                nonlocal count
                count += 1
                if count % 10 == turn:
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
                return real(*arguments, **named)

            with monkeypatch.context() as patch:
                patch.setattr(os, name, fail)
                patch.setattr("otel_ctxlog.delivery.spool.spool._REST_SECONDS", 0.0)
                spool = Spool(root, max_bytes=64 << 10)
                for _ in range(8):
                    spool.append(RESOURCE, SCOPE, b"x" * 2000)
                    batch = spool.read(3, 1000)
                    if batch is not None:
                        batch.accept()
                spool.close()

    assert descriptors() == before
