"""Section 7 of the contract: fields, which of them wins, and what has no proper key."""

from __future__ import annotations

import collections
import types

import pytest

import otel_ctxlog as cl
from otel_ctxlog import keyvalue

from .emitted import attributes_of, sent
from .records import RecordingSink, use_baggage


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


# --- forms of fields ----------------------------------------------------------------------------------------------

FORMS: list[tuple[tuple[object, ...], dict[str, object]]] = [
    ((), {}),
    (("a", 1), {"a": 1}),
    (("a", 1, "b", 2), {"a": 1, "b": 2}),
    ((cl.KeyValue("a", 1),), {"a": 1}),
    ((cl.Attribute("a", 1),), {"a": 1}),
    (({"a": 1, "b": 2},), {"a": 1, "b": 2}),
    (({},), {}),
    ((types.MappingProxyType({"a": 1}),), {"a": 1}),
    ((collections.ChainMap({"a": 1}, {"b": 2}),), {"a": 1, "b": 2}),
    ((collections.UserDict({"a": 1}),), {"a": 1}),
    ((cl.KeyValue("a", 1), "b", 2, {"c": 3}, cl.Attribute("d", 4), "e", 5), {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}),
    (("a", {"b": 1}), {"a": {"b": 1}}),
    (("a", "b", "c", "d"), {"a": "b", "c": "d"}),
    (("a", None), {"a": None}),
    (("a b\n/!", 1), {"a b\n/!": 1}),
]


@pytest.mark.parametrize(("fields", "expected"), FORMS, ids=lambda item: repr(item)[:60])
@pytest.mark.parametrize("where", ["call", "with_values", "unbound", "attribution", "log", "exception"])
def test_fields_of_every_form(
    where: str, fields: tuple[object, ...], expected: dict[str, object], loud: cl.LoggingContext, sink: RecordingSink
) -> None:
    """Fields, mixed freely: `KeyValue`, an `Attribute`, a mapping, or key, value alternating; then keywords."""
    if where == "call":
        loud.logger().info("m", *fields, z=9)
    elif where == "with_values":
        loud.logger().with_values(*fields, z=9).info("m")
    elif where == "unbound":
        loud.unbound_logger().with_values(*fields).info("m", z=9)
    elif where == "attribution":
        loud.attribution().with_values(*fields, z=9).logger().info("m")
    elif where == "log":
        loud.logger().log(cl.WARN, "m", *fields, z=9)
    else:
        loud.logger().exception("m", *fields, z=9)

    assert sent(sink) == {**expected, "z": 9}


def test_keyword_attributes_come_last() -> None:
    """Keyword attributes come after the fields, so they win."""
    assert _logged("a", 1, cl.KeyValue("a", 2), {"a": 3}, a=4) == {"a": 4}


def test_later_fields_win() -> None:
    """Within a call a later field wins, whatever its form."""
    assert _logged("a", 1, {"a": 2}) == {"a": 2}
    assert _logged({"a": 2}, "a", 1) == {"a": 1}
    assert _logged(cl.KeyValue("a", 1), cl.Attribute("a", 2)) == {"a": 2}
    assert _logged("a", 1, "a", 2, "a", 3) == {"a": 3}


@pytest.mark.parametrize("name", ["error", "id", "name", "namespace", "element"])
def test_standard_keys(name: str) -> None:
    """`keyvalue.error(v) id(v) name(v) namespace(v) element(v)`: fields with keys of these names."""
    assert _logged(getattr(keyvalue, name)("v"), "k", 1) == {name: "v", "k": 1}
    assert getattr(keyvalue, name)("v") == cl.KeyValue(name, "v")


def test_the_standard_error_key_takes_an_exception() -> None:
    """`keyvalue.error(v)` with an exception gives its text."""
    assert _logged(keyvalue.error(ValueError("bad"))) == {"error": "bad"}


# --- IGNORE and Lazy ----------------------------------------------------------------------------------------------

IGNORED: list[tuple[tuple[object, ...], dict[str, object], dict[str, object]]] = [
    (("a", cl.IGNORE), {}, {}),
    ((cl.KeyValue("a", cl.IGNORE),), {}, {}),
    ((cl.Attribute("a", cl.IGNORE),), {}, {}),
    (({"a": cl.IGNORE, "b": 1},), {}, {"b": 1}),
    ((), {"a": cl.IGNORE}, {}),
    (("a", 1, "a", cl.IGNORE), {}, {}),
    (("a", 1, "b", 2), {"a": cl.IGNORE}, {"b": 2}),
    (({"a": 1}, cl.KeyValue("a", cl.IGNORE)), {}, {}),
    (("a", cl.IGNORE, "a", 1), {}, {"a": 1}),
    ((cl.KeyValue("a", cl.IGNORE),), {"a": 2}, {"a": 2}),
]


@pytest.mark.parametrize(("fields", "keywords", "expected"), IGNORED, ids=lambda item: repr(item)[:50])
def test_an_ignored_value_leaves_its_key_out(
    fields: tuple[object, ...], keywords: dict[str, object], expected: dict[str, object]
) -> None:
    """A value that is `cl.IGNORE` leaves its key out, an earlier value of that key too; a later value stays."""
    assert _logged(*fields, **keywords) == expected


