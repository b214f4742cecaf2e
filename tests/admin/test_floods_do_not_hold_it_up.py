"""The small server against slow, many, large and senseless clients: bounded in all, and back at once."""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otel_ctxlog import admin
from otel_ctxlog.admin import server as server_module

from .asking import TOKEN, Client, Service, wait_until

if TYPE_CHECKING:
    from collections.abc import Generator

HEAD = f"Host: localhost\r\nAuthorization: Bearer {TOKEN}\r\n".encode()


@contextlib.contextmanager
def _connected(client: Client) -> Generator[socket.socket]:
    with socket.create_connection(client.address, timeout=15) as connection:
        yield connection


def _descriptors() -> int:
    """How many descriptors this process has open; 0 where that cannot be known."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def _all(connection: socket.socket) -> bytes:
    found = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65_536):
            found += part
    return found


def _said(client: Client, sent: bytes) -> bytes:
    with _connected(client) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(sent)
        return _all(connection)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"get / HTTP/1.1\r\n\r\n", 400),
        (b"GET /api/rules HTTP/1.1\r\n\r\n", 400),
        (b"GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n folded: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\nb\r\n\r\n", 400),
        (b"POST /api/rules HTTP/1.1\r\n" + HEAD + b"Content-Length: x\r\n\r\n", 400),
        (b"POST /api/rules HTTP/1.1\r\n" + HEAD + b"Content-Length: -1\r\n\r\n", 400),
        (b"POST /api/rules HTTP/1.1\r\n" + HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", 400),
        (b"POST /api/rules HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        (b"POST /api/rules HTTP/1.1\r\n" + HEAD + b"Content-Length: 65537\r\n\r\n", 413),
        (b"POST /api/rules HTTP/1.1\r\n" + HEAD + b"Content-Length: 999999999999999\r\n\r\n" + b"x" * 100_000, 413),
        (b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 65 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 100_000, 431),
        (b"GET /%00%ff%2e%2e/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
    ],
    ids=lambda value: repr(value[:40]) if isinstance(value, bytes) else "",
)
def test_garbage_is_refused_with_a_reason(client: Client, sent: bytes, status: int) -> None:
    """Each with its status and a problem, and the next client is served."""
    answer = _said(client, sent)

    assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:200]
    assert b"application/problem+json" in answer
    assert client("GET", "/api/health").status == 200


def test_what_is_pipelined_behind_a_request_is_thrown_away(client: Client) -> None:
    """One connection, one request: the first is answered in full, garbage behind it or not."""
    good = b"GET /api/rules HTTP/1.1\r\n" + HEAD + b"\r\n"
    answer = _said(client, good * 50 + b"\x00garbage" * 20_000)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.endswith(b"}")


def test_a_body_is_asked_for_if_the_client_waits(client: Client) -> None:
    """Expect: 100-continue, as curl sends it with larger bodies."""
    body = b'{"line": "a=debug", "expires": "1m"}'
    with _connected(client) as connection:
        head = b"Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
        connection.sendall(b"POST /api/rules HTTP/1.1\r\n" + HEAD + head)
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert _all(connection).startswith(b"HTTP/1.1 201 ")


def test_a_slow_client_is_cut_off(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then does not keep a connection: the whole request has a deadline."""
    monkeypatch.setattr(server_module, "_REQUEST_SECONDS", 0.5)
    start = time.monotonic()
    with _connected(client) as connection:
        connection.setblocking(True)
        stop = threading.Event()

        def drip() -> None:
            with contextlib.suppress(OSError):
                for byte in b"GET /api/rules HTTP/1.1\r\n" + HEAD * 100:
                    connection.sendall(bytes([byte]))
                    if stop.wait(0.05):
                        return

        dripping = threading.Thread(target=drip)
        dripping.start()
        answer = _all(connection)
        stop.set()
        dripping.join()

    assert answer.startswith(b"HTTP/1.1 408 ")
    # What it sends takes minutes.
    assert time.monotonic() - start < 60


