"""Section 5 of the contract: default level, rules, generation and nesting of logging contexts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import otel_ctxlog as cl

from .records import RecordingSink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .conftest import UseBaggage

A, B = cl.Tag("a"), cl.Tag("b")


def _context() -> cl.LoggingContext:
    return cl.LoggingContext(RecordingSink(), sources=())


def _level(logger: cl.Logger | cl.UnboundLogger) -> int:
    """Return the level a logger lets through."""
    return max(level for level in range(12) if level == 0 or logger.enabled(level))


def test_the_default_level_of_a_root_is_info() -> None:
    """`default_level`: INFO in a root; setting `None` returns to that."""
    ctx = _context()
    assert ctx.default_level == cl.INFO

    ctx.default_level = cl.DEBUG
    assert ctx.default_level == cl.DEBUG
    assert _level(ctx.logger()) == cl.DEBUG

    ctx.default_level = None
    assert ctx.default_level == cl.INFO
    assert _level(ctx.logger()) == cl.INFO


def test_the_default_level_of_a_nested_context_is_inherited_live() -> None:
    """`default_level`: inherited in a nested context, live, until set; `None` returns to that."""
    root = _context()
    nested = root.with_context()
    inner = cl.LoggingContext(base=nested)
    loggers: list[cl.Logger | cl.UnboundLogger] = [owner.logger() for owner in (root, nested, inner)]
    loggers += [owner.unbound_logger() for owner in (root, nested, inner)]

    def levels() -> list[int]:
        shown = [owner.default_level for owner in (root, nested, inner)]
        assert [_level(logger) for logger in loggers] == shown * 2
        return shown

    assert levels() == [3, 3, 3]
    root.default_level = 5
    assert levels() == [5, 5, 5]
    nested.default_level = 1
    assert levels() == [5, 1, 1]
    root.default_level = 4
    assert levels() == [4, 1, 1]
    inner.default_level = 9
    assert levels() == [4, 1, 9]
    nested.default_level = None
    assert levels() == [4, 4, 9]
    inner.default_level = None
    assert levels() == [4, 4, 4]
    root.default_level = None
    assert levels() == [3, 3, 3]


def test_the_same_default_level_as_the_base_is_an_own_one() -> None:
    """Setting the level the base has just now makes it the nested context's own."""
    root = _context()
    nested = root.with_context()
    nested.default_level = cl.INFO

    root.default_level = cl.TRACE

    assert nested.default_level == cl.INFO


def test_base_and_message_context() -> None:
    """`base` is the context it is nested in, or None; `message_context` a tuple, inherited part included."""
    root = _context()
    nested = root.with_context(A, ["m"])
    inner = nested.with_context(cl.Realm("r"))

    assert (root.base, nested.base, inner.base) == (None, root, nested)
    assert root.message_context == ()
    assert nested.message_context == (A, cl.Attribute("message", "m"))
    assert inner.message_context == (A, cl.Attribute("message", "m"), cl.Realm("r"))
    assert cl.LoggingContext(base=inner).message_context == inner.message_context
    assert cl.LoggingContext(RecordingSink(), base=inner).message_context == inner.message_context
    assert cl.LoggingContext(base=inner).base is inner
    assert type(inner.message_context) is tuple
    assert isinstance(inner, cl.LoggingContext)


def test_rules_are_the_own_ones_in_the_order_asked() -> None:
    """`rules`: a tuple, the own ones, in the order asked; a nested context starts with none."""
    root = _context()
    first, second, third = (cl.ConditionRule(i, cl.Tag(str(i))) for i in range(3))
    root.add_rule(first, second)
    nested = root.with_context()

    assert root.rules == (second, first)
    assert type(root.rules) is tuple
    assert list(nested.rules) == []
    nested.add_rule(third)
    assert list(nested.rules) == [third]
    assert root.rules == (second, first)


def test_reset_rules_removes_the_own_ones() -> None:
    """`reset_rules()` removes the own rules, those of base and nested contexts stay."""
    root = _context()
    nested = root.with_context()
    inner = nested.with_context()
    for i, owner in enumerate((root, nested, inner)):
        owner.add_rule(cl.ConditionRule(7 + i, cl.Tag(str(i))))
    nested.default_level = cl.ERROR

    nested.reset_rules()

    assert (len(root.rules), len(nested.rules), len(inner.rules)) == (1, 0, 1)
    assert [inner.explain(cl.Tag(str(i))).level for i in range(3)] == [7, cl.ERROR, 9]


def test_add_rules_to_adds_the_own_ones_in_the_order_asked() -> None:
    """`add_rules_to(other)`: the own ones; order asked is kept; they are asked before what was there."""
    root, other = _context(), _context()
    rules = [cl.ConditionRule(i, cl.Tag(str(i))) for i in range(5)]
    root.add_rule(rules[0])
    nested = root.with_context()
    nested.add_rule(rules[1], rules[2])
    other.add_rule(rules[3], cl.ConditionRule(6, cl.Tag("1")))

    nested.add_rules_to(other)

    assert other.rules == (rules[2], rules[1], rules[3])
    assert nested.rules == (rules[2], rules[1])
    assert root.rules == (rules[0],)


def test_add_rules_to_itself_keeps_the_rules() -> None:
    """`add_rules_to(other)` where the other is the context itself or its base: order asked is kept, no deadlock."""
    root = _context()
    nested = root.with_context()
    rules = [cl.ConditionRule(i, cl.Tag(str(i))) for i in range(3)]
    nested.add_rule(*rules)

    nested.add_rules_to(nested)
    assert nested.rules == tuple(reversed(rules))

    nested.add_rules_to(root)
    root.add_rules_to(nested)
    assert root.rules == nested.rules == tuple(reversed(rules))


