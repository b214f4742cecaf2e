"""Section 7 of the contract: how values become OTel attribute values."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import pathlib
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import otel_ctxlog as cl

from .emitted import INT_MAX, INT_MIN, attributes, attributes_of, is_otel_value, only, sent
from .records import RecordingSink

if TYPE_CHECKING:
    from collections.abc import Callable

    from .emitted import AnyLogger, Records


class Colour(enum.Enum):
    """An enumeration of texts."""

    RED = "red"


class Number(enum.IntEnum):
    """An enumeration of numbers."""

    ONE = 1


class Text(str, enum.Enum):
    """An enumeration that is text itself."""

    A = "a value"


class Nested(enum.Enum):
    """An enumeration of what is no scalar."""

    PAIR = (1, frozenset({2}))


@dataclasses.dataclass
class Point:
    """A dataclass."""

    x: int
    y: object


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    """A dataclass without `__dict__`."""

    name: str


class Worded:
    """An object with a text of its own."""

    def __str__(self) -> str:
        return "my text"

    def __repr__(self) -> str:
        return "<repr>"


UTC = dt.timezone.utc
UUID = uuid.UUID("12345678-1234-5678-1234-567812345678")

CONVERSIONS: list[tuple[object, object]] = [
    ("text", "text"),
    ("", ""),
    (True, True),
    (False, False),
    (None, None),
    (0, 0),
    (1.5, 1.5),
    (b"bytes", b"bytes"),
    (INT_MAX, INT_MAX),
    (INT_MIN, INT_MIN),
    (INT_MAX + 1, "9223372036854775808"),
    (INT_MIN - 1, "-9223372036854775809"),
    ([], []),
    ({}, {}),
    ([1, "a", None, True], [1, "a", None, True]),
    ((1, (2, 3)), [1, [2, 3]]),
    ({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 2}]}}),
    (collections.OrderedDict(a=1), {"a": 1}),
    (collections.UserDict({"a": 1}), {"a": 1}),
    (range(3), [0, 1, 2]),
    (collections.deque([1, 2]), [1, 2]),
    (dt.datetime(2024, 2, 3, 4, 5, 6, 789), "2024-02-03T04:05:06.000789"),
    (dt.datetime(2024, 2, 3, tzinfo=UTC), "2024-02-03T00:00:00+00:00"),
    (Colour.RED, "red"),
    (Number.ONE, 1),
    (Text.A, "a value"),
    (Nested.PAIR, [1, [2]]),
    (cl.DEBUG, 4),
    (UUID, "12345678-1234-5678-1234-567812345678"),
    (pathlib.Path("a") / "b", str(pathlib.Path("a") / "b")),
    (pathlib.PurePosixPath("/x"), "/x"),
    (decimal.Decimal("1.10"), "1.10"),
    (ValueError("bad thing"), "bad thing"),
    (KeyError("k"), "'k'"),
    (KeyboardInterrupt("stop"), "stop"),
    (Point(1, [2]), {"x": 1, "y": [2]}),
    (Point(1, Point(2, Colour.RED)), {"x": 1, "y": {"x": 2, "y": "red"}}),
    (Slotted("n"), {"name": "n"}),
    ({1}, [1]),
    (frozenset({"a"}), ["a"]),
    (set(), []),
    ({1: "a", ("x", 1): "b"}, {"1": "a", "('x', 1)": "b"}),
    (Worded(), "my text"),
    (Worded, str(Worded)),
    (Point, str(Point)),
    (1 + 2j, "(1+2j)"),
    ([2**64, {"a": 2**64}], ["18446744073709551616", {"a": "18446744073709551616"}]),
    ([UUID, {Colour.RED: Number.ONE}], None),
    ("a\udc80b", "a\\udc80b"),
    ("\ud83d", "\\ud83d"),
    ("ü€😀", "ü€😀"),
]


@pytest.mark.parametrize(("value", "expected"), CONVERSIONS, ids=lambda item: repr(item)[:40])
@pytest.mark.parametrize("where", ["call", "with_values", "context", "lazy", "nested"])
def test_values_become_otel_values(
    where: str, value: object, expected: object, sink: RecordingSink, ctx: cl.LoggingContext, records: Records
) -> None:
    """Every kind of value becomes the OTel attribute value that the contract says, wherever it was given."""
    for context in (cl.LoggingContext(sink, sources=()), ctx):
        if where == "call":
            context.logger().info("m", k=value)
        elif where == "with_values":
            context.logger().with_values(k=value).info("m")
        elif where == "context":
            context.logger(cl.Attribute("k", value)).info("m")
        elif where == "lazy":
            context.logger().info("m", k=cl.Lazy(lambda: value))
        else:
            context.logger().info("m", k=[value])

    assert is_otel_value(only(sink.records)["attributes"])
    found = sent(sink)["k"]
    if expected is not None or value is None:
        assert found == ([expected] if where == "nested" else expected)
        assert attributes(only(records()))["k"] == found


@pytest.mark.parametrize("value", [Number.ONE, cl.DEBUG, Text.A], ids=repr)
def test_scalars_are_exact(value: object) -> None:
    """An enum member that is a number or a text itself becomes the plain number or text."""
    sink = RecordingSink()
    cl.LoggingContext(sink).logger().info("m", k=value)

    assert type(sent(sink)["k"]) in (int, str)


def test_sets_become_sequences(sink: RecordingSink) -> None:
    """A set becomes a sequence of its elements, those that cannot be sorted included."""
    cl.LoggingContext(sink).logger().info("m", a={3, 1, 2}, b={"x", 1, None})

    found: dict[str, Any] = sent(sink)
    assert [type(value) for value in found.values()] == [list, list]
    assert sorted(found["a"]) == [1, 2, 3]
    assert set(found["b"]) == {"x", 1, None}


def test_special_floats_are_kept(sink: RecordingSink) -> None:
    """Infinities and NaN are floats that an attribute can hold."""
    cl.LoggingContext(sink).logger().info("m", a=float("inf"), b=float("-inf"), c=float("nan"))

    found = sent(sink)
    assert (found["a"], found["b"]) == (float("inf"), float("-inf"))
    assert found["c"] != found["c"]


def _cycles() -> dict[str, tuple[object, object]]:
    array: list[object] = [1]
    array.append(array)
    table: dict[str, object] = {"a": 1}
    table["self"] = table
    one: list[object] = []
    other: dict[str, object] = {"one": one}
    one.append(other)
    point = Point(1, None)
    point.y = point
    inside = Point(1, None)
    inside.y = [inside]
    shared = [1]
    return {
        "list": (array, [1, "!ERROR: cycle"]),
        "dict": (table, {"a": 1, "self": "!ERROR: cycle"}),
        "list and dict": (one, [{"one": "!ERROR: cycle"}]),
        "dataclass": (point, {"x": 1, "y": "!ERROR: cycle"}),
        "dataclass and list": (inside, {"x": 1, "y": ["!ERROR: cycle"]}),
        "no cycle": ([shared, shared, {"a": shared}], [[1], [1], {"a": [1]}]),
    }


@pytest.mark.parametrize("kind", _cycles())
def test_a_reference_back_is_an_error_text(kind: str) -> None:
    """A reference back in a cycle becomes `!ERROR: cycle`; one value in two places is no cycle."""
    value, expected = _cycles()[kind]
    sink = RecordingSink()
    logger = cl.LoggingContext(sink).logger()

    logger.info("m", k=value)
    logger.with_values(k=value).info("m")
    logger.info("m", k=cl.Lazy(lambda: value))

    assert [attributes_of(record)["k"] for record in sink.records] == [expected] * 3


def test_a_cycle_in_a_context_attribute_costs_no_record() -> None:
    """A cyclic value in the message context raises nothing and can be sent."""
    for value, _ in _cycles().values():
        sink = RecordingSink()
        ctx = cl.LoggingContext(sink)
        ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.Attribute("k", [["x"]])))
        ctx.logger(cl.Attribute("k", value)).info("m")
        assert is_otel_value(only(sink.records)["attributes"])


@pytest.mark.parametrize("where", ["call", "with_values", "context", "lazy"])
def test_a_very_deep_value_costs_no_record(where: str, ctx: cl.LoggingContext, records: Records) -> None:
    """A value nested beyond every stack raises nothing, and the record is there with its other fields."""
    deep: Any = 1
    for i in range(100_000):
        deep = [deep] if i % 2 else {"k": deep}

    if where == "call":
        ctx.logger().info("m", k=deep, other=1)
    elif where == "with_values":
        ctx.logger().with_values(k=deep).info("m", other=1)
    elif where == "context":
        ctx.logger(cl.Attribute("k", deep)).info("m", other=1)
    else:
        ctx.logger().info("m", k=cl.Lazy(lambda: deep), other=1)
    while deep != 1:  # or the interpreter's own destructor has to dig as deep
        deep = deep.popitem()[1] if hasattr(deep, "popitem") else deep.pop()

    assert attributes(only(records()))["other"] == 1


def test_an_integer_too_long_for_text_costs_no_record(sink: RecordingSink) -> None:
    """An integer with more digits than the interpreter prints is a value whose text fails."""
    cl.LoggingContext(sink).logger().info("m", k=10**10_000, other=1)

    found = sent(sink)
    assert found["other"] == 1
    assert isinstance(found["k"], str)


# --- when values are converted ------------------------------------------------------------------------------------


class Counting:
    """An object whose text is how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __str__(self) -> str:
        self.asked += 1
        return str(self.asked)


