"""Section 7 of the contract: a bad field costs neither the record nor itself: `!BADKEY` and `!ERROR: …`."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import otel_ctxlog as cl

from .emitted import badkey, is_otel_value, sent
from .records import RecordingSink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .emitted import AnyLogger


class Mute:
    """An object without text."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


@pytest.fixture
def loud(sink: RecordingSink) -> cl.LoggingContext:
    """A context on the recording sink that lets every level through."""
    return cl.LoggingContext(sink)


@pytest.fixture
def logger(loud: cl.LoggingContext) -> cl.Logger:
    """A logger on the recording sink."""
    return loud.logger()


def _logged(*fields: object, **attributes: object) -> dict[str, object]:
    sink = RecordingSink()
    cl.LoggingContext(sink, sources=()).logger().info("m", *fields, **attributes)
    return sent(sink)


# --- no proper key ------------------------------------------------------------------------------------------------

BAD: list[tuple[tuple[object, ...], dict[str, object], list[str]]] = [
    ((5, 6), {}, ["5", "6"]),
    (("alone",), {}, ["alone"]),
    (("a", 1, "alone"), {"a": 1}, ["alone"]),
    ((5,), {}, ["5"]),
    (({5: 6},), {}, ["5: 6"]),
    (({"": 1},), {}, [": 1"]),
    (({None: 1, "a": 2, 3: 4},), {"a": 2}, ["None: 1", "3: 4"]),
    (("", 1), {}, ["", "1"]),
    ((None, 1), {}, ["None", "1"]),
    ((True, 1), {}, ["True", "1"]),
    ((1.5, 1), {}, ["1.5", "1"]),
    (([1, 2],), {}, ["[1, 2]"]),
    (("a", 1, 5, 6), {"a": 1}, ["5", "6"]),
    ((cl.KeyValue("a", 1), 5, 6, {"b": 2}), {"a": 1, "b": 2}, ["5", "6"]),
    (({"a": 1}, "alone"), {"a": 1}, ["alone"]),
    (({5: 6}, 7, 8, {9: 10}), {}, ["5: 6", "7", "8", "9: 10"]),
]


@pytest.mark.parametrize(("fields", "kept", "bad"), BAD, ids=lambda item: repr(item)[:40])
@pytest.mark.parametrize("where", ["call", "with_values"])
def test_what_has_no_proper_key_goes_into_badkey(
    where: str,
    fields: tuple[object, ...],
    kept: dict[str, object],
    bad: list[str],
    loud: cl.LoggingContext,
    sink: RecordingSink,
) -> None:
    """What has no proper key goes into `!BADKEY`, a sequence of texts, and the good fields stay."""
    if where == "call":
        loud.logger().info("m", *fields, z=1)
    else:
        loud.logger().with_values(*fields).info("m", z=1)

    assert sent(sink) == {**kept, "!BADKEY": bad, "z": 1}


def test_an_empty_keyword_is_no_proper_key() -> None:
    """A keyword attribute may be empty by `**`: it is no proper key, and its value is kept."""
    found = _logged(**{"": "value", "a": 1})

    assert found["a"] == 1
    assert "" not in found
    assert "value" in " ".join(badkey(found))


@pytest.mark.parametrize("key", [5, None, "", (1,)], ids=repr)
def test_a_key_value_without_proper_key_loses_nothing(key: object) -> None:
    """A `KeyValue` whose key is none, where it can be made at all, keeps key and value in `!BADKEY`."""
    try:
        field = cl.KeyValue(key, "value")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError):
        return

    texts = " ".join(badkey(_logged(field, a=1)))
    assert "value" in texts
    assert str(key) in texts


def test_the_texts_of_badkey_are_cleaned() -> None:
    """The texts in `!BADKEY` can be sent: escaped where they are not valid UTF-8, an error where there is none."""
    assert badkey(_logged("\udc80")) == ["\\udc80"]
    (text,) = badkey(_logged(Mute()))
    assert text.startswith("!ERROR: ")
    (first, second) = badkey(_logged(5, Mute()))
    assert first == "5"
    assert second.startswith("!ERROR: ")


