"""Section 3 of the contract: own conditions that raise, that are cached, and that say what they depend on."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

import otel_ctxlog as cl

from .deciding import decides

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.trace import Tracer

    from .conftest import UseBaggage
    from .records import RecordingSink


class _Raising:
    """A condition that raises."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error or RuntimeError("raised on purpose")

    def matches(self, messages: Sequence[object]) -> bool:
        raise self.error


class _RaisingMatcher:
    def matches_value(self, value: object) -> bool:
        msg = "raised on purpose"
        raise RuntimeError(msg)


class _Mute(_Raising):
    """A condition that raises, also when it is printed."""

    def __repr__(self) -> str:
        msg = "no text"
        raise RuntimeError(msg)

    __str__ = __repr__


class _Poisoned:
    """A value that cannot be compared."""

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        msg = "not comparable"
        raise RuntimeError(msg)


WRAPPERS: list[Callable[[cl.Condition], cl.Condition]] = [
    lambda c: c,
    cl.Not,
    lambda c: cl.Not(cl.Not(c)),
    lambda c: cl.And(c, cl.Tag("t")),
    lambda c: cl.Not(cl.And(c)),
    cl.Or,
    lambda c: cl.Not(cl.Or(c, cl.Tag("no"))),
    lambda c: cl.And(cl.Not(c)),
]


@pytest.mark.parametrize("wrap", WRAPPERS, ids=lambda wrap: repr(wrap(cl.Tag("c"))))
@pytest.mark.parametrize(
    "error", [RuntimeError("x"), RecursionError(), StopIteration(), AttributeError("name")], ids=repr
)
def test_a_rule_whose_condition_raises_does_not_match(
    wrap: Callable[[cl.Condition], cl.Condition], error: BaseException
) -> None:
    """A rule whose condition raises does not match, even under `Not`."""
    assert not decides(wrap(_Raising(error)), cl.Tag("t"))
    assert not decides(wrap(_Raising(error)), cl.Tag("t"), sources=())


@pytest.mark.parametrize("wrap", WRAPPERS, ids=lambda wrap: repr(wrap(cl.Tag("c"))))
def test_a_rule_whose_matcher_raises_does_not_match(
    wrap: Callable[[cl.Condition], cl.Condition], tracer: Tracer, use_baggage: UseBaggage
) -> None:
    """A rule whose condition raises, through its matcher, does not match, even under `Not`."""
    assert not decides(wrap(cl.Attribute("a", _RaisingMatcher())), cl.Tag("t"), cl.Attribute("a", 1))
    with use_baggage(a="1"), tracer.start_as_current_span("s", attributes={"a": 1}):
        assert not decides(wrap(cl.Attribute("a", _RaisingMatcher())), cl.Tag("t"))
        assert not decides(wrap(cl.SpanName(_RaisingMatcher())), cl.Tag("t"))
        assert not decides(wrap(cl.BaggageEntry("a", _RaisingMatcher())), cl.Tag("t"))


def test_a_value_that_cannot_be_compared_is_a_condition_that_raises(plain: cl.LoggingContext) -> None:
    """A rule whose condition raises does not match: also where the values' own comparison raises."""
    plain.add_rule(cl.ConditionRule(7, cl.Not(cl.Attribute("a", 1))))

    assert not plain.logger(cl.Attribute("a", _Poisoned())).enabled(7)
    assert not plain.unbound_logger(cl.Attribute("a", _Poisoned())).enabled(7)
    assert plain.with_context(cl.Attribute("a", _Poisoned())).match(cl.Not(cl.Attribute("a", 1))) is False


@pytest.mark.parametrize("wrap", WRAPPERS, ids=lambda wrap: repr(wrap(cl.Tag("c"))))
def test_match_gives_false_if_the_condition_raises(
    plain: cl.LoggingContext, wrap: Callable[[cl.Condition], cl.Condition]
) -> None:
    """`match()` gives False if the condition raises, even under `Not`."""
    assert plain.with_context(cl.Tag("t")).match(wrap(_Raising())) is False
    assert plain.attribution(cl.Tag("t")).match(wrap(_Raising())) is False


