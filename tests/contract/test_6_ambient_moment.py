"""Section 6 of the contract: which moment's ambient attributes decide, and which are attached."""

from __future__ import annotations

import asyncio
import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import otel_ctxlog as cl

from .emitted import attributes, attributes_of, last, only
from .records import RecordingSink, use_baggage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.trace import Tracer

    from .emitted import Records

DEBUG_FOR_ACME = cl.ConditionRule(cl.DEBUG, cl.Attribute("tenant", "acme"))


# --- bound: the moment they were made -----------------------------------------------------------------------------


def test_a_bound_logger_keeps_the_level_of_where_it_was_made(ctx: cl.LoggingContext) -> None:
    """Bound loggers see the ambient attributes of the moment they were made for their level."""
    ctx.add_rule(DEBUG_FOR_ACME)
    outside = ctx.logger()
    with use_baggage(tenant="acme"):
        inside = ctx.logger()
        assert inside.enabled(cl.DEBUG)
        assert not outside.enabled(cl.DEBUG)

    assert inside.enabled(cl.DEBUG)
    assert not outside.enabled(cl.DEBUG)


def test_a_bound_logger_does_not_follow_the_span(ctx: cl.LoggingContext, tracer: Tracer) -> None:
    """For a bound logger, an attribute set on the span after it was made comes too late."""
    ctx.add_rule(DEBUG_FOR_ACME)

    with tracer.start_as_current_span("s") as span:
        early = ctx.logger()
        span.set_attribute("tenant", "acme")
        late = ctx.logger()
        span.set_attribute("tenant", "globex")

        assert not early.enabled(cl.DEBUG)
        assert late.enabled(cl.DEBUG)


def test_bound_of_an_unbound_logger_is_made_when_it_is_called(ctx: cl.LoggingContext) -> None:
    """`bound()` makes a bound logger: the ambient attributes of that moment fix its level."""
    ctx.add_rule(DEBUG_FOR_ACME)
    unbound = ctx.unbound_logger()
    with use_baggage(tenant="acme"):
        bound = unbound.bound()

    assert bound.enabled(cl.DEBUG)
    assert not unbound.enabled(cl.DEBUG)
    assert not unbound.bound().enabled(cl.DEBUG)


# --- unbound: each call -------------------------------------------------------------------------------------------


def test_an_unbound_logger_sees_the_baggage_of_each_call(ctx: cl.LoggingContext) -> None:
    """Unbound loggers see the ambient attributes of each call."""
    ctx.add_rule(DEBUG_FOR_ACME)
    logger = ctx.unbound_logger()

    for _ in range(3):
        assert not logger.enabled(cl.DEBUG)
        with use_baggage(tenant="acme"):
            assert logger.enabled(cl.DEBUG)
            with use_baggage(tenant="globex"):
                assert not logger.enabled(cl.DEBUG)
            assert logger.enabled(cl.DEBUG)


def test_an_unbound_logger_sees_a_set_attribute_a_moment_before(
    ctx: cl.LoggingContext, records: Records, tracer: Tracer
) -> None:
    """Unbound loggers see a `span.set_attribute` a moment before the call, again and again under one context."""
    ctx.add_rule(DEBUG_FOR_ACME)
    logger = ctx.unbound_logger()

    with tracer.start_as_current_span("s") as span:
        for i in range(5):
            span.set_attribute("tenant", "globex")
            logger.debug("hidden", i=i)
            span.set_attribute("tenant", "acme")
            logger.debug("shown", i=i)

    assert [record.log_record.body for record in records()] == ["shown"] * 5
    assert [attributes(record) for record in records()] == [{"tenant": "acme", "i": i} for i in range(5)]


@pytest.mark.parametrize(
    ("wanted", "others"),
    [
        (True, [1, 1.0, "true", "True"]),
        (1, [True, "1", 2]),
        ("1", [1, True, "1 "]),
        ([1, 2], [[1], [2, 1], [1, 2, 3], "[1, 2]"]),
        ([True], [[1], [False]]),
    ],
    ids=repr,
)
def test_values_that_only_seem_equal_are_told_apart_at_each_call(
    wanted: bool | float | str | list[int], others: list[bool | float | str], ctx: cl.LoggingContext, tracer: Tracer
) -> None:
    """A span attribute that changes to a value that Python holds for equal still changes the decision."""
    ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.Attribute("k", wanted)))
    logger = ctx.unbound_logger()

    with tracer.start_as_current_span("s") as span:
        for other in others:
            span.set_attribute("k", other)
            assert not logger.enabled(cl.DEBUG), other
            span.set_attribute("k", wanted)
            assert logger.enabled(cl.DEBUG), other
            span.set_attribute("k", other)
            assert not logger.enabled(cl.DEBUG), other


