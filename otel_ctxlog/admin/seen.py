"""A record that passed, as the endpoint keeps it: cut, so that what is kept is bounded, and without what is hidden."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, cast

from opentelemetry import baggage, trace

from otel_ctxlog.admin.exchange import Json
from otel_ctxlog.admin.redaction import REDACTED, Redaction
from otel_ctxlog.engine.messages import BAGGAGE, SPAN, Ambient, Attribute, Realm, StaticMessages, View
from otel_ctxlog.engine.values import BaggageText
from otel_ctxlog.otel.context import Context, span_in
from otel_ctxlog.otel.severity import level_of
from otel_ctxlog.otel.sources import span_attributes

if TYPE_CHECKING:
    from opentelemetry._logs import LogRecord

__all__ = ["Seen"]

_LONGEST_BODY: Final = 2_000
_LONGEST_VALUE: Final = 256
_LONGEST_NAME: Final = 128
_MOST_ATTRIBUTES: Final = 48
_MOST_ELEMENTS: Final = 16
_MOST_DEPTH: Final = 3
_BUDGET: Final = 8_000
"""About how many characters of one record are kept."""
_LARGEST_INT: Final = 1 << 63
_ELLIPSIS: Final = "…"
# A text in JSON, its end perhaps cut off, and the colon after it: never tried twice from one place.
_JSON_TEXT: Final = re.compile(r'"((?:[^"\\]|\\.)*)(?:"(\s*:)?|\\?\Z)', re.DOTALL)


class Seen:
    """One record.

    Attributes:
        number: its number, counted from the start of the endpoint.
        time: when it was made, in nanoseconds since the epoch.
        level: its level, by its severity number.
        severity: the severity text.
        scope: the name of the logger.
        event_name: the type of an event, or empty.
        body: the body, or None.
        attributes: the attributes.
        baggage: the baggage of the call.
        span_name: the name of the span of the call, or None.
        span_attributes: the attributes of that span.
        sampled: whether that span is sampled.
        trace_id: hexadecimal, or empty.
        span_id: hexadecimal, or empty.
    """

    __slots__ = (
        "attributes",
        "baggage",
        "body",
        "event_name",
        "level",
        "number",
        "sampled",
        "scope",
        "severity",
        "span_attributes",
        "span_id",
        "span_name",
        "time",
        "trace_id",
    )

    def __init__(self, number: int, record: LogRecord, scope: str, context: Context, redaction: Redaction) -> None:
        self.number = number
        self.time = record.timestamp or record.observed_timestamp or 0
        self.level = level_of(record.severity_number or 0)
        self.severity = str(record.severity_text or "")[:_LONGEST_NAME]
        self.scope = scope[:_LONGEST_NAME]
        self.event_name = str(record.event_name or "")[:_LONGEST_NAME]
        cutter = _Cutter(redaction)
        self.body = cutter.body(record.body)
        self.attributes = cutter.mapping(_copied(record.attributes))
        span = span_in(context)
        ids = span.get_span_context()
        self.sampled = bool(ids.trace_flags.sampled)
        self.trace_id = format(record.trace_id, "032x") if record.trace_id else ""
        self.span_id = format(record.span_id, "016x") if record.span_id else ""
        self.baggage = cutter.mapping(baggage.get_all(context))
        self.span_name: str | None = None
        self.span_attributes: dict[str, Json] = {}
        if span is not trace.INVALID_SPAN and span.is_recording():
            name: object = getattr(span, "name", None)
            self.span_name = name[:_LONGEST_VALUE] if isinstance(name, str) else None
            self.span_attributes = cutter.mapping(span_attributes(span))

    @property
    def realm(self) -> str | None:
        """The realm, or None."""
        realm = self.attributes.get("realm")
        return realm if isinstance(realm, str) and realm else None

    def span_json(self) -> Json:
        """Return the span of the call as it is shown, or None where there was none."""
        if self.span_name is None and not self.trace_id:
            return None
        return {"name": self.span_name, "attributes": dict(self.span_attributes), "sampled": self.sampled}

    def explicit(self) -> dict[str, Json]:
        """Return the attributes that are neither the realm nor those of baggage and span."""
        return {
            name: value
            for name, value in self.attributes.items()
            if name != "realm"
            and not (name in self.baggage and self.baggage[name] == value)
            and not (name in self.span_attributes and self.span_attributes[name] == value)
        }

    def view(self, resource: Mapping[str, object] | None) -> View:
        """Return the message context of the call, as far as the record tells: tags are not on records."""
        messages: list[object] = [Attribute(name, value) for name, value in self.explicit().items() if name]
        if self.realm is not None:
            messages.insert(0, Realm(self.realm))
        entries = {name: BaggageText(str(value)) for name, value in self.baggage.items()}
        ambient = Ambient([(BAGGAGE, entries), (SPAN, self.span_attributes)])
        ambient.span_name = self.span_name
        ambient.sampled = self.sampled
        ambient.resource = resource
        return View(StaticMessages.read(tuple(messages)), ambient)

    def as_json(self) -> dict[str, Json]:
        """Return it as it is shown."""
        return {
            "number": self.number,
            "time": self.time // 1_000_000 / 1000,
            "level": self.level,
            "severity": self.severity,
            "scope": self.scope,
            "realm": self.realm,
            "eventName": self.event_name,
            "body": self.body,
            "attributes": dict(self.attributes),
            "baggage": dict(self.baggage),
            "span": self.span_json(),
            "traceId": self.trace_id,
            "spanId": self.span_id,
        }


def _copied(attributes: object) -> object:
    """Return attributes as a dict, if they can be had at once: what the SDK has gives them one by one, with a lock."""
    copied: object = getattr(attributes, "copy", None)
    return copied() if callable(copied) else attributes or {}


class _Cutter:
    """Cuts the values of one record, which share what may be kept of it."""

    __slots__ = ("_left", "_redaction")

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._left = _BUDGET

    def body(self, body: object) -> Json:
        if body is None:
            return None
        if not self._redaction.bodies or (isinstance(body, str) and self._says_hidden(body[:_LONGEST_BODY])):
            return REDACTED
        return self._value(body, _LONGEST_BODY, 0)

    def _says_hidden(self, body: str) -> bool:
        """Return whether that is JSON with a name whose value is hidden: the body of an event repeats its fields."""
        if not body.startswith("{"):
            return False
        hides = self._redaction.hides
        return any(found[2] is not None and hides(found[1][:_LONGEST_NAME]) for found in _JSON_TEXT.finditer(body))

    def mapping(self, values: object) -> dict[str, Json]:
        """Return the values by name, as many as may be kept."""
        found: dict[str, Json] = {}
        if not values:
            return found
        hides = self._redaction.hides
        for name, value in cast("Mapping[object, object]", values).items():
            if len(found) >= _MOST_ATTRIBUTES or self._left <= 0:
                break
            text = name if type(name) is str else str(name)
            if len(text) > _LONGEST_NAME:
                text = text[:_LONGEST_NAME]
            self._left -= len(text) + 8
            if hides(text):
                found[text] = REDACTED
            elif type(value) is str and len(value) <= _LONGEST_VALUE and len(value) <= self._left:
                # Most values are: one call less.
                self._left -= len(value)
                found[text] = value
            else:
                found[text] = self._value(value, _LONGEST_VALUE, 0)
        return found

    def _value(self, value: object, longest: int, depth: int) -> Json:
        kind = type(value)
        if kind is str:
            return self._text(cast("str", value), longest)
        if value is None or kind is bool:
            return cast("bool | None", value)
        self._left -= 8
        if kind is int:
            number = cast("int", value)
            return number if -_LARGEST_INT <= number < _LARGEST_INT else f"{number.bit_length()} bits{_ELLIPSIS}"
        if kind is float:
            return cast("float", value) if math.isfinite(cast("float", value)) else str(value)
        if isinstance(value, (bytes, bytearray)):
            return f"{len(value)} bytes"
        if isinstance(value, Mapping):
            return self._nested_mapping(cast("Mapping[object, object]", value), depth)
        if isinstance(value, Sequence) and not isinstance(value, str):
            return self._nested_sequence(cast("Sequence[object]", value), depth)
        return self._text(str(value), longest)

    def _text(self, text: str, longest: int) -> str:
        longest = max(0, min(longest, self._left))
        if len(text) > longest:
            text = text[:longest] + _ELLIPSIS
        self._left -= len(text)
        return text

    def _nested_mapping(self, values: Mapping[object, object], depth: int) -> Json:
        if depth >= _MOST_DEPTH or self._left <= 0:
            return _ELLIPSIS
        found: dict[str, Json] = {}
        for name, value in values.items():
            if len(found) >= _MOST_ELEMENTS or self._left <= 0:
                found[_ELLIPSIS] = None
                break
            text = str(name)[:_LONGEST_NAME]
            self._left -= len(text)
            found[text] = REDACTED if self._redaction.hides(text) else self._value(value, _LONGEST_VALUE, depth + 1)
        return found

    def _nested_sequence(self, values: Sequence[object], depth: int) -> Json:
        if depth >= _MOST_DEPTH or self._left <= 0:
            return _ELLIPSIS
        found: list[Json] = [self._value(value, _LONGEST_VALUE, depth + 1) for value in values[:_MOST_ELEMENTS]]
        if len(values) > _MOST_ELEMENTS:
            found.append(_ELLIPSIS)
        return found
