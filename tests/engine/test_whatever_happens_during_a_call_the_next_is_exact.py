"""Whatever another thread does in the middle of a call, later calls decide by what is true then.

Nothing is left to luck: the other thread comes in at every single line, or bytecode instruction, of a call.
"""

from __future__ import annotations

import contextvars
import gc
from typing import TYPE_CHECKING

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import TracerProvider

import otel_ctxlog as cl

from . import own
from .interleaving import everywhere, everywhere_twice

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.trace import Span

TRACER = TracerProvider(shutdown_on_exit=False).get_tracer("interleaving")
LOUD, QUIET = 5, 3


class Two:
    """One logger and two OpenTelemetry contexts: in the first it is loud, in the second it is not."""

    def __init__(self, *conditions: cl.Condition) -> None:
        self.arrived: list[tuple[str, int]] = []
        self.ctx = cl.LoggingContext(own.KeepingSink("s", self.arrived))
        self.ctx.add_rule(*(cl.ConditionRule(LOUD, condition) for condition in conditions))
        self.fresh()
        self.first, self.second = context.Context(), context.Context()
        self.span: Span = TRACER.start_span("quiet", attributes={"a": "quiet"})

    def fresh(self) -> None:
        """Start with a logger that knows nothing."""
        self.logger = self.ctx.unbound_logger()

    def loud_in(self, current: context.Context) -> bool:
        """Ask the logger in that context."""

        def ask() -> bool:
            context.attach(current)
            return self.logger.enabled(LOUD)

        return contextvars.Context().run(ask)

    def record_in(self, current: context.Context) -> bool:
        """The same, by a record that arrives or does not."""

        def ask() -> bool:
            context.attach(current)
            self.arrived.clear()
            self.logger.log(LOUD, "m")
            return bool(self.arrived)

        return contextvars.Context().run(ask)


WAYS: dict[str, Callable[[cl.Condition], tuple[cl.Condition, ...]]] = {
    "by the index": lambda condition: (condition,),
    "by an own condition": lambda condition: (own.Asks(condition),),
    "among many names": lambda condition: (condition, *(cl.SpanAttribute(f"n{i}", "x") for i in range(20))),
}


@pytest.mark.parametrize("way", list(WAYS))
@pytest.mark.parametrize("known", [True, False])
def test_a_call_in_another_context_comes_between(way: str, known: bool) -> None:
    """Two threads ask one logger in two contexts: neither gets, or leaves behind, the other's decision."""
    two = Two(*WAYS[way](cl.BaggageEntry("tenant", "loud")))
    two.first = baggage.set_baggage("tenant", "loud", trace.set_span_in_context(two.span, two.first))
    two.second = baggage.set_baggage("tenant", "other", trace.set_span_in_context(two.span, two.second))

    def start() -> None:
        two.fresh()
        if known:
            assert two.loud_in(two.first)

    between: list[bool] = []

    def come_in() -> None:
        between[:] = [two.loud_in(two.second)]

    for number, found in everywhere(lambda: two.loud_in(two.first), come_in, "opcode", start=start):
        assert (found, between) == (True, [False]), number
        for _ in range(2):
            assert (two.loud_in(two.second), two.loud_in(two.first)) == (False, True), number


def _changes(two: Two) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """Return, by what is changed, how to make the first context loud, and quiet again."""
    other = own.KeepingSink("other", two.arrived)

    def move(offset: int, level: int) -> None:
        two.ctx.set_target(other, offset)
        two.ctx.default_level = level

    return {
        "attribute": (lambda: two.span.set_attribute("a", "loud"), lambda: two.span.set_attribute("a", "quiet")),
        "name": (lambda: two.span.update_name("loud"), lambda: two.span.update_name("quiet")),
        "rules": (lambda: two.ctx.add_rule(cl.ConditionRule(LOUD)), two.ctx.reset_rules),
        "level": (lambda: setattr(two.ctx, "default_level", LOUD), lambda: setattr(two.ctx, "default_level", QUIET)),
        "target and level": (lambda: move(0, LOUD), lambda: move(1, QUIET)),
    }