def test_an_attribute_that_appears_later_is_seen(ctx: cl.LoggingContext, tracer: Tracer) -> None:
    """An attribute that was not there at the first call is seen at the second, `Exists` and `Not` included."""
    ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.Attribute("k", cl.Exists())))
    ctx.add_rule(cl.ConditionRule(cl.TRACE, cl.Not(cl.Attribute("j", cl.Exists()))))
    logger = ctx.unbound_logger()

    with tracer.start_as_current_span("s") as span:
        assert logger.enabled(cl.TRACE)
        span.set_attribute("j", 1)
        assert not logger.enabled(cl.DEBUG)
        span.set_attribute("k", 1)
        assert logger.enabled(cl.DEBUG)
        assert not logger.enabled(cl.TRACE)


def test_a_new_span_name_is_seen(ctx: cl.LoggingContext, tracer: Tracer) -> None:
    """Unbound loggers follow the span at each call, its name included."""
    ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.SpanName("checkout")))
    logger = ctx.unbound_logger()

    with tracer.start_as_current_span("start") as span:
        assert not logger.enabled(cl.DEBUG)
        span.update_name("checkout")
        assert logger.enabled(cl.DEBUG)
        with tracer.start_as_current_span("inner"):
            assert not logger.enabled(cl.DEBUG)
        assert logger.enabled(cl.DEBUG)


def test_an_own_condition_sees_the_moment_of_each_call(ctx: cl.LoggingContext, tracer: Tracer) -> None:
    """Own conditions too are asked anew when what they look at changed under an unchanged context."""

    class Large:
        def matches(self, messages: Sequence[object]) -> bool:
            return any(
                isinstance(message, cl.Attribute) and message.name == "size" and message.value > 10  # type: ignore[operator]
                for message in messages
            )

    ctx.add_rule(cl.ConditionRule(cl.DEBUG, Large()))
    logger = ctx.unbound_logger()

    with tracer.start_as_current_span("s") as span:
        for size in (1, 11, 5, 100, 10):
            span.set_attribute("size", size)
            assert logger.enabled(cl.DEBUG) is (size > 10), size


def test_contexts_that_come_and_go_leave_no_stale_decision(ctx: cl.LoggingContext) -> None:
    """Decisions are those of the call's context, also when a new one takes the memory of an old one."""
    ctx.add_rule(DEBUG_FOR_ACME)
    logger = ctx.unbound_logger()

    for i in range(2000):
        tenant = "acme" if i % 3 == 0 else f"tenant {i}"
        with use_baggage(tenant=tenant):
            assert logger.enabled(cl.DEBUG) is (tenant == "acme")
        if i % 500 == 0:
            gc.collect()


def test_spans_that_come_and_go_leave_no_stale_decision(ctx: cl.LoggingContext, tracer: Tracer) -> None:
    """Decisions are those of the call's span, also when a new one takes the memory of an old one."""
    ctx.add_rule(DEBUG_FOR_ACME)
    logger = ctx.unbound_logger()

    for i in range(1000):
        tenant = "acme" if i % 3 == 0 else "other"
        with tracer.start_as_current_span("s", attributes={"tenant": tenant}):
            assert logger.enabled(cl.DEBUG) is (tenant == "acme")


def test_rule_changes_and_context_changes_mix(ctx: cl.LoggingContext) -> None:
    """A remembered decision survives neither a change of context nor one of rules."""
    logger = ctx.unbound_logger()

    with use_baggage(tenant="acme"):
        for _ in range(3):
            assert not logger.enabled(cl.DEBUG)
            ctx.add_rule(DEBUG_FOR_ACME)
            assert logger.enabled(cl.DEBUG)
            token = otel_context.attach(otel_context.Context())
            assert not logger.enabled(cl.DEBUG)
            otel_context.detach(token)
            assert logger.enabled(cl.DEBUG)
            ctx.reset_rules()


def test_asyncio_tasks_each_have_their_own_ambient_attributes(sink: RecordingSink) -> None:
    """One unbound logger in many interleaved asyncio tasks: each call sees and attaches its own task's baggage."""
    ctx = cl.LoggingContext(sink)
    ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.Attribute("tenant", cl.Glob("*[02468]"))))
    logger = ctx.unbound_logger()

    async def request(tenant: int) -> None:
        with use_baggage(tenant=f"t{tenant}"):
            for _ in range(10):
                await asyncio.sleep(0)
                assert logger.enabled(cl.DEBUG) is (tenant % 2 == 0)
                logger.debug("m", own=f"t{tenant}")

    async def main() -> None:
        await asyncio.gather(*(request(tenant) for tenant in range(20)))

    asyncio.run(main())

    assert len(sink.records) == 100
    for record in sink.records:
        found = attributes_of(record)
        assert found["tenant"] == found["own"]


