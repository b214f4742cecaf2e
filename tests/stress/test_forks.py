"""A process that forks while its threads log and change rules has a child that can do the same."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

import otel_ctxlog as cl

from .running import NullSink

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")

FORKS = 40
SECONDS = 20


def _ends_well(child: int) -> bool:
    """Return whether the child ends with exit code 0 in time; one that hangs is killed."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def _live(ctx: cl.LoggingContext, logger: cl.UnboundLogger) -> bool:
    """Do in the child what may need a lock; return whether its own changes hold."""
    ctx.replace_rules([cl.ConditionRule(7, cl.Tag("t"))], default_level=1)
    right = logger.enabled(7) and len(ctx.rules) == 1
    cl.define_tag("in a child")
    ctx.with_context(cl.Tag("t")).logger().info("m")
    ctx.eventer().event("bad", "key without value")
    logger.info("m")
    ctx.default_level = 3
    return right and ctx.logger().enabled(3) and not ctx.logger().enabled(4)


@pytest.mark.slow
def test_a_child_logs_and_changes_rules_while_the_parent_does() -> None:
    """`os.fork` in the middle of logging and swapping gives a child without deadlock or half a change."""
    ctx = cl.LoggingContext(NullSink())
    logger = ctx.unbound_logger(cl.Tag("t"))
    over = threading.Event()
    rules = [cl.ConditionRule(4, cl.Tag(f"t{number}")) for number in range(50)]

    def busy() -> None:
        while not over.is_set():
            ctx.add_rule(*rules)
            logger.debug("m")
            ctx.unbound_logger(cl.Tag("u")).info("m")
            ctx.with_context(cl.Tag("v")).default_level = 2
            cl.define_tag("in the parent")
            ctx.reset_rules()

    threads = [threading.Thread(target=busy) for _ in range(4)]
    for thread in threads:
        thread.start()
    ended: list[bool] = []
    try:
        for _ in range(FORKS):
            child = os.fork()
            if child == 0:  # no cover: the child's coverage is not the suite's
                code = 1
                try:
                    code = 0 if _live(ctx, logger) else 2
                finally:
                    os._exit(code)
            ended.append(_ends_well(child))
    finally:
        over.set()
        for thread in threads:
            thread.join()

    assert ended == [True] * FORKS


def test_a_child_has_no_part_of_a_change_that_the_parent_was_making() -> None:
    """A fork in the middle of `add_rule` shows the child none of these rules, nor do its later changes."""
    ctx = cl.LoggingContext(NullSink(), sources=())
    started, go_on = threading.Event(), threading.Event()

    class Slow:
        """A rule that stops in the middle of being added."""

        def match(self, messages: object, sink: cl.LogSink, /) -> None:
            return None

        def supersedes(self, other: object, /) -> bool:
            started.set()
            go_on.wait(SECONDS)
            return False

    adding = threading.Thread(target=lambda: ctx.add_rule(cl.ConditionRule(7, cl.Tag("half")), Slow()))
    adding.start()
    started.wait(SECONDS)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            ctx.add_rule(cl.ConditionRule(4, cl.Tag("own")))
            code = 0 if len(ctx.rules) == 1 else 2
        finally:
            os._exit(code)
    well = _ends_well(child)
    go_on.set()
    adding.join()

    assert well
    assert len(ctx.rules) == 2
