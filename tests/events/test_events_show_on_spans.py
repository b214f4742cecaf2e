"""Events on the span that they happen in: "Event to span event bridge" of OpenTelemetry's Logs SDK specification."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import (
    BatchLogRecordProcessor,
    InMemoryLogRecordExporter,
    SimpleLogRecordProcessor,
)
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

import otel_ctxlog as cl
from otel_ctxlog.bridges.otel import ContextRuleProcessor
from otel_ctxlog.bridges.span_events import SpanEventProcessor
from otel_ctxlog.receiver import Receiver

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator

    from opentelemetry.trace import Tracer


class Emit(Protocol):
    """What records one event, with whatever puts it on its span."""

    def __call__(self, name: str, /, **attributes: object) -> None: ...


class World:
    """A real provider of spans and one of logs, each with what it has exported."""

    def __init__(self) -> None:
        self.spans = InMemorySpanExporter()
        self.traces = TracerProvider(shutdown_on_exit=False)
        self.traces.add_span_processor(SimpleSpanProcessor(self.spans))
        self.tracer: Tracer = self.traces.get_tracer("test")
        self.logs = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
        self.provider = LoggerProvider(shutdown_on_exit=False)

    def finished(self, name: str = "work") -> ReadableSpan:
        return next(span for span in self.spans.get_finished_spans() if span.name == name)

    def events(self, name: str = "work") -> list[tuple[str, dict[str, Any]]]:
        return [(event.name, dict(event.attributes or {})) for event in self.finished(name).events]

    def recorded(self) -> list[str | None]:
        return [one.log_record.event_name for one in self.logs.get_finished_logs()]


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.provider.shutdown()
    world.traces.shutdown()


WAYS = ["provider", "context", "redirected", "processor", "processor with next", "both", "twice"]


@pytest.fixture(params=WAYS)
def emit(request: pytest.FixtureRequest, world: World) -> Emit:
    """Each way to have events on spans: the eventer, the processor, both."""
    way, provider = request.param, world.provider
    simple = SimpleLogRecordProcessor(world.logs)
    if way == "processor with next":
        provider.add_log_record_processor(SpanEventProcessor(simple))
    else:
        for _ in range({"processor": 1, "both": 1, "twice": 2}.get(way, 0)):
            provider.add_log_record_processor(SpanEventProcessor())
        provider.add_log_record_processor(simple)
    if way == "provider":
        return cl.OTelEventer(provider, span_events=True).event
    ctx = cl.LoggingContext(provider)
    if way == "redirected":
        elsewhere = cl.LoggingContext(provider)

        class Redirect:
            def match(self, messages: object, sink: cl.LogSink) -> cl.Verdict:
                return cl.Verdict(cl.TRACE, elsewhere.sink)

        ctx = cl.LoggingContext(_Nowhere())
        ctx.add_rule(Redirect())
    return cl.OTelEventer(ctx, span_events=way in ("context", "redirected", "both")).event


class _Nowhere:
    def enabled(self, level: int) -> bool:
        return True

    def emit(self, **parts: Any) -> None:
        raise AssertionError("a redirected event came here")


def test_an_event_is_on_its_span_once_and_in_the_log(world: World, emit: Emit) -> None:
    """One span event: the record's event name, its timestamp to the nanosecond, all attributes; the record goes on."""
    before = time.time_ns()
    with world.tracer.start_as_current_span("work", attributes={"tenant": "acme"}):
        emit("order.placed", total=12.5, items=["a", "b"], nested={"x": {"y": [1]}}, paid=True)
    (event,) = world.finished().events
    (record,) = [one.log_record for one in world.logs.get_finished_logs()]

    assert event.name == "order.placed"
    assert event.timestamp == record.timestamp
    assert before <= event.timestamp <= time.time_ns()
    assert dict(event.attributes or {}) == dict(record.attributes or {})
    assert dict(event.attributes or {}) == {
        "tenant": "acme",
        "total": 12.5,
        "items": ("a", "b"),
        "nested": {"x": {"y": (1,)}},
        "paid": True,
        "eventType": "order.placed",
    }
    assert record.event_name == "order.placed"


