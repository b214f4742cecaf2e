"""Section 1 of the contract: levels, their names and their OTel severities."""

from __future__ import annotations

import enum
import string
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry._logs import SeverityNumber

import otel_ctxlog as cl

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk._logs import ReadableLogRecord

    from .records import RecordingSink

NAMES = {"error": 1, "warn": 2, "warning": 2, "info": 3, "debug": 4, "trace": 5, "none": 0, "off": 0}
SEVERITIES = [
    (cl.ERROR, 17, "ERROR"),
    (cl.WARN, 13, "WARN"),
    (cl.INFO, 9, "INFO"),
    (cl.DEBUG, 5, "DEBUG"),
    (cl.TRACE, 1, "TRACE"),
    (6, 1, "TRACE"),
    (1000, 1, "TRACE"),
]


class _Unprintable:
    def __repr__(self) -> str:
        msg = "no text"
        raise RuntimeError(msg)

    __str__ = __repr__


class _IndexOnly:
    def __index__(self) -> int:
        return 3


def test_level_is_an_int_enum_with_six_members() -> None:
    """`Level` is an `IntEnum`: NONE 0, ERROR 1, WARN 2, INFO 3, DEBUG 4, TRACE 5."""
    expected = {"NONE": 0, "ERROR": 1, "WARN": 2, "INFO": 3, "DEBUG": 4, "TRACE": 5}

    assert issubclass(cl.Level, enum.IntEnum)
    assert {name: int(level) for name, level in cl.Level.__members__.items()} == expected


