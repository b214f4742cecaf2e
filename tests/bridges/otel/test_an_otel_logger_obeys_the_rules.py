"""`ctx.otel_logger()`: OpenTelemetry's `Logger` for code that speaks that API, gated, with nothing of a record lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry._logs import Logger, LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.sdk._logs import LoggerProvider, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider

import otel_ctxlog as cl

from .conftest import current, of_tenant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context

    from .conftest import Gated

DEBUG = SeverityNumber.DEBUG


@pytest.fixture
def plain(ungated: Gated) -> Gated:
    """Return a provider without a gate."""
    ungated.provider.add_log_record_processor(SimpleLogRecordProcessor(ungated.exporter))
    return ungated


class Sink:
    """A `LogSink` that keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def enabled(self, level: int) -> bool:
        """Want all but the finest."""
        return level < 7

    def emit(self, **record: Any) -> None:
        """Keep it."""
        self.records.append(record)


def given(context: Context) -> dict[str, Any]:
    """All that a record can have."""
    return {
        "timestamp": 1,
        "observed_timestamp": 2,
        "context": context,
        "severity_number": SeverityNumber.INFO3,
        "severity_text": "NOTICE",
        "body": {"text": ["b", 1, None]},
        "attributes": {"a": 1, "tenant": "explicit"},
        "event_name": "ordered",
        "exception": ValueError("broken"),
    }


def test_it_is_a_logger_of_the_api(plain: Gated) -> None:
    """Code that asks for the type gets it."""
    assert isinstance(plain.ctx.otel_logger(), Logger)


@pytest.mark.parametrize("form", ["parts", "record", "envelope"])
def test_everything_given_arrives_as_given(plain: Gated, form: str) -> None:
    """Times, severity and its text, body, event name, exception and context come through, however they are given."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    span = tracer.start_span("s")
    made = trace.set_span_in_context(span, of_tenant("acme"))
    parts = given(made)
    logger = plain.ctx.otel_logger(cl.Realm("shop"), cl.Name("api")).with_name("v1").with_values({"v": 1}, w=2)

    if form == "parts":
        logger.emit(**parts)
    elif form == "record":
        logger.emit(LogRecord(**parts))
    else:
        logger.emit(ReadWriteLogRecord(LogRecord(**parts)))  # type: ignore[arg-type] # as the SDK's own `emit` takes it

    record = plain.records()[0]
    log, scope = record.log_record, record.instrumentation_scope
    assert scope is not None
    assert scope.name == "api.v1"
    assert (log.timestamp, log.observed_timestamp, log.event_name) == (1, 2, "ordered")
    assert (log.severity_number, log.severity_text) == (SeverityNumber.INFO3, "NOTICE")
    assert log.body == {"text": ["b", 1, None]}
    assert (log.trace_id, log.span_id) == (span.get_span_context().trace_id, span.get_span_context().span_id)
    attributes = dict(log.attributes or {})
    assert "ValueError: broken" in str(attributes.pop("exception.stacktrace"))
    assert attributes == {
        "realm": "shop",
        "v": 1,
        "w": 2,
        "a": 1,
        "tenant": "explicit",
        "exception.type": "ValueError",
        "exception.message": "broken",
    }


def test_nothing_given_is_nothing_invented(plain: Gated) -> None:
    """A record without time, severity and text has none of them afterwards, as through the provider itself."""
    plain.ctx.otel_logger().emit(body="m")

    log = plain.records()[0].log_record
    assert (log.timestamp, log.severity_number, log.severity_text, log.event_name) == (None, None, None, None)
    assert log.observed_timestamp is not None


def test_trace_ids_of_a_record_are_kept(plain: Gated) -> None:
    """Ids that a record was given otherwise win over those of its context."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    with tracer.start_as_current_span("current"):
        record = LogRecord(body="m", exception=ValueError("x"))
        # What the deprecated parameters do.
        record.trace_id, record.span_id, record.trace_flags = 7, 8, trace.TraceFlags(1)
        plain.ctx.otel_logger().emit(record)

    log = plain.records()[0].log_record
    assert (log.trace_id, log.span_id, log.trace_flags) == (7, 8, 1)
    assert (log.attributes or {})["exception.type"] == "ValueError"


