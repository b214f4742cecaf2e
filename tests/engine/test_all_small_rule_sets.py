"""What goes wrong at the edges goes wrong in a small rule set: all of them, over a few conditions and values."""

from __future__ import annotations

import decimal
import itertools
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from opentelemetry import baggage, context, trace

import otel_ctxlog as cl

from . import naive, own, randomly
from .moments import TRACERS, MomentPair

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

CONDITIONS: tuple[cl.Condition | None, ...] = (
    None,
    cl.Tag("t"),
    cl.BaggageEntry("a", "x"),
    cl.SpanAttribute("a", "x"),
    cl.Attribute("a", "x"),
    cl.And(cl.Tag("t"), cl.BaggageEntry("a", "x")),
    cl.And(cl.RealmPrefix("r"), cl.Not(cl.Tag("never")), cl.SpanAttribute("b", "x")),
    cl.Or(cl.Tag("u"), cl.Tag("never"), cl.SpanAttribute("b", "x")),
    cl.Not(cl.BaggageEntry("a", "x")),
    own.Knows("a", "x"),
    own.SubTag("t"),
    # Rules whose condition raises do not match, even under Not, and even where what comes after would decide.
    cl.Attribute("a", own.Short(2)),
    cl.Not(cl.And(own.RaisesKnowing("b"), cl.Tag("u"))),
    cl.Or(own.RaisesKnowing("b"), cl.Tag("t")),
)
MESSAGES: tuple[tuple[object, ...], ...] = (
    (),
    (cl.Tag("t"), cl.Realm("r/s")),
    (cl.Tag("u"), cl.Tag("t")),
    (cl.Attribute("a", "x"), cl.Attribute("a", "y")),
)


def _moment(baggage_entries: Mapping[str, object], attributes: Mapping[str, object]) -> MomentPair:
    real = context.Context()
    for name, value in baggage_entries.items():
        real = baggage.set_baggage(name, value, real)
    span = naive.Span(recording=True, sampled=True, name="s")
    for name, value in attributes.items():
        span.set(name, value)
    made = TRACERS["sampled"].start_span("s", context.Context(), attributes=attributes)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    texts = {name: naive.text_of(value) or "" for name, value in baggage_entries.items()}
    return MomentPair(trace.set_span_in_context(made, real), naive.Moment(texts, span), made)


MOMENTS = tuple(
    _moment(entries, attributes)
    for entries in ({}, {"a": "x"}, {"a": "y"})
    for attributes in ({}, {"a": "x", "b": "y"}, {"b": "x"}, {"a": 1})
)
SOURCES = (naive.SourceFacts("baggage"), naive.SourceFacts("span"))
HIGHEST = 8


def _level(logger: cl.Logger) -> int:
    return next((level for level in range(HIGHEST, 0, -1) if logger.enabled(level)), 0)


def _compare(rule_sets: Sequence[Sequence[cl.Rule]], messages: Sequence[object], moments: Sequence[MomentPair]) -> None:
    """Compare unbound and bound loggers with the naive evaluator.

    Args:
        rule_sets: the rules of a context, then those of its base.
        messages: the messages of the logger.
        moments: where it is asked.
    """
    real: cl.LoggingContext | None = None
    known: naive.Context | None = None
    for rules in reversed(rule_sets):
        real = cl.LoggingContext(own.KeepingSink("s", []) if real is None else None, base=real)
        known = naive.Context(known, target="s")
        real.add_rule(*rules)
        known.add(rules)
    assert real is not None
    assert known is not None
    unbound = real.unbound_logger(*messages)
    for moment in moments:
        ambient = naive.ambient_of(SOURCES, moment.naive, None)
        expected = known.decide(messages, ambient, None).level
        token = context.attach(moment.real)
        try:
            found = [_level(unbound), _level(unbound), _level(real.logger(*messages))]
        finally:
            context.detach(token)

        assert found == [expected] * 3, (rule_sets, messages, moment.naive)


def _rules(conditions: Sequence[cl.Condition | None]) -> list[cl.Rule]:
    # The levels go up and down: neither the first nor the last rule has the highest.
    levels = (4, 7, 5)
    return [
        cl.ConditionRule(level, *(() if one is None else (one,)))
        for level, one in zip(levels, conditions, strict=False)
    ]


def _small(first: cl.Condition | None) -> Iterator[tuple[cl.Condition | None, ...]]:
    yield (first,)
    for second in CONDITIONS:
        yield (first, second)
        for third in CONDITIONS:
            yield (first, second, third)


@pytest.mark.parametrize("first", CONDITIONS, ids=str)
def test_all_rule_sets_of_up_to_three_rules(first: cl.Condition | None) -> None:
    """Whatever stands before, between and after whatever."""
    for number, conditions in enumerate(_small(first)):
        rules = _rules(conditions)
        nested = (rules[:1], rules[1:]) if number % 3 == 2 else (rules,)
        # Not all in all: each has other messages and moments.
        for messages in MESSAGES[number % 2 :: 2]:
            _compare(nested, messages, MOMENTS[number % 5 :: 5])


@pytest.fixture(scope="module", autouse=True)
def _no_diagnostics() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    """Conditions that raise are input here."""
    logger = logging.getLogger("otel_ctxlog")
    before, logger.disabled = logger.disabled, True
    yield
    logger.disabled = before


@dataclass(frozen=True)
class Anything:
    """A value of an own type, equal to what it likes."""

    likes: object

    def __eq__(self, other: object) -> bool:
        return other == self.likes

    def __hash__(self) -> int:
        return 7


VALUES: tuple[object, ...] = (
    *{repr(value): value for value in itertools.chain(*randomly.FAMILIES)}.values(),
    decimal.Decimal(1),
    Anything("x"),
    Anything(1),
)


@pytest.mark.parametrize("wanted", VALUES, ids=repr)
def test_all_pairs_of_values(wanted: object) -> None:
    """Every value that a rule may want beside every value that there may be, in messages, spans and baggage."""
    quiet = cl.ConditionRule(1, cl.Attribute("b", "x"), cl.Attribute("c", "x"))
    for condition in (cl.Attribute("a", wanted), cl.Attribute("a", cl.OneOf("other", wanted))):
        rule = cl.ConditionRule(7, condition)
        for value in VALUES:
            _compare([[rule, quiet]], (cl.Tag("t"), cl.Attribute("a", value)), MOMENTS[:1])
    for kind in (cl.Attribute, cl.SpanAttribute, cl.BaggageEntry):
        rule = cl.ConditionRule(7, kind("a", wanted))
        moments = [_moment({}, {"a": value}) for value in VALUES if _fits(value)]
        moments += [_moment({"a": value}, {}) for value in VALUES if isinstance(value, (str, bool, int, float))]
        _compare([[rule, quiet]], (), moments)


def _fits(value: object) -> bool:
    """Return whether the SDK keeps such a value."""
    if isinstance(value, dict):
        return all(isinstance(name, str) for name in value)  # pyright: ignore[reportUnknownVariableType]
    return not isinstance(value, (Anything, decimal.Decimal))
