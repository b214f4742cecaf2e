"""Builders: the elements of a configuration as plain data, without writing the braces.

Nothing is checked here; `otel_ctxlog.config.load` and `configure` check. A value that is not made by one of the value
builders becomes a ``value`` element.
"""

from __future__ import annotations

from otel_ctxlog.engine.levels import Level

__all__ = [
    "ValueElement",
    "and_",
    "attribute",
    "baggage",
    "exists",
    "glob",
    "not_",
    "oneof",
    "or_",
    "range_",
    "realm",
    "realmprefix",
    "regex",
    "resource",
    "rule",
    "sampled",
    "span",
    "spanname",
    "tag",
    "value",
]

Element = dict[str, object]


class ValueElement(dict[str, object]):
    """A value element, a dict told from a plain mapping by its class; equal to a plain dict of the same content."""

    __slots__ = ()


def rule(level: str | int, *conditions: Element) -> Element:
    """``{"rule": {"level": level, "conditions": […]}}``; without conditions that key is left out."""
    spec: Element = {"level": int(level) if isinstance(level, Level) else level}
    if conditions:
        spec["conditions"] = list(conditions)
    return {"rule": spec}


def tag(name: str) -> Element:
    """``{"tag": name}``."""
    return {"tag": name}


def realm(name: str) -> Element:
    """``{"realm": name}``."""
    return {"realm": name}


def realmprefix(name: str) -> Element:
    """``{"realmprefix": name}``."""
    return {"realmprefix": name}


def attribute(name: str, value: object) -> Element:
    """``{"attribute": {"name": name, "value": value}}``; a plain value becomes ``{"value": value}``."""
    return {"attribute": _named(name, value)}


def baggage(name: str, value: object) -> Element:
    """``{"baggage": {"name": name, "value": value}}``; a plain value becomes ``{"value": value}``."""
    return {"baggage": _named(name, value)}


def span(name: str, value: object) -> Element:
    """``{"span": {"name": name, "value": value}}``; a plain value becomes ``{"value": value}``."""
    return {"span": _named(name, value)}


def resource(name: str, value: object) -> Element:
    """``{"resource": {"name": name, "value": value}}``; a plain value becomes ``{"value": value}``."""
    return {"resource": _named(name, value)}


def spanname(value: object) -> Element:
    """``{"spanname": value}`` for a text or a value element; any other plain value becomes ``{"value": value}``."""
    return {"spanname": value if isinstance(value, str) else _value_element(value)}


def sampled(sampled: bool = True) -> Element:  # noqa: FBT001, FBT002 - the contract's signature
    """``{"sampled": sampled}``."""
    return {"sampled": sampled}


def and_(*conditions: Element) -> Element:
    """``{"and": […]}``."""
    return {"and": list(conditions)}


def or_(*conditions: Element) -> Element:
    """``{"or": […]}``."""
    return {"or": list(conditions)}


def not_(condition: Element) -> Element:
    """``{"not": condition}``."""
    return {"not": condition}


def value(value: object) -> ValueElement:
    """``{"value": value}``: equal to this plain value."""
    return ValueElement(value=value)


def glob(pattern: str) -> ValueElement:
    """``{"glob": pattern}``."""
    return ValueElement(glob=pattern)


def regex(pattern: str) -> ValueElement:
    """``{"regex": pattern}``."""
    return ValueElement(regex=pattern)


def oneof(*values: object) -> ValueElement:
    """``{"oneof": […]}``."""
    return ValueElement(oneof=list(values))


def range_(min: float | None = None, max: float | None = None) -> ValueElement:
    """``{"range": {"min": min, "max": max}}``; a side that is None is left out."""
    limits = {"min": min, "max": max}
    return ValueElement(range={side: limit for side, limit in limits.items() if limit is not None})


def exists() -> ValueElement:
    """``{"exists": True}``."""
    return ValueElement(exists=True)


def _named(name: str, plain_or_element: object) -> Element:
    return {"name": name, "value": _value_element(plain_or_element)}


def _value_element(plain_or_element: object) -> Element:
    # What a configuration holds is plain data, which any YAML or JSON writer takes.
    if isinstance(plain_or_element, ValueElement):
        return dict(plain_or_element)
    return {"value": plain_or_element}
