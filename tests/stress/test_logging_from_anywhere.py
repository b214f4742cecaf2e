"""Finalizers, sinks, sources, rules and signal handlers that log or change rules themselves; the end of the process."""

from __future__ import annotations

import gc
import itertools
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace

import otel_ctxlog as cl

from .running import CountingSink, NullSink, at_the_same_time, current_baggage, program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from opentelemetry.context import Context

# These tests take the signal that pytest-timeout waits for by default, and a late one would be taken for its own.
pytestmark = pytest.mark.timeout(120, method="thread")


def test_finalizers_that_log_and_change_rules_meet_no_deadlock() -> None:
    """The garbage collector may run a finalizer anywhere; one that logs, nests and changes rules does no harm."""
    sink = CountingSink()
    ctx = cl.LoggingContext(sink)
    numbers = itertools.count()

    class Garbage:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            number = next(numbers)
            ctx.unbound_logger(cl.Realm(f"r{number % 50}")).info("finalizer")
            ctx.with_context(cl.Tag("t")).default_level = number % 6
            ctx.add_rule(cl.ConditionRule(number % 6, cl.Tag(f"{number % 20}")))

    def work() -> None:
        for number in range(400):
            Garbage()
            ctx.replace_rules([cl.ConditionRule(4, cl.Tag(f"{number}"))])
            ctx.unbound_logger(cl.Tag("x")).info("m")
            ctx.with_context(cl.Tag("y")).logger().info("m")

    before = gc.get_threshold()
    gc.set_threshold(20, 1, 1)
    try:
        at_the_same_time(work, work, work)
    finally:
        gc.set_threshold(*before)

    gc.collect()
    assert next(numbers) >= 1200


@pytest.fixture
def alarm() -> Iterator[Callable[[Callable[[], object]], None]]:
    """Return what has a function called by a signal, a thousand times a second, until the test ends."""
    if not hasattr(signal, "setitimer"):
        pytest.skip("there are no timer signals")
    going = True

    def start(function: Callable[[], object]) -> None:
        def handler(*_args: object) -> None:
            function()
            if going:
                signal.setitimer(signal.ITIMER_REAL, 0.0005)

        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.0005)

    before = signal.getsignal(signal.SIGALRM)
    yield start
    going = False
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_a_signal_handler_may_change_levels_while_threads_change_rules(tmp_path: Path) -> None:
    """A level set by a signal, the usual way to turn on debugging, cannot lock up with a change in another thread."""
    out, _ = program(
        """
        import itertools, signal, threading, time
        faulthandler.dump_traceback_later(20, exit=True)
        import otel_ctxlog as cl
        class Sink:
            def enabled(self, level): return True
            def emit(self, **record): pass
        ctx = cl.LoggingContext(Sink())
        numbers, over = itertools.count(), False
        def handler(*_):
            ctx.default_level = next(numbers) % 6
            ctx.unbound_logger(cl.Tag("handler")).error("m")
            if not over: signal.setitimer(signal.ITIMER_REAL, 0.0005)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.0005)
        def change():
            while not over: ctx.replace_rules([cl.ConditionRule(4, cl.Tag("x"))])
        thread = threading.Thread(target=change, daemon=True)
        thread.start()
        end = time.monotonic() + 5
        while time.monotonic() < end:
            ctx.unbound_logger().info("m")
            ctx.with_context(cl.Tag("x")).logger().info("m")
        over = True
        signal.setitimer(signal.ITIMER_REAL, 0)  # at the end of the interpreter it would kill
        thread.join(10)
        print(next(numbers) > 100, thread.is_alive())
        """,
        tmp_path,
    )

    assert out.split() == ["True", "False"]


def test_a_signal_handler_may_log_in_the_middle_of_logging(alarm: Callable[[Callable[[], object]], None]) -> None:
    """A handler that logs through the logger it interrupted comes through, and so does the logger."""
    sink = CountingSink()
    ctx = cl.LoggingContext(sink)
    ctx.add_rule(cl.ConditionRule(4, cl.BaggageEntry("tenant", "t")))
    logger = ctx.unbound_logger()
    handled = itertools.count()

    def handler() -> None:
        next(handled)
        logger.info("handler")
        ctx.logger(cl.Tag("new")).error("handler")

    alarm(handler)
    end = time.monotonic() + 1
    with current_baggage(tenant="t"):
        while time.monotonic() < end:
            logger.debug("m")
            ctx.unbound_logger(cl.Tag("t")).debug("m")

    assert next(handled) > 50
    assert sink.count > 0


