"""Whatever goes wrong on the way, a call returns, nothing recurses, and nothing is written twice."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from loguru import logger
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter, LogRecordExportResult

from otel_ctxlog import DEBUG, Attribute, ConditionRule, LoggingContext, set_default_context
from otel_ctxlog.bridges import stdlib
from otel_ctxlog.bridges.loguru import ContextFilter, LoguruSink

ROOT = Path(__file__).resolve().parents[3]


class Intercept(logging.Handler):
    """The handler that loguru's documentation gives for `logging`."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass on to loguru."""

        def rename(entry: Any) -> None:
            entry["name"] = record.name

        logger.patch(rename).opt(exception=record.exc_info).log(record.levelname, record.getMessage())


@pytest.fixture
def intercepted() -> Any:
    """Everything of `logging` goes to loguru."""
    handler = Intercept()
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield
    root.removeHandler(handler)
    root.setLevel(level)


def test_a_sink_that_raises_is_said_once_and_its_own_diagnostic_ends(
    intercepted: None, capsys: pytest.CaptureFixture[str], records: Any
) -> None:
    """A target that raises costs one diagnostic, which does not come back through loguru; loguru reports no error."""
    calls: list[str] = []

    class Broken:
        def enabled(self, level: int) -> bool:
            return True

        def emit(self, **record: Any) -> None:
            calls.append(record["body"])
            logger.info("from the target")
            logging.getLogger("some.library").info("from the target")
            raise OSError("disk full")

    context = LoggingContext(Broken())
    logger.remove()
    logger.add(LoguruSink(context), level=0, filter=ContextFilter(context), catch=False)
    for number in range(3):
        logger.info(f"{number}")

    assert calls == ["0", "1", "2"]
    assert "Logging error" not in capsys.readouterr().err


@pytest.mark.parametrize("filtered", [True, False], ids=["filter and sink", "sink alone"])
def test_what_exporting_logs_is_not_exported(intercepted: None, records: Any, filtered: bool) -> None:
    """What the SDK and the libraries that it uses log while they export does not come back; other records do."""
    exported: list[object] = []

    class Talking(LogRecordExporter):
        def export(self, batch: Any) -> LogRecordExportResult:
            exported.extend(record.log_record.body for record in batch)
            logging.getLogger("urllib3.connectionpool").debug("POST /v1/logs")
            logging.getLogger("opentelemetry.sdk").warning("exporting")
            logger.info("exporting")
            return LogRecordExportResult.SUCCESS

        def force_flush(self, timeout_millis: int = 30_000) -> bool:
            return True

        def shutdown(self) -> None:
            """Nothing to end."""

    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(BatchLogRecordProcessor(Talking()))
    context = LoggingContext(provider)
    context.default_level = DEBUG
    logger.remove()
    logger.add(LoguruSink(context), level=0, filter=ContextFilter(context) if filtered else None)
    logging.getLogger("urllib3.connectionpool").info("of the application")
    logging.getLogger("opentelemetry.instrumentation").warning("diagnostics are not bridged")
    for _ in range(3):
        provider.force_flush()
    provider.shutdown()

    assert exported == ["of the application"]


def test_a_rule_that_logs_does_not_recurse(records: Any) -> None:
    """What a condition logs through loguru while it is asked ends there."""
    asked: list[object] = []

    class Talking:
        def matches(self, _messages: object) -> bool:
            asked.append(1)
            logger.info("from a condition")
            return True

    records.context.add_rule(ConditionRule(DEBUG, Talking()))
    logger.debug("start")

    assert (records.bodies, len(asked)) == (["start"], 1)


def test_hostile_values_break_no_call(records: Any) -> None:
    """Values of any kind that are bound end up as something, on a record."""

    class Hostile:
        def __str__(self) -> str:
            raise ValueError("no")

        __repr__ = __str__

        def __eq__(self, _other: object) -> bool:
            raise ValueError("no")

        __hash__ = None  # type: ignore[assignment]

    records.context.add_rule(ConditionRule(DEBUG, Attribute("bad", 1)))
    cycle: list[object] = []
    cycle.append(cycle)
    logger.bind(bad=Hostile(), cycle=cycle, realm=Hostile(), otel_ctxlog=Hostile()).info("\ud800")

    assert len(records.bodies) == 1


