"""Rules that expire: on time, for every logger, once, with an audit record, and without a thread left behind."""

from __future__ import annotations

import datetime as dt
import gc
import multiprocessing
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

import otel_ctxlog as cl

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

REALM = cl.Realm("shop")


class Sink:
    """Keeps what it gets."""

    def __init__(self) -> None:
        self.records: list[tuple[object, dict[str, object]]] = []

    def enabled(self, level: int) -> bool:
        return True

    def emit(self, **record: object) -> None:
        self.records.append((record["body"], dict(record["attributes"])))  # type: ignore[call-overload] # pyright: ignore[reportUnknownArgumentType, reportArgumentType, reportCallIssue]

    def bodies(self) -> list[object]:
        """The bodies of all that is no audit record."""
        return [body for body, attributes in self.records if "eventType" not in attributes]

    def audits(self) -> list[dict[str, object]]:
        """The attributes of the audit records."""
        return [attributes for _, attributes in self.records if "eventType" in attributes]


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def ctx(sink: Sink) -> Iterator[cl.LoggingContext]:
    made = cl.LoggingContext(sink)
    yield made
    made.reset_rules()


def _until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert condition()


def _temporary(level: int = cl.DEBUG, seconds: float = 0.15) -> cl.ControlledRule:
    return cl.ControlledRule(cl.ConditionRule(level, REALM), expires=seconds)


def test_loud_and_quiet_rules_end_on_time(ctx: cl.LoggingContext, sink: Sink) -> None:
    """A rule that switches records on ends, and so does one that switches them off, which no call gets to."""
    ctx.add_rule(_temporary(cl.DEBUG, 1.0))
    ctx.add_rule(cl.ControlledRule(cl.ConditionRule(cl.ERROR, cl.Realm("noisy")), expires=1.0))
    loud, quiet = ctx.unbound_logger(REALM), ctx.unbound_logger(cl.Realm("noisy"))
    bound_loud, bound_quiet = ctx.logger(REALM), ctx.logger(cl.Realm("noisy"))

    def say(when: str) -> None:
        for name, logger in (("u", loud), ("b", bound_loud)):
            text = f"{name} debug {when}"
            logger.debug(text)
        for name, logger in (("u", quiet), ("b", bound_quiet)):
            text = f"{name} info {when}"
            logger.info(text)

    say("before")
    _until(lambda: not ctx.rules)
    say("after")

    assert sink.bodies() == ["u debug before", "b debug before", "u info after", "b info after"]


def test_the_end_leaves_one_audit_record(ctx: cl.LoggingContext, sink: Sink) -> None:
    """It says what ended and where it came from, past all rules."""
    ctx.default_level = cl.NONE
    ctx.add_rule(_temporary(), origin=cl.Origin("endpoint", actor="alice"))
    before = ctx.generation
    _until(lambda: bool(sink.audits()))

    assert sink.audits() == [
        {
            "eventType": "otel_ctxlog.ruleExpired",
            "audit.rule": "ControlledRule(ConditionRule(4, Realm(name='shop')), expires=0.15)",
            "audit.origin": "endpoint by alice",
        }
    ]
    assert [entry.action for entry in ctx.audit_trail()] == ["ruleExpired"]
    assert ctx.generation == before + 1


def test_a_moment_in_the_past_ends_at_once(ctx: cl.LoggingContext, sink: Sink) -> None:
    """Not one record goes out by a rule whose moment is over."""
    past = dt.datetime.now(dt.timezone.utc) - dt.timedelta(seconds=1)
    ctx.add_rule(cl.ControlledRule(cl.ConditionRule(cl.DEBUG, REALM), expires=past))
    ctx.unbound_logger(REALM).debug("m")
    ctx.logger(REALM).debug("m")
    _until(lambda: not ctx.rules)

    assert sink.bodies() == []


