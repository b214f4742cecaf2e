"""Real servers on loopback, and a default context whose records are kept."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import pytest
import uvicorn
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from werkzeug.serving import make_server

from otel_ctxlog import INFO, LoggingContext, set_default_context

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator


class Records:
    """What was logged through the default context."""

    def __init__(self) -> None:
        self.exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call] # of the SDK
        provider = LoggerProvider(shutdown_on_exit=False)
        provider.add_log_record_processor(SimpleLogRecordProcessor(self.exporter))
        self.context = LoggingContext(provider)
        self.context.default_level = INFO

    @property
    def all(self) -> tuple[ReadableLogRecord, ...]:
        """The records."""
        return self.exporter.get_finished_logs()

    @property
    def bodies(self) -> list[object]:
        """Their bodies."""
        return [record.log_record.body for record in self.all]

    def attributes(self, body: str) -> dict[str, Any]:
        """The attributes of the only record with this body."""
        (found,) = [record for record in self.all if record.log_record.body == body]
        return dict(found.log_record.attributes or {})


@pytest.fixture
def records() -> Iterator[Records]:
    """A default context of its own, and what comes out of it."""
    made = Records()
    previous = set_default_context(made.context)
    yield made
    set_default_context(previous)


@contextmanager
def _uvicorn(app: Any) -> Generator[str]:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, lifespan="auto", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
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


@pytest.fixture
def serve() -> Callable[[Any], Any]:
    """Serves an ASGI application with uvicorn: a context manager that gives its address."""
    return _uvicorn


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def _wsgi(app: Any, kind: str) -> Generator[str]:
    if kind == "werkzeug":
        server: Any = make_server("127.0.0.1", 0, app, threaded=True)
    else:
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


@pytest.fixture
def serve_wsgi() -> Callable[..., Any]:
    """Serves a WSGI application with werkzeug (in threads) or wsgiref (in one thread)."""
    return _wsgi
