"""Fixtures of the tests of the stdlib bridge: a real provider, and ``logging`` as it was before, afterwards."""

from __future__ import annotations

import logging
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from opentelemetry import baggage, context
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

import otel_ctxlog as cl
from otel_ctxlog.bridges import stdlib
from otel_ctxlog.engine.flatten import flatten
from otel_ctxlog.engine.stem import EMPTY
from otel_ctxlog.loggers.context import core_of
from otel_ctxlog.loggers.std_logger import StdLogger

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from contextlib import AbstractContextManager

    from opentelemetry.sdk._logs import ReadableLogRecord


class Kept(logging.Handler):
    """A handler that keeps what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record."""
        self.records.append(record)

    @property
    def texts(self) -> list[str]:
        """The formatted messages."""
        return [record.getMessage() for record in self.records]


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    """No bridge, and root and ``logging.disable()`` as they were, whatever a test leaves behind."""
    root = logging.getLogger()
    before = root.level, list(root.handlers), root.manager.disable, logging.getLoggerClass()
    yield
    stdlib.uninstall()
    logging.captureWarnings(capture=False)
    logging.setLoggerClass(before[3])
    logging.disable(before[2])
    root.handlers[:] = before[1]
    root.setLevel(before[0])


@pytest.fixture
def exporter() -> InMemoryLogRecordExporter:
    """A fresh in-memory exporter."""
    return InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]


@pytest.fixture
def provider(exporter: InMemoryLogRecordExporter) -> Iterator[LoggerProvider]:
    """A fresh SDK provider that exports at once into `exporter`."""
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    yield provider
    provider.shutdown()


@pytest.fixture
def ctx(provider: LoggerProvider) -> cl.LoggingContext:
    """A root context on `provider`."""
    return cl.LoggingContext(provider)


@pytest.fixture
def records(exporter: InMemoryLogRecordExporter) -> Callable[[], list[ReadableLogRecord]]:
    """A callable that returns the finished records, oldest first."""
    return lambda: list(exporter.get_finished_logs())


@pytest.fixture
def bodies(records: Callable[[], list[ReadableLogRecord]]) -> Callable[[], list[object]]:
    """A callable that returns the bodies of the finished records, oldest first."""
    return lambda: [record.log_record.body for record in records()]


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """A logger that no test has seen before, one level below another."""
    made = logging.getLogger(f"app{uuid.uuid4().hex}.cart")
    yield made
    # The official handler starts a thread when `logging` flushes it at the end.
    made.handlers.clear()


@pytest.fixture
def kept(logger: logging.Logger) -> Kept:
    """A handler on `logger` that keeps what it gets; nothing goes up to root."""
    handler = Kept()
    logger.addHandler(handler)
    logger.propagate = False
    return handler


@pytest.fixture
def tenant() -> Callable[[str], AbstractContextManager[None]]:
    """A context manager with that tenant in the baggage."""

    @contextmanager
    def entered(name: str) -> Generator[None]:
        token = context.attach(baggage.set_baggage("tenant", name))
        try:
            yield
        finally:
            context.detach(token)

    return entered


def std_logger(ctx: cl.LoggingContext, *messages: object) -> StdLogger:
    """What ``ctx.std_logger(*messages)`` makes."""
    return StdLogger(core_of(ctx), EMPTY.with_messages(flatten(messages)))
