"""Section 8 of the contract: what makes an event violate it, and what happens then; `marshal`."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import json
import logging
import math
import pathlib
import re
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

import otel_ctxlog as cl

from .emitted import INT_MAX, INT_MIN, attributes, only
from .records import RecordingSink

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk._logs import LoggerProvider

    from .emitted import Records


class Mute:
    """An object without text."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class Unknown:
    """An object of no known kind, with a text of its own."""

    def __str__(self) -> str:
        return "a text that must not be taken"


class Odd(enum.Enum):
    """An enumeration of what JSON cannot hold."""

    BYTES = b"x"


@dataclass
class Point:
    """A dataclass."""

    x: object


def _fail() -> object:
    raise RuntimeError("lazy failed")


# kind, type, fields, keywords, what `marshal` names: a key, or a position
VIOLATIONS: list[tuple[str, object, tuple[object, ...], dict[str, object], str]] = [
    ("type", "", (), {}, "''"),
    ("type", None, (), {}, "None"),
    ("type", 5, (), {}, "5"),
    ("type", b"bytes", (), {}, "bytes"),
    ("type", True, (), {}, "True"),
    ("reserved", "t", ("eventType", 1), {}, "eventType"),
    ("reserved", "t", (cl.KeyValue("eventType", 1),), {}, "eventType"),
    ("reserved", "t", (cl.Attribute("eventType", "t"),), {}, "eventType"),
    ("reserved", "t", ({"eventType": "t"},), {}, "eventType"),
    ("reserved", "t", (), {"eventType": "t"}, "eventType"),
    ("reserved", "t", ("eventType", cl.IGNORE), {}, "eventType"),
    ("duplicate", "t", ("kk", 1, "kk", 1), {}, "kk"),
    ("duplicate", "t", ("kk", 1), {"kk": 2}, "kk"),
    ("duplicate", "t", ({"kk": 1}, cl.KeyValue("kk", 2)), {}, "kk"),
    ("duplicate", "t", (cl.Attribute("kk", 1), "kk", 2), {}, "kk"),
    ("duplicate", "t", ("kk", cl.IGNORE, "kk", 1), {}, "kk"),
    ("duplicate", "t", ("kk", 1), {"kk": cl.IGNORE}, "kk"),
    ("duplicate", "t", ({"kk": 1}, {"kk": 1}), {}, "kk"),
    ("key", "t", ("", 1), {}, ""),
    ("key", "t", (5, 1), {}, "5"),
    ("key", "t", (None, 1), {}, "None"),
    ("key", "t", (True, 1), {}, "True"),
    ("key", "t", (b"kk", 1), {}, "kk"),
    ("key", "t", ({5: 1},), {}, "5"),
    ("key", "t", ({"": 1},), {}, ""),
    ("key", "t", (), {"": 1}, ""),
    ("pair", "t", ("kk",), {}, "kk"),
    ("pair", "t", ("a", 1, "kk"), {}, "kk"),
    ("pair", "t", ({"a": 1}, "kk"), {"b": 1}, "kk"),
    ("value", "t", ("kk", b"bytes"), {}, "kk"),
    ("value", "t", ("kk", bytearray(b"x")), {}, "kk"),
    ("value", "t", ("kk", math.nan), {}, "kk"),
    ("value", "t", ("kk", math.inf), {}, "kk"),
    ("value", "t", (), {"kk": -math.inf}, "kk"),
    ("value", "t", ("kk", object()), {}, "kk"),
    ("value", "t", ("kk", Unknown()), {}, "kk"),
    ("value", "t", ("kk", Unknown), {}, "kk"),
    ("value", "t", ("kk", len), {}, "kk"),
    ("value", "t", ("kk", 1j), {}, "kk"),
    ("value", "t", ("kk", [1, [math.nan]]), {}, "kk"),
    ("value", "t", ("kk", {"x": {"y": b"z"}}), {}, "kk"),
    ("value", "t", ("kk", {Unknown()}), {}, "kk"),
    ("value", "t", ("kk", Point(Unknown())), {}, "kk"),
    ("value", "t", ("kk", Odd.BYTES), {}, "kk"),
    ("value", "t", ("kk", cl.Lazy(lambda: b"x")), {}, "kk"),
]


@pytest.fixture
def eventer(provider: LoggerProvider) -> cl.OTelEventer:
    """An eventer on the provider."""
    return cl.OTelEventer(provider)


