"""The event contract: what an event may be, and its JSON text.

The type is a non-empty text; ``eventType`` is reserved; keys are non-empty texts and unique across all fields; pairs
are complete; values can be written as JSON. Violations raise an `EventError`, which says the kind and the key or
position.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Final, cast

from otel_ctxlog.engine.fields import IGNORE, Fields, KeyValue, are_plain
from otel_ctxlog.engine.messages import Attribute
from otel_ctxlog.engine.values import (
    AttributeValue,
    Converter,
    Lazy,
    ValueRefusedError,
    clean_text,
    is_a,
    kept_lazy,
    repr_of,
    safe_text,
)
from otel_ctxlog.errors import EventError

if TYPE_CHECKING:
    from json import JSONEncoder

__all__ = ["EVENT_TYPE", "check_event", "complete", "json_text", "load_json", "marshal"]

EVENT_TYPE: Final = "eventType"
_MAY_HOLD_LAZY: Final = frozenset({Lazy, list, tuple, dict})


def _every(_key: str) -> bool:
    return True


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

    def too_large(self) -> AttributeValue:
        """Refuse a value of more elements than a record should carry."""
        msg = "it has too many elements"
        raise ValueRefusedError(msg)

    def too_deep(self) -> AttributeValue:
        """Refuse a value nested deeper than receivers decode."""
        msg = "it is nested too deep"
        raise ValueRefusedError(msg)


def check_event(
    type: object,
    fields: Sequence[object],
    attributes: Mapping[str, object],
    *,
    call_lazy: Callable[[str], bool] = _every,
) -> tuple[str, Fields]:
    """Return the type and the fields of an event.

    Args:
        type: the type.
        fields: positional fields.
        attributes: keyword fields, a dict of their own: the result may have it.
        call_lazy: whether to call the `Lazy` value of that key now; the others are in the result for `complete`.

    Raises:
        EventError: it breaks the event contract.
    """
    if not is_a(type, str) or not str.__len__(type):
        msg = f"the type of an event must be a non-empty str, but got {safe_text(repr_of(type))}"
        raise EventError("type", msg)
    if not fields and are_plain(attributes) and EVENT_TYPE not in attributes and _finite(attributes):
        return safe_text(type), Fields(cast("dict[str, AttributeValue | Lazy]", attributes))
    event = _Event(call_lazy)
    event.read(fields)
    for key, value in attributes.items():
        event.put(key, value, f"keyword {key!r}")
    checked = Fields(event.values, event.ignored)
    checked.lazy = event.lazy
    return safe_text(type), checked


def _finite(values: Mapping[str, AttributeValue]) -> bool:
    for value in values.values():  # noqa: SIM110 - a generator costs more than the rest
        if type(value) is float and not math.isfinite(value):
            return False
    return True


def complete(fields: Fields) -> dict[str, AttributeValue]:
    """Call what is left to call in the fields of an event, in place, and return their values.

    Raises:
        EventError: one raises, or has a value that breaks the event contract.
    """
    values = fields.values
    if not fields.lazy:
        return cast("dict[str, AttributeValue]", values)
    for key, value in list(values.items()):
        if type(value) is Lazy:
            called = _called(value, key, "a field")
            if called is IGNORE:
                del values[key]
                fields.ignored = {*fields.ignored, key}
            else:
                values[key] = _converted(called, key, "a field")
    return cast("dict[str, AttributeValue]", values)


class _Event:
    """The fields of one event while they are read."""

    __slots__ = ("_call_lazy", "_seen", "ignored", "lazy", "values")

    def __init__(self, call_lazy: Callable[[str], bool]) -> None:
        self._call_lazy = call_lazy
        self._seen: set[str] = set()
        self.values: dict[str, AttributeValue | Lazy] = {}
        self.ignored: set[str] = set()
        self.lazy = False

    def read(self, fields: Sequence[object]) -> None:
        position, count = 0, len(fields)
        while position < count:
            item, place = fields[position], f"field {position}"
            position += 1
            # By type, not isinstance: a proxy's `__class__` may run code that raises.
            kind = type(item)
            if issubclass(kind, KeyValue):
                self.put(cast("KeyValue", item).key, cast("KeyValue", item).value, place)
            elif issubclass(kind, Attribute):
                self.put(cast("Attribute", item).name, cast("Attribute", item).value, place)
            elif issubclass(kind, Mapping):
                self._read_mapping(cast("Mapping[object, object]", item), place)
            elif issubclass(kind, str):
                if position == count or issubclass(type(fields[position]), (KeyValue, Attribute)):
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
        if not is_a(key, str) or not str.__len__(key):
            msg = f"{place}: a key must be a non-empty str, but got {safe_text(repr_of(key))}"
            raise EventError("key", msg)
        name = safe_text(key)
        if name == EVENT_TYPE:
            msg = f"{place}: the key {EVENT_TYPE!r} is reserved for the type"
            raise EventError("reserved", msg)
        if name in self._seen:
            msg = f"{place}: the key {_quoted(name)} is there twice"
            raise EventError("duplicate", msg)
        self._seen.add(name)
        if type(kept_lazy(value) if type(value) in _MAY_HOLD_LAZY else value) is Lazy and not self._call_lazy(name):
            self.values[name] = value if type(value) is Lazy else Lazy(lambda: value)
            self.lazy = True
            return
        if type(value) is Lazy:
            value = _called(value, name, place)
        if value is IGNORE:
            self.ignored.add(name)
        else:
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


def _quoted(name: object) -> str:
    return safe_text(repr_of(name))


def json_text(type: str, values: Mapping[str, AttributeValue]) -> str:
    """Return the JSON text of a checked event: keys sorted, no blanks, text as it is rather than escaped."""
    return _encoder().encode({**values, EVENT_TYPE: type})


def load_json() -> None:
    """Load what writes JSON: where the interpreter goes down, nothing can be loaded."""
    _encoder()


@cache
def _encoder() -> JSONEncoder:
    from json import JSONEncoder

    return JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def marshal(type: str, /, *fields: object, **attributes: object) -> str:
    """Return the JSON text of an event: keys sorted, UTF-8 text, no blanks.

    Raises:
        EventError: a ``ValueError`` that names the violation of the event contract and the key or position.
    """
    event_type, read = check_event(type, fields, attributes)
    return json_text(event_type, cast("Mapping[str, AttributeValue]", read.values))
