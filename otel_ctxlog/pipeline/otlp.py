"""OTLP: our transports of log records and the official exporters of spans, from arguments and `OTEL_EXPORTER_OTLP_*`.

The variables are read and checked here, so that a mistake is an error of `setup` and not a stream of failed exports,
and since the gRPC exporter takes an empty variable at its word, which the specification counts as unset. Certificates
are left to the exporters of spans, which read their variables by themselves.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from opentelemetry.util.re import parse_env_headers

from otel_ctxlog.errors import MissingExtraError
from otel_ctxlog.pipeline.arguments import check_headers, check_mapping, check_text
from otel_ctxlog.pipeline.credentials import credential_provider
from otel_ctxlog.pipeline.environment import (
    Compression,
    Protocol,
    Signal,
    check_endpoint,
    check_readable_files,
    choose,
    read_compression,
    read_endpoint,
    read_insecure,
    read_protocol,
    read_timeout,
    signal_variable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.trace.export import SpanExporter

    from otel_ctxlog.delivery.protocols import Transport

__all__ = [
    "OtlpSettings",
    "destination_key",
    "destination_text",
    "encoder_is_official",
    "otlp_log_transport",
    "otlp_span_exporter",
]

_DEFAULT_ENDPOINT: Final[dict[Protocol, str]] = {
    "grpc": "http://localhost:4317",
    "http/protobuf": "http://localhost:4318",
}
_PATHS: Final[dict[Signal, str]] = {"logs": "/v1/logs", "traces": "/v1/traces"}
# Who makes the bytes of log records: we, or the official encoder, which takes six times as long.
ENCODER_VARIABLE: Final = "OTEL_CTXLOG_ENCODER"
_ENCODERS: Final = ("direct", "official")
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

    def __post_init__(self) -> None:
        check_text(self.endpoint, what="argument 'endpoint'")
        check_text(self.protocol, what="argument 'protocol'")
        check_mapping(self.headers, what="argument 'headers'", example="{'api-key': '…'}")

    def __bool__(self) -> bool:
        return not (self.endpoint is None and self.protocol is None and self.headers is None)


@dataclass(frozen=True, slots=True)
class _Resolved:
    """The settings of one signal: arguments and variables put together and checked."""

    protocol: Protocol
    compression: Compression
    endpoint: str
    timeout: float
    headers: dict[str, str]


def _resolve(signal: Signal, settings: OtlpSettings) -> _Resolved:
    protocol = read_protocol(signal, settings.protocol)
    if settings.endpoint is not None:
        endpoint = check_endpoint(settings.endpoint, what="argument 'endpoint'")
        if protocol != "grpc":
            endpoint = _with_path(endpoint, signal)
    else:
        variable, endpoint = read_endpoint(signal, protocol) or ("", _DEFAULT_ENDPOINT[protocol])
        if protocol != "grpc" and variable != signal_variable(signal, "ENDPOINT"):
            endpoint = endpoint.removesuffix("/") + _PATHS[signal]
    check_readable_files(signal)
    headers = _merged_headers(signal, settings.headers or {}, protocol)
    return _Resolved(protocol, read_compression(signal, protocol), endpoint, read_timeout(signal), headers)


def _with_path(endpoint: str, signal: Signal) -> str:
    base = endpoint.rstrip("/")
    # The URL of one signal is taken as one of the collector: people copy it from elsewhere.
    for path in _PATHS.values():
        base = base.removesuffix(path)
    return base + _PATHS[signal]


def _merged_headers(signal: Signal, headers: Mapping[str, str], protocol: Protocol) -> dict[str, str]:
    # The gRPC exporter ignores the variables once it is given headers, the HTTP exporter merges; here both merge.
    variable = signal_variable(signal, "HEADERS")
    text = os.environ.get(variable)
    if not text:
        variable = "OTEL_EXPORTER_OTLP_HEADERS"
        text = os.environ.get(variable, "")
    merged = dict(parse_env_headers(text, liberal=True))
    check_headers(merged, protocol, what=variable)
    # gRPC takes only lower-case names; in HTTP case has no meaning.
    given = {name.lower(): value for name, value in headers.items()}
    check_headers(given, protocol, what="argument 'headers'")
    merged.update(given)
    return merged


def _arguments(signal: Signal, resolved: _Resolved) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "endpoint": resolved.endpoint,
        "headers": resolved.headers,
        "timeout": resolved.timeout,
    }
    if resolved.protocol == "grpc":
        from grpc import Compression as GrpcCompression

        arguments["insecure"] = _is_insecure(signal, resolved.endpoint)
        # Passed even if it is none: the gRPC exporter raises on a variable that says `none`.
        arguments["compression"] = (
            GrpcCompression.Gzip if resolved.compression == "gzip" else GrpcCompression.NoCompression
        )
    else:
        from opentelemetry.exporter.otlp.proto.http import Compression as HttpCompression

        arguments["compression"] = HttpCompression(resolved.compression)
        if not _has_credential_provider(signal):
            try:
                from otel_ctxlog.delivery.https import ExporterSession
            except ModuleNotFoundError as error:
                raise _no_requests() from error

            arguments["session"] = ExporterSession()
    return arguments


def _is_insecure(signal: Signal, endpoint: str) -> bool:
    # By the specification the scheme decides; the exporter would prefer the variable, even an empty one.
    scheme = urlsplit(endpoint).scheme
    return scheme == "http" or (scheme != "https" and bool(read_insecure(signal)))


def _no_requests() -> MissingExtraError:
    # OpenTelemetry 1.45.0 needs it and does not bring it.
    return MissingExtraError("protocol 'http/protobuf'", "http")


def _has_credential_provider(signal: Signal) -> bool:
    # Then the exporter gets its session, certificates included, from the provider's entry point.
    return credential_provider("HTTP", signal) is not None


def otlp_log_transport(settings: OtlpSettings) -> Transport:
    """Return what sends requests with log records.

    Raises:
        ValueError: an argument or a variable has a value that is not allowed.
        MissingExtraError: the protocol needs a distribution that is not installed.
    """
    resolved = _resolve("logs", settings)
    if resolved.protocol == "grpc":
        from otel_ctxlog.pipeline.otlp_grpc import grpc_transport

        return grpc_transport(
            resolved.endpoint,
            tls=not _is_insecure("logs", resolved.endpoint),
            headers=resolved.headers,
            gzip=resolved.compression == "gzip",
        )
    try:
        from otel_ctxlog.pipeline.otlp_http import http_transport
    except ModuleNotFoundError as error:
        raise _no_requests() from error
    return http_transport(resolved.endpoint, headers=resolved.headers, compression=resolved.compression)


def encoder_is_official() -> bool:
    """Return whether ``OTEL_CTXLOG_ENCODER`` wants the official encoder.

    Raises:
        ValueError: its value is not allowed.
    """
    value = os.environ.get(ENCODER_VARIABLE, "").strip().lower()
    return bool(value) and choose(value, _ENCODERS, what=ENCODER_VARIABLE) == "official"


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
