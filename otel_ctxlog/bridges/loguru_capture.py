"""What belongs to the moment of a call and would be lost on the way through loguru's queue."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import baggage, trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState

from otel_ctxlog.engine.values import safe_text
from otel_ctxlog.loggers.record_rules import Passed
from otel_ctxlog.otel.context import Context

if TYPE_CHECKING:
    from loguru import RecordException

__all__ = ["Capture"]

_NOTHING: Final[Mapping[str, object]] = {}


class Capture:
    """The OTel context of a call and what rules have decided there; it can be pickled, as loguru's queue needs it.

    A copy that comes out of the queue has the trace and the baggage of the call, and that rules have let it through;
    what else was current becomes attributes of the record.

    Attributes:
        context: the OTel context of the call.
        decisions: by the identity of a context's core: what is needed to write the record, or False; True: let through
            before the queue.
        kept: attributes that the context no longer gives.
    """

    __slots__ = ("_exception", "context", "decisions", "kept")

    def __init__(self, context: Context, exception: RecordException | None) -> None:
        self.context = context
        self.decisions: dict[int, Passed | bool] = {}
        self.kept: Mapping[str, object] = _NOTHING
        self._exception = exception

    def __deepcopy__(self, memo: dict[int, object]) -> Capture:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        # In the thread of the call.
        kept: dict[str, object] = {**self.kept, **_traceback(self._exception)}
        for decision in self.decisions.values():
            if isinstance(decision, Passed):
                kept = {**decision.effective.route.reader.attachments(self.context), **kept}
        decisions = {key: decision is not False for key, decision in self.decisions.items()}
        span = trace.get_current_span(self.context).get_span_context()
        ids = (span.trace_id, span.span_id, int(span.trace_flags), tuple(span.trace_state.items()))
        entries = {name: safe_text(value) for name, value in baggage.get_all(self.context).items()}
        return _restored, (ids, entries, decisions, kept)


def _restored(
    ids: tuple[int, int, int, tuple[tuple[str, str], ...]],
    entries: Mapping[str, str],
    decisions: dict[int, Passed | bool],
    kept: Mapping[str, object],
) -> Capture:
    trace_id, span_id, flags, state = ids
    context = Context()
    if trace_id and span_id:
        span = SpanContext(
            trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags), trace_state=TraceState(state)
        )
        context = trace.set_span_in_context(NonRecordingSpan(span), context)
    for name, value in entries.items():
        context = baggage.set_baggage(name, value, context)
    capture = Capture(context, None)
    capture.decisions = decisions
    capture.kept = kept
    return capture


def _traceback(exception: RecordException | None) -> dict[str, object]:
    """Return the attributes of an exception (semantic conventions): loguru's queue takes no traceback."""
    if exception is None or exception.type is None:
        return {}
    parts: Any = (exception.type, exception.value, exception.traceback)
    try:
        text = "".join(traceback.format_exception(*parts))
    except Exception as error:  # noqa: BLE001 - whatever an exception of the user does
        text = f"!ERROR: {type(error).__name__}"
    kind = exception.type
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return {
        "exception.type": name,
        "exception.message": safe_text(exception.value),
        "exception.stacktrace": text,
    }
