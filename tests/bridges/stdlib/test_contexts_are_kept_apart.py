"""Async-safe, nested scopes restore exactly, parallel contexts are independent, a record is emitted once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import Counter
from typing import TYPE_CHECKING

import pytest

import otel_ctxlog as cl
from otel_ctxlog.bridges import stdlib

from .conftest import std_logger

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    Bodies = Callable[[], list[object]]
    Tenant = Callable[[str], AbstractContextManager[None]]

ACME = cl.ConditionRule(cl.DEBUG, cl.BaggageEntry("tenant", "acme"))
TENANTS = ("acme", "globex", "hooli", "acme", "initech")


@pytest.fixture(params=["bridge", "handler", "std_logger"])
def log(request: pytest.FixtureRequest, ctx: cl.LoggingContext, logger: logging.Logger) -> logging.Logger:
    """A logger of each kind whose records go to `ctx`."""
    ctx.add_rule(ACME)
    if request.param == "bridge":
        stdlib.install(ctx)
    elif request.param == "handler":
        logger.setLevel(logging.DEBUG)
        logger.addHandler(stdlib.Handler(ctx))
    else:
        return std_logger(ctx, cl.Realm("app/cart"))
    return logger


def test_tasks_do_not_see_each_other(log: logging.Logger, bodies: Bodies, tenant: Tenant) -> None:
    """Debug of one tenant's tasks only, each record once, however tasks interleave."""

    async def request(number: int, name: str) -> None:
        with tenant(name):
            for step in range(5):
                log.debug("%s %d %d", name, number, step)
                await asyncio.sleep(0)
            await asyncio.gather(*(child(number, name, step) for step in range(2)))

    async def child(number: int, name: str, step: int) -> None:
        await asyncio.sleep(0)
        log.debug("%s child %d %d", name, number, step)

    async def main() -> None:
        await asyncio.gather(*(request(number, name) for number, name in enumerate(TENANTS)))

    asyncio.run(main())
    seen = Counter(bodies())

    assert set(seen.values()) == {1}
    assert len(seen) == 2 * (5 + 2)
    assert all(str(body).startswith("acme") for body in seen)


def test_threads_do_not_see_each_other(log: logging.Logger, bodies: Bodies, tenant: Tenant) -> None:
    """The same for threads."""
    together = threading.Barrier(len(TENANTS))

    def request(number: int, name: str) -> None:
        with tenant(name):
            together.wait()
            for step in range(50):
                log.debug("%s %d %d", name, number, step)

    threads = [threading.Thread(target=request, args=one) for one in enumerate(TENANTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = Counter(bodies())

    assert set(seen.values()) == {1}
    assert len(seen) == 2 * 50
    assert all(str(body).startswith("acme") for body in seen)


def test_nested_scopes_restore_exactly(log: logging.Logger, bodies: Bodies, tenant: Tenant) -> None:
    """After an inner scope the outer one holds again, also after an exception."""
    log.debug("outside")
    with tenant("acme"):
        log.debug("1")
        with tenant("globex"):
            log.debug("inner")
            with tenant("acme"):
                log.debug("2")
            log.debug("inner again")
        log.debug("3")
        with contextlib.suppress(LookupError), tenant("globex"):
            dict[str, str]()["x"]
        log.debug("4")
    log.debug("outside again")

    assert bodies() == ["1", "2", "3", "4"]
