"""`CapturedRecord`: one record as tests look at it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from opentelemetry import trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.context import Context

from otel_ctxlog.engine.levels import level_name
from otel_ctxlog.engine.values import AttributeValue, safe_text
from otel_ctxlog.testing.wording import one_line

__all__ = ["CapturedRecord", "counted", "ids_of"]

_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedRecord:
    """One log record or event, as it would have gone to the target.

    Equal by everything but `location`; exceptions are equal if they are the same object.

    Attributes:
        body: the message; of an event its JSON text, or None.
        level: the level, a level offset of the target included.
        severity: the OTel severity number; FATAL after ``critical``.
        attributes: all attributes, ambient ones and ``realm`` included; those of the exception are not among them.
        realm: the name of the last realm, or None.
        name: the logger's name, or ``""``.
        event_type: the type of an event, or None for a log record.
        exception: the exception, or None.
        trace_id: 32 hex digits, or None outside a span.
        span_id: 16 hex digits, or None outside a span.
        timestamp: the time of the call in nanoseconds since the epoch.
        location: file name and line of the call, or None where a bridge or a sink made the record.
    """

    body: AttributeValue
    level: int
    severity: SeverityNumber
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict[str, AttributeValue])
    realm: str | None = None
    name: str = ""
    event_type: str | None = None
    exception: BaseException | None = None
    trace_id: str | None = None
    span_id: str | None = None
    timestamp: int = 0
    location: tuple[str, int] | None = field(default=None, compare=False)

    def __str__(self) -> str:
        """One line: severity, name, realm, message or event type, attributes, exception, place."""
        return one_line(
            self.severity.name,
            self.body,
            self.attributes,
            name=self.name,
            realm=self.realm,
            event_type=self.event_type,
            exception=self.exception,
            location=self.location,
        )

    def as_dict(self, *, timestamps: bool = True, ids: bool = True) -> dict[str, object]:
        """Return what the record says as plain data; what is None or empty is left out, and so is the location.

        Args:
            timestamps: whether ``timestamp`` is part of it.
            ids: whether ``trace_id`` and ``span_id`` are.
        """
        found: dict[str, object] = {
            "body": self.body,
            "level": level_name(self.level),
            "severity": self.severity.name,
            "attributes": dict(self.attributes),
            "realm": self.realm,
            "name": self.name,
            "event_type": self.event_type,
        }
        if self.exception is not None:
            found["exception"] = f"{type(self.exception).__name__}: {safe_text(self.exception)}"
        if ids:
            found |= {"trace_id": self.trace_id, "span_id": self.span_id}
        if timestamps:
            found["timestamp"] = self.timestamp
        return {key: value for key, value in found.items() if value not in (None, "", {})}


def ids_of(context: Context) -> tuple[str | None, str | None]:
    """Return trace id and span id of the span in an OTel context as hex text, or None twice."""
    found = trace.get_current_span(context).get_span_context()
    if not found.is_valid:
        return None, None
    return trace.format_trace_id(found.trace_id), trace.format_span_id(found.span_id)


def counted(records: Iterable[CapturedRecord]) -> list[CapturedRecord]:
    """Return the records with counted times and ids: one second apart, ids in the order of their first appearance."""
    traces: dict[str, str] = {}
    spans: dict[str, str] = {}

    def numbered(known: dict[str, str], found: str | None) -> str | None:
        if found is None:
            return None
        return known.setdefault(found, f"{len(known) + 1:0{len(found)}x}")

    return [
        replace(
            record,
            timestamp=(number + 1) * _SECOND,
            trace_id=numbered(traces, record.trace_id),
            span_id=numbered(spans, record.span_id),
        )
        for number, record in enumerate(records)
    ]
