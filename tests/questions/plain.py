"""The same answers by a plain Python script: nothing but `json`, loops and dictionaries."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_NAMES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")


@dataclass
class Plain:
    """A log record."""

    time: int
    service: str | None
    severity: int
    event: str | None
    trace: str | None
    span: str | None
    body: Any
    attributes: dict[str, Any] = field(default_factory=dict[str, Any])
    outer: dict[str, Any] = field(default_factory=dict[str, Any])

    def value(self, name: str) -> Any:
        """An attribute of the record, of its scope, or of its resource."""
        for attributes in (self.attributes, self.outer):
            if attributes.get(name) is not None:
                return attributes[name]
        return None


def read(lines: Iterable[str]) -> Iterator[Plain]:
    """The log records of lines of which none is broken."""
    for line in lines:
        for of_resource in _list(json.loads(line), "resourceLogs"):
            resource = _attributes(of_resource.get("resource"))
            for of_scope in _list(of_resource, "scopeLogs"):
                outer = {**resource, **_attributes(of_scope.get("scope"))}
                for record in _list(of_scope, "logRecords"):
                    attributes = _attributes(record)
                    event = record.get("eventName") or attributes.get("eventType")
                    service = resource.get("service.name")
                    yield Plain(
                        time=int(record.get("timeUnixNano") or 0) or int(record.get("observedTimeUnixNano") or 0),
                        service=service if isinstance(service, str) else None,
                        severity=_severity(record),
                        event=None if event in (None, "") else str(event),
                        trace=_id(record.get("traceId"), 16),
                        span=_id(record.get("spanId"), 8),
                        body=_value(record.get("body") or {}),
                        attributes=attributes,
                        outer=outer,
                    )


def _list(of: Any, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] | None = of.get(name) if of else None
    return found or []


def _attributes(of: Any, name: str = "attributes") -> dict[str, Any]:
    return {pair["key"]: _value(pair.get("value") or {}) for pair in _list(of, name)}


def _value(value: dict[str, Any]) -> Any:
    found = {kind: inner for kind, inner in value.items() if inner is not None}
    if not found:
        return None
    ((kind, inner),) = found.items()
    if kind == "intValue":
        return int(inner)
    if kind == "doubleValue":
        return inner if inner in ("NaN", "Infinity", "-Infinity") else float(inner)
    if kind == "arrayValue":
        return [_value(element) for element in _list(inner, "values")]
    if kind == "kvlistValue":
        return _attributes(inner, "values")
    return inner


def _severity(record: dict[str, Any]) -> int:
    number = record.get("severityNumber") or 0
    if isinstance(number, str) and number.startswith("SEVERITY_NUMBER_"):
        name = number.removeprefix("SEVERITY_NUMBER_")
        if name == "UNSPECIFIED":
            number = 0
        else:
            base = name.rstrip("234")
            number = _NAMES.index(base) * 4 + int(name[len(base) :] or 1)
    number = int(number)
    text = (record.get("severityText") or "").upper()
    return number or (_NAMES.index(text) * 4 + 1 if text in _NAMES else 0)


def _id(text: str | None, size: int) -> str | None:
    if not text:
        return None
    found = text.lower() if len(text) == 2 * size else base64.b64decode(text).hex()
    return None if set(found) == {"0"} else found
