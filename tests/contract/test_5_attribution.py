"""Section 5 of the contract: `AttributionContext`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import otel_ctxlog as cl

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import UseBaggage
    from .records import RecordingSink

A, B, C = cl.Tag("a"), cl.Tag("b"), cl.Tag("c")
MAKERS = ["logger", "unbound_logger", "logger_for"]


def _seen(sink: RecordingSink) -> list[tuple[object, object, object]]:
    return [(record["name"], record["realm"], record["attributes"]) for record in sink.records]


def test_it_knows_its_context(plain: cl.LoggingContext) -> None:
    """`message_context` (inherited part included) and `logging_context`."""
    nested = plain.with_context(A)
    attribution = nested.attribution(B, ["m"])
    inner = attribution.with_context(C).with_name("n").with_values(k="v")

    assert attribution.logging_context is nested
    assert inner.logging_context is nested
    assert tuple(attribution.message_context) == (A, B, cl.Attribute("message", "m"))
    assert isinstance(inner, cl.AttributionContext)
    assert A in inner.message_context
    assert C in inner.message_context


def test_with_context_appends(plain: cl.LoggingContext) -> None:
    """`with_context(*m)` appends to the message context."""
    attribution = plain.with_context(A).attribution().with_context(B, [cl.Realm("r")]).with_context(None, "m")

    assert tuple(attribution.message_context) == (A, B, cl.Realm("r"), cl.Attribute("message", "m"))


@pytest.mark.parametrize("made_by", MAKERS)
def test_with_name_names_its_loggers(plain: cl.LoggingContext, sink: RecordingSink, made_by: str) -> None:
    """`with_name(n)`: part of the name of every logger made from it, joined by `.`."""
    plain.add_rule(cl.ConditionRule(3))
    attribution = plain.attribution().with_name("a").with_name("b")

    getattr(attribution, made_by)().info("m")
    getattr(attribution, made_by)().with_name("c").info("m")
    attribution.v(3).info("m")

    assert [name for name, _, _ in _seen(sink)] == ["a.b", "a.b.c", "a.b"]


@pytest.mark.parametrize("made_by", MAKERS)
def test_a_name_extends_the_name_of_the_attribution(
    plain: cl.LoggingContext, sink: RecordingSink, made_by: str
) -> None:
    """`Name` extends the logger's name: one given to a call comes after the name the attribution has already."""
    plain.add_rule(cl.ConditionRule(3))

    getattr(plain.attribution().with_name("a"), made_by)(cl.Name("b")).info("m")

    assert [name for name, _, _ in _seen(sink)] == ["a.b"]


FIELDS: list[tuple[Callable[[cl.AttributionContext], cl.AttributionContext], dict[str, object]]] = [
    (lambda a: a.with_values(k=1, other="x"), {"k": 1, "other": "x"}),
    (lambda a: a.with_values("k", 1, "other", "x"), {"k": 1, "other": "x"}),
    (lambda a: a.with_values(cl.KeyValue("k", 1)), {"k": 1}),
    (lambda a: a.with_values(cl.Attribute("k", 1)), {"k": 1}),
    (lambda a: a.with_values({"k": 1, "other": "x"}), {"k": 1, "other": "x"}),
    (lambda a: a.with_values("a", 1, {"b": 2}, cl.KeyValue("c", 3), d=4), {"a": 1, "b": 2, "c": 3, "d": 4}),
    (lambda a: a.with_values(k=1).with_values(k=2, m=3), {"k": 2, "m": 3}),
    (lambda a: a.with_values(), {}),
]


@pytest.mark.parametrize(("shape", "expected"), FIELDS)
@pytest.mark.parametrize("made_by", ["logger", "unbound_logger"])
def test_with_values_gives_its_loggers_values(
    plain: cl.LoggingContext,
    sink: RecordingSink,
    shape: Callable[[cl.AttributionContext], cl.AttributionContext],
    expected: dict[str, object],
    made_by: str,
) -> None:
    """`with_values(*fields, **attributes)`: values of every record of its loggers, fields as in a logging call."""
    getattr(shape(plain.attribution()), made_by)().info("m")
    shape(plain.attribution()).v(3).info("m")

    assert [attributes for _, _, attributes in _seen(sink)] == [expected, expected]


