"""Fields of log records: what a logging call accepts besides its message, and how it becomes attributes.

Fields may be mixed freely: `KeyValue`, `Attribute`, mappings, or key, value alternating; then keyword attributes.
Reading them never raises and loses nothing: what has no proper key goes into ``!BADKEY``, a sequence of texts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import Enum
from typing import Final, TypeGuard, cast

from otel_ctxlog.engine.frozen import Frozen, put
from otel_ctxlog.engine.messages import Attribute
from otel_ctxlog.engine.values import (
    INT_MAX,
    INT_MIN,
    AttributeValue,
    Lazy,
    clean_text,
    is_a,
    kept_lazy,
    safe_text,
    to_value,
)

__all__ = [
    "BADKEY",
    "IGNORE",
    "Fields",
    "Ignore",
    "KeyValue",
    "are_plain",
    "bad_texts",
    "called",
    "read_fields",
    "read_pairs",
]

BADKEY: Final = "!BADKEY"


class Ignore(Enum):
    """The type of `IGNORE`."""

    IGNORE = "ignore"

    def __repr__(self) -> str:
        return "IGNORE"


IGNORE: Final = Ignore.IGNORE
"""A value that leaves its key out of the record, an earlier value of that key too."""


class KeyValue(Frozen):
    """A field in one piece: `key` with `value`. What is no proper key shows up under ``!BADKEY``."""

    __slots__ = ("key", "value")
    __match_args__ = ("key", "value")

    key: str
    value: object

    def __init__(self, key: str, value: object) -> None:
        put(self, "key", key)
        put(self, "value", value)


class Fields:
    """Attributes that were read from fields.

    Attributes:
        values: key → attribute value; a `Lazy` where it was asked to keep them.
        ignored: keys that must not be on the record, whoever else gives them.
        bad: the texts for ``!BADKEY``.
        lazy: whether `values` holds a `Lazy`.
    """

    __slots__ = ("bad", "ignored", "lazy", "values")

    def __init__(
        self,
        values: dict[str, AttributeValue | Lazy] | None = None,
        ignored: Collection[str] = (),
    ) -> None:
        self.values: dict[str, AttributeValue | Lazy] = {} if values is None else values
        self.ignored = ignored
        self.bad: Sequence[str] = ()
        self.lazy = False

    def put(self, key: str, value: object, *, keep_lazy: bool) -> None:
        """Enter one value; a later one of the same key wins."""
        if type(key) is not str or not key.isascii():
            key = clean_text(key)
        if keep_lazy and value is not IGNORE:
            value = kept_lazy(value)
            if type(value) is Lazy:
                self.lazy = True
                if self.ignored:
                    self._unignore(key)
                self.values[key] = value
                return
        if type(value) is Lazy:
            value = called(value)
        if value is IGNORE:
            self.values.pop(key, None)
            self.ignored = {*self.ignored, key}
            return
        if self.ignored:
            self._unignore(key)
        self.values[key] = to_value(value)

    def _unignore(self, key: str) -> None:
        self.ignored = {ignored for ignored in self.ignored if ignored != key}

    def put_bad(self, key: object, value: object) -> None:
        """Enter a pair whose key is none, as ``key: value``."""
        if value is not IGNORE:
            self.add_bad(f"{safe_text(key)}: {_text(value)}")

    def add_bad(self, *texts: str) -> None:
        """Enter texts that go into ``!BADKEY``."""
        self.bad = (*self.bad, *texts)


def called(value: object) -> object:
    """Return what a `Lazy` gives, or the text of its failure."""
    for _ in range(8):  # one that returns another; without end it would be text
        if type(value) is not Lazy:
            return value
        try:
            value = value.function()
        except Exception as error:  # noqa: BLE001 - whatever the user's function does
            return safe_text(f"!ERROR: {type(error).__name__}: {safe_text(error)}")
    return safe_text(value)


def _text(value: object) -> str:
    converted = to_value(called(value))
    return converted if isinstance(converted, str) else safe_text(converted)


def read_fields(
    fields: Sequence[object],
    attributes: Mapping[str, object],
    *,
    keep_lazy: bool = False,
) -> Fields:
    """Return the attributes that the fields of a call mean; never raises.

    Args:
        fields: positional fields.
        attributes: keyword attributes; they come last.
        keep_lazy: keep a `Lazy` for later instead of calling it.
    """
    if not fields and not keep_lazy and are_plain(attributes):
        return Fields(cast("dict[str, AttributeValue | Lazy]", attributes.copy()))
    read = Fields()
    if fields:
        _read_positional(fields, read, keep_lazy=keep_lazy)
    for key, value in attributes.items():
        _put_pair(key, value, read, keep_lazy=keep_lazy)
    if read.bad and BADKEY in read.values:
        read.bad = (*read.bad, *bad_texts(read.values.pop(BADKEY)))
    return read


def bad_texts(value: object) -> tuple[str, ...]:
    """Return what stands under ``!BADKEY`` as texts."""
    if isinstance(value, (list, tuple)):
        return tuple(safe_text(item) for item in cast("Sequence[object]", value))
    return (safe_text(value),)


def are_plain(attributes: Mapping[str, object]) -> TypeGuard[dict[str, AttributeValue]]:
    """Return whether keyword attributes can go on a record as they are, which is the usual case."""
    for key, value in attributes.items():
        kind = type(value)
        if kind is str:
            if not value.isascii():  # type: ignore[attr-defined]
                return False
        elif kind is int:
            if not INT_MIN <= value <= INT_MAX:  # type: ignore[operator]
                return False
        elif kind is not bool and kind is not float and value is not None:
            return False
        if type(key) is not str or (key not in _good_keys and not _is_good(key)):
            return False
    return True


_MOST_KEYS: Final = 1024
_good_keys: set[str] = set()
"""Keys that were found to be what a key has to be."""


def _is_good(key: str) -> bool:
    if not key or not key.isascii() or key == BADKEY:
        return False
    if len(_good_keys) >= _MOST_KEYS:
        _good_keys.clear()
    _good_keys.add(key)
    return True


def _read_positional(fields: Sequence[object], read: Fields, *, keep_lazy: bool) -> None:
    position, count = 0, len(fields)
    while position < count:
        item = fields[position]
        position += 1
        # By type, not isinstance: a proxy's `__class__` may run code that raises.
        kind = type(item)
        if issubclass(kind, str):
            # A whole field never is the value of the key before it: that key lost its value.
            if position == count or issubclass(type(fields[position]), (KeyValue, Attribute)):
                read.add_bad(_text(item))
                continue
            value = fields[position]
            position += 1
            if item:
                _put_pair(item, value, read, keep_lazy=keep_lazy)
            else:
                read.add_bad("", _text(value))
        elif issubclass(kind, KeyValue):
            _put_pair(cast("KeyValue", item).key, cast("KeyValue", item).value, read, keep_lazy=keep_lazy)
        elif issubclass(kind, Attribute):
            read.put(cast("Attribute", item).name, cast("Attribute", item).value, keep_lazy=keep_lazy)
        elif issubclass(kind, Mapping):
            _put_mapping(cast("Mapping[object, object]", item), read, keep_lazy=keep_lazy)
        else:
            read.add_bad(_text(item))


def _put_pair(key: object, value: object, read: Fields, *, keep_lazy: bool) -> None:
    if type(key) is str and key:
        read.put(key, value, keep_lazy=keep_lazy)
        return
    try:
        if isinstance(key, str) and key:
            read.put(key, value, keep_lazy=keep_lazy)
            return
    except Exception:  # noqa: BLE001, S110 - a key whose own methods raise is no proper key
        pass
    read.put_bad(key, value)


def _put_mapping(mapping: Mapping[object, object], read: Fields, *, keep_lazy: bool) -> None:
    try:
        for key, value in mapping.items():
            _put_pair(key, value, read, keep_lazy=keep_lazy)
    except Exception as error:  # noqa: BLE001 - a mapping of the user may fail
        read.add_bad(safe_text(f"!ERROR: {type(error).__name__}: {safe_text(error)}"))


def read_pairs(key_values: Sequence[object]) -> Fields:
    """Return the attributes of a logr-style call: key, value alternating, every value a plain one; never raises."""
    read = Fields()
    position, count = 0, len(key_values)
    while position < count:
        key = key_values[position]
        if not is_a(key, str):
            read.add_bad(_plain_text(key))
            position += 1
        elif position + 1 == count:
            read.add_bad(safe_text(key))
            position += 1
        else:
            value = key_values[position + 1]
            plain = safe_text(repr(value)) if value is IGNORE else value
            _put_pair(key, plain, read, keep_lazy=False)
            position += 2
    return read


def _plain_text(value: object) -> str:
    return repr(value) if value is IGNORE else _text(value)
