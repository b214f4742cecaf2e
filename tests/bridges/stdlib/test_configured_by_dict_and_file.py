"""`Handler` and `ContextFilter` in ``dictConfig`` and ``fileConfig``, alone and beside an installed bridge."""

from __future__ import annotations

import logging
import logging.config
import logging.handlers
import pickle
import queue
from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.trace import TracerProvider

import otel_ctxlog as cl
from otel_ctxlog.bridges import stdlib

from .conftest import Kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from opentelemetry.sdk._logs import ReadableLogRecord

    Bodies = Callable[[], list[object]]
    Tenant = Callable[[str], AbstractContextManager[None]]

ACME = cl.ConditionRule(cl.DEBUG, cl.BaggageEntry("tenant", "acme"))


@pytest.fixture
def default(ctx: cl.LoggingContext) -> Iterator[cl.LoggingContext]:
    """`ctx` as the default context."""
    before = cl.set_default_context(ctx)
    yield ctx
    cl.set_default_context(before)


def configure(name: str, **handlers: object) -> None:
    """Give that logger these handlers by ``dictConfig``."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"rules": {"()": "otel_ctxlog.bridges.stdlib.ContextFilter"}},
            "handlers": handlers,
            "loggers": {name: {"level": "DEBUG", "handlers": list(handlers), "propagate": False}},
        }
    )


def test_a_handler_from_a_dict(
    default: cl.LoggingContext, logger: logging.Logger, bodies: Bodies, tenant: Tenant
) -> None:
    """It writes to the default context what passes its own level and the rules."""
    default.add_rule(ACME)
    configure(logger.name, otel={"class": "otel_ctxlog.bridges.stdlib.Handler", "level": "DEBUG"})
    logger.debug("off")
    with tenant("acme"):
        logger.debug("on")
    logger.info("info")

    assert bodies() == ["on", "info"]


def test_a_handler_with_a_context_of_its_own(ctx: cl.LoggingContext, logger: logging.Logger, bodies: Bodies) -> None:
    """A configuration may name a context; with a formatter, its text is the body."""
    configure(logger.name, otel={"()": stdlib.Handler, "context": ctx, "level": logging.WARNING})
    [handler] = logger.handlers
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    logger.warning("seen")
    logger.info("below the handler's level")

    assert bodies() == ["WARNING: seen"]


def test_a_handler_from_a_file(default: cl.LoggingContext, tmp_path: Path, bodies: Bodies) -> None:
    """``fileConfig`` takes it, too."""
    file = tmp_path / "logging.ini"
    file.write_text(
        "[loggers]\nkeys=root\n[handlers]\nkeys=otel\n[formatters]\nkeys=\n"
        "[logger_root]\nlevel=DEBUG\nhandlers=otel\n"
        "[handler_otel]\nclass=otel_ctxlog.bridges.stdlib.Handler\nargs=(None, 'INFO')\n",
        encoding="utf-8",
    )
    logging.config.fileConfig(file, disable_existing_loggers=False)
    logging.getLogger("fromfile").info("on")
    logging.getLogger("fromfile").debug("off")

    assert bodies() == ["on"]


def test_a_filter_puts_any_handler_under_the_rules(
    default: cl.LoggingContext, logger: logging.Logger, tenant: Tenant
) -> None:
    """The handler gets what passes; diagnostics of this library pass always."""
    default.add_rule(ACME)
    configure(logger.name, kept={"()": Kept, "filters": ["rules"]})
    [handler] = logger.handlers
    assert isinstance(handler, Kept)
    logger.debug("off")
    with tenant("acme"):
        logger.debug("on")
    default.default_level = cl.NONE
    handler.handle(logging.makeLogRecord({"name": "otel_ctxlog", "levelno": 40, "msg": "diagnostic"}))

    assert handler.texts == ["on", "diagnostic"]


def test_a_bridge_outlasts_reconfiguration(
    ctx: cl.LoggingContext, logger: logging.Logger, bodies: Bodies, tenant: Tenant
) -> None:
    """``dictConfig`` takes all handlers away and sets levels; the rules go on deciding what goes to OTel."""
    stdlib.install(ctx)
    ctx.add_rule(ACME)
    logger.info("before")
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "root": {"level": "CRITICAL", "handlers": []},
            "loggers": {logger.name: {"level": "ERROR"}},
        }
    )
    logger.info("after")
    with tenant("acme"):
        logger.debug("debug")
    logging.shutdown()
    logger.info("after shutdown")

    assert bodies() == ["before", "after", "debug", "after shutdown"]


def test_a_handler_beside_a_bridge_gives_no_duplicate(
    ctx: cl.LoggingContext, provider: object, logger: logging.Logger, bodies: Bodies
) -> None:
    """To the same context it leaves records to the bridge, behind a queue too; but not those of other processes."""
    handler = stdlib.Handler(ctx)
    line: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    listener = logging.handlers.QueueListener(line, handler)
    logger.addHandler(handler)
    logger.addHandler(logging.handlers.QueueHandler(line))
    logger.setLevel(logging.INFO)
    stdlib.install(ctx)
    listener.start()
    logger.info("once")
    listener.stop()
    handler.handle(logging.makeLogRecord({"name": "a", "levelno": 20, "msg": "of another process", "process": 1}))

    assert bodies() == ["once", "of another process"]


def test_a_queue_loses_the_context_unless_it_is_captured(
    ctx: cl.LoggingContext, logger: logging.Logger, records: Callable[[], list[ReadableLogRecord]], tenant: Tenant
) -> None:
    """Behind a ``QueueHandler`` trace and baggage are those of the listener; a capturing filter brings them."""
    ctx.add_rule(ACME)
    line: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    listener = logging.handlers.QueueListener(line, stdlib.Handler(ctx))
    put = logging.handlers.QueueHandler(line)
    logger.addHandler(put)
    logger.setLevel(logging.DEBUG)
    tracing = TracerProvider(shutdown_on_exit=False)
    listener.start()
    with tracing.get_tracer("t").start_as_current_span("request") as span, tenant("acme"):
        logger.info("lost")
        put.addFilter(stdlib.ContextFilter(ctx, capture=True))
        logger.debug("kept")
    logger.debug("off")
    listener.stop()
    tracing.shutdown()
    lost, kept = (record.log_record for record in records())

    assert (lost.body, lost.trace_id or 0) == ("lost", 0)
    assert (kept.body, kept.trace_id) == ("kept", span.get_span_context().trace_id)
    assert (kept.attributes or {})["tenant"] == "acme"


def test_a_captured_record_can_be_sent_elsewhere(ctx: cl.LoggingContext, logger: logging.Logger) -> None:
    """The OTel context does not leave the process; the record does."""
    record = logging.makeLogRecord({"name": logger.name, "levelno": 40, "msg": "x"})
    assert stdlib.ContextFilter(ctx, capture=True).filter(record)
    sent = logging.makeLogRecord(pickle.loads(pickle.dumps(vars(record))))
    stdlib.Handler(ctx).handle(sent)

    assert sent.getMessage() == "x"


def test_wrong_arguments_are_named() -> None:
    """Handler and filter refuse what is no context."""
    for kind in (stdlib.Handler, stdlib.ContextFilter):
        with pytest.raises(TypeError, match="context must be a LoggingContext or None, but got 'x'"):
            kind("x")  # type: ignore[arg-type]
