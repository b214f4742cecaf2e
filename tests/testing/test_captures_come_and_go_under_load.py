"""Captures start and end while other threads log: nothing raises, no record is lost, nothing is left."""

from __future__ import annotations

import os
import threading
import time

import pytest

import otel_ctxlog as cl
from otel_ctxlog.testing import Capture, capture

from .kept import Kept


def test_each_record_goes_to_the_target_or_to_a_capture(context: cl.LoggingContext, kept: Kept) -> None:
    """Four threads log through bound and unbound loggers while captures come and go; each record is somewhere, once."""
    bound, unbound = context.logger(), context.unbound_logger(cl.Realm("load"))
    over = threading.Event()
    written = [0] * 4
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            while not over.is_set():
                bound.info("bound", n=number)
                unbound.debug("off")
                unbound.info("unbound", n=number)
                written[number] += 2
        except BaseException as error:  # noqa: BLE001 - none may come
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    captures: list[Capture] = []
    for _ in range(60):
        with capture(context) as log, log.with_rules(cl.ConditionRule(cl.INFO, cl.Realm("other"))):
            time.sleep(0.002)
        captures.append(log)
    over.set()
    for thread in threads:
        thread.join()

    # Counted at the end: a call that was under way when its capture ended is still in it.
    captured = sum(len(log.records) for log in captures)
    assert errors == []
    assert captured + len(kept.records) == sum(written)
    assert captured > 0
    assert context.rules == ()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_logs_on(context: cl.LoggingContext) -> None:
    """A child that is forked within a capture logs into its own copy of it, and ends."""
    with capture(context) as log:
        context.logger().info("parent")
        child = os.fork()
        if not child:
            context.logger().info("child")
            context.logger().debug("child")
            os._exit(len(log.records) * 10 + len(log.suppressed))
        _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 21
    assert len(log.records) == 1
