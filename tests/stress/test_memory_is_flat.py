"""Whatever a service sees in a long life, the library keeps none of it."""

from __future__ import annotations

import gc
import itertools
import sys
import tracemalloc
import weakref
from typing import TYPE_CHECKING, NamedTuple

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import TracerProvider

import otel_ctxlog as cl

from .running import NullSink, current_baggage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from opentelemetry.trace import Tracer

ALLOWED = 200_000
"""Bytes that may come and go, whatever the number of calls: a bounded cache of decisions is among them."""


ALLOWED_OBJECTS = 2_000
"""The same in objects that the garbage collector knows, and in small blocks of memory."""


@pytest.fixture
def tracer() -> Iterator[Tracer]:
    provider = TracerProvider(shutdown_on_exit=False)
    yield provider.get_tracer("memory")
    provider.shutdown()


def _grown(once: Callable[[int], object], calls: int) -> int:
    """Return by how many bytes memory grew over so many calls, after a start."""
    numbers = itertools.count()
    for _ in range(2000):
        once(next(numbers))
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(calls):
            once(next(numbers))
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return after - before


def _service() -> cl.LoggingContext:
    """Return a context whose rules look at all that is ambient."""
    ctx = cl.LoggingContext(NullSink())
    ctx.add_rule(
        cl.ConditionRule(4, cl.BaggageEntry("tenant", "loud")),
        cl.ConditionRule(5, cl.SpanAttribute("detail", True)),
        cl.ConditionRule(6, cl.SpanName("never")),
        cl.ConditionRule(6, cl.Attribute("tenant", cl.Regex("^never$"))),
    )
    return ctx


def _kinds(ctx: cl.LoggingContext, tracer: Tracer) -> dict[str, Callable[[int], object]]:
    unbound = ctx.unbound_logger(cl.Realm("shop"))

    def new_contexts(number: int) -> None:
        token = context.attach(context.set_value("request", number))
        unbound.debug("m")
        context.detach(token)

    def new_spans(number: int) -> None:
        with tracer.start_as_current_span("s", attributes={"detail": f"detail {number}"}):
            unbound.debug("m")

    def new_tenants(number: int) -> None:
        with current_baggage(tenant=f"tenant {number}"):
            unbound.debug("m")

    def new_loggers(number: int) -> None:
        attribution = ctx.attribution(cl.Attribute("request", f"request {number}"))
        attribution.logger().debug("m")
        attribution.unbound_logger().debug("m")
        ctx.with_context(cl.Tag(f"tag {number}")).logger(cl.Realm(f"realm {number}")).debug("m")

    def new_rules(number: int) -> None:
        ctx.add_rule(cl.ConditionRule(4, cl.Tag("same")))
        unbound.debug("m")

    return {
        "contexts": new_contexts,
        "spans": new_spans,
        "tenants": new_tenants,
        "loggers": new_loggers,
        "rules": new_rules,
    }


CALLS = {"contexts": 200_000, "spans": 30_000, "tenants": 60_000, "loggers": 20_000, "rules": 10_000}


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(CALLS))
def test_memory_does_not_grow_with_ever_new(kind: str, tracer: Tracer) -> None:
    """Ever-new OpenTelemetry contexts, spans, tenants, loggers and rules leave nothing behind."""
    assert _grown(_kinds(_service(), tracer)[kind], CALLS[kind]) < ALLOWED


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_memory_does_not_grow_with_a_million_contexts(tracer: Tracer) -> None:
    """A million new OpenTelemetry contexts leave nothing behind."""
    assert _grown(_kinds(_service(), tracer)["contexts"], 1_000_000) < ALLOWED


def test_contexts_kept_alive_by_the_host_do_not_grow_the_cache() -> None:
    """Memory per live OpenTelemetry context is bounded, too: the host may hold a million of them."""
    unbound = _service().unbound_logger()
    held = [context.set_value("n", number) for number in range(20_000)]

    def once(number: int) -> None:
        token = context.attach(held[number % len(held)])
        unbound.debug("m")
        context.detach(token)

    assert _grown(once, 40_000) < 2 * ALLOWED


def test_nothing_of_a_request_is_kept_alive(tracer: Tracer) -> None:
    """Spans, OpenTelemetry contexts, loggers and nested contexts of a request go with it."""
    ctx = _service()
    shared = [ctx.unbound_logger(cl.Tag(str(number))) for number in range(3)]
    watched: dict[str, weakref.ref[object]] = {}

    def request() -> None:
        with tracer.start_as_current_span("s") as span, current_baggage(tenant="t"):
            nested = ctx.with_context(cl.Tag("request"))
            nested.add_rule(cl.ConditionRule(4, cl.SpanAttribute("detail", 1)))
            unbound = nested.unbound_logger()
            bound = nested.logger()
            for logger in (*shared, unbound, bound):
                logger.debug("m")
                logger.info("m")
            watched.update(
                {
                    "span": weakref.ref(span),
                    "context": weakref.ref(context.get_current()),
                    "nested": weakref.ref(nested),
                    "unbound": weakref.ref(unbound),
                    "bound": weakref.ref(bound),
                }
            )

    request()
    gc.collect()

    assert {name for name, ref in watched.items() if ref() is not None} == set()


class Kept(NamedTuple):
    """What is there after many calls that was not before."""

    size: int
    objects: int
    blocks: int