def test_calls_end_a_rule_where_no_thread_does(
    ctx: cl.LoggingContext, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a running thread (uWSGI without threads) no call goes out late."""

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    ctx.add_rule(_temporary(seconds=1.0))
    std = ctx.std_logger(REALM)
    loggers = [ctx.unbound_logger(REALM), ctx.logger(REALM), ctx.logger_for(REALM)]
    eventer = cl.OTelEventer(ctx, messages=(REALM,), level=cl.DEBUG)
    for logger in loggers:
        logger.debug("before")
    std.debug("before")
    eventer.event("before")
    time.sleep(1.05)
    std.debug("after")
    for logger in reversed(loggers):
        logger.debug("after")
    eventer.event("after")

    assert sink.bodies() == ["before"] * 4
    assert [audit["eventType"] for audit in sink.audits()] == ["before", "otel_ctxlog.ruleExpired"]


def test_bound_loggers_follow_the_default_level_afterwards(ctx: cl.LoggingContext, sink: Sink) -> None:
    """As if no rule had matched; those for their messages alone fall silent; derived ones are no different."""
    ctx.add_rule(_temporary(cl.TRACE, 1.0))
    nested = ctx.with_context(cl.Attribute("request", 1))
    loggers = [ctx.logger(REALM), ctx.logger(REALM).with_values(a=1), nested.logger(REALM)]
    alone = ctx.logger_for(REALM)
    _until(lambda: not ctx.rules)

    assert [logger.enabled(cl.DEBUG) for logger in (*loggers, alone)] == [False] * 4
    assert [logger.enabled(cl.INFO) for logger in (*loggers, alone)] == [True] * 3 + [False]
    ctx.default_level = cl.DEBUG
    assert [logger.enabled(cl.DEBUG) for logger in (*loggers, alone)] == [True] * 3 + [False]


def test_a_rule_removed_before_its_time_lets_go_too(ctx: cl.LoggingContext, sink: Sink) -> None:
    """Removing a temporary rule ends it for bound loggers as well, without the record of an end."""
    ctx.add_rule(_temporary(cl.TRACE, 3600))
    logger = ctx.logger(REALM)
    removed = ctx.remove_rule(ctx.statistics().rules[0].id)

    assert removed
    assert not logger.enabled(cl.DEBUG)
    assert sink.audits() == []


def test_a_rule_of_which_another_takes_the_place(ctx: cl.LoggingContext) -> None:
    """A new rule with the same conditions has its own end."""
    ctx.add_rule(_temporary(cl.TRACE, 0.05))
    ctx.add_rule(_temporary(cl.DEBUG, 3600))
    time.sleep(0.1)

    assert ctx.logger(REALM).enabled(cl.DEBUG)


def test_a_rule_given_to_another_context_keeps_its_end(ctx: cl.LoggingContext) -> None:
    """Passing rules on does not make them live longer."""
    ctx.add_rule(_temporary(cl.DEBUG, 2))
    time.sleep(1)
    other = cl.LoggingContext(Sink())
    ctx.add_rules_to(other)
    began = time.monotonic()
    _until(lambda: not other.rules)

    assert time.monotonic() - began < 1.8


def test_expiry_does_not_look_at_the_clock_on_the_wall(ctx: cl.LoggingContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """Setting the computer's clock neither ends a rule nor keeps it."""
    ctx.add_rule(_temporary(cl.DEBUG, 0.2))
    monkeypatch.setattr(time, "time", lambda: 4e9)
    monkeypatch.setattr(time, "time_ns", lambda: 4 * 10**18)

    assert ctx.logger(REALM).enabled(cl.DEBUG)
    _until(lambda: not ctx.rules)


def test_no_thread_without_need() -> None:
    """The thread is there while a rule waits for its end, ends with the last one, and keeps no context alive."""

    def waiting() -> list[str]:
        return [thread.name for thread in threading.enumerate() if "rules that end" in thread.name]

    ctx = cl.LoggingContext(Sink())
    assert waiting() == []
    ctx.add_rule(_temporary(seconds=3600), cl.ControlledRule(cl.ConditionRule(cl.INFO), expires=0.05))
    assert len(waiting()) == 1
    ctx.reset_rules()
    _until(lambda: not waiting())

    ctx.add_rule(_temporary(seconds=3600))
    del ctx
    gc.collect()
    _until(lambda: not waiting())


def test_ten_thousand_rules_end(ctx: cl.LoggingContext) -> None:
    """Each with its own end; the last takes no longer to notice than the first."""
    rules = [
        cl.ControlledRule(cl.ConditionRule(cl.DEBUG, cl.BaggageEntry("tenant", str(number))), expires=3600 + number)
        for number in range(10_000)
    ]
    began = time.perf_counter()
    ctx.replace_rules(rules)
    ctx.logger(REALM)
    taken = time.perf_counter() - began
    ctx.reset_rules()

    assert taken < 5


PROGRAM = """
import otel_ctxlog as cl
context = cl.LoggingContext()
context.add_rule(cl.ControlledRule(cl.ConditionRule(cl.DEBUG, cl.Realm("a")), expires="1h"))
context.add_rule(cl.ControlledRule(cl.ConditionRule(cl.DEBUG, cl.Realm("b")), expires="2h"))
{}
"""


@pytest.mark.parametrize("end", ["", "raise SystemExit(0)", "del context; import gc; gc.collect()"])
def test_the_interpreter_exits_while_rules_wait(end: str) -> None:
    """A thread that waits for an hour keeps no program from ending."""
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", PROGRAM.format(end)], capture_output=True, timeout=20, check=False)

        assert (done.returncode, done.stderr) == (0, b"")


def _in_child(connection: Connection[object, object]) -> None:
    ctx, bound = CHILD[-1]
    logger = ctx.unbound_logger(REALM)
    first = (logger.enabled(cl.DEBUG), bound.enabled(cl.DEBUG))
    deadline = time.monotonic() + 10
    while ctx.rules and time.monotonic() < deadline:
        time.sleep(0.01)
    connection.send((first, logger.enabled(cl.DEBUG), bound.enabled(cl.DEBUG)))


CHILD: list[tuple[cl.LoggingContext, cl.Logger]] = []


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="needs fork")
def test_rules_end_in_a_forked_child(ctx: cl.LoggingContext) -> None:
    """A child has no thread of its parent; its rules end all the same."""
    ctx.add_rule(_temporary(seconds=3))
    CHILD.append((ctx, ctx.logger(REALM)))
    mine, theirs = multiprocessing.get_context("fork").Pipe()
    child = multiprocessing.get_context("fork").Process(target=_in_child, args=(theirs,))
    child.start()
    found = mine.recv()
    child.join()

    assert found == ((True, True), False, False)
