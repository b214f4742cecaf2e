"""Collectors that answer by a script, exporters that can be held, and processors with a provider around them."""

from __future__ import annotations

import gzip
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, cast

import grpc
from opentelemetry._logs import SeverityNumber
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.resources import Resource

from otel_ctxlog.delivery.https import ExporterSession
from otel_ctxlog.delivery.limits import Limits
from otel_ctxlog.delivery.otlp_grpc import GrpcTransport
from otel_ctxlog.delivery.otlp_http import HttpTransport
from otel_ctxlog.delivery.processor import DeliveryProcessor

if TYPE_CHECKING:
    from collections.abc import Generator

    from otel_ctxlog.delivery.protocols import Transport

# (status, further headers, body) of an HTTP answer; (code, details, trailing metadata) of a gRPC one; a body: accepted.
HttpAnswer = tuple[int, dict[str, str], bytes]
GrpcAnswer = tuple[grpc.StatusCode, str, tuple[tuple[str, bytes], ...]]
Answer = HttpAnswer | GrpcAnswer | bytes


@dataclass
class Scripted:
    """A collector that gives the next answer of its script, then its usual one, and remembers what it was sent."""

    endpoint: str = ""
    script: list[Answer] = field(default_factory=list[Answer])
    usual: Answer = b""
    bodies: list[bytes] = field(default_factory=list[bytes])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    times: list[float] = field(default_factory=list[float])
    answers: threading.Event = field(default_factory=threading.Event)
    taken: list[str] = field(default_factory=list[str])
    judge: Callable[[list[str]], Answer | None] | None = None

    def __post_init__(self) -> None:
        self.answers.set()

    def take(self, body: bytes, headers: dict[str, str]) -> Answer:
        """Remember a request, and return the answer to it."""
        self.times.append(time.monotonic())
        self.bodies.append(body)
        self.headers.append(headers)
        self.answers.wait(20)
        records = texts(unpacked(body, headers))
        judged = self.judge(records) if self.judge is not None else None
        answer = judged if judged is not None else self.script.pop(0) if self.script else self.usual
        if isinstance(answer, bytes):
            self.taken.extend(records)
        return answer

    @property
    def batches(self) -> list[list[str]]:
        """The bodies of the records in each request, accepted or not."""
        return [texts(unpacked(body, headers)) for body, headers in zip(self.bodies, self.headers, strict=True)]

    @property
    def requests(self) -> list[ExportLogsServiceRequest]:
        """Each request, accepted or not."""
        return [
            ExportLogsServiceRequest.FromString(unpacked(body, headers))
            for body, headers in zip(self.bodies, self.headers, strict=True)
        ]


def unpacked(body: bytes, headers: dict[str, str]) -> bytes:
    """The body of a request as it was before it was compressed."""
    unpack: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "deflate": zlib.decompress, "": bytes}
    return unpack[headers.get("content-encoding", "")](body)


def texts(request: bytes) -> list[str]:
    """The bodies of the records of a request."""
    message = ExportLogsServiceRequest.FromString(request)
    return [r.body.string_value for rl in message.resource_logs for sl in rl.scope_logs for r in sl.log_records]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    collector: Scripted


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        request = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = cast("_Server", self.server).collector.take(request, headers)
        status, further, body = cast("HttpAnswer", (200, {}, answer) if isinstance(answer, bytes) else answer)
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **further}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Handlers(grpc.GenericRpcHandler):
    def __init__(self, collector: Scripted) -> None:
        self._collector = collector

    def service(self, handler_call_details: Any) -> Any:
        def export(request: bytes, rpc: grpc.ServicerContext) -> bytes:
            headers = {key: str(value) for key, value in rpc.invocation_metadata()}
            answer = self._collector.take(request, headers)
            if isinstance(answer, bytes):
                return answer
            code, details, trailing = cast("GrpcAnswer", answer)
            rpc.set_trailing_metadata(trailing)
            rpc.abort(code, details)
            raise AssertionError("abort raises")

        make_handler: Any = grpc.unary_unary_rpc_method_handler
        return make_handler(export)


