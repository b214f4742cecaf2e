"""What was received, as plain Python values: log records and spans, each with its scope and resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

# A value of OTLP's `AnyValue`: arrays are lists, key-value lists are dicts, an absent value is None.
AttributeValue: TypeAlias = (
    "bool | int | float | str | bytes | Sequence[AttributeValue] | Mapping[str, AttributeValue] | None"
)
Attributes: TypeAlias = Mapping[str, AttributeValue]


def _text(value: AttributeValue) -> str:
    return value if isinstance(value, str) else ""


def _no_attributes() -> Attributes:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedRecord:
    """One log record as it came over the wire.

    Attributes:
        time_unix_nano: when it happened, in nanoseconds since the epoch; 0 where the sender did not say.
        observed_time_unix_nano: when the sender's pipeline saw it, likewise.
        severity_number: 1 (trace) to 24 (fatal), 0 for unspecified.
        severity_text: the sender's word for it, or empty.
        body: any value; None for no body.
        event_name: the name of an event, empty for other records.
        attributes: its attributes, nested maps and sequences as dicts and lists.
        dropped_attributes_count: how many attributes the sender left out.
        flags: the W3C trace flags in the lowest eight bits.
        trace_id: 32 lower-case hexadecimal digits, or empty.
        span_id: 16 lower-case hexadecimal digits, or empty.
        scope_name: the instrumentation scope's name, that is the logger's.
        scope_version: its version, or empty.
        scope_attributes: its attributes.
        resource_attributes: the attributes of the resource that sent it, such as ``service.name``.
    """

    time_unix_nano: int = 0
    observed_time_unix_nano: int = 0
    severity_number: int = 0
    severity_text: str = ""
    body: AttributeValue = None
    event_name: str = ""
    attributes: Attributes = field(default_factory=_no_attributes)
    dropped_attributes_count: int = 0
    flags: int = 0
    trace_id: str = ""
    span_id: str = ""
    scope_name: str = ""
    scope_version: str = ""
    scope_attributes: Attributes = field(default_factory=_no_attributes)
    resource_attributes: Attributes = field(default_factory=_no_attributes)

    @property
    def service_name(self) -> str:
        """The resource's ``service.name``, or empty."""
        return _text(self.resource_attributes.get("service.name"))

    @property
    def realm(self) -> str:
        """The attribute ``realm``, or empty."""
        return _text(self.attributes.get("realm"))

    @property
    def event_type(self) -> str:
        """The event's type: its event name, else the attribute ``eventType``; empty for a record that is no event."""
        return self.event_name or _text(self.attributes.get("eventType"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanEvent:
    """An event inside a span; times in nanoseconds since the epoch."""

    time_unix_nano: int = 0
    name: str = ""
    attributes: Attributes = field(default_factory=_no_attributes)
    dropped_attributes_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanLink:
    """A link from a span to another; ids in hexadecimal digits."""

    trace_id: str = ""
    span_id: str = ""
    trace_state: str = ""
    attributes: Attributes = field(default_factory=_no_attributes)
    dropped_attributes_count: int = 0
    flags: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedSpan:
    """One span as it came over the wire.

    Attributes:
        name: the span's name.
        kind: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
        trace_id: 32 lower-case hexadecimal digits, or empty.
        span_id: 16 lower-case hexadecimal digits, or empty.
        parent_span_id: likewise; empty for a root span.
        trace_state: the W3C trace state, or empty.
        flags: the W3C trace flags in the lowest eight bits; above them whether the parent is remote.
        start_time_unix_nano: nanoseconds since the epoch.
        end_time_unix_nano: nanoseconds since the epoch.
        attributes: its attributes, nested maps and sequences as dicts and lists.
        dropped_attributes_count: how many attributes the sender left out.
        events: its events in the order sent.
        dropped_events_count: how many events the sender left out.
        links: its links in the order sent.
        dropped_links_count: how many links the sender left out.
        status_code: 0 unset, 1 ok, 2 error.
        status_message: the text that goes with an error, or empty.
        scope_name: the instrumentation scope's name.
        scope_version: its version, or empty.
        scope_attributes: its attributes.
        resource_attributes: the attributes of the resource that sent it, such as ``service.name``.
    """

    name: str = ""
    kind: int = 0
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str = ""
    trace_state: str = ""
    flags: int = 0
    start_time_unix_nano: int = 0
    end_time_unix_nano: int = 0
    attributes: Attributes = field(default_factory=_no_attributes)
    dropped_attributes_count: int = 0
    events: tuple[SpanEvent, ...] = ()
    dropped_events_count: int = 0
    links: tuple[SpanLink, ...] = ()
    dropped_links_count: int = 0
    status_code: int = 0
    status_message: str = ""
    scope_name: str = ""
    scope_version: str = ""
    scope_attributes: Attributes = field(default_factory=_no_attributes)
    resource_attributes: Attributes = field(default_factory=_no_attributes)

    @property
    def service_name(self) -> str:
        """The resource's ``service.name``, or empty."""
        return _text(self.resource_attributes.get("service.name"))

    @property
    def duration_nano(self) -> int:
        """End minus start in nanoseconds, 0 where the clocks disagree."""
        return max(0, self.end_time_unix_nano - self.start_time_unix_nano)
