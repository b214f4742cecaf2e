"""A span changes under an unchanged OpenTelemetry context, and says nothing of it: each call looks by itself.

Each test is a change that some cheaper way of looking does not see: the number of attributes, the last one, the names,
the values by ``==``, the addresses of the values.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider

import otel_ctxlog as cl

from . import own
from .moments import ForeignSpan, FreshSpan

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from opentelemetry.trace import Span

LOUD = 7


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    """The SDK warns of spans that are full or ended."""
    loggers = [logging.getLogger(name) for name in ("opentelemetry.attributes", "opentelemetry.sdk.trace")]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    yield
    for logger, disabled in zip(loggers, before, strict=True):
        logger.disabled = disabled


@dataclass(frozen=True)
class Starts:
    """The first message is an attribute of that name."""

    name: str

    def matches(self, messages: Sequence[object], /) -> bool:
        return bool(messages) and isinstance(messages[0], cl.Attribute) and messages[0].name == self.name


@dataclass(frozen=True)
class Never:
    """Never holds, and may look at everything."""

    def matches(self, messages: Sequence[object], /) -> bool:
        return False


BESIDES: dict[str, list[cl.Condition]] = {
    "alone": [],
    "beside many names": [cl.SpanAttribute(f"n{number}", "x") for number in range(40)],
    "beside an own condition": [Never()],
    "beside a name that nothing has": [cl.Attribute("nothing", "x")],
    "beside a span's name": [cl.SpanName("never")],
}
beside = pytest.mark.parametrize("besides", list(BESIDES))


def _logger(condition: cl.Condition, besides: str) -> cl.UnboundLogger:
    """Return a logger that is loud where the condition holds; other rules look at other things."""
    ctx = cl.LoggingContext(own.KeepingSink("s", []))
    ctx.add_rule(cl.ConditionRule(LOUD, condition))
    ctx.add_rule(*(cl.ConditionRule(LOUD, other) for other in BESIDES[besides]))
    return ctx.unbound_logger(cl.Realm("r"))


@contextmanager
def _span(attributes: dict[str, object], most: int | None = None) -> Generator[Span, None, None]:
    provider = TracerProvider(shutdown_on_exit=False, span_limits=SpanLimits(max_span_attributes=most))
    with provider.get_tracer("t").start_as_current_span("s", attributes=attributes) as span:  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        yield span


def _loud(logger: cl.UnboundLogger) -> bool:
    """Ask twice: the second answer may come from a cache."""
    found = {logger.enabled(LOUD), logger.enabled(LOUD)}
    assert len(found) == 1
    return found.pop()


@beside
@pytest.mark.parametrize("wanted", [True, 1, 1.0, "1", (1, 2), (True, 2)])
def test_equal_values_of_other_types(wanted: object, besides: str) -> None:
    """1, True and 1.0 are one value to Python; to a rule, True is another one."""
    logger = _logger(cl.SpanAttribute("a", wanted), besides)
    values: tuple[object, ...] = (1, True, 1.0, "1", True, 1, (1, 2), (True, 2), (1.0, 2), (1, 2), 1.0, "1")
    with _span({"b": 1}) as span:
        for value in values:
            span.set_attribute("a", value)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]

            assert _loud(logger) is _same(value, wanted), value


def _same(value: object, wanted: object) -> bool:
    if isinstance(value, tuple) and isinstance(wanted, tuple):
        return all(map(_same, value, wanted))  # pyright: ignore[reportUnknownArgumentType]
    return isinstance(value, bool) is isinstance(wanted, bool) and value == wanted


@beside
def test_a_full_span_drops_the_oldest_attribute(besides: str) -> None:
    """At the limit, setting one attribute takes another away: number and values may be the same as before."""
    logger = _logger(cl.SpanAttribute("a", 1), besides)
    with _span({"a": 1, "b": 1}, most=2) as span:
        found = [_loud(logger)]
        for name in ("c", "a", "b", "c", "a"):
            span.set_attribute(name, 1)
            found.append(_loud(logger))

    assert found == [True, False, True, True, False, True]


@beside
def test_an_attribute_that_comes_back_is_there(besides: str) -> None:
    """The other way round: a rule on what is missing."""
    logger = _logger(cl.Not(cl.Attribute("a", cl.Exists())), besides)
    with _span({"a": 1, "b": 1}, most=2) as span:
        found = [_loud(logger)]
        for name in ("c", "a", "c", "b"):
            span.set_attribute(name, 1)
            found.append(_loud(logger))

    assert found == [False, True, False, False, True]


@beside
def test_the_last_attribute_tells_nothing_of_the_others(besides: str) -> None:
    """What is set goes to the end; with another one set again after it, number and last attribute are as before."""
    logger = _logger(cl.SpanAttribute("a", "loud"), besides)
    last = "the same object"
    with _span({"a": "quiet", "b": last}) as span:
        found = [_loud(logger)]
        for value in ("loud", "quiet", "loud"):
            span.set_attribute("a", value)
            span.set_attribute("b", last)
            found.append(_loud(logger))

    assert found == [False, True, False, True]


@beside
def test_values_that_change_places(besides: str) -> None:
    """The same names with the same values, each at another name."""
    logger = _logger(cl.SpanAttribute("a", "one"), besides)
    one, two = "one", "two"
    with _span({"a": one, "b": two}) as span:
        found = [_loud(logger)]
        for values in ({"a": two, "b": one}, {"b": two, "a": one}, {"b": one, "a": two}):
            span.set_attributes(values)
            found.append(_loud(logger))

    assert found == [True, False, True, False]


def test_the_order_of_attributes() -> None:
    """An own condition sees the order; setting an attribute to what it is changes nothing else."""
    logger = _logger(Starts("a"), "alone")
    with _span({"a": "x", "b": "y"}) as span:
        found = [_loud(logger)]
        for name, value in (("a", "x"), ("b", "y"), ("b", "y"), ("a", "x")):
            span.set_attribute(name, value)
            found.append(_loud(logger))

    assert found == [True, False, True, True, False]


@beside
def test_values_at_the_address_of_others(besides: str) -> None:
    """A value that is gone leaves its address to the next one."""
    logger = _logger(cl.SpanAttribute("a", cl.Glob("loud*")), besides)
    addresses: set[int] = set()
    again = 0
    with _span({}) as span:
        # Whether an address is used again soon is up to Python; it always was within a few hundred values.
        for number in range(20_000):
            if again and number > 400:
                break
            loud = number % 2 == 0
            # Twice, so that the value before the last is free when the last is made.
            span.set_attribute("a", f"other {number}")
            value = f"loud {number}" if loud else f"calm {number}"
            again += id(value) in addresses
            addresses.add(id(value))
            span.set_attribute("a", value)
            del value

            assert _loud(logger) is loud, number

    if not again:
        pytest.skip("addresses were not used again: this run shows nothing")


@beside
def test_an_ended_span(besides: str) -> None:
    """A span that has ended stays as it was: what is set later is not there."""
    logger = _logger(cl.SpanAttribute("a", "loud"), besides)
    with _span({"a": "loud"}) as span:
        assert _loud(logger)
        span.end()
        assert _loud(logger)
        span.set_attribute("a", "quiet")
        assert _loud(logger)


@pytest.mark.parametrize("make", [ForeignSpan, FreshSpan])
@beside
def test_spans_of_other_implementations(make: type[ForeignSpan], besides: str) -> None:
    """They change as well, in whatever way they keep their attributes."""
    logger = _logger(cl.SpanAttribute("a", "loud"), besides)
    span = make("s")
    with trace.use_span(span):
        found = [_loud(logger)]
        for name, value in (("b", "x"), ("a", "loud"), ("b", "y"), ("a", "quiet"), ("a", "loud")):
            span.set_attribute(name, value)
            found.append(_loud(logger))

    assert found == [False, False, True, True, False, True]


@beside
def test_the_name_of_a_span_of_another_implementation(besides: str) -> None:
    """Its name changes like that of any other."""
    logger = _logger(cl.SpanName("loud"), besides)
    span = ForeignSpan("s")
    with trace.use_span(span):
        found = [_loud(logger)]
        for name in ("loud", str(b"loud", "ascii"), "s", "loud"):
            span.update_name(name)
            found.append(_loud(logger))

    assert found == [False, True, True, False, True]


def _change_map(value: Any) -> None:
    value["k"] = 2


def _change_map_in_sequence(value: Any) -> None:
    value[0]["k"] = 2


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [({"k": 1}, _change_map, {"k": 2}), ([{"k": 1}], _change_map_in_sequence, [{"k": 2}])],
)
@beside
def test_a_value_that_is_changed_in_place(
    before: object, change: Callable[[Any], None], after: object, besides: str
) -> None:
    """The SDK hands out the maps among its attribute values: who changes one changes the span."""
    logger = _logger(cl.SpanAttribute("a", after), besides)
    with _span({"a": before}) as span:
        found = [_loud(logger)]
        assert isinstance(span, ReadableSpan)
        assert span.attributes is not None
        change(span.attributes["a"])
        found.append(_loud(logger))

    assert found == [False, True]


@beside
def test_bound_loggers_are_made_for_the_span_of_the_moment(besides: str) -> None:
    """Each new bound logger looks, too, be it made with the same messages in the same context."""
    ctx = cl.LoggingContext(own.KeepingSink("s", []))
    ctx.add_rule(cl.ConditionRule(LOUD, cl.SpanAttribute("a", "loud")))
    ctx.add_rule(*(cl.ConditionRule(LOUD, other) for other in BESIDES[besides]))
    with _span({}) as span:
        for value in ("quiet", "loud", "quiet", "loud"):
            span.set_attribute("a", value)
            loud = value == "loud"

            assert [ctx.logger(cl.Realm("r")).enabled(LOUD) for _ in range(2)] == [loud, loud]
            assert ctx.unbound_logger(cl.Realm("r")).bound().enabled(LOUD) is loud
            assert (ctx.explain(cl.Realm("r")).level == LOUD) is loud


@beside
def test_events_are_decided_for_the_span_of_the_moment(besides: str) -> None:
    """So do eventers, with each event's own fields."""
    arrived: list[tuple[str, int]] = []
    ctx = cl.LoggingContext(own.KeepingSink("s", arrived))
    ctx.default_level = 0
    ctx.add_rule(
        cl.ConditionRule(LOUD, cl.SpanAttribute("a", "loud")),
        cl.ConditionRule(LOUD, cl.Attribute("field", True)),
        cl.ConditionRule(0, cl.Attribute("field", "never")),
        *(cl.ConditionRule(LOUD, other) for other in BESIDES[besides]),
    )
    eventer = ctx.eventer(cl.Realm("r"))
    with _span({}) as span:
        for value in ("quiet", "loud", "quiet", "loud"):
            span.set_attribute("a", value)
            for field in (1, True, "never", 1, "x", True):
                arrived.clear()
                eventer.event("type", field=field)
                expected = field is True or (value == "loud" and field != "never")

                assert bool(arrived) is expected, (value, field)
