"""Section 4 of the contract: rules, verdicts, the order in which rules are asked, and superseding."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import otel_ctxlog as cl

from .records import RecordingSink

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .conftest import UseBaggage

A, B = cl.Tag("a"), cl.Tag("b")


class _Fixed:
    """An own rule: always this verdict; it replaces nothing."""

    def __init__(self, level: int | None, sink: cl.LogSink | None = None) -> None:
        self.level = level
        self.sink = sink
        self.met: list[tuple[tuple[object, ...], cl.LogSink]] = []

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Fixed) and self.level == other.level

    __hash__ = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]

    def match(self, messages: Sequence[object], sink: cl.LogSink) -> cl.Verdict | None:
        self.met.append((tuple(messages), sink))
        return None if self.level is None else cl.Verdict(self.level, self.sink or sink)


class _Greedy(_Fixed):
    """An own rule that replaces every rule of level 2."""

    def supersedes(self, other: object) -> bool:
        return getattr(other, "level", None) == 2


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


def test_a_condition_rule_supersedes_equal_conditions_in_the_same_order() -> None:
    """It supersedes a `ConditionRule` with equal conditions in the same order, whatever the levels."""
    rule = cl.ConditionRule(4, A, B)

    assert rule.supersedes(cl.ConditionRule(2, cl.Tag("a"), cl.Tag("b")))
    assert rule.supersedes(rule)
    assert not rule.supersedes(cl.ConditionRule(4, B, A))
    assert not rule.supersedes(cl.ConditionRule(4, A))
    assert not rule.supersedes(cl.ConditionRule(4, A, B, B))
    assert not rule.supersedes(cl.ConditionRule(4, cl.And(A, B)))
    assert not rule.supersedes(_Fixed(4))
    assert cl.ConditionRule(4).supersedes(cl.ConditionRule(2))
    assert not cl.ConditionRule(1, cl.Attribute("a", 1)).supersedes(cl.ConditionRule(1, cl.Attribute("a", True)))
    assert cl.ConditionRule(1, cl.Attribute("a", [1])).supersedes(cl.ConditionRule(1, cl.Attribute("a", (1.0,))))


@pytest.mark.parametrize(
    "conditions",
    [
        (),
        (A,),
        (A, cl.Not(cl.And(B, cl.Attribute("a", [1, {"b": True}])))),
        (cl.Attribute("a", {"x": 1}),),
        (cl.Attribute("a", cl.OneOf(1, [2])),),
        (cl.Realm("r"), cl.RealmPrefix("r"), cl.BaggageEntry("t", "v")),
    ],
    ids=repr,
)
def test_a_rule_with_equal_conditions_is_replaced(
    plain: cl.LoggingContext, conditions: tuple[cl.Condition, ...]
) -> None:
    """Adding a `ConditionRule` with equal conditions replaces the older one; the new one is asked first."""
    old, other, new = cl.ConditionRule(2, *conditions), cl.ConditionRule(3, B), cl.ConditionRule(4, *conditions)
    again = cl.ConditionRule(4, *copy.deepcopy(conditions))
    plain.add_rule(old, other)

    plain.add_rule(new)
    assert plain.rules == (new, other)

    plain.add_rule(again)
    assert plain.rules == (new, other)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ((A, B), (B, A)),
        ((A,), (A, A)),
        ((A,), (cl.Not(cl.Not(A)),)),
        ((cl.Attribute("a", 1),), (cl.Attribute("a", True),)),
        ((cl.Attribute("a", "1"),), (cl.Attribute("a", 1),)),
        ((cl.Realm("r"),), (cl.RealmPrefix("r"),)),
        ((cl.Attribute("a", "v"),), (cl.BaggageEntry("a", "v"),)),
        ((cl.BaggageEntry("a", "v"),), (cl.SpanAttribute("a", "v"),)),
        ((cl.Realm("a"),), (cl.Tag("a"),)),
        ((cl.Sampled(),), (cl.Sampled(sampled=False),)),
        ((), (cl.And(),)),
    ],
    ids=repr,
)
def test_a_rule_with_other_conditions_stays(
    plain: cl.LoggingContext, old: tuple[cl.Condition, ...], new: tuple[cl.Condition, ...]
) -> None:
    """It supersedes nothing but equal conditions in the same order."""
    plain.add_rule(cl.ConditionRule(2, *old))
    plain.add_rule(cl.ConditionRule(4, *new))

    assert plain.rules == (cl.ConditionRule(4, *new), cl.ConditionRule(2, *old))


@pytest.mark.parametrize(
    ("one", "other"), [(1, 1.0), ([1, 2], (1, 2)), ({"a": [1]}, {"a": (1.0,)}), (cl.INFO, 3), ((1,), (1.0,))], ids=repr
)
def test_a_rule_is_replaced_by_one_whose_values_are_equal(plain: cl.LoggingContext, one: object, other: object) -> None:
    """Equal conditions are those of equal values: 1 equals 1.0, a list equals a tuple; in a matcher too."""
    wrappers: list[Callable[[object], object]] = [lambda value: value, cl.OneOf]
    for wrap in wrappers:
        for first, second in ((one, other), (other, one)):
            plain.replace_rules([cl.ConditionRule(2, cl.Attribute("a", wrap(first)))])
            plain.add_rule(cl.ConditionRule(4, cl.Attribute("a", wrap(second))))

            assert [plain.explain(cl.Attribute("a", value)).level for value in (one, other)] == [4, 4]
            assert len(plain.rules) == 1


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
    silent, deciding = _Fixed(None), _Fixed(cl.DEBUG)
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
    plain.add_rule(_Fixed(cl.DEBUG, elsewhere))

    logger = getattr(plain, made_by)(cl.Realm("r"), cl.Name("n"))
    logger.debug("yes", a=1)
    logger.trace("no")

    assert sink.records == []
    assert [(r["body"], r["name"], r["realm"], r["level"]) for r in elsewhere.records] == [("yes", "n", "r", 4)]
    assert elsewhere.records[0]["attributes"] == {"realm": "r", "a": 1}


def test_a_redirecting_sink_is_asked_whether_it_is_enabled(plain: cl.LoggingContext) -> None:
    """`enabled` of the sink where it goes is asked after the rules."""
    elsewhere = RecordingSink(on=False)
    plain.add_rule(_Fixed(cl.DEBUG, elsewhere))

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


def test_an_own_rule_without_supersedes_replaces_nothing(plain: cl.LoggingContext) -> None:
    """Only a rule of a type that defines `supersedes` can replace others: equal own rules stay side by side."""
    rules: list[cl.Rule] = [_Fixed(2), _Fixed(2), cl.ConditionRule(2), _Fixed(2)]
    plain.add_rule(*rules)
    plain.add_rule(rules[0])

    assert [id(rule) for rule in plain.rules] == [id(rule) for rule in (rules[0], *reversed(rules))]


def test_an_own_rule_with_supersedes_replaces_what_it_says(plain: cl.LoggingContext) -> None:
    """Optional `supersedes(other)`: the rules it is true for go, of any type, the others keep their order."""
    low, two, other, tagged = cl.ConditionRule(2), _Fixed(2), _Fixed(3), cl.ConditionRule(2, A)
    greedy = _Greedy(7)
    plain.add_rule(low, two, other, tagged)

    plain.add_rule(greedy)

    assert plain.rules == (greedy, other)


def test_superseding_is_asked_of_the_new_rule_only(plain: cl.LoggingContext) -> None:
    """The rule that is added replaces others; those that are there already do not keep it out."""
    greedy, late = _Greedy(7), cl.ConditionRule(2, B)

    plain.add_rule(greedy, late)

    assert plain.rules == (late, greedy)


def test_superseding_stays_within_a_context(plain: cl.LoggingContext) -> None:
    """A nested context's rule replaces none of the base, and the other way round."""
    nested = plain.with_context()
    plain.add_rule(cl.ConditionRule(2, A))
    nested.add_rule(cl.ConditionRule(4, A))

    assert plain.rules == (cl.ConditionRule(2, A),)
    assert nested.rules == (cl.ConditionRule(4, A),)
    plain.add_rule(cl.ConditionRule(5, A))
    assert nested.rules == (cl.ConditionRule(4, A),)
    assert nested.explain(A).level == 4
    nested.reset_rules()
    assert nested.explain(A).level == 5


