"""OTLP over gRPC: one call, one answer (https://opentelemetry.io/docs/specs/otlp/#otlpgrpc)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import grpc
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped] # it has no types
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped] # as above
from opentelemetry.exporter.otlp.proto.grpc.version import __version__ as exporter_version

from otel_ctxlog.delivery.answers import Answer
from otel_ctxlog.delivery.partial import accepted

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["RETRYABLE", "GrpcTransport"]

_METHOD: Final = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"

RETRYABLE: Final = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
"""Those of https://opentelemetry.io/docs/specs/otlp/#failures; RESOURCE_EXHAUSTED is one only if it says when."""

_MISDIRECTED: Final = frozenset(
    {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED}
)
# Where servers put it: https://grpc.io/docs/guides/error/#richer-error-model; and where the official exporter looks.
_STATUS_DETAILS: Final = "grpc-status-details-bin"
_RETRY_INFO: Final = "google.rpc.retryinfo-bin"

# "Received message larger than max (5000025 vs. 4194304)", and what other implementations say.
_TOO_LARGE: Final = re.compile(r"(?i)larger than max|too large|exceeds (?:the )?(?:max|limit)|message size")

_OPTIONS: Final = (
    # Servers know whom to blame by the name of the official exporter, whose protocol this is.
    ("grpc.primary_user_agent", f"OTel-OTLP-Exporter-Python/{exporter_version}"),
    # A new channel tries anew at once, in place of waiting as long as the one before it would have.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 10_000),
)

# Channels of a parent process: they cannot be used in a forked child, and ending one there might wait for its threads.
_inherited: list[grpc.Channel] = []


class GrpcTransport:
    """Calls one server.

    Args:
        target: of the channel, as gRPC understands it: ``host:port`` or the like.
        credentials: for TLS; None: without it.
        headers: sent with each call; lower-case names.
        gzip: whether requests are compressed.
        retryable: the status codes that are worth another attempt.
    """

    def __init__(
        self,
        target: str,
        *,
        credentials: grpc.ChannelCredentials | None,
        headers: Mapping[str, str],
        gzip: bool,
        retryable: frozenset[grpc.StatusCode] = RETRYABLE,
    ) -> None:
        self._target = target
        self._credentials = credentials
        self._metadata = tuple(headers.items())
        self._compression = grpc.Compression.Gzip if gzip else grpc.Compression.NoCompression
        self._retryable = retryable
        self._channel: grpc.Channel | None = None
        self._call: Any = None
        self._closed = False

    def send(self, request: bytes, timeout: float) -> Answer:
        """Make one call; the channel is made at the first, and anew after one that has not reached the server."""
        try:
            call = self._call or self._connect()
            return accepted(call(request, timeout=timeout, metadata=self._metadata))
        except grpc.RpcError as error:
            return self._failed(error)
        except Exception as error:  # noqa: BLE001 - headers that cannot be sent, or a channel closed by another thread
            return Answer("retry" if self._closed else "misdirected", str(error) or type(error).__name__)

    def _connect(self) -> Any:
        if self._credentials is None:
            channel = grpc.insecure_channel(self._target, options=_OPTIONS, compression=self._compression)
        else:
            channel = grpc.secure_channel(
                self._target, self._credentials, options=_OPTIONS, compression=self._compression
            )
        self._channel = channel
        # Bytes in, bytes out: they are messages already.
        self._call = channel.unary_unary(_METHOD)
        if self._closed:
            self.close()
        return self._call

    def _failed(self, error: Any) -> Answer:
        code: grpc.StatusCode = error.code()
        details = error.details() or ""
        # "Unavailable" says nothing that its details do not say.
        reason = details if code is grpc.StatusCode.UNAVAILABLE and details else f"{code}: {details}"
        if code is grpc.StatusCode.UNAVAILABLE:
            self._disconnect()
        wait = _retry_delay(error)
        if code in self._retryable or (code is grpc.StatusCode.RESOURCE_EXHAUSTED and wait is not None):
            return Answer("retry", reason, wait=wait)
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return Answer("too_large" if _TOO_LARGE.search(details) else "busy", reason)
        return Answer("misdirected" if code in _MISDIRECTED else "refused", reason)

    def _disconnect(self) -> None:
        channel, self._channel, self._call = self._channel, None, None
        if channel is not None:
            channel.close()

    def close(self) -> None:
        """Close the channel; a call under way ends at once."""
        self._closed = True
        channel = self._channel
        if channel is not None:
            channel.close()

    def start_in_child(self) -> None:
        """Make a channel of the child's own when it is needed."""
        channel, self._channel, self._call = self._channel, None, None
        if channel is not None:
            _inherited.append(channel)


def _retry_delay(error: Any) -> float | None:
    """Return the seconds that a ``RetryInfo`` among the trailing metadata asks for, or None."""
    info = RetryInfo()
    for name, value in error.trailing_metadata() or ():
        try:
            if name == _STATUS_DETAILS:
                if not any(detail.Unpack(info) for detail in Status.FromString(value).details):
                    continue
            elif name == _RETRY_INFO:
                info.ParseFromString(value)
            else:
                continue
        except Exception:  # noqa: BLE001, S112 - whatever a server puts there
            continue
        return max(0.0, float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9))
    return None
