"""Section 4 of the contract: rules, verdicts, the order in which rules are asked, and superseding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import otel_ctxlog as cl

from .own_rules import A, B, Fixed, condition_rules
from .records import RecordingSink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .conftest import UseBaggage


def test_a_verdict_is_a_level_and_a_sink(sink: RecordingSink) -> None:
    """`Verdict(level, sink)`: the level let through, and where it goes."""
    verdict = cl.Verdict(4, sink)

    assert (verdict.level, verdict.sink) == (4, sink)
    assert verdict == cl.Verdict(level=4, sink=sink)


def test_a_condition_rule_shows_its_parts() -> None:
    """`ConditionRule(level, *conditions)` shows `.level` and `.conditions`."""
    rule = cl.ConditionRule(4, A, cl.Not(B))

    assert rule.level == 4
    assert tuple(rule.conditions) == (A, cl.Not(B))
    assert tuple(cl.ConditionRule(cl.DEBUG).conditions) == ()


@pytest.mark.parametrize(
    ("conditions", "messages", "expected"),
    [
        ((), (), True),
        ((), (A,), True),
        ((A,), (), False),
        ((A,), (A,), True),
        ((A, B), (A,), False),
        ((A, B), (B,), False),
        ((A, B), (B, A), True),
        ((A, cl.Not(B)), (A,), True),
        ((A, cl.Not(B)), (A, B), False),
        ((A, cl.Or()), (A,), False),
        ((cl.And(),), (), True),
    ],
)
def test_a_condition_rule_matches_if_all_conditions_do(
    plain: cl.LoggingContext,
    sink: RecordingSink,
    conditions: tuple[cl.Condition, ...],
    messages: tuple[cl.Tag, ...],
    *,
    expected: bool,
) -> None:
    """It matches if all conditions do (none: always), and is asked directly with messages and sink."""
    rule = cl.ConditionRule(7, *conditions)
    plain.add_rule(rule)

    assert plain.logger(*messages).enabled(7) is expected
    assert plain.unbound_logger(*messages).enabled(7) is expected
    assert rule.match(messages, sink) == (cl.Verdict(7, sink) if expected else None)


def test_a_later_rule_is_asked_earlier(plain: cl.LoggingContext) -> None:
    """A rule added later is asked earlier, within one `add_rule` too; the first that matches decides."""
    one, two, three, four = (cl.ConditionRule(i, cl.Tag("t"), cl.Not(cl.Tag(f"not {i}"))) for i in (4, 1, 6, 2))

    plain.add_rule(one, two)
    assert list(plain.rules) == [two, one]
    plain.add_rule(three)
    plain.add_rule(four)
    assert list(plain.rules) == [four, three, two, one]

    tags = [cl.Tag("t"), cl.Tag("not 2"), cl.Tag("not 6"), cl.Tag("not 1"), cl.Tag("not 4")]
    assert [plain.explain(*tags[: i + 1]).level for i in range(5)] == [2, 6, 1, 4, cl.INFO]
    assert [plain.explain(*tags[: i + 1]).rule for i in range(5)] == [four, three, two, one, None]


def test_the_first_match_decides_even_if_it_lets_less_through(plain: cl.LoggingContext, sink: RecordingSink) -> None:
    """The first that matches decides level and sink: neither the most open nor the default level counts."""
    plain.default_level = cl.TRACE
    plain.add_rule(cl.ConditionRule(cl.TRACE), cl.ConditionRule(cl.ERROR, A))

    for logger in (plain.logger(A), plain.unbound_logger(A)):
        logger.info("no")
        logger.error("yes")

    assert sink.bodies == ["yes", "yes"]


@pytest.mark.parametrize("made_by", ["logger", "unbound_logger", "logger_for"])
def test_an_own_rule_decides(plain: cl.LoggingContext, sink: RecordingSink, made_by: str) -> None:
    """`match(messages, sink) -> Verdict | None` makes a rule; None leaves it to the next."""
    silent, deciding = Fixed(None), Fixed(cl.DEBUG)
    plain.add_rule(deciding, silent)

    logger = getattr(plain, made_by)(cl.Realm("r"), "m")
    logger.debug("yes")
    logger.trace("no")

    assert sink.bodies == ["yes"]
    flat = (cl.Realm("r"), cl.Attribute("message", "m"))
    assert {messages for messages, _ in silent.met + deciding.met} == {flat}


def test_an_own_rule_sees_the_ambient_attributes(sink: RecordingSink, use_baggage: UseBaggage) -> None:
    """The messages of a rule are the whole flat context; an unbound logger asks again when they change."""

    class ByTenant:
        def match(self, messages: Sequence[object], sink: cl.LogSink) -> cl.Verdict | None:
            for message in messages:
                if getattr(message, "name", None) == "tenant":
                    return cl.Verdict(len(str(getattr(message, "value", ""))), sink)
            return None

    ctx = cl.LoggingContext(sink)
    ctx.add_rule(ByTenant())
    unbound = ctx.unbound_logger()

    for tenant in ("12345678", "1", "12345678", "1234"):
        with use_baggage(tenant=tenant):
            assert [unbound.enabled(len(tenant)), unbound.enabled(len(tenant) + 1)] == [True, False]
    assert [unbound.enabled(3), unbound.enabled(4)] == [True, False]


@pytest.mark.parametrize("made_by", ["logger", "unbound_logger", "logger_for"])
def test_a_rule_may_redirect(plain: cl.LoggingContext, sink: RecordingSink, made_by: str) -> None:
    """A rule may redirect: what it lets through goes to the sink of its verdict, and there only."""
    elsewhere = RecordingSink()
    plain.add_rule(Fixed(cl.DEBUG, elsewhere))

    logger = getattr(plain, made_by)(cl.Realm("r"), cl.Name("n"))
    logger.debug("yes", a=1)
    logger.trace("no")

    assert sink.records == []
    assert [(r["body"], r["name"], r["realm"], r["level"]) for r in elsewhere.records] == [("yes", "n", "r", 4)]
    assert elsewhere.records[0]["attributes"] == {"realm": "r", "a": 1}


def test_a_redirecting_sink_is_asked_whether_it_is_enabled(plain: cl.LoggingContext) -> None:
    """`enabled` of the sink where it goes is asked after the rules."""
    elsewhere = RecordingSink(on=False)
    plain.add_rule(Fixed(cl.DEBUG, elsewhere))

    plain.logger().debug("m")
    plain.logger().trace("m")

    assert elsewhere.records == []
    assert set(elsewhere.asked) == {cl.DEBUG}


class _Wrapped:
    def __init__(self, inner: cl.LogSink) -> None:
        self.inner = inner

    def enabled(self, level: int) -> bool:
        return self.inner.enabled(level)

    def emit(self, **record: Any) -> None:
        record["attributes"] = {**record["attributes"], "wrapped": True}
        self.inner.emit(**record)


class _Wrapping:
    def match(self, messages: Sequence[object], sink: cl.LogSink) -> cl.Verdict | None:
        return cl.Verdict(cl.DEBUG, _Wrapped(sink))


@pytest.mark.parametrize("made_by", ["logger", "unbound_logger"])
def test_a_rule_may_wrap_the_sink(sink: RecordingSink, made_by: str) -> None:
    """A rule may wrap the sink it is given: that of the context, level offset included."""
    ctx = cl.LoggingContext(sink, level_offset=2)
    ctx.add_rule(_Wrapping())

    getattr(ctx, made_by)().debug("m", a=1)

    assert [(r["body"], r["level"], r["attributes"]) for r in sink.records] == [("m", 6, {"a": 1, "wrapped": True})]


@given(st.lists(condition_rules, max_size=8), st.lists(st.sampled_from([A, B, cl.Attribute("a", 1)]), max_size=2))
@settings(max_examples=100, deadline=None)
def test_the_first_match_in_the_order_asked_decides(added: list[cl.ConditionRule], messages: list[object]) -> None:
    """A rule set decides as its rules do one after the other, through a nested context too."""
    ctx = cl.LoggingContext(RecordingSink(), sources=())
    ctx.add_rule(*added)
    verdicts = (rule.match(messages, ctx.sink) for rule in ctx.rules)
    level = next((verdict.level for verdict in verdicts if verdict is not None), cl.INFO)

    for asked in (ctx, ctx.with_context(), ctx.with_context(*messages)):
        own = [] if asked.message_context else messages
        logger, unbound = asked.logger(*own), asked.unbound_logger(*own)
        expected = [0 < i <= level for i in range(8)]
        assert [logger.enabled(i) for i in range(8)] == expected
        assert [unbound.enabled(i) for i in range(8)] == expected
        assert asked.explain(*own).level == level
