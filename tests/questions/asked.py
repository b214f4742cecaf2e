"""How the tests ask: the room itself, the command in this process, and the command as a process."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from otel_ctxlog.cli import main
from otel_ctxlog.questions.lines import Sources
from otel_ctxlog.questions.session import Session

if TYPE_CHECKING:
    from otel_ctxlog.questions.asking import Question
    from otel_ctxlog.questions.rows import Found

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = (sys.executable, "-m", "otel_ctxlog", "events")


@dataclass(frozen=True)
class Done:
    """What a command has done."""

    code: int
    out: str
    err: str


def ask(
    question: Question, *files: Path, jobs: int = 1, chunk_size: int = 8 << 20
) -> tuple[list[tuple[object, ...]], Found]:
    """The rows of the answer, and what was read."""
    with Session(question, memory="500MB", jobs=jobs) as session:
        found = session.read(Sources([str(file) for file in files], chunk_size=chunk_size), _unseen)
        return list(session.answer()), found


def _unseen(position: int, records: int) -> None:
    pass


def command(*arguments: str | Path) -> Done:
    """`otel-ctxlog events` in this process, its output no terminal."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = main(["events", *map(str, arguments)])
        except SystemExit as end:
            code = int(end.code or 0)
    return Done(code, out.getvalue(), err.getvalue())


def environment() -> dict[str, str]:
    """What a process of ours runs in."""
    kept = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "COLUMNS")}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}


def process(*arguments: str | Path, stdin: bytes = b"", cwd: Path | None = None) -> Done:
    """`otel-ctxlog events` as a process."""
    done = subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        timeout=60,
        check=False,
        env=environment(),
        cwd=cwd,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())
