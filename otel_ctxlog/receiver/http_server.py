"""OTLP over HTTP, on the standard library's server: bounded in connections, sizes and time."""

from __future__ import annotations

import contextlib
import io
import logging
import socket
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, cast

from otel_ctxlog.receiver.http_body import Refusal, decompress, is_json, read_body, status_body
from otel_ctxlog.receiver.intake import Signal

if TYPE_CHECKING:
    from otel_ctxlog.receiver.intake import Intake
    from otel_ctxlog.receiver.rejections import Rejections

_diagnostics = logging.getLogger("otel_ctxlog")

_MAX_CONNECTIONS = 64
# A client may keep an unused connection open this long; exporters flush every few seconds.
_IDLE_SECONDS = 120.0
_WRITE_SECONDS = 10.0
# After a refused request its body is read and thrown away this long, or the client would see a reset and no answer.
_LINGER_SECONDS = 2.0
_POLL_SECONDS = 0.05

_SIGNALS = {f"/v1/{signal.value}": signal for signal in Signal}


class HttpServer:
    """An OTLP/HTTP server on its own threads.

    Args:
        host: address or name to listen on.
        port: 0 for any free one.
        intake: gets every request.
        rejections: is told about every request that is refused.
        max_request_bytes: limit of a body, as sent and decompressed.
        request_seconds: a request has to be there completely within this time after its first byte.

    Raises:
        OSError: the address cannot be listened on.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        intake: Intake,
        rejections: Rejections,
        max_request_bytes: int,
        request_seconds: float,
    ) -> None:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        self._server = _Server(
            family, cast("tuple[str, int]", address), intake, rejections, max_request_bytes, request_seconds
        )
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": _POLL_SECONDS},
            name="otel-ctxlog-http",
            daemon=True,
        )

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Answer what is under way, close everything and join the threads, within so many seconds."""
        deadline = time.monotonic() + timeout
        if self._thread.ident is not None:
            self._server.shutdown()
        self._server.server_close()
        self._server.finish(deadline)
        if self._thread.ident is not None:
            self._thread.join(max(0.0, deadline - time.monotonic()))