def test_the_other_rules_go_on(plain: cl.LoggingContext, sink: RecordingSink) -> None:
    """A rule that does not match because it raises leaves the decision to the next one."""
    plain.add_rule(cl.ConditionRule(7, cl.Tag("t")), cl.ConditionRule(cl.ERROR, _Raising()))

    for logger in (plain.logger(cl.Tag("t")), plain.unbound_logger(cl.Tag("t"))):
        logger.log(7, "m")

    assert sink.bodies == ["m", "m"]
    assert plain.explain(cl.Tag("t")).level == 7


@pytest.mark.parametrize("kind", [_Raising, _Mute])
def test_a_raising_condition_is_one_diagnostic(
    plain: cl.LoggingContext, diagnostics: list[logging.LogRecord], kind: type[_Raising]
) -> None:
    """A diagnostic: one record at error through the logger `otel_ctxlog`, once per object, never raised."""
    condition = kind()
    plain.add_rule(cl.ConditionRule(7, cl.Not(condition)))

    unbound = plain.unbound_logger()
    for i in range(5):
        assert not unbound.enabled(7)
        assert not plain.logger(cl.Attribute("i", i)).enabled(7)
        assert plain.match(condition) is False
        unbound.info("m")

    assert [(record.name, record.levelno) for record in diagnostics] == [("otel_ctxlog", logging.ERROR)]
    assert diagnostics[0].getMessage()


def test_every_raising_object_has_its_diagnostic(
    plain: cl.LoggingContext, diagnostics: list[logging.LogRecord]
) -> None:
    """Once per object: short-lived conditions have one each, also those that can be neither hashed nor referenced."""

    class Bare:
        __slots__ = ()
        __hash__ = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Bare)

        def matches(self, messages: Sequence[object]) -> bool:
            msg = "raised on purpose"
            raise RuntimeError(msg)

    for kind in (_Raising, Bare):
        diagnostics.clear()
        for _ in range(20):
            condition = kind()
            assert plain.match(condition) is False
            assert plain.match(cl.Not(condition)) is False
        assert len(diagnostics) == 20, kind


def test_an_own_condition_need_not_be_hashable(sink: RecordingSink, use_baggage: UseBaggage) -> None:
    """Own conditions need `matches` only: one that is equal by value and not hashable decides like any other."""

    @dataclass
    class Sees:
        names: list[str]

        def matches(self, messages: Sequence[object]) -> bool:
            return {getattr(m, "name", None) for m in messages} >= set(self.names)

    assert decides(Sees(["t"]), cl.Tag("t"))
    assert not decides(Sees(["u"]), cl.Tag("t"))
    with use_baggage(u="1"):
        assert decides(cl.And(Sees(["u"]), cl.Not(Sees(["v"]))), cl.Tag("t"))


def test_a_raising_own_rule_does_not_match(
    plain: cl.LoggingContext, sink: RecordingSink, diagnostics: list[logging.LogRecord]
) -> None:
    """An own rule that raises does not match either: with one diagnostic, and the next rule decides."""

    class RaisingRule:
        def match(self, messages: Sequence[object], sink: cl.LogSink) -> cl.Verdict | None:
            msg = "raised on purpose"
            raise RuntimeError(msg)

    plain.add_rule(cl.ConditionRule(7), RaisingRule())

    for _ in range(3):
        plain.logger().log(7, "m")
        plain.unbound_logger().log(7, "m")

    assert sink.bodies == ["m"] * 6
    assert len(diagnostics) == 1


