"""The official OTLP exporters, made from arguments and the `OTEL_EXPORTER_OTLP_*` variables.

What no argument says is left to the exporters, which read endpoint, headers, timeout and certificates by themselves;
the variables' values are checked before, so that a mistake is an error of `setup` and not a stream of failed exports.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from opentelemetry.util.re import parse_env_headers

from otel_ctxlog.pipeline.environment import (
    Compression,
    Protocol,
    Signal,
    certificate_file,
    check_endpoint,
    check_readable_files,
    check_timeout,
    read_compression,
    read_endpoint,
    read_protocol,
    signal_variable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk._logs.export import LogRecordExporter
    from opentelemetry.sdk.trace.export import SpanExporter

__all__ = ["OtlpSettings", "destination_key", "destination_text", "otlp_log_exporter", "otlp_span_exporter"]

_DEFAULT_ENDPOINT: Final[dict[Protocol, str]] = {
    "grpc": "http://localhost:4317",
    "http/protobuf": "http://localhost:4318",
}
_PATHS: Final[dict[Signal, str]] = {"logs": "/v1/logs", "traces": "/v1/traces"}
_USUAL_PORT: Final[dict[int, Protocol]] = {4317: "grpc", 4318: "http/protobuf"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpSettings:
    """What was said by arguments; None leaves it to the variables.

    Attributes:
        endpoint: URL of the collector, the same for all signals; over HTTP the signal's path is appended.
        protocol: ``grpc`` or ``http/protobuf``.
        headers: sent with every request, on top of those of the variables.
    """

    endpoint: str | None = None
    protocol: str | None = None
    headers: Mapping[str, str] | None = field(default=None)

    def __bool__(self) -> bool:
        return not (self.endpoint is None and self.protocol is None and self.headers is None)


@dataclass(frozen=True, slots=True)
class _Resolved:
    """The settings of one signal: arguments and variables put together and checked."""

    protocol: Protocol
    compression: Compression
    endpoint: str | None
    headers: dict[str, str] | None


def _resolve(signal: Signal, settings: OtlpSettings) -> _Resolved:
    protocol = read_protocol(signal, settings.protocol)
    endpoint: str | None = None
    if settings.endpoint is not None:
        endpoint = check_endpoint(settings.endpoint, what="argument 'endpoint'")
        if protocol != "grpc":
            endpoint = _with_path(endpoint, signal)
    else:
        read_endpoint(signal, protocol)
    check_timeout(signal)
    check_readable_files(signal)
    headers = None if settings.headers is None else _merged_headers(signal, settings.headers)
    return _Resolved(protocol, read_compression(signal, protocol), endpoint, headers)


def _with_path(endpoint: str, signal: Signal) -> str:
    base = endpoint.rstrip("/")
    # The URL of one signal is taken as one of the collector: people copy it from elsewhere.
    for path in _PATHS.values():
        base = base.removesuffix(path)
    return base + _PATHS[signal]


def _merged_headers(signal: Signal, headers: Mapping[str, str]) -> dict[str, str]:
    # The gRPC exporter ignores the variables once it is given headers, the HTTP exporter merges; here both merge.
    text = os.environ.get(signal_variable(signal, "HEADERS")) or os.environ.get("OTEL_EXPORTER_OTLP_HEADERS", "")
    merged = dict(parse_env_headers(text, liberal=True))
    # gRPC takes only lower-case names; in HTTP case has no meaning.
    merged.update({name.lower(): value for name, value in headers.items()})
    return merged


def _arguments(signal: Signal, resolved: _Resolved) -> dict[str, Any]:
    arguments: dict[str, Any] = {"endpoint": resolved.endpoint, "headers": resolved.headers}
    if resolved.protocol == "grpc":
        from grpc import Compression as GrpcCompression

        # Passed even if it is none: the gRPC exporter raises on a variable that says `none`.
        arguments["compression"] = (
            GrpcCompression.Gzip if resolved.compression == "gzip" else GrpcCompression.NoCompression
        )
    else:
        from opentelemetry.exporter.otlp.proto.http import Compression as HttpCompression

        arguments["compression"] = HttpCompression(resolved.compression)
        if certificate_file(signal) is not None and not _has_credential_provider(signal):
            from otel_ctxlog.pipeline.https import CertificateSession

            arguments["session"] = CertificateSession()
    return arguments


def _has_credential_provider(signal: Signal) -> bool:
    # Then the exporter gets its session, certificates included, from the provider's entry point.
    prefix, suffix = "OTEL_PYTHON_EXPORTER_OTLP_HTTP_", "CREDENTIAL_PROVIDER"
    return bool(os.environ.get(prefix + suffix) or os.environ.get(f"{prefix}{signal.upper()}_{suffix}"))


def otlp_log_exporter(settings: OtlpSettings) -> LogRecordExporter:
    """Return the official exporter of log records.

    Raises:
        ValueError: an argument or a variable has a value that is not allowed.
    """
    resolved = _resolve("logs", settings)
    if resolved.protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogExporter

        return GrpcLogExporter(**_arguments("logs", resolved))
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogExporter

    return HttpLogExporter(**_arguments("logs", resolved))


def otlp_span_exporter(settings: OtlpSettings) -> SpanExporter:
    """Return the official exporter of spans.

    Raises:
        ValueError: an argument or a variable has a value that is not allowed.
    """
    resolved = _resolve("traces", settings)
    if resolved.protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter

        return GrpcSpanExporter(**_arguments("traces", resolved))
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter

    return HttpSpanExporter(**_arguments("traces", resolved))


def _endpoint(signal: Signal, settings: OtlpSettings) -> tuple[str, Protocol]:
    protocol = read_protocol(signal, settings.protocol)
    if settings.endpoint is not None:
        return settings.endpoint, protocol
    found = read_endpoint(signal, protocol)
    return (found[1] if found else _DEFAULT_ENDPOINT[protocol]), protocol


def destination_key(signal: Signal, settings: OtlpSettings) -> str:
    """Return what is equal for signals that go to the same collector: host and port."""
    endpoint, _protocol = _endpoint(signal, settings)
    return urlsplit(endpoint if "//" in endpoint else f"//{endpoint}").netloc


def destination_text(signal: Signal, settings: OtlpSettings) -> tuple[str, str]:
    """Return how a diagnostic names the collector, and what it advises."""
    endpoint, protocol = _endpoint(signal, settings)
    parts = urlsplit(endpoint if "//" in endpoint else f"//{endpoint}")
    # Not `netloc`, which may hold a password.
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port is not None else ""
    shown = f"{parts.scheme}://{host}{port}" if parts.scheme else f"{host}{port}"
    advice = (
        "Is a collector listening there? Check endpoint= or OTEL_EXPORTER_OTLP_ENDPOINT,"
        " and protocol= or OTEL_EXPORTER_OTLP_PROTOCOL."
    )
    usual = _USUAL_PORT.get(parts.port or 0)
    if usual is not None and usual != protocol:
        advice += f" Port {parts.port} usually speaks {usual}."
    return f"{shown} (OTLP over {protocol})", advice
