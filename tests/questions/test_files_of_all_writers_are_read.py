from __future__ import annotations

import json
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import LogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter

import otel_ctxlog as cl
from otel_ctxlog.receiver import Receiver
from tests.questions.asked import command
from tests.questions.lines import TRACE

FIELDS = {
    "tenant": "acme",
    "total": 2**62,
    "share": 0.5,
    "late": False,
    "goods": ["rope", 3, None],
    "at": {"x": {"y": 1}},
}

# In the form of the Collector's file exporter: ids in hexadecimal, empty ones as empty text, integers as text.
COLLECTOR = (
    '{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeLogs":'
    '[{"scope":{},"logRecords":[{"timeUnixNano":"1795176000000000000","observedTimeUnixNano":"1795176000000000000","severityNumber":9,'
    '"severityText":"INFO","body":{"stringValue":"text"},"attributes":[{"key":"eventType","value":{"stringValue":'
    '"orderPlaced"}},{"key":"tenant","value":{"stringValue":"acme"}},{"key":"total","value":{"intValue":'
    '"4611686018427387904"}},{"key":"share","value":{"doubleValue":0.5}},{"key":"late","value":{"boolValue":false}},'
    '{"key":"goods","value":{"arrayValue":{"values":[{"stringValue":"rope"},{"intValue":"3"},{}]}}},{"key":"at",'
    '"value":{"kvlistValue":{"values":[{"key":"x","value":{"kvlistValue":{"values":[{"key":"y","value":{"intValue":'
    '"1"}}]}}}]}}}],"flags":1,"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"},{"timeUnixNano":"1795176000000000000","body":{},'
    '"traceId":"","spanId":""}]}],"schemaUrl":"https://opentelemetry.io/schemas/1.6.1"}]}\n'
    '{"resourceMetrics":[{"resource":{},"scopeMetrics":[{"scope":{},"metrics":[{"name":"n","sum":{"dataPoints":[]}}]}]}]}\n'
    '{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},'
    '"scopeSpans":[{"scope":{"name":"web"},"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174",'
    '"parentSpanId":"","name":"POST /orders","kind":2,"startTimeUnixNano":"1795176000000000000",'
    '"endTimeUnixNano":"1795176000001500000","status":{}}]}]}]}\n'
)

# As protobuf's own JSON: ids in base64, enums by name, integers as numbers or text.
PROTOBUF = (
    '{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeLogs":'
    '[{"logRecords":[{"timeUnixNano":1795176000000000000,"severityNumber":"SEVERITY_NUMBER_INFO","eventName":"orderPlaced",'
    '"attributes":[{"key":"tenant","value":{"stringValue":"acme"}},{"key":"total","value":{"intValue":'
    '4611686018427387904}},{"key":"share","value":{"doubleValue":"0.5"}},{"key":"late","value":{"boolValue":false}},'
    '{"key":"goods","value":{"arrayValue":{"values":[{"stringValue":"rope"},{"intValue":3},{}]}}},{"key":"at","value":'
    '{"kvlistValue":{"values":[{"key":"x","value":{"kvlistValue":{"values":[{"key":"y","value":{"intValue":1}}]}}}]}}}],'
    '"traceId":"W47/95gDgQPSabYzgT/GDA==","spanId":"7uGbfsPBsXQ="}]}]}]}\n'
    '{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeSpans":'
    '[{"spans":[{"traceId":"W47/95gDgQPSabYzgT/GDA==","spanId":"7uGbfsPBsXQ=","name":"POST /orders","kind":'
    '"SPAN_KIND_SERVER","startTimeUnixNano":1795176000000000000,"endTimeUnixNano":"1795176000001500000","status":{"code":'
    '"STATUS_CODE_UNSET"}}]}]}]}\n'
)


def write_by_exporters(log_exporter: LogRecordExporter, span_exporter: SpanExporter) -> str:
    """Have an event and a span exported; the trace id."""
    resource = Resource({"service.name": "shop"})
    loggers, tracers = LoggerProvider(resource=resource), TracerProvider(resource=resource)
    loggers.add_log_record_processor(SimpleLogRecordProcessor(log_exporter))
    tracers.add_span_processor(SimpleSpanProcessor(span_exporter))
    with tracers.get_tracer("web").start_as_current_span("POST /orders", kind=trace.SpanKind.SERVER) as span:
        cl.LoggingContext(loggers).eventer().event("orderPlaced", **FIELDS)
    loggers.shutdown()
    tracers.shutdown()
    return f"{span.get_span_context().trace_id:032x}"


def check(*files: Path, trace_id: str) -> None:
    """The event and the span are found, and belong together."""
    listed = command(*files, "--format", "jsonl")
    (found,) = map(json.loads, listed.out.splitlines())

    assert (listed.code, listed.err) == (0, "")
    assert (found["service"], found["severity"], found["eventType"]) == ("shop", "INFO", "orderPlaced")
    assert found["trace_id"] == trace_id
    assert {name: found["attributes"][name] for name in FIELDS} == FIELDS

    joined = command(
        *files,
        "--format",
        "jsonl",
        "--sql",
        "SELECT total, s.name, s.kind, s.service, s.duration_ms > 0 AS took "
        "FROM events JOIN spans s USING (trace_id, span_id)",
    )

    assert json.loads(joined.out) == {
        "total": 2**62,
        "name": "POST /orders",
        "kind": "server",
        "service": "shop",
        "took": True,
    }


@pytest.mark.slow
def test_the_receiver_s_file(tmp_path: Path) -> None:
    """What `otel-ctxlog receive --keep` writes."""
    kept = tmp_path / "kept.jsonl"
    with Receiver(http_port=0, grpc_port=None, keep=kept) as receiver:
        trace_id = write_by_exporters(
            OTLPLogExporter(endpoint=f"{receiver.http_endpoint}/v1/logs"),
            OTLPSpanExporter(endpoint=f"{receiver.http_endpoint}/v1/traces"),
        )

    check(kept, trace_id=trace_id)


def test_the_file_exporter_s_files(tmp_path: Path) -> None:
    """What the exporter `file:PATH` writes, logs and spans in two files."""
    pytest.importorskip("opentelemetry.exporter.otlp.json.file", reason="needs the extra `file`")
    from opentelemetry.exporter.otlp.json.file import FileSpanExporter
    from opentelemetry.exporter.otlp.json.file._log_exporter import FileLogExporter

    logs, spans = tmp_path / "logs.jsonl", tmp_path / "spans.jsonl"
    trace_id = write_by_exporters(FileLogExporter(str(logs)), FileSpanExporter(str(spans)))

    check(logs, spans, trace_id=trace_id)


@pytest.mark.parametrize("text", [COLLECTOR, PROTOBUF], ids=["the Collector's file exporter", "protobuf's own JSON"])
def test_other_writers_files(text: str, tmp_path: Path) -> None:
    """Ids in hexadecimal or base64, enums by number or name, integers as text or numbers: the answer is the same."""
    file = tmp_path / "some.jsonl"
    file.write_text(text, encoding="utf-8")

    check(file, trace_id=TRACE)
