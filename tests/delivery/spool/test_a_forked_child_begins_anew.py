from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otel_ctxlog.delivery.spool import Spool, forking

from .content import RESOURCE, SCOPE, fill, look_again, segments, texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Open

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def in_child(work: Callable[[], None]) -> int:
    """The id of a forked child that does the work and ends with `os._exit`, 0 if it went well."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except BaseException:  # noqa: BLE001 - nothing may come out of a child
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def ended_well(child: int) -> bool:
    """Whether a child has ended well, within ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def test_parent_and_child_each_have_their_own(open_spool: Open, root: Path) -> None:
    """What the parent appended is sent by the parent, what the child appended is the child's, and survives it."""
    spool = open_spool()
    fill(spool, b"parent 1")

    def work() -> None:
        assert spool.pending() == (0, 0)
        assert spool.counts.failed == 0
        fill(spool, b"child 1", b"child 2")
        batch = spool.read(1, 100)
        assert batch is not None
        assert batch.records == [(RESOURCE, SCOPE, b"child 1")]
        batch.accept()

    child = in_child(work)
    fill(spool, b"parent 2")
    assert ended_well(child)
    assert len(segments(root)) == 2

    assert texts(spool) == [b"parent 1", b"parent 2", b"child 2"]


def test_a_batch_of_the_parent_changes_nothing_in_the_child(open_spool: Open) -> None:
    """A child that inherits a batch cannot accept it, nor the parent's records disappear."""
    spool = open_spool()
    fill(spool, b"1")
    batch = spool.read(1, 100)
    assert batch is not None

    assert ended_well(in_child(batch.accept))
    again = spool.read(1, 100)
    assert again is not None
    again.accept()
    assert spool.pending() == (0, 0)


def test_a_child_does_not_keep_its_parent_alive(open_spool: Open, root: Path) -> None:
    """The parent is dead, the child goes on: what the parent left can be adopted, the child's cannot."""
    ready, stay = os.pipe(), os.pipe()

    def parent() -> None:
        spool = Spool(root)
        fill(spool, b"parent")

        def child() -> None:
            fill(spool, b"child")
            os.write(ready[1], b"x")
            os.read(stay[0], 1)

        grandchild = os.fork()
        if not grandchild:
            child()
            os._exit(0)
        os.read(ready[0], 1)
        os._exit(0)

    assert ended_well(in_child(parent))
    found = texts(open_spool())
    os.write(stay[1], b"x")
    for end in (*ready, *stay):
        os.close(end)

    assert found == [b"parent"]


def test_start_in_child_may_be_called_by_hand_and_does_nothing_in_the_parent(open_spool: Open) -> None:
    """Where fork hooks do not run, somebody else may call it; once is enough, in the parent it changes nothing."""
    spool = open_spool()
    fill(spool, b"1")
    spool.start_in_child()
    assert spool.pending()[0] == 1

    def work() -> None:
        fill(spool, b"child")
        spool.start_in_child()
        assert spool.pending()[0] == 1

    assert ended_well(in_child(work))


def test_a_closed_spool_stays_closed_in_the_child(open_spool: Open) -> None:
    """A fork opens nothing."""
    spool = open_spool()
    spool.close()

    def work() -> None:
        assert not spool.append(RESOURCE, SCOPE, b"x")
        assert spool.read(1, 1) is None

    assert ended_well(in_child(work))


@pytest.mark.slow
@pytest.mark.parametrize("fsync", ["none", "interval", "each"])
def test_forks_under_load(open_spool: Open, fsync: str) -> None:
    """Threads append and read while the process forks again and again: no child hangs, nothing is lost or doubled."""
    spool = open_spool(fsync=fsync, fsync_interval=0.01)
    stop = threading.Event()
    kept: list[list[bytes]] = [[], [], []]
    found: list[bytes] = []

    def append(name: int) -> None:
        while not stop.is_set():
            record = b"%d:%d" % (name, len(kept[name]))
            if spool.append(RESOURCE, SCOPE, record):
                kept[name].append(record)

    def read() -> None:
        while not stop.is_set():
            found.extend(texts(spool))
            time.sleep(0.001)

    threads = [threading.Thread(target=append, args=(name,)) for name in range(3)] + [threading.Thread(target=read)]
    for thread in threads:
        thread.start()
    children: list[int] = []
    for number in range(20):

        def work(number: int = number) -> None:
            fill(spool, b"child %d" % number)
            spool.pending()
            # Some end in order, others do not.
            if number % 2:
                spool.close()

        children.append(in_child(work))
        assert ended_well(children[-1]), number
    stop.set()
    for thread in threads:
        thread.join()
    look_again(spool)
    found += texts(spool)

    own = [record for record in found if b":" in record]
    assert sorted(own) == sorted(record for own_kept in kept for record in own_kept)
    for name in range(3):
        assert [record for record in own if record.startswith(b"%d:" % name)] == kept[name]
    assert sorted(record for record in found if b":" not in record) == sorted(b"child %d" % n for n in range(20))


def test_a_fork_while_spools_come_and_go_complains_of_nothing(root: Path) -> None:
    """What a fork does before it does not stumble over a spool that another thread is just making."""
    over = threading.Event()

    def make() -> None:
        while not over.is_set():
            kept = [Spool(root) for _ in range(50)]
            kept.clear()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread = threading.Thread(target=make)
    thread.start()
    try:
        for _ in range(60):
            forking._before()
            forking._after_in_parent()
    finally:
        sys.setswitchinterval(interval)
        over.set()
        thread.join()


def test_a_fork_waits_only_a_moment_for_a_lock(open_spool: Open) -> None:
    """Somebody holds a lock and does not let go: the fork goes on, and the child works."""
    spool = open_spool()
    fill(spool, b"1")
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with spool._reader.lock, spool._holdings.lock:
            held.set()
            release.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    began = time.monotonic()
    child = in_child(lambda: fill(spool, b"child"))
    took = time.monotonic() - began
    release.set()
    thread.join()

    assert ended_well(child)
    assert took < 10
    fill(spool, b"2")
