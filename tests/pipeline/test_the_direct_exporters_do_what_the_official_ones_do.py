"""With our encoder, everything but the time it takes is as with the official exporters, over real sockets."""

from __future__ import annotations

import gzip
import os
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import grpc
import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs as official_message
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

import otel_ctxlog as cl
from otel_ctxlog.pipeline import otlp_http
from otel_ctxlog.pipeline.otlp import OtlpSettings, otlp_log_exporter
from otel_ctxlog.pipeline.otlp_grpc import DirectGrpcLogExporter
from otel_ctxlog.pipeline.otlp_http import DirectHttpLogExporter
from otel_ctxlog.receiver import Receiver

SUCCESS, FAILURE = LogRecordExportResult.SUCCESS, LogRecordExportResult.FAILURE

# (status, further headers) of an HTTP answer, or the code of a gRPC one; None: accepted.
Answer = tuple[int, dict[str, str]] | grpc.StatusCode | None


@dataclass
class Scripted:
    """A collector that gives the next answer of its script, then accepts, and remembers what it was sent."""

    endpoint: str = ""
    script: list[Answer] = field(default_factory=list[Answer])
    bodies: list[bytes] = field(default_factory=list[bytes])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    answers: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.answers.set()

    def take(self, body: bytes, headers: dict[str, str]) -> Answer:
        """Remember a request, and return the answer to it."""
        self.bodies.append(body)
        self.headers.append(headers)
        self.answers.wait(20)
        return self.script.pop(0) if self.script else None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    collector: Scripted


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = cast("_Server", self.server).collector.take(body, headers)
        status, further = answer if isinstance(answer, tuple) else (200, {})
        self.send_response(status)
        for name, value in {"Content-Length": "0", **further}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def http() -> Iterator[Scripted]:
    """A scripted collector for OTLP/HTTP."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.collector = Scripted(f"http://127.0.0.1:{server.server_address[1]}/v1/logs")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server.collector
    server.shutdown()
    server.server_close()
    thread.join()


class _Handlers(grpc.GenericRpcHandler):
    def __init__(self, collector: Scripted) -> None:
        self._collector = collector

    def service(self, handler_call_details: Any) -> Any:
        def export(request: bytes, rpc: grpc.ServicerContext) -> bytes:
            headers = {key: str(value) for key, value in rpc.invocation_metadata()}
            answer = self._collector.take(request, headers)
            if isinstance(answer, grpc.StatusCode):
                rpc.abort(answer, "scripted")
            return b""

        make_handler: Any = grpc.unary_unary_rpc_method_handler
        return make_handler(export)


@pytest.fixture
def rpc() -> Iterator[Scripted]:
    """A scripted collector for OTLP/gRPC."""
    with ThreadPoolExecutor(2) as pool:
        collector = Scripted()
        server = grpc.server(pool, handlers=[_Handlers(collector)])
        collector.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        yield collector
        server.stop(0).wait()


def batch(*bodies: Any) -> list[ReadableLogRecord]:
    """Records with these bodies."""
    resource, scope = Resource({"service.name": "shop"}), InstrumentationScope("scope")
    return [
        ReadableLogRecord(LogRecord(timestamp=1, observed_timestamp=2, body=body), resource, scope) for body in bodies
    ]


def sent(collector: Scripted) -> list[list[str]]:
    """The bodies of the records in each request."""
    unpack: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "deflate": zlib.decompress, "": bytes}
    found: list[list[str]] = []
    for body, headers in zip(collector.bodies, collector.headers, strict=True):
        request = ExportLogsServiceRequest.FromString(unpack[headers.get("content-encoding", "")](body))
        records = [r for rl in request.resource_logs for sl in rl.scope_logs for r in sl.log_records]
        found.append([record.body.string_value or f"{len(record.body.bytes_value)} bytes" for record in records])
    return found


def exporters(collector: Scripted, *, timeout: float = 5.0) -> list[LogRecordExporter]:
    """Ours and the official one, in this order, for the collector's protocol."""
    if collector.endpoint.endswith("/v1/logs"):
        return [
            DirectHttpLogExporter(endpoint=collector.endpoint, timeout=timeout, compression=Compression.NoCompression),
            HttpLogExporter(endpoint=collector.endpoint, timeout=timeout),
        ]
    return [
        DirectGrpcLogExporter(endpoint=collector.endpoint, timeout=timeout),
        GrpcLogExporter(endpoint=collector.endpoint, timeout=timeout),
    ]


