from __future__ import annotations

from typing import TYPE_CHECKING

from .content import files, fill, left_behind, texts

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from .conftest import Open

STEM = "18c2f0a1b2c3d4e5-9f8e7d6c"


def test_files_and_folders_of_others_stay_as_they_are(
    open_spool: Open, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever has another name, also beside segments: neither read, counted nor removed, nor complained about."""
    owner = left_behind(root, b"1", b"2").parent
    foreign = {
        "lost+found/x": b"a",
        "notes.txt": b"b",
        "18c2.owner/x": b"c",
        f"{STEM}.owner.bak": b"d",
        f"{STEM}.segment": b"e",
        f"{STEM.upper()}.owner/0000000000000001.segment": b"f",
        f"{owner.name}/README": b"g",
        f"{owner.name}/0000000000000001.segment.gz": b"h",
        ".nfs0001": b"i",
    }
    for name, content in foreign.items():
        (root / name).parent.mkdir(exist_ok=True, parents=True)
        (root / name).write_bytes(content)
    spool = open_spool(max_bytes=64 << 10)
    fill(spool, *[b"x" * 1000] * 100)
    assert texts(spool)[-1] == b"x" * 1000
    spool.close()

    assert [name for name in files(root) if (root / name).is_file()] == sorted(foreign)
    assert {name: (root / name).read_bytes() for name in foreign} == foreign
    assert [text for text in caplog.messages if "is full" not in text] == []


def test_a_file_with_the_name_of_a_folder_of_ours_does_no_harm(open_spool: Open, root: Path) -> None:
    """What should be a folder and is a file, or a link to nowhere, is passed over."""
    left_behind(root, b"1")
    (root / f"{STEM}.owner").write_bytes(b"")
    (root / f"{STEM.replace('18', '19')}.owner").symlink_to("/nowhere/at/all")
    (root / f"{STEM.replace('18', '17')}.owner").mkdir()
    spool = open_spool()
    fill(spool, b"2")

    assert texts(spool) == [b"1", b"2"]


def test_a_directory_named_like_a_segment_does_no_harm(open_spool: Open, root: Path) -> None:
    """It is no file to read; what is beside it is delivered."""
    segment = left_behind(root, b"1")
    (segment.parent / f"{1:016x}.segment").mkdir()
    spool = open_spool()

    assert texts(spool) == [b"1"]
    assert (segment.parent / f"{1:016x}.segment").is_dir()
