"""`Receiver`: both servers, the store, the file and the display in one object with a beginning and an end."""

from __future__ import annotations

import errno
import os
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from otel_ctxlog.receiver.kept import KeptFile
from otel_ctxlog.receiver.rejections import Rejections
from otel_ctxlog.receiver.show import Display, Style
from otel_ctxlog.receiver.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import TextIO

    from typing_extensions import Self

    from otel_ctxlog.receiver.grpc_server import GrpcServer
    from otel_ctxlog.receiver.http_server import HttpServer
    from otel_ctxlog.receiver.intake import Intake
    from otel_ctxlog.receiver.model import ReceivedRecord, ReceivedSpan

_WILDCARDS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


class Receiver:
    """An OTLP receiver for development and tests; a context manager that starts and stops it.

    Args:
        http_port: port for OTLP/HTTP; 0 for any free one, None for no HTTP.
        grpc_port: port for OTLP/gRPC; likewise.
        host: address or name to listen on.
        show: a stream that gets each record as a readable line; None for none.
        show_spans: whether spans are shown, too.
        color: whether the lines are coloured; None: if the stream is a terminal, unless ``NO_COLOR`` or ``FORCE_COLOR``
            in the environment say otherwise.
        show_refused: a stream that gets a line about each kind of refused requests, by status and path, repeated at
            most every ten seconds; None for none.
        keep: a file to which each request is appended as a line of OTLP JSON, as the Collector's file receiver reads.
        keep_traces: whether requests with spans go into that file, too.
        max_request_bytes: limit of a request, as sent and decompressed.
        max_records: how many records, and how many spans, are held in memory; the oldest are dropped.
        max_bytes: how much they may have measured on the wire, records and spans each; likewise.
        request_seconds: how long an HTTP request may take to arrive.

    Raises:
        ValueError: a limit that is not positive, a port out of range, or neither protocol.
    """

    def __init__(
        self,
        *,
        http_port: int | None = 4318,
        grpc_port: int | None = 4317,
        host: str = "127.0.0.1",
        show: TextIO | None = None,
        show_spans: bool = False,
        color: bool | None = None,
        show_refused: TextIO | None = None,
        keep: str | os.PathLike[str] | None = None,
        keep_traces: bool = True,
        max_request_bytes: int = 16 << 20,
        max_records: int = 50_000,
        max_bytes: int = 64 << 20,
        request_seconds: float = 30.0,
    ) -> None:
        for name, port in (("http_port", http_port), ("grpc_port", grpc_port)):
            if port is not None and not 0 <= port <= 0xFFFF:  # noqa: PLR2004
                raise ValueError(f"{name} is 0 to 65535 or None, found {port!r}")
        if http_port is None and grpc_port is None:
            raise ValueError("http_port and grpc_port are both None: there is nothing to receive by")
        for name, limit in (
            ("max_request_bytes", max_request_bytes),
            ("max_records", max_records),
            ("max_bytes", max_bytes),
            ("request_seconds", request_seconds),
        ):
            if limit <= 0:
                raise ValueError(f"{name} is more than 0, found {limit!r}")
        self._host = host
        self._http_port = http_port
        self._grpc_port = grpc_port
        self._keep = keep
        self._keep_traces = keep_traces
        self._max_request_bytes = max_request_bytes
        self._request_seconds = request_seconds
        self._display = (
            None if show is None else Display(show, style=Style.of_stream(show, color=color), spans=show_spans)
        )
        self._rejections = Rejections(show_refused)
        self._store = Store(max_records=max_records, max_bytes=max_bytes)
        self._lock = threading.Lock()
        self._kept: KeptFile | None = None
        self._http: HttpServer | None = None
        self._grpc: GrpcServer | None = None
        self._running = False
        self._process = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen and answer from now on; after `stop` once more, with what was received before still there.

        Raises:
            RuntimeError: it runs already.
            OSError: a port is in use, the address is not this machine's, or the file cannot be opened. Nothing is left
                running then.
        """
        from otel_ctxlog.receiver.intake import Intake

        with self._lock, ExitStack() as undo:
            if self._running:
                raise RuntimeError("the receiver runs already")
            kept = None
            if self._keep is not None:
                kept = KeptFile(self._keep)
                undo.callback(kept.close)
            intake = Intake(self._store, kept=kept, keep_traces=self._keep_traces, display=self._display)
            http = self._listen_http(intake)
            if http is not None:
                undo.callback(http.stop, 1.0)
            grpc = self._listen_grpc(intake)
            # Only when both could listen does either answer.
            if grpc is not None:
                undo.callback(grpc.stop, 1.0)
                grpc.start()
            if http is not None:
                http.start()
            undo.pop_all()
            self._kept, self._http, self._grpc, self._running = kept, http, grpc, True
            self._process = os.getpid()

    def stop(self, timeout: float = 5.0) -> None:
        """Answer the requests under way, close everything and join the threads, within so many seconds.

        What was received stays. A receiver that does not run is left alone, and so is, in a forked child, that of the
        parent: its threads are not there to be stopped.
        """
        if self._process != os.getpid():
            return
        deadline = time.monotonic() + timeout
        with self._lock:
            if not self._running:
                return
            http, grpc, kept = self._http, self._grpc, self._kept
            self._http = self._grpc = self._kept = None
            self._running = False
            if http is not None:
                http.stop(timeout / 2 if grpc is not None else timeout)
            if grpc is not None:
                grpc.stop(max(0.1, deadline - time.monotonic()))
            if kept is not None:
                kept.close()

    @property
    def http_endpoint(self) -> str:
        """``http://127.0.0.1:4318`` or the like: the value for ``OTEL_EXPORTER_OTLP_ENDPOINT`` with ``http/protobuf``.

        The `endpoint` argument of an HTTP exporter class is the full address: append ``/v1/logs`` or ``/v1/traces``.

        Raises:
            RuntimeError: it does not run, or not with HTTP.
        """
        http = self._http
        if http is None:
            raise RuntimeError("the receiver does not listen for OTLP/HTTP")
        return self._endpoint(http.port)

    @property
    def grpc_endpoint(self) -> str:
        """``http://127.0.0.1:4317`` or the like, for ``OTEL_EXPORTER_OTLP_ENDPOINT`` and a gRPC exporter's `endpoint`.

        The ``http`` tells the exporters that there is no TLS; gRPC's own channels take it without ``http://``.

        Raises:
            RuntimeError: it does not run, or not with gRPC.
        """
        grpc = self._grpc
        if grpc is None:
            raise RuntimeError("the receiver does not listen for OTLP/gRPC")
        return self._endpoint(grpc.port)

    @property
    def records(self) -> list[ReceivedRecord]:
        """The log records held, in the order received; a copy."""
        return self._store.records()

    @property
    def spans(self) -> list[ReceivedSpan]:
        """The spans held, in the order received; a copy."""
        return self._store.spans()

    @property
    def received_records(self) -> int:
        """How many log records came since the start or the last `clear`, those no longer held included."""
        return self._store.counts()[0]

    @property
    def dropped_records(self) -> int:
        """How many of them are no longer held."""
        return self._store.counts()[1]

    @property
    def received_spans(self) -> int:
        """How many spans came since the start or the last `clear`, those no longer held included."""
        return self._store.counts()[2]

    @property
    def dropped_spans(self) -> int:
        """How many of them are no longer held."""
        return self._store.counts()[3]

    @property
    def refused_requests(self) -> int:
        """How many requests were refused since this object was made."""
        return self._rejections.count

    @property
    def show_failed(self) -> bool:
        """Whether the stream given as `show` could not be written to; nothing is shown since then."""
        return self._display is not None and self._display.failed

    def wait_for(self, count: int, timeout: float = 10.0) -> list[ReceivedRecord]:
        """The log records held, as soon as `count` have come since the start or the last `clear`.

        Raises:
            TimeoutError: there are fewer after so many seconds; the text says how many.
        """
        if not self._store.wait_until(lambda: self.received_records >= count, timeout):
            bodies = [record.body for record in self.records[-5:]]
            raise TimeoutError(
                f"{self.received_records} of {count} log records came within {timeout} s; "
                f"the last bodies: {bodies!r:.500}"
            )
        return self.records

    def wait_until(self, predicate: Callable[[Receiver], bool], timeout: float = 10.0) -> None:
        """Return when the predicate, called with this receiver, is true; it is asked now and after each request.

        Raises:
            TimeoutError: it is not, after so many seconds.
        """
        if not self._store.wait_until(lambda: predicate(self), timeout):
            raise TimeoutError(
                f"not within {timeout} s; {self.received_records} log records and {self.received_spans} spans came"
            )

    def clear(self) -> None:
        """Forget what was received, and count from 0; the kept file is left alone."""
        self._store.clear()

    def _listen_http(self, intake: Intake) -> HttpServer | None:
        port = self._http_port
        if port is None:
            return None
        from otel_ctxlog.receiver.http_server import HttpServer

        try:
            return HttpServer(
                host=self._host,
                port=port,
                intake=intake,
                rejections=self._rejections,
                max_request_bytes=self._max_request_bytes,
                request_seconds=self._request_seconds,
            )
        except OSError as error:
            raise self._cannot_listen("HTTP", port, error) from None

    def _listen_grpc(self, intake: Intake) -> GrpcServer | None:
        port = self._grpc_port
        if port is None:
            return None
        from otel_ctxlog.receiver.grpc_server import GrpcServer

        try:
            return GrpcServer(
                host=self._host,
                port=port,
                intake=intake,
                rejections=self._rejections,
                max_request_bytes=self._max_request_bytes,
            )
        except OSError as error:
            raise self._cannot_listen("gRPC", port, error) from None

    def _cannot_listen(self, protocol: str, port: int, error: OSError) -> OSError:
        reason = "the port is in use" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
        return OSError(
            error.errno or errno.EADDRNOTAVAIL, f"cannot listen on {self._host}:{port} for OTLP/{protocol}: {reason}"
        )

    def _endpoint(self, port: int) -> str:
        host = _WILDCARDS.get(self._host, self._host)
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
