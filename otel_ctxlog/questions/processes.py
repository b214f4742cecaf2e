"""Processes that read chunks: one connection each, no threads, and nothing that could wait for a process that is gone.

Not a pool of `concurrent.futures`: until Python 3.12 that can wait for ever where a process is killed.
"""

from __future__ import annotations

import signal
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, cast

from otel_ctxlog.questions.rows import Broken, Found, LineReader

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess
    from pathlib import Path

    from typing_extensions import Self

    from otel_ctxlog.questions.rows import Chunk
    from otel_ctxlog.questions.wanted import Wanted

    Read = Callable[[LineReader, Chunk, Path, int], Found]

__all__ = ["Readers"]


class Readers:
    """Processes that are started as they are needed; a context manager that ends them.

    Args:
        jobs: how many there may be.
        wanted: what they keep.
        folder: where they put files with rows.
        read: what they do with a chunk, its data and its number.
    """

    def __init__(self, jobs: int, wanted: Wanted, folder: Path, read: Read) -> None:
        self._jobs = jobs
        self._wanted = wanted
        self._folder = folder
        self._read = read
        self._processes: list[SpawnProcess] = []
        self._idle: list[Connection] = []
        self._busy: dict[Connection, int] = {}
        # Spawned: a fork would take DuckDB's locks along, but not its threads.
        self._context = get_context("spawn")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        for connection in (*self._idle, *self._busy):
            connection.close()
        for process in self._processes:
            if kind is not None:
                process.terminate()
            process.join()
            process.close()

    def results(self, chunks: Iterator[Chunk | Broken], *, first: int) -> Iterator[Found | Broken]:
        """Give what each chunk holds, in the order of the chunks, whose numbers begin with `first`.

        Raises:
            OSError: a chunk cannot be read.
            ChildProcessError: a process was killed.
        """
        done: dict[int, Found | Broken] = {}
        number = given = first
        more = True
        while True:
            # A reader that is far ahead of the others has to wait: what it found is kept meanwhile.
            while more and number - given < 3 * self._jobs and (self._idle or len(self._processes) < self._jobs):
                chunk = next(chunks, None)
                if chunk is None:
                    more = False
                    break
                if isinstance(chunk, Broken):
                    done[number] = chunk
                else:
                    self._send(chunk, number)
                number += 1
            if self._busy:
                self._receive(done, patient=given not in done)
            if given in done:
                yield done.pop(given)
                given += 1
            elif not self._busy and not more:
                return

    def _send(self, chunk: Chunk, number: int) -> None:
        connection = self._idle.pop() if self._idle else self._started()
        try:
            connection.send((chunk.without_data(), number))
        except OSError:
            raise _killed() from None
        finally:
            self._busy[connection] = number

    def _receive(self, done: dict[int, Found | Broken], *, patient: bool) -> None:
        for ready in wait(list(self._busy), None if patient else 0):
            connection = cast("Connection", ready)
            try:
                found: Found | Exception = connection.recv()
            except (EOFError, OSError):
                raise _killed() from None
            if isinstance(found, Exception):
                raise found
            done[self._busy.pop(connection)] = found
            self._idle.append(connection)

    def _started(self) -> Connection:
        here, there = self._context.Pipe()
        process = self._context.Process(
            target=_work, args=(there, self._wanted, self._folder, self._read), name="reader", daemon=True
        )
        with _uninterrupted():
            process.start()
        self._processes.append(process)
        there.close()
        return here


def _killed() -> ChildProcessError:
    return ChildProcessError("a process that reads was killed; is there enough memory?")


@contextmanager
def _uninterrupted() -> Generator[None]:
    """While entered, SIGINT waits; a process that is started then never sees it: this one ends it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(connection: Connection, wanted: Wanted, folder: Path, read: Read) -> None:
    """In a new process: read what comes, until the other side is closed or gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    reader = LineReader(wanted)
    with suppress(EOFError, OSError):
        while True:
            chunk, number = cast("tuple[Chunk, int]", connection.recv())
            try:
                found: Found | Exception = read(reader, chunk.with_data(), folder, number)
            except Exception as problem:  # noqa: BLE001 - whatever it is, the other side raises it
                found = problem
            connection.send(found)
