"""Section 3 of the contract: conditions over the message context, and equality of values."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import otel_ctxlog as cl

from .deciding import decides, holds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.trace import Tracer

    from .conftest import UseBaggage
    from .records import RecordingSink

# Lambdas throughout, the constructors too: one list to read.
# ruff: noqa: PLW0108
MAKERS: list[Callable[[], Any]] = [
    lambda: cl.Realm("a"),
    lambda: cl.RealmPrefix("a"),
    lambda: cl.Tag("a"),
    lambda: cl.Attribute("a", 1),
    lambda: cl.Attribute("a", cl.Glob("x*")),
    lambda: cl.And(cl.Tag("a"), cl.Tag("b")),
    lambda: cl.And(cl.Tag("b"), cl.Tag("a")),
    lambda: cl.And(),
    lambda: cl.Or(cl.Tag("a"), cl.Tag("b")),
    lambda: cl.Or(),
    lambda: cl.Not(cl.Tag("a")),
    lambda: cl.Not(cl.Not(cl.Tag("a"))),
    lambda: cl.BaggageEntry("a", 1),
    lambda: cl.SpanAttribute("a", 1),
    lambda: cl.SpanName("a"),
    lambda: cl.Sampled(),
    lambda: cl.Sampled(False),
    lambda: cl.ResourceAttribute("a", 1),
    lambda: cl.Glob("a"),
    lambda: cl.Regex("a"),
    lambda: cl.OneOf(1, "a"),
    lambda: cl.OneOf(),
    lambda: cl.Range(1, 5),
    lambda: cl.Range(1),
    lambda: cl.Range(max=1),
    lambda: cl.Exists(),
    lambda: cl.ConditionRule(3, cl.Tag("a")),
    lambda: cl.ConditionRule(4, cl.Tag("a")),
    lambda: cl.ConditionRule(3),
]


@pytest.mark.parametrize("index", range(len(MAKERS)), ids=[repr(make()) for make in MAKERS])
def test_conditions_matchers_and_rules_are_equal_by_value(index: int) -> None:
    """Conditions, matchers and rules are equal by value, with equal hashes, and to nothing else."""
    one = MAKERS[index]()

    assert one == MAKERS[index]()
    assert hash(one) == hash(MAKERS[index]())
    assert [one == other() for other in MAKERS].count(True) == 1
    assert one != "a"


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: repr(make()))
def test_conditions_matchers_and_rules_are_immutable(make: Callable[[], Any]) -> None:
    """Conditions, matchers and rules are immutable."""
    one = make()

    for name in ("name", "value", "conditions", "condition", "pattern", "values", "level", "min", "sampled", "new"):
        with pytest.raises((AttributeError, TypeError)):
            setattr(one, name, "other")
    assert one == make()


def test_parts_of_composed_conditions() -> None:
    """`And` and `Or` show `.conditions`, `Not` its `.condition`."""
    a, b = cl.Tag("a"), cl.Realm("b")

    assert tuple(cl.And(a, b).conditions) == (a, b)
    assert tuple(cl.Or(b, a).conditions) == (b, a)
    assert tuple(cl.And().conditions) == ()
    assert cl.Not(a).condition == a


def test_an_own_condition_sees_the_flat_message_context_in_order(
    use_baggage: UseBaggage, tracer: Tracer, sink: RecordingSink
) -> None:
    """Conditions get ambient messages first, then those of outer contexts, then the call's own, flat."""
    seen: list[list[object]] = []

    class Spy:
        def matches(self, messages: Sequence[object]) -> bool:
            seen.append([messages[i] for i in range(len(messages))])
            return True

    ctx = cl.LoggingContext(sink)
    ctx.add_rule(cl.ConditionRule(cl.TRACE, Spy()))
    explicit = [cl.Tag("1"), cl.Attribute("message", "2"), cl.Realm("3"), cl.Tag("4"), cl.Attribute("from", "call")]
    outer = ctx.with_context(cl.Tag("1"), ["2"]).attribution(cl.Realm("3"))
    with use_baggage({"from": "baggage"}), tracer.start_as_current_span("s", attributes={"from": "span"}):
        bound = outer.logger(cl.Tag("4"), (explicit[4],))
        assert bound.enabled(cl.TRACE)
        from_bound = seen[-1]
        seen.clear()
        assert outer.unbound_logger(cl.Tag("4"), explicit[4]).enabled(cl.TRACE)
        from_unbound = seen[-1]

    for messages in (from_bound, from_unbound):
        ambient = [(getattr(m, "name", None), getattr(m, "value", None)) for m in messages[: -len(explicit)]]
        assert messages[-len(explicit) :] == explicit
        assert [pair for pair in ambient if pair[0] == "from"] == [("from", "baggage"), ("from", "span")]


