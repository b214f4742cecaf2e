"""Mappings to checked plain data: what YAML could have said, within the limits, in dicts and lists of our own.

The result shares nothing with its source, so a later change there changes no configuration. What is shared inside the
source is shared inside the result.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, NamedTuple, cast

from otel_ctxlog.config.kinds import is_mapping, is_sequence, is_set
from otel_ctxlog.config.limits import MAX_BYTES, MAX_LEVELS, MAX_NODES, too_deep, too_long, too_many, utf8_length
from otel_ctxlog.config.wording import describe, short
from otel_ctxlog.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from otel_ctxlog.config.places import Place

__all__ = ["plain_data"]

_WORD_BITS = 64
_ALLOWED = "plain data: mapping, list, set, text, number, truth value, date, bytes, nothing"


def plain_data(source: object, place: Place) -> object:
    """A deep copy of `source` in plain dicts, lists, sets and scalars; tuples become lists.

    Raises:
        ConfigError: it refers to itself, is too large or too deep, or has something that YAML data cannot have.
    """
    try:
        return _Walk().visit(source, place, 1).data
    except ConfigError:
        raise
    except Exception as error:  # a mapping of the user that fails when it is read
        raise place.error(f"the mapping cannot be read: {short(error)}") from error


class _Seen(NamedTuple):
    source: object
    data: object
    weight: int
    height: int


class _Walk:
    """One walk over one source; collections met again are not walked again, only counted."""

    def __init__(self) -> None:
        self._seen: dict[int, _Seen | None] = {}
        self._bytes = 0
        self._visited = 0
        self._keys: set[str] = set()

    def visit(self, source: object, place: Place, depth: int) -> _Seen:
        """The copy of `source`; `depth` is its level if it is a collection."""
        self._visited += 1
        if self._visited > MAX_NODES:
            raise too_many(place)
        if not (is_mapping(source) or is_sequence(source) or is_set(source)):
            return _Seen(source, self._scalar(source, place), 1, 0)
        if depth > MAX_LEVELS:
            raise too_deep(place)
        identity = id(source)
        if identity in self._seen:
            seen = self._seen[identity]
            if seen is None:
                raise place.error("the structure contains itself; allowed: a finite structure")
            if depth - 1 + seen.height > MAX_LEVELS:
                raise too_deep(place)
            return seen
        self._seen[identity] = None
        if is_mapping(source):
            seen = self._mapping(source, place, depth)
        elif is_set(source):
            seen = self._set(source, place)
        else:
            seen = self._list(cast("Sequence[object]", source), place, depth)
        if seen.weight > MAX_NODES:
            raise too_many(place)
        self._seen[identity] = seen
        return seen

    def _mapping(self, source: Mapping[object, object], place: Place, depth: int) -> _Seen:
        data: dict[object, object] = {}
        weight, height = 1, 0
        for key, value in source.items():
            plain_key = self._key(key, place)
            child = self.visit(value, place.item(source, plain_key), depth + 1)
            data[plain_key] = child.data
            weight += child.weight + 1
            height = max(height, child.height)
        return _Seen(source, data, weight, height + 1)

    def _list(self, source: Sequence[object], place: Place, depth: int) -> _Seen:
        data: list[object] = []
        weight, height = 1, 0
        for index, value in enumerate(source):
            child = self.visit(value, place.item(source, index), depth + 1)
            data.append(child.data)
            weight += child.weight
            height = max(height, child.height)
        return _Seen(source, data, weight, height + 1)

    def _set(self, source: AbstractSet[object], place: Place) -> _Seen:
        data = {self._key(member, place) for member in source}
        # A member of a YAML set is a key without a value: two nodes.
        return _Seen(source, data, 1 + 2 * len(data), 1)

    def _key(self, key: object, place: Place) -> object:
        self._visited += 1
        if self._visited > MAX_NODES:
            raise too_many(place)
        if isinstance(key, str) and key in self._keys:
            return str.__str__(key)
        if key != key:  # noqa: PLR0124 - NaN
            raise place.error(f"found {describe(key)} as a key; allowed: texts and other simple values")
        plain = self._scalar(key, place)
        if isinstance(plain, str):
            self._keys.add(plain)
        return plain

    def _scalar(self, source: object, place: Place) -> object:
        if source is None or isinstance(source, bool):
            return source
        if isinstance(source, str):
            self._count(len(source) if len(source) > MAX_BYTES else utf8_length(source), place)
            return str.__str__(source)
        if isinstance(source, int):
            if source.bit_length() > _WORD_BITS:
                self._count(source.bit_length() // 8, place)
            return int(source)
        if isinstance(source, float):
            return float(source)
        if isinstance(source, (bytes, bytearray)):
            self._count(len(source), place)
            return bytes(source)
        if type(source) in (dt.date, dt.datetime):
            return source
        raise place.error(f"found {describe(source)}; allowed: {_ALLOWED}")

    def _count(self, size: int, place: Place) -> None:
        self._bytes += size
        if self._bytes > MAX_BYTES:
            raise too_long(place)
