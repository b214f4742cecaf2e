"""``ctx.std_logger()``: what code that takes a ``logging.Logger`` may be given."""

from __future__ import annotations

import copy
import logging
import sys
from typing import TYPE_CHECKING

import pytest
from opentelemetry._logs import SeverityNumber

import otel_ctxlog as cl
from otel_ctxlog.bridges import stdlib

from .conftest import Kept, std_logger

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from opentelemetry.sdk._logs import ReadableLogRecord

    Records = Callable[[], list[ReadableLogRecord]]
    Bodies = Callable[[], list[object]]
    Tenant = Callable[[str], AbstractContextManager[None]]


@pytest.fixture(params=[False, True], ids=["alone", "beside a bridge"])
def log(request: pytest.FixtureRequest, ctx: cl.LoggingContext) -> logging.Logger:
    """A logger of `ctx`, with and without a bridge to the same context."""
    if request.param:
        stdlib.install(ctx)
    return std_logger(ctx, cl.Realm("shop/cart"))


def test_all_methods_write(log: logging.Logger, ctx: cl.LoggingContext, records: Records) -> None:
    """Each at its level, each once."""
    ctx.default_level = cl.TRACE
    log.debug("a %d", 1)
    log.info("b %(x)s", {"x": 2})
    log.warning("c")
    log.error("d")
    log.critical("e")
    log.log(5, "f")
    try:
        dict[str, str]()["x"]
    except LookupError:
        log.exception("g")
    found = [record.log_record for record in records()]

    assert [(one.body, one.severity_number) for one in found] == [
        ("a 1", SeverityNumber.DEBUG),
        ("b 2", SeverityNumber.INFO),
        ("c", SeverityNumber.WARN),
        ("d", SeverityNumber.ERROR),
        ("e", SeverityNumber.FATAL),
        ("f", SeverityNumber.TRACE),
        ("g", SeverityNumber.ERROR),
    ]
    assert (found[-1].attributes or {})["exception.type"] == "KeyError"
    assert {str((one.attributes or {})["realm"]) for one in found} == {"shop/cart"}


def test_rules_decide_at_each_call(log: logging.Logger, ctx: cl.LoggingContext, bodies: Bodies, tenant: Tenant) -> None:
    """Unbound: a rule that is added later holds, for its tenant only."""
    log.debug("off")
    ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.Realm("shop/cart"), cl.BaggageEntry("tenant", "acme")))
    with tenant("acme"):
        assert log.isEnabledFor(logging.DEBUG)
        assert log.getEffectiveLevel() == logging.DEBUG
        log.debug("on")
    assert not log.isEnabledFor(logging.DEBUG)
    assert log.getEffectiveLevel() == logging.INFO
    log.debug("off again")

    assert bodies() == ["on"]


def test_levels_and_switches_of_its_own_can_only_make_less(log: logging.Logger, bodies: Bodies) -> None:
    """``setLevel``, ``disabled``, filters, ``logging.disable()``."""
    log.setLevel(logging.DEBUG)
    log.debug("the rules say Info")
    log.setLevel(logging.ERROR)
    log.warning("below")
    log.setLevel(logging.NOTSET)
    logging.disable(logging.INFO)
    log.info("disabled")
    logging.disable(logging.NOTSET)
    log.disabled = True
    log.error("disabled")
    log.disabled = False
    log.addFilter(lambda record: record.getMessage() != "filtered")
    log.info("filtered")
    log.info("on")

    assert bodies() == ["on"]


def test_the_code_location_is_that_of_the_call(log: logging.Logger, records: Records) -> None:
    """For all ways of calling, ``stacklevel`` included."""

    def below() -> None:
        log.log(logging.INFO, "x", stacklevel=2)

    line = sys._getframe().f_lineno
    log.info("x", stack_info=True)
    log.log(logging.INFO, "x")
    logging.LoggerAdapter(log, {"a": 1}).warning("x")
    below()
    found = [record.log_record.attributes or {} for record in records()]

    assert [one["code.line.number"] for one in found] == [line + 1, line + 2, line + 3, line + 4]
    assert {str(one["code.file.path"]) for one in found} == {__file__}
    assert "code.stacktrace" in found[0]
    assert found[2]["a"] == 1


def test_names_and_children(ctx: cl.LoggingContext, records: Records) -> None:
    """A child's name goes on with a dot, its realm with a slash."""
    std_logger(ctx, cl.Realm("shop")).getChild("db.pool").info("a")
    named = std_logger(ctx, cl.Name("svc"), cl.Realm("shop")).getChild("db")
    named.info("b")
    std_logger(ctx, cl.Name("svc")).getChild("db").info("c")
    found = [
        (
            record.instrumentation_scope and record.instrumentation_scope.name,
            (record.log_record.attributes or {}).get("realm"),
        )
        for record in records()
    ]

    assert named.name == "svc.db"
    assert found == [("shop/db/pool", "shop/db/pool"), ("svc.db", "shop/db"), ("svc.db", None)]


def test_nothing_it_is_called_with_raises(log: logging.Logger, records: Records) -> None:
    """Extras that have the names of a record's attributes, no mapping at all, a level that is none: all go out."""
    log.info("a", extra={"name": "x", "message": "y", "order": 7})  # noqa: G101 - the very point
    log.info("b", extra=5)  # type: ignore[arg-type]
    log.log("INFO", "c")  # type: ignore[arg-type]
    log.info("%d", "d")
    found = [(record.log_record.body, record.log_record.attributes or {}) for record in records()]

    assert [body for body, _ in found] == ["a", "b", "c", "%d"]
    assert [found[0][1][key] for key in ("name", "message", "order")] == ["x", "y", 7]
    assert found[1][1]["!BADKEY"] == ("5",)
    assert found[2][1]["!BADKEY"] == ("INFO",)


def test_handlers_of_its_own_get_what_passes(log: logging.Logger, ctx: cl.LoggingContext) -> None:
    """No others: it has no parent."""
    root, own = Kept(), Kept()
    logging.getLogger().addHandler(root)
    log.addHandler(own)
    ctx.default_level = cl.WARN
    log.info("off")
    log.warning("on")

    assert (own.texts, root.texts) == (["on"], [])


def test_it_is_a_logger(log: logging.Logger) -> None:
    """For what asks with ``isinstance``, and for what looks around."""
    assert isinstance(log, logging.Logger)
    assert (log.name, log.parent, log.hasHandlers(), repr(log)) == ("shop/cart", None, True, "<StdLogger 'shop/cart'>")


def test_a_copy_is_the_logger_itself(log: logging.Logger) -> None:
    """What holds a logger can be copied, as with loggers of `logging.getLogger`."""
    held = {"log": log}

    assert copy.copy(log) is log
    assert copy.deepcopy(held)["log"] is log
