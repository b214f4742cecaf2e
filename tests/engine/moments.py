"""Moments: OpenTelemetry contexts with all that may be in them, each beside what the naive evaluator knows of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags, TraceState
from opentelemetry.util.types import Attributes

from . import naive, own, randomly

LIMIT = 2
"""So many attributes a limited span keeps: fewer than there are names."""


class _RecordOnly(Sampler):
    """Spans record, but are not sampled."""

    def should_sample(
        self,
        parent_context: context.Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        return SamplingResult(Decision.RECORD_ONLY, attributes)

    def get_description(self) -> str:
        return "record only"


def _provider(sampler: Sampler, limits: SpanLimits | None = None) -> TracerProvider:
    return TracerProvider(sampler=sampler, span_limits=limits, shutdown_on_exit=False)


TRACERS = {
    kind: provider.get_tracer("moments")
    for kind, provider in {
        "sampled": _provider(ALWAYS_ON),
        "recording": _provider(_RecordOnly()),
        "limited": _provider(ALWAYS_ON, SpanLimits(max_span_attributes=LIMIT)),
        "off": _provider(ALWAYS_OFF),
    }.items()
}
_REMOTE = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


class ForeignSpan(NonRecordingSpan):
    """A span of another implementation, which records: a plain dict of attributes, changed in place."""

    def __init__(self, name: str) -> None:
        super().__init__(_REMOTE)
        self.name = name
        self.attributes: dict[str, object] = {}

    def is_recording(self) -> bool:
        return True

    def set_attribute(self, key: str, value: object) -> None:
        self.attributes.pop(key, None)
        self.attributes[key] = naive.cleaned(value)

    def set_attributes(self, attributes: Mapping[str, object]) -> None:
        for key, value in attributes.items():
            self.set_attribute(key, value)

    def update_name(self, name: str) -> None:
        self.name = name


class FreshSpan(ForeignSpan):
    """One that hands out a new mapping at each look."""

    def __getattribute__(self, attribute: str) -> object:
        found: object = super().__getattribute__(attribute)
        return dict(self.__dict__["attributes"]) if attribute == "attributes" else found

    def set_attribute(self, key: str, value: object) -> None:
        kept: dict[str, object] = self.__dict__["attributes"]
        kept.pop(key, None)
        kept[key] = naive.cleaned(value)


@dataclass(eq=False)
class MomentPair:
    """An OpenTelemetry context."""

    real: context.Context
    naive: naive.Moment
    span: Span | None = None


def new_span(pick: randomly.Random) -> tuple[naive.Span, Span]:
    """Return a span of any kind."""
    kind = pick.one(("sampled", "sampled", "recording", "limited", "limited", "off", "foreign", "fresh", "remote"))
    name = pick.one(randomly.SPAN_NAMES)
    given = dict(pick.entry() for _ in range(2))
    if kind == "remote":
        return naive.Span(sampled=True), NonRecordingSpan(_REMOTE)
    if kind == "off":
        return naive.Span(), TRACERS[kind].start_span(name, context.Context())
    known = naive.Span(recording=True, sampled=kind != "recording", name=name)
    known.most = LIMIT if kind == "limited" else None
    for key, value in given.items():
        known.set(key, value)
    if kind in ("foreign", "fresh"):
        made = ForeignSpan(name) if kind == "foreign" else FreshSpan(name)
        for key, value in given.items():
            made.set_attribute(key, value)
        return known, made
    return known, TRACERS[kind].start_span(name, context.Context(), attributes=given)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def next_moment(before: MomentPair, pick: randomly.Random) -> MomentPair:
    """Return a moment made from another one by one step."""
    kinds = ("baggage", "baggage", "span", "span", "value", "unrelated", "less baggage", "no baggage", "no span")
    kind = pick.one((*kinds, "same span"))
    real, span = before.real, before.span
    known = naive.Moment(dict(before.naive.baggage), before.naive.span, before.naive.value)
    if kind == "baggage":
        name, value = pick.baggage_entry()
        real = baggage.set_baggage(name, value, real)
        known.baggage[name] = naive.text_of(value) or ""
    elif kind == "less baggage":
        name = pick.one(pick.names)
        real = baggage.remove_baggage(name, real)
        known.baggage.pop(name, None)
    elif kind == "no baggage":
        real, known.baggage = baggage.clear(real), {}
    elif kind == "span":
        known.span, span = new_span(pick)
        real = trace.set_span_in_context(span, real)
    elif kind == "no span":
        known.span, span = None, None
        real = trace.set_span_in_context(trace.INVALID_SPAN, real)
    elif kind == "value":
        known.value = pick.one(pick.span_values)
        real = context.set_value(own.OWN_KEY, known.value, real)
    elif kind == "unrelated":
        real = context.set_value("unrelated", object(), real)
    else:  # an equal context, another object
        real = context.Context(real)
    return MomentPair(real, known, span)


def change_span(moment: MomentPair, pick: randomly.Random) -> str | None:
    """Change the span of a moment under its unchanged context; return what was done."""
    span, known = moment.span, moment.naive.span
    if span is None or known is None:
        return None
    kind = pick.one(("attribute",) * 8 + ("attributes",) * 3 + ("name",) * 3 + ("end",))
    if kind == "name":
        name = pick.one(randomly.SPAN_NAMES)
        span.update_name(name)
        known.rename(name)
        return f"update_name {name!r}"
    if kind == "end":
        span.end()
        # One of another implementation may go on as if nothing had happened.
        known.ended = known.recording and not isinstance(span, ForeignSpan)
        return "end"
    entries = [pick.entry() for _ in range(1 if kind == "attribute" else 2)]
    given = {name: randomly.fresh(value) if pick.chance(2) else value for name, value in entries}
    if kind == "attributes":
        span.set_attributes(given)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    for name, value in given.items():
        if kind == "attribute":
            span.set_attribute(name, value)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        known.set(name, value)
    return f"set_{kind} {given}"
