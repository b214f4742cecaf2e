from __future__ import annotations

import dataclasses
import importlib.util
import os
import socket
import subprocess
import sysconfig
import time
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from opentelemetry import baggage, context
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import LogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

import otel_ctxlog as cl
from otel_ctxlog.receiver import ReceivedRecord, Receiver

if TYPE_CHECKING:
    from collections.abc import Generator

    from opentelemetry.util.types import AnyValue

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("rotel") is None, reason="needs the collector: pip install rotel"),
]

START_SECONDS = 20.0
TIME = 1_700_000_000_123_456_789
OBSERVED = 1_700_000_000_223_456_789
RESOURCE: dict[str, AnyValue] = {"service.name": "shop-front", "host.cpus": 4, "zones": ["a", "b"]}
ATTRIBUTES: dict[str, AnyValue] = {
    "realm": "shop/cart",
    "unicode": "naïve ☃ 日本 👩‍🚀",
    "empty": "",
    "controls": "a\n\t\x00\x1b",
    "int": -5,
    "zero": 0,
    "biggest": 2**63 - 1,
    "smallest": -(2**63),
    "float": 0.1,
    "whole float": 3600.0,
    "infinite": float("inf"),
    "true": True,
    "false": False,
    "bytes": b"\x00\xff\x80",
    "nothing": None,
    "list": ["a", 1, 2.5, False, None, [b"x", []]],
    "map": {"a": [1, {"b": {"c": "d"}}], "empty": {}},
}
CONTEXT = SpanContext(
    0x11223344556677889900AABBCCDDEEFF, 0x1122334455667788, is_remote=False, trace_flags=TraceFlags(0x01)
)

SAME = ReceivedRecord(
    time_unix_nano=TIME,
    observed_time_unix_nano=OBSERVED,
    scope_name="shop.cart",
    scope_version="1.2.3",
    scope_attributes={"team": "blue"},
    resource_attributes=RESOURCE,
)
EXPECTED = [
    dataclasses.replace(
        SAME,
        severity_number=9,
        severity_text="INFO",
        body="added to cart: grüße ☃",
        attributes=ATTRIBUTES,
        flags=1,
        trace_id="11223344556677889900aabbccddeeff",
        span_id="1122334455667788",
    ),
    dataclasses.replace(
        SAME,
        severity_number=17,
        severity_text="ERROR",
        body='{"addr":"192.168.1.1","duration":3600.0,"eventType":"machineStopped"}',
        event_name="machineStopped",
        attributes={"eventType": "machineStopped", "addr": "192.168.1.1", "duration": 3600.0},
    ),
    dataclasses.replace(SAME, severity_number=24, body={"nested": [1, {"deep": b"\x00"}]}),
    dataclasses.replace(SAME, severity_number=1, severity_text="TRACE"),
]


def emit(exporter: LogRecordExporter) -> None:
    """Send the records of `EXPECTED`, one request each, in this order."""
    provider = LoggerProvider(resource=Resource(RESOURCE))
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    logger = provider.get_logger("shop.cart", "1.2.3", "https://example.org/schema", {"team": "blue"})
    logger.emit(
        timestamp=TIME,
        observed_timestamp=OBSERVED,
        context=set_span_in_context(NonRecordingSpan(CONTEXT)),
        severity_number=SeverityNumber.INFO,
        severity_text="INFO",
        body="added to cart: grüße ☃",
        attributes=ATTRIBUTES,
    )
    logger.emit(
        timestamp=TIME,
        observed_timestamp=OBSERVED,
        severity_number=SeverityNumber.ERROR,
        severity_text="ERROR",
        body='{"addr":"192.168.1.1","duration":3600.0,"eventType":"machineStopped"}',
        event_name="machineStopped",
        attributes={"eventType": "machineStopped", "addr": "192.168.1.1", "duration": 3600.0},
    )
    logger.emit(
        timestamp=TIME,
        observed_timestamp=OBSERVED,
        severity_number=SeverityNumber.FATAL4,
        body={"nested": [1, {"deep": b"\x00"}]},
    )
    logger.emit(
        timestamp=TIME, observed_timestamp=OBSERVED, severity_number=SeverityNumber.TRACE, severity_text="TRACE"
    )
    provider.shutdown()


