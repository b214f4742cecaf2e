"""Collectors that remember how they were called, certificates made on the spot, and programs in own processes."""

from __future__ import annotations

import gzip
import os
import socket
import ssl
import subprocess
import sys
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import grpc
import pytest
import trustme
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import (  # pyright: ignore[reportMissingTypeStubs]
    LogsServiceServicer,
    add_LogsServiceServicer_to_server,  # pyright: ignore[reportUnknownVariableType]
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Call:
    """One request as a collector saw it."""

    path: str
    headers: dict[str, str]
    bodies: list[str]


@dataclass
class Collector:
    """A server on loopback that takes logs and traces, and remembers every request."""

    endpoint: str = ""
    calls: list[Call] = field(default_factory=list[Call])


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    collector: Collector


class _HttpHandler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        encoding = self.headers.get("Content-Encoding", "")
        if encoding == "gzip":
            data = gzip.decompress(data)
        elif encoding == "deflate":
            data = zlib.decompress(data)
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = Call(self.path, headers, _bodies(self.path, data))
        cast("_HttpServer", self.server).collector.calls.append(call)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def _bodies(path: str, data: bytes) -> list[str]:
    if path.endswith("/v1/logs"):
        request = ExportLogsServiceRequest.FromString(data)
        records = [r for rl in request.resource_logs for sl in rl.scope_logs for r in sl.log_records]
        return [record.body.string_value for record in records]
    spans = ExportTraceServiceRequest.FromString(data)
    return [s.name for rs in spans.resource_spans for ss in rs.scope_spans for s in ss.spans]


class _GrpcLogs(LogsServiceServicer):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def Export(self, request: ExportLogsServiceRequest, context: Any) -> ExportLogsServiceResponse:
        headers = {key: str(value) for key, value in context.invocation_metadata()}
        bodies = [
            record.body.string_value
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]
        self._collector.calls.append(Call("/v1/logs", headers, bodies))
        return ExportLogsServiceResponse()


@dataclass(frozen=True)
class Certificates:
    """Paths of PEM files: an authority, a server's certificate for 127.0.0.1, and a client's."""

    authority: str
    server: str
    server_key: str
    client: str
    client_key: str


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates made for this run."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    paths = {name: str(folder / f"{name}.pem") for name in Certificates.__dataclass_fields__}
    authority.cert_pem.write_to_path(paths["authority"])
    for name, identity in (("server", "127.0.0.1"), ("client", "client.example")):
        issued = authority.issue_cert(identity)
        issued.private_key_pem.write_to_path(paths[f"{name}_key"])
        issued.cert_chain_pems[0].write_to_path(paths[name])
    return Certificates(**paths)


@contextmanager
def _http_collector(tls: Certificates | None, *, client_auth: bool) -> Generator[Collector]:
    server = _HttpServer(("127.0.0.1", 0), _HttpHandler)
    scheme = "http"
    if tls is not None:
        scheme = "https"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.server, tls.server_key)
        if client_auth:
            context.load_verify_locations(tls.authority)
            context.verify_mode = ssl.CERT_REQUIRED
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.collector = Collector(f"{scheme}://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def _grpc_collector(tls: Certificates | None, *, client_auth: bool) -> Generator[Collector]:
    pool = ThreadPoolExecutor(2)
    server = grpc.server(pool)
    collector = Collector()
    add_LogsServiceServicer_to_server(_GrpcLogs(collector), server)  # type: ignore[no-untyped-call]
    scheme = "http"
    if tls is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        scheme = "https"
        key, chain, root = (Path(path).read_bytes() for path in (tls.server_key, tls.server, tls.authority))
        credentials = grpc.ssl_server_credentials(
            [(key, chain)], root_certificates=root if client_auth else None, require_client_auth=client_auth
        )
        port = server.add_secure_port("127.0.0.1:0", credentials)
    collector.endpoint = f"{scheme}://127.0.0.1:{port}"
    server.start()
    try:
        yield collector
    finally:
        server.stop(0).wait()
        pool.shutdown()


@pytest.fixture
def collector(protocol: str) -> Iterator[Collector]:
    """A collector without TLS that speaks the test's protocol."""
    make = _grpc_collector if protocol == "grpc" else _http_collector
    with make(None, client_auth=False) as made:
        yield made


@pytest.fixture
def tls_collector(protocol: str, certificates: Certificates, *, client_auth: bool) -> Iterator[Collector]:
    """A collector with TLS that speaks the test's protocol, and asks for a client's certificate if the test says so."""
    make = _grpc_collector if protocol == "grpc" else _http_collector
    with make(certificates, client_auth=client_auth) as made:
        yield made


@pytest.fixture
def nobody() -> str:
    """A URL on loopback where nobody listens."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def run_program(tmp_path: Path) -> Callable[..., str]:
    """Run a program text in a fresh interpreter; returns what it printed, and fails if it failed."""

    def run(text: str, **variables: str) -> str:
        path = tmp_path / "program.py"
        path.write_text(text, encoding="utf-8")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        environment.update(variables)
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [environment.get("PYTHONPATH")])])
        command = [sys.executable, "-W", "error", str(path)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)
        assert ran.returncode == 0, ran.stderr
        assert ran.stderr == ""
        return ran.stdout

    return run
