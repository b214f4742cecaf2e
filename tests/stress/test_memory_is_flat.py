"""Whatever a service sees in a long life, the library keeps none of it."""

from __future__ import annotations

import gc
import itertools
import tracemalloc
import weakref
from typing import TYPE_CHECKING

import pytest
from opentelemetry import context
from opentelemetry.sdk.trace import TracerProvider

import otel_ctxlog as cl

from .running import NullSink, current_baggage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.trace import Tracer

ALLOWED = 200_000
"""Bytes that may come and go, whatever the number of calls: a bounded cache of decisions is among them."""


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
