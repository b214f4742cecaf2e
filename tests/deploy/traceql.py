"""TraceQL, as far as dashboards and guides speak it: conditions on one span, joined by ``&&``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_ctxlog.receiver import AttributeValue, ReceivedSpan

__all__ = ["matches"]

_CONDITION: Final = re.compile(
    r'\s*(?P<field>[\w.:]+)\s*(?P<operator>=~|!=|>=|<=|=|>|<)\s*(?P<value>"[^"]*"|[\w.]+)\s*'
)
_KINDS: Final = ("unspecified", "internal", "server", "client", "producer", "consumer")
_STATUS: Final = ("unset", "ok", "error")
_UNITS: Final[Mapping[str, float]] = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}


def matches(query: str, span: ReceivedSpan) -> bool:
    """Return whether a query finds a span.

    Raises:
        ValueError: it is no query that this reader knows.
    """
    whole = re.fullmatch(r"\{(?P<conditions>.*)\}", query.strip(), re.DOTALL)
    if whole is None:
        raise ValueError(f"found {query!r}, allowed: {{ conditions }}")
    return all(_holds(condition, span) for condition in whole["conditions"].split("&&"))


def _holds(condition: str, span: ReceivedSpan) -> bool:
    match = _CONDITION.fullmatch(condition)
    if match is None:
        raise ValueError(f"found {condition!r}, allowed: field = value")
    wanted = match["value"].strip('"')
    return any(_compared(value, match["operator"], wanted) for value in _values(match["field"], span))


def _values(field: str, span: ReceivedSpan) -> list[AttributeValue]:
    own: dict[str, list[AttributeValue]] = {
        "name": [span.name],
        "kind": [_KINDS[span.kind]],
        "status": [_STATUS[span.status_code]],
        "duration": [span.duration_nano],
        "event:name": [event.name for event in span.events],
    }
    if field in own:
        return own[field]
    scope, dot, name = field.partition(".")
    attributes = {
        "resource": [span.resource_attributes],
        "span": [span.attributes],
        "event": [event.attributes for event in span.events],
    }
    if not dot or scope not in attributes:
        raise ValueError(f"unknown field {field!r}, allowed: {', '.join(own)}, resource., span., event.")
    return [found[name] for found in attributes[scope] if name in found]


def _compared(value: AttributeValue, operator: str, wanted: str) -> bool:
    if operator == "=~":
        return re.fullmatch(wanted, str(value)) is not None
    duration = re.fullmatch(r"(?P<number>[\d.]+)(?P<unit>ns|us|ms|s)?", wanted)
    if isinstance(value, int | float) and not isinstance(value, bool) and duration is not None:
        number = float(duration["number"]) * _UNITS.get(duration["unit"] or "ns", 1)
        return {
            "=": value == number,
            "!=": value != number,
            ">": value > number,
            ">=": value >= number,
            "<": value < number,
            "<=": value <= number,
        }[operator]
    if operator not in {"=", "!="}:
        raise ValueError(f"{operator} compares numbers, and {value!r} is none")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return (text == wanted) == (operator == "=")
