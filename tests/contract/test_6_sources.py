"""Section 6 of the contract: `sources=`, their filters and limits, own sources, inheritance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry import trace

import otel_ctxlog as cl

from .emitted import attributes_of, is_otel_value, only, sent
from .records import RecordingSink, use_baggage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.trace import Tracer

NAMES = ("user.id", "user.name", "tenant", "User.id", "session")


class Seen:
    """An own condition that keeps the attributes it saw."""

    def __init__(self) -> None:
        self.last: dict[str, object] = {}

    def matches(self, messages: Sequence[object]) -> bool:
        self.last = {message.name: message.value for message in messages if isinstance(message, cl.Attribute)}
        return False


def _seen_and_sent(ctx: cl.LoggingContext, sink: RecordingSink) -> tuple[dict[str, object], dict[str, object]]:
    seen = Seen()
    ctx.add_rule(cl.ConditionRule(cl.DEBUG, seen))
    ctx.logger().info("m")
    return seen.last, sent(sink)


FILTERS: list[tuple[dict[str, tuple[str, ...]], set[str]]] = [
    ({}, set(NAMES)),
    ({"include": ("user.*",)}, {"user.id", "user.name"}),
    ({"include": ("tenant", "session")}, {"tenant", "session"}),
    ({"include": ("*.id",)}, {"user.id", "User.id"}),
    ({"include": ("?ser.name",)}, {"user.name"}),
    ({"include": ("[st]e*",)}, {"tenant", "session"}),
    ({"include": ("user",)}, set()),
    ({"include": ()}, set()),
    ({"exclude": ("user.*",)}, {"tenant", "User.id", "session"}),
    ({"exclude": ("*",)}, set()),
    ({"include": ("*.id", "tenant"), "exclude": ("user.*",)}, {"User.id", "tenant"}),
]


@pytest.mark.parametrize(("options", "expected"), FILTERS, ids=repr)
def test_baggage_names_are_filtered_for_rules_and_records_alike(
    options: dict[str, tuple[str, ...]], expected: set[str], sink: RecordingSink
) -> None:
    """`BaggageSource(include, exclude)`: globs over names, for rules and records alike."""
    ctx = cl.LoggingContext(
        sink, sources=(cl.BaggageSource(options.get("include", ("*",)), options.get("exclude", ())),)
    )

    with use_baggage(dict.fromkeys(NAMES, "v")):
        seen, attached = _seen_and_sent(ctx, sink)

    assert set(seen) == expected
    assert set(attached) == expected


@pytest.mark.parametrize(("options", "expected"), FILTERS, ids=repr)
def test_span_attribute_names_are_filtered_for_rules_and_records_alike(
    options: dict[str, tuple[str, ...]], expected: set[str], sink: RecordingSink, tracer: Tracer
) -> None:
    """`SpanSource(include, exclude)`: globs over names, for rules and records alike."""
    ctx = cl.LoggingContext(sink, sources=(cl.SpanSource(options.get("include", ("*",)), options.get("exclude", ())),))

    with tracer.start_as_current_span("s", attributes=dict.fromkeys(NAMES, "v")):
        seen, attached = _seen_and_sent(ctx, sink)

    assert set(seen) == expected
    assert set(attached) == expected


@pytest.mark.parametrize(
    "condition",
    [cl.Attribute("secret", "v"), cl.BaggageEntry("secret", "v"), cl.SpanAttribute("secret", "v")],
    ids=repr,
)
def test_no_condition_sees_what_is_filtered_out(condition: cl.Condition, tracer: Tracer) -> None:
    """A name that is excluded is excluded for every condition, those of one source too."""
    ctx = cl.LoggingContext(
        RecordingSink(), sources=(cl.BaggageSource(exclude=("secret",)), cl.SpanSource(exclude=("secret",)))
    )
    ctx.add_rule(cl.ConditionRule(cl.DEBUG, condition))

    with use_baggage(secret="v"), tracer.start_as_current_span("s", attributes={"secret": "v"}):
        assert not ctx.logger().enabled(cl.DEBUG)


@pytest.mark.parametrize("kind", ["baggage", "span"])
def test_a_source_that_is_not_attached_is_for_rules_only(kind: str, sink: RecordingSink, tracer: Tracer) -> None:
    """`attach=False`: rules see the attributes, records do not get them."""
    source = cl.BaggageSource(attach=False) if kind == "baggage" else cl.SpanSource(attach=False)
    ctx = cl.LoggingContext(sink, sources=(source,))
    ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.Attribute("k", "v")))

    with use_baggage(k="v"), tracer.start_as_current_span("s", attributes={"k": "v"}):
        ctx.logger().debug("m")

    assert sent(sink) == {}


def test_at_most_64_baggage_entries_are_seen(sink: RecordingSink) -> None:
    """`max_entries=64` by default, for rules and records alike."""
    ctx = cl.LoggingContext(sink, sources=(cl.BaggageSource(),))

    with use_baggage({f"k{i}": "v" for i in range(100)}):
        seen, attached = _seen_and_sent(ctx, sink)

    assert len(seen) == 64
    assert attached == seen


@pytest.mark.parametrize("limit", [0, 1, 2, 99, 100, 1000])
def test_max_entries_limits_the_number_of_entries(limit: int, sink: RecordingSink) -> None:
    """`max_entries` is how many baggage entries are seen at most."""
    ctx = cl.LoggingContext(sink, sources=(cl.BaggageSource(max_entries=limit),))

    with use_baggage({f"k{i}": "v" for i in range(100)}):
        seen, attached = _seen_and_sent(ctx, sink)

    assert len(seen) == min(limit, 100)
    assert attached == seen


@pytest.mark.parametrize(("length", "limit"), [(256, 256), (257, 256), (10_000, 256)])
def test_long_baggage_values_are_cut_at_256_by_default(length: int, limit: int, sink: RecordingSink) -> None:
    """`max_value_length=256` by default: longer values are cut, and nobody sees more."""
    ctx = cl.LoggingContext(sink, sources=(cl.BaggageSource(),))

    with use_baggage(k="x" * length):
        seen, attached = _seen_and_sent(ctx, sink)

    assert seen == attached == {"k": "x" * min(length, limit)}


def test_values_are_cut_before_anybody_sees_them() -> None:
    """Longer values are cut before anybody sees them: conditions of every kind meet the cut value."""
    ctx = cl.LoggingContext(RecordingSink(), sources=(cl.BaggageSource(max_value_length=4),))

    with use_baggage(k="123456"):
        for condition, expected in [
            (cl.Attribute("k", "1234"), True),
            (cl.Attribute("k", "123456"), False),
            (cl.BaggageEntry("k", "1234"), True),
            (cl.BaggageEntry("k", "123456"), False),
            (cl.Attribute("k", cl.Glob("*6")), False),
            (cl.Attribute("k", cl.Regex("5")), False),
            (cl.Attribute("k", cl.Range(max=2000)), True),
        ]:
            ctx.replace_rules([cl.ConditionRule(cl.DEBUG, condition)])
            assert ctx.logger().enabled(cl.DEBUG) is expected, condition
            assert ctx.unbound_logger().enabled(cl.DEBUG) is expected, condition


def test_span_attributes_are_not_cut(sink: RecordingSink, tracer: Tracer) -> None:
    """The limits are those of baggage, which comes from outside: a long span attribute stays whole."""
    with tracer.start_as_current_span("s", attributes={"k": "x" * 1000}):
        cl.LoggingContext(sink).logger().info("m")

    assert sent(sink) == {"k": "x" * 1000}


def test_a_baggage_value_is_text(sink: RecordingSink) -> None:
    """A baggage value is text: one that a program put in as a number is attached as its text."""
    with use_baggage(k=7):
        cl.LoggingContext(sink).logger().info("m")

    assert sent(sink) == {"k": "7"}


def test_broken_text_in_baggage_is_escaped(sink: RecordingSink) -> None:
    """Text that is not valid UTF-8 is escaped in attributes, ambient ones included."""
    with use_baggage({"k\udc80": "v\udc81"}):
        cl.LoggingContext(sink).logger().info("m")

    assert sent(sink) == {"k\\udc80": "v\\udc81"}


class _Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


@pytest.mark.parametrize("value", [_Unprintable(), object(), [1], None, b"x"], ids=lambda v: type(v).__name__)
def test_odd_objects_in_baggage_do_not_break_logging(value: object, sink: RecordingSink) -> None:
    """Whatever a program put into the baggage, the record goes out with attributes that can be sent."""
    with use_baggage(k=value, good="v"):
        cl.LoggingContext(sink).logger().info("m")

    found = sent(sink)
    assert found["good"] == "v"
    assert is_otel_value(found)


@pytest.mark.parametrize("name", [5, None, "", ("a",)], ids=repr)
def test_odd_names_in_baggage_do_not_break_logging(name: object, sink: RecordingSink) -> None:
    """A baggage entry whose name is none costs neither the record nor the other entries."""
    ctx = cl.LoggingContext(sink)
    ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.Attribute("good", "v")))

    with use_baggage({name: "x", "good": "v"}):  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
        ctx.logger().debug("m")
        ctx.unbound_logger().debug("m")

    assert len(sink.records) == 2
    for record in sink.records:
        found = attributes_of(record)
        assert found["good"] == "v"
        assert "" not in found
        assert all(isinstance(key, str) for key in found)


# --- which sources a context has ----------------------------------------------------------------------------------


def _ambient(ctx: cl.LoggingContext, sink: RecordingSink, tracer: Tracer) -> tuple[dict[str, object], bool, bool]:
    """Return what is attached, and whether a rule sees the baggage and the span."""
    before = len(sink.records)
    with use_baggage(b="1"), tracer.start_as_current_span("s", attributes={"s": "2"}):
        ctx.logger().info("m")
        ctx.replace_rules([cl.ConditionRule(cl.DEBUG, cl.Attribute("b", "1"))])
        sees_baggage = ctx.logger().enabled(cl.DEBUG)
        ctx.replace_rules([cl.ConditionRule(cl.DEBUG, cl.Attribute("s", "2"))])
        sees_span = ctx.logger().enabled(cl.DEBUG)
        ctx.reset_rules()
    return attributes_of(only(sink.records[before:])), sees_baggage, sees_span


BOTH: tuple[dict[str, object], bool, bool] = ({"b": "1", "s": "2"}, True, True)
NONE: tuple[dict[str, object], bool, bool] = ({}, False, False)
BAGGAGE: tuple[dict[str, object], bool, bool] = ({"b": "1"}, True, False)
SPAN: tuple[dict[str, object], bool, bool] = ({"s": "2"}, False, True)


def test_the_default_is_baggage_and_span(sink: RecordingSink, tracer: Tracer) -> None:
    """Default: baggage, then span."""
    assert _ambient(cl.LoggingContext(sink), sink, tracer) == BOTH


def test_no_sources_turn_it_off(sink: RecordingSink, tracer: Tracer) -> None:
    """`sources=()` turns it off: neither in rules nor on records."""
    assert _ambient(cl.LoggingContext(sink, sources=()), sink, tracer) == NONE


NESTED: dict[str, Callable[[cl.LoggingContext], cl.LoggingContext]] = {
    "base": lambda base: cl.LoggingContext(base=base),
    "with_context": lambda base: base.with_context(cl.Tag("t")),
    "with_context of base": lambda base: cl.LoggingContext(base=base).with_context(cl.Tag("t")),
    "two deep": lambda base: cl.LoggingContext(base=cl.LoggingContext(base=base)),
}


@pytest.mark.parametrize("make", NESTED)
@pytest.mark.parametrize("kind", ["default", "off", "baggage"])
def test_a_nested_context_inherits_the_sources(make: str, kind: str, sink: RecordingSink, tracer: Tracer) -> None:
    """A nested context inherits the sources of its base."""
    if kind == "default":
        base, expected = cl.LoggingContext(sink), BOTH
    elif kind == "off":
        base, expected = cl.LoggingContext(sink, sources=()), NONE
    else:
        base, expected = cl.LoggingContext(sink, sources=(cl.BaggageSource(),)), BAGGAGE

    assert _ambient(NESTED[make](base), sink, tracer) == expected


def test_a_nested_context_inherits_with_an_own_target(sink: RecordingSink, tracer: Tracer) -> None:
    """An own target does not change the sources that a nested context inherits."""
    base = cl.LoggingContext(RecordingSink(), sources=(cl.SpanSource(),))

    assert _ambient(cl.LoggingContext(sink, base=base), sink, tracer) == SPAN


def test_a_nested_context_may_be_given_its_own_sources(sink: RecordingSink, tracer: Tracer) -> None:
    """A nested context inherits unless it is given some; none at all is also an answer, and the base keeps its own."""
    base = cl.LoggingContext(sink, sources=(cl.BaggageSource(),))

    assert _ambient(cl.LoggingContext(base=base, sources=(cl.SpanSource(),)), sink, tracer) == SPAN
    assert _ambient(cl.LoggingContext(base=base, sources=()), sink, tracer) == NONE
    assert _ambient(cl.LoggingContext(base=base, sources=(cl.SpanSource(),)).with_context("m"), sink, tracer)[1:] == (
        False,
        True,
    )
    assert _ambient(base, sink, tracer) == BAGGAGE


def test_sources_may_be_given_as_a_list(sink: RecordingSink, tracer: Tracer) -> None:
    """Any sequence of sources will do."""
    assert _ambient(cl.LoggingContext(sink, sources=[cl.BaggageSource()]), sink, tracer) == BAGGAGE


def test_inherited_rules_see_the_sources_of_the_nested_context(sink: RecordingSink) -> None:
    """A rule of the base asked for a nested context looks at the ambient attributes of that context."""
    base = cl.LoggingContext(sink, sources=())
    base.add_rule(cl.ConditionRule(cl.DEBUG, cl.Attribute("k", "v")))
    nested = cl.LoggingContext(base=base, sources=(cl.BaggageSource(),))

    with use_baggage(k="v"):
        assert nested.logger().enabled(cl.DEBUG)
        assert nested.unbound_logger().enabled(cl.DEBUG)
        assert not base.logger().enabled(cl.DEBUG)


def test_an_invalid_span_is_no_trouble(sink: RecordingSink) -> None:
    """A current span that is none costs nothing."""
    with trace.use_span(trace.INVALID_SPAN):
        cl.LoggingContext(sink).logger().info("m")

    assert sent(sink) == {}