def test_removing_a_sink_while_others_log(records: Any) -> None:
    """Sinks that come and go under load cost no exception."""
    stop = threading.Event()
    errors: list[BaseException] = []

    def work() -> None:
        try:
            while not stop.is_set():
                logger.info("x")
        except BaseException as error:  # noqa: BLE001 - it is what is asserted
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        records.add()
    stop.set()
    for thread in threads:
        thread.join()

    assert errors == []
    assert set(records.bodies) == {"x"}


def run(code: str) -> subprocess.CompletedProcess[str]:
    """A program of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    # From 3.12 on, a fork beside loguru's own thread is warned of.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=60)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_process_logs_through_the_queue_of_its_parent() -> None:
    """With `enqueue=True` records of a forked child arrive in the parent, with the child's trace and baggage."""
    done = run(
        """
import os, sys
from loguru import logger
from opentelemetry import baggage, trace
from opentelemetry.context import attach
import otel_ctxlog as cl
from otel_ctxlog.bridges.loguru import *
class Sink:
    def enabled(self, level):
        return True
    def emit(self, *, body, context, attributes, **rest):
        span = trace.get_current_span(context).get_span_context()
        print(body, span.trace_id, baggage.get_all(context), attributes["b"], flush=True)
ctx = cl.LoggingContext(Sink())
ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.BaggageEntry("b", "1")))
logger.remove()
logger.add(LoguruSink(ctx), level=0, filter=ContextFilter(ctx), enqueue=True)
pid = os.fork()
if pid == 0:
    span = trace.NonRecordingSpan(trace.SpanContext(7, 8, False, trace.TraceFlags(1)))
    attach(baggage.set_baggage("b", "1", trace.set_span_in_context(span)))
    logger.debug("child")
    os._exit(0)
os.waitpid(pid, 0)
logger.complete()
logger.remove()
"""
    )

    assert (done.stdout, done.stderr) == ("child 7 {'b': '1'} 1\n", "")


def test_calls_during_shutdown_are_quiet() -> None:
    """Loggers used by finalizers and exit handlers while the interpreter ends print and raise nothing."""
    done = run(
        """
import atexit, os
from loguru import logger
import otel_ctxlog as cl
from otel_ctxlog.bridges.loguru import *
class Sink:
    def enabled(self, level):
        return True
    def emit(self, *, body, **rest):
        os.write(1, body.encode() + b" ")
ctx = cl.LoggingContext(Sink())
logger.remove()
logger.add(LoguruSink(ctx), level=0, filter=ContextFilter(ctx))
class Last:
    def __del__(self):
        logger.info("last")
kept = Last()
def end():
    logger.info("exit")
atexit.register(end)
logger.info("first")
"""
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("first exit")


def test_without_loguru_the_import_names_the_extra() -> None:
    """Importing the bridge where loguru is not installed says what to install."""
    done = run("import sys; sys.modules['loguru'] = None; import otel_ctxlog.bridges.loguru")

    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("otel_ctxlog.errors.MissingExtraError:")
    assert last.endswith("[loguru]'")


@pytest.mark.parametrize("default", [False, True], ids=["same object", "default context"])
def test_what_logging_hands_on_is_written_once(intercepted: None, records: Any, default: bool) -> None:
    """With `stdlib.install` and an `InterceptHandler` to one context, each record is written once, and none is lost."""
    before = set_default_context(records.context)
    stdlib.install(None if default else records.context)
    try:
        logging.getLogger("some.library").info("from %s", "logging")
        logger.info("from loguru")
        logging.getLogger("some.library").info("from %s", "logging")
    finally:
        stdlib.uninstall()
        set_default_context(before)

    assert records.bodies == ["from logging", "from loguru", "from logging"]


def test_what_a_handler_says_of_its_own_is_written(records: Any) -> None:
    """A handler that logs something else through loguru while a bridged record is handed to it is heard."""

    class Telling(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            logger.info(f"seen: {record.getMessage()}")

    log = logging.getLogger("loguru.telling")
    log.addHandler(Telling())
    log.setLevel(logging.INFO)
    stdlib.install(records.context)
    try:
        log.info("a")
    finally:
        stdlib.uninstall()
        log.handlers.clear()

    assert records.bodies == ["a", "seen: a"]


def test_what_goes_to_another_context_is_written_there_too(intercepted: None, records: Any) -> None:
    """A bridge to another context keeps nothing from the sink."""
    stdlib.install(LoggingContext())
    try:
        logging.getLogger("some.library").info("a")
    finally:
        stdlib.uninstall()

    assert records.bodies == ["a"]
