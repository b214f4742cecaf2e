from __future__ import annotations

import random
import re
import shutil
import zlib
from typing import TYPE_CHECKING

import pytest

from otel_ctxlog.delivery.spool import Spool, SpoolCounts
from otel_ctxlog.delivery.spool.entries import Limits, parse
from otel_ctxlog.delivery.spool.format import ENTRY_SIZE, HEADER_SIZE, Header, context_entry, record_entry

from .content import RESOURCE, SCOPE, drained, files, fill, left_behind, segments, texts

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Open

Encoded = tuple[bytes, bytes, bytes]

GIVEN: list[Encoded] = [
    (b"resource one", b"scope", b"the first record"),
    (b"resource two", b"scope", b"the second"),
    (b"resource one", b"scope", b"the third"),
    (b"resource two", b"scope", b"the fourth record"),
]


def small_spool(root: Path) -> Path:
    """The segment of a dead process, with four records in two contexts."""
    spool = Spool(root)
    for resource, scope, record in GIVEN:
        assert spool.append(resource, scope, record)
    spool.close()
    return segments(root)[0]


def found_in(root: Path) -> tuple[list[Encoded], SpoolCounts]:
    """What the next process delivers, and what it counts."""
    spool = Spool(root)
    found = drained(spool)
    spool.close()
    return found, spool.counts


def flipped(intact: bytes, place: int, bit: int) -> bytes:
    """The same with one bit turned."""
    return intact[:place] + bytes([intact[place] ^ (1 << bit)]) + intact[place + 1 :]


def check_every_flip(tmp_path: Path, bits: range | None) -> None:
    """At each byte, one bit or those given."""
    intact = small_spool(tmp_path / "intact").read_bytes()
    owner = next((tmp_path / "intact").iterdir()).name
    for place in range(len(intact)):
        for bit in bits or (place % 8,):
            root = tmp_path / "damaged"
            shutil.copytree(tmp_path / "intact", root)
            segment = segments(root)[0]
            segment.write_bytes(flipped(intact, place, bit))
            found, counts = found_in(root)
            missing = [record for record in GIVEN if record not in found]

            assert found == [record for record in GIVEN if record not in missing], (place, bit)
            assert len(missing) <= 1, (place, bit)
            assert counts.corrupt == len(missing), (place, bit)
            assert counts.corrupt_parts == (place >= HEADER_SIZE), (place, bit)
            assert not (root / owner).exists(), (place, bit)
            shutil.rmtree(root)


def test_a_flipped_bit_at_any_byte_costs_one_record_at_most(tmp_path: Path) -> None:
    """Everything else arrives, in order; what does not is counted, and the file is not read again."""
    check_every_flip(tmp_path, None)


@pytest.mark.slow
def test_any_flipped_bit_costs_one_record_at_most(tmp_path: Path) -> None:
    """The same for each bit of each byte."""
    check_every_flip(tmp_path, range(8))


def test_a_file_cut_off_anywhere_gives_what_is_whole(tmp_path: Path) -> None:
    """At every length: all records that are complete, and a count of what is not."""
    intact = small_spool(tmp_path / "intact").read_bytes()
    places = [intact.index(record) + len(record) for _, _, record in GIVEN]
    copies = [found.end() for resource in (b"resource one", b"resource two") for found in re.finditer(resource, intact)]
    boundaries = (0, HEADER_SIZE, *places, *(copy + len(b"scope") for copy in copies))
    for length in range(len(intact)):
        root = tmp_path / "torn"
        shutil.copytree(tmp_path / "intact", root)
        with segments(root)[0].open("r+b") as file:
            file.truncate(length)
        found, counts = found_in(root)
        whole = [record for record, end in zip(GIVEN, places, strict=True) if end <= length]

        assert found == whole, length
        if length not in boundaries:
            assert counts.corrupt_parts >= 1, length
            # One was begun; the copies of a resource may be among what is left of it.
            assert counts.corrupt <= 1, length
        shutil.rmtree(root)