def test_a_lock_of_the_scopes_is_no_trap_for_what_logs_inside_it(tmp_path: Path) -> None:
    """What interrupts the making of a context (here: a provider's own hash) may log into a new scope."""
    out, _ = program(
        """
        faulthandler.dump_traceback_later(10, exit=True)
        import otel_ctxlog as cl
        class Logger:
            def emit(self, *args, **more): pass
            def enabled(self, **more): return True
        class Provider:
            def __hash__(self):
                if armed:
                    armed.clear()
                    logger.info("from inside")
                return id(self)
            def __eq__(self, other): return self is other
            def get_logger(self, *args, **more): return Logger()
        armed = []
        logger = cl.LoggingContext(Provider()).unbound_logger(cl.Realm("new"))
        armed.append(1)
        cl.LoggingContext(Provider())
        print("through")
        """,
        tmp_path,
    )

    assert out == "through\n"


def test_a_sink_that_logs_through_itself_costs_neither_the_record_nor_the_process() -> None:
    """A sink that logs again, without end, ends; the caller notices nothing."""
    seen: list[str] = []

    class Recursive(NullSink):
        def emit(self, **record: object) -> None:
            seen.append(str(record["body"]))
            logger.info("again")

    logger = cl.LoggingContext(Recursive(), sources=()).unbound_logger()

    logger.info("first")

    assert seen[0] == "first"


def test_what_a_source_logs_leaves_no_wrong_decision_behind() -> None:
    """A source that logs is asked once more for nothing; no logger remembers what was decided without it."""

    class Talking:
        def attributes(self, context: Context, /) -> Mapping[str, object]:
            inner.debug("asked")
            return {"loud": True}

    ctx = cl.LoggingContext(NullSink(), sources=(Talking(),))
    ctx.add_rule(cl.ConditionRule(7, cl.Attribute("loud", True)))
    inner, outer = ctx.unbound_logger(), ctx.unbound_logger()
    token = otel_context.attach(otel_context.set_value("new", "context"))
    try:
        assert outer.enabled(7)
        assert inner.enabled(7)
        assert ctx.unbound_logger().enabled(7)
    finally:
        otel_context.detach(token)


class Using:
    """A rule whose `supersedes` does something."""

    def __init__(self, action: Callable[[], object]) -> None:
        self.action = action

    def match(self, messages: Sequence[object], sink: cl.LogSink, /) -> cl.Verdict | None:
        return None

    def supersedes(self, other: object, /) -> bool:
        self.action()
        return False


def test_a_rule_that_uses_contexts_while_it_is_added() -> None:
    """`supersedes` may log, ask and change contexts, from several threads, without deadlock or loss."""
    ctx, other = (cl.LoggingContext(NullSink(), sources=()) for _ in range(2))

    def use() -> None:
        ctx.unbound_logger().info("m")
        ctx.explain(cl.Tag("t"))
        other.add_rule(cl.ConditionRule(4, cl.Tag("t")))
        other.default_level = 4

    def add() -> None:
        for number in range(20):
            ctx.add_rule(cl.ConditionRule(number % 5, cl.Tag("x")), Using(use))
            other.add_rule(Using(lambda: ctx.logger().info("m")))

    at_the_same_time(add, add, add)

    assert len([rule for rule in ctx.rules if isinstance(rule, Using)]) == 60
    assert len([rule for rule in other.rules if isinstance(rule, Using)]) == 60


def test_an_interrupted_change_is_no_change() -> None:
    """Ctrl-C in the middle of `add_rule` leaves the rules as they were, for later changes too."""
    ctx = cl.LoggingContext(NullSink(), sources=())

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ctx.add_rule(cl.ConditionRule(7, cl.Tag("half")), Using(interrupt))
    ctx.add_rule(cl.ConditionRule(4, cl.Tag("whole")))

    assert ctx.rules == (cl.ConditionRule(4, cl.Tag("whole")),)


class OddSpan(trace.NonRecordingSpan):
    """A span of another implementation whose attributes are anything."""

    def __init__(self, attributes: Callable[[], object]) -> None:
        super().__init__(trace.INVALID_SPAN_CONTEXT)
        self._found = attributes

    @property
    def attributes(self) -> object:
        return self._found()


class OddContextSpan(trace.NonRecordingSpan):
    """A span of another implementation that fails when it is asked for its context."""

    def get_span_context(self) -> trace.SpanContext:
        raise RuntimeError("no context")


def _fail() -> object:
    raise RuntimeError("no attributes")