def _kept(once: Callable[[int], object], calls: int, traced: int) -> Kept:
    """Return what so many calls leave behind, after a start.

    Args:
        once: one call.
        calls: how many; objects and blocks are counted over all of them, which costs them nothing.
        traced: so many of them, the last, are watched by tracemalloc, which makes them five times slower.
    """
    numbers = itertools.count()
    for _ in range(2000):
        once(next(numbers))
    gc.collect()
    objects, blocks = len(gc.get_objects()), sys.getallocatedblocks()
    for _ in range(calls - traced):
        once(next(numbers))
    size = _grown(lambda number: once(number + calls), traced) if traced else 0
    gc.collect()
    return Kept(size, len(gc.get_objects()) - objects, sys.getallocatedblocks() - blocks)


class Looks:
    """An own condition that looks at the tenant."""

    def matches(self, messages: Sequence[object], /) -> bool:
        return any(isinstance(one, cl.Attribute) and one.name == "tenant" and one.value == "" for one in messages)


class LooksAndSaysSo(Looks):
    """The same, and says so."""

    depends_on = frozenset({"tenant"})


def _gated(condition: cl.Condition | None) -> cl.LoggingContext:
    ctx = _service()
    ctx.add_rule(
        *(cl.ConditionRule(4, cl.BaggageEntry("tenant", f"loud {number}")) for number in range(8)),
        cl.ConditionRule(6, cl.Attribute("user", cl.Glob("never*"))),
    )
    if condition is not None:
        ctx.add_rule(cl.ConditionRule(6, condition))
    return ctx


RULES: dict[str, cl.Condition | None] = {"rules": None, "declared": LooksAndSaysSo(), "undeclared": Looks()}


def _ways(ctx: cl.LoggingContext) -> dict[str, Callable[[int], object]]:
    """Return all that can be asked about a call."""
    unbound, eventer = ctx.unbound_logger(cl.Realm("r")), ctx.eventer()
    return {
        "unbound": lambda _number: unbound.debug("m"),
        "bound": lambda _number: ctx.logger(cl.Realm("r")).debug("m"),
        "bound to a user": lambda number: ctx.logger(cl.Attribute("user", f"user {number}")).debug("m"),
        "logger_for": lambda number: ctx.logger_for(cl.Attribute("tenant", f"tenant {number}")).debug("m"),
        "events": lambda number: eventer.event("t", user=f"user {number}"),
        "ever-new events": lambda number: eventer.event(f"type {number}", {f"field {number}": number}),
        "explain": lambda _number: ctx.explain(cl.Realm("r")),
    }


SHARES = {
    "unbound": 70,
    "bound": 15,
    "bound to a user": 6,
    "logger_for": 6,
    "events": 1,
    "ever-new events": 1,
    "explain": 1,
}
"""Of a million calls, so many hundredths are of that kind."""


def _in_ever_new_contexts(call: Callable[[int], object], tracer: Tracer) -> Callable[[int], None]:
    """Return the call in an OpenTelemetry context, of a tenant, and now and then in a span, that never was before."""

    def once(number: int) -> None:
        made = baggage.set_baggage("tenant", f"tenant {number}")
        if number % 20 == 0:
            made = trace.set_span_in_context(tracer.start_span("s", attributes={"detail": f"detail {number}"}), made)
        token = context.attach(made)
        call(number)
        context.detach(token)

    return once


@pytest.mark.parametrize("way", list(SHARES))
def test_no_kind_of_question_leaves_anything_behind(way: str, tracer: Tracer) -> None:
    """Whoever is asked in ever-new contexts for ever-new tenants, own conditions included, keeps nothing of them."""
    call = _ways(_gated(RULES["undeclared"]))[way]

    kept = _kept(_in_ever_new_contexts(call, tracer), 4_000, 1_000)

    assert kept.size < ALLOWED
    assert kept.objects < ALLOWED_OBJECTS
    assert kept.blocks < ALLOWED_OBJECTS


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("rules", list(RULES))
def test_a_million_questions_leave_nothing_behind(rules: str, tracer: Tracer) -> None:
    """Over all kinds of rules, a million questions of all kinds leave as little as a few thousand."""
    ways = _ways(_gated(RULES[rules]))
    for way, share in SHARES.items():
        calls = share * 1_000_000 // 100 // len(RULES)

        kept = _kept(_in_ever_new_contexts(ways[way], tracer), calls, calls // 20)

        assert kept.size < ALLOWED, way
        assert kept.objects < ALLOWED_OBJECTS, way
        assert kept.blocks < ALLOWED_OBJECTS, way


def test_nothing_of_what_was_decided_is_kept_alive(tracer: Tracer) -> None:
    """No context, span or tenant's value outlives its call, whoever was asked, however often."""

    class Tenant(str):
        __slots__ = ("__weakref__",)

    for rules in RULES.values():
        ways = _ways(_gated(rules)).values()
        watched: list[weakref.ref[object]] = []
        for number in range(3):
            tenant = Tenant(f"tenant {number}")
            span = tracer.start_span("s", context.Context(), attributes={"detail": tenant})
            made = trace.set_span_in_context(span, baggage.set_baggage("tenant", tenant, context.Context()))
            watched += map(weakref.ref, (tenant, span, made))
            token = context.attach(made)
            for way in ways:
                way(number)
                way(number)
            context.detach(token)
            del tenant, span, made, token
        gc.collect()

        assert [ref() for ref in watched if ref() is not None] == []