RULES: dict[str, tuple[cl.Condition, ...]] = {
    "attribute": (cl.SpanAttribute("a", "loud"),),
    "attribute by an own condition": (own.LastIs("a", "loud"),),
    "name": (cl.SpanName("loud"),),
    "name by an own condition": (own.Asks(cl.SpanName("loud")),),
    "attribute among many names": WAYS["among many names"](cl.Attribute("a", "loud")),
    "rules": (),
    "level": (),
    "target and level": (),
}


def _two_with(kind: str) -> tuple[Two, Callable[[], object], Callable[[], object]]:
    two = Two(*RULES[kind])
    two.first = trace.set_span_in_context(two.span, two.first)
    what = kind if kind == "target and level" else kind.split(maxsplit=1)[0]
    return two, *_changes(two)[what]


@pytest.mark.parametrize("kind", list(RULES))
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("way", ["enabled", "record"])
def test_a_change_comes_between(kind: str, known: bool, way: str) -> None:
    """What changes at any point of a call is seen by the next one, and stays seen."""
    two, make_loud, make_quiet = _two_with(kind)
    ask = two.loud_in if way == "enabled" else two.record_in
    for change, loud in ((make_loud, True), (make_quiet, False)):
        undo = make_quiet if loud else make_loud

        def start(undo: Callable[[], object] = undo, loud: bool = loud) -> None:
            undo()
            if known:
                assert ask(two.first) is not loud
            else:
                two.fresh()

        for number, _ in everywhere(lambda: ask(two.first), change, "line", start=start):
            assert [ask(two.first) for _ in range(2)] == [loud, loud], number


@pytest.mark.parametrize("stride", [5, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", [kind for kind in RULES if "attribute" in kind or "name" in kind])
def test_a_change_comes_and_goes_between(kind: str, stride: int) -> None:
    """A span that is changed and changed back while a decision is made leaves no decision of the time between."""
    two, make_loud, make_quiet = _two_with(kind)

    def start() -> None:
        make_quiet()
        two.fresh()

    ask = lambda: two.loud_in(two.first)
    for points in everywhere_twice(ask, make_loud, make_quiet, start=start, stride=stride):
        assert not two.loud_in(two.first), points


def test_the_garbage_collector_comes_between() -> None:
    """A context that dies while another thread decides in a new one, maybe at the same address, changes nothing."""
    two = Two(cl.BaggageEntry("tenant", "loud"))
    loud = baggage.set_baggage("tenant", "loud", context.Context())
    quiet = baggage.set_baggage("tenant", "quiet", context.Context())
    dying: list[context.Context] = []
    new: list[context.Context] = []

    def start() -> None:
        dying[:] = [context.Context(quiet)]
        assert not two.loud_in(dying[0])
        new[:] = [context.Context(loud)]

    def die() -> None:
        dying.clear()
        gc.collect(0)

    for number, found in everywhere(lambda: two.loud_in(new[0]), die, "opcode", start=start):
        assert (found, two.loud_in(new[0]), two.loud_in(context.Context(quiet))) == (True, True, False), number


@pytest.mark.parametrize("way", ["bound", "eventer", "explain"])
def test_a_change_comes_between_other_questions(way: str) -> None:
    """The same for bound loggers when they are made, for events and for explanations."""
    two, make_loud, make_quiet = _two_with("attribute")
    arrived: list[tuple[str, int]] = []
    two.ctx.set_target(own.KeepingSink("s", arrived))
    eventer = cl.OTelEventer(two.ctx, level=LOUD)

    def loud() -> bool:
        if way == "bound":
            return two.ctx.logger().enabled(LOUD)
        if way == "explain":
            return two.ctx.explain().level == LOUD
        arrived.clear()
        eventer.event("type")
        return bool(arrived)

    def ask() -> bool:
        context.attach(two.first)
        return loud()

    for change, undo, expected in ((make_loud, make_quiet, True), (make_quiet, make_loud, False)):

        def start(undo: Callable[[], object] = undo, expected: bool = expected) -> None:
            undo()
            assert contextvars.Context().run(ask) is not expected

        for number, _ in everywhere(lambda: contextvars.Context().run(ask), change, "line", start=start):
            assert contextvars.Context().run(ask) is expected, number