@contextmanager
def http_collector() -> Generator[Scripted]:
    """A scripted collector for OTLP/HTTP; its endpoint has the path."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.collector = Scripted(f"http://127.0.0.1:{server.server_address[1]}/v1/logs")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.collector
    finally:
        server.collector.answers.set()
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def grpc_collector() -> Generator[Scripted]:
    """A scripted collector for OTLP/gRPC; its endpoint is a target of gRPC."""
    with ThreadPoolExecutor(4) as pool:
        collector = Scripted()
        server = grpc.server(pool, handlers=[_Handlers(collector)])
        collector.endpoint = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        try:
            yield collector
        finally:
            collector.answers.set()
            server.stop(0).wait()


def transport_to(endpoint: str, **options: Any) -> Transport:
    """A transport to a scripted collector, by the form of its endpoint."""
    if "://" in endpoint:
        given: dict[str, Any] = {"headers": {}, "compression": "none", "session": ExporterSession(), **options}
        return HttpTransport(endpoint, **given)
    given = {"credentials": None, "headers": {}, "gzip": False, **options}
    return GrpcTransport(endpoint, **given)


class Held(LogRecordExporter):
    """An exporter that takes so many seconds for a batch, or as long as its gate is closed."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.gate = threading.Event()
        self.gate.set()
        self.called = threading.Event()
        self.batches: list[list[ReadableLogRecord]] = []
        self.threads: set[int] = set()

    @property
    def records(self) -> list[ReadableLogRecord]:
        """All records so far."""
        return [record for batch in self.batches for record in batch]

    @property
    def bodies(self) -> list[object]:
        """Their bodies."""
        return [record.log_record.body for record in self.records]

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        self.called.set()
        self.gate.wait(20)
        time.sleep(self.seconds)
        self.threads.add(threading.get_ident())
        self.batches.append(list(batch))
        return LogRecordExportResult.SUCCESS

    def shutdown(self) -> None:
        self.gate.set()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


@dataclass
class Delivered:
    """A processor in a provider of its own, with short ways to write."""

    processor: DeliveryProcessor
    provider: LoggerProvider

    def __post_init__(self) -> None:
        # Not at each call: making one takes a lock of the SDK that a signal handler could wait for in vain.
        self._logger = self.provider.get_logger("test")

    def log(self, body: str, severity: SeverityNumber = SeverityNumber.INFO, **further: Any) -> None:
        """Emit a record."""
        self._logger.emit(
            timestamp=time.time_ns(),
            severity_number=severity,
            severity_text=severity.name,
            body=body,
            **further,
        )

    def flush(self, seconds: float = 10.0) -> bool:
        """Flush it."""
        return self.processor.force_flush(int(seconds * 1000))

    def shutdown(self, seconds: float = 10.0) -> None:
        """Shut it down."""
        self.processor.shutdown(int(seconds * 1000))

    @property
    def lost(self) -> dict[tuple[str, str], int]:
        """What was lost."""
        return dict(self.processor.lost)


class Deliver:
    """Makes processors, and shuts them down at the end."""

    def __init__(self) -> None:
        self.made: list[Delivered] = []

    def __call__(
        self, to: Transport | LogRecordExporter | Scripted, *, limits: Limits | None = None, **options: Any
    ) -> Delivered:
        given = transport_to(to.endpoint) if isinstance(to, Scripted) else to
        processor = DeliveryProcessor(given, limits=limits or Limits(delay=60), **options)
        provider = LoggerProvider(Resource({"service.name": "shop"}), shutdown_on_exit=False)
        provider.add_log_record_processor(processor)
        self.made.append(Delivered(processor, provider))
        return self.made[-1]


def wait_until(true: Callable[[], object], seconds: float = 5.0) -> None:
    """Return once it is true; fail after so many seconds."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.005)
