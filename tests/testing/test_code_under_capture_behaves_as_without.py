"""The code under test does not notice that it is captured, and nothing is left of it afterwards."""

from __future__ import annotations

import gc
import inspect
import itertools
import logging
import weakref
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

import otel_ctxlog as cl
from otel_ctxlog.testing import capture

from .kept import Kept

log = cl.log(cl.Realm("shop/cart"))


class Secret:
    """A value that must not be looked at."""

    def __repr__(self) -> str:
        raise AssertionError("looked at")

    __str__ = __repr__


def test_enabled_is_what_it_was(context: cl.LoggingContext) -> None:
    """`enabled` of every kind of logger answers by the rules, not by the capture."""
    context.add_rule(cl.ConditionRule(cl.TRACE, cl.Realm("loud")), cl.ConditionRule(cl.NONE, cl.Realm("off")))
    realms = (cl.Realm("loud"), cl.Realm("off"), cl.Realm("else"))

    def answers() -> list[bool]:
        loggers = [make(realm) for realm in realms for make in (context.logger, context.unbound_logger)]
        return [logger.enabled(level) for logger in loggers for level in range(8)]

    before = answers()
    with capture(context):
        within = answers()

    assert within == before == answers()
    assert True in before
    assert False in before


def test_a_suppressed_call_looks_at_nothing(context: cl.LoggingContext) -> None:
    """A `Lazy` is not called and no value converted, not even for the failure message."""
    calls: list[int] = []
    lazy = cl.Lazy(lambda: calls.append(1))

    with capture(context) as captured:
        context.logger().debug("bound", "secret", Secret(), {"more": lazy}, lazy=lazy)
        context.unbound_logger().with_values(lazy=lazy).debug(Secret(), cl.KeyValue("lazy", lazy))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        with capture(context) as inner:
            inner.with_rules(cl.ConditionRule(cl.NONE, cl.Attribute("eventType", "off")))
            context.eventer().event("off", lazy=lazy)
        with pytest.raises(AssertionError) as failure:
            captured.assert_logged()

    assert calls == []
    assert "secret=<Secret>" in str(failure.value)
    assert "lazy=<not called>" in str(failure.value)


def test_a_logged_call_asks_a_lazy_once() -> None:
    """A `Lazy` of a captured record is called once, however many captures there are."""
    calls = itertools.count(7)

    with capture() as outer, capture() as inner:
        log.info("now", lazy=cl.Lazy(lambda: next(calls)))

    assert next(calls) == 8
    assert outer.one().attributes["lazy"] == inner.one().attributes["lazy"] == 7


def test_rules_see_the_resource_of_the_real_target() -> None:
    """A rule that asks for a resource attribute decides as it does without the capture."""
    context = cl.LoggingContext(LoggerProvider(resource=Resource({"service.name": "shop"})))
    context.add_rule(cl.ConditionRule(cl.DEBUG, cl.ResourceAttribute("service.name", "shop")))
    logger = context.unbound_logger()

    with capture(context) as captured:
        enabled = logger.enabled(cl.DEBUG)
        logger.debug("by resource")

    assert enabled
    assert captured.one("by resource").level == cl.DEBUG


def test_a_target_that_is_set_meanwhile_is_captured_too(context: cl.LoggingContext, kept: Kept) -> None:
    """Code that configures its logging while it is tested does not escape; afterwards the old target is back."""
    other = Kept()

    with capture(context) as captured:
        context.set_target(other, level_offset=1)
        context.logger().info("configured")
    context.logger().info("after")

    assert [(record.body, record.level) for record in captured.records] == [("configured", cl.DEBUG)]
    assert other.records == []
    assert [(record["body"], record["level"]) for record in kept.records] == [("after", cl.INFO)]


def test_another_default_context_is_captured_too(kept: Kept) -> None:
    """A default context that is set meanwhile is captured, by `cl.log` and by itself; then the old one is back."""
    default = cl.default_context()
    other = cl.LoggingContext(kept)
    other.default_level = cl.DEBUG

    with capture() as captured:
        before = cl.set_default_context(other)
        log.debug("through the default")
        other.logger().info("directly")
        before.logger().info("the one before")
    log.debug("not logged")
    other.logger().info("real")

    assert [record.body for record in captured.records] == ["through the default", "directly", "the one before"]
    assert cl.set_default_context(before) is before
    assert default.default_level == cl.INFO
    assert [record["body"] for record in kept.records] == ["real"]


