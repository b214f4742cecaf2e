"""Section 6 of the contract: span attributes and baggage entries in rules and on records, and who wins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import otel_ctxlog as cl

from .emitted import attributes, last, only, sent
from .records import use_baggage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Tracer

    from .emitted import Records
    from .records import RecordingSink

NEVER_ATTACHED = [
    "realm",
    "eventType",
    "exception.type",
    "exception.message",
    "exception.stacktrace",
    "exception.escaped",
    "exception.own",
]


class Seen:
    """An own condition that keeps the message contexts it was asked about."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    def matches(self, messages: Sequence[object]) -> bool:
        self.asked.append(tuple(messages))
        return False


class Fixed:
    """An own source of fixed attributes."""

    def __init__(self, found: Mapping[str, object]) -> None:
        self.found = found

    def attributes(self, context: Context) -> Mapping[str, object]:
        return self.found


@pytest.fixture
def ambient(tracer: Tracer) -> Iterator[None]:
    """A current span with attribute `from_span` and a baggage entry `from_baggage`."""
    with use_baggage(from_baggage="b"), tracer.start_as_current_span("work", attributes={"from_span": 7}):
        yield


# --- part of every message context --------------------------------------------------------------------------------


@pytest.mark.usefixtures("ambient")
def test_span_attributes_and_baggage_entries_are_attributes_of_the_message_context(ctx: cl.LoggingContext) -> None:
    """The attributes of the current span and the entries of the current baggage are part of it, as attributes."""
    seen = Seen()
    ctx.add_rule(cl.ConditionRule(cl.DEBUG, seen))

    ctx.logger(cl.Tag("t")).info("m")

    messages = seen.asked[-1]
    found = {message.name: message.value for message in messages if isinstance(message, cl.Attribute)}
    assert found == {"from_baggage": "b", "from_span": 7}


@pytest.mark.usefixtures("ambient")
def test_ambient_attributes_stand_ahead_of_the_explicit_messages(ctx: cl.LoggingContext) -> None:
    """Ambient attributes come ahead of the explicit ones: outer contexts' and the call's own follow."""
    seen = Seen()
    ctx.add_rule(cl.ConditionRule(cl.DEBUG, seen))

    ctx.with_context(cl.Attribute("outer", 1)).logger(cl.Attribute("own", 2)).info("m")

    names = [message.name for message in seen.asked[-1] if isinstance(message, cl.Attribute)]
    assert sorted(names[:2]) == ["from_baggage", "from_span"]
    assert names[2:] == ["outer", "own"]


LOGGERS: dict[str, Callable[[cl.LoggingContext], Callable[[str], None]]] = {
    "logger": lambda c: lambda m: c.logger().debug(m),
    "unbound_logger": lambda c: lambda m: c.unbound_logger().debug(m),
    "v": lambda c: lambda m: c.v(cl.DEBUG).info(m),
    "with_context": lambda c: lambda m: c.with_context(cl.Tag("t")).logger().debug(m),
    "attribution": lambda c: lambda m: c.attribution().logger().debug(m),
    "attribution unbound": lambda c: lambda m: c.attribution(cl.Tag("t")).unbound_logger().debug(m),
    "attribution v": lambda c: lambda m: c.attribution().v(cl.DEBUG).info(m),
    "bound of unbound": lambda c: lambda m: c.unbound_logger().bound().debug(m),
    "with_values": lambda c: lambda m: c.unbound_logger().with_values(k=1).debug(m),
    "with_name": lambda c: lambda m: c.unbound_logger().with_name("n").debug(m),
    "eventer": lambda c: lambda m: cl.OTelEventer(c, level=cl.DEBUG).event(m),
}


@pytest.mark.parametrize("way", LOGGERS)
@pytest.mark.parametrize("condition", [cl.Attribute("from_baggage", "b"), cl.Attribute("from_span", 7)], ids=repr)
def test_ambient_attributes_are_part_of_every_message_context(
    way: str, condition: cl.Condition, ctx: cl.LoggingContext, records: Records, tracer: Tracer
) -> None:
    """They are part of *every* message context: whatever the logger was made by, a rule on them decides."""
    ctx.add_rule(cl.ConditionRule(cl.DEBUG, condition))

    LOGGERS[way](ctx)("without")
    with use_baggage(from_baggage="b"), tracer.start_as_current_span("work", attributes={"from_span": 7}):
        LOGGERS[way](ctx)("with")

    found = attributes(only(records()))
    assert found["from_baggage"] == "b"
    assert found["from_span"] == 7


# --- rules and records --------------------------------------------------------------------------------------------


def test_a_baggage_entry_decides_a_level(ctx: cl.LoggingContext, records: Records) -> None:
    """Baggage entries take part in rules: verbosity for one tenant."""
    ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.Attribute("tenant", "acme")))
    logger = ctx.unbound_logger()

    for tenant in ("globex", "acme", "initech"):
        with use_baggage(tenant=tenant):
            logger.debug(tenant)

    assert [record.log_record.body for record in records()] == ["acme"]


