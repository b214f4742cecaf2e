"""A collector that is not there costs one diagnostic: no exception, no slow call, no flood."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

import pytest
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult, SimpleLogRecordProcessor

from otel_ctxlog.pipeline import setup
from otel_ctxlog.receiver import Receiver

BOTH = pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])


def _said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """What was logged at info or above: logger and level."""
    return [(record.name, record.levelname) for record in caplog.records if record.levelno >= logging.INFO]


@BOTH
def test_one_diagnostic_for_both_signals(nobody: str, protocol: str, caplog: pytest.LogCaptureFixture) -> None:
    """However much is logged, however often it fails: there is one line, which names the collector and the cause.

    What was lost by the end is said at info.
    """
    caplog.set_level(logging.DEBUG)
    slowest = 0.0

    with setup(endpoint=nobody, protocol=protocol, set_global=False) as telemetry:
        logger = telemetry.logging.logger()
        tracer = telemetry.tracer_provider.get_tracer("t")
        for number in range(200):
            begin = time.perf_counter()
            logger.info("hello", number=number)
            tracer.start_span("span").end()
            slowest = max(slowest, time.perf_counter() - begin)
        assert not telemetry.flush(0.5)
        # The queue overflows: by then it was said that nothing gets through.
        for _ in range(3000):
            logger.info("again")

    assert _said(caplog) == [("otel_ctxlog", "ERROR"), ("otel_ctxlog", "INFO")]
    text, last = [record.getMessage() for record in caplog.records if record.name == "otel_ctxlog"]
    assert re.search(r" that were lost by the end, 3200: 3200 INFO \(overflow: \d+, shutdown: \d+\)$", last)
    assert f"{nobody} (OTLP over {protocol}): " in text
    assert "refused" in text.lower()
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in text
    assert slowest < 2


@BOTH
def test_the_deadlines_hold(nobody: str, protocol: str) -> None:
    """`flush` and `shutdown` end at their timeout, and the threads with them."""
    telemetry = setup(endpoint=nobody, protocol=protocol, set_global=False)
    telemetry.logging.logger().info("hello")

    begin = time.monotonic()
    assert not telemetry.flush(0.2)
    assert not telemetry.flush(0)
    assert not telemetry.flush(0.2)
    flushed = time.monotonic()
    names = [thread.name for thread in threading.enumerate()]
    assert not telemetry.shutdown(0.5)
    ended = time.monotonic()

    assert flushed - begin < 0.8
    assert ended - flushed < 0.9
    # Impatience does not pile up threads.
    assert names.count("otel_ctxlog flush logs") == 1


@BOTH
def test_recovery_is_said_once(
    protocol: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A collector that comes back is said at info, once; while it was there, a restart that loses nothing is silent."""
    caplog.set_level(logging.INFO)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.5")
    grpc = protocol == "grpc"
    receiver = Receiver(http_port=None if grpc else 0, grpc_port=0 if grpc else None)
    receiver.start()
    endpoint = receiver.grpc_endpoint if grpc else receiver.http_endpoint
    port = urlsplit(endpoint).port or 0
    try:
        with setup(endpoint=endpoint, protocol=protocol, traces_exporter="none", set_global=False) as telemetry:
            logger = telemetry.logging.logger()
            logger.info("one")
            assert telemetry.flush(5)
            receiver.stop()
            for body in ("lost", "lost too"):
                logger.info(body)
                assert not telemetry.flush(5)
            receiver = Receiver(http_port=None if grpc else port, grpc_port=port if grpc else None)
            receiver.start()
            for _ in range(20):
                logger.info("back")
                if telemetry.flush(5):
                    break
            for _ in range(3):
                logger.info("on and on")
                assert telemetry.flush(5)
    finally:
        receiver.stop()

    assert _said(caplog) == [("otel_ctxlog", "ERROR"), ("otel_ctxlog", "INFO")]
    assert "takes logs again; lost meanwhile: " in caplog.records[-1].getMessage()


def test_exporters_of_others_go_on_speaking(
    nobody: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept from the log is what our own exporters say: somebody else's of the same kind still reports."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.1")
    # The SDK hides what it said within the same 20 seconds, in another test.
    monkeypatch.setattr(
        logging.getLogger("opentelemetry.exporter.otlp.proto.grpc.exporter").filters[0], "last_log", 0, raising=False
    )
    theirs = LoggerProvider(shutdown_on_exit=False)
    theirs.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(endpoint=nobody)))

    with setup(endpoint=nobody, traces_exporter="none", set_global=False) as telemetry:
        telemetry.logging.logger().info("ours")
        telemetry.flush(3)
        theirs.get_logger("theirs").emit(body="theirs")
    theirs.shutdown()

    assert _said(caplog) == [("otel_ctxlog", "ERROR"), ("opentelemetry.exporter.otlp.proto.grpc.exporter", "ERROR")]


def test_the_filters_are_gone_afterwards(nobody: str) -> None:
    """After `shutdown` the SDK's loggers are as they were."""
    names = [name for name in logging.root.manager.loggerDict if name.startswith("opentelemetry.")]
    before = {name: list(logging.getLogger(name).filters) for name in names}

    for protocol in ("grpc", "http/protobuf"):
        with setup(endpoint=nobody, protocol=protocol, set_global=False):
            during = [name for name in names if logging.getLogger(name).filters != before[name]]
            assert during != []

    assert {name: list(logging.getLogger(name).filters) for name in names} == before


class Broken(LogRecordExporter):
    """Raises at every call."""

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        raise RuntimeError("no way")

    def shutdown(self) -> None:
        raise RuntimeError("no end")

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        raise RuntimeError("no flush")


@pytest.mark.parametrize("batch", [True, False])
def test_an_own_exporter_that_raises(batch: bool, caplog: pytest.LogCaptureFixture) -> None:
    """An exporter that raises everywhere costs one diagnostic for its exports and one for its end."""
    with setup(exporter=Broken(), batch=batch, set_global=False) as telemetry:
        for _ in range(3):
            telemetry.logging.logger().info("hello")
            assert telemetry.flush(1) is not batch

    assert [record.getMessage() for record in caplog.records] == [
        (
            "cannot deliver logs to exporter Broken: RuntimeError: no way."
            " The program goes on; what cannot be kept is dropped. This is said once, until it works again."
        ),
        "shutting down the exporter to exporter Broken failed",
    ]
