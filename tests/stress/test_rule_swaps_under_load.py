"""1,000 swaps of whole rule sets while eight threads and their asyncio tasks log."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import TYPE_CHECKING

import pytest

import otel_ctxlog as cl

from .running import NullSink, at_the_same_time, current_baggage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SWAPS = 1000

# Each set alone lets "through" pass and keeps "never" out, one by a rule where the other does by its default level.
# Rules of one set with the default level of the other give the opposite.
THROUGH_BY_RULE: tuple[list[cl.Rule], int] = (
    [
        cl.ConditionRule(7, cl.Tag("through")),
        cl.ConditionRule(7, cl.BaggageEntry("tenant", "through")),
    ],
    0,
)
THROUGH_BY_DEFAULT: tuple[list[cl.Rule], int] = (
    [cl.ConditionRule(0, cl.Tag("never")), cl.ConditionRule(0, cl.BaggageEntry("tenant", "never"))],
    7,
)


@pytest.fixture(autouse=True)
def _threads_alternate_often() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    """Threads take turns hundreds of times as often as usual, so that what can come between does."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(2e-5)
    yield
    sys.setswitchinterval(before)


def _swap(ctx: cl.LoggingContext, number: int) -> None:
    rules, level = THROUGH_BY_DEFAULT if number % 2 else THROUGH_BY_RULE
    ctx.replace_rules(rules, default_level=level)


def test_no_decision_is_made_by_a_mixed_set() -> None:
    """8 threads and asyncio tasks log through bound and unbound loggers while rules are swapped: all or nothing."""
    ctx = cl.LoggingContext(NullSink())
    _swap(ctx, 0)
    nested = ctx.with_context(cl.Realm("nested"))
    over = threading.Event()
    rounds = [0] * 9

    def swap() -> None:
        try:
            number = 0
            while number < SWAPS or not all(rounds):
                number += 1
                _swap(ctx, number)
        finally:
            over.set()

    def by_tag(owner: cl.LoggingContext, number: int) -> Callable[[], None]:
        through, never = owner.unbound_logger(cl.Tag("through")), owner.unbound_logger(cl.Tag("never"))

        def job() -> None:
            while not over.is_set():
                assert through.enabled(4)
                assert not never.enabled(4)
                through.debug("m", a=1)
                never.error("m")
                owner.logger(cl.Tag("through")).debug("m")
                assert owner.explain(cl.Tag("through")).level == 7
                assert owner.explain(cl.Tag("never")).level == 0
                rounds[number] += 1

        return job

    def by_baggage(owner: cl.LoggingContext, number: int) -> Callable[[], None]:
        shared = owner.unbound_logger()

        async def task(tenant: str) -> None:
            with current_baggage(tenant=tenant):
                while not over.is_set():
                    assert shared.enabled(4) == (tenant == "through")
                    shared.info("m")
                    await asyncio.sleep(0)
                    rounds[number] += 1

        async def tasks() -> None:
            await asyncio.gather(*(task(tenant) for tenant in ("through", "never") * 3))

        return lambda: asyncio.run(tasks())

    def generations() -> None:
        before = nested.generation
        while not over.is_set():
            now = nested.generation
            assert now >= before
            before = now
            rounds[0] += 1

    at_the_same_time(
        swap,
        generations,
        *(by_tag(owner, 1 + number) for number, owner in enumerate((ctx, nested, ctx, nested))),
        *(by_baggage(owner, 5 + number) for number, owner in enumerate((ctx, nested, ctx, nested))),
        seconds=100,
    )

    assert all(rounds), rounds


def test_what_was_set_last_holds_as_soon_as_it_is_set() -> None:
    """Right after each swap every unbound logger obeys it, however busy other threads keep it."""
    ctx = cl.LoggingContext(NullSink())
    loggers = [ctx.unbound_logger(cl.Tag("t")), ctx.with_context("m").unbound_logger(cl.Tag("t"))]
    over = threading.Event()

    def use() -> None:
        while not over.is_set():
            for logger in loggers:
                logger.trace("m")
                logger.enabled(3)

    def swap() -> None:
        try:
            for number in range(SWAPS):
                level = number % 7
                if number % 3:
                    ctx.replace_rules([cl.ConditionRule(level, cl.Tag("t"))], default_level=7 - level)
                else:
                    ctx.replace_rules([], default_level=level)
                for logger in loggers:
                    assert [each for each in range(8) if logger.enabled(each)] == list(range(1, level + 1))
        finally:
            over.set()

    at_the_same_time(swap, *[use] * 7, seconds=100)


def test_the_generation_of_the_default_context_never_goes_back() -> None:
    """While the default context is exchanged and changed, every reader sees its generation grow."""
    contexts = [cl.LoggingContext(NullSink()) for _ in range(3)]
    contexts[0].default_level = contexts[0].default_level = 2
    before = cl.set_default_context(contexts[0])
    over = threading.Event()

    def exchange() -> None:
        try:
            for number in range(3 * SWAPS):
                cl.set_default_context(contexts[number % 3])
                contexts[number % 2].default_level = 3
        finally:
            over.set()

    def read() -> None:
        last = cl.default_context().generation
        while not over.is_set():
            now = cl.default_context().generation
            assert now >= last
            last = now

    try:
        at_the_same_time(exchange, read, read)
    finally:
        cl.set_default_context(before)


def test_a_thousand_tasks_each_have_their_own_level() -> None:
    """1,000 asyncio tasks with baggage of their own take turns on one logger; each sees its own level."""
    ctx = cl.LoggingContext(NullSink())
    ctx.add_rule(*(cl.ConditionRule(number % 7, cl.BaggageEntry("user", f"u{number}")) for number in range(1000)))
    shared = ctx.unbound_logger()
    turns = 0

    async def task(number: int) -> None:
        nonlocal turns
        with current_baggage(user=f"u{number}"):
            bound = ctx.logger()
            for _ in range(5):
                for logger in (shared, bound):
                    assert [level for level in range(8) if logger.enabled(level)] == list(range(1, number % 7 + 1))
                await asyncio.sleep(0)
                turns += 1

    async def tasks() -> None:
        await asyncio.gather(*map(task, range(1000)))

    asyncio.run(tasks())

    assert turns == 5000
