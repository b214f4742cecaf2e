"""A handler and a filter for ``dictConfig`` and ``fileConfig``, or for a logger at hand."""

from __future__ import annotations

import logging
import os
from typing import Final, cast

from otel_ctxlog.bridges.stdlib.bridge import ACTIVE
from otel_ctxlog.bridges.stdlib.feedback import BUSY, is_diagnostic_name, is_quiet
from otel_ctxlog.bridges.stdlib.installing import checked_context
from otel_ctxlog.bridges.stdlib.once import is_same
from otel_ctxlog.bridges.stdlib.writers import Writers
from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.engine.values import AttributeValue, clean_text
from otel_ctxlog.loggers.context import LoggingContext, core_of
from otel_ctxlog.loggers.std_record import CAPTURED, level_of
from otel_ctxlog.otel.context import Context, get_current

__all__ = ["ContextFilter", "Handler"]


class _Captured:
    """The OTel context that a record was made in; it does not leave the process."""

    __slots__ = ("context",)

    def __init__(self, context: Context | None = None) -> None:
        self.context = context

    def __reduce__(self) -> tuple[type[_Captured], tuple[()]]:
        return _Captured, ()


_NOT_CAPTURED: Final = _Captured()


class Handler(logging.Handler):
    """Writes records to a context, those that pass its rules.

    On its own it gets what the levels of loggers let through, so that rules can only make it less; `install` lets them
    make it more. While a bridge to the same context is installed, it leaves the records of this process to that one.
    With a formatter, its text is the body.

    It takes no lock, and has nothing to flush: what is queued is queued behind the context's target.

    Args:
        context: its rules decide, and its target gets the records; None: the default context.
        level: the lowest ``logging`` level that is looked at.

    Raises:
        TypeError: `context` is no `LoggingContext`.
        ValueError: `level` is no level of ``logging``.
    """

    def __init__(self, context: LoggingContext | None = None, level: int | str = logging.NOTSET) -> None:
        super().__init__(level)
        checked = checked_context(context)
        self._core = core_of(checked)
        self._writers = Writers(checked)

    def handle(self, record: logging.LogRecord) -> bool | logging.LogRecord:  # type: ignore[override] # as since 3.12
        """Write the record if this handler's filters and the rules let it through; return what the filters said."""
        passed: object = cast("object", self.filter(record))
        if isinstance(passed, logging.LogRecord):
            record = passed
        elif not passed:
            return False
        self.emit(record)
        return record

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record if the rules let it through; raises nothing."""
        bridge = ACTIVE.bridge
        if bridge is not None and is_same(bridge.core, self._core) and record.process in (None, os.getpid()):
            return
        name = str(record.name)
        if is_diagnostic_name(name):
            return
        context = get_current()
        if is_quiet(context):
            return
        captured = vars(record).get(CAPTURED, _NOT_CAPTURED)
        try:
            body = None if self.formatter is None else self._formatted
            self._writers.of(name).write(record, captured.context or context, body)
        except Exception as error:  # noqa: BLE001 - a logging call never raises
            kind = type(record)
            report_once(kind, f"a record of type {kind.__name__} could not be bridged", error=error)

    def _formatted(self, record: logging.LogRecord) -> AttributeValue:
        return clean_text(self.format(record))


class ContextFilter(logging.Filter):
    """Lets through what the rules of a context let through; for handlers that are to obey them, too.

    Records of OpenTelemetry's loggers and of this library's pass always: rules do not hide what is wrong with logging.

    Args:
        context: its rules decide; None: the default context.
        capture: note the OTel context on the records, for a `Handler` in another thread: put the filter on the
            ``QueueHandler``.

    Raises:
        TypeError: `context` is no `LoggingContext`.
    """

    def __init__(self, context: LoggingContext | None = None, *, capture: bool = False) -> None:
        super().__init__()
        self._writers = Writers(checked_context(context))
        self._capture = capture

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the rules let the record through; raises nothing."""
        name = str(record.name)
        if BUSY.get() or is_diagnostic_name(name):
            return True
        context = get_current()
        if self._capture:
            vars(record).setdefault(CAPTURED, _Captured(context))
        try:
            return self._writers.of(name).is_on(level_of(record.levelno), context)
        except Exception as error:  # noqa: BLE001 - a logging call never raises
            kind = type(record)
            report_once(kind, f"the rules could not be asked about a record of type {kind.__name__}", error=error)
            return True
