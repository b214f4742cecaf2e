"""Objects that raise wherever they are touched: no call raises, and no record is lost."""

# ruff: noqa: PLE1205 - fields of this library are no arguments of a format string

from __future__ import annotations

import pickle
import threading
from decimal import Decimal
from enum import Enum

import pytest
from opentelemetry import baggage, context
from opentelemetry.sdk._logs import LoggerProvider, LogRecordLimits, ReadableLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

import otel_ctxlog as cl


class Proxy:
    """Raises at every touch, as a lazy proxy does outside of its request."""

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        msg = "outside of a request"
        raise RuntimeError(msg)

    def __getattr__(self, name: str) -> object:
        msg = "outside of a request"
        raise RuntimeError(msg)

    def __str__(self) -> str:
        msg = "outside of a request"
        raise RuntimeError(msg)

    __repr__ = __str__


class RaisingMatcher:
    """Looks like a matcher, and raises when looked at."""

    @property
    def matches_value(self) -> object:
        msg = "no matcher"
        raise RuntimeError(msg)


class Records:
    """A provider, and what it got."""

    def __init__(self, limits: LogRecordLimits | None = None) -> None:
        self._exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
        self.provider = LoggerProvider(shutdown_on_exit=False, log_record_limits=limits)
        self.provider.add_log_record_processor(SimpleLogRecordProcessor(self._exporter))

    def take(self) -> list[ReadableLogRecord]:
        """Return what came since the last time."""
        records = list(self._exporter.get_finished_logs())
        self._exporter.clear()
        return records

    def attributes(self) -> list[dict[str, object]]:
        """Return the attributes of what came since the last time."""
        return [dict(record.log_record.attributes or {}) for record in self.take()]


@pytest.fixture
def records() -> Records:
    """A fresh provider."""
    return Records()


@pytest.mark.parametrize("kind", ["bound", "unbound"])
def test_a_proxy_that_raises_everywhere_costs_no_record(records: Records, kind: str) -> None:
    """A proxy as message, field, value, level, exception or message context breaks no call and loses no record."""
    logging_context = cl.LoggingContext(records.provider)
    make = logging_context.logger if kind == "bound" else logging_context.unbound_logger
    log: cl.Logger = make(Proxy(), cl.Attribute("a", Proxy()), [Proxy()])
    records.take()

    log.info(Proxy())  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    log.info("field", Proxy())
    log.info("value", a=Proxy())
    log.info("key", Proxy(), 1, {Proxy(): 1})
    log.log(Proxy(), "level")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    log.log_error(Proxy(), "error")
    log.with_values(Proxy(), b=Proxy()).with_name(Proxy()).info("with")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    log.v(cl.INFO).info("v", Proxy(), 1)
    log.v(cl.INFO).error(Proxy(), "v error", Proxy())

    assert len(records.take()) == 9
    assert log.enabled(Proxy())  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    assert logging_context.explain(Proxy()).level == cl.INFO
    assert logging_context.with_context(Proxy()).message_context == ()


def test_a_proxy_breaks_no_event(records: Records) -> None:
    """A proxy as type, key or value of an event is a violation like any other."""
    eventer = cl.LoggingContext(records.provider).eventer(Proxy())

    eventer.event(Proxy())  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    eventer.event("t", Proxy(), 1)
    eventer.event("t", a=Proxy())

    assert (eventer.dropped, records.take()) == (3, [])


def test_a_rule_value_that_raises_when_looked_at_never_matches(records: Records) -> None:
    """A rule with a value whose `matches_value` raises is like any rule that raises: it does not match."""
    logging_context = cl.LoggingContext(records.provider)
    unbound = logging_context.unbound_logger(cl.Attribute("user", 1))
    logging_context.add_rule(cl.ConditionRule(cl.NONE, cl.Attribute("user", RaisingMatcher())))

    unbound.info("unbound")
    logging_context.logger(cl.Attribute("user", 1)).info("bound")

    assert len(records.take()) == 2


