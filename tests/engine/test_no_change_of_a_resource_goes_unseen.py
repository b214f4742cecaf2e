"""The resource of the target's provider changes under an unchanged context, too: after a fork, for instance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import TracerProvider

import otel_ctxlog as cl

from . import own
from .targets import Described, MovingProvider

if TYPE_CHECKING:
    from collections.abc import Callable

LOUD = 7

WAYS: dict[str, Callable[[cl.Condition], tuple[cl.Condition, ...]]] = {
    "itself": lambda condition: (condition,),
    "asked by an own condition": lambda condition: (own.Asks(condition),),
    "under Not": lambda condition: (cl.Not(cl.Not(condition)),),
    "with baggage": lambda condition: (cl.And(condition, cl.BaggageEntry("tenant", "t")),),
    "beside a span's attribute": lambda condition: (condition, cl.SpanAttribute("never", 1)),
    "beside baggage": lambda condition: (condition, cl.BaggageEntry("never", "x")),
}


@pytest.mark.parametrize("way", list(WAYS))
@pytest.mark.parametrize("spans", [True, False])
def test_a_new_resource_counts_at_the_next_call(way: str, *, spans: bool) -> None:
    """Unbound loggers follow it, as do bound ones made then, events and explanations."""
    provider = MovingProvider("resource")
    ctx = cl.LoggingContext(provider)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    ctx.default_level = 0
    ctx.add_rule(*(cl.ConditionRule(LOUD, one) for one in WAYS[way](cl.ResourceAttribute("place", "loud"))))
    unbound, eventer = ctx.unbound_logger(), ctx.eventer()
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("resource")
    current = baggage.set_baggage("tenant", "t")
    if spans:
        current = trace.set_span_in_context(tracer.start_span("s", attributes={"a": 1}), current)
    token = context.attach(current)
    try:
        for place in ("quiet", "loud", "loud", "quiet", "loud", None):
            provider.resource = Described({} if place is None else {"place": place})
            loud = place == "loud"

            assert [unbound.enabled(LOUD) for _ in range(2)] == [loud, loud], place
            assert ctx.logger().enabled(LOUD) is loud
            assert (ctx.explain().level == LOUD) is loud
            provider.arrived.clear()
            eventer.event("type")
            assert bool(provider.arrived) is loud
    finally:
        context.detach(token)


def test_another_target_has_another_resource() -> None:
    """A context that is given another target asks that one's resource; so does what is nested in it."""
    loud, quiet = MovingProvider("loud"), MovingProvider("quiet")
    loud.resource = Described({"place": "loud"})
    ctx = cl.LoggingContext(quiet)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    ctx.add_rule(cl.ConditionRule(LOUD, cl.ResourceAttribute("place", "loud")))
    nested = ctx.with_context(cl.Tag("t"))
    loggers = [ctx.unbound_logger(), nested.unbound_logger()]
    found: list[list[bool]] = []
    for target in (quiet, loud, own.KeepingSink("s", []), loud, quiet):
        ctx.set_target(target)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        found.append([logger.enabled(LOUD) for logger in loggers])
    nested.set_target(loud)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    found.append([logger.enabled(LOUD) for logger in loggers])

    assert found == [[False] * 2, [True] * 2, [False] * 2, [True] * 2, [False] * 2, [False, True]]
