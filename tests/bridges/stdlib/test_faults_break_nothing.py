"""Recursion, raising handlers, forks, shutdown, the official handler beside: nothing raises, hangs or comes twice."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import textwrap
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.instrumentation.logging.handler import LoggingHandler  # pyright: ignore[reportMissingTypeStubs]
from opentelemetry.sdk import _logs
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, SimpleLogRecordProcessor

import otel_ctxlog as cl
from otel_ctxlog.bridges import stdlib
from otel_ctxlog.receiver import Receiver

from .conftest import Kept

if TYPE_CHECKING:
    from collections.abc import Callable

    Bodies = Callable[[], list[object]]

ROOT = Path(__file__).resolve().parents[3]


def run(code: str) -> subprocess.CompletedProcess[str]:
    """The end of a program of its own."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.parametrize("kind", [SimpleLogRecordProcessor, BatchLogRecordProcessor])
def test_what_exporting_logs_is_not_exported(kind: Callable[[OTLPLogExporter], LogRecordProcessor]) -> None:
    """With everything on and root at DEBUG, what the HTTP client of the exporter logs stays on this side."""
    client = logging.getLogger("urllib3.connectionpool")
    heard = Kept()
    root = logging.getLogger()
    root.addHandler(heard)
    root.setLevel(logging.DEBUG)
    with Receiver(http_port=0, grpc_port=None) as receiver:
        provider = LoggerProvider(shutdown_on_exit=False)
        provider.add_log_record_processor(kind(OTLPLogExporter(endpoint=f"{receiver.http_endpoint}/v1/logs")))
        ctx = cl.LoggingContext(provider)
        ctx.default_level = cl.TRACE
        stdlib.install(ctx)
        for number in range(5):
            logging.getLogger("app").debug("record %d", number)
        provider.force_flush()
        client.debug("of the application")
        provider.force_flush()
        receiver.wait_for(6)
        provider.shutdown()
        bodies = [record.body for record in receiver.records]

    assert bodies == [*(f"record {number}" for number in range(5)), "of the application"]
    assert [text for text in heard.texts if "POST /v1/logs" in text]


def test_diagnostics_are_not_bridged(ctx: cl.LoggingContext, bodies: Bodies) -> None:
    """Records of OpenTelemetry's loggers and of ours reach the other handlers only, in both modes."""
    heard = Kept()
    logging.getLogger().addHandler(heard)
    ctx.default_level = cl.TRACE
    modes: tuple[stdlib.Others, ...] = ("unchanged", "gated")
    for others in modes:
        stdlib.install(ctx, others=others)
        logging.getLogger("opentelemetry.sdk.trace").warning("sdk")
        logging.getLogger("opentelemetry.sdk.trace").debug("below its level")
        logging.getLogger("otel_ctxlog").error("ours")
    logging.getLogger("opentelemetryish").warning("another's")

    assert bodies() == ["another's"]
    assert heard.texts == ["sdk", "ours", "sdk", "ours", "another's"]


def test_a_target_that_logs_is_not_fed_back(logger: logging.Logger) -> None:
    """What a sink, a processor, a rule or a source logs while it is at work is not bridged."""
    inner = logging.getLogger(logger.name + ".inner")
    seen: list[object] = []

    class Sink:
        def enabled(self, level: int) -> bool:
            inner.info("enabled")
            return True

        def emit(self, **fields: object) -> None:
            inner.info("emit")
            seen.append(fields["body"])

    class Loud:
        def matches(self, messages: object) -> bool:
            inner.info("asked")
            return True

    ctx = cl.LoggingContext(Sink())
    ctx.add_rule(cl.ConditionRule(cl.DEBUG, Loud()))
    stdlib.install(ctx)
    logger.debug("record")

    assert seen == ["record"]


def test_a_processor_that_logs_is_not_fed_back(logger: logging.Logger) -> None:
    """The same for a processor of the SDK."""
    seen: list[object] = []

    class Loud(LogRecordProcessor):
        def on_emit(self, log_record: ReadWriteLogRecord) -> None:
            logger.error("from the processor")
            seen.append(log_record.log_record.body)

        def shutdown(self) -> None:
            pass

        def force_flush(self, timeout_millis: int = 30000) -> bool:
            return True

    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(Loud())
    stdlib.install(cl.LoggingContext(provider))
    logger.error("record")

    assert seen == ["record"]


def test_a_sink_that_raises_costs_the_call_nothing(logger: logging.Logger, kept: Kept) -> None:
    """The other handlers get the record all the same, and there is one diagnostic."""

    class Broken:
        def enabled(self, level: int) -> bool:
            return True

        def emit(self, **fields: object) -> None:
            raise RuntimeError

    diagnostics = Kept()
    logging.getLogger("otel_ctxlog").addHandler(diagnostics)
    stdlib.install(cl.LoggingContext(Broken()))
    logger.error("a")
    logger.error("b")
    logging.getLogger("otel_ctxlog").removeHandler(diagnostics)

    assert kept.texts == ["a", "b"]
    assert len(diagnostics.texts) == 1


