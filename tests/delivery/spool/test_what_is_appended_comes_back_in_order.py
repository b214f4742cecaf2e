from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from otel_ctxlog.delivery.spool import Spool

from .content import RESOURCE, SCOPE, drained, files, fill, left_behind, segments, texts

if TYPE_CHECKING:
    from .conftest import Open


def test_records_come_back_with_their_resource_and_scope(open_spool: Open) -> None:
    """Each record has the very bytes of record, resource and scope that it was appended with, in the same order."""
    spool = open_spool()
    given = [(bytes([65 + n % 3]) * 50, bytes([97 + n % 2]) * 9, f"record {n}".encode()) for n in range(100)]
    given += [(b"", b"", b""), (RESOURCE, b"", b"\0" * 100), (b"", SCOPE, bytes(range(256)))]
    for resource, scope, record in given:
        assert spool.append(resource, scope, record)

    assert drained(spool, records=7) == given


def test_a_resource_and_its_scope_are_stored_once_per_segment(open_spool: Open, root: Path) -> None:
    """A hundred records name their resource by number; it stands in the file twice, against damage."""
    spool = open_spool()
    fill(spool, *[b"x"] * 100)

    assert segments(root)[0].read_bytes().count(RESOURCE + SCOPE) == 2


def test_a_batch_keeps_to_the_limits_but_has_at_least_one_record(open_spool: Open) -> None:
    """As many records and bytes as asked for; a record that is larger than the limit comes alone."""
    spool = open_spool()
    fill(spool, *[b"x" * 10] * 5, b"y" * 1000, b"z")

    sizes: list[list[int]] = []
    for records, size in ((2, 1000), (100, 25), (100, 5), (100, 100), (100, 100)):
        batch = spool.read(records, size)
        assert batch is not None
        sizes.append([len(record) for _, _, record in batch.records])
        batch.accept()

    assert sizes == [[10, 10], [10, 10], [10], [1000], [1]]
    assert spool.read(100, 100) is None


def test_what_is_not_accepted_comes_again(open_spool: Open) -> None:
    """After `retry`, and without an answer at all, the next read gives the same records."""
    spool = open_spool()
    fill(spool, b"1", b"2", b"3")
    for answered in (True, False):
        batch = spool.read(2, 100)
        assert batch is not None
        assert [record for _, _, record in batch.records] == [b"1", b"2"]
        if answered:
            batch.retry()

    assert spool.pending()[0] == 3
    assert texts(spool) == [b"1", b"2", b"3"]
    assert spool.pending() == (0, 0)


def test_a_batch_may_be_accepted_late_and_twice(open_spool: Open) -> None:
    """A batch that was read again meanwhile counts once; nothing that comes after it is taken for accepted."""
    spool = open_spool()
    fill(spool, b"1", b"2", b"3")
    first, second = spool.read(1, 100), spool.read(2, 100)
    assert first is not None
    assert second is not None
    second.accept()
    first.accept()
    second.accept()

    assert spool.pending()[0] == 1
    assert texts(spool) == [b"3"]


def test_pending_counts_what_is_not_accepted(open_spool: Open) -> None:
    """Records, and the bytes that they take in the file, entry heads included."""
    spool = open_spool()
    assert spool.pending() == (0, 0)
    fill(spool, b"x" * 100, b"y" * 100)
    records, size = spool.pending()

    assert records == 2
    assert 240 <= size <= 400


def test_what_was_not_accepted_is_there_after_a_restart_and_nothing_else(open_spool: Open) -> None:
    """The next process begins behind the last accepted record, not at the beginning of the file."""
    first = open_spool()
    fill(first, b"1", b"2", b"3", b"4")
    batch = first.read(2, 100)
    assert batch is not None
    batch.accept()
    first.close()
    second = open_spool()
    again = second.read(1, 100)

    assert again is not None
    assert again.records == [(RESOURCE, SCOPE, b"3")]
    assert second.pending()[0] == 2
    assert texts(second) == [b"3", b"4"]


def test_records_of_many_segments_keep_their_order(open_spool: Open, root: Path) -> None:
    """Beyond its size a segment is continued in another; across a restart, too."""
    first = open_spool(max_bytes=256 << 10)
    given = [f"{n:05}".encode() * 40 for n in range(500)]
    fill(first, *given[:400])
    assert len(segments(root)) > 4
    first.close()
    second = open_spool(max_bytes=256 << 10)
    fill(second, *given[400:])

    assert texts(second) == given


def test_a_record_larger_than_a_segment_is_kept(open_spool: Open, root: Path) -> None:
    """It gets a segment for itself, and those around it are not touched."""
    spool = open_spool(max_bytes=1 << 20)
    given = [b"before", os.urandom(700_000), b"after"]
    fill(spool, *given)

    assert texts(spool) == given
    spool.close()
    assert files(root) == []


def test_nothing_is_made_before_it_is_needed(open_spool: Open, root: Path) -> None:
    """A spool that nobody appends to leaves no trace, not even its directory."""
    spool = open_spool()
    assert spool.read(1, 1) is None
    spool.sync()
    spool.close()

    assert not root.exists()


def test_a_process_that_has_delivered_everything_leaves_an_empty_directory(open_spool: Open, root: Path) -> None:
    """After `close` there is neither segment nor folder."""
    spool = open_spool()
    fill(spool, b"1")
    assert texts(spool) == [b"1"]
    spool.close()

    assert files(root) == []


def test_what_was_delivered_does_not_stay_on_disk(open_spool: Open, root: Path) -> None:
    """A segment that is being written is ended when all of it was accepted and it is not small."""
    spool = open_spool(max_bytes=64 << 10)
    for _ in range(20):
        fill(spool, b"x" * 2000)
        assert len(texts(spool)) == 1

    assert sum(path.stat().st_size for path in segments(root)) <= 2300