# What the HTTP library adds by itself; without a session OpenTelemetry 1.45.0 uses another one than with.
OF_THE_CLIENT = frozenset({"accept", "accept-encoding", "connection"})


def end(exporter: Any) -> None:
    """Shut an exporter down; the method has no types in the SDK."""
    exporter.shutdown()


@pytest.fixture(params=["http", "rpc"])
def collector(request: pytest.FixtureRequest) -> Scripted:
    """A scripted collector, once for each protocol."""
    return cast("Scripted", request.getfixturevalue(request.param))


def test_requests_are_the_official_ones_to_the_byte(collector: Scripted) -> None:
    """Bodies and headers of both exporters are equal, but for what says who sends."""
    for exporter in exporters(collector):
        assert exporter.export(batch("one", "two")) is SUCCESS
        end(exporter)

    assert collector.bodies[0] == collector.bodies[1] == official_message(batch("one", "two")).SerializeToString()
    direct, official = (
        {name: value for name, value in headers.items() if name not in OF_THE_CLIENT} for headers in collector.headers
    )
    assert direct == official


@pytest.mark.parametrize(
    ("compression", "encoding"),
    [(Compression.Gzip, "gzip"), (Compression.Deflate, "deflate"), (Compression.NoCompression, None)],
)
def test_http_requests_are_compressed_as_asked(http: Scripted, compression: Compression, encoding: str | None) -> None:
    """The header says how, the body is, and the records are in it."""
    exporter = DirectHttpLogExporter(endpoint=http.endpoint, compression=compression)
    assert exporter.export(batch("one" * 1000)) is SUCCESS
    end(exporter)

    assert http.headers[0].get("content-encoding") == encoding
    assert sent(http) == [["one" * 1000]]
    assert (len(http.bodies[0]) < 1000) == (encoding is not None)


@pytest.mark.parametrize("odd", [2**70, "\ud800"], ids=["too large", "no UTF-8"])
def test_a_batch_that_ours_refuses_meets_the_same_fate_as_ever(collector: Scripted, odd: object) -> None:
    """What the official encoder cannot send either is a failure, and nothing is sent."""
    results: list[object] = []
    for exporter in exporters(collector):
        try:
            results.append(exporter.export(batch("good", odd)))
        except Exception as error:  # noqa: BLE001 - of any type: it has to be the same
            results.append(type(error))
        end(exporter)

    assert results[0] == results[1] != SUCCESS
    assert collector.bodies == []


def test_a_batch_that_only_the_official_encoder_takes_arrives(collector: Scripted) -> None:
    """A record with values of other types goes out by the official encoder, with all others of its batch."""

    class Text(str):
        __slots__ = ()

    for exporter in exporters(collector):
        assert exporter.export(batch("plain", Text("subclass"))) is SUCCESS
        end(exporter)

    assert sent(collector) == [["plain", "subclass"]] * 2


def test_a_transient_refusal_is_repeated_with_the_same_bytes(http: Scripted) -> None:
    """503 and 429 with ``Retry-After``: the same request comes again, in the time the collector asks for."""
    for exporter in exporters(http):
        http.script[:] = [(503, {"Retry-After": "0"}), (429, {"Retry-After": "0.2"})]
        begun = time.monotonic()
        assert exporter.export(batch("one")) is SUCCESS
        # Its own pauses would be longer than 2.4 s.
        assert 0.2 <= time.monotonic() - begun < 2.4
        end(exporter)

    assert len(http.bodies) == 6
    assert len(set(http.bodies)) == 1