def test_a_handler_that_raises_does_so_after_the_record_is_written(
    ctx: cl.LoggingContext, logger: logging.Logger, bodies: Bodies
) -> None:
    """``logging`` lets its error through to the caller; the bridge changes nothing about that, and loses nothing."""

    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError

    logger.addHandler(Broken())
    stdlib.install(ctx)
    with pytest.raises(RuntimeError):
        logger.error("kept")

    assert bodies() == ["kept"]


@pytest.mark.parametrize("which", ["instrumentation", "sdk"])
def test_the_official_handler_beside_gives_no_duplicate(
    ctx: cl.LoggingContext, provider: LoggerProvider, logger: logging.Logger, bodies: Bodies, which: str
) -> None:
    """Put on before or after, it keeps quiet while the bridge writes to its provider, with one diagnostic each."""
    diagnostics = Kept()
    logging.getLogger("otel_ctxlog").addHandler(diagnostics)

    def official() -> logging.Handler:
        if which == "instrumentation":
            return LoggingHandler(logger_provider=provider)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return _logs.LoggingHandler(logger_provider=provider)

    before, after = official(), official()
    logger.addHandler(before)
    stdlib.install(ctx)
    logger.error("a")
    logger.addHandler(after)
    logger.error("b")
    stdlib.uninstall()
    logger.removeHandler(after)
    logger.error("c")
    logging.getLogger("otel_ctxlog").removeHandler(diagnostics)

    assert bodies() == ["a", "b", "c"]
    assert [text.partition(" writes")[0].rpartition(".")[2] for text in diagnostics.texts] == ["LoggingHandler"] * 2


def test_an_official_handler_with_another_provider_is_left_alone(
    ctx: cl.LoggingContext, logger: logging.Logger, bodies: Bodies
) -> None:
    """It repeats nothing."""
    other: list[object] = []

    class Keep(LogRecordProcessor):
        def on_emit(self, log_record: ReadWriteLogRecord) -> None:
            other.append(log_record.log_record.body)

        def shutdown(self) -> None:
            pass

        def force_flush(self, timeout_millis: int = 30000) -> bool:
            return True

    beside = LoggerProvider(shutdown_on_exit=False)
    beside.add_log_record_processor(Keep())
    logger.addHandler(LoggingHandler(logger_provider=beside))
    stdlib.install(ctx)
    logger.error("a")

    assert (bodies(), other) == (["a"], ["a"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_logs_on(logger: logging.Logger) -> None:
    """Forked while other threads log, each child logs and sees a change of rules."""

    class Sink:  # the SDK's in-memory exporter holds a lock that a fork leaves locked
        def enabled(self, level: int) -> bool:
            return True

        def emit(self, **fields: object) -> None:
            pass

    ctx = cl.LoggingContext(Sink())
    stdlib.install(ctx)
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            logger.info("x")
            logger.debug("x")

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            child = os.fork()
            if child == 0:
                try:
                    ctx.default_level = cl.NONE
                    off = logger.isEnabledFor(logging.DEBUG)
                    ctx.default_level = cl.DEBUG
                    logger.debug("of the child")
                    os._exit(0 if logger.isEnabledFor(logging.DEBUG) and not off else 1)
                finally:
                    os._exit(2)
            _, status = os.waitpid(child, 0)
            assert os.waitstatus_to_exitcode(status) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_logging_at_the_end_of_the_interpreter_is_quiet() -> None:
    """In ``atexit``, in finalizers, in a daemon thread, after ``logging.shutdown()``: the process ends well."""
    done = run(
        """
        import atexit, logging, threading, time
        import otel_ctxlog as cl
        from opentelemetry.sdk._logs import LoggerProvider
        from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
        from otel_ctxlog.bridges import stdlib

        provider = LoggerProvider()
        provider.add_log_record_processor(SimpleLogRecordProcessor(InMemoryLogRecordExporter()))
        ctx = cl.LoggingContext(provider)
        ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.BaggageEntry("tenant", "acme")))
        stdlib.install(ctx)
        log = logging.getLogger("app")
        log.addHandler(stdlib.Handler(cl.LoggingContext(provider)))
        log.propagate = False

        class Late:
            def __del__(self):
                log.info("finalizer %s", 1)
                log.debug("debug")

        late = Late()
        cycle = Late()
        cycle.itself = cycle
        atexit.register(lambda: log.info("atexit"))

        def forever():
            while True:
                log.info("daemon")
                time.sleep(0.001)

        threading.Thread(target=forever, daemon=True).start()
        logging.shutdown()
        log.info("after shutdown")
        """
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_importing_the_bridges_loads_no_sdk() -> None:
    """Neither the room nor the stdlib bridge loads the SDK, and importing installs nothing."""
    done = run(
        """
        import logging, sys
        before = logging.Logger.isEnabledFor
        import otel_ctxlog.bridges
        assert "otel_ctxlog.bridges.stdlib" not in sys.modules
        import otel_ctxlog.bridges.stdlib
        assert not [name for name in sys.modules if name.startswith("opentelemetry.sdk")]
        assert logging.Logger.isEnabledFor is before
        """
    )

    assert (done.returncode, done.stderr) == (0, "")
