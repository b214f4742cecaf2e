"""OTLP over HTTP: one request, one answer (https://opentelemetry.io/docs/specs/otlp/#otlphttp)."""

from __future__ import annotations

import gzip
import time
import zlib
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal

import requests
from opentelemetry.exporter.otlp.proto.http.version import __version__ as exporter_version
from requests.exceptions import ChunkedEncodingError, ContentDecodingError, Timeout
from requests.exceptions import ConnectionError as NoConnectionError

from otel_ctxlog.delivery.answers import Answer
from otel_ctxlog.delivery.https import forget_connections, survive_forks
from otel_ctxlog.delivery.partial import accepted

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HttpTransport"]

Compression = Literal["none", "gzip", "deflate"]

# The official exporter takes 9 for gzip: two and a half times the work of 4, for one percent of the bytes.
_LEVEL: Final = 4

# https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes
_RETRYABLE: Final = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
# The request is good, but it comes from the wrong one, or to the wrong place.
_MISDIRECTED: Final = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
    }
)
_NETWORK: Final = (NoConnectionError, Timeout, ChunkedEncodingError, ContentDecodingError, OSError)

# Nobody has more to say; the rest of a longer answer is not read.
_MAX_ANSWER: Final = 64 << 10
_CHUNK: Final = 4 << 10


class HttpTransport:
    """Posts requests to one address.

    Args:
        endpoint: the whole address, with the path.
        headers: sent with each request, on top of content type, encoding and user agent.
        compression: of the requests.
        session: makes the connections; its TLS settings and proxies count.
    """

    def __init__(
        self, endpoint: str, *, headers: Mapping[str, str], compression: Compression, session: requests.Session
    ) -> None:
        self._endpoint = endpoint
        self._session = session
        self._closed = False
        survive_forks(session)
        self._compression = compression
        self._headers = {
            "content-type": "application/x-protobuf",
            # Servers know whom to blame by the name of the official exporter, whose protocol this is.
            "user-agent": f"OTel-OTLP-Exporter-Python/{exporter_version}",
            **{name.lower(): value for name, value in headers.items()},
        }
        if compression != "none":
            self._headers.setdefault("content-encoding", compression)

    def send(self, request: bytes, timeout: float) -> Answer:
        """Post a request; a connection that turns out to be closed is opened anew once."""
        if self._compression == "gzip":
            request = gzip.compress(request, _LEVEL, mtime=0)
        elif self._compression == "deflate":
            request = zlib.compress(request, _LEVEL)
        end = time.monotonic() + timeout
        try:
            try:
                return self._post(request, end)
            except NoConnectionError:
                # Most likely one that the server has closed between two batches.
                if time.monotonic() >= end:
                    raise
                return self._post(request, end)
        except _NETWORK as error:
            return Answer("retry", str(error) or type(error).__name__)
        except Exception as error:  # noqa: BLE001 - an address or a header that cannot be sent, or a session of others
            return Answer("misdirected", str(error) or type(error).__name__)
        finally:
            if self._closed:
                # Closed meanwhile, by another thread: what has just been used was open then.
                self._session.close()

    def _post(self, request: bytes, end: float) -> Answer:
        left = max(0.001, end - time.monotonic())
        with self._session.request(
            "POST",
            self._endpoint,
            data=request,
            headers=self._headers,
            timeout=left,
            allow_redirects=False,
            stream=True,
        ) as response:
            return _answer(response, end)

    def close(self) -> None:
        """Close all connections; one that is in use is closed after its request."""
        self._closed = True
        self._session.close()

    def start_in_child(self) -> None:
        """Open new connections when they are needed."""
        forget_connections(self._session)


def _answer(response: requests.Response, end: float) -> Answer:
    status = response.status_code
    if status in range(200, 300):
        return accepted(_body(response, end))
    # Read, so that the connection can be used again.
    _body(response, end)
    reason = f"HTTP {status} {response.reason or ''}".rstrip()
    if status in _RETRYABLE:
        return Answer("retry", reason, wait=_retry_after(response.headers.get("retry-after")))
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return Answer("too_large", reason)
    return Answer("misdirected" if status in _MISDIRECTED else "refused", reason)


def _body(response: requests.Response, end: float) -> bytes:
    """Return what comes of the body until `end`; a status has arrived by then, whatever becomes of the rest."""
    body = b""
    try:
        for chunk in response.iter_content(_CHUNK):
            body += chunk
            if len(body) > _MAX_ANSWER or time.monotonic() > end:
                break
    except _NETWORK:
        return b""
    return body


def _retry_after(value: str | None) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for, as a number or a date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None
