"""Section 7 of the contract: the methods of loggers, and the record that each gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import otel_ctxlog as cl

from .emitted import attributes, only, sent
from .records import RecordingSink

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk._logs import LoggerProvider

    from .emitted import AnyLogger, Records

METHODS = [
    ("error", 17, "ERROR", cl.ERROR),
    ("warn", 13, "WARN", cl.WARN),
    ("warning", 13, "WARN", cl.WARN),
    ("info", 9, "INFO", cl.INFO),
    ("debug", 5, "DEBUG", cl.DEBUG),
    ("trace", 1, "TRACE", cl.TRACE),
    ("critical", 21, "FATAL", cl.ERROR),
]

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
def everything(provider: LoggerProvider) -> cl.LoggingContext:
    """A context that lets every level through, by a rule."""
    context = cl.LoggingContext(provider)
    context.add_rule(cl.ConditionRule(100))
    return context


@pytest.fixture
def bare(sink: RecordingSink) -> cl.LoggingContext:
    """A context on the recording sink that lets every level through."""
    context = cl.LoggingContext(sink)
    context.add_rule(cl.ConditionRule(100))
    return context


# --- the methods --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", LOGGERS)
@pytest.mark.parametrize(("method", "number", "text", "level"), METHODS, ids=[m[0] for m in METHODS])
def test_every_method_gives_its_record(
    make: str,
    method: str,
    number: int,
    text: str,
    level: int,
    everything: cl.LoggingContext,
    records: Records,
) -> None:
    """`error warn warning info debug trace critical (msg, /, *fields, **attributes)`: body and severity."""
    getattr(LOGGERS[make](everything), method)("the message", "a", 1, b=2)

    record = only(records())
    assert record.log_record.body == "the message"
    assert record.log_record.severity_number is not None
    assert record.log_record.severity_number.value == number
    assert record.log_record.severity_text == text
    assert attributes(record) == {"a": 1, "b": 2}


@pytest.mark.parametrize("make", ["bound", "unbound"])
@pytest.mark.parametrize(("method", "number", "text", "level"), METHODS, ids=[m[0] for m in METHODS])
def test_every_method_gates_at_its_level(
    make: str, method: str, number: int, text: str, level: int, ctx: cl.LoggingContext, records: Records
) -> None:
    """Each method is let through from its level on, `critical` from ERROR; nothing is below."""
    for default in range(7):
        ctx.default_level = default
        getattr(LOGGERS[make](ctx), method)(str(default))

    assert [record.log_record.body for record in records()] == [str(n) for n in range(level, 7)]


@pytest.mark.parametrize("make", LOGGERS)
@pytest.mark.parametrize("level", range(8))
def test_log_takes_the_level(make: str, level: int, everything: cl.LoggingContext, records: Records) -> None:
    """`log(level, msg, /, …)`: the record has the severity of the level; at 0 nothing is ever emitted."""
    LOGGERS[make](everything).log(level, "m", "a", 1, b=2)

    numbers = [record.log_record.severity_number for record in records()]
    assert [number.value for number in numbers if number] == {0: [], 1: [17], 2: [13], 3: [9], 4: [5]}.get(level, [1])
    assert [attributes(record) for record in records()] == ([{"a": 1, "b": 2}] if level else [])


@pytest.mark.parametrize("method", [m[0] for m in METHODS])
def test_parameter_names_are_free_for_attributes(method: str, bare: cl.LoggingContext, sink: RecordingSink) -> None:
    """Parameters are positional only: every name is free for keyword attributes."""
    names = ["msg", "message", "level", "exc", "self", "fields", "attributes", "key", "name", "body", "context"]

    getattr(bare.logger(), method)("m", **dict.fromkeys(names, 1))

    assert sent(sink) == dict.fromkeys(names, 1)


def test_parameter_names_are_free_in_the_other_methods(bare: cl.LoggingContext, sink: RecordingSink) -> None:
    """`log`, `log_error`, `exception` and `with_values` too take every name as a keyword attribute."""
    names = {"msg": 1, "level": 2, "exc": 3, "self": 4, "fields": 5}
    bound = bare.logger()

    bound.log(cl.INFO, "m", **names)
    bound.log_error(ValueError("v"), "m", **names)
    bound.exception("m", **names)
    bound.with_values(**names).info("m")
    bare.attribution().with_values(**names).logger().info("m")
    bare.unbound_logger().with_values(**names).info("m")

    assert [record["attributes"] for record in sink.records] == [names] * 6


@pytest.mark.parametrize("make", LOGGERS)
def test_log_error_keeps_the_exception(make: str, everything: cl.LoggingContext, records: Records) -> None:
    """`log_error(exc, msg, /, …)`: an error record with the exception in the record's own field."""
    error = KeyError("k")

    LOGGERS[make](everything).log_error(error, "m", "a", 1, b=2)

    record = only(records())
    assert record.log_record.severity_text == "ERROR"
    assert record.log_record.exception is error
    found = attributes(record)
    assert found["exception.type"] == "KeyError"
    assert found["exception.message"] == "'k'"
    assert (found["a"], found["b"]) == (1, 2)
    assert "error" not in found


@pytest.mark.parametrize(
    ("exc", "kept"), [("text", "text"), (5, 5), ({"a": 1}, {"a": 1}), (False, False), (["x"], ["x"])], ids=repr
)
def test_what_is_no_exception_is_kept_as_attribute_error(
    exc: object, kept: object, bare: cl.LoggingContext, sink: RecordingSink
) -> None:
    """An `exc` that is no exception is kept as attribute `error`."""
    bare.logger().log_error(exc, "m", k=1)  # pyright: ignore[reportArgumentType]

    assert sent(sink) == {"error": kept, "k": 1}
    assert only(sink.records)["exception"] is None


