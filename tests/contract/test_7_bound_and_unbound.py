"""Section 7 of the contract: what a bound logger keeps, what an unbound one follows, and the V logger."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import otel_ctxlog as cl

from .emitted import attributes, attributes_of, badkey, only, sent
from .records import RecordingSink, use_baggage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .emitted import AnyLogger, Records


@pytest.fixture
def plain(sink: RecordingSink) -> cl.LoggingContext:
    """A context on the recording sink."""
    return cl.LoggingContext(sink)


def _level(logger: AnyLogger) -> int:
    """Return the highest level the logger lets through."""
    return max((level for level in range(1, 20) if logger.enabled(level)), default=0)


# --- bound --------------------------------------------------------------------------------------------------------

BOUND: dict[str, Callable[[cl.LoggingContext], cl.Logger]] = {
    "logger": lambda c: c.logger(),
    "bound": lambda c: c.unbound_logger().bound(),
}
CHANGES: dict[str, Callable[[cl.LoggingContext], object]] = {
    "rule added": lambda c: c.add_rule(cl.ConditionRule(cl.TRACE)),
    "rules reset": lambda c: c.reset_rules(),
    "rules replaced": lambda c: c.replace_rules([cl.ConditionRule(cl.ERROR)], default_level=cl.TRACE),
    "default level": lambda c: setattr(c, "default_level", cl.TRACE),
    "silenced": lambda c: c.add_rule(cl.ConditionRule(cl.NONE)),
    "other target": lambda c: c.set_target(RecordingSink()),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("make", BOUND)
def test_a_bound_logger_whose_rule_matched_keeps_its_level(make: str, change: str, plain: cl.LoggingContext) -> None:
    """Bound: the level is fixed when the logger is made, if a rule matched; no change of rules or levels moves it."""
    plain.add_rule(cl.ConditionRule(cl.DEBUG))
    logger = BOUND[make](plain)
    named, valued, v = logger.with_name("n"), logger.with_values(k=1), logger.v(cl.DEBUG)

    CHANGES[change](plain)

    assert [_level(one) for one in (logger, named, valued)] == [cl.DEBUG] * 3
    assert v.enabled()


def test_a_bound_logger_without_a_rule_follows_the_default_level(plain: cl.LoggingContext) -> None:
    """If no rule matched, a bound logger follows the context's default level, live."""
    plain.add_rule(cl.ConditionRule(cl.TRACE, cl.Tag("other")))
    logger = plain.logger()
    named = logger.with_name("n")

    for level in (cl.DEBUG, cl.NONE, 9, cl.ERROR, cl.INFO):
        plain.default_level = level
        assert _level(logger) == level
        assert _level(named) == level

    plain.default_level = None
    assert _level(logger) == cl.INFO


def test_rules_added_later_are_not_for_a_bound_logger(plain: cl.LoggingContext) -> None:
    """Rules added later are not for a bound logger that no rule matched: the default level stays its own."""
    logger = plain.logger()

    plain.add_rule(cl.ConditionRule(cl.TRACE))
    assert _level(logger) == cl.INFO

    plain.default_level = cl.WARN
    assert _level(logger) == cl.WARN
    assert _level(plain.logger()) == cl.TRACE


def test_a_bound_logger_follows_the_default_level_of_the_base(plain: cl.LoggingContext) -> None:
    """The default level it follows is the context's own if set, else the base's, live."""
    nested = cl.LoggingContext(base=plain)
    logger = nested.logger()

    plain.default_level = cl.DEBUG
    assert _level(logger) == cl.DEBUG
    nested.default_level = cl.WARN
    assert _level(logger) == cl.WARN
    plain.default_level = cl.TRACE
    assert _level(logger) == cl.WARN
    nested.default_level = None
    assert _level(logger) == cl.TRACE


