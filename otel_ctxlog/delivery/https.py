"""The session of HTTP exporters: its certificate file counts, and a forked child gets connections of its own.

And an answer has to come within the timeout as a whole; for `requests`, each byte of it may take that long.
"""

from __future__ import annotations

import io

# `requests` imports it in the middle of its first request: a process forked in that moment could never import it.
import netrc  # noqa: F401 # pyright: ignore[reportUnusedImport]
import os
import queue
import time
from collections import deque
from contextlib import suppress
from http.client import HTTPResponse
from typing import Any, cast

from requests import Session
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from otel_ctxlog.delivery.hearing import note_answer

__all__ = ["ExporterSession", "forget_connections", "survive_forks"]


class ExporterSession(Session):
    """A session whose own certificate file wins over ``REQUESTS_CA_BUNDLE`` and ``CURL_CA_BUNDLE``.

    In `requests` these variables beat `Session.verify`, so that on a machine that sets one of them
    ``OTEL_EXPORTER_OTLP_CERTIFICATE`` would have no effect.
    """

    def __init__(self) -> None:
        super().__init__()
        self._process = os.getpid()
        survive_forks(self)

    def request(self, *arguments: Any, **named: Any) -> Any:
        """Send a request; the official exporter tells its status only when it gives up at once, and not always then."""
        if os.getpid() != self._process:
            self._process = os.getpid()
            forget_connections(self)
        note_answer(None)
        response = super().request(*arguments, **named)
        if not response.ok:
            note_answer(f"HTTP {response.status_code} {response.reason or ''}".rstrip())
        return response

    def merge_environment_settings(
        self, url: str | bytes | None, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> Any:
        """Return the settings of a request, with this session's certificate file if it has one."""
        settings: dict[str, Any] = dict(super().merge_environment_settings(url, proxies, stream, verify, cert))
        if isinstance(self.verify, str):
            settings["verify"] = self.verify
        return settings


class _Idle:
    """Connections that nobody uses just now, in place of the `queue.LifoQueue` that a pool has.

    Without a lock: the finalizer of a pool empties it, and in a forked child would wait for ever for a thread of the
    parent that was just taking a connection out.
    """

    def __init__(self, maxsize: int) -> None:
        self._maxsize = maxsize
        self._idle: deque[Any] = deque()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: ARG002, FBT001, FBT002 - as there
        try:
            return self._idle.pop()
        except IndexError:
            raise queue.Empty from None

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: ARG002, FBT001, FBT002
        if len(self._idle) >= self._maxsize:
            raise queue.Full
        self._idle.append(item)

    def qsize(self) -> int:
        return len(self._idle)


class _InTime(io.RawIOBase):
    """What comes from a socket, all of it within the time that the socket has for a part."""

    def __init__(self, sock: Any, raw: Any) -> None:
        self._sock = sock
        self._raw = raw
        self._seconds: float | None = sock.gettimeout()
        self._begun = time.monotonic()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._seconds is not None:
            left = self._begun + self._seconds - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            self._sock.settimeout(left)
        read: int | None = self._raw.readinto(buffer)
        return read

    def fileno(self) -> int:
        number: int = self._raw.fileno()
        return number

    def close(self) -> None:
        # The next request over this connection has its own time.
        with suppress(OSError):
            self._sock.settimeout(self._seconds)
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    """An answer that ends in time."""

    def __init__(self, sock: Any, *arguments: Any, **named: Any) -> None:
        super().__init__(sock, *arguments, **named)
        self.fp = io.BufferedReader(_InTime(sock, self.fp.detach()))


class _HttpConnection(HTTPConnection):
    response_class = _Response


class _HttpsConnection(HTTPSConnection):
    response_class = _Response


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = cast("type[Any]", _HttpConnection)
    QueueCls = cast("type[queue.LifoQueue[Any]]", _Idle)


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = cast("type[Any]", _HttpsConnection)
    QueueCls = cast("type[queue.LifoQueue[Any]]", _Idle)


class _Adapter(HTTPAdapter):
    """The usual one, with such pools."""

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}

    def proxy_manager_for(self, proxy: str, **named: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **named)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
        return manager


def survive_forks(session: Session) -> None:
    """Have a session make connections that a forked child can let go of."""
    for prefix, adapter in list(session.adapters.items()):
        # One that somebody has made is theirs, and knows what to do after a fork, or nobody does.
        if type(adapter) is HTTPAdapter:
            session.mount(prefix, _Adapter())


def forget_connections(session: Session) -> None:
    """Have a session open new connections: those of a forked child are its parent's, and what both write would mix."""
    for prefix, adapter in list(session.adapters.items()):
        if type(adapter) is _Adapter:
            session.mount(prefix, _Adapter())
