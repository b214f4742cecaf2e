"""A context of its own whose records are kept, and a structlog that is as new after each test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import structlog
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

from otel_ctxlog import INFO, LoggingContext
from otel_ctxlog.bridges.structlog import ContextProcessor, NamedLoggerFactory, make_context_bound_logger

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

    @property
    def all(self) -> tuple[ReadableLogRecord, ...]:
        """The records."""
        return self.exporter.get_finished_logs()

    @property
    def bodies(self) -> list[object]:
        """Their bodies."""
        return [record.log_record.body for record in self.all]

    @property
    def attributes(self) -> list[dict[str, Any]]:
        """Their attributes."""
        return [dict(record.log_record.attributes or {}) for record in self.all]

    def configure(self, *processors: Any, bound: bool = True, **options: Any) -> None:
        """Configure structlog: these processors before ours, our bound logger unless told otherwise."""
        wrapper = make_context_bound_logger(self.context) if bound else structlog.BoundLogger
        structlog.configure(
            **{
                "wrapper_class": wrapper,
                "processors": [*processors, ContextProcessor(self.context)],
                "logger_factory": NamedLoggerFactory(),
                "cache_logger_on_first_use": False,
                **options,
            }
        )


@pytest.fixture
def records() -> Iterator[Records]:
    """A context, with structlog configured for it."""
    made = Records()
    made.configure()
    yield made
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