def test_replace_rules_swaps_rules_and_default_level() -> None:
    """`replace_rules(rules, default_level=…)`: rules given in the order of adding, the default level if given."""
    root = _context()
    nested = root.with_context()
    first, second, third = (cl.ConditionRule(i, cl.Tag(str(i))) for i in range(3))
    nested.add_rule(third)
    nested.default_level = cl.WARN

    nested.replace_rules([first, second])
    assert (nested.rules, nested.default_level) == ((second, first), cl.WARN)
    nested.replace_rules((third,), default_level=9)
    assert (nested.rules, nested.default_level) == ((third,), 9)
    nested.replace_rules(iter([first]), default_level=None)
    assert (nested.rules, nested.default_level) == ((first,), cl.INFO)
    root.default_level = cl.TRACE
    assert nested.default_level == cl.TRACE
    nested.replace_rules([])
    assert (nested.rules, root.rules) == ((), ())


class _Spy:
    """An own rule that keeps the sinks it is given."""

    def __init__(self) -> None:
        self.sinks: list[cl.LogSink] = []

    def match(self, messages: Sequence[object], sink: cl.LogSink) -> cl.Verdict | None:
        self.sinks.append(sink)
        return cl.Verdict(cl.DEBUG, sink) if B in messages else None


def test_a_nested_context_asks_its_own_rules_first() -> None:
    """Own rules first, then the base's, live; what is set in the nested context does not show in the base."""
    root = _context()
    nested = root.with_context(A)
    logger = nested.unbound_logger()
    base_logger = root.unbound_logger(A)

    root.add_rule(cl.ConditionRule(7, A))
    assert (_level(logger), _level(base_logger)) == (7, 7)
    nested.add_rule(cl.ConditionRule(1))
    assert (_level(logger), _level(base_logger)) == (1, 7)
    root.add_rule(cl.ConditionRule(9))
    assert (_level(logger), _level(base_logger)) == (1, 9)
    nested.reset_rules()
    assert (_level(logger), _level(base_logger)) == (9, 9)
    root.reset_rules()
    nested.default_level = 5
    assert (_level(logger), _level(base_logger)) == (5, 3)


def test_a_rule_of_the_base_is_asked_before_the_default_level_of_the_nested_context() -> None:
    """Rules first, own and base's; the nested context's default level only if none matched."""
    root = _context()
    nested = root.with_context()
    root.add_rule(cl.ConditionRule(7, A))
    nested.default_level = cl.ERROR

    assert _level(nested.logger(A)) == 7
    assert _level(nested.logger()) == cl.ERROR


@pytest.mark.parametrize("made_by", ["logger", "unbound_logger", "logger_for"])
def test_inherited_rules_are_evaluated_with_the_sink_of_the_nested_context(sink: RecordingSink, made_by: str) -> None:
    """Rules inherited from the base are evaluated with the nested context's sink (extended self)."""
    own, spy = RecordingSink(), _Spy()
    root = cl.LoggingContext(sink, sources=())
    root.add_rule(spy)
    nested = cl.LoggingContext(own, base=root, level_offset=1)

    getattr(nested, made_by)(B).debug("nested")
    getattr(root, made_by)(B).debug("root")
    getattr(nested.with_context(A), made_by)(B).debug("inner")

    assert [(r["body"], r["level"]) for r in own.records] == [("nested", 5), ("inner", 5)]
    assert [(r["body"], r["level"]) for r in sink.records] == [("root", 4)]
    for met in spy.sinks:
        assert met.enabled(cl.INFO)


def test_nested_contexts_follow_the_base_at_any_depth(sink: RecordingSink) -> None:
    """Nested contexts may be nested to any depth: rules, level and target of the root are live in all of them."""
    root = cl.LoggingContext(RecordingSink(), sources=())
    deepest = root
    for _ in range(200):
        deepest = deepest.with_context(A)
    unbound = deepest.unbound_logger()

    root.set_target(sink)
    root.default_level = cl.DEBUG
    unbound.debug("by default")
    root.add_rule(cl.ConditionRule(7, A))
    unbound.log(7, "by rule")

    assert sink.bodies == ["by default", "by rule"]
    assert len(deepest.message_context) == 200


def test_the_message_context_of_a_nested_context_counts_for_rules(
    plain: cl.LoggingContext, sink: RecordingSink
) -> None:
    """`with_context(*messages)`: nested, message context appended, for rules and records."""
    nested = plain.with_context(cl.Attribute("a", 1), cl.Realm("outer")).with_context(cl.Attribute("a", 2))
    plain.add_rule(cl.ConditionRule(cl.DEBUG, cl.Attribute("a", 1), cl.Realm("outer")))

    nested.logger(cl.Attribute("b", 3)).debug("m")
    plain.logger(cl.Attribute("b", 3)).debug("no")

    assert [r["attributes"] for r in sink.records] == [{"a": 2, "b": 3, "realm": "outer"}]


def test_sources_are_inherited_unless_given(sink: RecordingSink, use_baggage: UseBaggage) -> None:
    """A nested context has the sources of its base unless it is given some; the base keeps its own."""
    with use_baggage(a="v"):
        off = cl.LoggingContext(sink, sources=())
        off.with_context().logger().info("inherits nothing")
        cl.LoggingContext(base=off, sources=[cl.BaggageSource()]).logger().info("has its own")
        off.logger().info("still off")
        cl.LoggingContext(base=cl.LoggingContext(sink), sources=()).logger().info("turned off")

    assert [r["attributes"] for r in sink.records] == [{}, {"a": "v"}, {}, {}]