@pytest.mark.parametrize(("kind", "type", "fields", "keywords", "named"), VIOLATIONS, ids=lambda item: repr(item)[:30])
def test_a_violation_drops_the_event(
    kind: str,
    type: object,
    fields: tuple[object, ...],
    keywords: dict[str, object],
    named: str,
    eventer: cl.OTelEventer,
    records: Records,
    diagnostics: list[logging.LogRecord],
) -> None:
    """Any violation: the event is dropped, counted, and logged at error; never raised."""
    eventer.event(type, *fields, **keywords)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    assert records() == []
    assert eventer.dropped == 1
    assert only(diagnostics).levelno == logging.ERROR
    assert kind in only(diagnostics).getMessage()

    eventer.event("good", a=1)
    assert eventer.dropped == 1
    assert len(records()) == 1


@pytest.mark.parametrize(("kind", "type", "fields", "keywords", "named"), VIOLATIONS, ids=lambda item: repr(item)[:30])
def test_marshal_names_the_violation(
    kind: str, type: object, fields: tuple[object, ...], keywords: dict[str, object], named: str
) -> None:
    """`marshal`: `ValueError` naming the violation and the key or position."""
    with pytest.raises(ValueError) as caught:
        cl.marshal(type, *fields, **keywords)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    text = str(caught.value)
    words = {"duplicate": "duplicate|twice", "pair": "pair|no value", "type": "type", "value": "value", "key": "key"}
    assert re.search(words.get(kind, kind), text.lower())
    assert named in text or re.search(r"\d", text)


@pytest.mark.parametrize(("kind", "type", "fields", "keywords", "named"), VIOLATIONS, ids=lambda item: repr(item)[:30])
def test_a_log_eventer_has_the_same_violations(
    kind: str,
    type: object,
    fields: tuple[object, ...],
    keywords: dict[str, object],
    named: str,
    sink: RecordingSink,
    diagnostics: list[logging.LogRecord],
) -> None:
    """The violations are those of events, whatever the eventer: a `LogEventer` drops, counts and logs them too."""
    eventer = cl.LogEventer(cl.LoggingContext(sink).logger(), level=cl.INFO)

    eventer.event(type, *fields, **keywords)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    assert sink.records == []
    assert eventer.dropped == 1
    assert only(diagnostics).levelno == logging.ERROR


