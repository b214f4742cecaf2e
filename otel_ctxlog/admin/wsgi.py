"""The endpoint as a WSGI application."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeAlias

from otel_ctxlog.admin.endpoint import Endpoint, finished
from otel_ctxlog.admin.exchange import MAX_BODY_BYTES, Problem, Request
from otel_ctxlog.admin.reading import too_large

__all__ = ["WsgiEndpoint"]

# PEP 3333
Environ: TypeAlias = dict[str, Any]
StartResponse: TypeAlias = Callable[[str, list[tuple[str, str]]], object]


class _Input(Protocol):
    def read(self, size: int, /) -> bytes: ...


class WsgiEndpoint:
    """Answers as a WSGI application, by itself or mounted in another. Made by `otel_ctxlog.admin.wsgi_app`.

    A stream of records would keep a worker: here it ends with what there is, and the client comes again, as it does
    with Server-Sent Events.

    Args:
        endpoint: answers the requests.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def __repr__(self) -> str:
        return f"<admin endpoint, WSGI, at {id(self):#x}>"

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        method = str(environ.get("REQUEST_METHOD", "")).upper()
        try:
            response = self._endpoint.handle(_request(environ, method))
        except Problem as problem:
            response = finished(problem.response())
        except OSError:
            response = finished(Problem(400, "the body could not be read").response())
        body = response.body
        if response.stream_after is not None:
            try:
                tail = self._endpoint.tail(response.stream_after)
                body = tail.start() + tail.more()
            finally:
                self._endpoint.streams.end()
        headers = [*response.headers.items(), ("Content-Length", str(len(body)))]
        start_response(f"{response.status} {response.reason}", headers)
        return [] if method == "HEAD" else [body]


def _request(environ: Environ, method: str) -> Request:
    headers = {
        name[5:].replace("_", "-").lower(): str(value) for name, value in environ.items() if name.startswith("HTTP_")
    }
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers[name.replace("_", "-").lower()] = str(environ[name])
    return Request(
        method=method,
        path=_text(environ.get("PATH_INFO", "")),
        query=str(environ.get("QUERY_STRING", "")),
        headers=headers,
        body=_body(environ, headers.get("content-length", "")),
        peer=environ.get("REMOTE_ADDR") or None,
        root=_text(environ.get("SCRIPT_NAME", "")).rstrip("/"),
    )


def _text(raw: object) -> str:
    """Return a path as it was meant: PEP 3333 has its bytes as characters."""
    return str(raw).encode("latin-1", "replace").decode("utf-8", "replace")


def _body(environ: Environ, declared: str) -> bytes:
    """Return the body of a request, as long as it says.

    Raises:
        Problem: it is too long, or does not say how long it is.
    """
    if not declared:
        if environ.get("HTTP_TRANSFER_ENCODING"):
            raise Problem(411, "the length of the body has to be said", allowed="a header Content-Length")
        return b""
    if not (declared.isascii() and declared.isdigit()):
        raise Problem(400, "Content-Length is no number", found=repr(declared)[:100])
    length = int(declared[:16])
    if length > MAX_BODY_BYTES:
        raise too_large(length)
    source: _Input = environ["wsgi.input"]
    parts: list[bytes] = []
    while length > 0:
        part = source.read(length)
        if not part:
            raise Problem(400, "the request ends before its body does")
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
