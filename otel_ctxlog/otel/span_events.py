"""Events on spans: the part of the "Event to span event bridge" that knows the context.

https://opentelemetry.io/docs/specs/otel/logs/sdk/#event-to-span-event-bridge (status: Development)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opentelemetry.context import Context, create_key
from opentelemetry.util.types import AnyValue

from otel_ctxlog.otel.context import span_in

__all__ = ["add_span_event", "is_bridged", "mark_bridged"]

_KEY: Final = create_key("otel_ctxlog-on-span")


def add_span_event(
    context: Context,
    name: str | None,
    attributes: Mapping[str, AnyValue] | None,
    *,
    timestamp: int | None,
    ids: tuple[int, int] | None = None,
) -> bool:
    """Add an event to the span of a context, under the conditions of the specification; return whether it was.

    They are: the name is not empty, the span is valid and records, and the record has its ids.

    Args:
        context: the record's OTel context.
        name: the record's event name.
        attributes: the record's attributes, all of which the span event gets.
        timestamp: when it happened, in nanoseconds since the epoch; None: now.
        ids: trace id and span id of the record; None: those of the span.
    """
    if not name:
        return False
    span = span_in(context)
    if not span.is_recording():
        return False
    own = span.get_span_context()
    if not own.is_valid or (ids is not None and ids != (own.trace_id, own.span_id)):
        return False
    span.add_event(name, attributes, timestamp)
    return True


def mark_bridged(context: Context) -> Context:
    """Return `context` with the mark that its span has the event of the record already: one is enough."""
    return Context({**context, _KEY: True})


def is_bridged(context: Mapping[str, object]) -> bool:
    """Return whether the span of a record's context has its event already."""
    return context.get(_KEY) is True