def log_exporter(protocol: str, grpc_endpoint: str, http_endpoint: str) -> LogRecordExporter:
    """An official exporter of log records."""
    if protocol == "grpc":
        return GrpcLogExporter(endpoint=grpc_endpoint)
    return HttpLogExporter(endpoint=f"{http_endpoint}/v1/logs")


def span_exporter(protocol: str, grpc_endpoint: str, http_endpoint: str) -> SpanExporter:
    """An official exporter of spans."""
    if protocol == "grpc":
        return GrpcSpanExporter(endpoint=grpc_endpoint)
    return HttpSpanExporter(endpoint=f"{http_endpoint}/v1/traces")


def types(value: object) -> object:
    """The types in a record, nested as its values are: `==` alone confuses 1, 1.0 and True."""
    if isinstance(value, ReceivedRecord):
        return {field.name: types(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: types(element) for key, element in cast("dict[str, object]", value).items()}
    if isinstance(value, list):
        return [types(element) for element in cast("list[object]", value)]
    return type(value)


@dataclasses.dataclass(frozen=True, slots=True)
class Collector:
    """Where a running collector listens."""

    grpc_endpoint: str
    http_endpoint: str


@contextmanager
def collector(
    folder: Path, *, forward_protocol: str, forward_endpoint: str, ports: tuple[int, int] | None = None
) -> Generator[Collector]:
    """A collector process that forwards all it gets by one protocol, until the end of the block."""
    spec = importlib.util.find_spec("rotel")
    assert spec is not None
    assert spec.origin is not None
    grpc_port, http_port = free_ports() if ports is None else ports
    with (folder / "collector.out").open("wb") as output:
        process = subprocess.Popen(
            [
                str(Path(spec.origin).parent / "rotel-agent"),
                "start",
                f"--otlp-grpc-endpoint=127.0.0.1:{grpc_port}",
                f"--otlp-http-endpoint=127.0.0.1:{http_port}",
                "--exporter=otlp",
                f"--otlp-exporter-protocol={forward_protocol}",
                f"--otlp-exporter-endpoint={forward_endpoint}",
                "--batch-timeout=50ms",
                f"--pid-file={folder / 'collector.pid'}",
                f"--log-file={folder / 'collector.log'}",
            ],
            env=with_libpython(),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            for port in (grpc_port, http_port):
                wait_for_port(port, process, folder / "collector.out")
            yield Collector(f"http://127.0.0.1:{grpc_port}", f"http://127.0.0.1:{http_port}")
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def with_libpython() -> dict[str, str]:
    """This process's environment, with the folder of this interpreter's library: the collector is linked to it."""
    folders = [str(sysconfig.get_config_var("LIBDIR") or ""), os.environ.get("LD_LIBRARY_PATH", "")]
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(filter(None, folders))}


def free_ports() -> tuple[int, int]:
    """Two ports that were free a moment ago; the collector cannot be asked to choose and tell."""
    with closing(socket.create_server(("127.0.0.1", 0))) as one, closing(socket.create_server(("127.0.0.1", 0))) as two:
        return one.getsockname()[1], two.getsockname()[1]


def wait_for_port(port: int, process: subprocess.Popen[bytes], output: Path) -> None:
    """Return when the port answers; fail, with what the process said, if it does not."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                said = output.read_text("utf-8", "replace")
                if "error while loading shared libraries: libpython" in said:
                    pytest.skip(f"the collector needs an interpreter with a shared library: {said}")
                pytest.fail(f"the collector does not listen on {port}, exit code {process.returncode}: {said}")
            time.sleep(0.02)


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_records_arrive_in_the_receiver(protocol: str) -> None:
    """The records arrive in the receiver, by gRPC and by HTTP, exactly as they were emitted."""
    with Receiver(http_port=0, grpc_port=0) as receiver:
        emit(log_exporter(protocol, receiver.grpc_endpoint, receiver.http_endpoint))

        arrived = receiver.wait_for(len(EXPECTED))

    assert arrived == EXPECTED
    assert list(map(types, arrived)) == list(map(types, EXPECTED))


@pytest.mark.parametrize("forward_protocol", ["grpc", "http"])
@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_records_arrive_through_a_collector(protocol: str, forward_protocol: str, tmp_path: Path) -> None:
    """The same records arrive through a collector that is not ours, whichever protocols lead in and out, unchanged."""
    with Receiver(http_port=0, grpc_port=0) as receiver:
        forward_endpoint = receiver.grpc_endpoint if forward_protocol == "grpc" else receiver.http_endpoint
        with collector(tmp_path, forward_protocol=forward_protocol, forward_endpoint=forward_endpoint) as between:
            emit(log_exporter(protocol, between.grpc_endpoint, between.http_endpoint))
            arrived = receiver.wait_for(len(EXPECTED), 30)

    # Nothing makes a collector keep the order of requests that it merges into batches.
    arrived.sort(key=lambda record: record.severity_number)
    expected = sorted(EXPECTED, key=lambda record: record.severity_number)

    assert arrived == expected
    assert list(map(types, arrived)) == list(map(types, expected))


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_spans_arrive_through_a_collector(protocol: str, tmp_path: Path) -> None:
    """A span that went through the collector equals the one that was sent to the receiver directly."""
    with Receiver(http_port=0, grpc_port=0) as receiver:
        with collector(tmp_path, forward_protocol="grpc", forward_endpoint=receiver.grpc_endpoint) as between:
            provider = TracerProvider(resource=Resource(RESOURCE))
            for exporter in (
                span_exporter(protocol, receiver.grpc_endpoint, receiver.http_endpoint),
                span_exporter(protocol, between.grpc_endpoint, between.http_endpoint),
            ):
                provider.add_span_processor(SimpleSpanProcessor(exporter))
            span = provider.get_tracer("shop.web", "1").start_span(
                "GET /cart",
                context=set_span_in_context(NonRecordingSpan(CONTEXT)),
                kind=SpanKind.SERVER,
                attributes={"http.route": "/cart", "tags": ["a", "b"]},
            )
            span.add_event("retry", {"n": 1})
            span.add_link(CONTEXT, {"why": "batch"})
            span.set_status(Status(StatusCode.ERROR, "no stock"))
            span.end()
            provider.shutdown()
            receiver.wait_until(lambda running: len(running.spans) == 2, 30)
        direct, forwarded = receiver.spans

    assert forwarded == direct
    assert direct.name == "GET /cart"
    assert direct.parent_span_id == "1122334455667788"
    assert (len(direct.events), len(direct.links)) == (1, 1)


def log_through_the_library(exporters: list[LogRecordExporter]) -> None:
    """Log and record what a service would, into one provider with all these exporters."""
    provider = LoggerProvider(resource=Resource(RESOURCE))
    for exporter in exporters:
        provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    logging_context = cl.LoggingContext(provider)
    logging_context.add_rule(cl.ConditionRule(cl.DEBUG, cl.BaggageEntry("tenant", "acme")))
    tenant = baggage.set_baggage("tenant", "acme", set_span_in_context(NonRecordingSpan(CONTEXT)))
    token = context.attach(tenant)
    try:
        log = logging_context.logger(cl.Realm("shop/cart"))
        log.debug("added to cart: grüße ☃", basket={"items": [1, 2.5, {"deep": None}], "open": True}, raw=b"\x00\xff")
        log.with_name("payment").log_error(ValueError("card declined"), "payment failed", attempt=3)
        log.critical("out of stock", code="\udc80")
        logging_context.eventer(cl.Realm("shop/cart")).event("machineStopped", addr="192.168.1.1", duration=3600.0)
    finally:
        context.detach(token)
    provider.shutdown()


def by_time(receiver: Receiver) -> list[ReceivedRecord]:
    """The four records of `log_through_the_library` in the order of the calls."""
    return sorted(receiver.wait_for(4, 30), key=lambda record: record.time_unix_nano)


def test_the_library_s_records_arrive_alike_on_every_way(tmp_path: Path) -> None:
    """The same records and events arrive identically over gRPC, over HTTP, and through a foreign collector."""
    with Receiver(http_port=0, grpc_port=0) as grpc, Receiver(http_port=0, grpc_port=0) as http:
        with (
            Receiver(http_port=0, grpc_port=0) as behind,
            collector(tmp_path, forward_protocol="http", forward_endpoint=behind.http_endpoint) as between,
        ):
            log_through_the_library(
                [
                    log_exporter("grpc", grpc.grpc_endpoint, grpc.http_endpoint),
                    log_exporter("http", http.grpc_endpoint, http.http_endpoint),
                    log_exporter("grpc", between.grpc_endpoint, between.http_endpoint),
                ]
            )
            forwarded = by_time(behind)
        over_grpc, over_http = by_time(grpc), by_time(http)

    assert over_http == over_grpc
    assert forwarded == over_grpc
    assert list(map(types, forwarded)) == list(map(types, over_grpc))
    added, failed, critical, stopped = over_grpc
    assert (added.body, added.severity_number, added.severity_text) == ("added to cart: grüße ☃", 5, "DEBUG")
    assert added.attributes == {
        "tenant": "acme",
        "realm": "shop/cart",
        "basket": {"items": [1, 2.5, {"deep": None}], "open": True},
        "raw": b"\x00\xff",
    }
    assert (added.trace_id, added.span_id, added.flags) == ("11223344556677889900aabbccddeeff", "1122334455667788", 1)
    assert (added.scope_name, failed.scope_name, stopped.scope_name) == ("shop/cart", "payment", "shop/cart")
    assert added.resource_attributes == RESOURCE
    assert (failed.severity_text, failed.attributes["exception.message"]) == ("ERROR", "card declined")
    assert (critical.severity_number, critical.attributes["code"]) == (21, "\\udc80")
    assert (stopped.event_name, stopped.attributes["eventType"]) == ("machineStopped", "machineStopped")
    assert stopped.body == '{"addr":"192.168.1.1","duration":3600.0,"eventType":"machineStopped"}'


@pytest.mark.timeout(240)
def test_outages_of_a_minute_in_all_lose_no_event(tmp_path: Path) -> None:
    """The collector is gone three times, for twenty seconds each: all events arrive once, in order; no call waits."""
    ports = free_ports()
    took: list[float] = []
    idle: list[float] = []
    with Receiver(http_port=None, grpc_port=0) as receiver:
        telemetry = cl.setup(
            service_name="plant",
            spool=tmp_path / "spool",
            endpoint=f"http://127.0.0.1:{ports[0]}",
            traces_exporter="none",
            set_global=False,
        )

        def record(seconds: float) -> None:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                began = time.perf_counter()
                telemetry.eventer.event("tick", number=len(took))
                took.append(time.perf_counter() - began)
                # As much work without us: what it waits for, any call on this machine waits for.
                began = time.perf_counter()
                sum(range(3_000))
                idle.append(time.perf_counter() - began)
                time.sleep(0.005)

        def running() -> AbstractContextManager[Collector]:
            return collector(tmp_path, forward_protocol="grpc", forward_endpoint=receiver.grpc_endpoint, ports=ports)

        for _ in range(3):
            with running():
                record(1)
                assert telemetry.flush(60)
                # What the collector has accepted is its own to lose.
                time.sleep(1)
            record(20)
        with running():
            assert telemetry.flush(60)
            deadline = time.monotonic() + 20
            while len(receiver.records) < len(took) and time.monotonic() < deadline:
                time.sleep(0.05)
            telemetry.shutdown()

        assert [found.attributes["number"] for found in receiver.records] == list(range(len(took)))
    most = int(len(took) * 0.999)
    assert sorted(took)[most] < 0.005 + sorted(idle)[most]
