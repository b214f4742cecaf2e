"""Which records of stdlib loggers reach the target: levels, ``logging.disable()``, filters, handlers and rules."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any

import pytest

import otel_ctxlog as cl
from otel_ctxlog.bridges import stdlib

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from opentelemetry.sdk._logs import ReadableLogRecord

    from .conftest import Kept

    Bodies = Callable[[], list[object]]
    Tenant = Callable[[str], AbstractContextManager[None]]

ACME = cl.ConditionRule(cl.DEBUG, cl.BaggageEntry("tenant", "acme"))


def test_rules_stand_in_place_of_the_levels_of_loggers(
    ctx: cl.LoggingContext, logger: logging.Logger, bodies: Bodies
) -> None:
    """What goes to OTel depends on the rules alone, whether a logger's level says less or more."""
    stdlib.install(ctx)
    logger.setLevel(logging.ERROR)
    logger.info("less")
    logger.setLevel(logging.DEBUG)
    logger.debug("more")

    assert bodies() == ["less"]


def test_a_rule_lets_one_tenants_debug_through(
    ctx: cl.LoggingContext, logger: logging.Logger, kept: Kept, bodies: Bodies, tenant: Tenant
) -> None:
    """Only inside that tenant's requests, though the logger is at WARNING; the other handlers never see it."""
    stdlib.install(ctx)
    ctx.add_rule(ACME)
    logger.setLevel(logging.WARNING)
    with tenant("acme"):
        logger.debug("seen")
        with tenant("globex"):
            logger.debug("not seen")
        assert logger.isEnabledFor(logging.DEBUG)
    assert not logger.isEnabledFor(logging.DEBUG)
    logger.debug("not seen either")

    assert bodies() == ["seen"]
    assert kept.texts == []


def test_a_call_that_no_rule_can_let_through_builds_no_record(
    ctx: cl.LoggingContext, logger: logging.Logger, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither for a tenant without a rule nor for a realm without one is a record made."""
    made: list[object] = []
    logger.setLevel(logging.WARNING)
    stdlib.install(ctx)
    ctx.add_rule(ACME)

    def make(*args: object, **_: object) -> None:
        made.append(args)

    monkeypatch.setattr(logger, "makeRecord", make)
    with tenant("globex"):
        logger.debug("x")

    assert made == []


def test_no_record_is_made_for_nobody(
    ctx: cl.LoggingContext, logger: logging.Logger, bodies: Bodies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no other handler would get it, what goes to OTel takes no record of ``logging``."""
    made: list[object] = []
    before = logging.LogRecord.__init__

    def init(self: logging.LogRecord, *args: Any, **kwargs: Any) -> None:
        made.append(args)
        before(self, *args, **kwargs)

    monkeypatch.setattr(logging.LogRecord, "__init__", init)
    stdlib.install(ctx)
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    logger.info("first")
    made.clear()
    logger.info("second %d", 2)

    assert (bodies(), made) == (["first", "second 2"], [])


def test_rules_find_loggers_by_realm(ctx: cl.LoggingContext, bodies: Bodies) -> None:
    """The realm is the logger's name with slashes for dots; a prefix covers the loggers below."""
    stdlib.install(ctx)
    ctx.add_rule(cl.ConditionRule(cl.NONE, cl.RealmPrefix("realmtest/noisy")))
    ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.Realm("realmtest/db")))
    logging.getLogger("realmtest.noisy.deep").error("silenced")
    logging.getLogger("realmtest.db").debug("debug")
    logging.getLogger("realmtest.db.pool").debug("not this one")

    assert bodies() == ["debug"]