def test_a_transient_refusal_over_grpc_is_repeated(rpc: Scripted) -> None:
    """UNAVAILABLE: the official exporter's pause, then the same request."""
    ours, _official = exporters(rpc)
    rpc.script[:] = [grpc.StatusCode.UNAVAILABLE]

    assert ours.export(batch("one")) is SUCCESS

    end(ours)
    assert len(rpc.bodies) == 2
    assert len(set(rpc.bodies)) == 1


def test_a_refusal_for_good_is_not_repeated(collector: Scripted) -> None:
    """400 and INVALID_ARGUMENT end the batch at once, as a failure."""
    refusal: Answer = (400, {}) if collector.endpoint.endswith("/v1/logs") else grpc.StatusCode.INVALID_ARGUMENT
    for exporter in exporters(collector):
        collector.script[:] = [refusal]
        assert exporter.export(batch("one")) is FAILURE
        end(exporter)

    assert len(collector.bodies) == 2


def test_a_collector_that_hangs_is_given_up_at_the_timeout(http: Scripted) -> None:
    """The timeout is the whole export's, and the request is not sent once more afterwards by another way."""
    http.answers.clear()
    for exporter in exporters(http, timeout=0.3):
        begun = time.monotonic()
        assert exporter.export(batch("one")) is FAILURE
        assert time.monotonic() - begun < 10
        end(exporter)
    http.answers.set()

    assert set(map(tuple, sent(http))) == {("one",)}


def test_a_shutdown_ends_the_pause_between_attempts(http: Scripted) -> None:
    """An export that waits for its next attempt gives up at once when its exporter is shut down."""
    http.script[:] = [(503, {"Retry-After": "20"})]
    exporter = DirectHttpLogExporter(endpoint=http.endpoint, compression=Compression.NoCompression, timeout=30)
    with ThreadPoolExecutor(1) as pool:
        begun = time.monotonic()
        result = pool.submit(exporter.export, batch("one"))
        while not http.bodies:
            time.sleep(0.01)
        time.sleep(0.1)
        end(exporter)
        assert result.result(5) is FAILURE
        assert time.monotonic() - begun < 5

    assert exporter.export(batch("late")) is FAILURE
    assert sent(http) == [["one"]]


def test_threads_that_export_at_once_send_their_own_records(http: Scripted) -> None:
    """Many threads share one exporter, as without batches: each record arrives once, none in another's place."""
    exporter = DirectHttpLogExporter(endpoint=http.endpoint, compression=Compression.Gzip)
    with ThreadPoolExecutor(8) as pool:
        batches = [batch(f"record {number}") for number in range(200)]
        results = list(pool.map(exporter.export, batches))
    end(exporter)

    assert set(results) == {SUCCESS}
    assert sorted(body for bodies in sent(http) for body in bodies) == sorted(f"record {n}" for n in range(200))