def test_ignore_hides_what_came_before_the_call(loud: cl.LoggingContext, sink: RecordingSink) -> None:
    """`IGNORE` hides earlier values of its key from context attributes, `with_values` and ambient attributes."""
    logger = loud.logger(cl.Attribute("context", 1)).with_values(value=2, stays=3)

    with use_baggage(ambient="4"):
        logger.info("m", context=cl.IGNORE, value=cl.IGNORE, ambient=cl.IGNORE)
        logger.with_values(context=cl.IGNORE, value=cl.IGNORE, ambient=cl.IGNORE).info("m")
        logger.with_values(value=cl.IGNORE).info("m", value=5)

    assert [attributes_of(record) for record in sink.records] == [
        {"stays": 3},
        {"stays": 3},
        {"ambient": "4", "context": 1, "stays": 3, "value": 5},
    ]


def test_a_lazy_value_is_called_only_for_an_emitted_record(loud: cl.LoggingContext, sink: RecordingSink) -> None:
    """`cl.Lazy(f)` is called, without arguments, only if the record is emitted, and once then."""
    calls: list[int] = []

    def compute() -> str:
        calls.append(1)
        return "computed"

    for log in (loud.logger(), loud.unbound_logger(), loud.logger_for(), cl.NON_LOGGING):
        log.debug("m", k=cl.Lazy(compute))
        log.trace("m", "k", cl.Lazy(compute))
        log.v(cl.DEBUG).info("m", "k", cl.Lazy(compute))
    assert calls == []

    for count, fields in enumerate([("k", cl.Lazy(compute)), (cl.KeyValue("k", cl.Lazy(compute)),)], start=1):
        loud.logger().info("m", *fields)
        assert len(calls) == count
    assert [attributes_of(record) for record in sink.records] == [{"k": "computed"}] * 2


def test_a_lazy_value_is_not_called_for_a_sink_that_is_off() -> None:
    """`enabled` is asked before a record is built: where the sink says no, no `Lazy` is called."""
    sink = RecordingSink(on=False)
    calls: list[int] = []

    cl.LoggingContext(sink).logger().info("m", k=cl.Lazy(lambda: calls.append(1)))

    assert sink.records == []
    assert calls == []


def test_a_lazy_value_is_called_for_an_emitted_record_at_any_depth() -> None:
    """A `Lazy` inside a list or a map is a value too: it becomes what it computes."""
    assert _logged(k=[cl.Lazy(lambda: 1), {"x": cl.Lazy(lambda: {2})}]) == {"k": [1, {"x": [2]}]}


def test_a_lazy_value_that_fails_is_an_error_text() -> None:
    """A `Lazy` that raises costs its value, not the record."""

    def fail() -> object:
        raise RuntimeError("lazy failed")

    found = _logged(k=cl.Lazy(fail), other=1)
    assert found["other"] == 1
    assert str(found["k"]).startswith("!ERROR: ")


def test_a_lazy_value_is_converted() -> None:
    """What a `Lazy` computes becomes an attribute value as any other: sets, exceptions, a `Lazy` again."""
    assert _logged(a=cl.Lazy(lambda: {1}), b=cl.Lazy(lambda: ValueError("v"))) == {"a": [1], "b": "v"}
    assert _logged(a=cl.Lazy(lambda: cl.Lazy(lambda: 5))) == {"a": 5}


# --- who wins -----------------------------------------------------------------------------------------------------


def test_the_order_of_winning(loud: cl.LoggingContext, sink: RecordingSink) -> None:
    """Later wins: ambient < context attributes < `with_values` < call."""
    names = ["ambient", "context", "values", "call"]

    with use_baggage(dict.fromkeys(names, "ambient")):
        outer = loud.with_context(*(cl.Attribute(name, "context") for name in names[1:]))
        outer.logger().with_values(dict.fromkeys(names[2:], "values")).info("m", {"call": "call"})

    assert sent(sink) == {name: name for name in names}


def test_context_attributes_of_inner_contexts_win(loud: cl.LoggingContext, sink: RecordingSink) -> None:
    """Later wins among context attributes: outer context, inner context, the logger's own messages."""
    outer = loud.with_context(cl.Attribute("a", 1), cl.Attribute("b", 1), cl.Attribute("c", 1))
    inner = outer.with_context(cl.Attribute("b", 2), cl.Attribute("c", 2))

    inner.logger(cl.Attribute("c", 3), cl.Attribute("d", 3), cl.Attribute("d", 4)).info("m")

    assert sent(sink) == {"a": 1, "b": 2, "c": 3, "d": 4}


def test_values_of_an_attribution_win_over_messages_of_its_logger(loud: cl.LoggingContext, sink: RecordingSink) -> None:
    """Context attributes < `with_values`, also where the context attribute was added after the values."""
    loud.attribution().with_values(k="values").logger(cl.Attribute("k", "context")).info("m")

    assert sent(sink) == {"k": "values"}
