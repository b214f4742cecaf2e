"""The current OpenTelemetry context, as the rest of the library asks for it."""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.context import Context, get_current

__all__ = ["Context", "get_current", "span_in"]


def span_in(context: Context) -> trace.Span:
    """Return the span in a context; one that does not record where something else was attached as the context."""
    try:
        return trace.get_current_span(context)
    except Exception:  # noqa: BLE001 - None, or whatever else somebody has attached
        return trace.INVALID_SPAN