def test_a_value_that_refers_to_itself_many_times_is_left_out(records: Records) -> None:
    """What would take a million elements to write down becomes an error text, and the record goes out."""
    many: list[object] = [1]
    for _ in range(25):
        many = [many, many]

    cl.LoggingContext(records.provider).logger().info("large", many=many, endless=range(10**12))

    assert records.attributes() == [{"many": "!ERROR: too large", "endless": "!ERROR: too large"}]


def test_keys_of_nested_maps_are_valid_text(records: Records) -> None:
    """Lone surrogates are escaped in keys of nested maps too, whatever kind of text the key is."""

    class Text(str):
        __slots__ = ()

    class Kind(str, Enum):
        A = "\udc80"

    cl.LoggingContext(records.provider).logger().info("m", a={Text("\udc81"): 1, Kind.A: 2})

    assert records.attributes() == [{"a": {"\\udc81": 1, "\\udc80": 2}}]


def test_ignore_reaches_ambient_attributes_from_everywhere(records: Records) -> None:
    """`IGNORE` leaves the key out, an ambient attribute of that name included, also from a Lazy and in events."""
    logging_context = cl.LoggingContext(records.provider)
    token = context.attach(baggage.set_baggage("tenant", "acme"))
    try:
        logging_context.logger().with_values(tenant=cl.Lazy(lambda: cl.IGNORE)).info("lazy")
        logging_context.eventer().event("t", tenant=cl.IGNORE)
        logging_context.eventer().event("t", tenant=cl.Lazy(lambda: cl.IGNORE))
    finally:
        context.detach(token)

    assert records.attributes() == [{}, {"eventType": "t"}, {"eventType": "t"}]


def test_what_has_no_proper_key_adds_up(records: Records) -> None:
    """Texts under `!BADKEY`, given by the library or by hand, are never lost to one another."""
    log = cl.LoggingContext(records.provider).logger()

    log.info("m", 5, **{"!BADKEY": "mine"})
    log.with_values(5).info("m", **{"!BADKEY": "mine"})
    log.with_values(**{"!BADKEY": ["w"]}).info("m", 5)

    assert records.attributes() == [{"!BADKEY": ("5", "mine")}, {"!BADKEY": ("5", "mine")}, {"!BADKEY": ("w", "5")}]


@pytest.mark.filterwarnings("ignore:Log record attributes were dropped")
def test_a_limit_takes_ambient_attributes_before_those_of_a_broken_exception() -> None:
    """Where attributes are limited, ambient ones go first, also for an exception whose text fails."""

    class Broken(Exception):  # noqa: N818 - no error of ours
        def __str__(self) -> str:
            raise RuntimeError

    records = Records(LogRecordLimits(max_log_record_attributes=4))
    token = context.attach(baggage.set_baggage("b", "2", baggage.set_baggage("a", "1")))
    try:
        cl.LoggingContext(records.provider).logger().log_error(Broken(), "m", mine=1)
    finally:
        context.detach(token)

    assert [sorted(attributes) for attributes in records.attributes()] == [
        ["exception.message", "exception.stacktrace", "exception.type", "mine"]
    ]


def test_a_lazy_field_of_an_event_is_called_only_for_a_record(records: Records) -> None:
    """A Lazy that no rule looks at is not called for an event that rules switch off, nor where the sink is off."""
    calls: list[int] = []
    gated = cl.LoggingContext(records.provider)
    gated.add_rule(cl.ConditionRule(cl.NONE, cl.Attribute("eventType", "noise")))
    off = cl.OTelEventer(_Off(), level=cl.INFO)

    for eventer in (gated.eventer(), off):
        eventer.event("noise", detail=cl.Lazy(lambda: calls.append(1)), deep=[cl.Lazy(lambda: calls.append(2))])
    gated.eventer().event("news", detail=cl.Lazy(lambda: calls.append(3)))

    assert calls == [3]
    assert [record.log_record.event_name for record in records.take()] == ["news"]