def test_setup_in_a_test_is_captured() -> None:
    """A service that starts its pipeline within the test logs into the capture, not into its exporter."""
    with capture() as captured, cl.setup(exporter="memory", set_global=False) as telemetry:
        telemetry.logging.logger(cl.Realm("own")).info("started")
        captured.capture(telemetry.logging)
        telemetry.logging.logger(cl.Realm("own")).info("captured")
        memory = [data.log_record.body for data in telemetry.memory.finished_logs()]

    assert memory == ["started"]
    assert [record.body for record in captured.records] == ["captured"]


def test_rules_level_and_target_are_put_back_exactly(context: cl.LoggingContext, kept: Kept) -> None:
    """Whatever the test changed, order of rules included, is as before; what is inherited is inherited again."""
    base = cl.LoggingContext()
    nested = cl.LoggingContext(base=base)
    rules = [cl.ConditionRule(level, cl.Tag(f"t{level}")) for level in (1, 2, 3)]
    context.add_rule(*rules)
    context.default_level = cl.WARN
    asked = context.rules

    with capture(context) as captured:
        captured.capture(nested)
        # It supersedes the first, and is asked first.
        context.add_rule(cl.ConditionRule(9, cl.Tag("t1")))
        context.reset_rules()
        context.default_level = 9
        nested.default_level = 8
        base.default_level = 7
        nested.set_target(kept)
    base.default_level = cl.ERROR
    context.logger().warn("to the real target")

    assert context.rules == asked
    assert (context.default_level, nested.default_level) == (cl.WARN, cl.ERROR)
    assert len(kept.records) == 1


def test_a_capture_changes_no_generation(context: cl.LoggingContext) -> None:
    """A context that nobody changes has the same generation all the time."""
    before = context.generation

    with capture(context):
        within = context.generation

    assert (within, context.generation) == (before, before)


def test_nothing_is_kept_alive() -> None:
    """A context that was captured, its target and its loggers go when nobody holds them any more."""
    context = cl.LoggingContext(Kept())
    with capture(context) as captured:
        context.unbound_logger().info("one")
        context.logger().debug("two")
    captured.clear()
    ref = weakref.ref(context)
    del context, captured
    gc.collect()

    assert ref() is None


def test_spans_are_not_kept_alive() -> None:
    """Neither record nor suppressed call holds the span that it was made in."""
    tracer = TracerProvider().get_tracer("test")

    with capture() as captured:
        span = tracer.start_span("short", attributes={"n": 1})
        with trace.use_span(span):
            log.info("on")
            log.debug("off")
        ref = weakref.ref(span)
        del span
        gc.collect()

    assert ref() is None
    assert captured.records[0].attributes["n"] == 1


def test_a_rule_that_redirects_still_does(context: cl.LoggingContext) -> None:
    """What a rule sends to another sink arrives there, and the capture says so."""
    elsewhere = Kept()

    class Redirect:
        def match(self, messages: object, sink: cl.LogSink) -> cl.Verdict | None:
            return cl.Verdict(cl.DEBUG, elsewhere)

        def __repr__(self) -> str:
            return "Redirect()"

    context.add_rule(Redirect())

    with capture(context) as captured:
        context.unbound_logger().debug("away")
        context.logger().debug("away")

    assert [record["body"] for record in elsewhere.records] == ["away", "away"]
    assert "the rules let it through, but rule Redirect() sent its record to <" in captured.suppressed[0].reason
    assert "the rules let it through, but its record went to another sink" in captured.suppressed[1].reason


