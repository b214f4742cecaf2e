"""Loki in small: what it stores of a record that comes over OTLP, and what a query finds in that.

Names and values as in Loki's ``pkg/loghttp/push/otlplabels`` and ``pkg/distributor/field_detection.go``, version 3.7:
attributes become structured metadata, dots underscores; maps are flattened with underscores, arrays are JSON text; the
attributes of the resource that its configuration lists become labels of the stream. ``event_name`` is left out: Loki
keeps it only from 3.8.
"""

from __future__ import annotations

import base64
import json
import math
import operator
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .queries import (
    Aggregation,
    Binary,
    Call,
    LabelFilter,
    LineFilter,
    LineFormat,
    Number,
    QueryError,
    Selector,
    Unwrap,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from otel_ctxlog.receiver import AttributeValue, ReceivedRecord

    from .queries import Expression, Matcher

__all__ = ["Entry", "Series", "as_text", "entry", "label_name", "lines", "series"]

_LEVELS: Final = ("trace", "debug", "info", "warn", "error", "fatal")
_ARITHMETIC: Final[dict[str, Callable[[float, float], float]]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": lambda left, right: left / right,
}
_SIGNS: Final[dict[str, Callable[[float, float], bool]]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A line, the labels of its stream, and its structured metadata."""

    line: str
    labels: Mapping[str, str]
    metadata: Mapping[str, str]

    @property
    def fields(self) -> dict[str, str]:
        """All that a filter after the braces can ask for; a label wins over structured metadata of that name."""
        return {**self.metadata, **self.labels}


@dataclass(frozen=True, slots=True)
class Series:
    """A value with its labels."""

    labels: Mapping[str, str]
    value: float


def label_name(name: str) -> str:
    """Return what Loki and Prometheus make of an attribute's name."""
    found = re.sub(r"_+", "_", re.sub(r"[^A-Za-z0-9_]", "_", name))
    return f"key_{found}" if found[:1].isdigit() else found


def entry(record: ReceivedRecord, index_labels: Collection[str]) -> Entry:
    """Return what Loki stores of a record.

    Args:
        record: as it came over OTLP.
        index_labels: attributes of the resource that become labels of the stream.
    """
    labels: dict[str, str] = {}
    metadata: dict[str, str] = {}
    for name, value in record.resource_attributes.items():
        _flatten(name, value, labels if name in index_labels else metadata)
    labels.setdefault("service_name", "unknown_service")
    for name, value in record.scope_attributes.items():
        _flatten(name, value, metadata)
    for name, value in record.attributes.items():
        _flatten(name, value, metadata)
    fields = {
        "observed_timestamp": record.observed_time_unix_nano if record.time_unix_nano else 0,
        "severity_number": record.severity_number,
        "severity_text": record.severity_text,
        "dropped_attributes_count": record.dropped_attributes_count,
        "flags": record.flags,
        "trace_id": record.trace_id,
        "span_id": record.span_id,
        "scope_name": record.scope_name,
        "scope_version": record.scope_version,
    }
    metadata.update({name: str(value) for name, value in fields.items() if value})
    if record.severity_number:
        metadata["detected_level"] = _LEVELS[(record.severity_number - 1) // 4]
    return Entry(as_text(record.body), labels, metadata)


def lines(query: Expression, entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries that a query of lines finds.

    Raises:
        QueryError: it is a query of a metric.
    """
    if not isinstance(query, Selector) or query.range:
        raise QueryError("allowed: a query of lines")
    return [found for found in entries if _selected(query, found)]


def series(query: Expression, entries: Sequence[Entry]) -> list[Series]:
    """Return what a query of a metric gives over all entries, as if its range held them all.

    Raises:
        QueryError: it is a query of lines.
    """
    if isinstance(query, Number):
        return [Series({}, query.value)]
    if isinstance(query, Call):
        return _over_time(query, entries)
    if isinstance(query, Aggregation):
        return _aggregated(query, series(query.argument, entries))
    if isinstance(query, Binary):
        left, right = series(query.left, entries), series(query.right, entries)
        return [
            Series(one.labels, _ARITHMETIC[query.operator](one.value, other.value))
            for one in left
            for other in right
            if one.labels == other.labels
        ]
    raise QueryError("allowed: a query of a metric")


def _over_time(call: Call, entries: Iterable[Entry]) -> list[Series]:
    unwrapped = next((stage.label for stage in call.argument.stages if isinstance(stage, Unwrap)), "")
    found: dict[tuple[tuple[str, str], ...], float] = defaultdict(float)
    for one in entries:
        if not _selected(call.argument, one):
            continue
        fields = one.fields
        # A value that is no number is an error of the line, which then counts for nothing.
        value = _number(fields.pop(unwrapped, "")) if unwrapped else 1.0
        if not math.isnan(value):
            found[tuple(sorted(fields.items()))] += value
    return [Series(dict(labels), value) for labels, value in found.items()]


def _aggregated(query: Aggregation, of: Iterable[Series]) -> list[Series]:
    if query.operator in {"topk", "bottomk"}:
        ordered = sorted(of, key=lambda one: one.value, reverse=query.operator == "topk")
        return ordered[: query.most]
    groups: dict[tuple[tuple[str, str], ...], list[float]] = defaultdict(list)
    for one in of:
        kept = {name: one.labels[name] for name in query.labels or () if name in one.labels}
        groups[tuple(sorted(kept.items()))].append(one.value)
    reduce: dict[str, Callable[[list[float]], float]] = {
        "sum": sum,
        "count": len,
        "min": min,
        "max": max,
        "avg": lambda values: sum(values) / len(values),
    }
    return [Series(dict(labels), reduce[query.operator](values)) for labels, values in groups.items()]


def _selected(selector: Selector, one: Entry) -> bool:
    return all(_matches(matcher, one.labels) for matcher in selector.matchers) and all(
        _passes(stage, one) for stage in selector.stages
    )


def _matches(matcher: Matcher | LabelFilter, fields: Mapping[str, str]) -> bool:
    value, wanted = fields.get(matcher.label, ""), str(matcher.value)
    if matcher.operator in {"=~", "!~"}:
        return (re.fullmatch(wanted, value) is not None) == (matcher.operator == "=~")
    return (value == wanted) == (matcher.operator == "=")


def _passes(stage: LabelFilter | LineFilter | LineFormat | Unwrap, one: Entry) -> bool:
    if isinstance(stage, LabelFilter):
        if isinstance(stage.value, float):
            return _SIGNS[stage.operator](_number(one.fields.get(stage.label, "")), stage.value)
        return _matches(stage, one.fields)
    if isinstance(stage, LineFilter):
        if stage.operator in {"|=", "!="}:
            return (stage.text in one.line) == (stage.operator == "|=")
        return (re.search(stage.text, one.line) is not None) == (stage.operator == "|~")
    if isinstance(stage, Unwrap):
        return stage.label in one.fields
    return True


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _flatten(name: str, value: AttributeValue, into: dict[str, str]) -> None:
    if isinstance(value, dict):
        for key, nested in value.items():
            _flatten(f"{name}_{key}", nested, into)
    else:
        into[label_name(name)] = as_text(value)


def as_text(value: AttributeValue) -> str:
    """Return a value as the collector and Loki write it where only text can be: arrays and maps as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return json.dumps(value, default=as_text, separators=(",", ":"), ensure_ascii=False)
