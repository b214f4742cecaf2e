"""Rules end while others change rules, in crowds, and in forked children; no call waits, none goes by what is over."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

import otel_ctxlog as cl
from otel_ctxlog.engine.protocols import LogSink, Rule, Verdict
from otel_ctxlog.loggers.context import core_of
from otel_ctxlog.loggers.expiry import Expiry
from otel_ctxlog.testing import capture

REALM = cl.Realm("shop")


class Sink:
    """Keeps the bodies and event names of what it gets."""

    def __init__(self) -> None:
        self.bodies: list[object] = []

    def enabled(self, level: int) -> bool:
        return True

    def emit(self, **record: object) -> None:
        self.bodies.append(record["event_name"] or record["body"])


class Slow:
    """A rule that takes its time to say what it supersedes."""

    def __init__(self, release: threading.Event, entered: threading.Event) -> None:
        self.release = release
        self.entered = entered

    def match(self, messages: object, sink: LogSink, /) -> Verdict | None:
        return None

    def supersedes(self, other: Rule, /) -> bool:
        self.entered.set()
        self.release.wait(10)
        return False


@pytest.fixture
def ctx() -> Iterator[cl.LoggingContext]:
    made = cl.LoggingContext(Sink())
    yield made
    made.reset_rules()


def _timed(seconds: float, level: int = cl.DEBUG) -> cl.ControlledRule:
    return cl.ControlledRule(cl.ConditionRule(level, REALM), expires=seconds)


def _bodies(ctx: cl.LoggingContext) -> list[object]:
    sink = core_of(ctx).effective().route.target
    assert isinstance(sink, Sink)
    return [body for body in sink.bodies if body != "otel_ctxlog.ruleExpired"]


def test_calls_go_on_while_somebody_changes_rules(ctx: cl.LoggingContext) -> None:
    """A rule whose time is over while another thread adds rules decides no more, and its calls do not wait for that."""
    release, entered = threading.Event(), threading.Event()
    ctx.add_rule(cl.ConditionRule(cl.DEBUG, REALM))
    ctx.add_rule(_timed(1.0, cl.TRACE))
    unbound, bound, std = ctx.unbound_logger(REALM), ctx.logger(REALM), ctx.std_logger(REALM)
    alone = ctx.logger_for(REALM)
    eventer = cl.OTelEventer(ctx, messages=(REALM,), level=cl.DEBUG)
    adder = threading.Thread(target=lambda: ctx.add_rule(Slow(release, entered)), daemon=True)
    adder.start()
    assert entered.wait(5)
    time.sleep(1.05)
    began = time.monotonic()
    levels = [unbound.enabled(cl.TRACE), unbound.enabled(cl.DEBUG), bound.enabled(cl.DEBUG), alone.enabled(cl.DEBUG)]
    for name, logger in (("unbound", unbound), ("bound", bound), ("alone", alone)):
        for level in (cl.TRACE, cl.DEBUG):
            text = f"{name} {level}"
            logger.log(level, text)
    std.debug("std debug")
    eventer.event("event")
    new = ctx.logger(REALM)
    taken = time.monotonic() - began
    explained = ctx.explain(REALM).level
    release.set()
    adder.join(5)

    # Those that stay go by the rule behind it; those that it was fixed for, by none.
    assert levels == [False, True, False, False]
    assert _bodies(ctx) == ["unbound 4", "std debug", "event"]
    assert (new.enabled(cl.TRACE), new.enabled(cl.DEBUG), explained) == (False, True, cl.DEBUG)
    assert taken < 4


def test_a_crowd_ends_at_once(ctx: cl.LoggingContext) -> None:
    """Thousands of rules with one end are one change, however long each would take."""
    before = ctx.generation
    rules = [
        cl.ControlledRule(cl.ConditionRule(cl.DEBUG, cl.BaggageEntry("tenant", str(number))), expires=1.0)
        for number in range(3_000)
    ]
    ctx.apply(rules=rules)
    began = time.monotonic()
    while ctx.rules and time.monotonic() - began < 10:
        time.sleep(0.01)
    while len(ctx.audit_trail()) < 1000 and time.monotonic() - began < 10:
        time.sleep(0.01)

    assert time.monotonic() - began < 9
    assert ctx.generation - before < 100
    assert len(ctx.audit_trail()) == 1000


def test_a_capture_brings_no_ended_rule_back(ctx: cl.LoggingContext) -> None:
    """What has ended while a test captured stays ended, though the rules are put back."""
    ctx.add_rule(_timed(0.05), cl.ConditionRule(cl.WARN, cl.Realm("other")))
    with capture(ctx) as log:
        log.with_rules(cl.ConditionRule(cl.TRACE, cl.Tag("t")))
        began = time.monotonic()
        while len(ctx.rules) > 2 and time.monotonic() - began < 5:
            time.sleep(0.005)
    ctx.unbound_logger(REALM).debug("late")

    assert ctx.rules == (cl.ConditionRule(cl.WARN, cl.Realm("other")),)
    assert _bodies(ctx) == []


def test_a_logger_that_comes_late_is_not_left_behind(ctx: cl.LoggingContext) -> None:
    """A bound logger that is made just while its rule is removed follows the default level as well."""
    ctx.add_rule(_timed(3600))
    core = core_of(ctx)
    (held,) = core.state.held
    ctx.reset_rules()
    ended: list[int] = []

    class Bounded:
        def end(self) -> None:
            ended.append(1)

    held.bind(Bounded())

    assert ended == [1]


def test_a_rule_that_ends_hides_what_outlives_it(ctx: cl.LoggingContext) -> None:
    """A temporary rule with the conditions of a lasting one is asked before it, and afterwards that is as before."""
    lasting = cl.ConditionRule(cl.WARN, REALM)
    ctx.add_rule(lasting)
    ctx.add_rule(_timed(3600))
    ctx.add_rule(_timed(0.05, cl.TRACE))
    levels = [ctx.explain(REALM).level]
    began = time.monotonic()
    while len(ctx.rules) > 2 and time.monotonic() - began < 5:
        time.sleep(0.005)
    levels.append(ctx.explain(REALM).level)
    ctx.add_rule(_timed(7200, cl.INFO))
    assert len(ctx.rules) == 2
    ctx.remove_rule(ctx.statistics().rules[0].id)
    levels.append(ctx.explain(REALM).level)
    ctx.add_rule(cl.ConditionRule(cl.ERROR, REALM))

    assert levels == [cl.TRACE, cl.DEBUG, cl.WARN]
    assert list(ctx.rules) == [cl.ConditionRule(cl.ERROR, REALM)]


def test_what_raises_stops_no_other_end() -> None:
    """The thread goes on whatever an owner raises, and tries no rule without end."""
    expiry = Expiry()
    held = [core_of(_holding(seconds)).state.held[0] for seconds in (0.01, 0.1)]

    class Owner:
        def __init__(self) -> None:
            self.calls = 0

        def expire(self, ended: object) -> None:
            self.calls += 1
            raise SystemExit

    owner = Owner()
    expiry.watch(owner, held)
    until = time.monotonic() + 5
    while owner.calls < 2 and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.2)

    assert owner.calls == 2


def _holding(seconds: float) -> cl.LoggingContext:
    ctx = cl.LoggingContext(Sink())
    ctx.add_rule(cl.ControlledRule(cl.ConditionRule(cl.DEBUG, REALM), expires=seconds))
    return ctx


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_forked_while_a_rule_was_ending_ends_it_too(ctx: cl.LoggingContext) -> None:
    """The thread of the parent was between noting the end and taking the rule out: the child does it again."""
    ctx.add_rule(cl.ControlledRule(cl.ConditionRule(cl.ERROR, REALM), expires=0.3))
    (held,) = core_of(ctx).state.held
    held.ended = True
    child = os.fork()
    if not child:
        code = 1
        try:
            began = time.monotonic()
            while ctx.rules and time.monotonic() - began < 5:
                time.sleep(0.01)
            code = 1 if ctx.rules else 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0


def test_rules_are_added_at_the_exit_of_the_interpreter() -> None:
    """Also straight from the interpreter, where no line of code does it."""
    program = (
        "import atexit\nimport otel_ctxlog as cl\nctx = cl.LoggingContext()\n"
        "atexit.register(lambda: print(ctx.rules, ctx.statistics().rules[0].origin))\n"
        "atexit.register(ctx.add_rule, cl.ConditionRule(4))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=20, check=False)

    assert (done.stdout, done.stderr) == (b"(ConditionRule(4),) code\n", b"")
