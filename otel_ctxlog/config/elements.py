"""From plain data to rules, conditions and values: each element has exactly one key, its type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import Protocol

from otel_ctxlog.config.kinds import is_dict, is_sequence
from otel_ctxlog.config.places import Place
from otel_ctxlog.config.wording import describe, listing, nearest, short
from otel_ctxlog.engine.protocols import Condition, Rule, is_condition, is_rule

__all__ = ["ElementType", "Elements", "Kind", "TypeTable"]


class Kind(Enum):
    """The three kinds of elements; the value is how messages call them."""

    RULE = "rule"
    CONDITION = "condition"
    VALUE = "value"


class ElementType(Protocol):
    """How the object of one type is made of the spec of an element."""

    def build(self, spec: object, *, place: Place, elements: Elements) -> object:
        """The object that `spec` describes; `ConfigError` at `place` or inside it for anything wrong."""
        ...


TypeTable = Mapping[Kind, Mapping[str, ElementType]]
"""The types by kind and name."""


@dataclass(frozen=True, slots=True)
class _Built:
    source: object
    result: object


class Elements:
    """Makes the objects of one document, with the types of one registry."""

    def __init__(self, types: TypeTable) -> None:
        self.types = types
        # Conditions and values are immutable, so all aliases of an element can share one object.
        self._built: dict[tuple[Kind, int], _Built] = {}

    def rule(self, data: object, place: Place) -> Rule:
        """The rule of an element; `ConfigError` for anything wrong."""
        result = self._create(Kind.RULE, data, place)
        if not is_rule(result):
            raise place.error(_wrong_result("rule", data, result, "an object with a method match(messages, sink)"))
        return result

    def condition(self, data: object, place: Place) -> Condition:
        """The condition of an element; `ConfigError` for anything wrong."""
        result = self._shared(Kind.CONDITION, data, place)
        if not is_condition(result):
            raise place.error(_wrong_result("condition", data, result, "an object with a method matches(messages)"))
        return result

    def value(self, data: object, place: Place) -> object:
        """The value or matcher of an element; `ConfigError` for anything wrong."""
        return self._shared(Kind.VALUE, data, place)

    def _shared(self, kind: Kind, data: object, place: Place) -> object:
        known = self._built.get((kind, id(data)))
        if known is not None:
            return known.result
        result = self._create(kind, data, place)
        self._built[kind, id(data)] = _Built(data, result)
        return result

    def _create(self, kind: Kind, data: object, place: Place) -> object:
        types = self.types[kind]
        if not is_dict(data):
            hint = f" (write it as {{value: {short(data)}}})" if kind is Kind.VALUE and _is_scalar(data) else ""
            raise place.error(
                f"found {describe(data)}; allowed: a {kind.value} element, a mapping with exactly one key, "
                f"its type{hint}: {listing(types)}"
            )
        if len(data) != 1:
            second = next(islice(data, 1, None), None)
            mark = place.mark if second is None else place.key(data, second).mark
            raise Place(place.marks, place.path, mark).error(
                f"found {describe(data)}; allowed: exactly one key, the type of the {kind.value}: {listing(types)}"
            )
        ((name, spec),) = data.items()
        element_type = types.get(name) if isinstance(name, str) else None
        if element_type is None:
            raise place.key(data, name).error(
                f"unknown {kind.value} type {short(name)}; allowed: {listing(types)}{nearest(name, types)}"
            )
        return element_type.build(spec, place=place.item(data, name), elements=self)


def _is_scalar(data: object) -> bool:
    return not is_sequence(data) and data is not None


def _wrong_result(kind: str, data: object, result: object, allowed: str) -> str:
    name = short(next(iter(data))) if is_dict(data) else ""
    return f"the factory of the {kind} type {name} returned {describe(result)}; allowed: {allowed}"