def test_a_key_that_is_broken_text_is_a_key() -> None:
    """A key with a lone surrogate is a proper key, escaped."""
    assert _logged("\udc80", 1) == {"\\udc80": 1}


def test_bad_fields_of_values_and_call_are_both_kept(logger: cl.Logger, sink: RecordingSink) -> None:
    """A logging call loses nothing: what had no key in `with_values` is still there beside the call's own."""
    logger.with_values(5, 6).with_values(7).info("m", 8)

    assert badkey(sent(sink)) == ["5", "6", "7", "8"]


def test_a_key_that_is_a_subclass_of_str_is_a_key() -> None:
    """A key of a subclass of `str` is a proper key and goes out as plain text."""

    class Key(str):
        __slots__ = ()

        def __str__(self) -> str:
            raise RuntimeError("no text")

    found = _logged(Key("a"), 1, {Key("b"): 2})
    assert found == {"a": 1, "b": 2}


class BrokenMapping(collections.UserDict[str, object]):
    """A mapping that cannot be read."""

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("broken mapping")

    def items(self) -> object:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Raise."""
        raise RuntimeError("broken mapping")


def test_a_mapping_that_cannot_be_read_costs_no_record() -> None:
    """A mapping that raises loses neither the record nor its other fields."""
    assert _logged(BrokenMapping({"x": 1}), a=1)["a"] == 1


def test_a_value_whose_text_fails_is_an_error_text() -> None:
    """A value whose text fails is `!ERROR: …`, at any depth, and costs only itself."""
    found = _logged(k=Mute(), deep=[1, Mute(), {"x": Mute(), "y": 2}], other=3)

    assert str(found["k"]).startswith("!ERROR: ")
    assert found["other"] == 3
    deep: Any = found["deep"]
    assert deep[0] == 1
    assert deep[2]["y"] == 2
    assert str(deep[1]).startswith("!ERROR: ")
    assert str(deep[2]["x"]).startswith("!ERROR: ")


def _fail(*_: object) -> Any:
    raise RuntimeError("hostile")


METHODS = ["__eq__", "__hash__", "__bool__", "__len__", "__getattr__", "__iter__", "__str__", "__repr__", "__format__"]
HOSTILE: dict[str, type] = {
    "methods": type("Hostile", (), dict.fromkeys(METHODS, _fail)),
    # A lazy proxy computes its class from what it stands for, and may fail in that.
    "class": type("Proxy", (), {"__class__": property(_fail)}),
    "mapping": type("Mapping", (dict,), dict.fromkeys(["items", "keys", "__iter__", "__len__", "__getitem__"], _fail)),
    "list": type("List", (list,), dict.fromkeys(["__iter__", "__len__", "__getitem__", "__eq__"], _fail)),
    "text": type("Text", (str,), dict.fromkeys([*METHODS, "encode", "isascii", "__getitem__"], _fail)),
    "int": type("Int", (int,), dict.fromkeys([*METHODS, "__int__", "__le__", "__ge__", "__lt__", "__gt__"], _fail)),
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("where", ["call", "positional", "with_values", "context", "lazy", "nested"])
def test_an_object_that_raises_at_every_touch_costs_no_record(kind: str, where: str) -> None:
    """An object whose own methods raise, its `__class__` included, costs neither the record nor its other fields."""
    hostile = HOSTILE[kind]()
    sink = RecordingSink()
    ctx = cl.LoggingContext(sink, sources=())

    if where == "call":
        ctx.logger().info("m", a=1, k=hostile)
    elif where == "positional":
        ctx.logger().info("m", "a", 1, hostile)
    elif where == "with_values":
        ctx.logger().with_values(k=hostile).info("m", a=1)
    elif where == "context":
        ctx.logger(cl.Attribute("k", hostile)).info("m", a=1)
    elif where == "lazy":
        ctx.logger().info("m", a=1, k=cl.Lazy(lambda: hostile))
    else:
        ctx.logger().info("m", a=1, k=[{"x": hostile}])

    found = sent(sink)
    assert found["a"] == 1
    assert is_otel_value(found)


# --- properties ---------------------------------------------------------------------------------------------------

SCALARS = st.one_of(
    st.text(max_size=5),
    st.integers(-9, 9),
    st.none(),
    st.booleans(),
    st.binary(max_size=3),
    st.lists(st.integers(), max_size=2),
)
KEYS = st.text(max_size=3)
FIELDS = st.lists(
    st.one_of(
        SCALARS,
        st.builds(cl.KeyValue, st.text(min_size=1, max_size=3), SCALARS),
        st.builds(cl.Attribute, st.text(min_size=1, max_size=3), SCALARS),
        st.dictionaries(st.one_of(KEYS, st.integers()), SCALARS, max_size=3),
        st.just(cl.IGNORE),
    ),
    max_size=8,
)


@given(fields=FIELDS, keywords=st.dictionaries(KEYS, SCALARS, max_size=2))
def test_no_fields_raise_or_lose_the_record(fields: list[object], keywords: dict[str, object]) -> None:
    """A logging call never raises and never loses the record, and what it attaches can be sent."""
    found = _logged(*fields, **keywords)

    assert is_otel_value(found)
    assert "" not in found


@given(
    parts=st.lists(
        st.tuples(st.sampled_from(["pair", "kv", "attribute", "map", "bad map", "bad pair"]), st.booleans()), max_size=6
    ),
    odd=st.booleans(),
    keyword=st.booleans(),
)
def test_no_argument_is_lost(parts: list[tuple[str, bool]], odd: bool, keyword: bool) -> None:
    """Every argument is on the record: under its key, or in `!BADKEY`, in the order given."""
    fields: list[object] = []
    kept: dict[str, object] = {}
    bad: list[str] = []
    for i, (form, _) in enumerate(parts):
        key, value = f"k{i}", f"v{i}"
        if form == "pair":
            fields += [key, value]
        elif form == "kv":
            fields.append(cl.KeyValue(key, value))
        elif form == "attribute":
            fields.append(cl.Attribute(key, value))
        elif form == "map":
            fields.append({key: value})
        elif form == "bad map":
            fields.append({i: value})
            bad.append(f"{i}: {value}")
        else:
            fields += [i, i + 100]
            bad += [str(i), str(i + 100)]
        if not form.startswith("bad"):
            kept[key] = value
    if odd:
        fields.append("alone")
        bad.append("alone")
    keywords: Mapping[str, object] = {"last": 1} if keyword else {}

    expected = {**kept, **keywords, **({"!BADKEY": bad} if bad else {})}
    assert _logged(*fields, **keywords) == expected


@given(fields=st.lists(st.one_of(st.integers(1000, 9999), st.from_regex("[a-z]{6}", fullmatch=True)), max_size=7))
def test_every_odd_mixture_keeps_its_texts(fields: list[object]) -> None:
    """However keys and values are mixed up, each one's text is somewhere on the record, unless a later key won."""
    found = _logged(*fields)

    texts = {*found, *badkey(found)} | {str(value) for key, value in found.items() if key != "!BADKEY"}
    if len(set(map(str, fields))) == len(fields):
        assert {str(field) for field in fields} <= texts


_MAKERS: dict[str, Callable[[cl.LoggingContext], AnyLogger]] = {
    "bound": lambda c: c.logger(),
    "unbound": lambda c: c.unbound_logger(),
}


@pytest.mark.parametrize("make", _MAKERS)
def test_arguments_are_not_changed(make: str, loud: cl.LoggingContext) -> None:
    """A logging call changes none of its arguments."""
    table: dict[object, object] = {"a": [1, {"b": {2}}], 5: 6}
    before = {"a": [1, {"b": {2}}], 5: 6}

    one = _MAKERS[make](loud)
    one.info("m", table, "k", table)
    one.with_values(table).info("m")

    assert table == before