MAKERS: dict[str, Callable[[cl.LoggingContext, object], AnyLogger]] = {
    "bound": lambda c, v: c.logger().with_values(k=v),
    "unbound": lambda c, v: c.unbound_logger().with_values("k", v),
    "attribution": lambda c, v: c.attribution().with_values({"k": v}).logger(),
    "chain": lambda c, v: c.logger().with_values(k=v).with_name("n").with_values(j=1),
}


@pytest.mark.parametrize("make", MAKERS)
def test_values_are_converted_when_with_values_is_called(make: str, sink: RecordingSink) -> None:
    """Values of `with_values` are converted when it is called: once, and later changes do not show."""
    ctx = cl.LoggingContext(sink)
    array, counting = [1], Counting()
    logger = MAKERS[make](ctx, {"array": array, "counting": counting})
    array.append(2)

    logger.info("m")
    logger.info("m")

    assert [attributes_of(record)["k"] for record in sink.records] == [{"array": [1], "counting": "1"}] * 2
    assert counting.asked == 1


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("inside", [False, True])
def test_a_lazy_in_with_values_is_called_for_every_emitted_record(make: str, inside: bool, sink: RecordingSink) -> None:
    """A `Lazy` in `with_values` is called at every emitted record, and at none that is not."""
    calls: list[int] = []

    def compute() -> int:
        calls.append(1)
        return len(calls)

    lazy = cl.Lazy(compute)
    logger = MAKERS[make](cl.LoggingContext(sink), [lazy] if inside else lazy)
    logger.debug("not emitted")
    assert calls == []

    logger.info("m")
    logger.trace("not emitted")
    logger.info("m")

    found = [attributes_of(record)["k"] for record in sink.records]
    assert found == ([[1], [2]] if inside else [1, 2])


