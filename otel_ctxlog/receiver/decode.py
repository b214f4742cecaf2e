"""From OTLP requests to the plain values of `model`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_ctxlog.receiver.model import ReceivedRecord, ReceivedSpan, SpanEvent, SpanLink

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from otel_ctxlog.receiver.model import AttributeValue

__all__ = ["ExportLogsServiceRequest", "ExportTraceServiceRequest", "records_of", "spans_of"]


def records_of(request: ExportLogsServiceRequest) -> Iterator[tuple[ReceivedRecord, int]]:
    """The records of a request in the order sent, each with its own size on the wire in bytes."""
    for resource_logs in request.resource_logs:
        resource_attributes = _attributes(resource_logs.resource.attributes)
        for scope_logs in resource_logs.scope_logs:
            scope = scope_logs.scope
            scope_attributes = _attributes(scope.attributes)
            for record in scope_logs.log_records:
                received = ReceivedRecord(
                    time_unix_nano=record.time_unix_nano,
                    observed_time_unix_nano=record.observed_time_unix_nano,
                    severity_number=record.severity_number,
                    severity_text=record.severity_text,
                    body=_value(record.body),
                    event_name=record.event_name,
                    attributes=_attributes(record.attributes),
                    dropped_attributes_count=record.dropped_attributes_count,
                    flags=record.flags,
                    trace_id=record.trace_id.hex(),
                    span_id=record.span_id.hex(),
                    scope_name=scope.name,
                    scope_version=scope.version,
                    scope_attributes=scope_attributes,
                    resource_attributes=resource_attributes,
                )
                yield received, record.ByteSize()


def spans_of(request: ExportTraceServiceRequest) -> Iterator[tuple[ReceivedSpan, int]]:
    """The spans of a request in the order sent, each with its own size on the wire in bytes."""
    for resource_spans in request.resource_spans:
        resource_attributes = _attributes(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            scope = scope_spans.scope
            scope_attributes = _attributes(scope.attributes)
            for span in scope_spans.spans:
                received = ReceivedSpan(
                    name=span.name,
                    kind=span.kind,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_span_id=span.parent_span_id.hex(),
                    trace_state=span.trace_state,
                    flags=span.flags,
                    start_time_unix_nano=span.start_time_unix_nano,
                    end_time_unix_nano=span.end_time_unix_nano,
                    attributes=_attributes(span.attributes),
                    dropped_attributes_count=span.dropped_attributes_count,
                    events=tuple(map(_event, span.events)),
                    dropped_events_count=span.dropped_events_count,
                    links=tuple(map(_link, span.links)),
                    dropped_links_count=span.dropped_links_count,
                    status_code=span.status.code,
                    status_message=span.status.message,
                    scope_name=scope.name,
                    scope_version=scope.version,
                    scope_attributes=scope_attributes,
                    resource_attributes=resource_attributes,
                )
                yield received, span.ByteSize()


def _event(event: Span.Event) -> SpanEvent:
    return SpanEvent(
        time_unix_nano=event.time_unix_nano,
        name=event.name,
        attributes=_attributes(event.attributes),
        dropped_attributes_count=event.dropped_attributes_count,
    )


def _link(link: Span.Link) -> SpanLink:
    return SpanLink(
        trace_id=link.trace_id.hex(),
        span_id=link.span_id.hex(),
        trace_state=link.trace_state,
        attributes=_attributes(link.attributes),
        dropped_attributes_count=link.dropped_attributes_count,
        flags=link.flags,
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, AttributeValue]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> AttributeValue:
    # Recursion is bounded: protobuf itself refuses messages nested more than 100 deep.
    kind = value.WhichOneof("value")
    if kind is None or kind == "string_value_strindex":
        # The string index belongs to profiles; OTLP asks to treat it as absent elsewhere.
        return None
    if kind == "array_value":
        return [_value(element) for element in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    scalar: str | bool | int | float | bytes = getattr(value, kind)
    return scalar
