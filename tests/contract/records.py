"""What the contract tests observe with: a recording sink, a baggage context manager, a fresh interpreter."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import textwrap
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from opentelemetry import baggage, context

import otel_ctxlog as cl

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from opentelemetry._logs import SeverityNumber
    from opentelemetry.context import Context

EMIT_KEYWORDS = frozenset(
    {"level", "body", "attributes", "name", "realm", "exception", "context", "timestamp", "severity", "event_name"}
)


class RecordingSink:
    """A `LogSink` that keeps the keywords of every `emit`, and every level `enabled` was asked for."""

    def __init__(self, *, on: bool = True) -> None:
        self.on = on
        self.records: list[dict[str, object]] = []
        self.asked: list[int] = []

    def enabled(self, level: int) -> bool:
        """Return `on`."""
        self.asked.append(level)
        return self.on

    def emit(
        self,
        *,
        level: int,
        body: object,
        attributes: Mapping[str, object],
        name: str,
        realm: str | None,
        exception: BaseException | None,
        context: Context | None,
        timestamp: int,
        severity: SeverityNumber,
        event_name: str | None,
    ) -> None:
        """Keep the keywords."""
        self.records.append(
            {
                "level": level,
                "body": body,
                "attributes": dict(attributes),
                "name": name,
                "realm": realm,
                "exception": exception,
                "context": context,
                "timestamp": timestamp,
                "severity": severity,
                "event_name": event_name,
            }
        )

    @property
    def bodies(self) -> list[object]:
        """Return the bodies of the records, oldest first."""
        return [record["body"] for record in self.records]


class DiagnosticHandler(logging.Handler):
    """Keeps what the package says about itself."""

    def __init__(self) -> None:
        super().__init__(level=logging.NOTSET)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record."""
        self.records.append(record)


@contextmanager
def use_baggage(entries: Mapping[str, object] | None = None, /, **more: object) -> Generator[Context]:
    """Make the entries part of the current baggage inside the `with` block."""
    current = context.get_current()
    for name, value in {**(entries or {}), **more}.items():
        current = baggage.set_baggage(name, value, current)
    token = context.attach(current)
    try:
        yield current
    finally:
        context.detach(token)


class FreshProcess:
    """Runs Python source in a new interpreter, for what is global: providers, default context, module names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, files: Mapping[str, str]) -> None:
        """Write the dedented files into the folder."""
        for name, source in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(source), encoding="utf-8")

    def run(self, arguments: Sequence[str], *, timeout: float = 60) -> str:
        """Return the standard output of the interpreter called with these arguments in the folder."""
        assert cl.__file__ is not None
        environment = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
        environment["PYTHONPATH"] = os.pathsep.join([str(self.folder), str(Path(cl.__file__).parent.parent)])
        result = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    def __call__(self, source: str, *, files: Mapping[str, str] | None = None, timeout: float = 60) -> str:
        """Return the standard output of the source, run as a script beside the given files."""
        self.write({**(files or {}), "script_under_test.py": source})
        return self.run(["script_under_test.py"], timeout=timeout)
