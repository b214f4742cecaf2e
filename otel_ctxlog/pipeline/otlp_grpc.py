"""The transport of OTLP over gRPC, with the certificates of the variables."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import grpc

from otel_ctxlog.delivery.otlp_grpc import RETRYABLE, GrpcTransport
from otel_ctxlog.pipeline.credentials import provided
from otel_ctxlog.pipeline.environment import choose, read_file_name

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["grpc_transport"]

_RETRYABLE_VARIABLE: Final = "OTEL_PYTHON_EXPORTER_OTLP_GRPC_RETRYABLE_ERROR_CODES"


def grpc_transport(endpoint: str, *, tls: bool, headers: Mapping[str, str], gzip: bool) -> GrpcTransport:
    """Return the transport to an endpoint: a URL, ``host:port``, or another target of gRPC.

    Raises:
        ValueError: the credential provider that a variable names is not installed, or a status code is none.
        TypeError: it gives no credentials.
    """
    return GrpcTransport(
        urlsplit(endpoint).netloc or endpoint,
        credentials=_credentials() if tls else None,
        headers=headers,
        gzip=gzip,
        retryable=_retryable(),
    )


def _credentials() -> grpc.ChannelCredentials:
    given = provided("GRPC", "logs", grpc.ChannelCredentials)
    if given is not None:
        return given
    names = (read_file_name("logs", setting) for setting in ("CERTIFICATE", "CLIENT_KEY", "CLIENT_CERTIFICATE"))
    root, key, chain = (None if name is None else Path(name).read_bytes() for name in names)
    return grpc.ssl_channel_credentials(root_certificates=root, private_key=key, certificate_chain=chain)


def _retryable() -> frozenset[grpc.StatusCode]:
    text = os.environ.get(_RETRYABLE_VARIABLE)
    if text is None:
        return RETRYABLE
    codes = {code.name: code for code in grpc.StatusCode}
    named = [name.strip().upper() for name in text.split(",") if name.strip()]
    return frozenset(codes[choose(name, codes, what=_RETRYABLE_VARIABLE)] for name in named)