def test_a_thousand_connections_are_served_or_turned_away(client: Client) -> None:
    """No more threads than allowed, no descriptor left, and service again as soon as they have gone."""
    threads = threading.active_count()
    descriptors = _descriptors()
    connections: list[socket.socket] = []
    most = 0
    try:
        for _ in range(1_000):
            with contextlib.suppress(OSError):
                connections.append(socket.create_connection(client.address, timeout=5))
            most = max(most, threading.active_count())
        turned_away = 0
        for connection in connections[100:]:
            connection.settimeout(5)
            with contextlib.suppress(OSError):
                turned_away += connection.recv(20).startswith(b"HTTP/1.1 503")
    finally:
        for connection in connections:
            connection.close()

    assert most <= threads + 32
    assert turned_away > 700
    wait_until(lambda: threading.active_count() <= threads)
    assert client("GET", "/api/rules").status == 200
    wait_until(lambda: _descriptors() <= descriptors)


def test_streams_are_few_and_the_rest_goes_on(client: Client) -> None:
    """The ninth reader is told to come again; asking works meanwhile; a reader that goes makes room."""
    readers: list[socket.socket] = []
    try:
        for _ in range(8):
            reader = socket.create_connection(client.address, timeout=5)
            reader.sendall(b"GET /api/records/stream HTTP/1.1\r\n" + HEAD + b"\r\n")
            assert reader.recv(4096).startswith(b"HTTP/1.1 200 ")
            readers.append(reader)
        refused = client("GET", "/api/records/stream")
        assert (refused.status, refused.headers["retry-after"]) == (503, "5")
        assert client("GET", "/api/rules").status == 200
        readers.pop().close()
        wait_until(lambda: _stream_status(client) == 200)
    finally:
        for reader in readers:
            reader.close()


def _stream_status(client: Client) -> int:
    with _connected(client) as connection:
        connection.sendall(b"GET /api/records/stream HTTP/1.1\r\n" + HEAD + b"\r\n")
        return int(connection.recv(4096).split()[1])


def test_closing_ends_streams_and_slow_clients_at_once(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread and no connection is left, whoever is connected."""
    monkeypatch.setattr(server_module, "_REQUEST_SECONDS", 120.0)
    monkeypatch.setattr(server_module, "_CLOSE_SECONDS", 120.0)
    before = set(threading.enumerate())
    server = admin.serve(service.context, token=TOKEN)
    client = Client(server.url)
    connections = [socket.create_connection(client.address, timeout=5) for _ in range(10)]
    connections[0].sendall(b"GET /api/records/stream HTTP/1.1\r\n" + HEAD + b"\r\n")
    connections[1].sendall(b"POST /api/rules HTTP/1.1\r\n" + HEAD + b"Content-Length: 100\r\n\r\nhalf")
    assert connections[0].recv(100)
    start = time.monotonic()
    server.close()
    server.close()

    assert time.monotonic() - start < 60
    assert set(threading.enumerate()) <= before
    assert not server.running
    with pytest.raises(OSError):
        socket.create_connection(client.address, timeout=1).recv(1)
    for connection in connections:
        connection.close()


def test_a_signal_handler_may_close_it_while_it_is_closed(service: Service) -> None:
    """Whatever the handler has interrupted: it waits for nothing that its own thread holds."""
    server = admin.serve(service.context, token=TOKEN)

    class Interrupted(threading.Event):
        def set(self) -> None:
            with self._cond:  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
                server.close()
            super().set()

    server._closing = Interrupted()
    closing = threading.Thread(target=server.close, daemon=True)
    closing.start()
    closing.join(30)

    assert not closing.is_alive()
    assert not server.running


def test_many_starts_and_stops_leave_nothing(service: Service) -> None:
    """Neither threads nor descriptors."""
    with admin.serve(service.context):
        pass
    descriptors = _descriptors()
    for _ in range(50):
        with admin.serve(service.context):
            pass

    assert _descriptors() <= descriptors


def test_a_port_that_is_taken_is_an_error(service: Service) -> None:
    """Raised where it is started, naming address and port; nothing runs then."""
    with admin.serve(service.context) as server, pytest.raises(OSError) as raised:
        admin.serve(service.context, port=server.port)

    assert raised.value.errno == errno.EADDRINUSE
    said = f"cannot listen on 127.0.0.1:{server.port} for the admin endpoint: the port is in use"
    assert raised.value.strerror == said