@pytest.mark.parametrize("with_rule", [True, False])
def test_the_sink_of_a_bound_logger_is_live(with_rule: bool, plain: cl.LoggingContext, sink: RecordingSink) -> None:
    """A bound logger's sink is always live, whether a rule matched or not."""
    if with_rule:
        plain.add_rule(cl.ConditionRule(cl.DEBUG))
    logger, v = plain.logger(), plain.v(cl.INFO)
    other = RecordingSink()

    logger.info("before")
    plain.set_target(other)
    logger.info("after")
    v.info("after by v")

    assert sink.bodies == ["before"]
    assert other.bodies == ["after", "after by v"]


def test_the_sink_of_a_bound_logger_of_a_nested_context_is_live(plain: cl.LoggingContext, sink: RecordingSink) -> None:
    """The sink follows the base's target, an own target, and the base's again."""
    nested = cl.LoggingContext(base=plain)
    logger = nested.logger()
    second, third = RecordingSink(), RecordingSink()

    logger.info("1")
    plain.set_target(second)
    logger.info("2")
    nested.set_target(third)
    logger.info("3")
    nested.set_target(None)
    logger.info("4")

    assert (sink.bodies, second.bodies, third.bodies) == (["1"], ["2", "4"], ["3"])


class Shouting:
    """A sink around another that raises its voice."""

    def __init__(self, inner: cl.LogSink) -> None:
        self.inner = inner

    def enabled(self, level: int) -> bool:
        """Return what the inner sink says."""
        return self.inner.enabled(level)

    def emit(self, **record: Any) -> None:
        """Emit it louder."""
        self.inner.emit(**{**record, "body": record["body"].upper()})


class ShoutingRule:
    """An own rule that wraps the sink."""

    def match(self, messages: Sequence[object], sink: cl.LogSink) -> cl.Verdict:
        """Return a verdict with the sink wrapped."""
        return cl.Verdict(cl.DEBUG, Shouting(sink))


def test_a_wrapped_sink_is_live(plain: cl.LoggingContext, sink: RecordingSink) -> None:
    """The sink is live also where the rule that fixed the level wrapped it: the wrapped one follows the target."""
    plain.add_rule(ShoutingRule())
    logger, unbound, other = plain.logger(), plain.unbound_logger(), RecordingSink()

    logger.debug("one")
    plain.set_target(other)
    logger.debug("two")
    unbound.debug("three")

    assert (sink.bodies, other.bodies) == (["ONE"], ["TWO", "THREE"])


# --- unbound ------------------------------------------------------------------------------------------------------


def test_an_unbound_logger_follows_every_change(plain: cl.LoggingContext, sink: RecordingSink) -> None:
    """Unbound: follows every change of rules, levels and targets at its next call."""
    logger = plain.unbound_logger(cl.Tag("t"))
    v = logger.v(cl.DEBUG)

    plain.default_level = cl.DEBUG
    assert _level(logger) == cl.DEBUG
    plain.add_rule(cl.ConditionRule(cl.WARN, cl.Tag("t")))
    assert _level(logger) == cl.WARN
    plain.add_rule(cl.ConditionRule(9))
    assert _level(logger) == 9
    plain.replace_rules([cl.ConditionRule(cl.ERROR)])
    assert _level(logger) == cl.ERROR
    plain.reset_rules()
    assert _level(logger) == cl.DEBUG
    plain.default_level = None
    assert _level(logger) == cl.INFO
    assert not v.enabled() or _level(logger) == cl.INFO
    other = RecordingSink()
    plain.set_target(other)
    logger.info("m")
    assert (sink.bodies, other.bodies) == ([], ["m"])


def test_an_unbound_logger_follows_the_base(plain: cl.LoggingContext) -> None:
    """Changes in a base, and in the base of a base, are followed at the next call too."""
    nested = plain.with_context(cl.Realm("r")).with_context(cl.Tag("t"))
    logger = nested.unbound_logger()

    assert _level(logger) == cl.INFO
    plain.add_rule(cl.ConditionRule(cl.DEBUG, cl.Realm("r")))
    assert _level(logger) == cl.DEBUG
    plain.reset_rules()
    assert _level(logger) == cl.INFO
    plain.default_level = 8
    assert _level(logger) == 8


