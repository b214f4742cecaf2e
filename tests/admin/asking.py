"""A service with an endpoint in front of it, behind each of its faces, and a client that asks over real HTTP."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import uvicorn
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource

import otel_ctxlog as cl
from otel_ctxlog import admin

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

TOKEN = "alices-own-secret-token"
TOKENS = {"alice": TOKEN, "bob": "bobs-own-secret-token"}
FACES = ("server", "asgi", "wsgi")


class Service:
    """A service: a context, its provider, and what it has exported."""

    def __init__(self) -> None:
        self.exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call] # of the SDK
        self.provider = LoggerProvider(Resource({"service.name": "shop", "region": "eu"}), shutdown_on_exit=False)
        self.provider.add_log_record_processor(SimpleLogRecordProcessor(self.exporter))
        self.context = cl.LoggingContext(self.provider)
        self.log = self.context.unbound_logger(cl.Realm("shop/cart"))

    @property
    def bodies(self) -> list[object]:
        """The bodies of what was exported, without audit records."""
        return [one.log_record.body for one in self.exporter.get_finished_logs() if not one.log_record.event_name]

    @property
    def audits(self) -> list[dict[str, Any]]:
        """The attributes of the audit records that were exported."""
        return [
            dict(one.log_record.attributes or {})
            for one in self.exporter.get_finished_logs()
            if (one.log_record.event_name or "").startswith("otel_ctxlog.")
        ]


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Client:
    """Asks an endpoint, each request by a connection of its own."""

    def __init__(self, url: str, token: str | None = TOKEN) -> None:
        parts = urlsplit(url)
        self.address = (cast("str", parts.hostname), cast("int", parts.port))
        self.root = parts.path.rstrip("/")
        self.token = token

    def __call__(
        self, method: str, path: str, body: object = None, *, raw: bytes | None = None, **headers: str
    ) -> Answer:
        """The answer to a request; `body` is sent as JSON, `raw` as it is."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token is not None:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        content = raw
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
            content = json.dumps(body).encode()
        with closing(http.client.HTTPConnection(*self.address, timeout=10)) as connection:
            connection.request(method, f"{self.root}{path}", content, sent)
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())

    @contextmanager
    def stream(self, path: str) -> Generator[Iterator[str]]:
        """The lines of a stream, as they come."""
        with closing(http.client.HTTPConnection(*self.address, timeout=10)) as connection:
            connection.request("GET", f"{self.root}{path}", headers={"Authorization": f"Bearer {self.token}"})
            answer = connection.getresponse()
            assert answer.status == 200
            assert answer.getheader("Content-Type") == "text/event-stream"
            yield (line.decode().rstrip("\n") for line in iter(answer.readline, b""))

    def get(self, path: str) -> Any:
        """The JSON of a GET that goes well."""
        answer = self("GET", path)
        assert answer.status == 200, answer.body
        return answer.json

    def add(self, line: str, **more: object) -> dict[str, Any]:
        """The rule that was added."""
        answer = self("POST", "/api/rules", {"line": line, "expires": "1m", **more})
        assert answer.status == 201, answer.body
        return cast("dict[str, Any]", answer.json["rule"])


@contextmanager
def served(face: str, service: Service, **options: Any) -> Generator[Client]:
    """A client of the endpoint of a service, which is served behind one of its faces."""
    options.setdefault("tokens", TOKENS)
    if face == "server":
        with admin.serve(service.context, **options) as server:
            yield Client(server.url)
    elif face == "asgi":
        with under_uvicorn(admin.asgi_app(service.context, **options)) as url:
            yield Client(url)
    else:
        with under_wsgiref(admin.wsgi_app(service.context, **options)) as url:
            yield Client(url)


@contextmanager
def under_uvicorn(app: Any, *, graceful: int | None = 1) -> Generator[str]:
    """The address of an ASGI application; `graceful` is how many seconds its server waits for answers at its end."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=graceful))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def under_wsgiref(app: Any) -> Generator[str]:
    """The address of a WSGI application."""
    server = WSGIServer(("127.0.0.1", 0), _Quiet)
    server.set_app(app)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def wait_until(condition: Any, seconds: float = 10.0) -> None:
    """Wait until something holds, or fail."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)