@pytest.mark.parametrize(
    "value", ["text", 5, 1.5, True, ["a", "b"], [1, 2]], ids=["str", "int", "float", "bool", "strs", "ints"]
)
def test_a_span_attribute_of_any_kind_takes_part_and_is_attached(
    value: str | bool | float | list[str] | list[int], ctx: cl.LoggingContext, records: Records, tracer: Tracer
) -> None:
    """Span attributes of every kind take part in rules, and they are attached with their value."""
    ctx.add_rule(cl.ConditionRule(cl.TRACE, cl.Attribute("kind", value)))

    with tracer.start_as_current_span("s", attributes={"kind": value}):
        ctx.logger().trace("m")

    assert attributes(only(records()))["kind"] == value
    assert type(attributes(only(records()))["kind"]) is type(value)


def test_ambient_attributes_are_attached_without_any_rule(ctx: cl.LoggingContext, records: Records) -> None:
    """They are attached to records, whether a rule looks at them or not."""
    with use_baggage({"tenant": "acme", "dotted.name": "x"}):
        ctx.logger().info("m")

    assert attributes(only(records())) == {"tenant": "acme", "dotted.name": "x"}


def test_ambient_attributes_reach_a_sink(sink: RecordingSink, tracer: Tracer) -> None:
    """They are attached whatever the target is: a `LogSink` gets them among the attributes."""
    with use_baggage(b="1"), tracer.start_as_current_span("s", attributes={"s": 2}):
        cl.LoggingContext(sink).logger().info("m", own=3)

    assert sent(sink) == {"b": "1", "s": 2, "own": 3}


def test_a_rule_sees_every_source_of_a_name(ctx: cl.LoggingContext, tracer: Tracer) -> None:
    """All of them take part in rules: of one name, the baggage's, the span's and the explicit value each match."""
    with use_baggage(k="from baggage"), tracer.start_as_current_span("s", attributes={"k": "from span"}):
        for value in ("from baggage", "from span", "explicit"):
            ctx.reset_rules()
            ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.Attribute("k", value)))
            assert ctx.logger(cl.Attribute("k", "explicit")).enabled(cl.DEBUG), value


def test_an_unsampled_span_has_no_attributes(ctx: cl.LoggingContext, records: Records) -> None:
    """The attributes of a span that records nothing are none; logging goes on, with its ids."""
    tracer = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("t")
    ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.Attribute("k", 1)))

    with tracer.start_as_current_span("s", attributes={"k": 1}) as span:
        ctx.logger().debug("no")
        ctx.logger().info("yes")

    record = only(records())
    assert attributes(record) == {}
    assert record.log_record.trace_id == span.get_span_context().trace_id
    assert record.log_record.trace_flags == span.get_span_context().trace_flags
    assert not span.get_span_context().trace_flags.sampled


# --- who wins -----------------------------------------------------------------------------------------------------

EXPLICIT: dict[str, Callable[[cl.LoggingContext], None]] = {
    "context": lambda c: c.with_context(cl.Attribute("k", "explicit")).logger().info("m"),
    "message": lambda c: c.logger(cl.Attribute("k", "explicit")).info("m"),
    "unbound message": lambda c: c.unbound_logger(cl.Attribute("k", "explicit")).info("m"),
    "attribution": lambda c: c.attribution(cl.Attribute("k", "explicit")).logger().info("m"),
    "with_values": lambda c: c.logger().with_values(k="explicit").info("m"),
    "attribution with_values": lambda c: c.attribution().with_values("k", "explicit").logger().info("m"),
    "call": lambda c: c.logger().info("m", k="explicit"),
    "pair": lambda c: c.logger().info("m", "k", "explicit"),
    "v": lambda c: c.v(cl.INFO).info("m", "k", "explicit"),
    "lazy": lambda c: c.logger().info("m", k=cl.Lazy(lambda: "explicit")),
    "event": lambda c: c.eventer().event("m", k="explicit"),
}


@pytest.mark.parametrize("way", EXPLICIT)
def test_an_explicit_attribute_wins_over_every_ambient_one(
    way: str, ctx: cl.LoggingContext, records: Records, tracer: Tracer
) -> None:
    """For attaching, an explicit attribute wins over every ambient one of that name, wherever it was given."""
    with use_baggage(k="from baggage"), tracer.start_as_current_span("s", attributes={"k": "from span"}):
        EXPLICIT[way](ctx)

    assert attributes(only(records()))["k"] == "explicit"


def test_an_ignored_key_hides_the_ambient_value_too(ctx: cl.LoggingContext, records: Records) -> None:
    """`IGNORE` leaves its key out, an earlier value of that key too: ambient is the earliest of all."""
    with use_baggage(k="from baggage", other="stays"):
        ctx.logger().info("m", k=cl.IGNORE)

    assert attributes(only(records())) == {"other": "stays"}


