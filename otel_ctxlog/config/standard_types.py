"""The standard types of rules, conditions and values."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, cast

from otel_ctxlog.config.controls import CONTROLS, controlled
from otel_ctxlog.config.elements import Elements, ElementType, Kind, TypeTable
from otel_ctxlog.config.kinds import is_dict
from otel_ctxlog.config.specs import checked, fields, flag, items, level_of, name_of, number, text_of
from otel_ctxlog.config.wording import describe
from otel_ctxlog.engine.ambient_conditions import BaggageEntry, ResourceAttribute, Sampled, SpanAttribute, SpanName
from otel_ctxlog.engine.conditions import And, Not, Or, RealmPrefix
from otel_ctxlog.engine.matchers import Exists, Glob, OneOf, Range, Regex
from otel_ctxlog.engine.messages import Attribute, Realm, Tag
from otel_ctxlog.engine.rules import ConditionRule, Controlled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from otel_ctxlog.config.places import Place
    from otel_ctxlog.engine.protocols import Condition

__all__ = ["STANDARD_TYPES"]


@dataclass(frozen=True, slots=True)
class _Standard:
    """A type that knows the places of its parts."""

    make: Callable[[object, Place, Elements], object]

    def build(self, spec: object, *, place: Place, elements: Elements) -> object:
        return self.make(spec, place, elements)


def _rule(spec: object, place: Place, elements: Elements) -> object:
    found = fields(spec, place, required=("level",), optional=("conditions", *CONTROLS))
    level = level_of(found["level"], place.item(found, "level"))
    conditions: list[Condition] = []
    if found.get("conditions") is not None:
        conditions = _conditions(found["conditions"], place.item(found, "conditions"), elements)
    return controlled(lambda: ConditionRule(level, *conditions), found, place)


def _controlled(spec: object, place: Place, elements: Elements) -> object:
    found = fields(spec, place, required=("rule",), optional=CONTROLS)
    inside = place.item(found, "rule")
    rule = elements.rule(found["rule"], inside)
    if isinstance(rule, Controlled):
        raise inside.error("found a rule that has controls already; allowed: one without, and all controls around it")
    return controlled(lambda: rule, found, place)


def _conditions(spec: object, place: Place, elements: Elements) -> list[Condition]:
    found = items(spec, place, of="condition elements")
    return [elements.condition(item, place.item(found, index)) for index, item in enumerate(found)]


def _and(spec: object, place: Place, elements: Elements) -> object:
    conditions = _conditions(spec, place, elements)
    return checked(lambda: And(*conditions), place)


def _or(spec: object, place: Place, elements: Elements) -> object:
    conditions = _conditions(spec, place, elements)
    return checked(lambda: Or(*conditions), place)


def _not(spec: object, place: Place, elements: Elements) -> object:
    condition = elements.condition(spec, place)
    return checked(lambda: Not(condition), place)


def _named(make: Callable[[str], object]) -> ElementType:
    def build(spec: object, place: Place, _: Elements) -> object:
        name = name_of(spec, place)
        return checked(lambda: make(name), place)

    return _Standard(build)


def _named_value(make: Callable[[str, object], object]) -> ElementType:
    def build(spec: object, place: Place, elements: Elements) -> object:
        found = fields(spec, place, required=("name", "value"))
        name = name_of(found["name"], place.item(found, "name"))
        value = elements.value(found["value"], place.item(found, "value"))
        return checked(lambda: make(name, value), place)

    return _Standard(build)


def _span_name(spec: object, place: Place, elements: Elements) -> object:
    if is_dict(spec):
        value = elements.value(spec, place)
        return checked(lambda: SpanName(value), place)
    name = name_of(spec, place, allowed="a non-empty text or a value element")
    return checked(lambda: SpanName(name), place)


def _sampled(spec: object, place: Place, _: Elements) -> object:
    sampled = flag(spec, place)
    return checked(lambda: Sampled(sampled), place)


def _value(spec: object, _place: Place, _: Elements) -> object:
    return spec


def _pattern(make: Callable[[str], object]) -> ElementType:
    def build(spec: object, place: Place, _: Elements) -> object:
        pattern = text_of(spec, place, allowed="a pattern, a text")
        return checked(lambda: make(pattern), place)

    return _Standard(build)


def _one_of(spec: object, place: Place, _: Elements) -> object:
    values = items(spec, place, of="values")
    return checked(lambda: OneOf(*values), place)


def _range(spec: object, place: Place, _: Elements) -> object:
    found = fields(spec, place, optional=("min", "max"))
    low = number(found.get("min"), place.item(found, "min"))
    high = number(found.get("max"), place.item(found, "max"))
    return checked(lambda: Range(low, high), place)


def _exists(spec: object, place: Place, _: Elements) -> object:
    if spec is not True:
        raise place.error(f"found {describe(spec)}; allowed: true (write `not` around the condition for the opposite)")
    return checked(Exists, place)


STANDARD_TYPES: Final[TypeTable] = MappingProxyType(
    {
        Kind.RULE: MappingProxyType({"rule": _Standard(_rule), "controlled": _Standard(_controlled)}),
        Kind.CONDITION: MappingProxyType(
            cast(
                "Mapping[str, ElementType]",
                {
                    "and": _Standard(_and),
                    "or": _Standard(_or),
                    "not": _Standard(_not),
                    "tag": _named(Tag),
                    "realm": _named(Realm),
                    "realmprefix": _named(RealmPrefix),
                    "attribute": _named_value(Attribute),
                    "baggage": _named_value(BaggageEntry),
                    "span": _named_value(SpanAttribute),
                    "resource": _named_value(ResourceAttribute),
                    "spanname": _Standard(_span_name),
                    "sampled": _Standard(_sampled),
                },
            )
        ),
        Kind.VALUE: MappingProxyType(
            cast(
                "Mapping[str, ElementType]",
                {
                    "value": _Standard(_value),
                    "glob": _pattern(Glob),
                    "regex": _pattern(Regex),
                    "oneof": _Standard(_one_of),
                    "range": _Standard(_range),
                    "exists": _Standard(_exists),
                },
            )
        ),
    }
)
"""The types that every registry starts with."""
