"""Section 3 of the contract: when a value equals another, and a baggage entry a scalar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import otel_ctxlog as cl

from .deciding import decides, holds
from .records import RecordingSink

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

    from .conftest import UseBaggage


def test_equality_of_conditions_is_that_of_their_values() -> None:
    """Equal by value means the deep equality of section 3: a bool is no number, a list is a tuple."""
    assert cl.Attribute("a", True) != cl.Attribute("a", 1)
    assert cl.Attribute("a", 0) != cl.Attribute("a", False)
    assert cl.Attribute("a", [1, {"b": [True]}]) == cl.Attribute("a", (1.0, {"b": (True,)}))
    assert cl.Attribute("a", [1, {"b": [True]}]) != cl.Attribute("a", (1.0, {"b": (1,)}))
    assert cl.OneOf(True) != cl.OneOf(1)
    assert cl.And(cl.Attribute("a", True)) != cl.And(cl.Attribute("a", 1))
    assert cl.ConditionRule(3, cl.Attribute("a", True)) != cl.ConditionRule(3, cl.Attribute("a", 1))


EQUALITY: list[tuple[object, object, bool]] = [
    (1, 1, True),
    (1, 1.0, True),
    (0, -0.0, True),
    (1, 2, False),
    (True, True, True),
    (True, 1, False),
    (True, 1.0, False),
    (False, 0, False),
    (False, True, False),
    (False, None, False),
    (None, None, True),
    (None, 0, False),
    (None, "", False),
    ("1", 1, False),
    ("true", True, False),
    ("a", "a", True),
    ("a", "A", False),
    ("a", "a ", False),
    ("", "", True),
    ("a", b"a", False),
    (b"a", b"a", True),
    (cl.INFO, 3, True),
    (10**30, 10**30, True),
    (2**53, 2**53 + 1, False),
    (float(2**53), 2**53 + 1, False),
    ([1, 2], (1, 2), True),
    ([1, 2], [2, 1], False),
    ([1, 2], [1, 2, 3], False),
    ([], (), True),
    ([], None, False),
    ([], {}, False),
    ([1], 1, False),
    (["a"], "a", False),
    ([True], [1], False),
    ((True,), (1,), False),
    ((1, (2.0, "x")), [1.0, [2, "x"]], True),
    ((1, (True, "x")), [1.0, [1, "x"]], False),
    ({"a": 1, "b": 2}, {"b": 2.0, "a": 1.0}, True),
    ({"a": [1, {"c": None}]}, {"a": (1.0, {"c": None})}, True),
    ({"a": True}, {"a": 1}, False),
    ({"a": [{"b": False}]}, {"a": [{"b": 0}]}, False),
    ({"a": 1}, {"a": 1, "b": 2}, False),
    ({"a": None}, {}, False),
    ({"a": None}, {"b": None}, False),
    (["ab"], [["a", "b"]], False),
    ("ab", ["a", "b"], False),
]


@pytest.mark.parametrize(("one", "other", "equal"), EQUALITY, ids=repr)
@pytest.mark.parametrize("turned", [False, True])
def test_equality_of_values_is_deep(one: object, other: object, *, equal: bool, turned: bool) -> None:
    """Deep; a bool never equals a number; 1 equals 1.0; a list equals a tuple of the same elements."""
    asked, met = (other, one) if turned else (one, other)
    met = cl.Attribute("a", met)

    assert holds(cl.Attribute("a", asked), met) is equal
    assert holds(cl.Attribute("a", cl.OneOf(asked)), met) is equal
    assert cl.OneOf("no", asked, 77).matches_value(met.value) is equal
    assert (cl.Attribute("a", asked) == met) is equal


@pytest.mark.parametrize(("one", "other"), [(True, 1), (False, 0), (1, True), (0, False), (1.0, True)], ids=repr)
def test_a_bool_is_no_number_where_a_rule_for_the_other_is_there_too(one: object, other: object) -> None:
    """A bool never equals a number: rules for both live side by side, in either order."""
    ctx = cl.LoggingContext(RecordingSink(), sources=())
    ctx.add_rule(cl.ConditionRule(8, cl.Attribute("a", one)), cl.ConditionRule(7, cl.Attribute("a", other)))

    assert [ctx.explain(cl.Attribute("a", value)).level for value in (one, other)] == [8, 7]
    assert len(ctx.rules) == 2


SPAN_EQUALITY = [
    (1, 1.0, True),
    (1, True, False),
    (True, 1, False),
    ("1", 1, False),
    ("true", True, False),
    ((1, 2), [1, 2], True),
    ((True,), [1], False),
]


@pytest.mark.parametrize(("met", "asked", "equal"), SPAN_EQUALITY, ids=repr)
def test_equality_with_span_attributes(tracer: Tracer, met: Any, asked: object, *, equal: bool) -> None:
    """The same equality holds against the attributes of a span, whichever condition asks."""
    with tracer.start_as_current_span("s", attributes={"a": met}):
        assert decides(cl.Attribute("a", asked)) is equal
        assert decides(cl.SpanAttribute("a", asked)) is equal
        assert decides(cl.SpanAttribute("a", cl.OneOf("no", asked))) is equal


BAGGAGE_TEXTS: list[tuple[object, str, bool]] = [
    (True, "true", True),
    (False, "false", True),
    (True, "false", False),
    (True, "1", False),
    (1, "1", True),
    (1, "true", False),
    (0, "false", False),
    (1, "2", False),
    (-5, "-5", True),
    (1.5, "1.5", True),
    (cl.INFO, "3", True),
    ("1", "1", True),
    ("true", "true", True),
    ("x", "x", True),
    ("x", "X", False),
    ((1,), "1", False),
    (["x"], "x", False),
]


@pytest.mark.parametrize(("asked", "text", "equal"), BAGGAGE_TEXTS, ids=repr)
def test_a_scalar_is_compared_with_a_baggage_entry_as_text(
    use_baggage: UseBaggage, asked: object, text: str, *, equal: bool
) -> None:
    """Against a baggage entry a scalar in a condition is compared as its text too, whichever condition asks."""
    with use_baggage(a=text):
        assert decides(cl.BaggageEntry("a", asked)) is equal
        assert decides(cl.Attribute("a", asked)) is equal
        assert decides(cl.BaggageEntry("a", cl.OneOf("no", asked))) is equal
        assert decides(cl.Attribute("a", cl.OneOf(asked, "no"))) is equal
        assert decides(cl.Not(cl.Attribute("a", asked))) is not equal
        assert decides(cl.And(cl.Or(cl.BaggageEntry("a", asked)))) is equal


def test_only_a_baggage_entry_is_compared_as_text(use_baggage: UseBaggage, tracer: Tracer) -> None:
    """An explicit or span attribute of the text is not compared as text, also while there is baggage."""
    with use_baggage(other="1"), tracer.start_as_current_span("s", attributes={"a": "1"}):
        assert not decides(cl.Attribute("a", 1))
        assert not decides(cl.SpanAttribute("a", 1))
        assert not decides(cl.Attribute("b", 1), cl.Attribute("b", "1"))
        assert decides(cl.Attribute("other", 1), cl.Attribute("other", "2"))


@pytest.mark.parametrize(("value", "asked"), [(1, 1), (1, "1"), (2.5, "2.5")], ids=repr)
def test_a_baggage_value_is_text(use_baggage: UseBaggage, value: object, asked: object) -> None:
    """A baggage value is text: one set as another object too."""
    with use_baggage(a=value):
        assert decides(cl.BaggageEntry("a", asked))
        assert decides(cl.Attribute("a", cl.Glob("[12]*")))
