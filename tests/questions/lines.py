"""Small OTLP JSON lines for tests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

SECOND = 1_000_000_000
NOON = 1_795_176_000 * SECOND
TRACE = "5b8efff798038103d269b633813fc60c"


def value(plain: object) -> dict[str, Any]:
    """A value as OTLP JSON writes it."""
    if isinstance(plain, bool):
        return {"boolValue": plain}
    if isinstance(plain, int):
        return {"intValue": str(plain)}
    if isinstance(plain, float):
        return {"doubleValue": plain}
    return {"stringValue": str(plain)}


def attributes(of: Mapping[str, object]) -> list[dict[str, Any]]:
    """Attributes as OTLP JSON writes them."""
    return [{"key": name, "value": value(plain)} for name, plain in of.items()]


def event(
    kind: str,
    fields: Mapping[str, object] | None = None,
    *,
    at: float = 0.0,
    trace: str = "",
    span: str = "",
    **more: object,
) -> dict[str, Any]:
    """An event, so many seconds after noon; its attributes by name or as a mapping."""
    return {
        "timeUnixNano": str(NOON + round(at * SECOND)),
        "severityNumber": 9,
        "severityText": "INFO",
        "eventName": kind,
        "attributes": attributes({**(fields or {}), **more}),
        "traceId": trace,
        "spanId": span,
    }


def log(text: str, *, at: float = 0.0, severity: int = 9, **more: object) -> dict[str, Any]:
    """A plain log record."""
    return {
        "timeUnixNano": str(NOON + round(at * SECOND)),
        "severityNumber": severity,
        "body": {"stringValue": text},
        **more,
    }


def span(name: str, *, at: float, ms: float, trace: str, id: str, parent: str = "", **more: object) -> dict[str, Any]:
    """A span, so many seconds after noon."""
    start = NOON + round(at * SECOND)
    return {
        "traceId": trace,
        "spanId": id,
        "parentSpanId": parent,
        "name": name,
        "kind": 2,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + round(ms * 1_000_000)),
        **more,
    }


def logs(*records: dict[str, Any], service: str = "shop") -> str:
    """A line with these log records."""
    return _line("Logs", "logRecords", list(records), service)


def spans(*of: dict[str, Any], service: str = "shop") -> str:
    """A line with these spans."""
    return _line("Spans", "spans", list(of), service)


def _line(what: str, inner: str, elements: list[dict[str, Any]], service: str) -> str:
    resource = {"attributes": attributes({"service.name": service})}
    scope = {"scope": {"name": "test"}, inner: elements}
    return json.dumps({f"resource{what}": [{"resource": resource, f"scope{what}": [scope]}]}, ensure_ascii=False) + "\n"