def test_an_unbound_logger_follows_ambient_attributes(plain: cl.LoggingContext) -> None:
    """Unbound: follows the ambient attributes at its next call."""
    plain.add_rule(cl.ConditionRule(cl.DEBUG, cl.Attribute("k", "v")))
    logger = plain.unbound_logger()

    assert _level(logger) == cl.INFO
    with use_baggage(k="v"):
        assert _level(logger) == cl.DEBUG
    assert _level(logger) == cl.INFO


def test_with_keeps_it_unbound(plain: cl.LoggingContext, sink: RecordingSink) -> None:
    """`with_…` keep an unbound logger unbound, and bound only `bound()` makes it."""
    logger = plain.unbound_logger()
    chain = logger.with_name("a").with_values(k=1).with_name("b")

    assert isinstance(logger, cl.UnboundLogger)
    assert isinstance(chain, cl.UnboundLogger)
    plain.add_rule(cl.ConditionRule(cl.DEBUG))
    chain.debug("m")
    assert only(sink.records)["name"] == "a.b"
    assert sent(sink) == {"k": 1}


def test_bound_gives_a_bound_logger(plain: cl.LoggingContext, sink: RecordingSink) -> None:
    """`bound() -> Logger`: same name, values and messages, its level fixed from now on."""
    plain.add_rule(cl.ConditionRule(cl.DEBUG))
    unbound = plain.unbound_logger(cl.Realm("r"), cl.Attribute("a", 1)).with_name("n").with_values(k=2)
    bound = unbound.bound()
    plain.reset_rules()

    assert isinstance(bound, cl.Logger)
    assert not unbound.enabled(cl.DEBUG)
    bound.debug("m")
    assert sent(sink) == {"realm": "r", "a": 1, "k": 2}
    assert only(sink.records)["name"] == "n"


def test_an_unbound_logger_is_a_message_context_provider(plain: cl.LoggingContext, sink: RecordingSink) -> None:
    """An unbound logger is a message context provider: it brings its whole context, the inherited part included."""
    unbound = plain.with_context(cl.Realm("r")).unbound_logger(cl.Tag("t"), cl.Attribute("a", 1))
    other = cl.LoggingContext(sink)
    other.add_rule(cl.ConditionRule(cl.DEBUG, cl.Tag("t"), cl.Realm("r")))

    other.logger(unbound).debug("m")

    assert sent(sink) == {"realm": "r", "a": 1}
    assert tuple(unbound.message_context) == (cl.Realm("r"), cl.Tag("t"), cl.Attribute("a", 1))


def test_the_docs_recommend_which_logger_for_what() -> None:
    """The docs recommend unbound loggers for module level, bound ones for the span of a request."""
    guide = (Path(__file__).parents[2] / "docs" / "guide.md").read_text(encoding="utf-8").lower()

    assert any("unbound" in block and "module level" in block for block in guide.split("\n\n"))
    assert any("bound" in block and "request" in block for block in guide.split("\n\n"))


# --- the V logger -------------------------------------------------------------------------------------------------


@pytest.fixture
def loud(sink: RecordingSink) -> cl.LoggingContext:
    """A context on the recording sink that lets every level through."""
    context = cl.LoggingContext(sink, sources=())
    context.add_rule(cl.ConditionRule(1000))
    return context


@pytest.mark.parametrize("level", [1, 2, 3, 4, 5, 6, 50])
def test_v_info_is_at_that_level(level: int, loud: cl.LoggingContext, sink: RecordingSink) -> None:
    """`info(msg, *key_values)` logs at the fixed verbosity."""
    loud.v(level).info("m", "a", 1, "b", 2)

    record = only(sink.records)
    assert (record["level"], record["body"]) == (level, "m")
    assert sent(sink) == {"a": 1, "b": 2}


