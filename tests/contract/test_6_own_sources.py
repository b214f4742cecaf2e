"""Section 6 of the contract: own sources, and what their answers become."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from opentelemetry import baggage
from opentelemetry.context import Context

import otel_ctxlog as cl

from .emitted import attributes_of, is_otel_value, only, sent
from .records import RecordingSink, use_baggage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Tracer


class OwnSource:
    """An own source: the contract's smallest, without `attach`."""

    def __init__(self, found: Mapping[str, object]) -> None:
        self.found = found
        self.contexts: list[object] = []

    def attributes(self, context: Context) -> Mapping[str, object]:
        self.contexts.append(context)
        return self.found


class QuietSource(OwnSource):
    """An own source for rules only."""

    attach = False


class LoudSource(OwnSource):
    """An own source that says that it is attached."""

    attach = True


class RaisingSource:
    """An own source that is broken."""

    def attributes(self, context: Context) -> Mapping[str, object]:
        raise RuntimeError("broken source")


@pytest.mark.parametrize("kind", [OwnSource, LoudSource])
def test_an_own_source_takes_part_and_is_attached(kind: type[OwnSource], sink: RecordingSink) -> None:
    """Own sources: `attributes(context) -> Mapping`; `attach` is optional and true by default."""
    ctx = cl.LoggingContext(sink, sources=(kind({"k": "v", "n": 5}),))
    ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.Attribute("n", 5)))

    ctx.logger().debug("m")

    assert sent(sink) == {"k": "v", "n": 5}


def test_an_own_source_may_be_for_rules_only(sink: RecordingSink) -> None:
    """An own source with `attach = False` takes part in rules and is not attached."""
    ctx = cl.LoggingContext(sink, sources=(QuietSource({"k": "v"}),))
    ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.Attribute("k", "v")))

    ctx.logger().debug("m")

    assert sent(sink) == {}


def test_an_own_source_gets_the_current_otel_context(sink: RecordingSink) -> None:
    """An own source is asked with the OTel context of the call."""

    class TenantSource:
        def attributes(self, context: Context) -> Mapping[str, object]:
            assert isinstance(context, Context)
            return {"tenant.from.own": baggage.get_baggage("tenant", context)}

    ctx = cl.LoggingContext(sink, sources=(TenantSource(),))

    with use_baggage(tenant="acme"):
        ctx.logger().info("m")

    assert sent(sink) == {"tenant.from.own": "acme"}


def test_own_and_standard_sources_mix_in_order(sink: RecordingSink) -> None:
    """Among sources a later one wins, own ones included."""
    first, second = OwnSource({"a": "own 1", "b": "own 1"}), OwnSource({"c": "own 2", "b": "own 2"})
    ctx = cl.LoggingContext(sink, sources=(first, cl.BaggageSource(), second))

    with use_baggage(a="baggage", c="baggage"):
        ctx.logger().info("m")

    assert sent(sink) == {"a": "baggage", "b": "own 2", "c": "own 2"}


def test_values_of_an_own_source_become_otel_values(sink: RecordingSink) -> None:
    """Ambient values are attached as values become attribute values: an odd one by its text."""
    ctx = cl.LoggingContext(sink, sources=(OwnSource({"k": {1}, "m": {2: {"x"}}, "big": 2**70}),))

    ctx.logger().info("m")

    assert sent(sink) == {"k": [1], "m": {"2": ["x"]}, "big": str(2**70)}


def test_an_integer_beyond_64_bit_on_a_span_is_attached_as_text(sink: RecordingSink, tracer: Tracer) -> None:
    """Ambient values are attached as attribute values: an integer beyond 64 bit on a span by its text."""
    with tracer.start_as_current_span("s", attributes={"big": 2**70, "list": [2**70, 1]}):
        cl.LoggingContext(sink).logger().info("m")

    assert sent(sink) == {"big": str(2**70), "list": [str(2**70), 1]}


def test_broken_text_on_a_span_is_escaped(sink: RecordingSink, tracer: Tracer) -> None:
    """Text that is not valid UTF-8 is escaped in attributes that come from a span, in names, values and lists."""
    with tracer.start_as_current_span("s", attributes={"k\udc80": "v\udc81", "l": ["x\udc82"]}):
        cl.LoggingContext(sink).logger().info("m")

    assert sent(sink) == {"k\\udc80": "v\\udc81", "l": ["x\\udc82"]}


def test_a_source_that_raises_is_empty(sink: RecordingSink, diagnostics: list[logging.LogRecord]) -> None:
    """A source that raises is empty, with one diagnostic; the other sources still count."""
    ctx = cl.LoggingContext(sink, sources=(RaisingSource(), cl.BaggageSource()))
    logger = ctx.unbound_logger()

    with use_baggage(k="v"):
        for _ in range(3):
            logger.info("m")
            logger.debug("m")

    assert [attributes_of(record) for record in sink.records] == [{"k": "v"}] * 3
    assert only(diagnostics).levelno == logging.ERROR


@pytest.mark.parametrize(
    "answer", [None, 5, ["a"], "text", {5: 1}, {"": 1}, {None: None}, object()], ids=lambda v: repr(v)[:20]
)
def test_a_source_that_answers_nonsense_costs_no_record(answer: object, sink: RecordingSink) -> None:
    """Whatever an own source returns, the call raises nothing and the record goes out with proper attributes."""

    class Nonsense:
        def attributes(self, context: Context) -> Mapping[str, object]:
            return answer  # type: ignore[return-value]  # pyright: ignore[reportReturnType]

    ctx = cl.LoggingContext(sink, sources=(Nonsense(), OwnSource({"k": "v"})))
    ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.Attribute("k", "v")))

    ctx.logger().debug("m")
    ctx.unbound_logger().debug("m")

    assert len(sink.records) == 2
    for record in sink.records:
        found = attributes_of(record)
        assert found["k"] == "v"
        assert is_otel_value(found)
        assert "" not in found