def test_the_record_of_the_caller_is_not_changed(plain: Gated) -> None:
    """It can be emitted again, and elsewhere."""
    record = LogRecord(body=["b"], attributes={"a": 1}, exception=ValueError("x"))
    before = dict(vars(record))

    for _ in range(2):
        plain.ctx.otel_logger(cl.Attribute("more", 1)).emit(record)

    assert vars(record) == before
    assert len(plain.records()) == 2


@pytest.mark.parametrize("gate", [False, True], ids=["plain", "gated"])
def test_the_rules_decide_by_the_record(ungated: Gated, gate: bool) -> None:
    """Severity, attributes, event name, messages of the logger, and the baggage of the record's own context."""
    if gate:
        ungated.gate()
    else:
        ungated.provider.add_log_record_processor(SimpleLogRecordProcessor(ungated.exporter))
    ungated.ctx.add_rule(
        cl.ConditionRule(cl.DEBUG, cl.BaggageEntry("tenant", "acme")),
        cl.ConditionRule(cl.DEBUG, cl.Attribute("debug", True)),
        cl.ConditionRule(cl.DEBUG, cl.Tag("audit")),
        cl.ConditionRule(cl.NONE, cl.Attribute("eventType", "noise")),
    )
    logger = ungated.ctx.otel_logger(cl.Realm("shop"))

    with current(of_tenant("globex")):
        logger.emit(body="no", severity_number=DEBUG)
        logger.emit(body="context", severity_number=DEBUG, context=of_tenant("acme"))
        logger.emit(body="attribute", severity_number=DEBUG, attributes={"debug": True})
        logger.emit(body="event", severity_number=SeverityNumber.ERROR, event_name="noise")
        ungated.ctx.otel_logger(cl.Tag("audit")).emit(body="tag", severity_number=DEBUG)
        logger.emit(body="unspecified")
    with current(of_tenant("acme")):
        logger.emit(body="current", severity_number=DEBUG)

    assert ungated.bodies() == ["context", "attribute", "tag", "unspecified", "current"]


def test_ambient_attributes_are_those_of_its_context(plain: Gated) -> None:
    """What is attached comes from the record's own context, as what decides does."""
    with current(of_tenant("globex")):
        plain.ctx.otel_logger().emit(body="m", context=of_tenant("acme"))

    assert dict(plain.records()[0].log_record.attributes or {}) == {"tenant": "acme"}


def test_enabled_says_what_emit_would_do(plain: Gated) -> None:
    """Without rules on attributes the answer is exact; with them it is yes where one could let the record through."""
    plain.ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.BaggageEntry("tenant", "acme")))
    logger = plain.ctx.otel_logger()

    assert logger.enabled()
    assert logger.enabled(severity_number=SeverityNumber.INFO)
    assert not logger.enabled(severity_number=DEBUG)
    assert logger.enabled(severity_number=DEBUG, context=of_tenant("acme"))
    assert not logger.enabled(severity_number=SeverityNumber.TRACE, context=of_tenant("acme"))
    plain.ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.Attribute("late", 1)))
    assert logger.enabled(severity_number=DEBUG)
    assert not logger.enabled(severity_number=SeverityNumber.TRACE)
    plain.ctx.replace_rules([], default_level=cl.NONE)
    assert not logger.enabled()


def test_enabled_asks_the_target_as_well() -> None:
    """What the rules let through is not wanted where the provider or the sink does not want it."""
    nothing = LoggerProvider(shutdown_on_exit=False)
    sink = Sink()
    offset = cl.LoggingContext(sink, level_offset=4)
    offset.default_level = cl.DEBUG

    assert not cl.LoggingContext(nothing).otel_logger().enabled(severity_number=SeverityNumber.ERROR)
    assert offset.otel_logger().enabled(severity_number=SeverityNumber.ERROR)
    assert not offset.otel_logger().enabled(severity_number=SeverityNumber.INFO)