def test_a_flipped_bit_while_the_process_lives_costs_one_record(open_spool: Open, root: Path) -> None:
    """The process that wrote a record finds out as well, delivers the others, and goes on appending."""
    spool = open_spool()
    fill(spool, b"record 1", b"record 2", b"record 3")
    segment = segments(root)[0]
    damaged = segment.read_bytes().replace(b"record 2", b"recorf 2")
    with segment.open("r+b") as file:
        file.write(damaged)
    assert texts(spool) == [b"record 1", b"record 3"]
    fill(spool, b"record 4")

    assert texts(spool) == [b"record 4"]
    assert (spool.counts.corrupt, spool.counts.corrupt_parts) == (1, 1)


def test_records_lost_at_the_end_of_an_own_segment_are_counted_exactly(open_spool: Open, root: Path) -> None:
    """What was written is known: a long stretch of zeros hides no number."""
    spool = open_spool(max_bytes=64 << 10)
    fill(spool, *[b"x" * 500] * 20)
    first = segments(root)[0]
    written = first.stat().st_size
    with first.open("r+b") as file:
        file.seek(written - 2000)
        file.write(bytes(2000))
    found = texts(spool)

    assert len(found) + spool.counts.corrupt == 20
    assert spool.counts.corrupt >= 3
    assert spool.counts.corrupt_bytes >= 2000


def test_a_damaged_stretch_is_counted_once_however_often_it_is_read(open_spool: Open, root: Path) -> None:
    """A batch that is read again passes the same stretch."""
    segment = left_behind(root, b"record 1", b"record 2", b"record 3")
    segment.write_bytes(segment.read_bytes().replace(b"record 2", b"recorf 2"))
    spool = open_spool()
    for _ in range(3):
        batch = spool.read(10, 1000)
        assert batch is not None
        assert len(batch.records) == 2
        batch.retry()

    assert (spool.counts.corrupt, spool.counts.corrupt_parts) == (1, 1)


