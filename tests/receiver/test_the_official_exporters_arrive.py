from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from grpc import Compression as GrpcCompression
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http import Compression as HttpCompression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import LogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from otel_ctxlog.receiver import ReceivedRecord, ReceivedSpan, Receiver, SpanEvent, SpanLink

if TYPE_CHECKING:
    from collections.abc import Callable

CONTEXT = SpanContext(
    0x11223344556677889900AABBCCDDEEFF,
    0x1122334455667788,
    is_remote=False,
    trace_flags=TraceFlags(TraceFlags.SAMPLED),
    trace_state=TraceState([("vendor", "x")]),
)
PROTOCOLS = ["grpc", "grpc gzip", "http", "http gzip"]


def log_exporter(receiver: Receiver, protocol: str) -> LogRecordExporter:
    """An official exporter of log records."""
    exporters: dict[str, Callable[[], LogRecordExporter]] = {
        "grpc": lambda: GrpcLogExporter(endpoint=receiver.grpc_endpoint),
        "grpc gzip": lambda: GrpcLogExporter(endpoint=receiver.grpc_endpoint, compression=GrpcCompression.Gzip),
        "http": lambda: HttpLogExporter(endpoint=f"{receiver.http_endpoint}/v1/logs"),
        "http gzip": lambda: HttpLogExporter(
            endpoint=f"{receiver.http_endpoint}/v1/logs", compression=HttpCompression.Gzip
        ),
    }
    return exporters[protocol]()


def span_exporter(receiver: Receiver, protocol: str) -> SpanExporter:
    """An official exporter of spans."""
    exporters: dict[str, Callable[[], SpanExporter]] = {
        "grpc": lambda: GrpcSpanExporter(endpoint=receiver.grpc_endpoint),
        "grpc gzip": lambda: GrpcSpanExporter(endpoint=receiver.grpc_endpoint, compression=GrpcCompression.Gzip),
        "http": lambda: HttpSpanExporter(endpoint=f"{receiver.http_endpoint}/v1/traces"),
        "http gzip": lambda: HttpSpanExporter(
            endpoint=f"{receiver.http_endpoint}/v1/traces", compression=HttpCompression.Gzip
        ),
    }
    return exporters[protocol]()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_log_record_arrives_whole(receiver: Receiver, protocol: str) -> None:
    """Every field of a log record arrives as it was sent, by each protocol."""
    provider = LoggerProvider(resource=Resource({"service.name": "shop", "n": 5}))
    provider.add_log_record_processor(SimpleLogRecordProcessor(log_exporter(receiver, protocol)))
    provider.get_logger("shop.cart", "1.2", "https://example.org/schema", {"team": "blue"}).emit(
        timestamp=1_700_000_000_123_456_789,
        observed_timestamp=1_700_000_000_223_456_789,
        context=set_span_in_context(NonRecordingSpan(CONTEXT)),
        severity_number=SeverityNumber.WARN2,
        severity_text="WARN",
        body={"text": "grüße", "list": [1, 2.5, True, b"\x00\xff", None]},
        event_name="cart.full",
        attributes={
            "text": "naïve ☃",
            "empty": "",
            "int": -5,
            "big": 2**63 - 1,
            "float": 1.5,
            "bool": False,
            "bytes": b"\x00\xff",
            "none": None,
            "list": ["a", 1, [2]],
            "map": {"a": [1, {"b": b"xx"}], "empty": {}},
        },
    )
    provider.shutdown()

    assert receiver.wait_for(1) == [
        ReceivedRecord(
            time_unix_nano=1_700_000_000_123_456_789,
            observed_time_unix_nano=1_700_000_000_223_456_789,
            severity_number=14,
            severity_text="WARN",
            body={"text": "grüße", "list": [1, 2.5, True, b"\x00\xff", None]},
            event_name="cart.full",
            attributes={
                "text": "naïve ☃",
                "empty": "",
                "int": -5,
                "big": 2**63 - 1,
                "float": 1.5,
                "bool": False,
                "bytes": b"\x00\xff",
                "none": None,
                "list": ["a", 1, [2]],
                "map": {"a": [1, {"b": b"xx"}], "empty": {}},
            },
            flags=1,
            trace_id="11223344556677889900aabbccddeeff",
            span_id="1122334455667788",
            scope_name="shop.cart",
            scope_version="1.2",
            scope_attributes={"team": "blue"},
            resource_attributes={"service.name": "shop", "n": 5},
        )
    ]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_span_arrives_whole(receiver: Receiver, protocol: str) -> None:
    """Every field of a span arrives as it was sent, by each protocol."""
    provider = TracerProvider(resource=Resource({"service.name": "shop"}))
    provider.add_span_processor(SimpleSpanProcessor(span_exporter(receiver, protocol)))
    span = provider.get_tracer("shop.web", "1.2").start_span(
        "GET /cart",
        context=set_span_in_context(NonRecordingSpan(CONTEXT)),
        kind=SpanKind.SERVER,
        attributes={"http.route": "/cart"},
        links=[Link(CONTEXT, {"why": "batch"})],
        start_time=1_700_000_000_000_000_000,
    )
    span.add_event("retry", {"n": 1}, timestamp=1_700_000_000_000_000_001)
    span.set_status(Status(StatusCode.ERROR, "no stock"))
    span.end(1_700_000_000_012_000_000)
    provider.shutdown()
    receiver.wait_until(lambda running: bool(running.spans))
    [received] = receiver.spans

    assert received == ReceivedSpan(
        name="GET /cart",
        kind=2,
        trace_id="11223344556677889900aabbccddeeff",
        span_id=f"{span.get_span_context().span_id:016x}",
        parent_span_id="1122334455667788",
        trace_state="vendor=x",
        flags=received.flags,
        start_time_unix_nano=1_700_000_000_000_000_000,
        end_time_unix_nano=1_700_000_000_012_000_000,
        attributes={"http.route": "/cart"},
        events=(SpanEvent(time_unix_nano=1_700_000_000_000_000_001, name="retry", attributes={"n": 1}),),
        links=(
            SpanLink(
                trace_id="11223344556677889900aabbccddeeff",
                span_id="1122334455667788",
                trace_state=received.links[0].trace_state,
                attributes={"why": "batch"},
                flags=received.links[0].flags,
            ),
        ),
        status_code=2,
        status_message="no stock",
        scope_name="shop.web",
        scope_version="1.2",
        resource_attributes={"service.name": "shop"},
    )
    assert received.duration_nano == 12_000_000


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_metrics_are_accepted_and_thrown_away(
    receiver: Receiver, protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An SDK that sends metrics, too, has nothing to complain about."""
    reader = PeriodicExportingMetricReader(
        GrpcMetricExporter(endpoint=receiver.grpc_endpoint)
        if protocol == "grpc"
        else HttpMetricExporter(endpoint=f"{receiver.http_endpoint}/v1/metrics")
    )
    provider = MeterProvider(metric_readers=[reader])
    provider.get_meter("shop").create_counter("orders").add(1)

    assert provider.force_flush()

    provider.shutdown()

    assert caplog.records == []
    assert receiver.received_records == 0


def test_received_values_have_a_repr_that_evaluates(receiver: Receiver) -> None:
    """The repr of a received record is an expression for an equal one."""
    provider = LoggerProvider()
    provider.add_log_record_processor(SimpleLogRecordProcessor(log_exporter(receiver, "http")))
    provider.get_logger("x").emit(body="hello", attributes={"m": {"b": b"\x00"}})
    provider.shutdown()
    [record] = receiver.wait_for(1)

    assert eval(repr(record)) == record
