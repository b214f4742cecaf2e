"""The reader: what the sources of a context find, for decisions and for records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import cast

from opentelemetry import trace
from opentelemetry.context import Context

from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.engine.messages import BAGGAGE, OWN, SPAN, Ambient
from otel_ctxlog.engine.protocols import Source, is_source
from otel_ctxlog.engine.scope import Needs, Scope
from otel_ctxlog.engine.values import AttributeValue, clean_text
from otel_ctxlog.otel.attaching import Attaching, BaggageReading, BaggageThenSpan, SourceAttaching, SpanReading
from otel_ctxlog.otel.context import span_in
from otel_ctxlog.otel.sources import BaggageSource, SpanSource, span_attributes
from otel_ctxlog.otel.volatile import Changed, changed_always, watching

__all__ = ["SourcesReader", "check_sources"]

# An own source that logs would be asked again for that record, and so on.
_reading: ContextVar[bool] = ContextVar("otel_ctxlog_reading_source", default=False)


def check_sources(sources: object) -> tuple[Source, ...]:
    """Return `sources` as a tuple.

    Raises:
        TypeError: it is no sequence of sources.
    """
    if isinstance(sources, Iterable) and not isinstance(sources, (str, bytes)):
        given = tuple(cast("Iterable[object]", sources))
        if all(map(is_source, given)):
            return cast("tuple[Source, ...]", given)
    msg = f"sources must be a tuple of sources, each with attributes(context) -> Mapping, but got {sources!r}"
    raise TypeError(msg)


def _attaches(source: Source) -> bool:
    try:
        return bool(getattr(source, "attach", True))
    except Exception:  # noqa: BLE001 - a property of the user
        return True


class SourcesReader:
    """Reads a fixed tuple of sources; never raises.

    Args:
        sources: the sources, in order: of two ambient attributes of one name, the later is attached.
        resource: gives the resource attributes of the target's provider, or None.

    Attributes:
        scope: which ambient messages can occur.
        attachments: returns the ambient attributes that go on a record made in a context, in a new dict.
    """

    __slots__ = ("__weakref__", "_attached", "_derives", "_resource", "_sources", "attachments", "scope")

    def __init__(self, sources: tuple[Source, ...], resource: Callable[[], Mapping[str, object] | None]) -> None:
        readings = [(source, _reading_of(source)) for source in sources]
        self._sources = tuple((_origin(source), read) for source, (read, _) in readings)
        self._attached = tuple(attaching for source, (_, attaching) in readings if _attaches(source))
        self.attachments: Callable[[Context], dict[str, AttributeValue]] = self._attach_each
        if list(map(type, self._attached)) == [BaggageReading, SpanReading]:
            baggage, span = self._attached
            both = BaggageThenSpan(cast("BaggageReading", baggage), cast("SpanReading", span))
            self.attachments = both.attachments
        self._resource = resource
        spans = [source for source in sources if isinstance(source, SpanSource)]
        # What a subclass gives under one name may come from another.
        self._derives = any(type(source) is not SpanSource for source in spans)
        baggages = [source for source in sources if isinstance(source, BaggageSource)]
        self.scope = Scope(
            span=bool(spans),
            baggage=bool(baggages),
            own=any(origin is OWN for origin, _ in self._sources),
            span_allows=_any_allows(spans),
            baggage_allows=_any_allows(baggages),
        )

    def prepare(self, needs: Needs) -> Callable[[object], Ambient]:
        """Return what reads from a context at least what is needed; it never raises."""
        wanted = {
            BAGGAGE: needs.everything or bool(needs.names or needs.baggage_names),
            SPAN: needs.everything or bool(needs.names or needs.span_names),
            OWN: needs.everything or bool(needs.names),
        }
        sources = [(origin, source) for origin, source in self._sources if wanted[origin]]
        span_facts = self.scope.span and (needs.span_name or needs.sampled or needs.everything)
        resource = needs.resource or needs.everything

        def read(context: Context) -> Ambient:
            ambient = Ambient([(origin, source(context)) for origin, source in sources])
            if span_facts:
                ambient.sampled, ambient.span_name = _span_facts(span_in(context))
            if resource:
                ambient.resource = self.resource()
            return ambient

        return cast("Callable[[object], Ambient]", read)

    def watching(self, needs: Needs) -> Callable[[object, Ambient], Changed | None] | None:
        """Return what tells whether what was read from a context has changed; None where nothing needed ever can."""
        if self._derives and (needs.names or needs.span_names or needs.everything):
            return lambda _context, _read: changed_always
        return cast("Callable[[object, Ambient], Changed | None] | None", watching(needs, self.scope, self))

    def span_attributes(self, span: object) -> Mapping[str, object]:
        """Return a copy of the span's attributes."""
        try:
            return span_attributes(span)
        except Exception as error:  # noqa: BLE001 - a span of another implementation may do anything
            return _failed(span, error)

    def span_name(self, span: object) -> object:
        """Return the span's name, or None."""
        try:
            return getattr(span, "name", None)
        except Exception:  # noqa: BLE001 - a span of another implementation may do anything
            return None

    def is_settled(self) -> bool:
        """Return False while an own source is being read: what it logs meanwhile is decided without it."""
        return not (self.scope.own and _reading.get())

    def resource(self) -> Mapping[str, object] | None:
        """Return the resource attributes of the target's provider, or None; the same object while they are the same."""
        if not self._sources:
            return None
        try:
            return self._resource()
        except Exception as error:  # noqa: BLE001 - a provider of another implementation may do anything
            report_once(self, f"the resource of the target raised {type(error).__name__}", error=error)
            return None

    def _attach_each(self, context: Context) -> dict[str, AttributeValue]:
        """Return the ambient attributes that go on a record, in a new dict."""
        attached: dict[str, AttributeValue] = {}
        for source in self._attached:
            source.add(context, attached)
        return attached


