"""What a diagnostic says about a collector fits what it did: silence, an answer, a queue that is too small."""

from __future__ import annotations

import logging
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, cast

import grpc
import pytest
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult

from otel_ctxlog.pipeline import setup

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from opentelemetry.sdk._logs import ReadableLogRecord

BOTH = pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])


@pytest.fixture
def silent() -> Iterator[str]:
    """A URL where connections are accepted and nothing is ever answered."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def _diagnostics(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(record.levelname, record.getMessage()) for record in caplog.records if record.levelno >= logging.INFO]


@BOTH
def test_a_collector_that_never_answers(
    silent: str, protocol: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flush in vain is a warning, a shutdown an error, once each, with the endpoint and the time that was waited."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3")
    telemetry = setup(endpoint=silent, protocol=protocol, set_global=False)
    telemetry.logging.logger().info("hello")
    telemetry.tracer_provider.get_tracer("t").start_span("span").end()

    assert not telemetry.flush(0.3)
    assert not telemetry.flush(0.2)
    assert not telemetry.shutdown(0.5)

    where = f"{silent} (OTLP over {protocol})"
    assert _diagnostics(caplog) == [
        (
            "WARNING",
            (
                f"logs not delivered to {where}: no answer within the 0.3 s of flush()."
                " The program goes on, and so does the export."
            ),
        ),
        (
            "ERROR",
            (
                f"logs not delivered to {where}: no answer within the 0.5 s of shutdown()."
                " What was not taken by then is lost."
            ),
        ),
    ]


def test_a_short_program_says_what_it_lost(silent: str, run_program: Callable[..., str]) -> None:
    """A program that only logs and ends says at its end that the collector has not answered."""
    program = f"""
import logging, sys
logging.basicConfig(stream=sys.stdout, format="%(name)s %(levelname)s %(message)s")
import otel_ctxlog as cl
cl.setup(endpoint="{silent}", protocol="http/protobuf", traces_exporter="none")
cl.log().info("hello")
"""
    said = run_program(program, OTEL_EXPORTER_OTLP_TIMEOUT="7")

    assert said.startswith(f"otel_ctxlog ERROR logs not delivered to {silent} (OTLP over http/protobuf): ")
    assert ": no answer within " in said
    assert len(said.splitlines()) == 1


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(cast("_Server", self.server).status)
        self.send_header("Content-Length", "0")
        self.send_header("Retry-After", "60")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    status: int


@contextmanager
def _answering(status: int) -> Generator[str]:
    server = _Server(("127.0.0.1", 0), _Handler)
    server.status = status
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    ("status", "reason", "advice"),
    [
        (400, "HTTP 400 Bad Request.", "It refuses the request itself"),
        (401, "HTTP 401 Unauthorized.", "It refuses the credentials: check headers= or OTEL_EXPORTER_OTLP_HEADERS"),
        (403, "HTTP 403 Forbidden.", "It refuses the credentials"),
        (404, "HTTP 404 Not Found.", "check the path in endpoint="),
        (429, "HTTP 429 Too Many Requests.", "It is there, but does not take this now"),
        (500, "HTTP 500 Internal Server Error.", "It is there, but does not take this now"),
        (503, "HTTP 503 Service Unavailable.", "It is there, but does not take this now"),
    ],
)
def test_an_http_answer_is_named_and_explained(
    status: int, reason: str, advice: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An answer of the collector is told with its status, and the advice is not to look whether it is there."""
    with (
        _answering(status) as endpoint,
        setup(endpoint=endpoint, protocol="http/protobuf", traces_exporter="none", set_global=False) as telemetry,
    ):
        telemetry.logging.logger().info("hello")
        assert not telemetry.flush(5)

    [(level, text)] = _diagnostics(caplog)
    assert level == "ERROR"
    assert reason in text
    assert advice in text
    assert "Is a collector listening there?" not in text


class _Refusing(grpc.GenericRpcHandler):
    def __init__(self, code: grpc.StatusCode) -> None:
        self._code = code

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        def refuse(data: bytes, context: grpc.ServicerContext) -> bytes:
            context.abort(self._code, "so it is")

        return grpc.unary_unary_rpc_method_handler(refuse)


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (grpc.StatusCode.UNAUTHENTICATED, "It refuses the credentials"),
        (grpc.StatusCode.PERMISSION_DENIED, "It refuses the credentials"),
        (grpc.StatusCode.UNIMPLEMENTED, "check the path in endpoint="),
        (grpc.StatusCode.INVALID_ARGUMENT, "It refuses the request itself"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "It is there, but does not take this now"),
    ],
)
def test_a_grpc_answer_is_named_and_explained(
    code: grpc.StatusCode, advice: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The same over gRPC, by the status code of the answer."""
    pool = ThreadPoolExecutor(2)
    server = grpc.server(pool, handlers=[_Refusing(code)])
    endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        with setup(endpoint=endpoint, protocol="grpc", traces_exporter="none", set_global=False) as telemetry:
            telemetry.logging.logger().info("hello")
            assert not telemetry.flush(5)
    finally:
        server.stop(0).wait()
        pool.shutdown()

    [(level, text)] = _diagnostics(caplog)
    assert level == "ERROR"
    assert code.name in text
    assert "so it is" in text
    assert advice in text
    assert "Is a collector listening there?" not in text


class Slow(LogRecordExporter):
    """Takes nothing until its gate is opened."""

    def __init__(self) -> None:
        self.gate = threading.Event()

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        self.gate.wait(10)
        return LogRecordExportResult.SUCCESS

    def shutdown(self) -> None:
        self.gate.set()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


def test_a_full_queue_is_said_by_us(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records dropped by a full queue are one warning of ours, which names the variable, in place of the SDK's."""
    monkeypatch.setenv("OTEL_BLRP_MAX_QUEUE_SIZE", "4")
    exporter = Slow()
    with setup(exporter=exporter, set_global=False) as telemetry:
        for number in range(50):
            telemetry.logging.logger().info("hello", number=number)
        exporter.gate.set()

    assert _diagnostics(caplog) == [
        (
            "WARNING",
            (
                "log records for exporter Slow are dropped, the least severe first: its queue is full"
                " (OTEL_BLRP_MAX_QUEUE_SIZE is 4). How many were lost is logged there as soon as there is room again."
            ),
        )
    ]
