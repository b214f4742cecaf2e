"""Real providers, their records in memory, and contexts that gate them."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from opentelemetry import baggage, context
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

import otel_ctxlog as cl
from otel_ctxlog.bridges.otel import ContextRuleProcessor

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from opentelemetry.context import Context
    from opentelemetry.sdk._logs import LogRecordProcessor


class Gated:
    """A provider whose records all have to pass the rules of `ctx`."""

    def __init__(self) -> None:
        self.exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
        self.provider = LoggerProvider(shutdown_on_exit=False)
        self.ctx = cl.LoggingContext(self.provider)

    def gate(
        self, next: LogRecordProcessor | None = None, ctx: cl.LoggingContext | None = None
    ) -> ContextRuleProcessor:
        """Add a gate; without `next` it leads into memory."""
        gate = ContextRuleProcessor(next or SimpleLogRecordProcessor(self.exporter), ctx or self.ctx)
        self.provider.add_log_record_processor(gate)
        return gate

    def records(self) -> list[ReadableLogRecord]:
        """What came through, oldest first."""
        return list(self.exporter.get_finished_logs())

    def bodies(self) -> list[object]:
        """The bodies of it."""
        return [record.log_record.body for record in self.records()]


@pytest.fixture
def ungated() -> Iterator[Gated]:
    """Return a provider without any processor yet."""
    made = Gated()
    yield made
    made.provider.shutdown()


@pytest.fixture
def gated(ungated: Gated) -> Gated:
    """Return a provider with a gate of its context."""
    ungated.gate()
    return ungated


@pytest.fixture
def diagnostics() -> Iterator[list[str]]:
    """The texts of our own diagnostics, as they come."""
    texts: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            texts.append(record.getMessage())

    handler = Handler()
    logging.getLogger("otel_ctxlog").addHandler(handler)
    yield texts
    logging.getLogger("otel_ctxlog").removeHandler(handler)


def of_tenant(name: str) -> Context:
    """A context with that tenant in its baggage, and nothing else."""
    return baggage.set_baggage("tenant", name, context.Context())


@contextmanager
def current(made: Context) -> Generator[None]:
    """Make a context the current one."""
    token = context.attach(made)
    try:
        yield
    finally:
        context.detach(token)