@pytest.mark.parametrize("others", ["unchanged", "gated"])
def test_changes_of_rules_and_levels_hold_at_the_next_call(
    ctx: cl.LoggingContext, logger: logging.Logger, kept: Kept, bodies: Bodies, others: stdlib.Others
) -> None:
    """Whatever was answered before: rules, default level, ``setLevel`` of a parent, and ``logging.disable()``."""
    stdlib.install(ctx, others=others)
    assert not logger.isEnabledFor(logging.DEBUG)
    ctx.default_level = cl.DEBUG
    assert logger.isEnabledFor(logging.DEBUG)
    logger.debug("by default level")
    ctx.add_rule(cl.ConditionRule(cl.NONE, cl.Realm(logger.name.replace(".", "/"))))
    logger.debug("off by rule")
    assert not logger.isEnabledFor(logging.DEBUG)
    ctx.reset_rules()
    logging.disable(logging.INFO)
    logger.debug("disabled")
    logging.disable(logging.NOTSET)
    assert logger.parent is not None
    logger.parent.setLevel(logging.DEBUG)
    logger.debug("by level of the parent")

    assert bodies() == ["by default level", "by level of the parent"]
    assert kept.texts == (
        ["by level of the parent"] if others == "unchanged" else ["by default level", "by level of the parent"]
    )


def test_other_handlers_are_unchanged_by_default(
    ctx: cl.LoggingContext, logger: logging.Logger, kept: Kept, bodies: Bodies
) -> None:
    """They get what the levels of loggers let through, also what the rules keep from OTel."""
    stdlib.install(ctx)
    ctx.default_level = cl.ERROR
    logger.setLevel(logging.INFO)
    logger.info("for handlers")
    logger.error("for both")
    logger.debug("for none")

    assert (kept.texts, bodies()) == (["for handlers", "for both"], ["for both"])


def test_other_handlers_may_be_gated(
    ctx: cl.LoggingContext, logger: logging.Logger, kept: Kept, bodies: Bodies, tenant: Tenant
) -> None:
    """Then they get what passes the rules, and nothing else; their own levels hold."""
    stdlib.install(ctx, others="gated")
    ctx.default_level = cl.ERROR
    ctx.add_rule(ACME)
    logger.setLevel(logging.INFO)
    logger.info("kept from both")
    with tenant("acme"):
        logger.debug("for both")
        kept.setLevel(logging.WARNING)
        logger.debug("below the handler's level")

    assert (kept.texts, bodies()) == (["for both"], ["for both", "below the handler's level"])


def test_disabled_loggers_and_filters_hold_for_otel_too(
    ctx: cl.LoggingContext, logger: logging.Logger, bodies: Bodies
) -> None:
    """``Logger.disabled``, ``logging.disable()`` and filters of a logger can only make less."""
    stdlib.install(ctx)
    logger.addFilter(lambda record: "secret" not in record.getMessage())
    logger.info("open")
    logger.info("secret")
    logging.disable(logging.CRITICAL)
    logger.critical("x")
    logging.disable(logging.NOTSET)
    logger.disabled = True
    logger.critical("x")

    assert bodies() == ["open"]


def test_every_logger_is_bridged_once(ctx: cl.LoggingContext, bodies: Bodies, logger: logging.Logger) -> None:
    """Made before or after, root, without propagation, of own classes, outside the tree, through an adapter."""

    class Own(logging.Logger):
        def notice(self, text: str) -> None:
            if self.isEnabledFor(25):
                self._log(25, text, ())

    stdlib.install(ctx)
    logger.info("made before")
    logging.setLoggerClass(Own)
    own = logging.getLogger(logger.name + ".own")
    assert isinstance(own, Own)
    own.notice("own class")
    logging.getLogger().info("root")
    logger.propagate = False
    logger.info("does not propagate")
    logging.Logger("outside").info("outside")  # noqa: LOG001 - the very point
    logging.LoggerAdapter(logger, {"by": "adapter"}).info("adapter")
    assert bodies() == ["made before", "own class", "root", "does not propagate", "outside", "adapter"]


