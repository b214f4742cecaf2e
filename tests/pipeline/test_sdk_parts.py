"""What we rely on in OpenTelemetry beyond its documented API; a new version that changes it fails here first."""

from __future__ import annotations

import inspect
import logging
import threading

import pytest
from opentelemetry import trace
from opentelemetry._logs import Logger, LoggerProvider, get_logger_provider
from opentelemetry._logs._internal import ProxyLoggerProvider
from opentelemetry.sdk._logs import LoggerProvider as SdkLoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, InMemoryLogRecordExporter
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from otel_ctxlog.delivery.hearing import logger_names
from otel_ctxlog.pipeline.otlp import OtlpSettings, otlp_span_exporter
from otel_ctxlog.pipeline.processors import PROCESSOR_LOGGERS


def test_an_unset_global_provider_is_the_proxy() -> None:
    """`global_state` takes the proxies as a sign that nobody has set a provider; no test of this suite sets one."""
    assert isinstance(get_logger_provider(), ProxyLoggerProvider)
    assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    assert issubclass(ProxyLoggerProvider, LoggerProvider)


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ("grpc", {"opentelemetry.exporter.otlp.proto.grpc.exporter"}),
        (
            "http/protobuf",
            {"opentelemetry.exporter.otlp.proto.http.trace_exporter"},
        ),
    ],
)
def test_the_exporters_log_where_we_listen(protocol: str, expected: set[str]) -> None:
    """The modules of an exporter's class are the names of the loggers it complains through."""
    settings = OtlpSettings(endpoint="http://127.0.0.1:1", protocol=protocol)
    spans = otlp_span_exporter(settings)
    found = logger_names(spans)
    spans.shutdown()

    assert found >= expected
    assert {
        name for name in expected if not isinstance(logging.root.manager.loggerDict.get(name), logging.Logger)
    } == set()


def test_the_queue_warns_where_we_listen(caplog: pytest.LogCaptureFixture) -> None:
    """A full queue is warned about by the logger that we keep quiet while a destination is down."""
    provider = SdkLoggerProvider(shutdown_on_exit=False)
    exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    exporter.export = lambda batch: gate.wait(5)  # type: ignore[assignment,method-assign,return-value]
    gate = threading.Event()
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter, max_queue_size=2, max_export_batch_size=1))
    logger = provider.get_logger("test")

    for number in range(10):
        logger.emit(body=str(number))
    gate.set()
    provider.shutdown()

    assert {record.name for record in caplog.records} == set(PROCESSOR_LOGGERS)


def test_the_processors_hand_over_by_these_methods() -> None:
    """Our subclass overrides `on_end`, and passes the size of a batch."""
    assert list(inspect.signature(BatchSpanProcessor.on_end).parameters) == ["self", "span"]
    assert "max_export_batch_size" in inspect.signature(BatchSpanProcessor).parameters


def test_the_oldest_supported_version_has_what_we_need() -> None:
    """The lower bound in `pyproject.toml` is the first version with these."""
    assert {"event_name", "exception"} <= set(inspect.signature(Logger.emit).parameters)
    assert {"context", "severity_number", "event_name"} <= set(inspect.signature(Logger.enabled).parameters)
