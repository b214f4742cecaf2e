"""What loggers and rules hold in memory, as `tracemalloc` counts it."""

from __future__ import annotations

import gc
import logging
import tracemalloc
from collections.abc import Callable

import otel_ctxlog as cl
from benchmarks.model import Case, Cases, Library, Sample, Unit, group
from benchmarks.rivals import loggers
from benchmarks.shop import DEBUG_TEXT, REALM, baggage_rules, context_with, mixed_rules, provider, request

LOGGERS = 1_000


def _held(make: Callable[[int], object]) -> Sample:
    """Return a sample function for the bytes that what `make(loops)` returns keeps allocated."""

    def sample(loops: int) -> float:
        gc.collect()
        tracemalloc.start()
        made = make(loops)
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        del made
        return held

    return sample


def _used(log: cl.Logger) -> cl.Logger:
    log.debug(DEBUG_TEXT)
    return log


@group(rounds=1)
def per_logger() -> Cases:
    """One of 1,000 loggers of different realms, after a call on each."""
    logs = loggers()
    empty, full = context_with(), context_with(baggage_rules(10_000))
    structured, sinking = logs[Library.STRUCTLOG], logs[Library.LOGURU]
    target, manager = provider(), logging.Manager(logging.RootLogger(logging.INFO))
    makers: dict[tuple[str, Library], Callable[[int], object]] = {
        ("a logger", Library.OURS): lambda number: _used(empty.logger(cl.Realm(f"shop/part-{number}"))),
        ("a logger", Library.STDLIB): lambda number: manager.getLogger(f"shop.part-{number}"),
        ("a logger", Library.STRUCTLOG): lambda number: getattr(structured, "bind")(part=number),  # noqa: B009
        ("a logger", Library.LOGURU): lambda number: getattr(sinking, "bind")(part=number),  # noqa: B009
        ("a logger", Library.RAW): lambda number: target.get_logger(f"shop.part-{number}"),
        ("an unbound logger", Library.OURS): lambda number: _used(
            empty.unbound_logger(cl.Realm(f"shop/part-{number}"))
        ),
        ("an unbound logger, 10,000 rules on baggage", Library.OURS): lambda number: _used(
            full.unbound_logger(cl.Realm(f"shop/part-{number}"))
        ),
    }

    def thousand(make: Callable[[int], object]) -> Callable[[int], object]:
        return lambda loops: [make(number) for number in range(loops)]

    with request():
        yield [
            Case(f"memory of {what}", library, _held(thousand(make)), unit=Unit.MEMORY, loops=LOGGERS)
            for (what, library), make in makers.items()
        ]


@group(rounds=1)
def per_rule_set() -> Cases:
    """A context with 10,000 rules, the rules themselves included, after a call."""

    def loaded(rules: Callable[[int], list[cl.Rule]]) -> Callable[[int], object]:
        return lambda _: _used(context_with(rules(10_000)).unbound_logger(cl.Realm(REALM)))

    with request():
        yield [
            Case(f"memory of 10,000 rules on {kind}", Library.OURS, _held(loaded(rules)), unit=Unit.MEMORY, loops=1)
            for kind, rules in (("baggage", baggage_rules), ("everything", mixed_rules))
        ]
