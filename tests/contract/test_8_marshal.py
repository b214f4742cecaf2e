"""Section 8 of the contract: `marshal`, the JSON text of an event."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import otel_ctxlog as cl

from .emitted import INT_MAX, INT_MIN
from .records import RecordingSink


class Mute:
    """An object without text."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


def _fail() -> object:
    raise RuntimeError("lazy failed")


def test_marshal_gives_compact_sorted_json() -> None:
    """`marshal`: keys sorted, UTF-8, no blanks."""
    assert cl.marshal("t", "b", 1, {"a": "ü"}, c=[1, {"y": 1, "x": 2}]) == (
        '{"a":"ü","b":1,"c":[1,{"x":2,"y":1}],"eventType":"t"}'
    )
    assert cl.marshal("t") == '{"eventType":"t"}'
    assert cl.marshal("t", Z=1, a=2, z=3, f=4) == '{"Z":1,"a":2,"eventType":"t","f":4,"z":3}'


def test_marshal_does_not_depend_on_the_form_or_order_of_fields() -> None:
    """The JSON is that of type and fields, however they were given."""
    forms = [
        cl.marshal("t", "a", 1, "b", 2),
        cl.marshal("t", b=2, a=1),
        cl.marshal("t", {"b": 2, "a": 1}),
        cl.marshal("t", cl.KeyValue("b", 2), cl.Attribute("a", 1)),
    ]

    assert forms == ['{"a":1,"b":2,"eventType":"t"}'] * 4


def test_marshal_takes_every_field_name() -> None:
    """The type is positional only: `type`, `self` and others are free for fields."""
    assert cl.marshal("t", type=1, self=2, fields=3) == '{"eventType":"t","fields":3,"self":2,"type":1}'


@pytest.mark.parametrize(
    ("arguments", "position"),
    [(("t", "a", 1, 5, 2), "5"), (("t", "a", 1, "b", 2, "odd"), "odd"), (("t", "a", 1, "", 2), "")],
    ids=repr,
)
def test_marshal_tells_where(arguments: tuple[object, ...], position: str) -> None:
    """The error names the key or the position of what is wrong."""
    with pytest.raises(ValueError, match=r"\d|odd"):
        cl.marshal(*arguments)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


KEYS = st.text(min_size=1, max_size=5).filter(lambda key: key != "eventType")
JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(INT_MIN, INT_MAX),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=5),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=4)),
    max_leaves=12,
)


@given(kind=st.text(min_size=1), fields=st.dictionaries(KEYS, JSON, max_size=5))
def test_marshal_is_read_back(kind: str, fields: dict[str, object]) -> None:
    """What `marshal` writes is JSON that gives type and fields back, in sorted order, without blanks outside texts."""
    text = cl.marshal(kind, fields)

    assert json.loads(text) == {"eventType": kind, **fields}
    assert text == json.dumps(json.loads(text), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    text.encode("utf-8")


ANYTHING = st.one_of(
    JSON,
    st.floats(),
    st.binary(max_size=3),
    st.text(st.characters(categories=["Cs", "Ll"]), max_size=3),
    st.sampled_from([cl.IGNORE, object(), Mute(), cl.KeyValue("k", 1), cl.Attribute("a", 1), cl.Lazy(_fail)]),
)


@given(kind=st.one_of(st.just("t"), ANYTHING), fields=st.lists(ANYTHING, max_size=6))
def test_marshal_gives_json_or_a_value_error(kind: object, fields: list[object]) -> None:
    """`marshal` gives JSON that can be sent, or raises `ValueError`, and nothing else ever."""
    try:
        text = cl.marshal(kind, *fields)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    except ValueError:
        return

    text.encode("utf-8")
    assert json.loads(text, parse_constant=pytest.fail)["eventType"]


@given(kind=st.one_of(st.just("t"), ANYTHING), fields=st.lists(ANYTHING, max_size=6))
def test_every_event_is_emitted_or_counted(kind: object, fields: list[object]) -> None:
    """An event is either emitted, or dropped and counted; nothing is raised."""
    sink = RecordingSink()
    eventer = cl.LoggingContext(sink, sources=()).eventer()

    eventer.event(kind, *fields)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    assert len(sink.records) + eventer.dropped == 1
