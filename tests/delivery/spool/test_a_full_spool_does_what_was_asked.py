from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from otel_ctxlog.delivery.spool import room
from otel_ctxlog.delivery.spool.layout import used_bytes

from .content import RESOURCE, SCOPE, drained, fill, left_behind, segments, texts

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Open

LIMIT = 64 << 10


def size_of(root: Path) -> int:
    """What all segments take."""
    return sum(path.stat().st_size for path in segments(root))


def test_the_oldest_records_go_and_are_counted(open_spool: Open, root: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The limit is never exceeded, the newest are kept, and dropped and delivered make up what was appended."""
    spool = open_spool(max_bytes=LIMIT)
    given = [f"{n:05}".encode() * 40 for n in range(1000)]
    for record in given:
        fill(spool, record)
        assert size_of(root) <= LIMIT
    found = texts(spool)

    assert found == given[-len(found) :]
    assert len(found) > 200
    assert spool.counts.dropped == 1000 - len(found)
    assert spool.counts.dropped_bytes > 200 * spool.counts.dropped
    assert len(caplog.messages) == 1
    assert "is full (65536 bytes); its oldest records are dropped" in caplog.messages[0]


def test_a_spool_that_refuses_keeps_what_it_has(open_spool: Open, root: Path, caplog: pytest.LogCaptureFixture) -> None:
    """`append` gives False, nothing is dropped, and there is room again once records were accepted."""
    spool = open_spool(max_bytes=LIMIT, when_full="refuse")
    kept = 0
    while spool.append(RESOURCE, SCOPE, b"x" * 200):
        kept += 1
    assert not spool.append(RESOURCE, SCOPE, b"x" * 200)
    assert size_of(root) <= LIMIT
    batch = spool.read(100, 1 << 20)
    assert batch is not None
    batch.accept()

    assert spool.append(RESOURCE, SCOPE, b"new")
    assert texts(spool) == [b"x" * 200] * (kept - len(batch.records)) + [b"new"]
    assert (spool.counts.refused, spool.counts.dropped) == (2, 0)
    assert len(caplog.messages) == 1
    assert "is full" in caplog.messages[0]


def test_what_is_on_its_way_is_not_dropped(open_spool: Open) -> None:
    """The segment of a batch that was given out stays until it was answered; those behind it go first."""
    spool = open_spool(max_bytes=LIMIT)
    given = [f"{n:05}".encode() * 40 for n in range(1000)]
    fill(spool, *given[:100])
    batch = spool.read(5, 1 << 20)
    assert batch is not None
    fill(spool, *given[100:])
    batch.accept()
    found = batch.records + drained(spool)

    assert [record for _, _, record in batch.records] == given[:5]
    assert spool.counts.dropped + len(found) == 1000
    assert [record for _, _, record in found] == sorted(record for _, _, record in found)
    assert found[-1] == (RESOURCE, SCOPE, given[-1])


def test_a_record_larger_than_the_spool_is_refused_and_drops_nothing(open_spool: Open) -> None:
    """It could not be kept even if everything else went."""
    spool = open_spool(max_bytes=LIMIT)
    fill(spool, *[b"x" * 1000] * 20)

    assert not spool.append(RESOURCE, SCOPE, b"y" * LIMIT)
    assert spool.append(RESOURCE, SCOPE, b"z")
    assert (spool.counts.refused, spool.counts.dropped) == (1, 0)
    assert len(texts(spool)) == 21


def test_what_dead_processes_left_counts_and_goes_first(open_spool: Open, root: Path) -> None:
    """The limit is the directory's: without being read before, their oldest records make room."""
    for number in range(4):
        left_behind(root, *[b"%d" % number * 10_000])
    spool = open_spool(max_bytes=LIMIT)
    fill(spool, *[b"new" + b"x" * 997] * 36)
    found = texts(spool)

    assert spool.counts.dropped == 2
    assert [record[:3] for record in found[:3]] == [b"222", b"333", b"new"]
    assert len(found) == 38


def test_living_processes_share_the_limit_and_keep_their_records(open_spool: Open, root: Path) -> None:
    """One spool fills the directory; the other refuses rather than take anything from it."""
    first = open_spool(max_bytes=LIMIT, when_full="refuse")
    while first.append(RESOURCE, SCOPE, b"x" * 200):
        pass
    held = first.pending()[0]
    second = open_spool(max_bytes=LIMIT)

    assert not second.append(RESOURCE, SCOPE, b"y" * 200)
    assert (second.counts.refused, second.counts.dropped) == (1, 0)
    assert len(texts(first)) == held
    time.sleep(0.06)
    assert second.append(RESOURCE, SCOPE, b"y" * 200)


def test_a_full_spool_costs_little_per_call(open_spool: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refusing does not look through the directory each time."""
    spool = open_spool(max_bytes=LIMIT, when_full="refuse")
    while spool.append(RESOURCE, SCOPE, b"x" * 200):
        pass
    looks = 0

    def counting(directory: Path) -> int:
        nonlocal looks
        looks += 1
        return used_bytes(directory)

    monkeypatch.setattr(room, "used_bytes", counting)
    began = time.monotonic()
    for _ in range(2000):
        spool.append(RESOURCE, SCOPE, b"x" * 200)

    assert looks <= 1 + (time.monotonic() - began) / 0.05
