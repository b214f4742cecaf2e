"""The body of an OTLP/HTTP request: of which kind, how long, how packed; and the refusal of a request.

Everything here is bounded by the limit it is given, whatever the client says or sends.
"""

from __future__ import annotations

import gzip
import io
import json as json_format
import re
import zlib
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import Message
    from typing import BinaryIO

_JSON = "application/json"
_PROTOBUF = "application/x-protobuf"

# google.rpc.Code by HTTP status; the body of a refusal says both.
_RPC_CODES = {400: 3, 404: 5, 405: 12, 408: 4, 411: 3, 413: 8, 415: 3, 500: 13, 501: 12, 503: 14}
_INVALID_ARGUMENT = 3

_LENGTH = re.compile(r"[0-9]{1,19}")
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n")
_MAX_CHUNK_LINE = 1024
_MAX_TRAILERS = 100


class Refusal(Exception):  # noqa: N818
    """A request that is answered with an error.

    Attributes:
        status: the HTTP status.
        message: what was found and what is allowed.
        headers: further headers of the answer.
        close: whether the connection cannot be used again, because the body was not read to its end.
    """

    def __init__(
        self, status: int, message: str, *, headers: dict[str, str] | None = None, close: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}
        self.close = close

    @property
    def rpc_code(self) -> int:
        """The google.rpc.Code that says about the same as the HTTP status."""
        return _RPC_CODES.get(self.status, _INVALID_ARGUMENT)


def status_body(code: int, message: str, *, json: bool) -> bytes:
    """A google.rpc.Status as OTLP wants it in the body of every answer of 4xx and 5xx."""
    if json:
        return json_format.dumps({"code": code, "message": message}).encode()
    # googleapis-common-protos has stubs, but says so only to pyright.
    from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

    encoded: bytes = Status(code=code, message=message.encode("utf-8", "replace").decode()).SerializeToString()
    return encoded


def is_json(headers: Message) -> bool:
    """True for JSON, False for protobuf.

    Raises:
        Refusal: 415 for any other content type, or none.
    """
    value = headers.get("Content-Type")
    kind = (value or "").partition(";")[0].strip().lower()
    if kind == _JSON:
        return True
    if kind == _PROTOBUF:
        return False
    raise Refusal(415, f"unsupported content type: {value!r:.200}; allowed are {_PROTOBUF} and {_JSON}", close=True)


def read_body(headers: Message, source: BinaryIO | io.BufferedIOBase, limit: int, ready: Callable[[], None]) -> bytes:
    """The body as it was sent, of at most `limit` bytes; `ready` is called when the head has been found good.

    Raises:
        Refusal: 400, 411, 413 or 415; the body was then not read to its end.
        TimeoutError: it did not arrive in time.
    """
    _packed(headers)
    lengths: list[str] = headers.get_all("Content-Length", [])
    transfers: list[str] = headers.get_all("Transfer-Encoding", [])
    if transfers:
        # Both at once is how requests are smuggled past a proxy.
        if lengths:
            raise Refusal(400, "both Content-Length and Transfer-Encoding", close=True)
        if [transfer.strip().lower() for transfer in transfers] != ["chunked"]:
            raise Refusal(501, f"unsupported transfer encoding: {transfers!r:.200}; chunked is allowed", close=True)
        ready()
        return _read_chunks(source, limit)
    if not lengths:
        raise Refusal(411, "Content-Length is missing", close=True)
    if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0].strip()):
        raise Refusal(400, f"bad Content-Length: {', '.join(lengths)!r:.200}; one decimal is allowed", close=True)
    length = int(lengths[0])
    if length > limit:
        raise _too_large(limit)
    ready()
    body = source.read(length)
    if len(body) < length:
        raise Refusal(400, f"the body ended after {len(body)} of {length} bytes", close=True)
    return body


def decompress(headers: Message, body: bytes, limit: int) -> bytes:
    """The body unpacked as its Content-Encoding says, of at most `limit` bytes.

    Raises:
        Refusal: 400 for what is no gzip, 413 for more than the limit.
    """
    if not _packed(headers):
        return body
    try:
        # One byte more than allowed is enough to know, so a small body cannot unpack to a big one.
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as unpacked:
            plain = unpacked.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise Refusal(400, f"the body is no gzip: {error}") from None
    if len(plain) > limit:
        raise _too_large(limit, close=False)
    return plain


def _packed(headers: Message) -> bool:
    encodings: list[str] = headers.get_all("Content-Encoding", [])
    encoding = ", ".join(encodings).strip().lower()
    if encoding in ("", "identity"):
        return False
    if encoding in ("gzip", "x-gzip"):
        return True
    raise Refusal(
        415,
        f"unsupported content encoding: {encoding!r:.200}; allowed are gzip and identity",
        headers={"Accept-Encoding": "gzip"},
        close=True,
    )


def _too_large(limit: int, *, close: bool = True) -> Refusal:
    return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body exceeds the limit of {limit} bytes", close=close)


def _read_chunks(source: BinaryIO | io.BufferedIOBase, limit: int) -> bytes:
    body = bytearray()
    while True:
        found = _CHUNK_SIZE.fullmatch(_read_line(source))
        if found is None:
            raise Refusal(400, "bad chunk size", close=True)
        size = int(found[1], 16)
        if size == 0:
            break
        if len(body) + size > limit:
            raise _too_large(limit)
        chunk = source.read(size)
        if len(chunk) < size or _read_line(source) not in (b"\r\n", b"\n"):
            raise Refusal(400, "a chunk does not end where its size says", close=True)
        body += chunk
    for _ in range(_MAX_TRAILERS):
        if _read_line(source) in (b"\r\n", b"\n"):
            return bytes(body)
    raise Refusal(400, f"more than {_MAX_TRAILERS} trailers", close=True)


def _read_line(source: BinaryIO | io.BufferedIOBase) -> bytes:
    line = source.readline(_MAX_CHUNK_LINE)
    if not line.endswith(b"\n"):
        raise Refusal(400, "a line of the chunked body is too long, or ends early", close=True)
    return line
