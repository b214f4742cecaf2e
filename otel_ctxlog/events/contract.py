"""The event contract: what an event may be, and its JSON text.

The type is a non-empty text; ``eventType`` is reserved; keys are non-empty texts and unique across all fields; pairs
are complete; values can be written as JSON. Violations raise an `EventError`, which says the kind and the key or
position.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Final, cast

from otel_ctxlog.engine.fields import IGNORE, KeyValue
from otel_ctxlog.engine.messages import Attribute, repr_of
from otel_ctxlog.engine.values import (
    AttributeValue,
    Converter,
    Lazy,
    ValueRefusedError,
    clean_text,
    kept_lazy,
    safe_text,
)
from otel_ctxlog.errors import EventError

__all__ = ["EVENT_TYPE", "check_event", "json_text", "marshal"]

EVENT_TYPE: Final = "eventType"


class _Strict(Converter):
    """Converts values as for log records, without the last resort of a text."""

    __slots__ = ()

    def other(self, value: object) -> AttributeValue:
        """Refuse an object of unknown kind."""
        msg = f"an object of type {type(value).__name__} cannot be written as JSON"
        raise ValueRefusedError(msg)

    def number(self, value: float) -> AttributeValue:
        """Refuse what JSON has no number for."""
        if math.isfinite(value):
            return value
        msg = f"{value!r} cannot be written as JSON"
        raise ValueRefusedError(msg)

    def binary(self, value: bytes) -> AttributeValue:
        """Refuse bytes."""
        msg = f"bytes of length {len(value)} cannot be written as JSON"
        raise ValueRefusedError(msg)

    def failed(self, error: Exception) -> AttributeValue:
        """Refuse a value that raised."""
        msg = f"it raised {type(error).__name__}: {safe_text(error)}"
        raise ValueRefusedError(msg) from error

    def too_deep(self) -> AttributeValue:
        """Refuse a value nested deeper than receivers decode."""
        msg = "it is nested too deep"
        raise ValueRefusedError(msg)


def check_event(
    type: object,
    fields: Sequence[object],
    attributes: Mapping[str, object],
    *,
    call_lazy: bool = True,
) -> tuple[str, dict[str, AttributeValue]]:
    """Return the type and the attributes of an event.

    Args:
        type: the type.
        fields: positional fields.
        attributes: keyword fields.
        call_lazy: call `Lazy` values; without, their keys are checked and left out.

    Raises:
        EventError: it breaks the event contract.
    """
    if not isinstance(type, str) or not type:
        msg = f"the type of an event must be a non-empty str, but got {safe_text(repr_of(type))}"
        raise EventError("type", msg)
    event = _Event(call_lazy=call_lazy)
    event.read(fields)
    for key, value in attributes.items():
        event.put(key, value, f"keyword {key!r}")
    return clean_text(type), event.values


class _Event:
    """The fields of one event while they are read."""

    __slots__ = ("_call_lazy", "seen", "values")

    def __init__(self, *, call_lazy: bool) -> None:
        self._call_lazy = call_lazy
        self.values: dict[str, AttributeValue] = {}
        self.seen: set[str] = set()

    def read(self, fields: Sequence[object]) -> None:
        position, count = 0, len(fields)
        while position < count:
            item, place = fields[position], f"field {position}"
            position += 1
            if isinstance(item, KeyValue):
                self.put(item.key, item.value, place)
            elif isinstance(item, Attribute):
                self.put(item.name, item.value, place)
            elif isinstance(item, Mapping):
                self._read_mapping(cast("Mapping[object, object]", item), place)
            elif isinstance(item, str):
                if position == count or isinstance(fields[position], (KeyValue, Attribute)):
                    msg = f"{place}: the key {_quoted(item)} has no value"
                    raise EventError("pair", msg)
                self.put(item, fields[position], place)
                position += 1
            elif position == count:
                msg = f"{place}: {safe_text(repr_of(item))} is neither a field nor a key with a value"
                raise EventError("pair", msg)
            else:
                self.put(item, fields[position], place)

    def _read_mapping(self, mapping: Mapping[object, object], place: str) -> None:
        try:
            items = list(mapping.items())
        except Exception as error:
            msg = f"{place}: the mapping raised {type(error).__name__}: {safe_text(error)}"
            raise EventError("failure", msg) from error
        for key, value in items:
            self.put(key, value, place)

    def put(self, key: object, value: object, place: str) -> None:
        """Enter one field."""
        if not isinstance(key, str) or not key:
            msg = f"{place}: a key must be a non-empty str, but got {safe_text(repr_of(key))}"
            raise EventError("key", msg)
        name = clean_text(key)
        if name == EVENT_TYPE:
            msg = f"{place}: the key {EVENT_TYPE!r} is reserved for the type"
            raise EventError("reserved", msg)
        if name in self.seen:
            msg = f"{place}: the key {_quoted(name)} is there twice"
            raise EventError("duplicate", msg)
        self.seen.add(name)
        if type(value) is Lazy and self._call_lazy:
            value = _called(value, name, place)
        if value is IGNORE or (not self._call_lazy and type(kept_lazy(value)) is Lazy):
            return
        self.values[name] = _converted(value, name, place)


def _called(value: Lazy, name: str, place: str) -> object:
    try:
        return value.function()
    except Exception as error:
        msg = f"{place}: the value of {_quoted(name)} raised {type(error).__name__}: {safe_text(error)}"
        raise EventError("failure", msg) from error


def _converted(value: object, name: str, place: str) -> AttributeValue:
    kind = type(value)
    if kind is str:
        return clean_text(cast("str", value))
    if kind is bool or value is None:
        return cast("bool | None", value)
    try:
        return _Strict().convert(value)
    except ValueRefusedError as error:
        msg = f"{place}: the value of {_quoted(name)}: {error}"
        raise EventError("value", msg) from error


def _quoted(name: str) -> str:
    return safe_text(repr(name))


def json_text(type: str, values: Mapping[str, AttributeValue]) -> str:
    """Return the JSON text of a checked event: keys sorted, no blanks, text as it is rather than escaped."""
    event = {**values, EVENT_TYPE: type}
    return json.dumps(event, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def marshal(type: str, /, *fields: object, **attributes: object) -> str:
    """Return the JSON text of an event: keys sorted, UTF-8 text, no blanks.

    Raises:
        EventError: a ``ValueError`` that names the violation of the event contract and the key or position.
    """
    return json_text(*check_event(type, fields, attributes))
