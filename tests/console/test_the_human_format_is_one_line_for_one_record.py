from __future__ import annotations

import io
import re
import time
from datetime import datetime
from typing import Any

import pytest

import otel_ctxlog as cl
from otel_ctxlog.console import ConsoleRecord, ConsoleSink, HumanFormat

MOMENT = 1_800_000_000_123_456_789


def shown(**given: Any) -> str:
    values: dict[str, Any] = {"timestamp": MOMENT, "level": 3, "severity": 9, "body": "connected", **given}
    return HumanFormat().format(ConsoleRecord(**values))


def test_the_parts_stand_in_their_order() -> None:
    """Time, level, name, realm, message, fields as given, and the short trace id."""
    line = shown(name="pool", realm="shop/db", attributes={"b": 1, "a": "x"}, trace_id=0xABC << 100)

    assert line == "2027-01-15T08:00:00.123Z INFO  pool [shop/db] connected  b=1 a=x trace=00000000\n".replace(
        "00000000", f"{0xABC << 100:032x}"[:8]
    )


def test_what_is_not_there_takes_no_room() -> None:
    """Without name, realm and fields there are time, level and message; a name alone is closed by a colon."""
    assert shown() == "2027-01-15T08:00:00.123Z INFO  connected\n"
    assert shown(name="pool") == "2027-01-15T08:00:00.123Z INFO  pool: connected\n"
    assert shown(body=None) == "2027-01-15T08:00:00.123Z INFO\n"


@pytest.mark.parametrize(
    ("given", "label"),
    [
        ({"level": 1, "severity": 17}, "ERROR"),
        ({"level": 1, "severity": 21}, "FATAL"),
        ({"level": 2, "severity": 13}, "WARN "),
        ({"level": 4, "severity": 5}, "DEBUG"),
        ({"level": 5, "severity": 1}, "TRACE"),
        ({"level": 6, "severity": 1}, "TRACE6"),
        ({"level": 3, "severity": 10}, "INFO "),
        ({"level": 3, "severity": 0}, "-    "),
        ({"level": 3, "severity": 10, "severity_text": "NOTICE"}, "NOTICE"),
    ],
)
def test_levels_have_the_names_of_the_contract(given: dict[str, Any], label: str) -> None:
    """A level is its severity's word; one finer than Trace has its number; a text of its own is shown."""
    assert shown(**given) == f"2027-01-15T08:00:00.123Z {label} connected\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("a/b:c-d", "a/b:c-d"),
        ("two words", '"two words"'),
        ("", '""'),
        ("a=b", '"a=b"'),
        ('say "hi"', r'"say \"hi\""'),
        ("1", '"1"'),
        ("-1.5e3", '"-1.5e3"'),
        ("-inf", '"-inf"'),
        ("true", '"true"'),
        ("None", '"None"'),
        ("nanometre", "nanometre"),
        ("1.2.3", "1.2.3"),
        ("Köln", "Köln"),
        (1, "1"),
        (-1.5, "-1.5"),
        (True, "true"),
        (None, "null"),
        (b"\x00\xff", "0x00ff"),
        ([1, "a"], '[1,"a"]'),
        ({"k": {"n": None}}, '{"k":{"n":null}}'),
        ({"f": float("inf")}, '{"f":"Infinity"}'),
    ],
)
def test_a_value_can_be_told_from_another(value: Any, text: str) -> None:
    """Plain text is bare; text that has blanks, or reads like a number or a truth value, is quoted."""
    assert shown(attributes={"k": value}) == f"2027-01-15T08:00:00.123Z INFO  connected  k={text}\n"


def test_realm_and_event_type_are_said_once() -> None:
    """The attributes `realm` and `eventType` are left out where they have their place, and only there."""
    said = shown(realm="shop", event_name="paid", body=None, attributes={"realm": "shop", "eventType": "paid", "n": 1})
    other = shown(attributes={"realm": "shop", "eventType": "paid"})

    assert said == "2027-01-15T08:00:00.123Z INFO  [shop] ◆ paid  n=1\n"
    assert other == "2027-01-15T08:00:00.123Z INFO  connected  realm=shop eventType=paid\n"


def test_an_events_body_is_shown_where_it_says_more() -> None:
    """The JSON of type and fields is not repeated, any other body is."""
    fields = {"total": 100, "ids": (1, 2)}
    same = shown(event_name="paid", body='{"eventType":"paid","ids":[1,2],"total":100}', attributes=fields)
    more = shown(event_name="paid", body="thank you {{total}}", attributes=fields)

    assert same == "2027-01-15T08:00:00.123Z INFO  ◆ paid  total=100 ids=[1,2]\n"
    assert more == "2027-01-15T08:00:00.123Z INFO  ◆ paid thank you {{total}}  total=100 ids=[1,2]\n"


