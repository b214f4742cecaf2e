"""Section 7 of the contract: the record that a call gives, at a level that is none and into a sink that raises too."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

import otel_ctxlog as cl

from .emitted import attributes, badkey, last, only, sent
from .records import RecordingSink, use_baggage

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from opentelemetry.trace import Tracer

    from .emitted import AnyLogger, Records


LOGGERS: dict[str, Callable[[cl.LoggingContext], AnyLogger]] = {
    "bound": lambda c: c.logger(),
    "unbound": lambda c: c.unbound_logger(),
    "bound of unbound": lambda c: c.unbound_logger().bound(),
    "with_values": lambda c: c.logger().with_values(),
    "attribution": lambda c: c.attribution().logger(),
    "nested": lambda c: c.with_context(cl.Tag("t")).logger(),
    "logger_for": lambda c: c.logger_for(),
}


@pytest.fixture
def bare(sink: RecordingSink) -> cl.LoggingContext:
    """A context on the recording sink that lets every level through."""
    context = cl.LoggingContext(sink)
    context.add_rule(cl.ConditionRule(100))
    return context


# --- the OTel record ----------------------------------------------------------------------------------------------


def test_the_timestamp_is_that_of_the_call(ctx: cl.LoggingContext, records: Records) -> None:
    """The record has the timestamp of the call, in nanoseconds, for bound and unbound loggers and events."""
    for log in (ctx.logger().info, ctx.unbound_logger().info, ctx.v(cl.INFO).info, ctx.eventer().event):
        before = time.time_ns()
        log("m")
        after = time.time_ns()
        timestamp = last(records).log_record.timestamp
        assert timestamp is not None
        assert before <= timestamp <= after


def test_the_record_has_the_current_context(ctx: cl.LoggingContext, records: Records, tracer: Tracer) -> None:
    """The record has the current OTel context, and with it the trace and span ids."""
    with use_baggage(k="v") as current, tracer.start_as_current_span("s") as span:
        ctx.logger().info("m")

    record = only(records()).log_record
    assert record.span_id == span.get_span_context().span_id
    assert record.trace_id == span.get_span_context().trace_id
    assert record.context is not None
    assert current.items() <= record.context.items()


SCOPES: list[tuple[str, Callable[[cl.LoggingContext], AnyLogger], str]] = [
    ("nothing", lambda c: c.logger(), "otel_ctxlog"),
    ("name", lambda c: c.logger(cl.Name("n")), "n"),
    ("names", lambda c: c.logger(cl.Name("n"), cl.Name("m")), "n.m"),
    ("with_name", lambda c: c.logger().with_name("n"), "n"),
    ("realm", lambda c: c.logger(cl.Realm("a/b")), "a/b"),
    ("last realm", lambda c: c.with_context(cl.Realm("a")).logger(cl.Realm("b"), cl.Realm("c")), "c"),
    ("name before realm", lambda c: c.logger(cl.Name("n"), cl.Realm("r")), "n"),
    ("realm and with_name", lambda c: c.logger(cl.Realm("r")).with_name("n"), "n"),
    ("tag only", lambda c: c.logger(cl.Tag("t")), "otel_ctxlog"),
    ("unbound", lambda c: c.unbound_logger(cl.Realm("r")), "r"),
    ("attribution", lambda c: c.attribution(cl.Name("n")).with_name("m").logger(cl.Realm("r")), "n.m"),
]


@pytest.mark.parametrize(("make", "expected"), [s[1:] for s in SCOPES], ids=[s[0] for s in SCOPES])
def test_the_scope_name(
    make: Callable[[cl.LoggingContext], AnyLogger], expected: str, ctx: cl.LoggingContext, records: Records
) -> None:
    """Scope name = logger name, else the last `Realm`, else `otel_ctxlog`."""
    make(ctx).info("m")

    scope = only(records()).instrumentation_scope
    assert scope is not None
    assert scope.name == expected


def test_a_realm_stays_an_attribute_when_it_is_the_scope(ctx: cl.LoggingContext, records: Records) -> None:
    """The realm is attached as attribute `realm` whether it names the scope or not."""
    ctx.logger(cl.Realm("r")).info("m")
    ctx.logger(cl.Realm("r"), cl.Name("n")).info("m")

    assert [attributes(record) for record in records()] == [{"realm": "r"}] * 2


def test_a_log_record_has_no_event_name(ctx: cl.LoggingContext, records: Records) -> None:
    """What a logger emits is no event."""
    ctx.logger().info("m")

    assert not only(records()).log_record.event_name


def test_broken_text_is_escaped_everywhere(ctx: cl.LoggingContext, records: Records) -> None:
    """Text that is not valid UTF-8 is escaped, in body, names and attributes."""
    ctx.logger(cl.Realm("r\udc80"), cl.Attribute("a\udc81", "v\udc82")).with_name("n\udc83").info(
        "body \udc84", "k\udc85", ["x\udc86", {"y\udc87": "z\udc88"}]
    )

    record = only(records())
    assert record.log_record.body == "body \\udc84"
    assert record.instrumentation_scope is not None
    assert record.instrumentation_scope.name == "n\\udc83"
    assert attributes(record) == {
        "realm": "r\\udc80",
        "a\\udc81": "v\\udc82",
        "k\\udc85": ["x\\udc86", {"y\\udc87": "z\\udc88"}],
    }


def test_broken_text_in_a_realm_that_names_the_scope_is_escaped(ctx: cl.LoggingContext, records: Records) -> None:
    """A realm that is not valid UTF-8 is escaped as scope name too."""
    ctx.logger(cl.Realm("r\udc80")).info("m")

    scope = only(records()).instrumentation_scope
    assert scope is not None
    assert scope.name == "r\\udc80"


def test_broken_text_in_an_exception_is_escaped(ctx: cl.LoggingContext, records: Records) -> None:
    """The attributes of an exception whose text is not valid UTF-8 can be sent as well."""
    ctx.logger().log_error(ValueError("bad \udc80 text"), "m")

    found = attributes(only(records()))
    assert found["exception.message"] == "bad \\udc80 text"
    str(found["exception.stacktrace"]).encode("utf-8")


@pytest.mark.parametrize("msg", [5, None, b"x", ["a", {"b": 1}], ValueError("v"), object()], ids=lambda v: repr(v)[:12])
def test_any_message_is_taken(msg: object, ctx: cl.LoggingContext, records: Records) -> None:
    """A message that is no text raises nothing, and the record is there with its fields."""
    ctx.logger().info(msg, k=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ctx.unbound_logger().info(msg, k=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    assert [attributes(record) for record in records()] == [{"k": 1}] * 2


def test_a_message_without_text_costs_no_record(ctx: cl.LoggingContext, records: Records) -> None:
    """A message whose text fails raises nothing, and the record is there."""

    class Mute:
        def __str__(self) -> str:
            raise RuntimeError("no text")

        __repr__ = __str__

    ctx.logger().info(Mute(), k=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    assert attributes(only(records())) == {"k": 1}


# --- a level that is none -----------------------------------------------------------------------------------------

NO_LEVELS = [-1, True, False, "nonsense", "", None, 2.5, (1,)]


@pytest.mark.parametrize("level", NO_LEVELS, ids=repr)
@pytest.mark.parametrize("make", ["bound", "unbound"])
def test_a_record_at_no_level_goes_out_as_error(
    make: str, level: object, ctx: cl.LoggingContext, records: Records
) -> None:
    """A level that is none: the record goes out as ERROR, the level into `!BADKEY`."""
    LOGGERS[make](ctx).log(level, "m", k=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    record = only(records())
    assert record.log_record.severity_text == "ERROR"
    assert attributes(record) == {"k": 1, "!BADKEY": [str(level)]}


def test_no_level_and_bad_fields_are_kept_together(bare: cl.LoggingContext, sink: RecordingSink) -> None:
    """The bad level and the bad fields all are in `!BADKEY`."""
    bare.logger().log(-7, "m", 5, 6, {9: 1}, k=1)

    assert sorted(badkey(sent(sink))) == ["-7", "5", "6", "9: 1"]


def test_no_level_is_gated_as_error(ctx: cl.LoggingContext, records: Records) -> None:
    """Where not even errors are let through, a record at no level is not either."""
    ctx.default_level = cl.NONE

    ctx.logger().log("nonsense", "m")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    assert records() == []


# --- a sink that raises -------------------------------------------------------------------------------------------


class RaisingSink(RecordingSink):
    """A sink that raises in one of its two methods."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where

    def enabled(self, level: int) -> bool:
        """Raise, or say yes."""
        if self.where == "enabled":
            raise RuntimeError("broken enabled")
        return True

    def emit(self, **record: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Raise."""
        raise RuntimeError("broken emit")


@pytest.mark.parametrize("where", ["enabled", "emit"])
def test_a_sink_that_raises_costs_one_diagnostic(where: str, diagnostics: list[logging.LogRecord]) -> None:
    """A sink that raises: one diagnostic, nothing to the caller, from whichever logger."""
    ctx = cl.LoggingContext(RaisingSink(where))

    for logger in (ctx.logger(), ctx.unbound_logger(), ctx.logger().with_values(a=1)):
        logger.info("m", k=1)
        logger.log_error(ValueError("v"), "m")
        logger.v(cl.INFO).info("m")

    assert [record.levelname for record in diagnostics] == ["ERROR"]


def test_each_sink_that_raises_has_its_diagnostic(diagnostics: list[logging.LogRecord]) -> None:
    """One diagnostic for each sink that raises."""
    for _ in range(2):
        ctx = cl.LoggingContext(RaisingSink("emit"))
        ctx.logger().info("m")
        ctx.logger().info("m")

    assert len(diagnostics) == 2


def test_a_processor_that_raises_is_no_trouble_to_the_caller(diagnostics: list[logging.LogRecord]) -> None:
    """A provider whose processor raises is a target that raises: one diagnostic, nothing to the caller."""
    from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor

    class Broken(LogRecordProcessor):
        def on_emit(self, log_record: object) -> None:
            raise RuntimeError("broken processor")

        def shutdown(self) -> None:
            pass

        def force_flush(self, timeout_millis: int = 30000) -> bool:
            return True

    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(Broken())
    logger = cl.LoggingContext(provider).logger()

    for _ in range(5):
        logger.info("m")

    assert [record.levelname for record in diagnostics] == ["ERROR"]