def test_a_source_that_raises_is_empty(
    sink: RecordingSink, diagnostics: list[logging.LogRecord], use_baggage: UseBaggage
) -> None:
    """A source that raises is empty, with one diagnostic per type; the other sources go on."""

    class RaisingSource:
        def attributes(self, context: object) -> dict[str, object]:
            msg = "raised on purpose"
            raise RuntimeError(msg)

    class OtherRaisingSource(RaisingSource):
        pass

    ctx = cl.LoggingContext(sink, sources=[RaisingSource(), cl.BaggageSource(), RaisingSource(), OtherRaisingSource()])
    ctx.add_rule(cl.ConditionRule(7, cl.Attribute("a", "v")))
    with use_baggage(a="v"):
        for logger in (ctx.logger(), ctx.unbound_logger(), ctx.unbound_logger()):
            logger.log(7, "m")
            logger.info("m")

    assert [record["attributes"] for record in sink.records] == [{"a": "v"}] * 6
    assert [(record.name, record.levelno) for record in diagnostics] == [("otel_ctxlog", logging.ERROR)] * 2


def test_a_diagnostic_is_never_raised_even_if_logging_fails(plain: cl.LoggingContext) -> None:
    """A diagnostic is never raised: also where the handler of the diagnostics raises."""

    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            msg = "broken handler"
            raise RuntimeError(msg)

    handler = Broken()
    logging.getLogger("otel_ctxlog").addHandler(handler)
    try:
        assert plain.match(_Raising()) is False
        plain.add_rule(cl.ConditionRule(7, _Raising()))
        plain.logger().info("m")
    finally:
        logging.getLogger("otel_ctxlog").removeHandler(handler)


class _Looks:
    """A condition on an ambient attribute `tenant`."""

    def matches(self, messages: Sequence[object]) -> bool:
        return any(getattr(m, "name", None) == "tenant" and getattr(m, "value", None) == "acme" for m in messages)


class _LooksAtTenant(_Looks):
    """The same, and says so."""

    depends_on = frozenset({"tenant"})


@pytest.mark.parametrize("condition", [_Looks(), _LooksAtTenant()], ids=["default", "depends_on"])
@pytest.mark.parametrize("wrap", WRAPPERS[:4:3], ids=["bare", "in And"])
def test_an_own_condition_follows_the_ambient_attributes_it_depends_on(
    sink: RecordingSink,
    use_baggage: UseBaggage,
    tracer: Tracer,
    condition: cl.Condition,
    wrap: Callable[[cl.Condition], cl.Condition],
) -> None:
    """`depends_on` names the ambient attributes a condition looks at (default: all): a change of them is seen."""
    ctx = cl.LoggingContext(sink)
    ctx.add_rule(cl.ConditionRule(7, wrap(condition)))
    unbound = ctx.unbound_logger(cl.Tag("t"))

    assert not unbound.enabled(7)
    for _ in range(2):
        with use_baggage(tenant="acme"):
            assert unbound.enabled(7)
            assert ctx.logger(cl.Tag("t")).enabled(7)
            with use_baggage(tenant="umbrella"):
                assert not unbound.enabled(7)
        with tracer.start_as_current_span("s") as span:
            assert not unbound.enabled(7)
            span.set_attribute("other", 1)
            assert not unbound.enabled(7)
            span.set_attribute("tenant", "acme")
            assert unbound.enabled(7)
            span.set_attribute("tenant", "umbrella")
            assert not unbound.enabled(7)
        assert not unbound.enabled(7)


def test_a_condition_that_depends_on_nothing_ambient_still_sees_messages(
    sink: RecordingSink, use_baggage: UseBaggage
) -> None:
    """`depends_on` is about ambient attributes: explicit messages are seen in any case."""

    class Static:
        depends_on: frozenset[str] = frozenset()

        def matches(self, messages: Sequence[object]) -> bool:
            return cl.Tag("t") in messages

    ctx = cl.LoggingContext(sink)
    ctx.add_rule(cl.ConditionRule(7, Static()))

    with use_baggage(a="v"):
        assert ctx.unbound_logger(cl.Tag("t")).enabled(7)
        assert not ctx.unbound_logger().enabled(7)
        assert ctx.logger(cl.Tag("t")).enabled(7)