def test_what_is_damaged_is_set_aside_as_it_is(open_spool: Open, root: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The bytes are in a file that ends in ``.corrupt``, and one diagnostic tells about it."""
    segment = left_behind(root, b"record 1", b"record 2", b"record 3")
    segment.write_bytes(segment.read_bytes().replace(b"record 2", b"recorf 2"))
    spool = open_spool()
    assert texts(spool) == [b"record 1", b"record 3"]
    (kept,) = root.glob("*.corrupt")

    assert b"recorf 2" in kept.read_bytes()
    assert kept.stat().st_size == spool.counts.corrupt_bytes == ENTRY_SIZE + 8
    assert len(caplog.messages) == 1
    assert "28 bytes of" in caplog.messages[0]
    assert "are damaged (1 record) and were set aside" in caplog.messages[0]


@pytest.mark.parametrize("content", [b"no segment at all" * 100, b"short", bytes(HEADER_SIZE * 2)])
def test_a_file_that_is_no_segment_is_set_aside_whole(open_spool: Open, root: Path, content: bytes) -> None:
    """Where both copies of the header are gone nothing can be read; the segments beside it can."""
    segment = left_behind(root, b"good")
    (segment.parent / f"{1:016x}.segment").write_bytes(content)
    spool = open_spool()
    found = texts(spool)
    (kept,) = root.glob("*.corrupt")

    assert found == [b"good"]
    assert kept.read_bytes() == content
    assert (spool.counts.corrupt_parts, spool.counts.corrupt_bytes) == (1, len(content))


def test_what_is_set_aside_is_bounded(open_spool: Open, root: Path) -> None:
    """However much is damaged: a sixteenth of the spool, a hundred files."""
    for number in range(1, 131):
        segment = left_behind(root / "one", b"x" * 100)
        target = root / segment.parent.name
        segment.parent.rename(target)
        (target / f"{number:016x}.segment").write_bytes(b"damaged " * 100)
    spool = open_spool(max_bytes=64 << 10)
    assert len(texts(spool)) == 130
    kept = list(root.glob("*.corrupt"))

    assert spool.counts.corrupt_parts == 130
    assert sum(path.stat().st_size for path in kept) <= 4096
    assert 1 <= len(kept) <= 100


def test_a_later_version_of_the_format_is_left_alone(
    open_spool: Open, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """After a downgrade: neither read nor removed nor damaged, with one diagnostic, and the rest is delivered."""
    segment = left_behind(root, b"old")
    content = bytearray(segment.read_bytes())
    content[8] = 2
    for copy in (0, 64):
        content[copy : copy + 60] = content[:60]
        content[copy + 60 : copy + 64] = zlib.crc32(content[:60]).to_bytes(4, "little")
    later = segment.parent / f"{1:016x}.segment"
    later.write_bytes(content)
    for expected in ([b"old"], []):
        spool = open_spool()
        assert texts(spool) == expected
        spool.close()

    assert later.read_bytes() == bytes(content)
    assert [path for path in files(root) if path.endswith(".segment")] == [str(later.relative_to(root))]
    assert [message.partition(": version")[2] for message in caplog.messages] == [
        " 2 of the format, this is version 1"
    ] * 2


def test_nobody_can_write_an_entry_into_a_record(tmp_path: Path) -> None:
    """A record whose text looks like entries, of this very marker even, is nothing but its text when it is damaged."""
    header = Header.new(1)
    forged = record_entry(Header(header.salt ^ 1, header.marker, 1, 1), context=1, number=7, record=b"forged")
    carrier = record_entry(header, context=1, number=0, record=b"text " + forged)
    data = context_entry(header, context=1, resource=RESOURCE, scope=SCOPE) + flipped(carrier, len(carrier) - 1, 0)
    data += record_entry(header, context=1, number=1, record=b"honest")
    found = parse(data, header, {}, start=0, number=0, complete=True, limits=Limits(10, 1000))

    assert found.records == [(RESOURCE, SCOPE, b"honest")]
    assert [bad.records for bad in found.bad] == [1]


def test_random_damage_never_breaks_the_reader_or_invents_a_record(tmp_path: Path) -> None:
    """Stretches overwritten, cut out, doubled or emptied: whatever comes was given, and nothing else."""
    choose = random.Random(7)
    intact = small_spool(tmp_path / "intact").read_bytes()
    for attempt in range(300):
        content = bytearray(intact)
        for _ in range(choose.randint(1, 4)):
            start, size = choose.randrange(len(content)), choose.randint(1, 80)
            kind = choose.randrange(4)
            if kind == 0:
                content[start : start + size] = choose.randbytes(size)
            elif kind == 1:
                del content[start : start + size]
            elif kind == 2:
                content[start:start] = content[start : start + size]
            else:
                content[start : start + size] = bytes(size)
        root = tmp_path / "damaged"
        shutil.copytree(tmp_path / "intact", root)
        segments(root)[0].write_bytes(content)
        found, _ = found_in(root)

        # A stretch that was doubled whole is a record that comes twice.
        assert [record for record in found if record not in GIVEN] == [], attempt
        assert not list(root.glob("*.owner")), attempt
        shutil.rmtree(root)


def test_a_large_segment_with_much_damage_is_read_in_a_moment(open_spool: Open, root: Path) -> None:
    """Thousands of records, every tenth damaged: all others come, and the time does not explode."""
    segment = left_behind(root, *[b"%06d" % number * 20 for number in range(20_000)])
    content = bytearray(segment.read_bytes())
    for number in range(5, 20_000, 10):
        content[content.index(b"%06d" % number * 20)] ^= 1
    segment.write_bytes(content)
    spool = open_spool()
    found = texts(spool)

    assert len(found) == 18_000
    assert spool.counts.corrupt == 2_000
