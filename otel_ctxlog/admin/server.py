"""The endpoint's own server, for services that have none: small, bounded in connections, sizes and time."""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import threading
import weakref
from time import monotonic
from typing import TYPE_CHECKING, Final

from otel_ctxlog.admin.endpoint import Endpoint, finished
from otel_ctxlog.admin.exchange import Problem, Response
from otel_ctxlog.admin.reading import GoneError, Reader
from otel_ctxlog.admin.streams import BEAT, BEAT_SECONDS, POLL_SECONDS
from otel_ctxlog.engine.diagnostics import report_once

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["AdminServer"]

_MAX_CONNECTIONS: Final = 32
_REQUEST_SECONDS: Final = 5.0
_WRITE_SECONDS: Final = 5.0
# What a client still sends after its answer is read and thrown away, or it would see a reset in place of the answer.
_LINGER_SECONDS: Final = 0.5
_LINGER_BYTES: Final = 1 << 20
_BACKLOG: Final = 512
_CLOSE_SECONDS: Final = 5.0
_NAME: Final = "otel-ctxlog-admin"


class AdminServer:
    """A running admin endpoint; a context manager that closes it. Made by `otel_ctxlog.admin.serve`.

    Its threads are daemons, and do not keep the process alive. A forked child does not have it: the child's copies of
    its sockets are closed.

    Args:
        endpoint: answers the requests.
        host: address or name to listen on.
        port: 0 for any free one.

    Raises:
        OSError: the address cannot be listened on; the text names it.
    """

    def __init__(self, endpoint: Endpoint, *, host: str, port: int) -> None:
        self._endpoint = endpoint
        self._listening = _listen(host, port)
        self._address: tuple[str, int] = self._listening.getsockname()[:2]
        self._wake, self._waker = socket.socketpair()
        self._lock = threading.Lock()
        # Ended ones stay until the next connection comes, so that `close` waits for the last step of each.
        self._connections: dict[threading.Thread, socket.socket] = {}
        # Apart from the event, whose lock a signal handler that closes, too, would wait for in vain.
        self._closed = False
        self._closing = threading.Event()
        self._here = True
        self._thread = threading.Thread(target=self._accept, name=_NAME, daemon=True)
        _servers.add(self)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<AdminServer {self.url}{'' if self.running else ', closed'}>"

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._address[1]

    @property
    def url(self) -> str:
        """The address of the page, like ``http://127.0.0.1:40123/``."""
        host = self._address[0]
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    @property
    def running(self) -> bool:
        """Whether it answers: False after `close`, and in a forked child."""
        return self._here and not self._closed

    def close(self) -> None:
        """Answer nothing more, close all connections and end the threads; again: nothing. Rules stay until they end."""
        if not self._here or self._closed:
            return
        self._closed = True
        self._closing.set()
        deadline = monotonic() + _CLOSE_SECONDS
        with contextlib.suppress(OSError):
            self._waker.send(b"x")
        if self._thread is not threading.current_thread():
            self._thread.join(_CLOSE_SECONDS)
        with self._lock:
            threads = list(self._connections)
            for connection in self._connections.values():
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - monotonic()))
        for own in (self._listening, self._wake, self._waker):
            own.close()
        self._endpoint.close()
        _servers.discard(self)

    def in_forked_child(self) -> None:
        """Let go of what belongs to the parent, without a word on its connections."""
        self._here = False
        for own in (self._listening, self._wake, self._waker, *self._connections.values()):
            own.close()
        self._connections = {}
        self._endpoint.in_forked_child(served=False)

    def _accept(self) -> None:
        # Not `select.select`, which knows no descriptor beyond 1024; and nothing that a forked child would share.
        selector = getattr(selectors, "PollSelector", selectors.SelectSelector)()
        selector.register(self._listening, selectors.EVENT_READ)
        selector.register(self._wake, selectors.EVENT_READ)
        while not self._closing.is_set():
            try:
                selector.select()
                if self._closing.is_set():
                    return
                connection, address = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                continue
            except (OSError, ValueError) as error:
                if self._closing.is_set():
                    return
                # No descriptors, mostly: it must neither end nor spin.
                report_once(
                    self, f"the admin endpoint could not take a connection: {type(error).__name__}", error=error
                )
                self._closing.wait(0.5)
                continue
            self._begin(connection, str(address[0]))

    def _begin(self, connection: socket.socket, peer: str) -> None:
        thread = threading.Thread(target=self._serve, args=(connection, peer), name=_NAME, daemon=True)
        with self._lock:
            self._connections = {one: its for one, its in self._connections.items() if one.is_alive()}
            if len(self._connections) < _MAX_CONNECTIONS:
                # Known before it runs: a fork must find it.
                self._connections[thread] = connection
                try:
                    thread.start()
                except RuntimeError:  # no more threads: refused like one too many
                    del self._connections[thread]
                else:
                    return
        problem = Problem(
            503, "too many connections", allowed=f"{_MAX_CONNECTIONS} at once", headers={"Retry-After": "1"}
        )
        # At once or not at all: the next connection waits.
        with contextlib.suppress(OSError):
            connection.setblocking(False)
            connection.send(_head(finished(problem.response())) + problem.response().body)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(_LINGER_BYTES)
        connection.close()

    def _serve(self, connection: socket.socket, peer: str) -> None:
        try:
            self._answer(connection, peer)
            _linger(connection)
        except (OSError, GoneError):
            pass  # a client that goes away is no event
        except Exception as error:  # noqa: BLE001 - a thread's end
            report_once(self, f"a connection to the admin endpoint failed: {type(error).__name__}", error=error)
        finally:
            connection.close()

    def _answer(self, connection: socket.socket, peer: str) -> None:
        method = ""
        try:
            request = Reader(connection, seconds=_REQUEST_SECONDS, peer=peer).request()
        except Problem as problem:
            response = finished(problem.response())
        else:
            method = request.method
            response = self._endpoint.handle(request)
        if response.stream_after is None:
            connection.settimeout(_WRITE_SECONDS)
            connection.sendall(_head(response) + (b"" if method == "HEAD" else response.body))
            return
        try:
            self._stream(connection, response, response.stream_after)
        finally:
            self._endpoint.streams.end()

    def _stream(self, connection: socket.socket, response: Response, after: int) -> None:
        tail = self._endpoint.tail(after)
        connection.settimeout(_WRITE_SECONDS)
        connection.sendall(_head(response) + tail.start())
        written = monotonic()
        while not self._closing.is_set():
            more = tail.more()
            if not more and monotonic() - written > BEAT_SECONDS:
                more = BEAT
            if more:
                connection.settimeout(_WRITE_SECONDS)
                connection.sendall(more)
                written = monotonic()
            connection.settimeout(POLL_SECONDS)
            with contextlib.suppress(TimeoutError):
                # A reader that closes, or says anything at all, wants no more.
                connection.recv(1)
                return


def _listen(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            if os.name == "posix":
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(_BACKLOG)
            listening.setblocking(False)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        reason = "the port is in use" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
        shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        # A name that is not found has a number of another kind.
        number = errno.EADDRNOTAVAIL if isinstance(error, socket.gaierror) else error.errno
        text = f"cannot listen on {shown} for the admin endpoint: {reason}"
        raise OSError(number or errno.EADDRNOTAVAIL, text) from None
    return listening


def _head(response: Response) -> bytes:
    lines = [f"HTTP/1.1 {response.status} {response.reason}", "Connection: close"]
    if response.stream_after is None:
        lines.append(f"Content-Length: {len(response.body)}")
    lines += [f"{name}: {value}" for name, value in response.headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _linger(connection: socket.socket) -> None:
    deadline = monotonic() + _LINGER_SECONDS
    left = _LINGER_BYTES
    connection.shutdown(socket.SHUT_WR)
    while left > 0 and (seconds := deadline - monotonic()) > 0:
        connection.settimeout(seconds)
        found = len(connection.recv(65_536))
        if not found:
            return
        left -= found


_servers: Final[weakref.WeakSet[AdminServer]] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for server in list(_servers):
        server.in_forked_child()
    _servers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
