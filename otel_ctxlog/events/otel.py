"""Events as OpenTelemetry log records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal, Protocol, cast, runtime_checkable

from otel_ctxlog.engine.fields import Fields
from otel_ctxlog.engine.flatten import flatten
from otel_ctxlog.engine.levels import INFO, check_level
from otel_ctxlog.engine.protocols import LogSink, Source
from otel_ctxlog.engine.stem import EMPTY, Stem
from otel_ctxlog.events.contract import EVENT_TYPE, check_event, complete, json_text, load_json
from otel_ctxlog.events.violations import Violations
from otel_ctxlog.otel.ambient import check_sources
from otel_ctxlog.otel.context import get_current
from otel_ctxlog.otel.provider_sink import DEFAULT_SCOPE, LoggerProvider
from otel_ctxlog.otel.route import GLOBAL, Route, as_sink, write
from otel_ctxlog.otel.sources import DEFAULT_SOURCES

__all__ = ["EventContext", "EventWriter", "OTelEventer"]


class EventWriter(Protocol):
    """What writes checked events."""

    def wants(self, level: int) -> bool:
        """Return False where an event at `level` surely is off, whatever its fields."""
        ...

    def looks_at(self, key: str) -> bool:
        """Return whether the decision may need the value of that field."""
        ...

    def write_event(
        self,
        level: int,
        event_type: str,
        values: Mapping[str, object],
        content: Callable[[], tuple[str | None, Fields]],
    ) -> None:
        """Write one event if it is on; raises what a sink or `content` raises.

        Args:
            level: the event's level.
            event_type: its type.
            values: its fields, as far as `looks_at` asks for them.
            content: gives the record's body and attributes; called only if the record is emitted.
        """
        ...


@runtime_checkable
class EventContext(Protocol):
    """What an eventer asks of a `LoggingContext`."""

    def event_writer(self, messages: Iterable[object], sources: Iterable[Source] | None = None) -> EventWriter:
        """Return what writes events through the rules of this context."""
        ...


class OTelEventer:
    """Records events as log records: event name and attribute ``eventType`` are the type, each field an attribute.

    Ambient attributes are attached as to log records. Safe from many threads; a violation of the event contract drops
    the event, counts it (`dropped`) and logs it, and raises nothing.

    Args:
        target: a `LoggingContext`, whose rules gate events at `level` and see their fields as attributes; or an OTel
            ``LoggerProvider`` or a `LogSink`, which get all of them; None: the global provider.
        messages: the message context of the events.
        level: the level of the events; it gives their severity.
        body: ``"json"`` for the JSON text of type and fields as body, None for none.
        span_events: whether an event that the rules let through is added to the current span, too, if that records:
            its type as name, and all attributes of its record (specification of OpenTelemetry's Logs SDK, "Event to
            span event bridge"); also where nobody exports records.
        sources: the sources of ambient attributes; None: those of the context, or baggage, then span.

    Raises:
        TypeError: `target` or `sources` are of the wrong kind.
        ValueError: `level` is no level, or `body` is not allowed.
    """

    __slots__ = ("__weakref__", "_body", "_level", "_violations", "_writer")

    def __init__(
        self,
        target: EventContext | LoggerProvider | LogSink | None = None,
        *,
        messages: Iterable[object] = (),
        level: int = INFO,
        body: Literal["json"] | None = "json",
        span_events: bool = False,
        sources: Iterable[Source] | None = None,
    ) -> None:
        if body not in ("json", None):
            msg = f"body must be 'json' or None, but got {body!r}"
            raise ValueError(msg)
        self._body = body
        if body:
            load_json()
        self._level = int(check_level(level))
        self._violations = Violations()
        given = None if sources is None else check_sources(sources)
        context = _several(messages)
        if isinstance(target, EventContext):
            self._writer: EventWriter = target.event_writer(context, given)
            if span_events:
                self._writer = _on_spans(self._writer)
        else:
            sink = GLOBAL if target is None else as_sink(target)
            if span_events:
                from otel_ctxlog.events.span_event import SpanEventSink

                sink = SpanEventSink(sink)
            self._writer = _UngatedWriter(sink, context, DEFAULT_SOURCES if given is None else given)

    def __repr__(self) -> str:
        return f"<OTelEventer level {self._level}, {self.dropped} dropped>"

    @property
    def dropped(self) -> int:
        """The number of events that were dropped for a violation or a failure."""
        return self._violations.dropped

    def event(self, type: str, /, *fields: object, **attributes: object) -> None:
        """Record one event: a type, and fields as log records take them."""
        try:
            writer = self._writer
            wanted = writer.wants(self._level)
            call_lazy = writer.looks_at if wanted else _nothing
            event_type, read = check_event(type, fields, attributes, call_lazy=call_lazy)
            if wanted:
                writer.write_event(self._level, event_type, read.values, lambda: self._content(event_type, read))
        except Exception as error:  # noqa: BLE001 - recording an event never raises
            self._violations.drop(type, error)

    def _content(self, event_type: str, fields: Fields) -> tuple[str | None, Fields]:
        values = complete(fields)
        body = json_text(event_type, values) if self._body else None
        return body, Fields({**values, EVENT_TYPE: event_type}, fields.ignored)


def _on_spans(writer: EventWriter) -> EventWriter:
    from otel_ctxlog.events.span_event import DecidingWriter, SpanEventWriter

    if not callable(getattr(writer, "decide", None)):
        msg = f"span_events needs a LoggingContext, a provider or a sink as target, but got one that has {writer!r}"
        raise TypeError(msg)
    return SpanEventWriter(cast("DecidingWriter", writer), EVENT_TYPE)


def _several(messages: object) -> tuple[object, ...]:
    # A text is one message, not its characters; so is what cannot be iterated.
    if isinstance(messages, str) or not isinstance(messages, Iterable):
        return (messages,)
    return tuple(cast("Iterable[object]", messages))


def _nothing(_key: str) -> bool:
    return False


class _UngatedWriter:
    """Writes events straight into a sink."""

    __slots__ = ("_route", "_stem")

    def __init__(self, sink: LogSink, messages: tuple[object, ...], sources: tuple[Source, ...]) -> None:
        self._route: Final = Route(sink, 0, sources)
        self._stem: Final = Stem((), EMPTY.with_messages(flatten(messages)), DEFAULT_SCOPE)

    def wants(self, level: int) -> bool:
        """Return whether `level` is one at which anything is recorded."""
        return level > 0

    def looks_at(self, key: str) -> bool:  # noqa: ARG002 - nothing is decided
        """Return False."""
        return False

    def write_event(
        self,
        level: int,
        event_type: str,
        values: Mapping[str, object],  # noqa: ARG002 - nothing is decided
        content: Callable[[], tuple[str | None, Fields]],
    ) -> None:
        """Write one event; raises what a sink or `content` raises."""
        write(self._route, self._stem, None, get_current(), level, None, (), {}, event_name=event_type, content=content)