class _Server(socketserver.TCPServer):
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(
        self,
        family: int,
        address: tuple[str, int],
        intake: Intake,
        rejections: Rejections,
        max_request_bytes: int,
        request_seconds: float,
    ) -> None:
        self.address_family = family
        self.intake = intake
        self.rejections = rejections
        self.max_request_bytes = max_request_bytes
        self.request_seconds = request_seconds
        self.stopping = False
        self._lock = threading.Lock()
        self._connections: dict[socket.socket, threading.Thread] = {}
        # What waits for a request's first byte can be closed at any time.
        self._idle: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        connection: socket.socket = request
        thread = threading.Thread(
            target=self._serve, args=(connection, client_address), name="otel-ctxlog-http-connection", daemon=True
        )
        with self._lock:
            full = len(self._connections) >= _MAX_CONNECTIONS
            if not full:
                self._connections[connection] = thread
        if full:
            self._turn_away(connection)
            return
        try:
            thread.start()
        except RuntimeError:
            self._forget(connection)
            raise

    def _serve(self, connection: socket.socket, client_address: object) -> None:
        try:
            self.finish_request(connection, client_address)
        except Exception:  # noqa: BLE001  (a thread's end)
            self.handle_error(connection, client_address)
        finally:
            self._forget(connection)
            self.shutdown_request(connection)

    def _forget(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections.pop(connection, None)
            self._idle.discard(connection)

    def _turn_away(self, connection: socket.socket) -> None:
        reason = "too many connections"
        self.rejections.note(503, "(not read)", reason)
        body = status_body(14, reason, json=True)
        head = (
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"
        )
        with contextlib.suppress(OSError):
            connection.settimeout(1.0)
            connection.sendall(head.encode() + body)
        self.shutdown_request(connection)

    def set_idle(self, connection: socket.socket, idle: bool) -> bool:  # noqa: FBT001
        """Note that a connection waits for a request, or has begun one; False if it should close instead."""
        with self._lock:
            if idle:
                self._idle.add(connection)
            else:
                self._idle.discard(connection)
            return not self.stopping

    def finish(self, deadline: float) -> None:
        """Close the idle connections, let the others answer until the deadline, then close them, too."""
        with self._lock:
            self.stopping = True
            threads = list(self._connections.values())
            _hang_up(self._idle)
        # A last part of the time is for those who have to be interrupted.
        patience = deadline - min(0.5, (deadline - time.monotonic()) / 2)
        for thread in threads:
            thread.join(max(0.0, patience - time.monotonic()))
        with self._lock:
            _hang_up(self._connections)
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        # A client that goes away is no event worth a line.
        _diagnostics.debug("an HTTP connection to the OTLP receiver failed", exc_info=True)


def _hang_up(connections: set[socket.socket] | dict[socket.socket, threading.Thread]) -> None:
    for connection in connections:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


class _TimedInput(io.RawIOBase):
    """A socket's input with a limit for the wait before a request and one for the whole of it.

    The socket's own timeout is per read: a client that sends a byte now and then would never meet it.
    """

    def __init__(self, server: _Server, connection: socket.socket) -> None:
        self._server = server
        self._connection = connection
        self._deadline: float | None = None

    def readable(self) -> bool:
        return True

    def expect_request(self) -> None:
        self._deadline = None

    def limit(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds

    def readinto(self, buffer: Any, /) -> int:
        first = self._deadline is None
        if first and not self._server.set_idle(self._connection, True):
            return 0
        remaining = _IDLE_SECONDS if self._deadline is None else self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        self._connection.settimeout(remaining)
        count = self._connection.recv_into(buffer)
        if first:
            self._server.set_idle(self._connection, False)
            self.limit(self._server.request_seconds)
        return count


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "otel-ctxlog"
    sys_version = ""
    # Of a request line that cannot be read; with the base class's 0.9 the answer would have no head.
    default_request_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # An answer is one write.
    wbufsize = -1
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self._input = _TimedInput(self.server, self.connection)
        self.rfile = io.BufferedReader(self._input)
        self._must_continue = False

    def handle_one_request(self) -> None:
        self._input.expect_request()
        self._must_continue = False
        super().handle_one_request()

    def handle_expect_100(self) -> bool:
        # Said when the head has been found good, so that a body which will be refused is never sent.
        self._must_continue = True
        return True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: what was received is shown, not how."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class finds wrong with a request, in OTLP's form."""
        self._refuse(Refusal(int(code), message or explain or "bad request", close=True))

    def do_POST(self) -> None:
        try:
            json = self._receive()
        except Refusal as refusal:
            self._refuse(refusal)
        except TimeoutError:
            self._refuse(Refusal(408, "the request took too long to arrive", close=True))
        except ConnectionError:
            self.close_connection = True
        except Exception:  # noqa: BLE001  (logged; the sender has to get an answer)
            _diagnostics.exception("the OTLP receiver failed")
            self._refuse(Refusal(500, "internal error", close=True))
        else:
            self._answer(200, b"{}" if json else b"", json=json)

    def _receive(self) -> bool:
        """Take the request in; whether the answer is JSON."""
        signal = _SIGNALS.get(self.path.partition("?")[0])
        if signal is None:
            raise self._no_such_path()
        json = is_json(self.headers)
        body = read_body(self.headers, self.rfile, self.server.max_request_bytes, self._continue)
        body = decompress(self.headers, body, self.server.max_request_bytes)
        try:
            self.server.intake.accept(signal, body, json=json)
        except ValueError as error:
            raise Refusal(400, str(error)) from None
        return json

    def _no_such_path(self) -> Refusal:
        return Refusal(404, f"no such path: {self.path!r:.200}; there are {', '.join(_SIGNALS)}", close=True)

    def _no_such_method(self) -> None:
        if self.path.partition("?")[0] in _SIGNALS:
            self._refuse(
                Refusal(405, f"method {self.command} is not allowed; POST is", headers={"Allow": "POST"}, close=True)
            )
        else:
            self._refuse(self._no_such_path())

    do_GET = do_HEAD = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _no_such_method  # noqa: N815

    def _continue(self) -> None:
        if self._must_continue:
            self.connection.settimeout(_WRITE_SECONDS)
            self.send_response_only(100)
            self.end_headers()
            self.wfile.flush()

    def _refuse(self, refusal: Refusal) -> None:
        try:
            # `headers` is missing as long as the head could not be read.
            json = is_json(self.headers)
        except (Refusal, AttributeError):
            json = True
        self.server.rejections.note(refusal.status, getattr(self, "path", "(not read)"), refusal.message)
        body = status_body(refusal.rpc_code, refusal.message, json=json)
        if refusal.close:
            self.close_connection = True
        self._answer(refusal.status, body, json=json, headers=refusal.headers)
        if refusal.close:
            self._linger()

    def _answer(self, status: int, body: bytes, *, json: bool, headers: dict[str, str] | None = None) -> None:
        if self.server.stopping:
            self.close_connection = True
        self.connection.settimeout(_WRITE_SECONDS)
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if json else "application/x-protobuf")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def _linger(self) -> None:
        self._input.limit(_LINGER_SECONDS)
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            scratch = bytearray(1 << 16)
            while self._input.readinto(scratch):
                pass