@pytest.mark.parametrize(
    ("name", "messages", "expected"),
    [
        ("a", [], False),
        ("a", [cl.Realm("a")], True),
        ("a", [cl.Realm("b"), cl.Tag("a"), cl.Realm("a"), cl.Tag("z")], True),
        ("a", [cl.Realm("a"), cl.Realm("b")], False),
        ("a", [cl.Realm("a/b")], False),
        ("a/b", [cl.Realm("a")], False),
        ("a", [cl.Realm("A")], False),
        ("a", [cl.Tag("a"), cl.Name("a"), "a", cl.Attribute("realm", "a")], False),
        ("a", [cl.Realm("b"), cl.Attribute("realm", "a")], False),
        ("a", [cl.Realm("a"), cl.Attribute("realm", "b"), cl.RealmPrefix("b")], True),
    ],
)
def test_realm_matches_the_last_realm_only(name: str, messages: list[object], *, expected: bool) -> None:
    """`Realm(n)`: equal to the last realm in the context, no earlier one, and to nothing but a realm."""
    assert holds(cl.Realm(name), *messages) is expected


@pytest.mark.parametrize(
    ("name", "messages", "expected"),
    [
        ("a", [], False),
        ("a", [cl.Realm("a")], True),
        ("a", [cl.Realm("a/b")], True),
        ("a", [cl.Realm("a/b/c")], True),
        ("a", [cl.Realm("ab")], False),
        ("a", [cl.Realm("b/a")], False),
        ("a/b", [cl.Realm("a/bc")], False),
        ("a/b", [cl.Realm("a")], False),
        ("a/b", [cl.Realm("a/b/c")], True),
        ("a", [cl.Realm("A/b")], False),
        ("a", [cl.Realm("a/b"), cl.Realm("c")], False),
        ("a", [cl.Realm("c"), cl.Realm("a/b"), cl.Tag("t")], True),
        ("a", [cl.RealmPrefix("a"), cl.Tag("a/b"), cl.Attribute("realm", "a/b")], False),
        ("a.c", [cl.Realm("abc/d")], False),
        ("a*", [cl.Realm("abc/d")], False),
    ],
)
def test_realm_prefix_matches_the_last_realm_or_what_it_lies_below(
    name: str, messages: list[object], *, expected: bool
) -> None:
    """`RealmPrefix(n)`: the last realm is `n` or below `n + "/"`."""
    assert holds(cl.RealmPrefix(name), *messages) is expected


@given(st.lists(st.text("ab/", min_size=1, max_size=5), max_size=4), st.text("ab/", min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_realm_laws(realms: list[str], name: str) -> None:
    """`Realm` and `RealmPrefix` follow their definitions for any sequence of realms."""
    messages = [cl.Realm(realm) for realm in realms]
    last = realms[-1] if realms else None

    assert cl.Realm(name).matches(messages) is (last == name)
    assert cl.RealmPrefix(name).matches(messages) is (
        last is not None and (last == name or last.startswith(name + "/"))
    )


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([], False),
        ([cl.Tag("t")], True),
        ([cl.Tag("t"), cl.Tag("u")], True),
        ([cl.Tag("u"), [cl.Tag("t")], cl.Realm("r")], True),
        ([cl.Tag("T")], False),
        ([cl.Tag("t/u"), cl.Realm("t"), cl.Name("t"), "t", cl.Attribute("t", "t")], False),
    ],
)
def test_tag_matches_any_such_tag(messages: list[object], *, expected: bool) -> None:
    """`Tag(n)`: any such tag, wherever in the context."""
    assert holds(cl.Tag("t"), *messages) is expected


@pytest.mark.parametrize(
    ("condition", "messages", "expected"),
    [
        (cl.Attribute("a", 1), [], False),
        (cl.Attribute("a", 1), [cl.Attribute("a", 1)], True),
        (cl.Attribute("a", 1), [cl.Attribute("b", 1)], False),
        (cl.Attribute("a", 1), [cl.Attribute("a", 2)], False),
        (cl.Attribute("a", 1), [cl.Attribute("a", 1), cl.Attribute("a", 2)], True),
        (cl.Attribute("a", 1), [cl.Attribute("a", 2), cl.Attribute("a", 1)], True),
        (cl.Attribute("message", "m"), ["m"], True),
        (cl.Attribute("message", "m"), ["n", ["m"]], True),
        (cl.Attribute("realm", "r"), [cl.Realm("r")], False),
        (cl.Attribute("a", "x"), [cl.Tag("a"), cl.Name("a"), cl.Realm("a")], False),
        (cl.Attribute("a", None), [cl.Attribute("b", None)], False),
        (cl.Attribute("a", None), [cl.Attribute("a", None)], True),
    ],
)
def test_attribute_matches_any_of_the_name_and_value(
    condition: cl.Condition, messages: list[object], *, expected: bool
) -> None:
    """`Attribute(n, v)`: any attribute of that name with an equal value, also one that a later one hides."""
    assert holds(condition, *messages) is expected