def test_a_sink_gets_what_its_protocol_has() -> None:
    """Other targets than providers get the record by their own protocol."""
    sink = Sink()
    ctx = cl.LoggingContext(sink)
    made = of_tenant("acme")
    parts = given(made)

    ctx.otel_logger(cl.Realm("shop")).emit(**parts)

    assert sink.records == [
        {
            "level": cl.INFO,
            "body": {"text": ["b", 1, None]},
            "attributes": {"tenant": "explicit", "realm": "shop", "a": 1},
            "name": "",
            "realm": "shop",
            "exception": parts["exception"],
            "context": made,
            "timestamp": 1,
            "severity": SeverityNumber.INFO3,
            "event_name": "ordered",
        }
    ]


@pytest.mark.parametrize(
    ("severity", "expected"),
    [
        (SeverityNumber.INFO3, (SeverityNumber.DEBUG, "DEBUG")),
        (SeverityNumber.FATAL, (SeverityNumber.FATAL, "given")),
    ],
)
def test_a_level_offset_holds_for_it(
    plain: Gated, severity: SeverityNumber, expected: tuple[SeverityNumber, str]
) -> None:
    """The offset of the target shifts all but errors, severity and text together."""
    ctx = cl.LoggingContext(plain.provider, level_offset=1)

    ctx.otel_logger().emit(severity_number=severity, severity_text="given", body="m")

    log = plain.records()[0].log_record
    assert (log.severity_number, log.severity_text) == expected


@pytest.mark.parametrize(
    "parts",
    [
        {"body": object()},
        {"attributes": {1: 2, "": 3, "x": object()}},
        {"attributes": 7},
        {"severity_number": "high"},
        {"severity_number": 9},
        {"context": 5},
        {"event_name": ["x"]},
        {"timestamp": "now"},
    ],
    ids=str,
)
def test_whatever_is_given_nothing_is_raised(plain: Gated, parts: Mapping[str, Any]) -> None:
    """A logging call never raises, and `enabled` neither."""
    logger = plain.ctx.otel_logger()

    logger.emit(**parts)
    logger.emit(LogRecord(**{**parts, "context": None}))
    logger.emit(object())  # type: ignore[arg-type]
    logger.enabled(
        **{key: value for key, value in parts.items() if key in ("severity_number", "context", "event_name")}
    )


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"severity_number": 9}, ("severity_number", SeverityNumber.INFO)),
        ({"severity_number": 99}, ("severity_number", None)),
        ({"timestamp": "now"}, ("timestamp", None)),
        ({"timestamp": -1}, ("timestamp", None)),
        ({"severity_text": "\ud800"}, ("severity_text", "\\ud800")),
        ({"event_name": 5}, ("event_name", "5")),
    ],
    ids=str,
)
def test_what_no_exporter_could_encode_is_mended(
    plain: Gated, parts: Mapping[str, Any], expected: tuple[str, object]
) -> None:
    """One record with a wrong part must not cost the batch that it would be exported in."""
    plain.ctx.otel_logger().emit(body="m", **parts)

    assert getattr(plain.records()[0].log_record, expected[0]) == expected[1]
    encode_logs(plain.records()).SerializeToString()


def test_an_exception_without_a_text_is_kept(plain: Gated) -> None:
    """What an exception's own `__str__` does costs neither the record nor its type."""

    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    plain.ctx.otel_logger().emit(body="m", exception=MuteError())

    assert str((plain.records()[0].log_record.attributes or {})["exception.type"]).endswith("MuteError")


def test_a_sink_that_raises_costs_one_diagnostic(diagnostics: list[str]) -> None:
    """The record is lost, the caller goes on."""

    class Broken(Sink):
        def emit(self, **record: Any) -> None:
            raise OSError

    logger = cl.LoggingContext(Broken()).otel_logger()

    for _ in range(3):
        logger.emit(body="m")

    assert diagnostics == ["a sink of type Broken raised OSError: a record is lost"]


def test_it_follows_every_change(plain: Gated) -> None:
    """Rules, levels and targets that change hold for the next record."""
    logger = plain.ctx.otel_logger()
    sink = Sink()

    logger.emit(body=1, severity_number=DEBUG)
    plain.ctx.default_level = cl.DEBUG
    logger.emit(body=2, severity_number=DEBUG)
    plain.ctx.set_target(sink)
    logger.emit(body=3, severity_number=DEBUG)

    assert plain.bodies() == [2]
    assert [record["body"] for record in sink.records] == [3]
