"""Section 3 of the contract: conditions on baggage, span and resource, and the sources they need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry import trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import otel_ctxlog as cl

from .deciding import decides

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

    from .conftest import UseBaggage
    from .records import RecordingSink


class _Own:
    def attributes(self, context: object) -> dict[str, object]:
        return {"own": 1}


SPAN_CONDITIONS = [
    cl.SpanAttribute("s", "v"),
    cl.SpanAttribute("s", cl.Exists()),
    cl.SpanName("name"),
    cl.SpanName(cl.Glob("*")),
    cl.Sampled(),
    cl.Sampled(sampled=True),
]


def test_baggage_entry_looks_at_the_baggage_only(use_baggage: UseBaggage, tracer: Tracer) -> None:
    """`BaggageEntry(name, value)`: that source only."""
    condition = cl.BaggageEntry("a", "v")

    assert not decides(condition, cl.Attribute("a", "v"))
    with tracer.start_as_current_span("s", attributes={"a": "v"}):
        assert not decides(condition, cl.Attribute("a", "v"))
        with use_baggage(a="w", b="v"):
            assert not decides(condition, cl.Attribute("a", "v"))
        with use_baggage(a="v"):
            assert decides(condition)
            assert decides(condition, cl.Attribute("a", "w"))


def test_span_attribute_looks_at_the_span_only(use_baggage: UseBaggage, tracer: Tracer) -> None:
    """`SpanAttribute(name, value)`: that source only; of the current span, no parent."""
    condition = cl.SpanAttribute("a", "v")

    with use_baggage(a="v"):
        assert not decides(condition, cl.Attribute("a", "v"))
        with tracer.start_as_current_span("s", attributes={"a": "v"}):
            assert decides(condition, cl.Attribute("a", "w"))
            with tracer.start_as_current_span("child", attributes={"b": "v"}):
                assert not decides(condition)
                assert decides(cl.SpanAttribute("b", "v"))


def test_span_name(tracer: Tracer) -> None:
    """`SpanName(value)`: the name of the current span."""
    assert not decides(cl.SpanName("s"))
    with tracer.start_as_current_span("s") as span:
        assert decides(cl.SpanName("s"))
        assert not decides(cl.SpanName("S"))
        assert not decides(cl.SpanName("s"), sources=())
        span.update_name("t")
        assert not decides(cl.SpanName("s"))
        assert decides(cl.SpanName("t"))


def test_a_new_span_name_and_attribute_are_seen_at_the_next_call(tracer: Tracer, sink: RecordingSink) -> None:
    """Conditions on the span look at its name and attributes of now, under an unchanged OTel context."""
    ctx = cl.LoggingContext(sink)
    ctx.add_rule(
        cl.ConditionRule(7, cl.SpanName("new")),
        cl.ConditionRule(8, cl.SpanAttribute("a", 1)),
        cl.ConditionRule(9, cl.SpanAttribute("a", True)),
    )
    unbound = ctx.unbound_logger()
    levels: list[int] = []

    def note() -> None:
        levels.append(max(level for level in range(11) if level == 0 or unbound.enabled(level)))

    with tracer.start_as_current_span("old") as span:
        note()
        span.update_name("new")
        note()
        span.set_attribute("a", 1)
        note()
        span.set_attribute("a", True)
        note()
        span.set_attribute("a", 1)
        note()
        span.set_attribute("a", 2)
        span.update_name("old")
        note()

    assert levels == [3, 7, 8, 9, 8, 3]


def test_sampled(tracer: Tracer) -> None:
    """`Sampled(sampled=True)`: whether the current span is sampled; no span: not sampled."""
    unsampled = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("unsampled")

    assert cl.Sampled() == cl.Sampled(sampled=True) == cl.Sampled(True)
    assert not decides(cl.Sampled())
    assert decides(cl.Sampled(sampled=False))
    with tracer.start_as_current_span("s"):
        assert decides(cl.Sampled())
        assert not decides(cl.Sampled(sampled=False))
    with unsampled.start_as_current_span("s"):
        assert not decides(cl.Sampled())
        assert decides(cl.Sampled(sampled=False))


def test_sampled_of_a_remote_span() -> None:
    """`Sampled`: the flag of a span that came from elsewhere counts too."""
    for flags, expected in ((trace.TraceFlags(1), True), (trace.TraceFlags(0), False)):
        span = trace.NonRecordingSpan(trace.SpanContext(1, 2, is_remote=True, trace_flags=flags))
        with trace.use_span(span):
            assert decides(cl.Sampled()) is expected
            assert decides(cl.Sampled(sampled=False)) is not expected


def _provider(**attributes: str | int) -> LoggerProvider:
    return LoggerProvider(resource=Resource(attributes), shutdown_on_exit=False)


def test_resource_attribute() -> None:
    """`ResourceAttribute(name, value)`: of the target provider, value or matcher."""
    ctx = cl.LoggingContext(_provider(zone="eu-1", replicas=3))

    for condition, expected in (
        (cl.ResourceAttribute("zone", "eu-1"), True),
        (cl.ResourceAttribute("zone", "eu-2"), False),
        (cl.ResourceAttribute("zone", cl.Glob("eu-*")), True),
        (cl.ResourceAttribute("replicas", 3), True),
        (cl.ResourceAttribute("replicas", "3"), False),
        (cl.ResourceAttribute("none", cl.Exists()), False),
        (cl.Attribute("zone", "eu-1"), False),
    ):
        ctx.replace_rules([cl.ConditionRule(7, condition)])
        assert ctx.logger().enabled(7) is expected, condition
        assert ctx.unbound_logger(cl.Attribute("zone", "x")).enabled(7) is expected, condition


def test_resource_attribute_is_that_of_the_target_of_now() -> None:
    """`ResourceAttribute`: of the target provider, that of the nested context if it has one, and of now."""
    ctx = cl.LoggingContext(_provider(zone="one"))
    ctx.add_rule(cl.ConditionRule(7, cl.ResourceAttribute("zone", "one")))
    nested = ctx.with_context()
    unbound, inner = ctx.unbound_logger(), nested.unbound_logger()
    assert (unbound.enabled(7), inner.enabled(7)) == (True, True)

    nested.set_target(_provider(zone="two"))
    assert (unbound.enabled(7), inner.enabled(7)) == (True, False)

    nested.set_target(None)
    ctx.set_target(_provider(zone="two"))
    assert (unbound.enabled(7), inner.enabled(7)) == (False, False)


def test_resource_attribute_does_not_match_a_sink() -> None:
    """`ResourceAttribute`: of the target provider; a sink has none."""
    assert not decides(cl.ResourceAttribute("service.name", cl.Exists()))


@pytest.mark.parametrize("sources", [(), (cl.BaggageSource(),), (_Own(),)], ids=["none", "baggage", "own"])
def test_span_conditions_need_a_span_source(tracer: Tracer, sources: tuple[cl.Source, ...]) -> None:
    """`SpanAttribute`, `SpanName`, `Sampled` need a `SpanSource`; without it none matches, `Sampled(False)` neither."""
    with tracer.start_as_current_span("name", attributes={"s": "v"}):
        for condition in SPAN_CONDITIONS:
            assert decides(condition)
            assert decides(condition, sources=(cl.SpanSource(),))
            assert not decides(condition, sources=sources)
            assert decides(cl.Not(condition), sources=sources)
    assert decides(cl.Sampled(sampled=False))
    assert not decides(cl.Sampled(sampled=False), sources=sources)


@pytest.mark.parametrize("sources", [(), (cl.SpanSource(),), (_Own(),)], ids=["none", "span", "own"])
def test_baggage_entry_needs_a_baggage_source(use_baggage: UseBaggage, sources: tuple[cl.Source, ...]) -> None:
    """`BaggageEntry` needs a `BaggageSource`; without it it does not match."""
    with use_baggage(a="v"):
        for condition in (cl.BaggageEntry("a", "v"), cl.BaggageEntry("a", cl.Exists())):
            assert decides(condition)
            assert decides(condition, sources=(cl.BaggageSource(),))
            assert not decides(condition, sources=sources)


def test_resource_attribute_needs_any_source() -> None:
    """`ResourceAttribute` needs any source: with none it does not match, with an own one it does."""
    rule = cl.ConditionRule(7, cl.ResourceAttribute("zone", "one"))
    for sources, expected in (
        ((), False),
        ((_Own(),), True),
        ((cl.SpanSource(),), True),
        ((cl.BaggageSource(),), True),
    ):
        ctx = cl.LoggingContext(_provider(zone="one"), sources=sources)
        ctx.add_rule(rule)
        assert ctx.logger().enabled(7) is expected, sources
        assert ctx.unbound_logger().enabled(7) is expected, sources


ALL = [
    *SPAN_CONDITIONS,
    cl.Sampled(sampled=False),
    cl.BaggageEntry("b", "v"),
    cl.BaggageEntry("b", cl.Exists()),
    cl.ResourceAttribute("zone", "one"),
]


@pytest.mark.parametrize("condition", ALL, ids=repr)
def test_in_logger_for_and_match_none_of_them_matches(
    use_baggage: UseBaggage, tracer: Tracer, condition: cl.Condition
) -> None:
    """In `logger_for` and in `match()` none of the OTel conditions matches, `Sampled(False)` neither."""
    ctx = cl.LoggingContext(_provider(zone="one"))
    ctx.add_rule(cl.ConditionRule(7, condition))

    with use_baggage(b="v"), tracer.start_as_current_span("name", attributes={"s": "v"}):
        assert ctx.logger_for().enabled(7) is False
        assert ctx.logger_for(cl.Tag("t")) is cl.NON_LOGGING
        assert ctx.attribution().logger_for().enabled(7) is False
        assert ctx.match(condition) is False
        assert ctx.with_context(cl.Attribute("s", "v"), cl.Attribute("b", "v")).match(condition) is False
        assert ctx.attribution().match(condition) is False
    assert ctx.match(condition) is False
    assert ctx.logger_for() is cl.NON_LOGGING