FAILURES: dict[str, tuple[object, ...]] = {
    "lazy": ("kk", cl.Lazy(_fail)),
    "unprintable value": ("kk", Mute()),
    "unprintable key": (Mute(), 1),
    "unprintable exception": ("kk", type("Bad", (Exception,), {"__str__": Mute.__str__})()),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_field_that_fails_drops_the_event(
    name: str, eventer: cl.OTelEventer, records: Records, diagnostics: list[logging.LogRecord]
) -> None:
    """A field whose own code raises drops the event, counted and logged, never raised."""
    eventer.event("t", *FAILURES[name])

    assert records() == []
    assert eventer.dropped == 1
    assert only(diagnostics).levelno == logging.ERROR
    with pytest.raises(ValueError):
        cl.marshal("t", *FAILURES[name])


def test_a_sink_that_raises_is_a_failure(diagnostics: list[logging.LogRecord]) -> None:
    """An event whose sink raises raises nothing; however many there are, it is said once, of sink and eventer each."""

    class Broken(RecordingSink):
        def emit(self, **record: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
            raise RuntimeError("broken sink")

    eventer = cl.LoggingContext(Broken()).eventer()

    eventer.event("t")
    said = len(diagnostics)
    for _ in range(5):
        eventer.event("t")

    assert 1 <= said <= 2
    assert [record.levelname for record in diagnostics] == ["ERROR"] * said


# --- what is no violation -----------------------------------------------------------------------------------------

_CYCLE: list[object] = [1]
_CYCLE.append(_CYCLE)

GOOD: list[tuple[object, object]] = [
    (None, None),
    (True, True),
    (1.5, 1.5),
    ("ü€😀", "ü€😀"),
    ("\udc80", "\\udc80"),
    (INT_MAX, INT_MAX),
    (INT_MIN, INT_MIN),
    (2**63, "9223372036854775808"),
    ((1, [2, {"a": None}]), [1, [2, {"a": None}]]),
    ({1: 2}, {"1": 2}),
    ({3}, [3]),
    (dt.datetime(2024, 2, 3, 4, 5, 6), "2024-02-03T04:05:06"),
    (cl.DEBUG, 4),
    (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (pathlib.PurePosixPath("/x"), "/x"),
    (decimal.Decimal("1.10"), "1.10"),
    (ValueError("bad"), "bad"),
    (Point(1), {"x": 1}),
    (cl.Lazy(lambda: 5), 5),
    (_CYCLE, [1, "!ERROR: cycle"]),
]


@pytest.mark.parametrize(("value", "expected"), GOOD, ids=lambda item: repr(item)[:30])
def test_values_are_converted_as_those_of_log_records(
    value: object, expected: object, eventer: cl.OTelEventer, records: Records
) -> None:
    """Values are converted as in section 7, and can be written as JSON."""
    assert json.loads(cl.marshal("t", k=value)) == {"eventType": "t", "k": expected}
    eventer.event("t", k=value)
    assert attributes(only(records())) == {"eventType": "t", "k": expected}
    assert eventer.dropped == 0


def test_an_ignored_field_is_left_out(eventer: cl.OTelEventer, records: Records) -> None:
    """`IGNORE` leaves its key out of attributes and body."""
    eventer.event("t", "a", cl.IGNORE, cl.KeyValue("b", cl.IGNORE), {"c": cl.IGNORE}, d=1, e=cl.IGNORE)

    assert attributes(only(records())) == {"eventType": "t", "d": 1}
    assert only(records()).log_record.body == '{"d":1,"eventType":"t"}'


def test_a_context_attribute_of_the_same_name_is_no_duplicate(ctx: cl.LoggingContext, records: Records) -> None:
    """Keys are unique across all *fields*: a context attribute of that name only loses to the field."""
    ctx.eventer(cl.Attribute("k", 1)).event("t", k=2)

    assert attributes(only(records())) == {"eventType": "t", "k": 2}


# --- counted and logged -------------------------------------------------------------------------------------------

ONE_OF_EACH: dict[str, Callable[[cl.Eventer], None]] = {
    "type": lambda e: e.event(""),
    "key": lambda e: e.event("t", 5, 1),
    "reserved": lambda e: e.event("t", eventType=1),
    "duplicate": lambda e: e.event("t", "a", 1, a=1),
    "pair": lambda e: e.event("t", "a"),
    "value": lambda e: e.event("t", a=b"x"),
}


def test_a_kind_of_violation_is_logged_once_in_ten_seconds(
    eventer: cl.OTelEventer, diagnostics: list[logging.LogRecord]
) -> None:
    """Per eventer and kind of violation at most once in 10 s, however many there are; each is counted."""
    for _ in range(50):
        for violate in ONE_OF_EACH.values():
            violate(eventer)

    assert eventer.dropped == 300
    assert len(diagnostics) == len(ONE_OF_EACH)
    assert {record.levelno for record in diagnostics} == {logging.ERROR}
    for kind, record in zip(ONE_OF_EACH, diagnostics, strict=True):
        assert kind in record.getMessage()


def test_every_eventer_has_its_own_limit(provider: LoggerProvider, diagnostics: list[logging.LogRecord]) -> None:
    """The limit on diagnostics is per eventer: a second one says its own."""
    eventers = [cl.OTelEventer(provider) for _ in range(3)]

    for eventer in [*eventers, *eventers]:
        eventer.event("t", "odd")

    assert len(diagnostics) == 3
    assert [eventer.dropped for eventer in eventers] == [2, 2, 2]


@pytest.mark.slow
def test_after_ten_seconds_it_is_said_again_with_the_count(
    eventer: cl.OTelEventer, diagnostics: list[logging.LogRecord]
) -> None:
    """After 10 s the next violation of the kind is logged again, with the count of those in between."""
    for _ in range(37):
        eventer.event("t", "odd")
    time.sleep(9)
    eventer.event("t", "odd")
    assert len(diagnostics) == 1

    time.sleep(1.5)
    eventer.event("t", "odd")

    assert len(diagnostics) == 2
    assert re.search(r"\b(37|38|39)\b", diagnostics[1].getMessage())
    assert eventer.dropped == 39


def test_an_eventer_that_drops_nothing_has_dropped_0(eventer: cl.OTelEventer) -> None:
    """`.dropped` counts from 0, and good events do not count."""
    eventer.event("t", a=1)

    assert eventer.dropped == 0