def test_without_a_span_there_is_just_the_record(world: World, emit: Emit) -> None:
    """Outside of spans an event is a record and nothing else, without a complaint."""
    emit("a")

    assert world.recorded() == ["a"]


def test_a_span_that_does_not_record_gets_nothing(world: World, emit: Emit) -> None:
    """Neither a remote parent's span nor one that is not sampled nor one that has ended takes the event."""
    remote = NonRecordingSpan(SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1)))
    unsampled = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    ended = world.tracer.start_span("work")
    ended.end()
    for span in (remote, unsampled.get_tracer("t").start_span("off"), ended):
        with trace.use_span(span):
            emit("a")
    unsampled.shutdown()

    assert world.recorded() == ["a"] * 3
    assert world.events() == []


def test_the_innermost_span_gets_the_event(world: World, emit: Emit) -> None:
    """An event is on the current span, not on its parents."""
    with world.tracer.start_as_current_span("outer"), world.tracer.start_as_current_span("inner"):
        emit("a")

    assert [name for name, _ in world.events("inner")] == ["a"]
    assert world.events("outer") == []


def test_a_span_that_raises_costs_no_record(world: World, emit: Emit, diagnostics: list[logging.LogRecord]) -> None:
    """A span of another implementation that breaks its promise costs one diagnostic, not the record, not the caller."""

    class Broken(NonRecordingSpan):
        def is_recording(self) -> bool:
            return True

        def add_event(self, *arguments: Any, **named: Any) -> None:
            raise RuntimeError("planted")

    with trace.use_span(Broken(SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1)))):
        emit("a")
        emit("b")

    assert world.recorded() == ["a", "b"]
    assert 1 <= len(diagnostics) <= 2
    assert all("raised RuntimeError" in record.getMessage() for record in diagnostics)


def test_an_event_that_is_off_is_on_no_span(world: World) -> None:
    """What the rules do not let through, and what a sink does not want, is not on the span either."""
    world.provider.add_log_record_processor(SimpleLogRecordProcessor(world.logs))
    ctx = cl.LoggingContext(world.provider)
    ctx.add_rule(cl.ConditionRule(cl.NONE, cl.Attribute("eventType", "noise")))
    eventer = cl.OTelEventer(ctx, level=cl.INFO, span_events=True)
    with world.tracer.start_as_current_span("work"):
        eventer.event("noise")
        eventer.event("signal")
        eventer.event("")
        cl.OTelEventer(ctx, level=cl.DEBUG, span_events=True).event("signal")

    assert world.recorded() == ["signal"]
    assert [name for name, _ in world.events()] == ["signal"]


def test_a_rule_that_limits_events_limits_them_on_spans(world: World) -> None:
    """Events that the controls of a rule hold back are not on the span; the one that goes out is there as recorded."""
    world.provider.add_log_record_processor(SimpleLogRecordProcessor(world.logs))
    ctx = cl.LoggingContext(world.provider)
    ctx.add_rule(cl.ControlledRule(cl.ConditionRule(cl.INFO), first=2))
    eventer = cl.OTelEventer(ctx, span_events=True)
    with world.tracer.start_as_current_span("work"):
        for _ in range(5):
            eventer.event("a")

    assert world.recorded() == ["a", "a"]
    assert len(world.events()) == 2


def test_a_gate_before_the_processor_keeps_events_from_spans(world: World) -> None:
    """Behind a `ContextRuleProcessor`, the processor puts on spans what the rules let through, of whatever origin."""
    ctx = cl.LoggingContext(world.provider)
    ctx.add_rule(cl.ConditionRule(cl.NONE, cl.Attribute("eventType", "noise")))
    last = SpanEventProcessor(SimpleLogRecordProcessor(world.logs))
    world.provider.add_log_record_processor(ContextRuleProcessor(last, ctx))
    foreign = world.provider.get_logger("foreign")
    with world.tracer.start_as_current_span("work"):
        for name in ("noise", "signal"):
            foreign.emit(event_name=name, severity_number=SeverityNumber.INFO, attributes={"k": 1})

    assert world.recorded() == ["signal"]
    assert world.events() == [("signal", {"k": 1})]