def test_records_from_elsewhere_pass_the_rules(
    ctx: cl.LoggingContext, logger: logging.Logger, kept: Kept, records: Callable[[], list[ReadableLogRecord]]
) -> None:
    """Their own name gives the realm, their time is kept; other handlers get them whatever their level, as ever."""
    stdlib.install(ctx)
    foreign = logging.makeLogRecord(
        {"name": "far.away", "levelno": 20, "levelname": "INFO", "msg": "a %s", "args": ("b",)}
    )
    logger.handle(foreign)
    logger.handle(logging.makeLogRecord({"name": "far.away", "levelno": 10, "levelname": "DEBUG", "msg": "debug"}))
    [found] = records()

    assert found.log_record.body == "a b"
    assert found.log_record.timestamp == int(foreign.created * 1e9)
    assert found.instrumentation_scope is not None
    assert (found.instrumentation_scope.name, found.log_record.attributes) == ("far.away", {"realm": "far/away"})
    assert kept.texts == ["a b", "debug"]


def test_warnings_are_bridged(ctx: cl.LoggingContext, bodies: Bodies) -> None:
    """``logging.captureWarnings`` brings them."""
    stdlib.install(ctx)
    logging.captureWarnings(capture=True)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("beware", UserWarning, stacklevel=1)

    assert "UserWarning: beware" in str(bodies())


def test_a_level_that_is_none_is_refused_as_ever(ctx: cl.LoggingContext, logger: logging.Logger) -> None:
    """``isEnabledFor`` raises the same error with a bridge as without."""
    stdlib.install(ctx)
    with pytest.raises(TypeError):
        logger.isEnabledFor("INFO")  # type: ignore[arg-type]


def test_wrong_arguments_are_named() -> None:
    """Each error says what was found and what is allowed."""
    with pytest.raises(TypeError, match="context must be a LoggingContext or None, but got 5"):
        stdlib.install(5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'unchanged' or 'gated', but got 'unchangd'; did you mean 'unchanged'"):
        stdlib.install(others="unchangd")  # type: ignore[arg-type]


def test_install_twice_and_uninstall(
    ctx: cl.LoggingContext, logger: logging.Logger, kept: Kept, bodies: Bodies
) -> None:
    """A second `install` replaces the first, `uninstall` leaves ``logging`` as it was, each as often as one likes."""
    before = logging.Logger.isEnabledFor, logging.Logger.callHandlers
    stdlib.install(ctx)
    stdlib.install(ctx)
    logger.info("once")
    stdlib.uninstall()
    stdlib.uninstall()
    logger.info("not bridged")
    logger.warning("not bridged, but handled")

    assert bodies() == ["once"]
    assert kept.texts == ["not bridged, but handled"]
    assert (logging.Logger.isEnabledFor, logging.Logger.callHandlers) == before


def test_who_wraps_the_same_methods_keeps_working(
    ctx: cl.LoggingContext, logger: logging.Logger, bodies: Bodies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another library that replaces `callHandlers` after us calls ours: nothing twice, nothing after `uninstall`."""
    stdlib.install(ctx)
    seen: list[str] = []
    ours = logging.Logger.callHandlers

    def theirs(self: logging.Logger, record: logging.LogRecord) -> None:
        seen.append(record.getMessage())
        ours(self, record)

    monkeypatch.setattr(logging.Logger, "callHandlers", theirs)
    logger.info("a")
    stdlib.install(ctx)
    logger.info("b")
    stdlib.uninstall()
    logger.warning("c")
    monkeypatch.undo()
    stdlib.install(ctx)
    stdlib.uninstall()

    assert (bodies(), seen) == (["a", "b"], ["a", "b", "c"])


def test_rules_change_while_threads_log(ctx: cl.LoggingContext, logger: logging.Logger, bodies: Bodies) -> None:
    """After the last change every thread's answers are right, and `uninstall` under load breaks nothing."""
    stdlib.install(ctx)
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    stop = threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            while not stop.is_set():
                logger.debug("x")
                logger.info("y")
        except BaseException as error:  # noqa: BLE001 - handed to the test
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for number in range(60):
            ctx.default_level = cl.NONE if number % 2 else cl.DEBUG
            if number % 10 == 5:
                stdlib.uninstall()
                stdlib.install(ctx)
        ctx.default_level = cl.NONE
        assert not logger.isEnabledFor(logging.ERROR - 20)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(interval)

    assert failures == []
    assert not logger.isEnabledFor(logging.DEBUG)
    count = len(bodies())
    logger.error("off")
    assert len(bodies()) == count > 0