def test_an_exception_class_is_no_exception(bare: cl.LoggingContext, sink: RecordingSink) -> None:
    """A class is no exception: it is kept, as text, as attribute `error`."""
    bare.logger().log_error(ValueError, "m")  # pyright: ignore[reportArgumentType]

    assert sent(sink) == {"error": str(ValueError)}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), GeneratorExit()], ids=repr)
def test_any_exception_is_one(error: BaseException, bare: cl.LoggingContext, sink: RecordingSink) -> None:
    """Every `BaseException` is an exception for `log_error`."""
    bare.logger().log_error(error, "m")

    assert only(sink.records)["exception"] is error


@pytest.mark.parametrize("make", LOGGERS)
def test_exception_takes_the_current_one(make: str, everything: cl.LoggingContext, records: Records) -> None:
    """`exception(msg, /, …)`: an error record with the current exception, traceback included."""
    current: BaseException | None = None
    try:
        _ = 1 / 0
    except ZeroDivisionError as error:
        current = error
        LOGGERS[make](everything).exception("m", k=1)

    record = only(records())
    assert record.log_record.severity_text == "ERROR"
    assert record.log_record.exception is current
    found = attributes(record)
    assert found["exception.type"] == "ZeroDivisionError"
    assert "1 / 0" in str(found["exception.stacktrace"])
    assert found["k"] == 1


def test_exception_without_a_current_one_is_an_error_record(bare: cl.LoggingContext, sink: RecordingSink) -> None:
    """Outside an `except`, `exception` gives an error record without exception."""
    bare.logger().exception("m", k=1)

    assert only(sink.records)["exception"] is None
    assert only(sink.records)["level"] == cl.ERROR
    assert sent(sink)["k"] == 1


def test_an_exception_without_text_costs_no_record(everything: cl.LoggingContext, records: Records) -> None:
    """An exception whose text fails raises nothing and loses no record, on a real provider too."""

    class Mute(Exception):  # noqa: N818
        def __str__(self) -> str:
            raise RuntimeError("no text")

        __repr__ = __str__

    everything.logger().log_error(Mute(), "m", k=1)

    record = only(records())
    assert record.log_record.body == "m"
    assert attributes(record)["k"] == 1


@pytest.mark.parametrize("make", ["bound", "unbound", "attribution", "nested"])
def test_enabled_says_what_would_be_emitted(make: str, ctx: cl.LoggingContext, records: Records) -> None:
    """`enabled(level)` is true for the levels that would be emitted, never for level 0."""
    for default in range(7):
        ctx.default_level = default
        logger = LOGGERS[make](ctx)
        assert [logger.enabled(level) for level in range(9)] == [0 < level <= default for level in range(9)]
    assert records() == []


@pytest.mark.parametrize("level", [-1, True, "debug", None, 2.5, object()], ids=lambda v: type(v).__name__)
def test_enabled_of_no_level_raises_nothing(level: object, ctx: cl.LoggingContext) -> None:
    """Asking about what is no level breaks no caller."""
    assert isinstance(ctx.logger().enabled(level), bool)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert isinstance(ctx.unbound_logger().enabled(level), bool)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# --- with_… -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", LOGGERS)
def test_with_name_extends_the_name(make: str, everything: cl.LoggingContext, records: Records) -> None:
    """`with_name(n)` gives a logger with an extended name; the logger it was called on keeps its own."""
    logger = LOGGERS[make](everything).with_name("a")
    inner = logger.with_name("b")

    inner.info("inner")
    logger.info("outer")

    scopes = [record.instrumentation_scope for record in records()]
    assert [scope.name for scope in scopes if scope] == ["a.b", "a"]


@pytest.mark.parametrize("make", LOGGERS)
def test_with_values_adds_fields(make: str, everything: cl.LoggingContext, records: Records) -> None:
    """`with_values(*fields, **attributes)` takes fields of every form; the logger it was called on has none of them."""
    logger = LOGGERS[make](everything)
    richer = logger.with_values("a", 1, cl.KeyValue("b", 2), {"c": 3}, cl.Attribute("d", 4), e=5)

    richer.info("m", f=6)
    logger.info("m")

    assert [attributes(record) for record in records()] == [
        {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6},
        {},
    ]


def test_with_values_chains(bare: cl.LoggingContext, sink: RecordingSink) -> None:
    """Values add up along the chain, a later one winning; names between do not lose them."""
    bare.logger().with_values(a=1, b=1).with_name("n").with_values(b=2, c=2).info("m", c=3)

    assert sent(sink) == {"a": 1, "b": 2, "c": 3}
    assert only(sink.records)["name"] == "n"


def test_with_values_shows_nothing_to_rules(ctx: cl.LoggingContext) -> None:
    """Values of a logger belong to its records: they are no message context that a rule could match."""
    ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.Attribute("k", 1)))

    assert not ctx.unbound_logger().with_values(k=1).enabled(cl.DEBUG)


@pytest.mark.parametrize("make", ["bound", "unbound"])
def test_v_gives_a_logger_at_that_level(make: str, everything: cl.LoggingContext, records: Records) -> None:
    """`v(level) -> VLogger`: it keeps the name and the values of its logger."""
    logger = LOGGERS[make](everything).with_name("n").with_values(k=1)

    logger.v(cl.WARN).info("m", "j", 2)

    record = only(records())
    assert isinstance(logger.v(cl.WARN), cl.VLogger)
    assert record.log_record.severity_text == "WARN"
    assert attributes(record) == {"k": 1, "j": 2}
    assert record.instrumentation_scope is not None
    assert record.instrumentation_scope.name == "n"