def test_threads_each_have_their_own_ambient_attributes(sink: RecordingSink) -> None:
    """One unbound logger in many threads: each call sees and attaches its own thread's baggage."""
    ctx = cl.LoggingContext(sink)
    ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.Attribute("tenant", cl.OneOf("t0", "t2"))))
    logger = ctx.unbound_logger()
    barrier = threading.Barrier(4)

    def work(tenant: str) -> int:
        barrier.wait()
        shown = 0
        for _ in range(200):
            with use_baggage(tenant=tenant):
                shown += logger.enabled(cl.DEBUG)
                logger.debug("m", own=tenant)
        return shown

    with ThreadPoolExecutor(4) as pool:
        shown = list(pool.map(work, ["t0", "t1", "t2", "t3"]))

    assert shown == [200, 0, 200, 0]
    assert len(sink.records) == 400
    assert all(attributes_of(record)["tenant"] == attributes_of(record)["own"] for record in sink.records)


# --- attached: always the call ------------------------------------------------------------------------------------

LOGGERS: dict[str, Callable[[cl.LoggingContext], Callable[[str], None]]] = {
    "bound": lambda c: c.logger().info,
    "unbound": lambda c: c.unbound_logger().info,
    "bound with_values": lambda c: c.logger().with_values(v=1).info,
    "v": lambda c: c.v(cl.INFO).info,
    "logger_for": lambda c: c.logger_for(cl.Tag("t")).info,
    "event": lambda c: c.eventer().event,
}


@pytest.mark.parametrize("way", LOGGERS)
def test_what_is_attached_is_of_the_call(way: str, ctx: cl.LoggingContext, records: Records, tracer: Tracer) -> None:
    """What is attached is always of the call, for bound loggers too: neither older nor forgotten."""
    ctx.add_rule(cl.ConditionRule(cl.INFO, cl.Tag("t")))
    with use_baggage(when="made", gone="1"), tracer.start_as_current_span("made", attributes={"s": "made"}):
        log = LOGGERS[way](ctx)

    log("outside")
    with use_baggage(when="called"), tracer.start_as_current_span("called", attributes={"s": "called"}) as span:
        log("inside")
        span.set_attribute("s", "changed")
        log("changed")

    ambient = [
        {name: value for name, value in attributes(record).items() if name in ("when", "gone", "s")}
        for record in records()
    ]
    assert ambient == [{}, {"when": "called", "s": "called"}, {"when": "called", "s": "changed"}]


@pytest.mark.parametrize("way", LOGGERS)
def test_trace_ids_and_flags_are_of_the_call(
    way: str, ctx: cl.LoggingContext, records: Records, tracer: Tracer
) -> None:
    """Trace id, span id and flags are always those of the call."""
    ctx.add_rule(cl.ConditionRule(cl.INFO, cl.Tag("t")))
    unsampled = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("t")
    with tracer.start_as_current_span("made"):
        log = LOGGERS[way](ctx)

    log("no span")
    with tracer.start_as_current_span("outer") as outer:
        log("outer")
        with tracer.start_as_current_span("inner") as inner:
            log("inner")
    with unsampled.start_as_current_span("unsampled") as silent:
        log("unsampled")

    ids = [
        (record.log_record.trace_id, record.log_record.span_id, int(record.log_record.trace_flags or 0))
        for record in records()
    ]
    spans = [trace.INVALID_SPAN, outer, inner, silent]
    contexts = [span.get_span_context() for span in spans]
    assert [(i[0] or 0, i[1] or 0) for i in ids] == [(context.trace_id, context.span_id) for context in contexts]
    assert [i[2] for i in ids] == [int(context.trace_flags) for context in contexts]
    assert [i[2] & 1 for i in ids] == [0, 1, 1, 0]


def test_a_sink_gets_the_context_of_the_call(sink: RecordingSink) -> None:
    """To a sink, the OTel context of the call is given."""
    logger = cl.LoggingContext(sink).logger()

    with use_baggage(k="v") as current:
        logger.info("m")

    assert only(sink.records)["context"] == current


def test_a_lazy_value_that_opens_a_span_does_not_change_the_ids(
    ctx: cl.LoggingContext, records: Records, tracer: Tracer
) -> None:
    """The ids are those of the call, also when computing a field visits another span."""

    def compute() -> str:
        with tracer.start_as_current_span("inside"):
            return "x"

    with tracer.start_as_current_span("outer") as span:
        ctx.logger().info("m", k=cl.Lazy(compute))

    assert last(records).log_record.span_id == span.get_span_context().span_id
