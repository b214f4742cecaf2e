"""Reading all sources: here, or by several processes where there is much to read.

Results come in the order of the lines, however many processes read, so that an answer is the same with any number.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from otel_ctxlog.questions.processes import Readers
from otel_ctxlog.questions.rows import Broken, Found, LineReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_ctxlog.questions.lines import Sources
    from otel_ctxlog.questions.rows import Chunk
    from otel_ctxlog.questions.wanted import Wanted

__all__ = ["default_jobs", "scan"]

# Starting a process costs as much as reading a few chunks.
_FIRST_CHUNKS: Final = 3
_MOST_JOBS: Final = 8
# DuckDB reads objects of this size without being told.
_PLAIN_OBJECT: Final = 16 << 20


def default_jobs() -> int:
    """Return how many processes read where nobody says: one per processor that we may use, 8 at most."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, _MOST_JOBS)


def scan(
    sources: Sources,
    wanted: Wanted,
    *,
    folder: Path,
    load: Callable[[Path, str, int], None],
    jobs: int,
    progress: Callable[[Found], None],
) -> Found:
    """Read everything and return what it is in sum.

    Args:
        sources: what to read.
        wanted: what to keep.
        folder: where files with rows may lie for a moment.
        load: called in the order of the lines with a file of rows, which is deleted afterwards, ``logs`` or ``spans``,
            and the size of its longest row in bytes.
        jobs: how many processes may read; with 1 none is started.
        progress: called after each chunk with the sum so far.

    Raises:
        OSError: a source cannot be read.
        ChildProcessError: a process that reads was killed.
    """
    return _Scan(wanted, folder, load, progress).run(sources, jobs)


class _Scan:
    def __init__(
        self,
        wanted: Wanted,
        folder: Path,
        load: Callable[[Path, str, int], None],
        progress: Callable[[Found], None],
    ) -> None:
        self._wanted = wanted
        self._folder = folder
        self._load = load
        self._progress = progress
        self._sum = Found()

    def run(self, sources: Sources, jobs: int) -> Found:
        reader = LineReader(self._wanted)
        chunks = sources.chunks()
        number = 0
        for chunk in chunks:
            if isinstance(chunk, Broken):
                self._sum.note(chunk)
                continue
            number += 1
            self._take(_read(reader, chunk, self._folder, number), number)
            if jobs > 1 and number == _FIRST_CHUNKS:
                break
        # What is left: nothing, unless the loop was left early.
        with Readers(jobs, self._wanted, self._folder, _read) as readers:
            for number, found in enumerate(readers.results(chunks, first=number + 1), number + 1):  # noqa: B020
                if isinstance(found, Broken):
                    self._sum.note(found)
                else:
                    self._take(found, number)
        return self._sum

    def _take(self, found: Found, number: int) -> None:
        for table, rows in (("logs", found.log_rows), ("spans", found.span_rows)):
            if rows:
                path = _path(self._folder, table, number)
                self._load(path, table, found.longest)
                path.unlink()
        self._sum.add(found)
        self._progress(self._sum)


def _path(folder: Path, table: str, number: int) -> Path:
    return folder / f"{table}-{number}.jsonl"


def _read(reader: LineReader, chunk: Chunk, folder: Path, number: int) -> Found:
    """What a chunk holds, its rows in files."""
    found = reader.read(chunk)
    longest = 0
    for table, rows in (("logs", found.logs), ("spans", found.span_lines)):
        if rows:
            _path(folder, table, number).write_bytes(rows)
            if len(rows) > _PLAIN_OBJECT:
                longest = max(longest, *map(len, rows.split(b"\n")))
    return replace(found, logs=b"", span_lines=b"", longest=longest)
