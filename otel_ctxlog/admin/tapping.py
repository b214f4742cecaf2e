"""Where a tap gets its records: a processor at the end of the context's ``LoggerProvider``.

The SDK takes processors, and never gives one back. So each provider gets one at most, which has as many taps as there
are endpoints, and which does nothing while there is none. This module loads the SDK.
"""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Final

from opentelemetry._logs import get_logger_provider
from opentelemetry.sdk._logs import LogRecordProcessor

from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.loggers.context import LoggingContext, core_of
from otel_ctxlog.otel.context import get_current
from otel_ctxlog.otel.severity import level_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk._logs import ReadWriteLogRecord

    from otel_ctxlog.admin.tap import Tap

__all__ = ["Tapping"]

_processors: Final[weakref.WeakKeyDictionary[object, TapProcessor]] = weakref.WeakKeyDictionary()
_lock = threading.RLock()


class TapProcessor(LogRecordProcessor):
    """Shows each record of a provider to taps; it holds none of them."""

    def __init__(self) -> None:
        # An immutable tuple that is swapped: records are logged meanwhile.
        self._taps: tuple[weakref.ref[Tap], ...] = ()

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Show one record to the taps; raises nothing."""
        taps = self._taps
        if not taps:
            return
        try:
            record = log_record.log_record
            scope = log_record.instrumentation_scope
            severity = level_of(record.severity_number or 0)
            context = record.context or get_current()
            for ref in taps:
                tap = ref()
                if tap is not None:
                    tap.take(record, "" if scope is None else scope.name, severity, context)
        except Exception as error:  # noqa: BLE001 - a record may have anything in it
            report_once(self, f"the admin endpoint could not take a record: {type(error).__name__}", error=error)

    def shutdown(self) -> None:
        """Show no more records."""
        self._taps = ()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - nothing is queued
        """Return True."""
        return True

    def add(self, tap: Tap) -> None:
        """Show records to that tap as well, as long as it lives."""
        with _lock:
            self._taps = (*(ref for ref in self._taps if ref() is not None and ref() is not tap), weakref.ref(tap))

    def remove(self, tap: Tap) -> None:
        """Show no more records to that tap."""
        with _lock:
            self._taps = tuple(ref for ref in self._taps if ref() is not None and ref() is not tap)


class Tapping:
    """Keeps a tap at the provider that a context logs to at the moment.

    Args:
        context: the context.
        tap: the tap.
    """

    def __init__(self, context: LoggingContext, tap: Tap) -> None:
        self._context = context
        self._tap = tap
        self._at: TapProcessor | None = None
        self._provider: weakref.ref[object] | None = None

    def follow(self) -> bool:
        """Go where the context logs to now, and return whether records can be seen there."""
        if not self._tap.open:
            return False
        provider = self._current()
        known = None if self._provider is None else self._provider()
        if known is not None and known is provider:
            return True
        with _lock:
            if self._at is not None:
                self._at.remove(self._tap)
            self._at = None if provider is None else _processor_of(provider)
            if self._at is None:
                self._provider = None
                return False
            self._at.add(self._tap)
            self._provider = weakref.ref(provider)
            return True

    def stop(self) -> None:
        """Take the tap away."""
        with _lock:
            if self._at is not None:
                self._at.remove(self._tap)
            self._at = self._provider = None
        self._tap.close()

    def _current(self) -> object | None:
        sink = core_of(self._context).settled().effective().route.provider
        if sink is None:
            return None
        return get_logger_provider() if sink.provider is None else sink.provider


def _processor_of(provider: object) -> TapProcessor | None:
    """Return the processor at a provider, made now if need be; None where it takes none."""
    try:
        known = _processors.get(provider)
        if known is not None:
            return known
        add: Callable[[LogRecordProcessor], None] | None = getattr(provider, "add_log_record_processor", None)
        if not callable(add):
            return None
        made = TapProcessor()
        add(made)
        _processors[provider] = made
    except Exception as error:  # noqa: BLE001 - a provider of another implementation may do anything
        report_once(provider, f"the admin endpoint cannot see records: {type(error).__name__}", error=error)
        return None
    return made


def renew_lock() -> None:
    """Replace the lock, in a forked child."""
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it
    _lock = threading.RLock()