def test_a_request_above_the_limit_is_refused_by_the_official_exporter(
    http: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is larger than a request may be is never put in place of the empty one."""
    monkeypatch.setattr(otlp_http, "_MAX_REQUEST", 100)
    exporter = DirectHttpLogExporter(
        endpoint=http.endpoint, compression=Compression.NoCompression, max_request_size=100
    )

    assert exporter.export(batch("x" * 200)) is FAILURE
    assert exporter.export(batch("x")) is SUCCESS

    end(exporter)
    assert sent(http) == [["x"]]


def test_an_official_exporter_that_skips_empty_batches_loses_nothing(
    http: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the session never sees a request, the batch goes out by the official encoder in the same call."""
    official = HttpLogExporter.export

    def skipping(self: HttpLogExporter, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        return official(self, batch) if list(batch) else SUCCESS

    monkeypatch.setattr(HttpLogExporter, "export", skipping)
    exporter = DirectHttpLogExporter(endpoint=http.endpoint, compression=Compression.NoCompression)

    assert exporter.export(batch("one", "two")) is SUCCESS

    end(exporter)
    assert sent(http) == [["one", "two"]]


@pytest.mark.parametrize(
    ("protocol", "variable", "kind"),
    [
        ("http/protobuf", "", DirectHttpLogExporter),
        ("http/protobuf", "Direct ", DirectHttpLogExporter),
        ("http/protobuf", "official", HttpLogExporter),
        ("grpc", "", DirectGrpcLogExporter),
        ("grpc", "official", GrpcLogExporter),
    ],
)
def test_the_variable_chooses_the_encoder(
    monkeypatch: pytest.MonkeyPatch, protocol: str, variable: str, kind: type[LogRecordExporter]
) -> None:
    """``OTEL_CTXLOG_ENCODER``: ours unless it says ``official``."""
    monkeypatch.setenv("OTEL_CTXLOG_ENCODER", variable)
    exporter = otlp_log_exporter(OtlpSettings(endpoint="http://127.0.0.1:1", protocol=protocol))
    end(exporter)

    assert type(exporter) is kind


def test_a_mistyped_encoder_is_an_error_that_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with every variable, with the nearest match."""
    monkeypatch.setenv("OTEL_CTXLOG_ENCODER", "offical")

    with pytest.raises(ValueError, match=r"OTEL_CTXLOG_ENCODER is 'offical', .* did you mean 'official'"):
        otlp_log_exporter(OtlpSettings(endpoint="http://127.0.0.1:1"))


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("encoder", ["direct", "official"])
def test_a_program_sends_the_same_with_either_encoder(
    monkeypatch: pytest.MonkeyPatch, protocol: str, encoder: str
) -> None:
    """Through `setup` into the receiver: body, attributes, severity, event name and trace are there."""
    monkeypatch.setenv("OTEL_CTXLOG_ENCODER", encoder)
    with Receiver(http_port=0, grpc_port=0) as receiver:
        endpoint = receiver.grpc_endpoint if protocol == "grpc" else receiver.http_endpoint
        with cl.setup(
            service_name="shop", endpoint=endpoint, protocol=protocol, traces_exporter="none", set_global=False
        ) as telemetry:
            tracer = telemetry.tracer_provider.get_tracer("test")
            with tracer.start_as_current_span("span", attributes={"http.route": "/cart"}) as span:
                telemetry.logging.logger(cl.Realm("shop/cart")).warn("low", left=3, data={"a": [1.5, None]})
                telemetry.eventer.event("orderPlaced", total=100)
            assert telemetry.flush()
        low, placed = receiver.wait_for(2)

    assert (low.body, low.severity_text, low.scope_name) == ("low", "WARN", "shop/cart")
    assert low.attributes["data"] == {"a": [1.5, None]}
    assert low.attributes["http.route"] == "/cart"
    assert low.trace_id == f"{span.get_span_context().trace_id:032x}"
    assert (placed.event_name, placed.attributes["total"]) == ("orderPlaced", 100)
    assert low.service_name == "shop"


FORKS = """
import os
import warnings

import otel_ctxlog as cl

warnings.simplefilter("ignore", DeprecationWarning)
with cl.setup(service_name="shop", protocol="http/protobuf", traces_exporter="none") as telemetry:
    log = cl.log(cl.Realm("shop"))
    log.info("parent before")
    assert telemetry.flush()
    child = os.fork()
    log.info("child" if child == 0 else "parent after")
    assert telemetry.flush()
    if child == 0:
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_sends_its_own_records(run_program: Callable[..., str]) -> None:
    """Parent and child go on with the exporter that both have, each with its own requests."""
    with Receiver(http_port=0, grpc_port=None) as receiver:
        run_program(FORKS, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.http_endpoint)
        records = receiver.wait_for(3)

    assert sorted(str(record.body) for record in records) == ["child", "parent after", "parent before"]
