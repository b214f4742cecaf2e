"""Whatever goes wrong on the way, a call returns, nothing recurses, and nothing is written twice."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest
import structlog

from otel_ctxlog import DEBUG, Attribute, ConditionRule, LoggingContext
from otel_ctxlog.bridges.structlog import ContextProcessor, make_context_bound_logger

ROOT = Path(__file__).resolve().parents[3]


class Broken:
    """A sink that raises."""

    def enabled(self, level: int) -> bool:
        """Be wanted."""
        return True

    def emit(self, **record: object) -> None:
        """Raise."""
        raise OSError("disk full")


def test_a_sink_that_raises_is_said_once(records: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A record that cannot be written costs one diagnostic."""
    context = LoggingContext(Broken())
    structlog.configure(wrapper_class=make_context_bound_logger(context), processors=[ContextProcessor(context)])
    log = structlog.get_logger("x")
    for _ in range(3):
        log.info("lost")

    assert len(caplog.messages) == 1


def test_a_rule_that_raises_does_not_match(records: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A broken condition lets nothing through, with one diagnostic."""

    class Bad:
        def matches(self, _messages: object) -> bool:
            raise ValueError("bad")

    records.context.add_rule(ConditionRule(DEBUG, Bad()))
    log = structlog.get_logger("x")
    for _ in range(3):
        log.debug("off")
    log.info("on")

    assert (records.bodies, len(caplog.messages)) == (["on"], 1)


@pytest.mark.parametrize("bound", [True, False], ids=["our bound logger", "structlog's"])
def test_rules_sinks_and_diagnostics_that_log_through_structlog_do_not_recurse(records: Any, bound: bool) -> None:
    """What a condition, a sink or a handler of our diagnostics logs while a record is decided or written ends there."""
    import logging

    log = structlog.get_logger("x")
    calls: list[str] = []

    class Talking:
        def matches(self, _messages: object) -> bool:
            calls.append("condition")
            log.info("from a condition")
            return True

    class Sink(Broken):
        def emit(self, **record: object) -> None:
            calls.append("sink")
            log.info("from a sink")
            raise OSError("disk full")

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            calls.append("handler")
            log.error("from a handler")

    context = LoggingContext(Sink())
    context.add_rule(ConditionRule(DEBUG, Talking()))
    wrapper = make_context_bound_logger(context) if bound else structlog.BoundLogger
    records.configure(wrapper_class=wrapper, processors=[ContextProcessor(context)])
    handler = Handler()
    logging.getLogger("otel_ctxlog").addHandler(handler)
    try:
        log.debug("start")
    finally:
        logging.getLogger("otel_ctxlog").removeHandler(handler)

    assert calls == ["condition", "sink", "handler"]


def test_hostile_values_break_no_call(records: Any) -> None:
    """Values, keys, names and contexts of any kind end up as something, on a record."""

    class Hostile:
        def __str__(self) -> str:
            raise ValueError("no")

        __repr__ = __str__

        def __eq__(self, _other: object) -> bool:
            raise ValueError("no")

        __hash__ = None  # type: ignore[assignment]

    records.context.add_rule(ConditionRule(DEBUG, Attribute("bad", 1)))
    log = structlog.get_logger("x")
    cycle: list[object] = []
    cycle.append(cycle)
    log.bind(bad=Hostile()).info("bound", cycle=cycle, text="\ud800")
    log.info(Hostile())
    log.info(None)
    log.info({"a": 1}, **{"": 1, "level": Hostile(), "timestamp": Hostile(), "exc_info": Hostile()})
    log.bind(logger=Hostile(), realm=Hostile(), exception=Hostile(), stack=Hostile()).info("names")

    assert len(records.bodies) == 5


def test_many_names_are_bounded(records: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Names from data do not grow memory without limit; records beyond still have theirs."""
    for number in range(1100):
        structlog.get_logger(f"user.{number}").info("hello")

    assert len({attributes["realm"] for attributes in records.attributes}) == 1100
    assert any("names should be few" in message for message in caplog.messages)


def test_bound_loggers_are_not_kept(records: Any) -> None:
    """A logger of a request goes when the request does, and what is remembered about bound values is bounded."""

    class Value:
        pass

    records.context.add_rule(ConditionRule(DEBUG, Attribute("tenant", "acme")))
    log = structlog.get_logger("x").bind(tenant=Value())
    log.debug("off")
    value, logger = weakref.ref(structlog.get_context(log)["tenant"]), weakref.ref(log)
    for number in range(3000):
        log = structlog.get_logger("x").bind(tenant=f"t{number}")
        log.debug("off")

    assert (value(), logger()) == (None, None)
    known: Any = log._settings
    assert 0 < len(known._gates) <= 1000


def test_values_of_different_kinds_are_not_mixed_up(records: Any) -> None:
    """True, 1 and "1" are different values, though Python takes some of them for equal."""
    records.context.add_rule(ConditionRule(DEBUG, Attribute("v", True)))
    for value in (1, True, "1", 1.0, False, True):
        structlog.get_logger("x").bind(v=value).debug(repr(value))

    assert records.bodies == ["True", "True"]


def test_rules_change_while_others_log(records: Any) -> None:
    """Calls from many threads during changes raise nothing and decide by the old rules or the new ones."""
    stop = threading.Event()
    errors: list[BaseException] = []

    def work() -> None:
        log = structlog.get_logger("x")
        try:
            while not stop.is_set():
                log.bind(tenant="acme").debug("debug")
        except BaseException as error:  # noqa: BLE001 - it is what is asserted
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(200):
        records.context.replace_rules([ConditionRule(DEBUG, Attribute("tenant", "acme"))])
        records.context.replace_rules([])
    stop.set()
    for thread in threads:
        thread.join()

    assert errors == []
    assert set(records.bodies) <= {"debug"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_logs(records: Any) -> None:
    """A process forked after the configuration logs, and obeys rules that are changed there."""
    log = structlog.get_logger("x").bind(tenant="acme")
    log.info("parent")
    pid = os.fork()
    if pid == 0:
        try:
            records.context.add_rule(ConditionRule(DEBUG, Attribute("tenant", "acme")))
            log.debug("child")
            os._exit(0 if records.bodies == ["parent", "child"] else 1)
        except BaseException:  # noqa: BLE001 - the parent's test must not go on in the child
            os._exit(2)

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def run(code: str) -> subprocess.CompletedProcess[str]:
    """A program of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)


def test_calls_during_shutdown_are_quiet() -> None:
    """Loggers used by finalizers and exit handlers while the interpreter ends print and raise nothing."""
    done = run(
        """
import atexit, structlog, otel_ctxlog as cl
from os import write
from otel_ctxlog.bridges.structlog import *
structlog.configure(wrapper_class=make_context_bound_logger(), processors=[ContextProcessor()])
class Sink:
    def enabled(self, level):
        return True
    def emit(self, body, **rest):
        write(1, body.encode() + b".")
cl.set_default_context(cl.LoggingContext(Sink()))
log = structlog.get_logger("x").bind(a=1)
log.info("first")
class Last:
    def __del__(self):
        log.info("last")
kept = Last()
atexit.register(log.info, "at exit")
"""
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "first.at exit.last.", "")


def test_without_structlog_the_import_names_the_extra() -> None:
    """Importing the bridge where structlog is not installed says what to install."""
    done = run("import sys; sys.modules['structlog'] = None; import otel_ctxlog.bridges.structlog")

    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("otel_ctxlog.errors.MissingExtraError:")
    assert last.endswith("[structlog]'")
