"""A gate in front of all processors that a provider has and will get.

A provider calls its processors in the order added, and none of them can keep a record from those before it; so a gate
that comes last has no public place. `LoggerProvider` hands every record to one object that holds its processors, by a
private attribute; the gate takes the place of two methods of that object. This is the one module that knows it, and
``tests/bridges/zerocode/test_what_we_rely_on.py`` watches it. Who makes the provider needs none of this: give it a
`ContextRuleProcessor` as processor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from opentelemetry.context import Context
from opentelemetry.sdk._logs import LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_ctxlog.bridges.otel import ContextRuleProcessor
from otel_ctxlog.loggers.context import LoggingContext
from otel_ctxlog.otel.severity import SeverityNumber

__all__ = ["gate_provider"]

_HOLDER: Final = "_multi_log_record_processor"
_REPLACED: Final = ("on_emit", "enabled")


def gate_provider(provider: object, context: LoggingContext) -> Callable[[], None] | None:
    """Gate all records of an SDK provider by the rules of `context`; return what undoes it.

    None, and nothing is done, where the provider is of another kind.
    """
    holder = getattr(provider, _HOLDER, None)
    methods = [getattr(holder, name, None) for name in _REPLACED]
    own = getattr(holder, "__dict__", None)
    if own is None or not all(callable(method) for method in methods):
        return None
    gate = ContextRuleProcessor(_Held(cast("LogRecordProcessor", holder)), context)
    before = {name: own[name] for name in _REPLACED if name in own}
    placed = {name: getattr(gate, name) for name in _REPLACED}
    for name, method in placed.items():
        setattr(holder, name, method)

    def undo() -> None:
        for name, method in placed.items():
            if own.get(name) is not method:
                continue  # somebody has put something in front since, which still calls the gate
            if name in before:
                setattr(holder, name, before[name])
            else:
                delattr(holder, name)
        gate.open()

    return undo


class _Held(LogRecordProcessor):
    """The processors of a provider, as they were called without a gate."""

    def __init__(self, holder: LogRecordProcessor) -> None:
        self._holder = holder
        self._on_emit = holder.on_emit
        self._enabled = holder.enabled

    def __repr__(self) -> str:
        return f"<processors {self._holder!r}>"

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        self._on_emit(log_record)

    def enabled(
        self,
        *,
        context: Context | None = None,
        instrumentation_scope: InstrumentationScope | None = None,
        severity_number: SeverityNumber | None = None,
        event_name: str | None = None,
    ) -> bool:
        return self._enabled(
            context=context,
            instrumentation_scope=instrumentation_scope,
            severity_number=severity_number,
            event_name=event_name,
        )

    # The provider shuts down and flushes its processors itself.
    def shutdown(self) -> None:
        self._holder.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._holder.force_flush(timeout_millis)