def test_threads_keep_their_own_order(open_spool: Open) -> None:
    """Eight threads append at once, while one reads: each thread's records come in its order, none twice."""
    spool = open_spool()
    amount, found = 500, list[bytes]()
    done = threading.Event()

    def append(name: int) -> None:
        for number in range(amount):
            assert spool.append(RESOURCE, b"scope %d" % name, b"%d:%d" % (name, number))

    def read() -> None:
        while not done.is_set():
            found.extend(texts(spool))

    writers = [threading.Thread(target=append, args=(name,)) for name in range(8)]
    reader = threading.Thread(target=read)
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    found.extend(texts(spool))

    assert len(found) == 8 * amount
    for name in range(8):
        own = [record for record in found if record.startswith(b"%d:" % name)]
        assert own == [b"%d:%d" % (name, number) for number in range(amount)]


def test_after_the_end_nothing_is_taken_or_given(open_spool: Open, root: Path) -> None:
    """A closed spool keeps nothing and gives out nothing; a batch of before changes nothing any more."""
    spool = open_spool()
    fill(spool, b"1")
    batch = spool.read(1, 100)
    assert batch is not None
    spool.close()
    spool.close()
    batch.accept()

    assert not spool.append(RESOURCE, SCOPE, b"2")
    assert spool.read(1, 100) is None
    assert texts(open_spool()) == [b"1"]


def test_a_clock_that_is_put_back_changes_no_order(open_spool: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of one process are in the order of writing, whatever time it is."""
    import time

    spool = open_spool(max_bytes=64 << 10)
    clock = iter(range(2_000_000_000_000_000_000, 0, -1_000_000_000))
    monkeypatch.setattr(time, "time_ns", lambda: next(clock))
    given = [f"{n:03}".encode() * 1000 for n in range(12)]
    fill(spool, *given)

    assert texts(spool) == given


def test_a_relative_path_means_the_directory_of_the_beginning(
    open_spool: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that changes its working directory later still writes to the same place."""
    monkeypatch.chdir(tmp_path)
    spool = open_spool(Path("here"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    fill(spool, b"1")

    assert spool.path == tmp_path / "here"
    assert len(segments(tmp_path / "here")) == 1


def test_nobody_else_may_read_the_files(open_spool: Open, root: Path) -> None:
    """Directory, folder and files are the user's alone."""
    fill(open_spool(), b"secret")
    others = 0o077

    assert [path for path in (root, *root.rglob("*")) if path.stat().st_mode & others] == []


def test_left_over_beginnings_are_adopted_without_a_word(
    open_spool: Open, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A process that was killed right after making an empty segment has left nothing to complain about."""
    segment = left_behind(root, b"1")
    (segment.parent / "18ffffffffffffff.segment").touch()
    spool = open_spool()

    assert texts(spool) == [b"1"]
    assert spool.counts.corrupt_parts == 0
    assert caplog.messages == []
    assert files(root) == []


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ({"path": 3}, TypeError, "path of a spool is 3, allowed: text or a path object"),
        ({"path": b"x"}, TypeError, "path of a spool is b'x', allowed: text or a path object"),
        ({"path": ""}, ValueError, "path of a spool is '', allowed: the name of a directory"),
        ({"max_bytes": 1000}, ValueError, "max_bytes is 1000, allowed: 65536 (64 KiB) and more"),
        ({"max_bytes": True}, TypeError, "max_bytes is True, allowed: a whole number above 0"),
        ({"max_bytes": 1e9}, TypeError, "max_bytes is 1000000000.0, allowed: a whole number above 0"),
        (
            {"fsync": "intervall"},
            ValueError,
            "fsync is 'intervall', allowed: 'none', 'interval', 'each'; did you mean 'interval'?",
        ),
        ({"fsync": True}, TypeError, "fsync is True, allowed: 'none', 'interval', 'each'"),
        ({"fsync_interval": 0}, ValueError, "fsync_interval is 0, allowed: more than 0 and up to 3600 seconds"),
        ({"fsync_interval": "1"}, TypeError, "fsync_interval is '1', allowed: a number of seconds"),
        ({"when_full": "drop"}, ValueError, "when_full is 'drop', allowed: 'drop_oldest', 'refuse'"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], kind: type[Exception], text: str) -> None:
    """The error says what was given, what is allowed, and what may have been meant."""
    given: dict[str, Any] = {"path": "x", **arguments}
    with pytest.raises(kind) as caught:
        Spool(**given)

    assert str(caught.value) == text


def test_wrong_limits_are_named(open_spool: Open) -> None:
    """A limit of a read is a whole number above 0."""
    with pytest.raises(ValueError, match="max_records is 0, allowed: a whole number above 0"):
        open_spool().read(0, 1)
    with pytest.raises(TypeError, match="max_bytes is None"):
        open_spool().read(1, None)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - that is the point


def test_what_is_no_bytes_is_not_kept_and_breaks_nothing(open_spool: Open, caplog: pytest.LogCaptureFixture) -> None:
    """A mistake of the caller costs one diagnostic; the records before and after it are there."""
    spool = open_spool()
    fill(spool, b"1")
    wrong: Any = "text"

    assert not spool.append(wrong, wrong, wrong)
    assert not spool.append(RESOURCE, SCOPE, wrong)
    fill(spool, b"2")
    assert texts(spool) == [b"1", b"2"]
    assert len(caplog.messages) == 1
    assert "a record could not be kept: TypeError" in caplog.messages[0]
