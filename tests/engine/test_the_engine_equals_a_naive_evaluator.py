"""The compiled, indexed, cached engine gives the answers of a plain walk over all rules."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from . import randomly
from .crowds import Crowd
from .world import World

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

DECISIONS = 100_000
"""What the design asks for: that many random rule sets × contexts."""
PARTS = 8
# Making a world takes a while, and many choices.
SLOW_INPUT = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)


@pytest.fixture(scope="module", autouse=True)
def _no_diagnostics() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    """Faulty rules are input here; a diagnostic for each would be all that the output shows."""
    # The SDK warns of spans that are full or ended.
    names = ("otel_ctxlog", "opentelemetry.attributes", "opentelemetry.sdk.trace")
    loggers = [logging.getLogger(name) for name in names]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    yield
    for logger, disabled in zip(loggers, before, strict=True):
        logger.disabled = disabled


@contextmanager
def _world(random: randomly.Random, seed: object = "by hypothesis") -> Generator[World, None, None]:
    """Give a new world; a failure in it tells its whole story."""
    world = World(random)
    try:
        yield world
    except Exception as error:
        story = "\n".join(world.script)
        raise AssertionError(f"{error}\nseed {seed!r}:\n{story}") from error
    finally:
        world.close()


@settings(max_examples=200, deadline=None, suppress_health_check=SLOW_INPUT, database=None)
@given(st.data())
def test_every_kind_of_logger_decides_as_the_naive_evaluator(data: st.DataObject) -> None:
    """Bound and unbound loggers, `logger_for`, `match`, `explain` and events agree with a walk over all rules."""
    with _world(randomly.Random(randomly.ByHypothesis(data))) as world:
        for _ in range(2):
            world.change()
            world.new_moment()
            world.check_new()
        world.nest()
        world.change()
        world.check_new()


@settings(max_examples=100, deadline=None, suppress_health_check=SLOW_INPUT, database=None)
@given(st.data())
def test_no_sequence_of_changes_leaves_a_stale_decision(data: st.DataObject) -> None:
    """Loggers that live on follow every change of rules, levels, targets, baggage and spans at their next call."""
    with _world(randomly.Random(randomly.ByHypothesis(data))) as world:
        world.live(steps=12)


@pytest.mark.parametrize("seed", range(120))
def test_long_lives(seed: int) -> None:
    """The same over longer lives, by a seed."""
    with _world(randomly.Random(randomly.Seeded(("life", seed))), seed) as world:
        world.live(steps=60)


def _crowded_life(random: Crowd, steps: int, seed: object = "by hypothesis") -> None:
    with _world(random, seed) as world:
        for _ in range(2):
            world.crowd()
            world.new_moment()
        world.live(steps)


@settings(max_examples=25, deadline=None, suppress_health_check=SLOW_INPUT, database=None)
@given(st.data())
def test_crowded_lives(data: st.DataObject) -> None:
    """The same with rule sets of up to 1,000 rules, swapped now and then; hypothesis finds the smallest that fails."""
    most = data.draw(st.sampled_from((10, 30, 100)))
    _crowded_life(Crowd(randomly.ByHypothesis(data), most), 8)


@pytest.mark.parametrize("seed", range(24))
def test_crowds(seed: int) -> None:
    """The same, by a seed, for longer."""
    _crowded_life(Crowd(randomly.Seeded(("crowd", seed)), (60, 200, 600, 1000)[seed % 4]), 10, seed)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(12))
def test_large_crowds(seed: int) -> None:
    """The same, for longer still."""
    for number in range(4):
        _crowded_life(Crowd(randomly.Seeded(("large crowd", seed, number)), 1000), 15, (seed, number))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
def test_a_hundred_thousand_rule_sets_and_contexts(part: int) -> None:
    """On 100,000 random rule sets × contexts the engine equals the naive evaluator; each is a fresh pair of both."""
    each = 20
    for number in range(DECISIONS // PARTS // each):
        seed = ("hundred thousand", part, number)
        with _world(randomly.Random(randomly.Seeded(seed)), seed) as world:
            for _ in range(2):
                world.nest()
            for _ in range(each):
                world.change()
                world.new_moment()
                world.check_new()