def test_a_rule_that_wraps_the_sink_is_captured(context: cl.LoggingContext) -> None:
    """A sink around the context's own leads into the capture."""

    class Marking:
        def __init__(self, inner: cl.LogSink) -> None:
            self.inner = inner

        def enabled(self, level: int) -> bool:
            return self.inner.enabled(level)

        def emit(self, **record: Any) -> None:
            attributes = {**record.pop("attributes"), "marked": True}
            self.inner.emit(attributes=attributes, **record)

    class Wrap:
        def match(self, messages: object, sink: cl.LogSink) -> cl.Verdict | None:
            return cl.Verdict(cl.DEBUG, Marking(sink))

    context.add_rule(Wrap())

    with capture(context) as captured:
        context.unbound_logger().debug("marked")

    assert captured.one("marked").attributes["marked"] is True
    assert captured.suppressed == []


def test_the_methods_look_the_same(context: cl.LoggingContext) -> None:
    """Name, signature and errors for wrong arguments are those of the original methods."""
    logger = context.logger()
    before = inspect.signature(logger.info)

    with capture(context) as captured:
        assert inspect.signature(logger.info) == before
        assert logger.info.__name__ == "info"
        with pytest.raises(TypeError, match="missing 1 required positional argument: 'msg'"):
            logger.info()  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
        logger.info("own keys", msg=1, level=2, self=3, type=4)
        logger.debug("own keys", msg=1, level=2, self=3, type=4)

    assert captured.one().attributes == {"msg": 1, "level": 2, "self": 3, "type": 4}
    assert captured.suppressed[0].attributes == captured.one().attributes


def test_the_current_exception_is_found(context: cl.LoggingContext) -> None:
    """`exception()` has the exception that is being handled, although the method is watched."""
    known = KeyError("gone")

    def fails() -> None:
        raise known

    with capture(context) as captured:
        try:
            fails()
        except KeyError:
            context.logger().exception("lost")

    assert captured.one("lost", exception=KeyError).exception is known


def test_broken_sources_and_conditions_stay_harmless(
    context: cl.LoggingContext, caplog: pytest.LogCaptureFixture
) -> None:
    """What raises while a call is decided or explained reaches neither the code nor the test."""

    class Broken:
        def matches(self, messages: object) -> bool:
            raise ValueError("no")

        def attributes(self, context: object) -> dict[str, object]:
            raise ValueError("no")

    broken = Broken()
    own = cl.LoggingContext(base=context, sources=[broken])
    own.add_rule(cl.ConditionRule(cl.DEBUG, broken))

    with capture(own) as captured, caplog.at_level(logging.CRITICAL, "otel_ctxlog"):
        own.unbound_logger().debug("x")
        own.unbound_logger().info("y")

    assert captured.one("y").level == cl.INFO
    assert "raised ValueError: no" in captured.suppressed[0].reason


def test_what_we_ask_leaves_no_records(context: cl.LoggingContext) -> None:
    """A source and a condition that log are asked once more for the explanation; that is not in the capture."""
    log = context.logger()

    class Chatty:
        def attributes(self, context: object) -> dict[str, object]:
            log.info("source")
            log.debug("source")
            return {}

        def matches(self, messages: object) -> bool:
            log.info("condition")
            return False

    own = cl.LoggingContext(base=context, sources=[Chatty()])
    own.add_rule(cl.ConditionRule(cl.TRACE, Chatty()))
    own.unbound_logger().debug("x")

    with capture(own) as captured, capture(context) as inner:
        own.unbound_logger().debug("x")
        counts = [len(inner.find(text)) for text in ("source", "condition")]
        assert captured.suppressed[-1].explanation is not None

    assert counts == [1, 1]
    assert [len(inner.find(text)) for text in ("source", "condition")] == [1, 1]
    assert [call.message for call in captured.suppressed] == ["x"]


def test_a_capture_in_use_and_one_that_is_over_say_so(context: cl.LoggingContext) -> None:
    """Starting twice, and using what needs a running capture afterwards, are clear errors."""
    captured = capture(context)

    with pytest.raises(RuntimeError, match="not on: use it in a with statement"):
        captured.with_rules(default_level="debug")
    with captured, pytest.raises(RuntimeError, match="on already"), captured:
        pass
    with captured:
        context.logger().info("again")
    assert len(captured.records) == 1
    with pytest.raises(TypeError, match="needs a LoggingContext or None, but got int 7"):
        capture(7)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
