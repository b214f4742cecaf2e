"""Events on the current span as well: what an `OTelEventer` with ``span_events`` puts between itself and a target."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.engine.fields import Fields
from otel_ctxlog.engine.held import Held
from otel_ctxlog.engine.protocols import LogSink
from otel_ctxlog.engine.stem import Stem
from otel_ctxlog.engine.values import AttributeValue
from otel_ctxlog.otel.context import Context, get_current
from otel_ctxlog.otel.route import Route, write
from otel_ctxlog.otel.severity import SeverityNumber
from otel_ctxlog.otel.span_events import add_span_event, mark_bridged

__all__ = ["DecidingWriter", "SpanEventSink", "SpanEventWriter"]


class SpanEventSink:
    """Passes records on to a sink, and puts those that are events on the span of their context.

    A span event has the record's event name, timestamp and attributes, as the specification of the "Event to span event
    bridge" wants it. What is passed on says so, so that a processor of that kind does not do it again. Spans get events
    also where nobody exports records: who has tracing only shall see them.
    """

    __slots__ = ("__weakref__", "_sink")

    def __init__(self, sink: LogSink) -> None:
        self._sink: Final = sink

    def enabled(self, level: int) -> bool:
        """Return whether the sink wants records of that level."""
        return self._sink.enabled(level)

    def emit(
        self,
        *,
        level: int,
        body: AttributeValue,
        attributes: Mapping[str, AttributeValue],
        name: str,
        realm: str | None,
        exception: BaseException | None,
        context: Context,
        timestamp: int,
        severity: SeverityNumber,
        event_name: str | None,
    ) -> None:
        """Pass one record on; raises what the sink raises."""
        try:
            if add_span_event(context, event_name, _copied(attributes), timestamp=timestamp):
                context = mark_bridged(context)
        except Exception as error:  # noqa: BLE001 - a span of another implementation; the record must go out
            text = f"adding an event to its span raised {type(error).__name__}"
            report_once(self, text, error=error, topic="span")
        self._sink.emit(
            level=level,
            body=body,
            attributes=attributes,
            name=name,
            realm=realm,
            exception=exception,
            context=context,
            timestamp=timestamp,
            severity=severity,
            event_name=event_name,
        )


def _copied(attributes: Mapping[str, AttributeValue]) -> Any:
    # The two attribute types differ in name only.
    return dict(attributes)


class _Decision(Protocol):
    @property
    def sink(self) -> LogSink | None: ...
    @property
    def held(self) -> Held | None: ...


class _Effective(Protocol):
    @property
    def route(self) -> Route: ...


class _Passed(Protocol):
    @property
    def effective(self) -> _Effective: ...
    @property
    def stem(self) -> Stem: ...
    @property
    def decision(self) -> _Decision: ...


class DecidingWriter(Protocol):
    """What decides about events, and says where those that pass go: an `EventWriter` of a context."""

    def wants(self, level: int) -> bool:
        """Return False where an event at `level` surely is off, whatever its fields."""
        ...

    def looks_at(self, key: str) -> bool:
        """Return whether the decision may need the value of that field."""
        ...

    def decide(self, level: int, context: Context, attributes: Mapping[str, object]) -> _Passed | None:
        """Return where an event goes, or None where the rules do not let it through."""
        ...


class SpanEventWriter:
    """Writes the events that the rules of a context let through, and puts them on the current span.

    Args:
        writer: the writer of the context.
        type_key: the attribute that rules see the type as.
    """

    __slots__ = ("_kept", "_type_key", "_writer")

    def __init__(self, writer: DecidingWriter, type_key: str) -> None:
        self._writer: Final = writer
        self._type_key: Final = type_key
        # The last route with the one made of it, one reference.
        self._kept: tuple[Route | None, Route | None] = (None, None)

    def wants(self, level: int) -> bool:
        """Return False where an event at `level` surely is off, whatever its fields."""
        return self._writer.wants(level)

    def looks_at(self, key: str) -> bool:
        """Return whether the decision may need the value of that field."""
        return self._writer.looks_at(key)

    def write_event(
        self,
        level: int,
        event_type: str,
        values: Mapping[str, object],
        content: Callable[[], tuple[str | None, Fields]],
    ) -> None:
        """Write one event if it is on; raises what a sink or `content` raises."""
        context = get_current()
        passed = self._writer.decide(level, context, {**values, self._type_key: event_type})
        if passed is None:
            return
        sink = passed.decision.sink
        write(
            self._through(passed.effective.route),
            passed.stem,
            None if sink is None else SpanEventSink(sink),
            context,
            level,
            None,
            (),
            {},
            event_name=event_type,
            content=content,
            held=passed.decision.held,
        )

    def _through(self, route: Route) -> Route:
        """Return a route to the same target by way of the span."""
        known, made = self._kept
        if known is not route or made is None:
            made = copy.copy(route)
            made.target = SpanEventSink(route.target)
            made.provider = None
            self._kept = (route, made)
        return made