@pytest.mark.parametrize("name", ["NONE", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"])
def test_levels_are_module_constants(name: str) -> None:
    """The levels are also module constants."""
    constant: object = getattr(cl, name)

    assert constant == cl.Level[name]
    assert isinstance(constant, int)


@pytest.mark.parametrize("bad", [True, False, -1, 1.5])
def test_what_is_no_level_is_no_default_level(ctx: cl.LoggingContext, bad: object) -> None:
    """A level is a non-negative int, never a bool: anything else is refused as default level, and nothing changes."""
    ctx.default_level = cl.WARN

    with pytest.raises((ValueError, TypeError)):
        ctx.default_level = bad  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    assert ctx.default_level == cl.WARN


@pytest.mark.parametrize("bad", [True, False, -1, 1.5, None])
def test_what_is_no_level_is_no_level_of_a_rule(bad: object) -> None:
    """A level is a non-negative int, never a bool: a rule of anything else cannot be made."""
    with pytest.raises((ValueError, TypeError)):
        cl.ConditionRule(bad)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("level", [6, 7, 100, 2**70])
def test_a_finer_trace_level_is_valid_everywhere(level: int, sink: RecordingSink) -> None:
    """Any int above 5 is a finer trace level: default level, rule, `log`, `enabled`, `v`, `explain`."""
    ctx = cl.LoggingContext(sink)
    ctx.default_level = level
    ctx.add_rule(cl.ConditionRule(level + 1, cl.Tag("finer")))

    logger = ctx.logger()
    logger.log(level, "by default")
    logger.log(level + 1, "beyond the default")
    finer = ctx.logger(cl.Tag("finer"))
    finer.log(level + 1, "by rule")
    finer.v(level + 1).info("by v")

    assert ctx.default_level == level
    assert sink.bodies == ["by default", "by rule", "by v"]
    assert logger.enabled(level)
    assert not logger.enabled(level + 1)
    assert finer.enabled(level + 1)
    assert ctx.explain().level == level
    assert ctx.explain(cl.Tag("finer")).level == level + 1
    assert ctx.v(level).enabled()
    assert not ctx.v(level + 1).enabled()


@pytest.mark.parametrize("open_to", [cl.NONE, cl.INFO, cl.TRACE, 1000])
@pytest.mark.parametrize("by_rule", [False, True])
def test_nothing_is_ever_emitted_at_level_0(sink: RecordingSink, *, open_to: int, by_rule: bool) -> None:
    """Nothing is ever emitted at level 0, however open the context is."""
    ctx = cl.LoggingContext(sink)
    if by_rule:
        ctx.add_rule(cl.ConditionRule(open_to))
    else:
        ctx.default_level = open_to

    for logger in (ctx.logger(), ctx.unbound_logger(), ctx.logger().with_name("n").with_values(a=1)):
        logger.log(0, "zero")
        logger.log(cl.NONE, "none")
        logger.v(0).info("v zero")
        assert not logger.enabled(0)
        assert not logger.v(0).enabled()
    ctx.v(0).info("v zero")

    assert sink.records == []


@pytest.mark.parametrize("by_rule", [False, True])
def test_level_none_silences_everything(sink: RecordingSink, *, by_rule: bool) -> None:
    """A context or rule at NONE lets nothing through, errors and `critical` included."""
    ctx = cl.LoggingContext(sink)
    if by_rule:
        ctx.add_rule(cl.ConditionRule(cl.NONE))
    else:
        ctx.default_level = cl.NONE

    for logger in (ctx.logger(), ctx.unbound_logger()):
        logger.error("e")
        logger.critical("c")
        logger.log_error(ValueError("x"), "le")
        logger.v(1).error(ValueError("x"), "ve")
        logger.trace("t")
        assert not logger.enabled(cl.ERROR)

    assert sink.records == []


@pytest.mark.parametrize(("name", "level"), list(NAMES.items()))
@pytest.mark.parametrize("form", ["{}", " {}", "{} ", "\t{}\n", "  {}  "])
@pytest.mark.parametrize("case", [str.lower, str.upper, str.title, str.swapcase])
def test_parse_level_takes_a_name(name: str, level: int, form: str, case: Callable[[str], str]) -> None:
    """A name in any case, surrounding blanks ignored."""
    assert cl.parse_level(form.format(case(name))) == level


@pytest.mark.parametrize(
    ("text", "level"), [("0", 0), ("1", 1), ("5", 5), ("6", 6), ("42", 42), ("1" + "0" * 100, 10**100), (" 7 ", 7)]
)
def test_parse_level_takes_a_decimal(text: str, level: int) -> None:
    """A non-negative decimal is that level."""
    assert cl.parse_level(text) == level


@pytest.mark.parametrize("level", [*cl.Level, 0, 1, 6, 10**100])
def test_parse_level_takes_a_level(level: int) -> None:
    """A level is itself."""
    assert cl.parse_level(level) == level


@pytest.mark.parametrize("value", ["debug", "7", 0, 9, cl.INFO])
def test_parse_level_gives_an_int_that_is_no_bool(value: object) -> None:
    """What `parse_level` returns is a level: an int, never a bool."""
    parsed = cl.parse_level(value)

    assert isinstance(parsed, int)
    assert not isinstance(parsed, bool)


@pytest.mark.parametrize(
    "bad",
    [
        *("", " ", "Debgu", "debug info", "in fo", "-1", "-0x1", "1.5", "1.0", "0x3", "1e3", "1_0", "3 4"),
        *("\ud800", "verbose", "Level.INFO", "'info'", "\u0131nfo", "o\ufb00", "²", "info\0"),
        *(True, False, None, -1, -(10**100), 1.0, 3.0, float("nan"), float("inf"), b"info", [], ["info"], {}, ()),
    ],
    ids=ascii,
)
def test_parse_level_refuses_anything_else_and_quotes_it(bad: object) -> None:
    """Anything else is a `ValueError` that quotes the input."""
    with pytest.raises(ValueError) as caught:
        cl.parse_level(bad)

    message = str(caught.value)
    assert repr(bad) in message or (isinstance(bad, str) and bad.strip() and bad in message)


@pytest.mark.parametrize(
    "bad", [_Unprintable(), _IndexOnly(), object(), cl.Realm("debug")], ids=lambda b: type(b).__name__
)
def test_parse_level_refuses_any_object_with_a_value_error(bad: object) -> None:
    """Anything else is a `ValueError`, also what has no text or only looks like an index."""
    with pytest.raises(ValueError):
        cl.parse_level(bad)


@given(st.text())
def test_parse_level_only_ever_raises_value_error(text: str) -> None:
    """A text is a level or a `ValueError`."""
    known = text.strip().lower() in NAMES
    decimal = text.strip() != "" and set(text.strip()) <= set(string.digits)

    try:
        level = cl.parse_level(text)
    except ValueError:
        assert not known
        assert not decimal
    else:
        assert level >= 0


@pytest.mark.parametrize(
    ("level", "name"), list(enumerate(["None", "Error", "Warn", "Info", "Debug", "Trace", "6", "7"]))
)
def test_level_name(level: int, name: str) -> None:
    """`level_name` is `"Error"` to `"Trace"`, `"None"`, or the decimal."""
    assert cl.level_name(level) == name
    assert type(cl.level_name(level)) is str


@given(st.integers(min_value=0) | st.sampled_from(cl.Level))
def test_parse_level_undoes_level_name(level: int) -> None:
    """`parse_level(level_name(n)) == n` for every n from 0."""
    assert cl.parse_level(cl.level_name(level)) == level


@pytest.mark.parametrize(("level", "number", "text"), SEVERITIES)
@pytest.mark.parametrize("bound", [True, False])
def test_severity_of_a_record(
    ctx: cl.LoggingContext,
    records: Callable[[], list[ReadableLogRecord]],
    *,
    level: int,
    number: int,
    text: str,
    bound: bool,
) -> None:
    """Severity: ERROR 17, WARN 13, INFO 9, DEBUG 5, TRACE 1 (every finer level too), each with its text."""
    ctx.default_level = level
    logger = ctx.logger() if bound else ctx.unbound_logger()

    logger.log(level, "m")

    (record,) = records()
    assert record.log_record.severity_number == SeverityNumber(number)
    assert record.log_record.severity_text == text


@pytest.mark.parametrize("method", ["error", "warn", "warning", "info", "debug", "trace"])
def test_severity_of_the_named_methods(
    ctx: cl.LoggingContext, records: Callable[[], list[ReadableLogRecord]], method: str
) -> None:
    """Each named method emits at the level of its name."""
    ctx.default_level = NAMES[method]
    expected = {level: (number, text) for level, number, text in SEVERITIES}[NAMES[method]]

    getattr(ctx.logger(), method)("m")
    getattr(ctx.unbound_logger(), method)("m")

    seen = [(r.log_record.severity_number, r.log_record.severity_text) for r in records()]
    assert seen == [(SeverityNumber(expected[0]), expected[1])] * 2


@pytest.mark.parametrize("method", ["error", "warn", "warning", "info", "debug", "trace"])
def test_the_named_methods_gate_at_their_level(sink: RecordingSink, method: str) -> None:
    """One level below the name's level nothing comes out."""
    ctx = cl.LoggingContext(sink)
    ctx.default_level = NAMES[method] - 1

    getattr(ctx.logger(), method)("m")
    getattr(ctx.unbound_logger(), method)("m")

    assert sink.records == []


@pytest.mark.parametrize("bound", [True, False])
def test_critical_emits_fatal(
    ctx: cl.LoggingContext, records: Callable[[], list[ReadableLogRecord]], *, bound: bool
) -> None:
    """`critical()` gates as ERROR and emits FATAL 21, `"FATAL"`."""
    ctx.default_level = cl.ERROR
    logger = ctx.logger() if bound else ctx.unbound_logger()

    logger.critical("m", a=1)

    (record,) = records()
    assert record.log_record.severity_number == SeverityNumber.FATAL
    assert SeverityNumber.FATAL.value == 21
    assert record.log_record.severity_text == "FATAL"
    assert dict(record.log_record.attributes or {})["a"] == 1


def test_critical_reaches_a_sink_as_level_error(sink: RecordingSink) -> None:
    """`critical()` gates as ERROR: a sink is asked for, and given, level ERROR with severity FATAL."""
    ctx = cl.LoggingContext(sink)
    ctx.default_level = cl.ERROR

    ctx.logger().critical("m")

    (record,) = sink.records
    assert set(sink.asked) <= {cl.ERROR}
    assert record["level"] == cl.ERROR
    assert record["severity"] == SeverityNumber.FATAL