def _span_facts(span: trace.Span) -> tuple[bool, str | None]:
    """Return whether a span is sampled, and its name if it records."""
    try:
        name = getattr(span, "name", None)
        return span.get_span_context().trace_flags.sampled, name if isinstance(name, str) else None
    except Exception as error:  # noqa: BLE001 - a span of another implementation may do anything
        _failed(span, error)
        return False, None


def _reading_of(source: Source) -> tuple[Callable[[Context], Mapping[str, object]], Attaching]:
    """Return what reads a source, and what puts it on records."""

    def read(context: Context) -> Mapping[str, object]:
        return _read(source, context)

    # What a subclass does is its own: it is asked each time.
    if type(source) is BaggageSource:
        baggage = BaggageReading(read)
        return baggage.entries, baggage
    if type(source) is SpanSource and source.lets_all_through:
        span = SpanReading(read)
        return span.attributes, span
    return read, SourceAttaching(read)


def _origin(source: Source) -> str:
    if isinstance(source, SpanSource):
        return SPAN
    return BAGGAGE if isinstance(source, BaggageSource) else OWN


def _any_allows(sources: Sequence[SpanSource | BaggageSource]) -> Callable[[str], bool]:
    if not sources:
        return _nothing
    if len(sources) == 1:
        return sources[0].allows
    return lambda name: any(source.allows(name) for source in sources)


def _nothing(_name: str) -> bool:
    return False


def _read(source: Source, context: Context) -> Mapping[str, object]:
    """Return what one source finds; a source that raises is empty, with one diagnostic per type."""
    if type(source) is BaggageSource or type(source) is SpanSource:
        try:
            return source.attributes(context)
        except Exception as error:  # noqa: BLE001 - a span of another implementation may do anything
            return _failed(source, error)
    if _reading.get():
        return {}
    token = _reading.set(True)
    try:
        found = source.attributes(context)
        return {
            clean_text(name): value
            for name, value in cast("Mapping[object, object]", found).items()
            if isinstance(name, str) and name
        }
    except Exception as error:  # noqa: BLE001 - whatever a source of the user does
        return _failed(source, error)
    finally:
        _reading.reset(token)


def _failed(source: object, error: Exception) -> Mapping[str, object]:
    kind = type(source)
    text = f"a source of type {kind.__module__}.{kind.__qualname__} raised {type(error).__name__} and counts as empty"
    report_once(kind, text, error=error)
    return {}
