"""structlog: its events as OpenTelemetry log records, under the rules of a context.

::

    structlog.configure(
        wrapper_class=make_context_bound_logger(),
        processors=[ContextProcessor()],
        logger_factory=NamedLoggerFactory(),
    )

Needs structlog 24.1 or later: ``pip install 'otel-ctxlog[structlog]'``.
"""

from __future__ import annotations

from otel_ctxlog.errors import MissingExtraError

try:
    __import__("structlog")
except ImportError as error:
    raise MissingExtraError("otel_ctxlog.bridges.structlog", "structlog") from error

from otel_ctxlog.bridges.structlog_logger import ContextBoundLogger, make_context_bound_logger
from otel_ctxlog.bridges.structlog_names import NamedLogger, NamedLoggerFactory
from otel_ctxlog.bridges.structlog_processor import ContextProcessor

__all__ = [
    "ContextBoundLogger",
    "ContextProcessor",
    "NamedLogger",
    "NamedLoggerFactory",
    "make_context_bound_logger",
]
