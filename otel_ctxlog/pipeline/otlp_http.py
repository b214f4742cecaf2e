"""The transport of OTLP over HTTP, with the certificates of the variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests

from otel_ctxlog.delivery.https import ExporterSession
from otel_ctxlog.delivery.otlp_http import HttpTransport
from otel_ctxlog.pipeline.credentials import provided
from otel_ctxlog.pipeline.environment import read_file_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_ctxlog.pipeline.environment import Compression

__all__ = ["http_transport"]


def http_transport(endpoint: str, *, headers: Mapping[str, str], compression: Compression) -> HttpTransport:
    """Return the transport to an address, with the path.

    Raises:
        ValueError: the credential provider that a variable names is not installed.
        TypeError: it gives no session.
    """
    session = provided("HTTP", "logs", requests.Session) or ExporterSession()
    session.verify = read_file_name("logs", "CERTIFICATE") or True
    certificate, key = read_file_name("logs", "CLIENT_CERTIFICATE"), read_file_name("logs", "CLIENT_KEY")
    if certificate is not None:
        session.cert = (certificate, key) if key is not None else certificate
    return HttpTransport(endpoint, headers=headers, compression=compression, session=session)
