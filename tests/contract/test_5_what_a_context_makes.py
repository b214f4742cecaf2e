"""Section 5 of the contract: `logger`, `logger_for`, `unbound_logger`, `v`, `eventer`, `match`, `explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import otel_ctxlog as cl

from .records import RecordingSink

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.trace import Tracer

    from .conftest import UseBaggage

A, B = cl.Tag("a"), cl.Tag("b")


def test_the_types_of_what_it_makes(plain: cl.LoggingContext) -> None:
    """`logger -> Logger`, `unbound_logger -> UnboundLogger`, `v -> VLogger`, and so on."""
    plain.add_rule(cl.ConditionRule(3))

    assert isinstance(plain.logger(A), cl.Logger)
    assert isinstance(plain.logger_for(A), cl.Logger)
    assert isinstance(plain.unbound_logger(A), cl.UnboundLogger)
    assert isinstance(plain.v(3, A), cl.VLogger)
    assert isinstance(plain.attribution(A), cl.AttributionContext)
    assert isinstance(plain.with_context(A), cl.LoggingContext)
    assert isinstance(plain.eventer(A), cl.OTelEventer)
    assert isinstance(plain.explain(A), cl.Explanation)
    assert not isinstance(plain.logger(A), cl.UnboundLogger)


def test_a_logger_is_bound_an_unbound_logger_is_not(plain: cl.LoggingContext) -> None:
    """`logger` is bound to the rules of now, `unbound_logger` follows them."""
    plain.add_rule(cl.ConditionRule(4, A))
    bound, unbound = plain.logger(A), plain.unbound_logger(A)

    plain.add_rule(cl.ConditionRule(1, A))

    assert (bound.enabled(4), unbound.enabled(4)) == (True, False)
    assert (bound.enabled(1), unbound.enabled(1)) == (True, True)


def test_logger_for_without_a_matching_rule_is_non_logging(plain: cl.LoggingContext, sink: RecordingSink) -> None:
    """`logger_for`: no default level; no rule matched: `cl.NON_LOGGING`, which never emits and never raises."""
    plain.default_level = cl.TRACE
    plain.add_rule(cl.ConditionRule(cl.TRACE, B))

    assert plain.logger_for() is cl.NON_LOGGING
    assert plain.logger_for(A) is cl.NON_LOGGING
    assert plain.with_context().logger_for(A) is cl.NON_LOGGING
    assert plain.attribution().logger_for(A) is cl.NON_LOGGING

    logger = plain.logger_for(A)
    for one in (logger, logger.with_name("n"), logger.with_values(a=1)):
        for level in range(8):
            assert not one.enabled(level)
            one.log(level, "m")
        one.error("m")
        one.critical("m")
        one.log_error(ValueError(), "m")
        one.v(1).error(ValueError(), "m")
        one.v(1).info("m")
    assert sink.records == []


def test_logger_for_counts_only_the_messages_given(plain: cl.LoggingContext) -> None:
    """`logger_for`: only these messages count: no inherited message context."""
    nested = plain.with_context(A, cl.Realm("r"))
    plain.add_rule(cl.ConditionRule(7, A), cl.ConditionRule(8, cl.Realm("r")), cl.ConditionRule(9, cl.Not(A), B))

    assert nested.logger_for() is cl.NON_LOGGING
    assert nested.attribution(A).logger_for() is cl.NON_LOGGING
    assert nested.attribution(A).with_context(cl.Realm("r")).logger_for(cl.Tag("c")) is cl.NON_LOGGING
    assert nested.logger_for(A).enabled(7)
    assert nested.logger_for(B).enabled(9)
    assert nested.attribution(A).logger_for(B).enabled(9)
    assert not nested.logger(B).enabled(9)


def test_logger_for_does_not_attach_what_does_not_count(plain: cl.LoggingContext, sink: RecordingSink) -> None:
    """`logger_for`: only these messages count, for the record too."""
    nested = plain.with_context(cl.Attribute("outer", 1), cl.Realm("outer"), cl.Name("outer"))
    plain.add_rule(cl.ConditionRule(7, A))

    nested.logger_for(A, cl.Attribute("own", 1)).info("m")

    assert [(r["attributes"], r["name"], r["realm"]) for r in sink.records] == [({"own": 1}, "", None)]


def test_logger_for_asks_own_and_inherited_rules(plain: cl.LoggingContext) -> None:
    """`logger_for`: rules of the context and its bases decide, also one without conditions."""
    nested = plain.with_context()
    plain.add_rule(cl.ConditionRule(2), cl.ConditionRule(7, A))
    nested.add_rule(cl.ConditionRule(8, B))

    assert nested.logger_for(A).enabled(7)
    assert not nested.logger_for(A).enabled(8)
    assert nested.logger_for(B).enabled(8)
    assert nested.logger_for().enabled(2)
    assert not nested.logger_for().enabled(3)
    assert not plain.logger_for(B).enabled(7)


def test_logger_for_has_no_ambient_attributes_for_the_decision(
    sink: RecordingSink, use_baggage: UseBaggage, tracer: Tracer
) -> None:
    """`logger_for`: no ambient attributes for the decision, neither to match nor to keep from it."""
    ctx = cl.LoggingContext(sink)
    seen: list[tuple[object, ...]] = []

    class Spy:
        def matches(self, messages: Sequence[object]) -> bool:
            seen.append(tuple(messages))
            return True

    ctx.add_rule(
        cl.ConditionRule(9, Spy()),
        cl.ConditionRule(6, A, cl.Not(cl.Attribute("a", "v"))),
        cl.ConditionRule(7, cl.Attribute("a", "v")),
        cl.ConditionRule(8, cl.Attribute("s", 1)),
    )
    with use_baggage(a="v"), tracer.start_as_current_span("s", attributes={"s": 1}):
        assert ctx.logger_for(A).enabled(6)
        assert not ctx.logger_for(A).enabled(7)
        assert ctx.logger_for(B).enabled(9)
        assert ctx.logger_for(cl.Attribute("a", "v")).enabled(7)
        assert not ctx.logger_for(cl.Attribute("a", "v")).enabled(8)

    assert set(seen) == {(B,)}


def test_a_logger_for_is_bound(plain: cl.LoggingContext) -> None:
    """`logger_for` gives a bound logger: its level is that of the rule that matched."""
    plain.add_rule(cl.ConditionRule(4, A))
    logger = plain.logger_for(A)

    plain.reset_rules()
    plain.default_level = 9

    assert logger.enabled(4)
    assert not logger.enabled(5)


@pytest.mark.parametrize(("level", "enabled"), [(3, True), (4, True), (5, False)])
def test_v_is_a_logger_of_a_fixed_verbosity(
    plain: cl.LoggingContext, sink: RecordingSink, level: int, *, enabled: bool
) -> None:
    """`v(level, *messages)`: a `VLogger` of that level for these messages."""
    plain.add_rule(cl.ConditionRule(4, A, cl.Attribute("a", 1)))

    plain.v(level, A, cl.Attribute("a", 1)).info("m", "k", "v")
    plain.with_context(A).v(level, cl.Attribute("a", 1)).info("m", "k", "v")

    expected = [("m", level, {"a": 1, "k": "v"})] * 2 if enabled else []
    assert [(r["body"], r["level"], r["attributes"]) for r in sink.records] == expected


def test_eventer_records_through_the_context(
    ctx: cl.LoggingContext, records: Callable[[], list[ReadableLogRecord]]
) -> None:
    """`eventer(*messages)`: an `OTelEventer` of this context, gated by its rules for these messages."""
    nested = ctx.with_context(cl.Realm("r"))
    ctx.add_rule(cl.ConditionRule(cl.NONE, A), cl.ConditionRule(cl.NONE, cl.Realm("silent")))

    nested.eventer(B).event("started", size=1)
    nested.eventer(A).event("silenced", size=2)
    nested.eventer(cl.Realm("silent")).event("silenced", size=3)
    nested.eventer(cl.Attribute("a", "v")).event("stopped")

    assert [record.log_record.event_name for record in records()] == ["started", "stopped"]
    attributes = [dict(record.log_record.attributes or {}) for record in records()]
    assert attributes[0]["size"] == 1
    assert [(a["eventType"], a["realm"]) for a in attributes] == [("started", "r"), ("stopped", "r")]
    assert attributes[1]["a"] == "v"


def test_match_is_against_the_message_context(sink: RecordingSink, use_baggage: UseBaggage, tracer: Tracer) -> None:
    """`match(condition)`: against `message_context`, inherited part included, nothing ambient."""
    ctx = cl.LoggingContext(sink).with_context(A, cl.Realm("r")).with_context(cl.Attribute("a", 1))
    ctx.add_rule(cl.ConditionRule(9, B))

    assert ctx.match(A) is True
    assert ctx.match(B) is False
    assert ctx.match(cl.And(A, cl.Realm("r"), cl.Attribute("a", cl.Range(1, 2)))) is True
    with use_baggage(b="v"), tracer.start_as_current_span("s", attributes={"s": 1}):
        assert ctx.match(cl.Attribute("b", "v")) is False
        assert ctx.match(cl.Attribute("s", 1)) is False
        assert ctx.match(cl.Not(cl.Attribute("b", cl.Exists()))) is True


def test_match_asks_own_conditions() -> None:
    """`match` asks an own condition with the flat message context."""
    seen: list[tuple[object, ...]] = []

    class Spy:
        def matches(self, messages: Sequence[object]) -> bool:
            seen.append(tuple(messages))
            return True

    ctx = cl.LoggingContext(RecordingSink()).with_context(A, [B])

    assert ctx.match(Spy()) is True
    assert set(seen) == {(A, B)}


def test_explain_says_level_and_rule(plain: cl.LoggingContext) -> None:
    """`explain(*messages)`: `.level`, `.rule` or None, for what a logger of these messages would do."""
    rule = cl.ConditionRule(7, A)
    plain.add_rule(rule)
    nested = plain.with_context(A)

    assert (plain.explain(A).level, plain.explain(A).rule) == (7, rule)
    assert plain.explain(A).rule is rule
    assert (nested.explain().level, nested.explain().rule) == (7, rule)
    assert (plain.explain().level, plain.explain().rule) == (cl.INFO, None)
    plain.default_level = cl.ERROR
    assert (plain.explain(B).level, plain.explain(B).rule) == (cl.ERROR, None)


def test_explain_names_the_rules_that_were_skipped(plain: cl.LoggingContext) -> None:
    """`.skipped`: pairs of rule and reason, in the order asked, up to the rule that decided, bases included."""
    rules = [cl.ConditionRule(i + 4, cl.Tag(f"tag{i}")) for i in range(5)]
    plain.add_rule(*rules[:3])
    nested = plain.with_context()
    nested.add_rule(*rules[3:])

    explanation = nested.explain(cl.Tag("tag1"))
    assert explanation.rule is rules[1]
    assert [rule for rule, _ in explanation.skipped] == [rules[4], rules[3], rules[2]]
    assert all(type(reason) is str and len(reason) > 0 for _, reason in explanation.skipped)

    none = nested.explain()
    assert [rule for rule, _ in none.skipped] == [rules[4], rules[3], rules[2], rules[1], rules[0]]


@pytest.mark.parametrize(
    ("condition", "messages", "words"),
    [
        (cl.Attribute("tenant", "acme"), [cl.Attribute("tenant", "umbrella")], ["tenant", "acme", "umbrella"]),
        (cl.Attribute("size", cl.Range(5)), [cl.Attribute("size", 3)], ["size", "Range", "5", "3"]),
        (cl.Realm("shop/cart"), [cl.Realm("shop/till")], ["shop/cart", "shop/till"]),
        (cl.RealmPrefix("shop/cart"), [cl.Realm("shop/till")], ["RealmPrefix", "shop/cart", "shop/till"]),
        (cl.Tag("wanted"), [cl.Tag("other")], ["Tag", "wanted"]),
        (cl.And(A, cl.Attribute("deep", "wish")), [A, cl.Attribute("deep", "found")], ["deep", "wish", "found"]),
        (cl.Not(cl.Tag("hindering")), [cl.Tag("hindering")], ["Not", "hindering"]),
    ],
    ids=repr,
)
def test_explain_names_the_condition_that_failed_and_the_value_it_met(
    plain: cl.LoggingContext, condition: cl.Condition, messages: list[object], words: list[str]
) -> None:
    """`str()` reads well and names the condition that failed and the value it met."""
    plain.add_rule(cl.ConditionRule(7, cl.And(), condition))

    explanation = plain.explain(*messages)
    text = str(explanation)

    assert explanation.rule is None
    for word in words:
        assert word in text
        assert word in explanation.skipped[0][1]


def test_explain_names_the_failed_condition_among_several(plain: cl.LoggingContext) -> None:
    """The reason names the condition that failed, not those that held."""
    plain.add_rule(cl.ConditionRule(7, cl.Tag("held"), cl.Attribute("failed", 1), cl.Attribute("untried", 1)))

    (skipped,) = plain.explain(cl.Tag("held"), cl.Attribute("failed", 2)).skipped

    assert "failed" in skipped[1]
    assert "held" not in skipped[1]


def test_explain_says_the_level_by_name(plain: cl.LoggingContext) -> None:
    """`str()` reads well: the level by its name, and whether a rule or the default decided."""
    plain.add_rule(cl.ConditionRule(cl.DEBUG, A))

    assert "debug" in str(plain.explain(A)).lower()
    assert "info" in str(plain.explain()).lower()
    assert "default" in str(plain.explain()).lower()


def test_explain_sees_the_ambient_attributes(sink: RecordingSink, use_baggage: UseBaggage, tracer: Tracer) -> None:
    """`explain` shows what a logger made now would do: ambient attributes take part, and are shown as met."""
    ctx = cl.LoggingContext(sink)
    by_baggage = cl.ConditionRule(7, cl.BaggageEntry("tenant", "acme"))
    by_span = cl.ConditionRule(8, cl.SpanAttribute("debug", True))
    ctx.add_rule(by_baggage, by_span)

    assert ctx.explain().rule is None
    with use_baggage(tenant="acme"):
        assert ctx.explain().rule is by_baggage
        with tracer.start_as_current_span("s", attributes={"debug": True}):
            assert ctx.explain().rule is by_span
    with use_baggage(tenant="umbrella"):
        assert ctx.explain().rule is None
        assert "umbrella" in str(ctx.explain())


def test_explain_says_that_a_rule_raised(plain: cl.LoggingContext) -> None:
    """A rule whose condition raises is skipped, and the reason says what was raised."""

    class Raising:
        def matches(self, messages: Sequence[object]) -> bool:
            msg = "raised on purpose"
            raise RuntimeError(msg)

    rule = cl.ConditionRule(7, cl.Not(Raising()))
    plain.add_rule(rule)

    explanation = plain.explain(A)

    assert (explanation.level, explanation.rule) == (cl.INFO, None)
    assert [skipped for skipped, _ in explanation.skipped] == [rule]
    assert "raise" in explanation.skipped[0][1].lower() or "RuntimeError" in explanation.skipped[0][1]


def test_explain_knows_own_rules(plain: cl.LoggingContext) -> None:
    """An own rule is shown like any other, as the one that decided or as skipped."""

    class Own:
        def match(self, messages: Sequence[object], sink: cl.LogSink) -> cl.Verdict | None:
            return cl.Verdict(6, sink) if A in messages else None

    rule = Own()
    plain.add_rule(rule)

    assert (plain.explain(A).level, plain.explain(A).rule) == (6, rule)
    assert [skipped for skipped, _ in plain.explain(B).skipped] == [rule]
    assert str(plain.explain(B))


def test_explain_emits_nothing(plain: cl.LoggingContext, sink: RecordingSink) -> None:
    """`explain` is a question: nothing goes to the target."""
    plain.explain(A)

    assert (sink.records, sink.asked) == ([], [])