def test_level_offset_and_severity_stay(world: World) -> None:
    """An eventer with span events records what one without does: level offset, severity, scope, gate and all."""
    world.provider.add_log_record_processor(SimpleLogRecordProcessor(world.logs))
    ctx = cl.LoggingContext(world.provider, level_offset=1)
    for span_events in (False, True):
        cl.OTelEventer(ctx, messages=[cl.Realm("shop"), cl.Name("n")], span_events=span_events).event("a", k=1)
    plain, mirrored = world.logs.get_finished_logs()

    for part in ("body", "severity_number", "severity_text", "event_name", "trace_id"):
        assert getattr(plain.log_record, part) == getattr(mirrored.log_record, part)
    assert dict(plain.log_record.attributes or {}) == dict(mirrored.log_record.attributes or {})
    assert plain.instrumentation_scope == mirrored.instrumentation_scope
    assert plain.log_record.severity_number == SeverityNumber.DEBUG


def test_a_target_that_is_set_later_is_followed(world: World) -> None:
    """The eventer follows the context: another target, a target that is taken away."""
    world.provider.add_log_record_processor(SimpleLogRecordProcessor(world.logs))
    ctx = cl.LoggingContext(_Nowhere())
    eventer = cl.OTelEventer(ctx, span_events=True)
    ctx.set_target(world.provider)
    with world.tracer.start_as_current_span("work"):
        eventer.event("a")
        ctx.default_level = cl.NONE
        eventer.event("b")

    assert world.recorded() == ["a"]
    assert [name for name, _ in world.events()] == ["a"]


def test_without_any_exporter_of_records_spans_have_events(world: World) -> None:
    """Where nobody exports log records, an eventer with span events puts them on spans all the same."""
    eventer = cl.OTelEventer(cl.LoggingContext(world.provider), span_events=True)
    with world.tracer.start_as_current_span("work"):
        eventer.event("a", k=1)

    assert world.events() == [("a", {"k": 1, "eventType": "a"})]


# The conditions of the specification, one by one, on records as any instrumentation may make them


def _processed(world: World, record: LogRecord) -> ReadWriteLogRecord:
    envelope = ReadWriteLogRecord(record, resource=world.provider.resource)
    SpanEventProcessor().on_emit(envelope)
    return envelope


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, 1),
        ({"event_name": None}, 0),
        ({"event_name": ""}, 0),
        ({"trace_id": 0}, 0),
        ({"span_id": 0}, 0),
        ({"trace_id": 7}, 0),
        ({"span_id": 7}, 0),
        ({"context": Context({"other": 1})}, 0),
    ],
    ids=str,
)
def test_all_conditions_have_to_hold(world: World, change: dict[str, Any], expected: int) -> None:
    """An event name, valid ids, a recording span in the record's own context, and its ids: if and only if."""
    span = world.tracer.start_span("work")
    record = LogRecord(event_name="a", context=set_span_in_context(span), body="not on the span", attributes={"k": 1})
    for name, value in change.items():
        setattr(record, name, value)
    _processed(world, record)
    span.end()

    assert world.events() == [("a", {"k": 1})] * expected


def test_the_context_is_that_of_the_record(world: World) -> None:
    """A record that was given a context of its own goes to the span in that, not to the current one."""
    other = world.tracer.start_span("other")
    world.provider.add_log_record_processor(SpanEventProcessor())
    with world.tracer.start_as_current_span("work"):
        world.provider.get_logger("l").emit(event_name="a", context=set_span_in_context(other))
    other.end()

    assert world.events("work") == []
    assert world.events("other") == [("a", {})]


def test_the_time_is_the_timestamp_or_the_observed_one(world: World) -> None:
    """The span event has the record's timestamp; without one its observed timestamp."""
    world.provider.add_log_record_processor(SpanEventProcessor())
    logger = world.provider.get_logger("l")
    with world.tracer.start_as_current_span("work"):
        logger.emit(event_name="a", timestamp=1_000, observed_timestamp=2_000)
        logger.emit(event_name="b", observed_timestamp=3_000)

    assert [(event.name, event.timestamp) for event in world.finished().events] == [("a", 1_000), ("b", 3_000)]


