"""A decision belongs to one OpenTelemetry context: not to its span, its baggage, its address, or an equal context."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import TracerProvider

import otel_ctxlog as cl

from . import own
from .moments import ForeignSpan

LOUD = 7
TRACER = TracerProvider(shutdown_on_exit=False).get_tracer("contexts")
EMPTY = context.Context()


def _loud(logger: cl.UnboundLogger, current: context.Context) -> bool:
    """Ask twice: the second answer may come from a cache."""
    token = context.attach(current)
    try:
        found = {logger.enabled(LOUD), logger.enabled(LOUD)}
    finally:
        context.detach(token)
    assert len(found) == 1
    return found.pop()


def _logger(*conditions: cl.Condition, sources: tuple[cl.Source, ...] | None = None) -> cl.UnboundLogger:
    ctx = cl.LoggingContext(own.KeepingSink("s", []), sources=sources)
    ctx.add_rule(*(cl.ConditionRule(LOUD, condition) for condition in conditions))
    return ctx.unbound_logger()


@pytest.fixture(params=["baggage alone", "baggage and span", "all"])
def logger(request: pytest.FixtureRequest) -> cl.UnboundLogger:
    """Give a logger that is loud for baggage ``tenant=loud``, whatever else it has to look at."""
    more: dict[str, tuple[cl.Condition, ...]] = {
        "baggage alone": (),
        "baggage and span": (cl.SpanAttribute("never", 1), cl.SpanName("never")),
        "all": (own.Asks(cl.SpanName("never")),),
    }
    return _logger(cl.BaggageEntry("tenant", "loud"), *more[request.param])


def test_one_span_with_other_baggage(logger: cl.UnboundLogger) -> None:
    """One span in two contexts with different baggage, turn by turn."""
    span = trace.set_span_in_context(TRACER.start_span("s"), EMPTY)
    contexts = [baggage.set_baggage("tenant", tenant, span) for tenant in ("loud", "quiet")]

    for _ in range(3):
        assert [_loud(logger, one) for one in contexts] == [True, False]


def test_one_baggage_with_another_span() -> None:
    """The same baggage, another span; also one that records nothing, and none."""
    logger = _logger(cl.SpanAttribute("a", "loud"))
    base = baggage.set_baggage("tenant", "x", EMPTY)
    loud, quiet = (TRACER.start_span("s", EMPTY, attributes={"a": value}) for value in ("loud", "quiet"))
    remote = trace.NonRecordingSpan(loud.get_span_context())
    contexts = [base, *(trace.set_span_in_context(span, base) for span in (loud, quiet, remote, trace.INVALID_SPAN))]

    for _ in range(3):
        assert [_loud(logger, one) for one in contexts] == [False, True, False, False, False]
    quiet.set_attribute("a", "loud")
    loud.set_attribute("a", "quiet")
    assert [_loud(logger, one) for one in contexts] == [False, False, True, False, False]


def test_sampled_and_not() -> None:
    """Two spans that differ only in being sampled."""
    logger = _logger(cl.Sampled())
    contexts = [
        trace.set_span_in_context(
            trace.NonRecordingSpan(trace.SpanContext(1, 2, is_remote=True, trace_flags=trace.TraceFlags(flags))), EMPTY
        )
        for flags in (1, 0)
    ]

    for _ in range(3):
        assert [_loud(logger, one) for one in (*contexts, EMPTY)] == [True, False, False]


def test_contexts_that_python_takes_for_equal() -> None:
    """Baggage True, 1 and 1.0 make contexts that are equal to Python; their texts are not."""
    contexts = [baggage.set_baggage("k", value, EMPTY) for value in (True, 1, 1.0, "1")]
    assert contexts[0] == contexts[1] == contexts[2]

    for wanted, expected in (("true", [1, 0, 0, 0]), ("1", [0, 1, 0, 1]), ("1.0", [0, 0, 1, 0])):
        logger = _logger(cl.BaggageEntry("k", wanted))
        for _ in range(2):
            assert [_loud(logger, one) for one in contexts] == list(map(bool, expected))


@dataclass(frozen=True)
class FromContext:
    """A source that looks at what is neither baggage nor span."""

    key: str

    def attributes(self, current: context.Context, /) -> Mapping[str, object]:
        return {"own": context.get_value(self.key, current)}


def test_what_only_an_own_source_sees() -> None:
    """Baggage and span are the same objects; what an own source reads is not."""
    logger = _logger(cl.Attribute("own", "loud"), sources=(cl.BaggageSource(), FromContext("k"), cl.SpanSource()))
    base = baggage.set_baggage("tenant", "x", trace.set_span_in_context(TRACER.start_span("s"), EMPTY))
    contexts = [context.set_value("k", value, base) for value in ("loud", "quiet", None)]

    for _ in range(3):
        assert [_loud(logger, one) for one in (*contexts, base)] == [True, False, False, False]


class Talks:
    """A source that logs while it is read, with the logger that is asking, or another one."""

    def __init__(self) -> None:
        self.logger: cl.UnboundLogger | None = None
        self.told: list[bool] = []

    def attributes(self, current: context.Context, /) -> Mapping[str, object]:
        if self.logger is not None:
            self.told.append(self.logger.enabled(LOUD))
        return {"own": "loud"}


@pytest.mark.parametrize("condition", [cl.Attribute("own", "loud"), own.LastIs("own", "loud")])
def test_what_was_decided_while_a_source_was_read(condition: cl.Condition) -> None:
    """A call out of a source is decided without that source; the next call, in the same context, is with it."""
    talks = Talks()
    logger = _logger(condition, sources=(cl.BaggageSource(), talks))
    for other in (logger, logger.with_name("other")):
        contexts = (context.Context(), baggage.set_baggage("k", "v", EMPTY))
        talks.logger = other

        assert [_loud(logger, one) for one in contexts] == [True, True]
        talks.logger = None
        assert [_loud(other, one) for one in contexts] == [True, True]
    assert talks.told
    assert not any(talks.told)


@pytest.mark.parametrize("source", [cl.BaggageSource(), FromContext("k")])
@pytest.mark.parametrize("condition", [own.MoreThan(0), cl.SpanName("s"), cl.SpanAttribute("a", 1)])
def test_a_span_that_no_source_looks_at(source: cl.Source, condition: cl.Condition) -> None:
    """Without a `SpanSource` a span is not there, whatever a rule looks at."""
    logger = _logger(condition, sources=(source,))
    base = baggage.set_baggage("k", "v", context.set_value("k", "v"))
    span = TRACER.start_span("s", EMPTY, attributes={"a": 1})

    for current in (base, trace.set_span_in_context(span, base)):
        assert _loud(logger, current) is isinstance(condition, own.MoreThan)


@pytest.mark.parametrize("collect", [False, True])
def test_contexts_at_the_address_of_others(logger: cl.UnboundLogger, *, collect: bool) -> None:
    """A context that is gone leaves its address to the next one, not its decision."""
    addresses: set[int] = set()
    again = 0
    for number in range(300):
        loud = number % 3 == 0
        current = context.Context(baggage.set_baggage("tenant", "loud" if loud else "quiet", EMPTY))
        again += id(current) in addresses
        addresses.add(id(current))

        assert _loud(logger, current) is loud, number
        del current
        if collect:
            gc.collect(0)

    if again <= 10:
        pytest.skip("addresses were not used again: this run shows nothing")


@pytest.mark.slow
def test_contexts_in_cycles_at_the_address_of_others(logger: cl.UnboundLogger) -> None:
    """The same for contexts that only the garbage collector frees: they die late, many at once."""
    again = 0
    addresses: set[int] = set()
    for number in range(600):
        loud = number % 3 == 0
        current = context.Context(baggage.set_baggage("tenant", "loud" if loud else "quiet", EMPTY))
        current.myself = current  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
        again += id(current) in addresses
        addresses.add(id(current))

        assert _loud(logger, current) is loud, number
        del current
        if number % 50 == 49:
            gc.collect()

    if again <= 10:
        pytest.skip("addresses were not used again: this run shows nothing")


@pytest.mark.parametrize("foreign", [False, True])
def test_spans_at_the_address_of_others(*, foreign: bool) -> None:
    """So do spans, with the same name and number of attributes, and the contexts that held them."""
    logger = _logger(cl.SpanAttribute("a", "loud"))
    addresses: set[int] = set()
    again = 0
    for number in range(300):
        loud = number % 3 == 0
        value = "loud" if loud else "quiet"
        span: trace.Span
        if foreign:
            span = ForeignSpan("s")
            span.set_attribute("a", value)
        else:
            span = TRACER.start_span("s", EMPTY, attributes={"a": value})
        again += id(span) in addresses
        addresses.add(id(span))

        assert _loud(logger, trace.set_span_in_context(span, EMPTY)) is loud, number
        del span
        gc.collect(0)

    if again <= 10:
        pytest.skip("addresses were not used again: this run shows nothing")


def test_more_contexts_than_any_cache_keeps(logger: cl.UnboundLogger) -> None:
    """5,000 living contexts, asked again in another order."""
    contexts = [baggage.set_baggage("tenant", "loud" if n % 7 == 0 else f"t{n}", EMPTY) for n in range(5000)]

    for order in (range(5000), range(4999, -1, -1), range(0, 5000, 3)):
        for number in order:
            assert _loud(logger, contexts[number]) is (number % 7 == 0), number


def test_threads_with_contexts_of_their_own(logger: cl.UnboundLogger) -> None:
    """Eight threads ask one logger as fast as they can, each in its own contexts, some of which change hands."""
    shared = [baggage.set_baggage("tenant", "loud" if n % 2 else f"t{n}", EMPTY) for n in range(4)]
    wrong: list[object] = []
    stop = time.monotonic() + 0.5

    def work(number: int) -> None:
        own_one = baggage.set_baggage("tenant", "loud" if number % 2 else "quiet", EMPTY)
        while time.monotonic() < stop and not wrong:
            for current, loud in ((own_one, number % 2 == 1), *((one, n % 2 == 1) for n, one in enumerate(shared))):
                token = context.attach(current)
                if logger.enabled(LOUD) is not loud:
                    wrong.append((number, dict(current)))
                context.detach(token)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)

    assert wrong == []


def test_tasks_that_take_turns(logger: cl.UnboundLogger) -> None:
    """A hundred asyncio tasks, each with its baggage and span; those they start inherit, and go on their own ways."""
    told: list[tuple[str, bool]] = []

    async def ask(tenant: str) -> None:
        for _ in range(5):
            told.append((tenant, logger.enabled(LOUD)))
            await asyncio.sleep(0)

    async def request(number: int) -> None:
        tenant = "loud" if number % 2 else f"t{number}"
        context.attach(baggage.set_baggage("tenant", tenant, trace.set_span_in_context(TRACER.start_span("s"), EMPTY)))
        inherits = asyncio.create_task(ask(tenant))
        await ask(tenant)
        context.attach(baggage.set_baggage("tenant", "later"))
        await ask("later")
        await inherits

    async def main() -> None:
        await asyncio.gather(*(request(number) for number in range(100)))

    asyncio.run(main())

    assert len(told) == 1500
    assert [one for one in told if one[1] is not (one[0] == "loud")] == []
