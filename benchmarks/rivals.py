"""The libraries, each set up as its documentation recommends for production, and the calls one writes with them.

A call that is *off* is a debug call where only Info and up is wanted. What is *written* goes into the least that the
library can write to, so that the library is measured and not a terminal:

- stdlib logging: a handler that drops the record.
- structlog: `make_filtering_bound_logger`, the processors that a service has (context variables, level, timestamp), and
  a logger that drops the event.
- loguru: a sink that drops the line, with the shortest format there is; loguru always formats.
- stdlib + LoggingHandler: the handler of OpenTelemetry's SDK, into a provider whose processor does nothing. It adds
  three ``code.*`` attributes to the fields, and nothing of span attributes or baggage.
- OTel Logger: `Logger.emit`, into the same kind of provider, with the record that `otel_ctxlog` writes, by hand. It has
  no levels; what comes closest to a call that is off is asking `Logger.enabled` first.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Mapping
from time import time_ns
from typing import Any

import structlog
from loguru import logger as loguru_logger
from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from structlog.typing import EventDict, WrappedLogger

import otel_ctxlog as cl
from benchmarks.model import Case, Library
from benchmarks.shop import DEBUG_TEXT, INFO_TEXT, OnlyInfo, provider
from benchmarks.timing import Before, timed

KEYWORDS = (Library.OURS, Library.STRUCTLOG, Library.LOGURU)
"""Those whose fields are keyword arguments."""
SCOPE = "shop.cart"
"""The name of the loggers, for all of them the OpenTelemetry scope."""


class _Drop(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        pass


class _DropEvents:
    def info(self, event: str) -> None:
        pass


def _drop_fields(_logger: WrappedLogger, _name: str, event: EventDict) -> str:
    return str(event["event"])


def stdlib_logger(handler: logging.Handler) -> logging.Logger:
    """Return a logger at Info that only this handler hears."""
    # A tree of its own: nothing that the process logs otherwise has to do with it.
    made = logging.Manager(logging.RootLogger(logging.INFO)).getLogger(SCOPE)
    made.propagate = False
    made.addHandler(handler)
    return made


def logging_handler(target: LoggerProvider) -> LoggingHandler:
    """Return the SDK's handler for that provider."""
    with warnings.catch_warnings():
        # The SDK would rather see the handler of its instrumentation package used, which is the same one moved.
        warnings.simplefilter("ignore", DeprecationWarning)
        return LoggingHandler(logger_provider=target)


def structlog_logger() -> Any:
    """Return a structlog logger at Info that drops what it gets."""
    return structlog.wrap_logger(
        _DropEvents(),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            _drop_fields,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    ).bind()


def loggers(ours: object = None) -> dict[Library, object]:
    """Return a logger of each library that writes from Info upwards.

    Args:
        ours: our logger; None for an unbound one named as the others, in a context without rules.
    """
    loguru_logger.remove()
    loguru_logger.add(lambda _: None, level="INFO", format="{message}")
    return {
        Library.OURS: ours or cl.LoggingContext(provider()).unbound_logger(cl.Name(SCOPE)),
        Library.STDLIB: stdlib_logger(_Drop()),
        Library.STRUCTLOG: structlog_logger(),
        Library.LOGURU: loguru_logger,
        Library.HANDLER: stdlib_logger(logging_handler(provider())),
        Library.RAW: provider(OnlyInfo()).get_logger(SCOPE),
    }


def debug(library: Library, fields: Mapping[str, object]) -> str:
    """Return the statement of a debug call on `log`, with these fields from variables of the same names."""
    if library is Library.RAW:
        return f"if log.enabled(severity_number=DEBUG): {_emit('DEBUG', DEBUG_TEXT, fields)}"
    return _call(library, "debug", DEBUG_TEXT, fields)


def info(library: Library, fields: Mapping[str, object]) -> str:
    """Return the statement of an info call on `log`, likewise."""
    if library is Library.RAW:
        return _emit("INFO", INFO_TEXT, fields)
    return _call(library, "info", INFO_TEXT, fields)


def _call(library: Library, method: str, text: str, fields: Mapping[str, object]) -> str:
    if not fields:
        return f"log.{method}({text!r})"
    if library in KEYWORDS:
        return f"log.{method}({text!r}, {', '.join(f'{name}={name}' for name in fields)})"
    return f"log.{method}({text!r}, extra={_mapping(fields)})"


def _emit(severity: str, text: str, fields: Mapping[str, object]) -> str:
    attributes = f", attributes={_mapping(fields)}" if fields else ""
    return (
        f"log.emit(timestamp=now(), severity_number={severity}, severity_text={severity!r}, body={text!r}{attributes})"
    )


def _mapping(fields: Mapping[str, object]) -> str:
    return f"{{{', '.join(f'{name!r}: {name}' for name in fields)}}}"


def names(log: object, fields: Mapping[str, object]) -> dict[str, object]:
    """Return what the names in these statements stand for."""
    return {**fields, "log": log, "now": time_ns, "INFO": SeverityNumber.INFO, "DEBUG": SeverityNumber.DEBUG}


def off(scenario: str, logs: Mapping[Library, object], fields: Mapping[str, object]) -> list[Case]:
    """Return the cases of a debug call on each of these loggers."""
    return [timed(scenario, library, debug(library, fields), names(log, fields)) for library, log in logs.items()]


def written(
    scenario: str,
    logs: Mapping[Library, object],
    fields: Mapping[str, object],
    *,
    before: Before | None = None,
) -> list[Case]:
    """Return the cases of an info call on each of these loggers; `before` is called before each sample."""
    extra = {} if before is None else {"before": before}
    return [
        timed(scenario, library, info(library, fields), names(log, fields), **extra) for library, log in logs.items()
    ]


def some(logs: Mapping[Library, object], wanted: Iterable[Library]) -> dict[Library, object]:
    """Return the loggers of these libraries."""
    return {library: logs[library] for library in wanted}
