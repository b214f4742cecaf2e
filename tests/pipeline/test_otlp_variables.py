"""Every `OTEL_EXPORTER_OTLP_*` variable reaches a real collector, over both protocols; explicit arguments win."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from otel_ctxlog.pipeline import setup
from otel_ctxlog.pipeline.otlp import OtlpSettings, otlp_log_transport

if TYPE_CHECKING:
    from tests.pipeline.conftest import Certificates, Collector

BOTH = pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])


def _send(body: str = "hello", *, endpoint: str | None = None, protocol: str | None = None) -> bool:
    with setup(traces_exporter="none", set_global=False, endpoint=endpoint, protocol=protocol) as telemetry:
        telemetry.logging.logger().info(body)
        return telemetry.flush(10)


@BOTH
@pytest.mark.parametrize("prefix", ["OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_LOGS_"])
def test_endpoint_and_protocol(
    collector: Collector, protocol: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The common variable and the one for logs both lead to the collector."""
    path = "/v1/logs" if "LOGS" in prefix and protocol != "grpc" else ""
    monkeypatch.setenv(f"{prefix}ENDPOINT", collector.endpoint + path)
    monkeypatch.setenv(f"{prefix}PROTOCOL", protocol)

    assert _send()
    assert [(call.path, call.bodies) for call in collector.calls] == [("/v1/logs", ["hello"])]


@BOTH
def test_empty_variables_count_as_unset(collector: Collector, protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable of the signal leaves the common one in force; empty ones of no consequence are no error."""
    for setting in ("ENDPOINT", "INSECURE", "HEADERS", "COMPRESSION", "CERTIFICATE", "PROTOCOL"):
        monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{setting}", "")
        monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_LOGS_{setting}", "")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)

    assert _send(protocol=protocol)
    assert [(call.path, call.bodies) for call in collector.calls] == [("/v1/logs", ["hello"])]


@pytest.mark.parametrize(("protocol", "port"), [("grpc", 4317), ("http/protobuf", 4318)])
@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"])
def test_an_empty_endpoint_is_the_default(
    variable: str, protocol: str, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nothing but empty variables records go to the addresses of the specification."""
    monkeypatch.setenv(variable, " ")
    transport = otlp_log_transport(OtlpSettings(protocol=protocol))

    expected = f"localhost:{port}" if protocol == "grpc" else f"http://localhost:{port}/v1/logs"
    assert expected in vars(transport).values()


@pytest.mark.parametrize("protocol", ["grpc"])
def test_a_target_without_scheme(collector: Collector, protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over gRPC `host:port` is taken where the variable says that there is no TLS."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint.removeprefix("http://"))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_INSECURE", "true")

    assert _send(protocol=protocol)
    assert [call.bodies for call in collector.calls] == [["hello"]]


@BOTH
def test_arguments_win(collector: Collector, protocol: str, nobody: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Endpoint, protocol and headers given as arguments beat the variables; other headers of the variables stay."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", nobody)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf" if protocol == "grpc" else "grpc")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=variable,x-other=kept")

    with setup(
        endpoint=collector.endpoint,
        protocol=protocol,
        headers={"X-Tenant": "argument"},
        traces_exporter="none",
        set_global=False,
    ) as telemetry:
        telemetry.logging.logger().info("hello")
        assert telemetry.flush(10)

    headers = collector.calls[0].headers
    assert (headers["x-tenant"], headers["x-other"]) == ("argument", "kept")


@BOTH
@pytest.mark.parametrize("prefix", ["OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_LOGS_"])
def test_headers(collector: Collector, protocol: str, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers of the variables are sent, percent-decoded."""
    monkeypatch.setenv(f"{prefix}HEADERS", "api-key=a%20secret")

    assert _send(endpoint=collector.endpoint, protocol=protocol)
    assert collector.calls[0].headers["api-key"] == "a secret"


@pytest.mark.parametrize(
    ("protocol", "value", "expected"),
    [
        ("http/protobuf", "gzip", "gzip"),
        ("http/protobuf", "deflate", "deflate"),
        ("http/protobuf", "none", None),
        ("grpc", "gzip", None),
        ("grpc", "none", None),
    ],
)
@pytest.mark.parametrize("prefix", ["OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_LOGS_"])
def test_compression(
    collector: Collector, value: str, expected: str | None, prefix: str, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every compression of the specification is taken, and arrives (gRPC hides its own from the server)."""
    monkeypatch.setenv(f"{prefix}COMPRESSION", value)

    assert _send("x" * 5000, endpoint=collector.endpoint, protocol=protocol)
    assert collector.calls[0].bodies == ["x" * 5000]
    assert collector.calls[0].headers.get("content-encoding") == expected


@BOTH
def test_timeout(nobody: str, protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable bounds how long an export is tried: with a short one it fails long before the default of 10 s."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")
    begin = time.monotonic()

    assert not _send(endpoint=nobody, protocol=protocol)
    assert time.monotonic() - begin < 8


@BOTH
@pytest.mark.parametrize("client_auth", [False, True])
@pytest.mark.parametrize("prefix", ["OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_LOGS_"])
def test_certificates(
    tls_collector: Collector,
    certificates: Certificates,
    client_auth: bool,
    prefix: str,
    protocol: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """TLS works with an authority of one's own, and with a client certificate where the collector asks for one."""
    monkeypatch.setenv(f"{prefix}CERTIFICATE", certificates.authority)
    if client_auth:
        monkeypatch.setenv(f"{prefix}CLIENT_CERTIFICATE", certificates.client)
        monkeypatch.setenv(f"{prefix}CLIENT_KEY", certificates.client_key)

    assert _send(endpoint=tls_collector.endpoint, protocol=protocol)
    assert tls_collector.calls[0].bodies == ["hello"]


@BOTH
@pytest.mark.parametrize("client_auth", [False])
def test_an_unknown_authority_is_refused(
    tls_collector: Collector, client_auth: bool, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its authority's certificate a collector is not trusted."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.5")

    assert not _send(endpoint=tls_collector.endpoint, protocol=protocol)
    assert tls_collector.calls == []


@pytest.mark.parametrize("protocol", ["http/protobuf"])
@pytest.mark.parametrize("ending", ["", "/", "/v1/logs", "/v1/traces/"])
def test_the_endpoint_argument_serves_both_signals(collector: Collector, ending: str, protocol: str) -> None:
    """Over HTTP each signal gets its own path, whichever form of the URL was given."""
    with setup(endpoint=collector.endpoint + ending, protocol=protocol, set_global=False) as telemetry:
        telemetry.logging.logger().info("hello")
        telemetry.tracer_provider.get_tracer("t").start_span("span").end()
        assert telemetry.flush(10)

    assert sorted((call.path, call.bodies) for call in collector.calls) == [
        ("/v1/logs", ["hello"]),
        ("/v1/traces", ["span"]),
    ]
