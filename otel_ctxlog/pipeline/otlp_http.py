"""The official OTLP/HTTP exporter of log records, given its requests ready-made.

Everything but the bytes is the official exporter's: address, headers, timeout, repeated attempts, ``Retry-After``, TLS,
shutdown. It gets a batch that has a length and no records, and its session, which is a public argument of it, puts the
real request in place of the empty one. Whether that has happened is looked at each time: where it has not (a release
that skips empty batches, say), the same call gives the batch to the official exporter as it is.
"""

from __future__ import annotations

import gzip
import threading
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter

from otel_ctxlog.pipeline.https import ExporterSession
from otel_ctxlog.pipeline.log_wire import encode_logs

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.sdk._logs.export import LogRecordExportResult

__all__ = ["DirectHttpLogExporter"]

# Larger requests are the official exporter's to refuse; this is the limit that it has by default.
_MAX_REQUEST: Final = 64 << 20

# The official exporter takes 9 for gzip: two and a half times the work of 4, for one percent of the bytes.
_LEVEL: Final = 4


class DirectHttpLogExporter(OTLPLogExporter):
    """The official exporter with our encoder; a batch that ours does not take goes through the official one.

    Args:
        compression: of the requests.
        arguments: the other arguments of the official exporter, but for `session` and `max_request_size`.
    """

    def __init__(self, *, compression: Compression, **arguments: Any) -> None:
        self._requests = _ReadyRequests(compression)
        super().__init__(compression=compression, session=self._requests, **arguments)

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Send a batch and return whether it was accepted, as the official exporter does."""
        try:
            request = encode_logs(batch)
        except Exception:  # noqa: BLE001 - the official encoder judges what is wrong with it, and says so
            return super().export(batch)
        if len(request) > _MAX_REQUEST:
            return super().export(batch)
        self._requests.load(request)
        try:
            result = super().export(_Length(len(batch)))
        finally:
            taken = self._requests.unload()
        return result if taken else super().export(batch)


class _Length(Sequence["ReadableLogRecord"]):
    """A batch of which nothing but the length is known, for the exporter's own metrics."""

    def __init__(self, length: int) -> None:
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Any) -> Any:
        raise IndexError(index)


class _ReadyRequests(ExporterSession):
    """A session that sends the request that this thread has loaded, in place of the one it is given."""

    def __init__(self, compression: Compression) -> None:
        super().__init__()
        self._compression = compression
        # Without a queue and a thread, several threads may export at once.
        self._of_thread = threading.local()

    def load(self, request: bytes) -> None:
        """Have the next calls of `request` in this thread send these bytes, compressed."""
        if self._compression is Compression.Gzip:
            request = gzip.compress(request, _LEVEL, mtime=0)
        elif self._compression is Compression.Deflate:
            request = zlib.compress(request, _LEVEL)
        self._of_thread.body = request
        self._of_thread.taken = False

    def unload(self) -> bool:
        """Forget the bytes, and return whether they were sent, or at least tried."""
        self._of_thread.body = None
        return bool(self._of_thread.taken)

    def request(self, *arguments: Any, **named: Any) -> Any:
        """Send a request with the body that this thread has loaded, if there is one."""
        body = getattr(self._of_thread, "body", None)
        if body is not None and "data" in named:
            named["data"] = body
            self._of_thread.taken = True
        return super().request(*arguments, **named)
