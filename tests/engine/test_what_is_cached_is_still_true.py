"""Decisions are kept by OpenTelemetry context; what changes under an unchanged context is looked at again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.trace import TracerProvider

import otel_ctxlog as cl

from . import own

if TYPE_CHECKING:
    from collections.abc import Callable


class OwnSpanName(cl.SpanName):
    """A subclass of a built-in condition: it is asked, not analysed."""


CONDITIONS: dict[str, Callable[[cl.Condition], cl.Condition]] = {
    "itself": lambda condition: condition,
    "asked by an own condition": own.Asks,
    "under Not": lambda condition: cl.Not(cl.Not(condition)),
    "in a subclass of ConditionRule's conditions": lambda condition: cl.And(own.MoreThan(-1), condition),
}


@pytest.mark.parametrize("way", list(CONDITIONS))
def test_a_new_span_name_counts_at_the_next_call(way: str) -> None:
    """`update_name` reaches unbound loggers, however the rule looks at the name."""
    _renamed(CONDITIONS[way](cl.SpanName("new")))


def test_a_new_span_name_counts_for_a_subclass_of_a_condition() -> None:
    """The same for a condition derived from a built-in one."""
    _renamed(OwnSpanName("new"))


def _renamed(condition: cl.Condition) -> None:
    ctx = cl.LoggingContext(own.KeepingSink("s", []))
    ctx.add_rule(cl.ConditionRule(7, condition))
    unbound = ctx.unbound_logger()
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("cached")
    with tracer.start_as_current_span("old") as span:
        found = [unbound.enabled(7), unbound.enabled(7)]
        span.update_name("new")
        found.append(unbound.enabled(7))
        span.update_name("old")
        found.append(unbound.enabled(7))

    assert found == [False, False, True, False]


@pytest.mark.parametrize(("first", "then"), [(1, True), (True, 1), (0, False), (1.0, True), ("1", 1)])
def test_values_that_python_takes_for_equal_are_told_apart(first: float | str, then: float) -> None:
    """A span attribute that goes from 1 to True is another value."""
    ctx = cl.LoggingContext(own.KeepingSink("s", []))
    ctx.add_rule(cl.ConditionRule(7, cl.SpanAttribute("a", then)))
    unbound = ctx.unbound_logger()
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("cached")
    with tracer.start_as_current_span("s", attributes={"a": first}) as span:
        before = unbound.enabled(7)
        span.set_attribute("a", then)

        assert (before, unbound.enabled(7)) == (False, True)