def test_superseding_within_one_call(plain: cl.LoggingContext) -> None:
    """Within one `add_rule` or `replace_rules` a later rule replaces an earlier one too."""
    rules = [cl.ConditionRule(2, A), cl.ConditionRule(3, B), cl.ConditionRule(4, A)]

    plain.add_rule(*rules)
    assert plain.rules == (rules[2], rules[1])
    plain.replace_rules(rules)
    assert plain.rules == (rules[2], rules[1])


def _rule(level: int, conditions: list[cl.Condition]) -> cl.ConditionRule:
    return cl.ConditionRule(level, *conditions)


condition_rules = st.builds(
    _rule,
    st.integers(0, 6),
    st.lists(
        st.sampled_from([A, B, cl.Attribute("a", 1), cl.Attribute("a", 1.0), cl.Attribute("a", True)]), max_size=2
    ),
)
any_rules = st.one_of(condition_rules, st.integers(0, 3).map(_Fixed), st.just(7).map(_Greedy))


def _naive(added: list[Any]) -> list[Any]:
    """Return the rules in the order asked, by the words of the contract."""
    asked: list[Any] = []
    for new in added:
        kept = [old for old in asked if not (hasattr(type(new), "supersedes") and new.supersedes(old))]
        asked = [new, *kept]
    return asked


@given(st.lists(any_rules, max_size=10), st.integers(0, 10))
@settings(max_examples=100, deadline=None)
def test_all_ways_of_adding_give_the_same_order(added: list[Any], cut: int) -> None:
    """One by one, in portions, by `replace_rules` or `add_rules_to`: the order asked is that of the contract."""
    expected = _naive(added)
    contexts: list[cl.LoggingContext] = [cl.LoggingContext(RecordingSink(), sources=()) for _ in range(5)]
    for rule in added:
        contexts[0].add_rule(rule)
    contexts[1].add_rule(*added[:cut])
    contexts[1].add_rule(*added[cut:])
    contexts[2].add_rule(cl.ConditionRule(6, cl.Tag("old")))
    contexts[2].replace_rules(added)
    contexts[3].replace_rules(iter(added))
    contexts[0].add_rules_to(contexts[4])

    assert [list(ctx.rules) for ctx in contexts] == [expected] * 5


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