# --- properties ---------------------------------------------------------------------------------------------------


def _hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


SURROGATES = st.text(st.characters(categories=["Cs", "Ll"]), max_size=3)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    SURROGATES,
    st.binary(max_size=5),
    st.datetimes(),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.uuids(),
    st.decimals(),
    st.fractions(),
    st.complex_numbers(),
    st.sampled_from([Colour.RED, Number.ONE, Text.A, Nested.PAIR, Worded(), object(), cl.IGNORE, type, len]),
    st.builds(ValueError, SURROGATES),
    st.builds(cl.KeyValue, st.just("k"), st.integers()),
    st.builds(cl.Lazy, st.just(lambda: {1, 2})),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.one_of(LEAVES.filter(_hashable), SURROGATES), inner, max_size=4),
        st.builds(Point, st.integers(), inner),
        st.frozensets(LEAVES.filter(_hashable), max_size=3),
    ),
    max_leaves=12,
)


@given(value=VALUES)
def test_every_value_becomes_an_otel_value(value: object) -> None:
    """Whatever the value, the call raises nothing, and the attribute is one that the SDK and OTLP can send."""
    sink = RecordingSink()
    ctx = cl.LoggingContext(sink, sources=())

    ctx.logger(cl.Attribute("a", value)).with_values(b=value).info("m", c=value, sure=1)

    found = sent(sink)
    assert found["sure"] == 1
    assert is_otel_value(found)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(INT_MIN, INT_MAX), st.floats(allow_nan=False), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=4)),
    max_leaves=12,
)


@given(value=JSON)
def test_nested_maps_and_sequences_are_kept(value: object) -> None:
    """Nested maps and sequences of scalars are kept as they are."""
    sink = RecordingSink()
    cl.LoggingContext(sink, sources=()).logger().info("m", k=value)

    assert sent(sink) == {"k": value}