def test_a_batch_processor_before_it_does_not_matter(world: World) -> None:
    """The processor works after a ``BatchLogRecordProcessor``, which keeps records without their context."""
    world.provider.add_log_record_processor(BatchLogRecordProcessor(world.logs))
    world.provider.add_log_record_processor(SpanEventProcessor())
    with world.tracer.start_as_current_span("work"):
        world.provider.get_logger("l").emit(event_name="a")
    world.provider.force_flush()

    assert world.events() == [("a", {})]
    assert world.recorded() == ["a"]


def test_the_processor_hands_on_everything(world: World, diagnostics: list[logging.LogRecord]) -> None:
    """Records, flush and shutdown go to the next processor; one that raises costs a diagnostic; none is fine."""

    class Next(LogRecordProcessor):
        def __init__(self) -> None:
            self.calls: list[object] = []

        def on_emit(self, log_record: ReadWriteLogRecord) -> None:
            self.calls.append(log_record.log_record.body)
            raise RuntimeError("planted")

        def shutdown(self) -> None:
            self.calls.append("shutdown")

        def force_flush(self, timeout_millis: int = 30_000) -> bool:
            self.calls.append(timeout_millis)
            return False

    follower = Next()
    processor = SpanEventProcessor(follower)
    processor.on_emit(ReadWriteLogRecord(LogRecord(body="a")))
    processor.on_emit(ReadWriteLogRecord(LogRecord(body="b", event_name="e")))
    flushed = processor.force_flush(5)
    processor.shutdown()
    processor.shutdown()
    processor.on_emit(ReadWriteLogRecord(LogRecord(body="late")))
    alone = SpanEventProcessor()
    alone.shutdown()

    assert follower.calls == ["a", "b", 5, "shutdown"]
    assert (flushed, alone.force_flush()) == (False, True)
    assert len(diagnostics) == 1


def test_what_cannot_be_used_is_refused() -> None:
    """A `next` that is no processor, and a context of another kind behind an eventer, are errors at once."""

    class Other:
        def event_writer(self, messages: object, sources: object = None) -> object:
            return object()

    with pytest.raises(TypeError, match="next must be a LogRecordProcessor or None, but got 5"):
        SpanEventProcessor(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="span_events needs a LoggingContext"):
        cl.OTelEventer(Other(), span_events=True)  # type: ignore[arg-type]


@pytest.mark.parametrize("way", ["eventer", "processor"])
def test_the_span_event_arrives_by_otlp(way: str) -> None:
    """Through real exporters and a real socket: the span has the event, the log the record, with one time and ids."""
    with Receiver(http_port=0, grpc_port=None) as receiver:
        traces = TracerProvider(shutdown_on_exit=False)
        traces.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=f"{receiver.http_endpoint}/v1/traces")))
        provider = LoggerProvider(shutdown_on_exit=False)
        if way == "processor":
            provider.add_log_record_processor(SpanEventProcessor())
        provider.add_log_record_processor(
            SimpleLogRecordProcessor(OTLPLogExporter(endpoint=f"{receiver.http_endpoint}/v1/logs"))
        )
        eventer = cl.OTelEventer(cl.LoggingContext(provider), span_events=way == "eventer")
        with traces.get_tracer("t").start_as_current_span("work"):
            eventer.event("order.placed", "total", 12.5, nested={"a": [1, {"b": None}]}, names=["x", "y"])
        (record,) = receiver.wait_for(1)
        receiver.wait_until(lambda one: bool(one.spans))
        (span,) = receiver.spans
        provider.shutdown()
        traces.shutdown()
    (event,) = span.events

    assert event.name == record.event_name == "order.placed"
    assert dict(event.attributes) == dict(record.attributes)
    assert event.attributes["nested"] == {"a": [1, {"b": None}]}
    assert event.attributes["total"] == 12.5
    assert (span.trace_id, span.span_id) == (record.trace_id, record.span_id)
    assert event.time_unix_nano == record.time_unix_nano
