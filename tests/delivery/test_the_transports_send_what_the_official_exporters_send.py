"""Over real sockets, requests are those of the official exporters; what `setup` chooses between works end to end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

import otel_ctxlog as cl
from otel_ctxlog.delivery.limits import Limits
from otel_ctxlog.delivery.processor import DeliveryProcessor
from otel_ctxlog.pipeline import credentials
from otel_ctxlog.pipeline.otlp import OtlpSettings, otlp_log_transport
from otel_ctxlog.receiver import Receiver
from tests.delivery.collectors import Scripted, transport_to

if TYPE_CHECKING:
    from tests.delivery.collectors import Deliver

# What the HTTP library adds by itself; without a session OpenTelemetry 1.45.0 uses another one than with.
OF_THE_CLIENT = frozenset({"accept", "accept-encoding", "connection"})


def test_requests_are_the_official_ones_to_the_byte(collector: Scripted) -> None:
    """Two records of one provider through both ways: bodies and headers are equal."""
    provider = LoggerProvider(shutdown_on_exit=False)
    http = "://" in collector.endpoint
    official: Any = (
        HttpLogExporter(endpoint=collector.endpoint)
        if http
        else GrpcLogExporter(endpoint=f"http://{collector.endpoint}")
    )
    provider.add_log_record_processor(DeliveryProcessor(transport_to(collector.endpoint)))
    provider.add_log_record_processor(BatchLogRecordProcessor(official))
    for name in ("one", "two"):
        provider.get_logger(name, "1.0", "https://example.com/1").emit(body=name, attributes={"k": [1, "a"]})
    provider.shutdown()

    assert collector.bodies[0] == collector.bodies[1]
    ours, theirs = (
        {name: value for name, value in headers.items() if name not in OF_THE_CLIENT} for headers in collector.headers
    )
    assert ours == theirs


class Text(str):
    """A kind of text that our encoder does not take."""

    __slots__ = ()


def test_a_record_that_only_the_official_encoder_takes_arrives(collector: Scripted, deliver: Deliver) -> None:
    """It goes out with all others, in its place."""
    delivered = deliver(collector)
    for body in ("plain", Text("subclass"), "plain too"):
        delivered.log(body)

    assert delivered.flush()
    assert collector.batches == [["plain", "subclass", "plain too"]]
    assert delivered.lost == {}


def test_both_encoders_make_the_same_bytes(http: Scripted, deliver: Deliver) -> None:
    """The official one is there for whoever suspects ours."""
    for official in (False, True):
        delivered = deliver(http, official_encoder=official)
        delivered.provider.get_logger("t", "1", "https://example.com/1", {"a": 1}).emit(
            timestamp=1, observed_timestamp=2, body={"a": [1, None]}, attributes={"k": 1.5}, event_name="placed"
        )
        assert delivered.flush()

    assert http.bodies[0] == http.bodies[1]


def test_threads_that_log_at_once_lose_nothing(collector: Scripted, deliver: Deliver) -> None:
    """Eight threads, each with its own records, which arrive once and in its order."""
    delivered = deliver(collector, limits=Limits(records=10_000, delay=0.01))

    def log(thread: int) -> None:
        for number in range(500):
            delivered.log(f"{thread} {number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(log, range(8)))
    assert delivered.flush()

    assert len(collector.taken) == len(set(collector.taken)) == 4000
    for thread in range(8):
        own = [body for body in collector.taken if body.startswith(f"{thread} ")]
        assert own == [f"{thread} {number}" for number in range(500)]


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("batch", [True, False])
@pytest.mark.parametrize("encoder", ["direct", "official"])
def test_a_program_sends_the_same_in_any_way(
    monkeypatch: pytest.MonkeyPatch, protocol: str, batch: bool, encoder: str
) -> None:
    """Through `setup` into the receiver: body, attributes, severity, event name and trace are there."""
    monkeypatch.setenv("OTEL_CTXLOG_ENCODER", encoder)
    with Receiver(http_port=0, grpc_port=0) as receiver:
        endpoint = receiver.grpc_endpoint if protocol == "grpc" else receiver.http_endpoint
        with cl.setup(
            service_name="shop",
            endpoint=endpoint,
            protocol=protocol,
            traces_exporter="none",
            set_global=False,
            batch=batch,
        ) as telemetry:
            tracer = telemetry.tracer_provider.get_tracer("test")
            with tracer.start_as_current_span("span", attributes={"http.route": "/cart"}) as span:
                telemetry.logging.logger(cl.Realm("shop/cart")).warn("low", left=3, data={"a": [1.5, None]})
                telemetry.eventer.event("orderPlaced", total=100)
            assert telemetry.flush()
        low, placed = receiver.wait_for(2)

    assert (low.body, low.severity_text, low.scope_name) == ("low", "WARN", "shop/cart")
    assert low.attributes["data"] == {"a": [1.5, None]}
    assert low.attributes["http.route"] == "/cart"
    assert low.trace_id == trace.format_trace_id(span.get_span_context().trace_id)
    assert (placed.event_name, placed.attributes["total"]) == ("orderPlaced", 100)
    assert low.service_name == "shop"


def test_a_mistyped_encoder_is_an_error_that_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with every variable, with the nearest match."""
    monkeypatch.setenv("OTEL_CTXLOG_ENCODER", "offical")

    with pytest.raises(ValueError, match=r"OTEL_CTXLOG_ENCODER is 'offical', .* did you mean 'official'"):
        cl.setup(exporter="otlp", set_global=False)


class Point:
    """An entry point of a distribution that provides credentials."""

    name = "vault"

    @staticmethod
    def load() -> Any:
        """What makes a session."""
        return Point.session

    @staticmethod
    def session() -> requests.Session:
        """A session with a token."""
        made = requests.Session()
        made.headers["x-token"] = "from the vault"
        return made


def points(**_selection: str) -> list[type[Point]]:
    """Those that are installed."""
    return [Point]


def test_a_session_that_a_credential_provider_gives_is_used(
    http: Scripted, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenTelemetry Python's variable for it counts for our transport, too."""
    monkeypatch.setenv("OTEL_PYTHON_EXPORTER_OTLP_HTTP_LOGS_CREDENTIAL_PROVIDER", "vault")
    monkeypatch.setattr(credentials, "entry_points", points)
    delivered = deliver(otlp_log_transport(OtlpSettings(endpoint=http.endpoint, protocol="http/protobuf")))
    delivered.log("one")

    assert delivered.flush()
    assert http.headers[0]["x-token"] == "from the vault"


@pytest.mark.parametrize(
    ("protocol", "variable", "value", "expected"),
    [
        ("http/protobuf", "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER", "valt", "did you mean 'vault'"),
        ("grpc", "OTEL_PYTHON_EXPORTER_OTLP_GRPC_CREDENTIAL_PROVIDER", "vault", "allowed: a ChannelCredentials"),
        ("grpc", "OTEL_PYTHON_EXPORTER_OTLP_GRPC_RETRYABLE_ERROR_CODES", "ABORTD", "did you mean 'ABORTED'"),
    ],
)
def test_what_a_variable_names_wrongly_is_an_error(
    monkeypatch: pytest.MonkeyPatch, protocol: str, variable: str, value: str, expected: str
) -> None:
    """Said by `setup`, with the variable."""
    monkeypatch.setenv(variable, value)
    monkeypatch.setattr(credentials, "entry_points", points)

    with pytest.raises((ValueError, TypeError)) as caught:
        otlp_log_transport(OtlpSettings(endpoint="https://127.0.0.1:1", protocol=protocol))

    assert expected in str(caught.value)
    assert variable in str(caught.value)
