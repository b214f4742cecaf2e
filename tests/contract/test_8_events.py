"""Section 8 of the contract: eventers, and the records that events become."""

from __future__ import annotations

import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

import otel_ctxlog as cl

from .emitted import attributes, only, sent
from .records import FreshProcess, RecordingSink, use_baggage

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.trace import Tracer

    from .emitted import Records


class Collecting:
    """An own eventer: anything with `event`."""

    def __init__(self) -> None:
        self.events: list[tuple[object, tuple[object, ...], dict[str, object]]] = []

    def event(self, type: str, /, *fields: object, **attributes: object) -> None:
        """Keep the event."""
        self.events.append((type, fields, attributes))


class Raising:
    """An eventer that breaks its promise."""

    def event(self, type: str, /, *fields: object, **attributes: object) -> None:
        """Raise."""
        raise RuntimeError("broken eventer")


class Mute:
    """An object without text."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


# --- the protocol -------------------------------------------------------------------------------------------------

EVENTERS: dict[str, Callable[[LoggerProvider], cl.Eventer]] = {
    "otel on provider": cl.OTelEventer,
    "otel on context": lambda p: cl.OTelEventer(cl.LoggingContext(p)),
    "ctx.eventer": lambda p: cl.LoggingContext(p).eventer(),
    "log": lambda p: cl.LogEventer(cl.LoggingContext(p).logger()),
    "nop": lambda p: cl.NopEventer(),
    "tee": lambda p: cl.TeeEventer(cl.OTelEventer(p), cl.NopEventer()),
    "empty tee": lambda p: cl.TeeEventer(),
}


@pytest.mark.parametrize("kind", EVENTERS)
def test_every_eventer_has_the_protocol(kind: str, provider: LoggerProvider) -> None:
    """`Eventer` protocol: `event(type, /, *fields, **attributes) -> None`."""
    eventer: cl.Eventer = EVENTERS[kind](provider)

    assert eventer.event("t", "a", 1, cl.KeyValue("b", 2), {"c": 3}, cl.Attribute("d", 4), e=5) is None  # type: ignore[func-returns-value]
    assert eventer.event("t", type="x", self="y", fields=1, attributes=2) is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize("kind", EVENTERS)
def test_no_eventer_raises(kind: str, provider: LoggerProvider, diagnostics: list[logging.LogRecord]) -> None:
    """Whatever the violation, it is never raised, by any eventer."""
    eventer = EVENTERS[kind](provider)

    eventer.event("")
    eventer.event(None, 5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    eventer.event("t", "odd")
    eventer.event("t", "a", object())
    eventer.event("t", a=Mute())
    eventer.event("t", {5: 6}, "a", 1, "a", 2, eventType=3)
    eventer.event(Mute(), Mute(), Mute())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# --- OTelEventer --------------------------------------------------------------------------------------------------


def test_an_event_is_a_log_record(provider: LoggerProvider, records: Records) -> None:
    """A log record with event name = type, attribute `eventType` = type, each field an attribute."""
    cl.OTelEventer(provider).event("rpcRetry", "org", "GRAIL", "retry", 0, {"maxRetry": 10}, cause=ValueError("x"))

    record = only(records())
    assert record.log_record.event_name == "rpcRetry"
    assert attributes(record) == {"eventType": "rpcRetry", "org": "GRAIL", "retry": 0, "maxRetry": 10, "cause": "x"}


def test_parameter_names_are_free_for_fields(provider: LoggerProvider, records: Records) -> None:
    """The type is positional only: every other name is free for a field."""
    cl.OTelEventer(provider).event("t", type=1, self=2, fields=3, attributes=4, name=5)

    assert attributes(only(records())) == {
        "eventType": "t",
        "type": 1,
        "self": 2,
        "fields": 3,
        "attributes": 4,
        "name": 5,
    }


def test_the_body_is_the_json_text(provider: LoggerProvider, records: Records) -> None:
    """Body = the JSON text of type and fields: that of `marshal`, without anything ambient or contextual."""
    eventer = cl.OTelEventer(provider, messages=(cl.Attribute("context", 1), cl.Realm("r")))

    with use_baggage(tenant="acme"):
        eventer.event("t", "b", [1, {"y": 1, "x": None}], a="ü")

    assert only(records()).log_record.body == cl.marshal("t", "b", [1, {"y": 1, "x": None}], a="ü")
    assert json.loads(str(only(records()).log_record.body)) == {
        "eventType": "t",
        "a": "ü",
        "b": [1, {"y": 1, "x": None}],
    }


def test_the_body_may_be_left_out(provider: LoggerProvider, records: Records) -> None:
    """`body=None`: no body; event name and attributes stay."""
    cl.OTelEventer(provider, body=None).event("t", a=1)

    record = only(records())
    assert record.log_record.body is None
    assert record.log_record.event_name == "t"
    assert attributes(record) == {"eventType": "t", "a": 1}


@pytest.mark.parametrize(
    ("level", "number", "text"),
    [(cl.ERROR, 17, "ERROR"), (cl.WARN, 13, "WARN"), (cl.INFO, 9, "INFO"), (cl.DEBUG, 5, "DEBUG"), (7, 1, "TRACE")],
)
def test_an_event_has_the_severity_of_its_level(
    level: int, number: int, text: str, provider: LoggerProvider, records: Records
) -> None:
    """Severity of the level; a provider as target has no rules that would gate it."""
    cl.OTelEventer(provider, level=level).event("t")

    record = only(records()).log_record
    assert record.severity_number is not None
    assert (record.severity_number.value, record.severity_text) == (number, text)


def test_the_default_level_is_info(provider: LoggerProvider, records: Records) -> None:
    """`level=INFO` by default."""
    cl.OTelEventer(provider).event("t")

    assert only(records()).log_record.severity_text == "INFO"


def test_ambient_attributes_are_attached(provider: LoggerProvider, records: Records, tracer: Tracer) -> None:
    """Ambient attributes of the call are attached, and trace and span ids; a field wins over them."""
    eventer = cl.OTelEventer(provider)

    with use_baggage(b="1", k="ambient"), tracer.start_as_current_span("s", attributes={"s": 2}) as span:
        eventer.event("t", k="field")

    record = only(records())
    assert attributes(record) == {"eventType": "t", "b": "1", "s": 2, "k": "field"}
    assert record.log_record.span_id == span.get_span_context().span_id
    assert record.log_record.trace_id == span.get_span_context().trace_id


def test_an_eventer_has_its_own_sources(provider: LoggerProvider, records: Records, tracer: Tracer) -> None:
    """`sources=…`: as those of a context; `()` attaches nothing ambient."""
    with use_baggage(b="1"), tracer.start_as_current_span("s", attributes={"s": 2}):
        cl.OTelEventer(provider, sources=()).event("t")
        cl.OTelEventer(provider, sources=(cl.SpanSource(),)).event("t")

    assert [attributes(record) for record in records()] == [{"eventType": "t"}, {"eventType": "t", "s": 2}]


def test_an_eventer_on_a_context_has_its_sources(sink: RecordingSink) -> None:
    """Given a context as target, the ambient attributes are those of the context, unless sources are given."""
    ctx = cl.LoggingContext(sink, sources=())
    with use_baggage(b="1"):
        cl.OTelEventer(ctx).event("t")
        assert sent(sink) == {"eventType": "t"}
        cl.OTelEventer(ctx, sources=(cl.BaggageSource(),)).event("t")

    assert sink.records[1]["attributes"] == {"eventType": "t", "b": "1"}


@pytest.mark.parametrize("on_context", [False, True])
def test_messages_are_attached(on_context: bool, provider: LoggerProvider, records: Records) -> None:
    """`messages=`: a message context, attached as to log records; a field wins over its attributes."""
    target = cl.LoggingContext(provider) if on_context else provider
    messages = (cl.Realm("a/b"), cl.Attribute("k", "context"), cl.Attribute("j", 1), cl.Tag("t"))

    cl.OTelEventer(target, messages=messages).event("t", k="field")
    cl.OTelEventer(target, messages=(cl.Name("n"), cl.Attribute("eventType", "forged"))).event("t")

    first, second = records()
    assert attributes(first) == {"eventType": "t", "realm": "a/b", "k": "field", "j": 1}
    assert first.instrumentation_scope is not None
    assert first.instrumentation_scope.name == "a/b"
    assert attributes(second)["eventType"] == "t"
    assert second.instrumentation_scope is not None
    assert second.instrumentation_scope.name == "n"


def test_a_sink_gets_the_event_name(sink: RecordingSink) -> None:
    """A `LogSink` is told the event name, the level and the body."""
    cl.LoggingContext(sink).eventer().event("t", a=1)

    record = only(sink.records)
    assert (record["event_name"], record["level"], record["body"]) == ("t", cl.INFO, '{"a":1,"eventType":"t"}')


def test_without_a_target_it_is_the_global_provider(fresh_process: FreshProcess) -> None:
    """`target=None`: the global OTel provider, one set later included."""
    output = fresh_process(
        """
        import otel_ctxlog as cl
        from opentelemetry._logs import set_logger_provider
        from opentelemetry.sdk._logs import LoggerProvider
        from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

        eventer = cl.OTelEventer()
        eventer.event("early")
        exporter = InMemoryLogRecordExporter()
        provider = LoggerProvider()
        provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
        set_logger_provider(provider)
        eventer.event("late")
        print([r.log_record.event_name for r in exporter.get_finished_logs()])
        """
    )

    assert output == "['late']"


# --- the other eventers -------------------------------------------------------------------------------------------


def test_a_log_eventer_logs_the_json_text(sink: RecordingSink) -> None:
    """`LogEventer(logger, level=DEBUG)`: the JSON text as message, at that level."""
    ctx = cl.LoggingContext(sink)
    ctx.default_level = cl.DEBUG

    cl.LogEventer(ctx.logger()).event("t", "b", 1, a=[True, None])
    cl.LogEventer(ctx.logger(), level=cl.WARN).event("u")
    cl.LogEventer(ctx.logger(), level=cl.TRACE).event("not let through")

    assert sink.bodies == ['{"a":[true,null],"b":1,"eventType":"t"}', '{"eventType":"u"}']
    assert [record["level"] for record in sink.records] == [cl.DEBUG, cl.WARN]


def test_a_log_eventer_follows_an_unbound_logger(sink: RecordingSink) -> None:
    """A `LogEventer` takes every logger: with an unbound one it follows the rules."""
    ctx = cl.LoggingContext(sink)
    eventer = cl.LogEventer(ctx.unbound_logger())

    eventer.event("hidden")
    ctx.add_rule(cl.ConditionRule(cl.DEBUG))
    eventer.event("shown")

    assert sink.bodies == ['{"eventType":"shown"}']


def test_a_nop_eventer_is_disabled(diagnostics: list[logging.LogRecord]) -> None:
    """`NopEventer()`: `str()` is `"disabled"`, and an event is nothing at all, no `Lazy` called."""
    calls: list[int] = []

    cl.NopEventer().event("t", a=cl.Lazy(lambda: calls.append(1)))

    assert str(cl.NopEventer()) == "disabled"
    assert calls == []
    assert diagnostics == []


def test_a_tee_gives_every_eventer_the_event(provider: LoggerProvider, records: Records) -> None:
    """`TeeEventer(*eventers)`: each gets the event, own ones and other tees too."""
    first, second = Collecting(), Collecting()

    cl.TeeEventer(first, cl.TeeEventer(second, cl.NopEventer()), cl.OTelEventer(provider)).event("t", "a", 1, b=2)

    for collecting in (first, second):
        kind, fields, keywords = only(collecting.events)
        assert kind == "t"
        assert json.loads(cl.marshal("t", *fields, **keywords)) == {"eventType": "t", "a": 1, "b": 2}
    assert attributes(only(records())) == {"eventType": "t", "a": 1, "b": 2}


@pytest.mark.parametrize("position", [0, 1, 2])
def test_an_eventer_that_raises_does_not_keep_the_others_from_it(position: int) -> None:
    """In a tee, an eventer that raises does not keep the others from the event, nor does the caller see it."""
    first, second = Collecting(), Collecting()
    eventers: list[cl.Eventer] = [first, second]
    eventers.insert(position, Raising())
    tee = cl.TeeEventer(*eventers)

    tee.event("t")
    tee.event("u")

    assert [kind for kind, _, _ in first.events] == ["t", "u"]
    assert [kind for kind, _, _ in second.events] == ["t", "u"]


def test_a_violation_reaches_every_eventer_of_a_tee(
    provider: LoggerProvider, diagnostics: list[logging.LogRecord]
) -> None:
    """In a tee, each eventer drops, counts and logs a violation for itself."""
    first, second = cl.OTelEventer(provider), cl.OTelEventer(provider)

    cl.TeeEventer(first, second).event("t", "odd")

    assert (first.dropped, second.dropped) == (1, 1)
    assert len(diagnostics) == 2


# --- threads ------------------------------------------------------------------------------------------------------


def test_eventers_are_safe_from_many_threads(
    provider: LoggerProvider, records: Records, diagnostics: list[logging.LogRecord]
) -> None:
    """Safe from many threads: no event is lost or mixed up, and the count of dropped ones is exact."""
    ctx = cl.LoggingContext(provider)
    ctx.add_rule(cl.ConditionRule(cl.NONE, cl.Attribute("eventType", "silenced")))
    eventer = ctx.eventer()
    barrier = threading.Barrier(8)

    def work(number: int) -> None:
        barrier.wait()
        for i in range(200):
            with use_baggage(thread=str(number)):
                eventer.event("good", number=number, i=i)
            eventer.event("silenced", number=number)
            eventer.event("bad", "odd")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    found = [attributes(record) for record in records()]
    assert sorted((a["number"], a["i"]) for a in found) == [(n, i) for n in range(8) for i in range(200)]
    assert all(a["thread"] == str(a["number"]) for a in found)
    assert eventer.dropped == 1600
    assert len(diagnostics) == 1
