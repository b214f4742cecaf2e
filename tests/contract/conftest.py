"""Fixtures of the contract tests: real providers with in-memory exporters, and observers of what comes out."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

import pytest
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

import otel_ctxlog as cl

from . import records as observers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from opentelemetry.context import Context
    from opentelemetry.trace import Tracer


class UseBaggage(Protocol):
    """`use_baggage(**entries)`, or `use_baggage({"dotted.name": "value"})`: a context manager."""

    def __call__(
        self, entries: Mapping[str, object] | None = None, /, **more: object
    ) -> AbstractContextManager[Context]:
        """Make the entries part of the current baggage inside the `with` block."""
        ...


@pytest.fixture
def exporter() -> InMemoryLogRecordExporter:
    """A fresh in-memory exporter."""
    return InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]


@pytest.fixture
def provider(exporter: InMemoryLogRecordExporter) -> Iterator[LoggerProvider]:
    """A fresh SDK provider that exports at once into `exporter`; its resource is `service.name=contract`."""
    provider = LoggerProvider(resource=Resource({"service.name": "contract"}), shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    yield provider
    provider.shutdown()


@pytest.fixture
def records(exporter: InMemoryLogRecordExporter) -> Callable[[], list[ReadableLogRecord]]:
    """A callable that returns the finished records, oldest first."""
    return lambda: list(exporter.get_finished_logs())


@pytest.fixture
def tracer() -> Iterator[Tracer]:
    """A tracer of a real, always sampling SDK provider."""
    provider = TracerProvider(shutdown_on_exit=False)
    yield provider.get_tracer("contract")
    provider.shutdown()


@pytest.fixture
def ctx(provider: LoggerProvider) -> cl.LoggingContext:
    """A root context on `provider`."""
    return cl.LoggingContext(provider)


@pytest.fixture
def sink() -> observers.RecordingSink:
    """A recording `LogSink`."""
    return observers.RecordingSink()


@pytest.fixture
def plain(sink: observers.RecordingSink) -> cl.LoggingContext:
    """A root context on `sink` without any source of ambient attributes."""
    return cl.LoggingContext(sink, sources=())


@pytest.fixture
def diagnostics() -> Iterator[list[logging.LogRecord]]:
    """The records of `logging.getLogger("otel_ctxlog")` of this test, as they come."""
    logger = logging.getLogger("otel_ctxlog")
    handler = observers.DiagnosticHandler()
    logger.addHandler(handler)
    yield handler.records
    logger.removeHandler(handler)


@pytest.fixture
def use_baggage() -> UseBaggage:
    """Return the context manager that adds entries to the current baggage."""
    return observers.use_baggage


@pytest.fixture
def fresh_process(tmp_path: Path) -> observers.FreshProcess:
    """A runner of source in a new interpreter, for tests of global state; returns what was printed."""
    return observers.FreshProcess(tmp_path)
