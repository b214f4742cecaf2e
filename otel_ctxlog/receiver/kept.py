"""The file of received requests: OTLP JSON lines, written as they come and read back."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from io import FileIO

    from google.protobuf.message import Message

    from otel_ctxlog.receiver.model import ReceivedRecord, ReceivedSpan


class KeptFile:
    """A file to which each request is appended as one line of OTLP JSON, at once.

    Raises:
        OSError: the file cannot be opened for appending.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._lock = threading.Lock()
        # Unbuffered: of what could not be written nothing is left to fail again when the file is closed.
        self._file: FileIO | None = Path(path).open("ab", buffering=0)  # noqa: SIM115

    def append(self, request: Message) -> None:
        """Write a request; nothing after `close`.

        Raises:
            OSError: it could not be written, or only a part of it.
        """
        from otel_ctxlog.receiver.otlp_json import to_json_line

        line = memoryview(to_json_line(request).encode())
        with self._lock:
            while self._file is not None and line:
                line = line[self._file.write(line) :]

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        with self._lock:
            file, self._file = self._file, None
            if file is not None:
                file.close()


def read_kept(path: str | os.PathLike[str]) -> Iterator[ReceivedRecord | ReceivedSpan]:
    """The records and spans of a file of OTLP JSON lines, in the order kept.

    The file may come from `Receiver`, from the Collector's file exporter or from an OTLP file exporter; lines that hold
    metrics, and blank ones, are skipped.

    Raises:
        OSError: the file cannot be read.
        ValueError: a line is no OTLP JSON; the text starts with ``file:line: ``.
    """
    from otel_ctxlog.receiver.decode import (
        ExportLogsServiceRequest,
        ExportTraceServiceRequest,
        records_of,
        spans_of,
    )
    from otel_ctxlog.receiver.otlp_json import from_json_object

    with Path(path).open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                structure = _request(line)
                if "resourceLogs" in structure:
                    logs = from_json_object(structure, ExportLogsServiceRequest())
                    yield from (record for record, _ in records_of(logs))
                elif "resourceSpans" in structure:
                    traces = from_json_object(structure, ExportTraceServiceRequest())
                    yield from (span for span, _ in spans_of(traces))
            except ValueError as error:
                raise ValueError(f"{path}:{number}: {error}") from None


def _request(line: str) -> dict[str, object]:
    structure: object = json.loads(line)
    if isinstance(structure, dict):
        request = cast("dict[str, object]", structure)
        if any(name in request for name in ("resourceLogs", "resourceSpans", "resourceMetrics")):
            return request
    raise ValueError(
        f"expected an object with resourceLogs, resourceSpans or resourceMetrics, found {line.strip()!r:.80}"
    )
