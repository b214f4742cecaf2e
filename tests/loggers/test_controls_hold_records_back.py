"""Rule controls at run time: what goes out, what is held back, what is counted, and what the next record says."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

import otel_ctxlog as cl
from otel_ctxlog.bridges.otel import ContextRuleProcessor

REALM = cl.Realm("shop")
SUPPRESSED = "otel_ctxlog.suppressed"
ADJUSTED = "otel_ctxlog.adjusted_count"
LONG = 3600.0


class World:
    """A context with a real provider, and what has arrived there."""

    def __init__(self) -> None:
        self.exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
        self.provider = LoggerProvider(shutdown_on_exit=False)
        self.provider.add_log_record_processor(SimpleLogRecordProcessor(self.exporter))
        self.context = cl.LoggingContext(self.provider)

    def rule(self, level: int = cl.DEBUG, **controls: object) -> None:
        """Add a rule for the realm, with controls."""
        inner = cl.ConditionRule(level, REALM)
        self.context.add_rule(cl.ControlledRule(inner, **controls))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]

    def bodies(self) -> list[object]:
        """The bodies of what has arrived."""
        return [found.log_record.body for found in self.exporter.get_finished_logs()]

    def attributes(self, number: int = -1) -> dict[str, object]:
        """The attributes of one of them."""
        return dict(self.exporter.get_finished_logs()[number].log_record.attributes or {})

    def suppressed(self) -> dict[str, int]:
        """What the first rule has held back."""
        return dict(self.context.statistics().rules[0].suppressed)


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.context.reset_rules()
    made.provider.shutdown()


def _trace(trace_id: int, *, sampled: bool = True) -> context.Context:
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    return trace.set_span_in_context(NonRecordingSpan(SpanContext(trace_id, 1, is_remote=False, trace_flags=flags)))


def _speaker(world: World, kind: str) -> Callable[[str], object]:
    ctx = world.context
    if kind == "bound":
        return ctx.logger(REALM).debug
    if kind == "unbound":
        return ctx.unbound_logger(REALM).debug
    if kind == "std":
        return lambda text: ctx.std_logger(REALM).debug(text)
    if kind == "otel":
        logger = ctx.otel_logger(REALM)
        return lambda text: logger.emit(body=text, severity_number=SeverityNumber.DEBUG)
    if kind == "writer":
        writer = ctx.record_writer(REALM)
        return lambda text: writer.write(cl.DEBUG, text)
    exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    other = LoggerProvider(shutdown_on_exit=False)
    other.add_log_record_processor(ContextRuleProcessor(SimpleLogRecordProcessor(exporter), ctx))
    foreign = other.get_logger("shop")
    world.exporter = exporter
    return lambda text: foreign.emit(body=text, severity_number=SeverityNumber.DEBUG)


@pytest.mark.parametrize("kind", ["bound", "unbound", "otel", "std", "writer", "gate"])
def test_every_kind_of_logger_keeps_a_limit(world: World, kind: str) -> None:
    """A limit holds for whatever writes through the context; the next record that goes out says what was held back."""
    world.rule(limit=cl.Limit(2, burst=2))
    say = _speaker(world, kind)
    for number in range(5):
        say(f"m{number}")
    time.sleep(0.6)
    say("later")

    assert world.bodies() == ["m0", "m1", "later"]
    assert world.attributes()[SUPPRESSED] == 3
    assert SUPPRESSED not in world.attributes(1)
    assert world.suppressed() == {"limit": 3}
    assert world.context.statistics().rules[0].passed == 3


def test_a_limit_per_attribute_has_a_bucket_per_value(world: World) -> None:
    """One loud tenant takes nothing from the others, and each hears of its own; ambient attributes count as well."""
    world.rule(limit=cl.Limit(2, burst=1, per="tenant"))
    logger = world.context.unbound_logger(REALM)
    for tenant in ("a", "b"):
        for _ in range(4):
            logger.debug("by field", tenant=tenant)
    token = context.attach(baggage.set_baggage("tenant", "a"))
    logger.debug("by baggage")
    context.detach(token)
    logger.debug("without")
    time.sleep(0.6)
    logger.debug("again", tenant="b")

    assert world.bodies() == ["by field", "by field", "without", "again"]
    assert world.attributes()[SUPPRESSED] == 3
    assert world.suppressed() == {"limit": 7}


def test_buckets_are_few(world: World) -> None:
    """Attribute values without end neither fill the memory nor get round the limit for ever."""
    world.rule(limit=cl.Limit("1/h", per="user"))
    logger = world.context.unbound_logger(REALM)
    for number in range(11_000):
        logger.debug("m", user=number)

    assert len(world.bodies()) == 10_001
    assert world.suppressed() == {"limit": 999}


def test_first_then_every(world: World) -> None:
    """Of each message the first pass, then every so many; counted by the message, not by its fields."""
    world.rule(first=cl.First(2, every=3))
    logger = world.context.unbound_logger(REALM)
    for number in range(8):
        logger.debug("a", number=number)
    logger.debug("b")

    numbers = [dict(found.log_record.attributes or {}).get("number") for found in world.exporter.get_finished_logs()]
    assert numbers == [0, 1, 4, 7, None]
    assert world.attributes(2)[SUPPRESSED] == 2
    assert world.suppressed() == {"first": 4}


def test_first_counts_messages_of_logging_before_they_are_formatted(world: World) -> None:
    """`"user %s"` is one message, whoever the user is."""
    world.rule(first=2)
    logger = world.context.std_logger(REALM)
    for number in range(5):
        logger.debug("user %s", number)

    assert world.bodies() == ["user 0", "user 1"]


def test_first_counts_anew(world: World) -> None:
    """After the time that it is told, counting starts again."""
    world.rule(first=cl.First(1, within=0.5))
    logger = world.context.unbound_logger(REALM)
    logger.debug("m")
    logger.debug("m")
    time.sleep(0.55)
    logger.debug("m")

    assert len(world.bodies()) == 2


def test_messages_without_end_count_as_one(world: World) -> None:
    """A program that formats its messages before they are logged fills no table."""
    world.rule(first=1)
    logger = world.context.unbound_logger(REALM)
    for number in range(10_100):
        text = f"m{number}"
        logger.debug(text)

    assert len(world.bodies()) == 10_001


def test_sampling_keeps_traces_together(world: World) -> None:
    """All records of a trace go out, or none: about the part asked for, and each says for how many it stands."""
    world.rule(sample=0.25)
    logger = world.context.unbound_logger(REALM)
    ids = RandomIdGenerator()
    wanted = Counter[int]()
    for _ in range(1000):
        trace_id = ids.generate_trace_id()
        token = context.attach(_trace(trace_id))
        for _ in range(3):
            logger.debug("m", trace=trace_id)
        context.detach(token)
    for found in world.exporter.get_finished_logs():
        attributes = dict(found.log_record.attributes or {})
        assert attributes[ADJUSTED] == 4
        wanted[found.log_record.trace_id or 0] += 1

    assert set(wanted.values()) == {3}
    assert 180 < len(wanted) < 320
    assert world.suppressed() == {"sample": 3 * (1000 - len(wanted))}


def test_sampling_is_consistent_with_other_samplers(world: World) -> None:
    """By the last 56 bits of the trace id, the largest are kept: what a smaller part keeps, a larger one keeps too."""
    world.rule(sample=0.5)
    logger = world.context.unbound_logger(REALM)
    half = 1 << 55
    for trace_id in (half - 1, half, (0xFF << 56) | (half - 1), (0xAA << 56) | half):
        token = context.attach(_trace(trace_id))
        logger.debug(hex(trace_id))
        context.detach(token)

    assert world.bodies() == [hex(half), hex((0xAA << 56) | half)]


def test_records_without_trace_are_sampled_by_chance(world: World) -> None:
    """About the part that was asked for goes out."""
    world.rule(sample=0.5)
    logger = world.context.unbound_logger(REALM)
    for _ in range(2000):
        logger.debug("m")

    assert 850 < len(world.bodies()) < 1150


def test_only_sampled_traces(world: World) -> None:
    """Neither records of unsampled traces nor those without trace go out."""
    world.rule(sampled_traces_only=True)
    logger = world.context.unbound_logger(REALM)
    logger.debug("no trace")
    for sampled in (False, True):
        token = context.attach(_trace(7, sampled=sampled))
        text = f"sampled {sampled}"
        logger.debug(text)
        context.detach(token)

    assert world.bodies() == ["sampled True"]
    assert world.suppressed() == {"sampledTracesOnly": 2}


def test_events_may_be_exempt(world: World) -> None:
    """Events go out past the controls where the rule says so, and count for nothing; else they are held back, too."""
    world.rule(limit=cl.Limit("1/h"), sample=0.5, exempt_events=True)
    eventer = world.context.eventer(REALM)
    for number in range(20):
        eventer.event("tick", number=number)

    assert len(world.bodies()) == 20
    assert ADJUSTED not in world.attributes()

    world.context.reset_rules()
    world.rule(limit=cl.Limit("1/h"))
    for number in range(20):
        eventer.event("tick", number=number)

    assert len(world.bodies()) == 21
    assert eventer.dropped == 0


def test_limits_are_exact_under_sixteen_threads(world: World) -> None:
    """Sixteen threads together get what the limit allows, within one percent, and each record is counted once."""
    world.rule(limit=cl.Limit(2000, burst=1000))
    logger = world.context.unbound_logger(REALM)
    calls = [0] * 16
    moments: list[tuple[float, float]] = []
    start = threading.Barrier(17)
    stop = threading.Event()

    def work(number: int) -> None:
        start.wait()
        began = time.monotonic()
        while not stop.is_set():
            logger.debug("m")
            calls[number] += 1
        moments.append((began, time.monotonic()))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    start.wait()
    time.sleep(1.0)
    asked_until = time.monotonic()
    stop.set()
    for thread in threads:
        thread.join()
    passed = len(world.bodies())
    least = 1000 + 2000 * (asked_until - max(began for began, _ in moments))
    most = 1000 + 2000 * (max(ended for _, ended in moments) - min(began for began, _ in moments))

    assert least * 0.99 <= passed <= most * 1.01
    assert passed + world.suppressed()["limit"] == sum(calls)
    assert world.context.statistics().rules[0].passed == passed


@pytest.mark.parametrize("kind", ["loggers", "logging", "OpenTelemetry", "gate"])
def test_errors_go_out_whatever_the_limit(world: World, kind: str) -> None:
    """A limit on debug output leaves errors alone; one of a rule for errors only does not."""
    world.rule(limit="1/h", sample=2**-56, first=1, sampled_traces_only=True)
    say = _speaker_of_errors(world, kind)
    for number in range(3):
        say(str(number))

    assert world.bodies() == ["0", "1", "2"]

    world.context.reset_rules()
    world.rule(level=cl.ERROR, limit="1/h")
    for number in range(3):
        say(str(number))

    assert len(world.bodies()) == 4
    assert world.suppressed() == {"limit": 2}


def _speaker_of_errors(world: World, kind: str) -> Callable[[str], object]:
    ctx = world.context
    if kind == "loggers":
        return ctx.unbound_logger(REALM).error
    if kind == "logging":
        return lambda text: ctx.std_logger(REALM).critical(text)
    if kind == "OpenTelemetry":
        logger = ctx.otel_logger(REALM)
        return lambda text: logger.emit(body=text, severity_number=SeverityNumber.ERROR)
    exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    other = LoggerProvider(shutdown_on_exit=False)
    other.add_log_record_processor(ContextRuleProcessor(SimpleLogRecordProcessor(exporter), ctx))
    foreign = other.get_logger("shop")
    world.exporter = exporter
    return lambda text: foreign.emit(body=text, severity_number=SeverityNumber.FATAL)


def test_what_is_off_costs_no_tokens(world: World) -> None:
    """Only records that the rules let through count."""
    world.rule(level=cl.INFO, limit=cl.Limit("1/h", burst=2))
    logger = world.context.unbound_logger(REALM)
    for _ in range(10):
        logger.debug("off")
    logger.info("a")
    logger.info("b")

    assert world.bodies() == ["a", "b"]
    assert world.suppressed() == {}


def test_the_controls_of_a_base_hold_for_what_is_nested(world: World) -> None:
    """A limit of an inherited rule is one for all contexts that have the rule."""
    world.rule(limit=cl.Limit("1/h", burst=3))
    nested = [world.context.with_context(cl.Attribute("request", number)) for number in range(3)]
    for number in range(9):
        nested[number % 3].logger(REALM).debug("m")

    assert len(world.bodies()) == 3
    assert nested[0].statistics().rules[0].suppressed == {"limit": 6}
    assert nested[0].statistics().rules[0].inherited


def test_a_rule_in_two_contexts_is_limited_in_each(world: World) -> None:
    """The same rule object counts by itself in every context that holds it."""
    rule = cl.ControlledRule(cl.ConditionRule(cl.DEBUG, REALM), limit=cl.Limit("1/h"))
    other = cl.LoggingContext(world.provider)
    for ctx in (world.context, other):
        ctx.add_rule(rule)
        for _ in range(3):
            ctx.logger(REALM).debug("m")

    assert len(world.bodies()) == 2


def test_own_rules_have_controls_too(world: World) -> None:
    """Any rule can be controlled, one that sends its records elsewhere as well."""

    class Elsewhere:
        def match(self, messages: object, sink: cl.LogSink, /) -> cl.Verdict | None:
            return cl.Verdict(cl.TRACE, sink)

    world.context.add_rule(cl.ControlledRule(Elsewhere(), limit=cl.Limit("1/h")))
    logger = world.context.logger()
    logger.trace("a")
    logger.trace("b")

    assert world.bodies() == ["a"]


def test_a_real_tracer_and_sampling(world: World) -> None:
    """With a real tracer, what is sampled is decided by the span of the call."""
    world.rule(sampled_traces_only=True)
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("t")
    with tracer.start_as_current_span("s"):
        world.context.logger(REALM).debug("in a span")
    world.context.logger(REALM).debug("outside")

    assert world.bodies() == ["in a span"]
