"""Section 5 of the contract: `generation`, and changes that fail."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import otel_ctxlog as cl

from .records import RecordingSink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.trace import Tracer

    from .conftest import UseBaggage

A, B = cl.Tag("a"), cl.Tag("b")


def _context() -> cl.LoggingContext:
    return cl.LoggingContext(RecordingSink(), sources=())


def _failing_rules() -> Iterator[cl.Rule]:
    yield cl.ConditionRule(5)
    msg = "on purpose"
    raise RuntimeError(msg)


FAILING: list[tuple[type[Exception] | tuple[type[Exception], ...], Callable[[Any], None]]] = [
    (RuntimeError, lambda ctx: ctx.replace_rules(_failing_rules(), default_level=5)),
    ((ValueError, TypeError), lambda ctx: ctx.replace_rules([cl.ConditionRule(5)], default_level=-1)),
    ((ValueError, TypeError), lambda ctx: ctx.replace_rules([cl.ConditionRule(5)], default_level=True)),
    ((ValueError, TypeError), lambda ctx: setattr(ctx, "default_level", -1)),
    ((ValueError, TypeError), lambda ctx: ctx.set_target(RecordingSink(), -1)),
    ((ValueError, TypeError), lambda ctx: ctx.add_rule(cl.ConditionRule(5), "no rule")),
    ((ValueError, TypeError), lambda ctx: ctx.replace_rules([cl.ConditionRule(5), None])),
]


@pytest.mark.parametrize(("error", "change"), FAILING)
def test_a_change_that_fails_changes_nothing(
    error: type[Exception] | tuple[type[Exception], ...], change: Callable[[Any], None]
) -> None:
    """One atomic swap: what raises leaves rules, default level and generation as they were."""
    ctx = _context()
    ctx.add_rule(cl.ConditionRule(2, A))
    ctx.default_level = cl.WARN
    before = (ctx.rules, ctx.default_level, ctx.generation)

    with pytest.raises(error):
        change(ctx)

    assert (ctx.rules, ctx.default_level, ctx.generation) == before


CHANGES: dict[str, Callable[[cl.LoggingContext], None]] = {
    "default_level": lambda ctx: setattr(ctx, "default_level", ctx.default_level + 1),
    "set_target": lambda ctx: ctx.set_target(RecordingSink(), 1),
    "add_rule": lambda ctx: ctx.add_rule(cl.ConditionRule(random.randint(0, 10**9))),
    "reset_rules": lambda ctx: ctx.reset_rules(),
    "replace_rules": lambda ctx: ctx.replace_rules([cl.ConditionRule(random.randint(0, 10**9), B)]),
}


def _other_rules() -> cl.LoggingContext:
    other = _context()
    other.add_rule(cl.ConditionRule(random.randint(0, 10**9), cl.Tag("other")))
    return other


CHANGES["add_rules_to"] = lambda ctx: _other_rules().add_rules_to(ctx)


@pytest.mark.parametrize("change", list(CHANGES.values()), ids=list(CHANGES))
def test_the_generation_grows_with_every_change_here_or_in_a_base(
    change: Callable[[cl.LoggingContext], None],
) -> None:
    """`generation`: an int that grows with every change here or in a base, and with no change in a nested context."""
    contexts = [_context()]
    for _ in range(3):
        contexts.append(contexts[-1].with_context(A))
    for ctx in contexts:
        ctx.add_rule(cl.ConditionRule(4, B))

    for changed in range(4):
        before = [ctx.generation for ctx in contexts]
        change(contexts[changed])
        after = [ctx.generation for ctx in contexts]

        assert all(isinstance(generation, int) for generation in after)
        assert [new > old for old, new in zip(before, after, strict=True)] == [i >= changed for i in range(4)]
        assert before[:changed] == after[:changed]


def test_the_generation_grows_with_nothing_else(use_baggage: UseBaggage, tracer: Tracer, sink: RecordingSink) -> None:
    """`generation` grows with no other event: logging, making loggers and contexts, asking, ambient changes."""
    root = cl.LoggingContext(sink)
    root.add_rule(cl.ConditionRule(4, cl.Attribute("a", "v")))
    nested = root.with_context(cl.Realm("r"))
    before = (root.generation, nested.generation)

    for ctx in (root, nested):
        with use_baggage(a="v"), tracer.start_as_current_span("s"):
            ctx.logger(A).debug("m")
            ctx.unbound_logger().info("m")
            ctx.logger_for(A).info("m")
            ctx.v(3).info("m")
            ctx.attribution(A).with_values(a=1).logger().error("m")
            ctx.with_context(A).add_rule(cl.ConditionRule(5))
            ctx.eventer().event("type", a=1)
            ctx.match(A)
            str(ctx.explain(A))
            ctx.add_rules_to(_context())
        _ = (ctx.rules, ctx.default_level, ctx.sink, ctx.message_context, ctx.base, ctx.generation)
    nested.default_level = 5
    nested.set_target(RecordingSink())

    assert root.generation == before[0]
    assert nested.generation > before[1]


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(sorted(CHANGES))), max_size=12))
@settings(max_examples=60, deadline=None)
def test_the_generation_never_falls(steps: list[tuple[int, str]]) -> None:
    """`generation` is monotonic for any sequence of changes anywhere in a chain of contexts."""
    contexts = [_context()]
    contexts += [contexts[0].with_context()]
    contexts += [contexts[1].with_context()]

    for changed, name in steps:
        contexts[changed].add_rule(cl.ConditionRule(random.randint(0, 10**9), cl.Tag("x")))
        before = [ctx.generation for ctx in contexts]
        CHANGES[name](contexts[changed])
        for i, ctx in enumerate(contexts):
            assert ctx.generation > before[i] if i >= changed else ctx.generation == before[i]