def test_v_info_at_level_0_is_never_emitted(loud: cl.LoggingContext, sink: RecordingSink) -> None:
    """Nothing is ever emitted at level 0, by a V logger neither."""
    loud.v(0).info("m")

    assert sink.records == []


@pytest.mark.parametrize("level", [1, 3, 9])
def test_v_error_is_an_error(level: int, plain: cl.LoggingContext, sink: RecordingSink) -> None:
    """`error(exc, msg, *key_values)` logs as an error, whatever the verbosity of the logger."""
    error = ValueError("v")

    plain.v(level).error(error, "m", "a", 1)
    plain.v(level).error("no exception", "m")  # pyright: ignore[reportArgumentType]

    first, second = sink.records
    assert (first["level"], first["exception"], attributes_of(first)) == (cl.ERROR, error, {"a": 1})
    assert (second["exception"], attributes_of(second)) == (None, {"error": "no exception"})


def test_v_enabled_asks_for_its_level(plain: cl.LoggingContext) -> None:
    """`enabled()` says whether `info` would be emitted."""
    assert [plain.v(level).enabled() for level in range(1, 7)] == [True, True, True, False, False, False]
    assert not plain.v(0).enabled()


def test_v_goes_deeper_by_delta(loud: cl.LoggingContext, sink: RecordingSink) -> None:
    """`v(delta)` is deeper by delta; the logger it was called on stays."""
    v = loud.v(2)
    v.v(0).info("2")
    v.v(1).info("3")
    v.v(1).v(3).info("6")
    v.info("2")

    assert [record["level"] for record in sink.records] == [2, 3, 6, 2]
    assert [str(record["level"]) for record in sink.records] == sink.bodies


def test_a_v_logger_of_an_unbound_logger_follows(plain: cl.LoggingContext) -> None:
    """A V logger of an unbound logger follows the changes as the unbound logger does."""
    v = plain.unbound_logger().v(cl.DEBUG)

    assert not v.enabled()
    plain.add_rule(cl.ConditionRule(cl.DEBUG))
    assert v.enabled()


def test_a_key_value_is_a_plain_value_to_v(loud: cl.LoggingContext, sink: RecordingSink) -> None:
    """`KeyValue` is a plain value to a V logger: never a field of its own."""
    loud.v(3).info("m", "k", cl.KeyValue("a", 1))

    found = sent(sink)
    assert set(found) == {"k"}


def test_a_key_value_in_the_place_of_a_key_is_no_key_to_v(loud: cl.LoggingContext, sink: RecordingSink) -> None:
    """`KeyValue` in the place of a key is no proper key: it goes to `!BADKEY`, nothing is lost."""
    loud.v(3).info("m", cl.KeyValue("a", 17), "b")

    found = sent(sink)
    assert set(found) == {"!BADKEY"}
    assert "17" in badkey(found)[0]
    assert badkey(found)[1] == "b"


def test_ignore_is_a_plain_value_to_v(loud: cl.LoggingContext, sink: RecordingSink) -> None:
    """`IGNORE` is a plain value to a V logger: its key stays, with a value of text."""
    loud.v(3).info("m", "k", cl.IGNORE)

    found = sent(sink)
    assert set(found) == {"k"}
    assert isinstance(found["k"], str)


def test_v_never_raises_for_bad_key_values(loud: cl.LoggingContext, sink: RecordingSink) -> None:
    """What has no proper key goes to `!BADKEY` with a V logger too."""
    loud.v(3).info("m", "a", 1, 5, 6, "odd")

    assert sent(sink) == {"a": 1, "!BADKEY": ["5", "6", "odd"]}


def test_v_keeps_messages_and_ambient_attributes(ctx: cl.LoggingContext, records: Records) -> None:
    """A V logger attaches the message context and the ambient attributes as every logger does."""
    with use_baggage(b="1"):
        ctx.v(cl.INFO, cl.Realm("r"), cl.Attribute("a", 2)).info("m", "c", 3)

    assert attributes(only(records())) == {"b": "1", "realm": "r", "a": 2, "c": 3}