@pytest.mark.parametrize("source", ["message", "baggage", "span"])
def test_attribute_matches_from_whatever_source(use_baggage: UseBaggage, tracer: Tracer, source: str) -> None:
    """`Attribute(n, v)`: from whatever source: the message context, the baggage, the span."""
    entry = {source: "v"}
    condition = cl.Attribute("a", "v")

    with use_baggage(a=entry.get("baggage", "-")), tracer.start_as_current_span("s") as span:
        span.set_attribute("a", entry.get("span", "-"))
        assert decides(condition, cl.Attribute("a", entry.get("message", "-")))
        assert not decides(cl.Attribute("b", "v"), cl.Attribute("a", entry.get("message", "-")))
    assert not decides(condition)


def test_attribute_matches_from_an_own_source() -> None:
    """`Attribute(n, v)`: from an own source too."""

    class Host:
        def attributes(self, context: object) -> dict[str, object]:
            return {"host": "h1"}

    assert decides(cl.Attribute("host", "h1"), sources=[Host()])
    assert not decides(cl.Attribute("host", "h2"), sources=[Host()])


ATOMS = [cl.Tag("a"), cl.Tag("b"), cl.Realm("r"), cl.RealmPrefix("r"), cl.Attribute("x", 1), cl.Attribute("x", True)]
MESSAGES = [cl.Tag("a"), cl.Tag("b"), cl.Realm("r"), cl.Realm("r/s"), cl.Attribute("x", 1), cl.Attribute("x", True)]
conditions = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda some: cl.And(*some)),
        st.lists(inner, max_size=3).map(lambda some: cl.Or(*some)),
        inner.map(cl.Not),
    ),
    max_leaves=8,
)


def _naive(condition: Any, messages: list[Any]) -> bool:
    """The contract, word by word."""
    realms = [m.name for m in messages if isinstance(m, cl.Realm)]
    match condition:
        case cl.And():
            return all(_naive(c, messages) for c in condition.conditions)
        case cl.Or():
            return any(_naive(c, messages) for c in condition.conditions)
        case cl.Not():
            return not _naive(condition.condition, messages)
        case cl.RealmPrefix():
            return bool(realms) and (realms[-1] == "r" or realms[-1].startswith("r/"))
        case cl.Realm():
            return bool(realms) and realms[-1] == condition.name
        case cl.Tag():
            return any(isinstance(m, cl.Tag) and m.name == condition.name for m in messages)
        case _:
            met = [m.value for m in messages if isinstance(m, cl.Attribute)]
            return any(type(value) is type(condition.value) and value == condition.value for value in met)


@pytest.mark.slow
@given(conditions, st.lists(st.sampled_from(MESSAGES), max_size=4))
@settings(max_examples=25, deadline=None)
def test_and_or_not_are_logic(condition: cl.Condition, messages: list[object]) -> None:
    """`And`, `Or`, `Not` compose to any depth, however they are asked."""
    assert holds(condition, *messages) is _naive(condition, messages)


@pytest.mark.slow
@given(conditions, conditions, st.lists(st.sampled_from(MESSAGES), max_size=4))
@settings(max_examples=15, deadline=None)
def test_laws_of_logic(one: cl.Condition, other: cl.Condition, messages: list[object]) -> None:
    """De Morgan's laws, excluded middle and contradiction hold."""
    assert cl.Not(cl.And(one, other)).matches(messages) is cl.Or(cl.Not(one), cl.Not(other)).matches(messages)
    assert cl.Not(cl.Or(one, other)).matches(messages) is cl.And(cl.Not(one), cl.Not(other)).matches(messages)
    assert holds(cl.Or(one, cl.Not(one)), *messages)
    assert not holds(cl.And(one, cl.Not(one)), *messages)


def test_empty_and_is_true_empty_or_is_false() -> None:
    """`And()` is true, `Or()` false, whatever the context."""
    for messages in product([cl.Tag("a"), None], [cl.Realm("r"), None]):
        assert holds(cl.And(), *messages)
        assert not holds(cl.Or(), *messages)
