"""A request and its answer, as the three faces of the endpoint hand them over: nothing here knows sockets."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

__all__ = [
    "JSON",
    "MAX_BODY_BYTES",
    "PROBLEM_JSON",
    "Json",
    "Problem",
    "Request",
    "Response",
    "as_json",
    "json_response",
]

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""What JSON can say."""

JSON: Final = "application/json"
PROBLEM_JSON: Final = "application/problem+json"
MAX_BODY_BYTES: Final = 65_536
"""The longest body of a request, in bytes."""

_TITLES: Final = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    411: "Length Required",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


def _no_headers() -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request, its body read.

    Attributes:
        method: the method, in upper case.
        path: the path below the endpoint's root, decoded, beginning with a slash; empty where the root was asked for
            without its slash.
        query: the query, not decoded.
        headers: the headers, names in lower case.
        body: the body.
        peer: the address of whoever has connected, or None where it is not known.
        root: the path of the endpoint's root, without slash at the end.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=_no_headers)
    body: bytes = b""
    peer: str | None = None
    root: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer.

    Attributes:
        status: the status code.
        headers: the headers, without ``Content-Length``.
        body: the body; empty where there is none, or where `stream_after` is set.
        stream_after: the answer is a stream of the records after this number, as Server-Sent Events; None: it is not.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=_no_headers)
    body: bytes = b""
    stream_after: int | None = None

    @property
    def reason(self) -> str:
        """The words that go with the status."""
        return reason_of(self.status)


def reason_of(status: int) -> str:
    """Return the words that go with a status code."""
    return _TITLES.get(status) or {200: "OK", 201: "Created", 308: "Permanent Redirect"}.get(status, "Unknown")


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """A request that is refused; it becomes an answer of ``application/problem+json`` (RFC 9457).

    Args:
        status: the status code.
        detail: what is wrong, in one sentence.
        found: what the request has, in words.
        allowed: what it may have, in words.
        headers: further headers of the answer.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        found: str | None = None,
        allowed: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.detail = detail
        self.found = found
        self.allowed = allowed
        self.headers: Mapping[str, str] = headers or {}
        super().__init__(detail)

    def response(self) -> Response:
        """Return the answer."""
        content: dict[str, Json] = {
            "type": "about:blank",
            "title": reason_of(self.status),
            "status": self.status,
            "detail": self.detail,
        }
        if self.found is not None:
            content["found"] = self.found
        if self.allowed is not None:
            content["allowed"] = self.allowed
        headers = {**self.headers, "Content-Type": PROBLEM_JSON}
        return Response(status=self.status, headers=headers, body=as_json(content))


def as_json(content: Json) -> bytes:
    """Return JSON that any reader takes: ASCII, numbers that are not finite as texts."""
    try:
        text = json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    except ValueError:
        text = json.dumps(_finite(content), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.encode("ascii")


def _finite(content: Json) -> Json:
    if isinstance(content, float) and not math.isfinite(content):
        return str(content)
    if isinstance(content, list):
        return [_finite(one) for one in content]
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    return content


def json_response(content: Json, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer with that content."""
    return Response(status=status, headers={**(headers or {}), "Content-Type": JSON}, body=as_json(content))
