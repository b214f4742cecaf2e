"""A request off a socket: strict, bounded in size, and in time as a whole.

The socket's own timeout is per read: a client that sends a byte now and then would never meet it.
"""

from __future__ import annotations

import re
import socket
from time import monotonic
from typing import Final
from urllib.parse import unquote

from otel_ctxlog.admin.exchange import MAX_BODY_BYTES, Problem, Request

__all__ = ["GoneError", "Reader", "decoded_path"]

_MAX_HEAD_BYTES: Final = 16_384
_MAX_HEADERS: Final = 64
_CHUNK: Final = 16_384
_LINE: Final = re.compile(rb"([A-Z]{1,20}) ([!-~]{1,16384}) HTTP/1\.[01]", re.ASCII)
_HEADER: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)", re.ASCII)
_LENGTH: Final = re.compile(r"[0-9]{1,15}", re.ASCII)
# Whoever sends one of these twice wants two readers to see different requests.
_ONCE: Final = frozenset({"authorization", "content-length", "content-type", "host", "origin", "transfer-encoding"})


class GoneError(Exception):
    """Whoever asked has gone, or has not asked anything."""


class Reader:
    """Reads one request.

    Args:
        connection: the socket.
        seconds: the time for the whole request.
        peer: the address of whoever has connected.
    """

    def __init__(self, connection: socket.socket, *, seconds: float, peer: str | None) -> None:
        self._connection = connection
        self._deadline = monotonic() + seconds
        self._peer = peer
        self._read = bytearray()

    def request(self) -> Request:
        """Return the request.

        Raises:
            Problem: it is none, is too large or too slow.
            GoneError: the client has gone.
            OSError: the connection is broken.
        """
        head = self._head()
        lines = head.split(b"\r\n")
        match = _LINE.fullmatch(lines[0])
        if match is None:
            raise _no_request(lines[0])
        method, target = match[1].decode("ascii"), match[2].decode("ascii")
        headers = _headers(lines[1:])
        body = self._body(headers)
        if not target.startswith("/"):
            raise Problem(
                400, "the target of the request is no path", found=target[:100], allowed="a path from a slash on"
            )
        path, _, query = target.partition("?")
        return Request(method=method, path=decoded_path(path), query=query, headers=headers, body=body, peer=self._peer)

    def _head(self) -> bytes:
        while (end := self._read.find(b"\r\n\r\n")) < 0:
            if len(self._read) > _MAX_HEAD_BYTES:
                break
            first = self._read[:1]
            if first and not first.isalpha():
                raise _no_request(bytes(self._read))
            if not self._more():
                if not self._read:
                    raise GoneError
                raise Problem(400, "the request ends before its head does")
        if end < 0 or end > _MAX_HEAD_BYTES:
            raise Problem(431, "the head of the request is too long", allowed=f"{_MAX_HEAD_BYTES} bytes")
        head = bytes(self._read[:end])
        del self._read[: end + 4]
        return head

    def _body(self, headers: dict[str, str]) -> bytes:
        if "transfer-encoding" in headers:
            raise Problem(411, "the length of the body has to be said", allowed="a header Content-Length")
        given = headers.get("content-length", "0")
        if _LENGTH.fullmatch(given) is None:
            raise Problem(400, "Content-Length is no number", found=repr(given)[:100])
        length = int(given)
        if length > MAX_BODY_BYTES:
            raise too_large(length)
        if length and headers.get("expect", "").lower() == "100-continue":
            self._connection.settimeout(max(0.01, self._deadline - monotonic()))
            self._connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        while len(self._read) < length:
            if not self._more():
                raise Problem(400, "the request ends before its body does")
        return bytes(self._read[:length])

    def _more(self) -> bool:
        left = self._deadline - monotonic()
        if left <= 0:
            raise Problem(408, "the request took too long to arrive")
        self._connection.settimeout(left)
        try:
            found = self._connection.recv(_CHUNK)
        except TimeoutError:
            raise Problem(408, "the request took too long to arrive") from None
        self._read += found
        return bool(found)


def too_large(length: int) -> Problem:
    """Return what a body that is too long is refused with."""
    return Problem(413, "the body is too long", found=f"{length} bytes", allowed=f"{MAX_BODY_BYTES} bytes")


def decoded_path(path: str) -> str:
    """Return a path without its escapes."""
    return unquote(path, errors="replace")


def _headers(lines: list[bytes]) -> dict[str, str]:
    if len(lines) > _MAX_HEADERS:
        raise Problem(431, "the request has too many headers", found=f"{len(lines)}", allowed=f"{_MAX_HEADERS}")
    found: dict[str, str] = {}
    for line in lines:
        match = _HEADER.fullmatch(line)
        if match is None:
            raise Problem(400, "a header cannot be read", found=repr(line[:60]), allowed="Name: value")
        name = match[1].decode("ascii").lower()
        value = match[2].decode("latin-1").rstrip(" \t")
        if name in found:
            if name in _ONCE:
                raise Problem(400, f"the header {name} is there twice", allowed="once")
            value = f"{found[name]}, {value}"
        found[name] = value
    return found


def _no_request(line: bytes) -> Problem:
    return Problem(400, "this is no HTTP request", found=repr(line[:60]), allowed="METHOD /path HTTP/1.1")