class _Off:
    """A sink that wants nothing."""

    def enabled(self, level: int) -> bool:
        return False

    def emit(self, **record: object) -> None:
        raise AssertionError(record)


def test_levels_have_no_upper_end(records: Records) -> None:
    """A level beyond every machine word is a level like any other."""
    logging_context = cl.LoggingContext(records.provider)
    logging_context.default_level = 2**80
    log = logging_context.unbound_logger()
    logging_context.add_rule(cl.ConditionRule(2**90, cl.Tag("deep")))

    log.log(2**79, "first after a change")
    log.log(2**81, "too deep")
    logging_context.logger(cl.Tag("deep")).log(2**85, "by rule")

    assert [record.log_record.body for record in records.take()] == ["first after a change", "by rule"]


def test_a_change_out_of_a_change_is_not_lost(records: Records) -> None:
    """A level set by a rule's own `supersedes` stays set."""
    logging_context = cl.LoggingContext(records.provider)

    class Own:
        def match(self, messages: object, sink: cl.LogSink) -> None:
            return None

        def supersedes(self, other: object) -> bool:
            logging_context.default_level = cl.TRACE
            return False

    logging_context.add_rule(cl.ConditionRule(cl.INFO, cl.Tag("x")))
    logging_context.add_rule(Own())

    assert (logging_context.default_level, len(logging_context.rules)) == (cl.TRACE, 2)


def test_no_refresh_takes_old_messages_for_new_ones(records: Records) -> None:
    """An unbound logger that refreshes while the default context is exchanged ends up with the new context."""
    reached, resume = threading.Event(), threading.Event()

    class Slow:
        def __str__(self) -> str:
            reached.set()
            assert resume.wait(10)
            return "slow"

    old = cl.LoggingContext(records.provider).with_context(cl.Realm("old"))
    new = cl.LoggingContext(records.provider).with_context(cl.Realm("new"))
    new.default_level = cl.DEBUG
    before = cl.set_default_context(old)
    try:
        resume.set()
        log = cl.log(cl.Attribute("who", Slow()))
        cl.set_default_context(cl.LoggingContext(records.provider).with_context(cl.Realm("other")))
        reached.clear()
        resume.clear()
        thread = threading.Thread(target=log.debug, args=("meanwhile",))
        thread.start()
        assert reached.wait(10)
        cl.set_default_context(new)
        resume.set()
        thread.join(10)
        records.take()
        log.debug("afterwards")
    finally:
        resume.set()
        cl.set_default_context(before)

    assert [(record.log_record.body, (record.log_record.attributes or {})["realm"]) for record in records.take()] == [
        ("afterwards", "new")
    ]


def test_equal_sets_are_equal_and_typed() -> None:
    """A set equals a frozenset of the same elements, and a bool in it is no number; such rules replace each other."""
    logging_context = cl.LoggingContext()
    logging_context.add_rule(cl.ConditionRule(cl.DEBUG, cl.Attribute("a", {1})))
    logging_context.add_rule(cl.ConditionRule(cl.TRACE, cl.Attribute("a", frozenset({1}))))

    assert [rule.level for rule in logging_context.rules if isinstance(rule, cl.ConditionRule)] == [cl.TRACE]
    assert cl.Attribute("a", {True}) != cl.Attribute("a", {1})


def test_a_range_is_exact() -> None:
    """A text is the number that it is, compared exactly where the limit is exact."""
    assert cl.Range(max=Decimal("0.1")).matches_value("0.1")
    assert cl.Range(min=0.1).matches_value("0.1")
    assert cl.Range(min=9007199254740993).matches_value("9007199254740993.0")
    assert not cl.Range(min=9007199254740993).matches_value("9007199254740992.0")


def test_sources_can_be_pickled() -> None:
    """Sources are values: with globs too they survive pickling."""
    for source in (cl.SpanSource(include=("a*",)), cl.BaggageSource(exclude=("b",), max_entries=3)):
        assert pickle.loads(pickle.dumps(source)) == source