def test_with_values_wins_over_context_attributes_and_loses_to_the_call(
    plain: cl.LoggingContext, sink: RecordingSink
) -> None:
    """The values of an attribution lie between context attributes and those of the call."""
    attribution = plain.attribution(cl.Attribute("a", "context"), cl.Attribute("b", "context")).with_values(
        b="values", c="values"
    )

    attribution.logger().info("m", c="call")
    attribution.logger().with_values(b="logger").info("m")

    assert [attributes for _, _, attributes in _seen(sink)] == [
        {"a": "context", "b": "values", "c": "call"},
        {"a": "context", "b": "logger", "c": "values"},
    ]


def test_it_is_immutable(plain: cl.LoggingContext, sink: RecordingSink) -> None:
    """Immutable: each `with_…` gives a new one, siblings do not see each other."""
    attribution = plain.attribution(A)
    siblings = [
        attribution.with_context(cl.Realm("r")),
        attribution.with_name("n"),
        attribution.with_values(k="v"),
        attribution.with_values(k="w"),
    ]

    assert all(sibling is not attribution for sibling in siblings)
    for one in (attribution, *siblings):
        one.logger().info("m")
    assert _seen(sink) == [
        ("", None, {}),
        ("", "r", {"realm": "r"}),
        ("n", None, {}),
        ("", None, {"k": "v"}),
        ("", None, {"k": "w"}),
    ]
    assert tuple(attribution.message_context) == (A,)


@pytest.mark.parametrize("attribute", ["message_context", "logging_context"])
def test_its_attributes_cannot_be_set(plain: cl.LoggingContext, attribute: str) -> None:
    """Immutable: its attributes cannot be set."""
    with pytest.raises((AttributeError, TypeError)):
        setattr(plain.attribution(), attribute, None)


def test_it_has_no_rules_and_no_target(plain: cl.LoggingContext) -> None:
    """No rules, no target of its own: nothing to set them with."""
    attribution: Any = plain.attribution()

    for name in ("add_rule", "reset_rules", "replace_rules", "add_rules_to", "set_target", "default_level", "rules"):
        assert not hasattr(attribution, name), name


@pytest.mark.parametrize("made_by", ["logger", "unbound_logger"])
def test_the_rules_of_its_logging_context_decide(plain: cl.LoggingContext, sink: RecordingSink, made_by: str) -> None:
    """Its loggers are decided by the logging context, with its message context and that of the call."""
    attribution = plain.with_context(A).attribution(B)
    plain.add_rule(cl.ConditionRule(7, A, B, C))

    assert getattr(attribution, made_by)(C).enabled(7)
    assert getattr(attribution.with_context(C), made_by)().enabled(7)
    assert not getattr(attribution, made_by)().enabled(7)
    assert not getattr(plain.attribution(B), made_by)(C).enabled(7)
    plain.default_level = 9
    assert getattr(attribution, made_by)().enabled(9)


def test_its_loggers_are_bound_or_unbound(plain: cl.LoggingContext) -> None:
    """`logger(*m)` is bound, `unbound_logger(*m)` an `UnboundLogger`, `v(level, *m)` a `VLogger`."""
    attribution = plain.attribution(A)
    plain.add_rule(cl.ConditionRule(4, A))
    bound, unbound, fixed = attribution.logger(), attribution.unbound_logger(), attribution.v(4)
    plain.add_rule(cl.ConditionRule(2, A))

    assert isinstance(unbound, cl.UnboundLogger)
    assert isinstance(fixed, cl.VLogger)
    assert (bound.enabled(4), unbound.enabled(4)) == (True, False)


def test_values_and_names_are_no_messages(plain: cl.LoggingContext) -> None:
    """Only the message context decides: what `with_values` adds is for the record."""
    plain.add_rule(cl.ConditionRule(7, cl.Attribute("k", "v")))

    assert not plain.attribution().with_values(k="v").logger().enabled(7)
    assert plain.attribution(cl.Attribute("k", "v")).logger().enabled(7)


def test_match(plain: cl.LoggingContext, use_baggage: UseBaggage) -> None:
    """`match(c)`: against its message context, nothing ambient."""
    attribution = cl.LoggingContext(plain.sink).with_context(A).attribution(B)

    with use_baggage(k="v"):
        assert attribution.match(cl.And(A, B)) is True
        assert attribution.with_context(cl.Realm("r")).match(cl.Realm("r")) is True
        assert attribution.match(C) is False
        assert attribution.match(cl.Attribute("k", "v")) is False