def test_a_traceback_is_indented_below() -> None:
    """The chain of an exception stands below the line, each line of it indented; so does a stack."""
    try:
        try:
            raise KeyError("first")  # noqa: TRY301 - its traceback is the point
        except KeyError as error:
            raise ValueError("second\n2027-01-15T08:00:00.123Z INFO  forged") from error
    except ValueError as error:
        text = shown(exception=error, stack="Stack (most recent call last):\n  here\n")

    first, *below = text.splitlines()
    assert first == "2027-01-15T08:00:00.123Z INFO  connected"
    assert all(line.startswith("    ") for line in below if line)
    assert "    KeyError: 'first'" in below
    assert "    The above exception was the direct cause of the following exception:" in below
    assert below[-4:] == [
        "    ValueError: second",
        "    2027-01-15T08:00:00.123Z INFO  forged",
        "    Stack (most recent call last):",
        "      here",
    ]


def test_an_exception_without_a_text_costs_nothing_else() -> None:
    """An exception whose text cannot be had is still named."""

    class BrokenError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert "BrokenError" in shown(exception=BrokenError()).splitlines()[-1]


def test_times_are_short_local_or_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A format shows the time of day, the zone of the machine, or no time at all."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        record = ConsoleRecord(MOMENT, 3, 9, body="x")
        local = HumanFormat(local=True).format(record)

        assert local == "2027-01-15T13:30:00.123+05:30 INFO  x\n"
        assert datetime.fromisoformat(local.split()[0]).timestamp() == 1_800_000_000.123
        assert HumanFormat(time="short", local=True).format(record) == "13:30:00.123 INFO  x\n"
        assert HumanFormat(time="short").format(record) == "08:00:00.123 INFO  x\n"
        assert HumanFormat(time="none").format(record) == "INFO  x\n"
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


@pytest.mark.parametrize("timestamp", [0, -1, 10**30, -(10**30), 999_999])
def test_no_time_is_too_strange(timestamp: int) -> None:
    """Times before 1970 and beyond the calendar give a line, too."""
    for style in (HumanFormat(), HumanFormat(local=True), HumanFormat(time="short")):
        assert style.format(ConsoleRecord(timestamp, 3, 9, body="x")).endswith(" INFO  x\n")


def test_the_trace_id_is_as_long_as_asked() -> None:
    """No digit, all of them, or eight."""
    record = ConsoleRecord(MOMENT, 3, 9, body="x", trace_id=0xAB)

    assert HumanFormat(time="none", trace=0).format(record) == "INFO  x\n"
    assert HumanFormat(time="none", trace=32).format(record) == f"INFO  x  trace={'0' * 30}ab\n"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"time": "isoo"}, "time is 'isoo', allowed: iso, short, none; did you mean 'iso'?"),
        ({"trace": 33}, "trace is 33, allowed: 0 to 32 digits"),
        ({"trace": True}, "trace is True, allowed: 0 to 32 digits"),
    ],
)
def test_a_wrong_option_is_named(arguments: Any, text: str) -> None:
    """An error says what was found, what is allowed and the nearest match."""
    with pytest.raises(ValueError, match=re.escape(text)):
        HumanFormat(**arguments)


def test_a_context_writes_through_its_sink() -> None:
    """A context whose target is a console sink writes its records with name, realm, fields and events."""
    out = io.StringIO()
    ctx = cl.LoggingContext(ConsoleSink(out, format=HumanFormat(time="none")))
    ctx.default_level = 6
    log = ctx.logger(cl.Realm("shop/db"), cl.Name("pool"), cl.Attribute("region", "eu"))
    log.info("connected", rows=3)
    log.log(6, "deep")
    log.critical("lost")
    ctx.eventer().event("orderPlaced", total=100)

    assert out.getvalue().splitlines() == [
        "INFO  pool [shop/db] connected  region=eu rows=3",
        "TRACE6 pool [shop/db] deep  region=eu",
        "FATAL pool [shop/db] lost  region=eu",
        "INFO  ◆ orderPlaced  total=100",
    ]


def test_a_format_evaluates_from_its_repr() -> None:
    """Formats are plain values, and a record is immutable."""
    style = HumanFormat(time="short", keep=True)

    assert eval(repr(style)) == style
    with pytest.raises(AttributeError):
        style.keep = False  # type: ignore[misc]
    with pytest.raises(AttributeError):
        ConsoleRecord(0, 3, 9).body = "x"  # type: ignore[misc]
