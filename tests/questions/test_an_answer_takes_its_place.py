from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from otel_ctxlog.questions.placing import place
from tests.questions.asked import command, process
from tests.questions.lines import event, logs

COUNT = ("--count-by", "eventType", "--format", "csv")
ANSWER = "eventType,count\na,1\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "some.jsonl"
    path.write_text(logs(event("a")), encoding="utf-8")
    return path


def test_a_device_stays_a_device(file: Path) -> None:
    """Even for root, who may replace it, and with the rights that it had."""
    before = Path(os.devnull).stat()
    done = command(file, *COUNT, "-o", os.devnull)
    after = Path(os.devnull).stat()

    assert (done.code, done.err) == (0, "")
    assert stat.S_ISCHR(after.st_mode)
    assert (before.st_mode, before.st_ino) == (after.st_mode, after.st_ino)


def test_a_pipe_gets_the_content(file: Path, tmp_path: Path) -> None:
    """A named one."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    done = command(file, *COUNT, "-o", pipe)
    reader.join(30)

    assert (done.code, read) == (0, [ANSWER])
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="there is no /dev/stdout")
def test_standard_output_has_a_name(file: Path) -> None:
    """What a shell has redirected is written to, not replaced."""
    done = process(file, *COUNT, "-o", "/dev/stdout")

    assert (done.code, done.out, done.err) == (0, ANSWER, "")


def test_a_link_stays_a_link(file: Path, tmp_path: Path) -> None:
    """What it stands for is replaced."""
    real = tmp_path / "real.csv"
    real.write_text("before")
    link = tmp_path / "link.csv"
    link.symlink_to(real)

    assert command(file, "--count-by", "eventType", "-o", link).code == 0
    assert link.is_symlink()
    assert real.read_text() == ANSWER


def test_another_file_system_sees_only_a_whole_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes beside its place first, and nothing stays there."""
    answer, folder = tmp_path / "answer", tmp_path / "folder"
    answer.write_text(ANSWER)
    folder.mkdir()
    (folder / "out.csv").write_text("before")
    real = Path.replace

    def of_one_system(self: Path, target: str | os.PathLike[str]) -> Path:
        if self == answer:
            raise OSError(errno.EXDEV, "Invalid cross-device link", str(self))
        assert Path(target).read_text() == "before"
        return real(self, target)

    monkeypatch.setattr(Path, "replace", of_one_system)
    place(answer, str(folder / "out.csv"))

    assert [path.name for path in folder.iterdir()] == ["out.csv"]
    assert (folder / "out.csv").read_text() == ANSWER


def test_a_place_that_is_no_place_is_named(tmp_path: Path) -> None:
    """As it was given, not as some temporary file."""
    answer = tmp_path / "answer"
    answer.write_text(ANSWER)
    nowhere = str(tmp_path / "gone" / "out.csv")
    with pytest.raises(OSError, match="No such file or directory") as raised:
        place(answer, nowhere)

    assert raised.value.filename == nowhere
