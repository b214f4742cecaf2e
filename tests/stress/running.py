"""Sinks that keep little, threads that report what they raised, programs that run in a fresh interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from opentelemetry import baggage, context

import otel_ctxlog as cl

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


class NullSink:
    """Keeps nothing."""

    def enabled(self, level: int) -> bool:
        return True

    def emit(self, **_record: object) -> None:
        pass


class CountingSink(NullSink):
    """Counts records."""

    def __init__(self) -> None:
        self.count = 0

    def emit(self, **_record: object) -> None:
        self.count += 1


@contextmanager
def current_baggage(**entries: str) -> Generator[None, None, None]:
    """Make the entries the current baggage inside the `with` block, in a new OpenTelemetry context."""
    made = context.get_current()
    for name, value in entries.items():
        made = baggage.set_baggage(name, value, made)
    token = context.attach(made)
    try:
        yield
    finally:
        context.detach(token)


def at_the_same_time(*jobs: Callable[[], object], seconds: float = 60) -> None:
    """Run each job in a thread of its own; fail where one raises or does not end."""
    errors: list[BaseException] = []
    start = threading.Barrier(len(jobs))

    def guarded(job: Callable[[], object]) -> None:
        try:
            start.wait()
            job()
        except BaseException as error:  # noqa: BLE001 - reported by the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)

    assert not any(thread.is_alive() for thread in threads), "deadlock"
    if errors:
        raise errors[0]


def program(source: str, folder: Path, *, seconds: float = 60) -> tuple[str, str]:
    """Return standard output and error of a program that must end by itself with exit code 0."""
    path = folder / "program.py"
    path.write_text("import faulthandler\nfaulthandler.dump_traceback_later(50, exit=True)\n" + textwrap.dedent(source))
    assert cl.__file__ is not None
    package = str(Path(cl.__file__).parent.parent)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "PYTHON"))}
    result = subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        env={**environment, "PYTHONPATH": package},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout, result.stderr