def test_by_default_a_span_attribute_wins_over_baggage(
    ctx: cl.LoggingContext, records: Records, tracer: Tracer
) -> None:
    """Among sources a later one wins: by default a span's attribute over a baggage entry."""
    with use_baggage(k="from baggage"), tracer.start_as_current_span("s", attributes={"k": "from span"}):
        ctx.logger().info("m")

    assert attributes(only(records()))["k"] == "from span"


def test_sources_given_the_other_way_round_let_baggage_win(sink: RecordingSink, tracer: Tracer) -> None:
    """Among sources a later one wins: given after the span source, baggage does."""
    ctx = cl.LoggingContext(sink, sources=(cl.SpanSource(), cl.BaggageSource()))

    with use_baggage(k="from baggage"), tracer.start_as_current_span("s", attributes={"k": "from span"}):
        ctx.logger().info("m")

    assert sent(sink)["k"] == "from baggage"


def test_a_later_source_that_is_not_attached_does_not_win(sink: RecordingSink, tracer: Tracer) -> None:
    """Winning is for attaching: a source with `attach=False` takes no name away from one that is attached."""
    ctx = cl.LoggingContext(sink, sources=(cl.BaggageSource(), cl.SpanSource(attach=False)))

    with use_baggage(k="from baggage"), tracer.start_as_current_span("s", attributes={"k": "from span"}):
        ctx.logger().info("m")

    assert sent(sink) == {"k": "from baggage"}


# --- names that are never attached --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NEVER_ATTACHED)
@pytest.mark.parametrize("source", ["baggage", "span", "own"])
def test_nothing_ambient_is_attached_under_a_reserved_name(
    name: str, source: str, sink: RecordingSink, tracer: Tracer
) -> None:
    """Nothing ambient is ever attached as `realm`, `eventType` or `exception.*`, whatever source it is from."""
    found = {name: "forged", "k": "v"}
    own = Fixed(found if source == "own" else {})
    ctx = cl.LoggingContext(sink, sources=(cl.BaggageSource(), cl.SpanSource(), own))

    with (
        use_baggage(found if source == "baggage" else {}),
        tracer.start_as_current_span("s", attributes=found if source == "span" else {}),
    ):
        ctx.logger().info("m")

    assert sent(sink) == {"k": "v"}
    assert sink.records[0]["realm"] is None
    assert sink.records[0]["event_name"] is None


@pytest.mark.parametrize("name", NEVER_ATTACHED)
def test_rules_see_the_names_that_are_never_attached(name: str, ctx: cl.LoggingContext) -> None:
    """What is never attached still takes part in rules: only attaching is forbidden."""
    ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.Attribute(name, "x")))

    with use_baggage({name: "x"}):
        assert ctx.logger().enabled(cl.DEBUG)


def test_ambient_names_do_not_forge_what_the_record_says_itself(
    ctx: cl.LoggingContext, records: Records, tracer: Tracer
) -> None:
    """The realm, the event type and the exception of a record are its own, whatever a caller sends as baggage."""
    forged = dict.fromkeys(NEVER_ATTACHED, "forged")
    error = ValueError("real")

    with use_baggage(forged), tracer.start_as_current_span("s", attributes=forged):
        ctx.logger(cl.Realm("a/b")).log_error(error, "m")
        ctx.eventer(cl.Realm("a/b")).event("real", k=1)

    of_error, of_event = (attributes(record) for record in records())
    assert of_error["realm"] == "a/b"
    assert of_error["exception.type"] == "ValueError"
    assert of_error["exception.message"] == "real"
    assert "forged" not in of_error.values()
    assert of_event["eventType"] == "real"
    assert "forged" not in of_event.values()


def test_an_ambient_realm_is_no_realm(ctx: cl.LoggingContext, records: Records) -> None:
    """A baggage entry named `realm` is an attribute: neither a realm condition nor the scope takes it for one."""
    ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.Realm("x")), cl.ConditionRule(cl.DEBUG, cl.RealmPrefix("x")))

    with use_baggage(realm="x"):
        assert not ctx.logger().enabled(cl.DEBUG)
        ctx.logger().info("m")

    scope = last(records).instrumentation_scope
    assert scope is not None
    assert scope.name == "otel_ctxlog"


def test_names_that_only_resemble_the_reserved_ones_are_attached(ctx: cl.LoggingContext, records: Records) -> None:
    """Only `realm`, `eventType` and `exception.*` are kept off: others, close as they are, are attached."""
    close = {"Realm": "1", "realms": "2", "eventtype": "3", "exception": "4", "exceptional": "5", "my.realm": "6"}

    with use_baggage(close):
        ctx.logger().info("m")

    assert attributes(only(records())) == close
