from __future__ import annotations

import _thread
import errno
import os
import stat
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otel_ctxlog.delivery.spool import Spool
from tests.delivery.collectors import wait_until

from .content import RESOURCE, SCOPE, fill, segments, texts
from .interrupting import interrupted

if TYPE_CHECKING:
    from .conftest import Open


class Syncs:
    """What was synced to the device: the size that each file had then."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sizes: dict[int, int] = {}
        self.folders: set[int] = set()
        self.calls = 0
        self.error: OSError | None = None
        self.seconds = 0.0
        for name in ("fsync", "fdatasync"):
            monkeypatch.setattr(os, name, self._sync, raising=False)

    def _sync(self, descriptor: int) -> None:
        status = os.fstat(descriptor)
        time.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        self.calls += 1
        if stat.S_ISDIR(status.st_mode):
            self.folders.add(status.st_ino)
        else:
            self.sizes[status.st_ino] = status.st_size

    def covers(self, path: Path) -> bool:
        """Whether all of a file, and its name, survive a power cut."""
        status = path.stat()
        names = {path.parent.stat().st_ino, path.parent.parent.stat().st_ino}
        return self.sizes.get(status.st_ino, 0) >= status.st_size and names <= self.folders


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> Syncs:
    """All syncs are noted, and none is made."""
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc")
    return Syncs(monkeypatch)


def test_each_record_is_on_the_device_when_append_returns(open_spool: Open, root: Path, syncs: Syncs) -> None:
    """Files and their names, also where a new segment has been begun."""
    spool = open_spool(fsync="each", max_bytes=64 << 10)
    for number in range(30):
        fill(spool, b"%d" % number * 500)
        assert all(map(syncs.covers, segments(root))), number

    assert len(segments(root)) > 3


def test_a_record_of_a_signal_handler_is_on_the_device_as_well(tmp_path: Path, syncs: Syncs) -> None:
    """At every line of an append that is interrupted: what the handler was told is kept survives a power cut."""
    kept = at = 0
    going = True
    while going:
        at += 1
        spool = Spool(tmp_path / str(at), fsync="each")
        fill(spool, b"before")

        def handler(spool: Spool = spool) -> None:
            nonlocal kept
            if spool.append(RESOURCE, SCOPE, b"inside"):
                kept += 1
                (segment,) = segments(spool.path)
                assert b"inside" in segment.read_bytes()[: syncs.sizes[segment.stat().st_ino]]

        def call(spool: Spool = spool) -> None:
            assert spool.append(RESOURCE, SCOPE, b"outer")

        going = interrupted(call, at, handler)
        assert all(map(syncs.covers, segments(spool.path))), at
        spool.close()

    assert kept >= 10


def test_threads_that_wait_share_a_sync(open_spool: Open, syncs: Syncs) -> None:
    """A slow device is asked far less often than there are records, and none returns too early."""
    spool = open_spool(fsync="each")
    fill(spool, b"first")
    syncs.seconds, syncs.calls = 0.03, 0

    def append() -> None:
        for _ in range(10):
            fill(spool, b"x")
            assert spool._durability._synced >= 1

    threads = [threading.Thread(target=append) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert syncs.calls <= 60
    assert spool._durability._synced == 81


def test_what_the_device_does_not_take_is_not_kept(
    open_spool: Open, syncs: Syncs, caplog: pytest.LogCaptureFixture
) -> None:
    """``each``: a sync that fails is a False, with one diagnostic; the record may still be delivered."""
    spool = open_spool(fsync="each")
    fill(spool, b"1")
    syncs.error = OSError(errno.EIO, os.strerror(errno.EIO))
    assert not spool.append(RESOURCE, SCOPE, b"2")
    assert not spool.append(RESOURCE, SCOPE, b"3")
    syncs.error = None
    time.sleep(0.3)
    fill(spool, b"4")

    assert texts(spool) == [b"1", b"2", b"4"]
    assert spool.counts.failed == 2
    assert len(caplog.messages) == 1
    assert "Input/output error" in caplog.messages[0]


def test_at_most_an_interval_is_lost(open_spool: Open, root: Path, syncs: Syncs) -> None:
    """Without a further call everything is on the device a moment after the interval, full segments as well."""
    spool = open_spool(fsync="interval", fsync_interval=0.05, max_bytes=64 << 10)
    for number in range(30):
        fill(spool, b"%d" % number * 500)
    assert syncs.calls < 100

    wait_until(lambda: all(map(syncs.covers, segments(root))))


def test_an_idle_interval_syncs_nothing(open_spool: Open, syncs: Syncs) -> None:
    """Where nothing was appended the device has its peace."""
    spool = open_spool(fsync="interval", fsync_interval=0.01)
    fill(spool, b"1")
    wait_until(lambda: spool._durability._synced == 1)
    calls = syncs.calls
    time.sleep(0.1)

    assert syncs.calls == calls


def test_none_never_waits_for_the_device(open_spool: Open, syncs: Syncs) -> None:
    """Neither when it is written nor when segments change, nor at the end."""
    spool = open_spool(max_bytes=64 << 10)
    fill(spool, *[b"x" * 1000] * 30)
    spool.close()

    assert syncs.calls == 0


@pytest.mark.parametrize("policy", ["none", "interval", "each"])
def test_sync_brings_everything_to_the_device(open_spool: Open, root: Path, syncs: Syncs, policy: str) -> None:
    """Under each policy, the segments that are full included; names only where the policy cares for them."""
    spool = open_spool(fsync=policy, fsync_interval=100, max_bytes=64 << 10)
    fill(spool, *[b"x" * 1000] * 30)
    spool.sync()

    assert all(syncs.sizes[path.stat().st_ino] == path.stat().st_size for path in segments(root))


def test_the_end_syncs_what_the_policy_promises(open_spool: Open, root: Path, syncs: Syncs) -> None:
    """`close` does not wait for the interval, and leaves no thread behind."""
    before = _thread._count()
    spool = open_spool(fsync="interval", fsync_interval=100)
    fill(spool, b"1")
    assert becomes(before + 1)
    spool.close()

    assert all(map(syncs.covers, segments(root)))
    assert becomes(before)


def becomes(count: int) -> bool:
    """Whether there are so many threads, soon."""
    deadline = time.monotonic() + 2
    while _thread._count() != count and time.monotonic() < deadline:
        time.sleep(0.01)
    return _thread._count() == count


def test_no_thread_where_none_is_needed(open_spool: Open) -> None:
    """Only ``interval`` has one, and only after the first record."""
    before = _thread._count()
    for policy in ("none", "each"):
        spool = open_spool(fsync=policy)
        fill(spool, b"1")
        spool.close()
    open_spool(fsync="interval")

    assert _thread._count() == before


def test_where_no_thread_can_be_started_the_call_syncs(
    open_spool: Open, root: Path, syncs: Syncs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the end of the interpreter there are no new threads: better slow than not."""

    def refuse(*arguments: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    spool = open_spool(fsync="interval", fsync_interval=100)
    fill(spool, b"1")

    assert all(map(syncs.covers, segments(root)))
