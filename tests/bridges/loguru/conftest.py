"""A context of its own whose records are kept, and a loguru with no other sink."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from loguru import logger
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

from otel_ctxlog import INFO, LoggingContext
from otel_ctxlog.bridges.loguru import ContextFilter, LoguruSink

if TYPE_CHECKING:
    from collections.abc import Iterator


class Records:
    """A context, and what was logged through it."""

    def __init__(self) -> None:
        self.exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call] # of the SDK
        provider = LoggerProvider(shutdown_on_exit=False)
        provider.add_log_record_processor(SimpleLogRecordProcessor(self.exporter))
        self.context = LoggingContext(provider)
        self.context.default_level = INFO

    def add(self, *, filtered: bool = True, **options: Any) -> None:
        """Make ours the only sink of loguru."""
        logger.remove()
        if filtered:
            options["filter"] = ContextFilter(self.context)
        logger.add(LoguruSink(self.context), level=0, **options)

    @property
    def all(self) -> tuple[ReadableLogRecord, ...]:
        """The records, also those that were still in a queue."""
        logger.complete()
        return self.exporter.get_finished_logs()

    @property
    def bodies(self) -> list[object]:
        """Their bodies."""
        return [record.log_record.body for record in self.all]

    @property
    def attributes(self) -> list[dict[str, Any]]:
        """Their attributes."""
        return [dict(record.log_record.attributes or {}) for record in self.all]


@pytest.fixture
def records() -> Iterator[Records]:
    """A context, with loguru configured for it."""
    logger.remove()
    made = Records()
    made.add()
    yield made
    logger.remove()
    logger.configure(patcher=lambda _record: None, extra={})