@pytest.mark.parametrize(
    "condition",
    [cl.Attribute("a", 1), cl.SpanAttribute("a", 1), cl.SpanName("n"), cl.Sampled()],
    ids=lambda condition: type(condition).__name__,
)
@pytest.mark.parametrize(
    "span",
    [OddSpan(_fail), OddSpan(lambda: 5), OddSpan(lambda: [1, 2]), OddContextSpan(trace.INVALID_SPAN_CONTEXT)],
    ids=["raises", "number", "list", "no context"],
)
def test_a_span_of_another_implementation_breaks_no_logging_call(span: trace.Span, condition: cl.Condition) -> None:
    """Whatever a current span does when it is asked, logging raises nothing and loses no record."""
    sink = CountingSink()
    ctx = cl.LoggingContext(sink)
    ctx.add_rule(cl.ConditionRule(7, cl.Tag("t"), condition))
    with trace.use_span(span):
        for logger in (ctx.logger(cl.Tag("t")), ctx.unbound_logger(cl.Tag("t"))):
            for _ in range(2):
                logger.info("m")
                assert not logger.enabled(7)
        assert ctx.explain(cl.Tag("t")).level == 3

    assert sink.count == 4


def test_a_rule_nested_without_end_costs_no_other_rule() -> None:
    """Conditions too deep to be asked count as not matching; every other rule and every call goes on."""
    deep: cl.Condition = cl.Tag("t")
    for _ in range(5000):
        deep = cl.Not(deep)
    ctx = cl.LoggingContext(NullSink(), sources=())
    ctx.add_rule(cl.ConditionRule(4, cl.Tag("t")), cl.ConditionRule(7, deep))

    assert ctx.unbound_logger(cl.Tag("t")).enabled(4)
    assert not ctx.logger(cl.Tag("t")).enabled(5)
    assert ctx.explain(cl.Tag("t")).level == 4
    assert ctx.logger_for(cl.Tag("t")).enabled(4)


def test_contexts_nested_thousands_deep_log() -> None:
    """A context nested in the one before, thousands of times, still makes loggers that log."""
    sink = CountingSink()
    ctx = cl.LoggingContext(sink, sources=())
    for _ in range(3000):
        ctx = ctx.with_context()

    ctx.logger().info("m")
    ctx.unbound_logger().info("m")
    ctx.default_level = 4

    assert ctx.unbound_logger().enabled(4)
    assert ctx.generation > 0
    assert sink.count == 2


def test_logging_at_the_very_end_of_a_process(tmp_path: Path) -> None:
    """At-exit handlers, finalizers at exit and daemon threads log to the last moment, and nobody hears of it."""
    out, err = program(
        """
        import atexit, threading, time
        import otel_ctxlog as cl
        from opentelemetry.sdk._logs import LoggerProvider
        class Sink:
            def enabled(self, level): return True
            def emit(self, **record): pass
        ctx = cl.LoggingContext(Sink())
        ctx.add_rule(cl.ConditionRule(4, cl.BaggageEntry("a", "b")), cl.ConditionRule(5, cl.SpanAttribute("a", 1)))
        real = cl.LoggingContext(LoggerProvider())
        logger, later = ctx.unbound_logger(), real.unbound_logger()
        class AtExit:
            def __del__(self):
                for each in (logger, later):
                    each.debug("m")
                    each.info("m", a=1)
                ctx.default_level = 4
                ctx.with_context(cl.Tag("t")).logger().info("m")
                real.logger(cl.Realm("new")).info("m")
                ctx.eventer().event("type", a=1)
        kept, cycle = AtExit(), AtExit()
        cycle.itself = cycle
        atexit.register(AtExit().__del__)
        def daemon():
            number = 0
            while True:
                number += 1
                logger.info("m")
                later.info("m")
                ctx.replace_rules([cl.ConditionRule(4, cl.Tag("t"))])
                ctx.logger(cl.Tag(f"{number % 10}")).info("m")
        for _ in range(3): threading.Thread(target=daemon, daemon=True).start()
        time.sleep(0.3)
        print("end")
        """,
        tmp_path,
    )

    assert (out, err) == ("end\n", "")


def test_threads_that_log_through_the_default_context_while_it_changes() -> None:
    """`cl.log()` obeys whichever context is the default now; exchanging it under load raises nothing."""
    contexts = [cl.LoggingContext(NullSink()) for _ in range(2)]
    for level, ctx in zip((2, 6), contexts, strict=True):
        ctx.default_level = level
    before = cl.set_default_context(contexts[0])
    logger = cl.log(cl.Tag("t"))
    over = threading.Event()

    def use() -> None:
        while not over.is_set():
            assert logger.enabled(2)
            assert not logger.enabled(7)
            logger.info("m")

    def exchange() -> None:
        try:
            for number in range(500):
                cl.set_default_context(contexts[number % 2])
                assert logger.enabled(6) == bool(number % 2)
        finally:
            over.set()

    try:
        at_the_same_time(exchange, use, use)
    finally:
        cl.set_default_context(before)
