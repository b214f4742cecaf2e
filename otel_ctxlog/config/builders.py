"""Builders: the elements of a configuration as plain data, without writing the braces.

Nothing is checked here; `otel_ctxlog.config.load` and `configure` check. A value that is not made by one of the value
builders becomes a ``value`` element.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_ctxlog.config.kinds import is_mapping
from otel_ctxlog.engine.controls import First, Limit
from otel_ctxlog.engine.levels import Level

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

__all__ = [
    "ValueElement",
    "and_",
    "attribute",
    "baggage",
    "controlled",
    "eventer",
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


def rule(
    level: str | int,
    *conditions: Element,
    expires: float | str | dt.datetime | None = None,
    limit: Limit | Mapping[str, object] | str | float | None = None,
    sample: float | None = None,
    first: First | Mapping[str, object] | int | None = None,
    sampled_traces_only: bool = False,
    exempt_events: bool = False,
) -> Element:
    """``{"rule": {"level": level, "conditions": […], "expires": …}}``; what is not given is left out.

    Args:
        level: the level.
        conditions: condition elements.
        expires: a duration from the moment of loading, or a moment; see `otel_ctxlog.ControlledRule` for this and the
            following, whose keys are ``expires limit sample first sampledTracesOnly exemptEvents``.
        limit: a rate, a `otel_ctxlog.Limit`, or a mapping with the keys ``rate burst per``.
        sample: a number above 0, up to 1.
        first: a count, a `otel_ctxlog.First`, or a mapping with the keys ``count every within``.
        sampled_traces_only: only records of sampled traces.
        exempt_events: events are never held back.
    """
    spec: Element = {"level": int(level) if isinstance(level, Level) else level}
    if conditions:
        spec["conditions"] = list(conditions)
    spec |= _controls(expires, limit, sample, first, sampled_traces_only, exempt_events)
    return {"rule": spec}


def controlled(
    rule: Element,
    *,
    expires: float | str | dt.datetime | None = None,
    limit: Limit | Mapping[str, object] | str | float | None = None,
    sample: float | None = None,
    first: First | Mapping[str, object] | int | None = None,
    sampled_traces_only: bool = False,
    exempt_events: bool = False,
) -> Element:
    """``{"controlled": {"rule": rule, "expires": …}}``: the controls of `rule`, around a rule of any type."""
    controls = _controls(expires, limit, sample, first, sampled_traces_only, exempt_events)
    return {"controlled": {"rule": rule, **controls}}


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


def eventer(type: str, **options: object) -> Element:
    """``{"type": type, "group": …}``: an eventer, for the mapping ``eventers`` of a configuration."""
    plain = {name: int(option) if isinstance(option, Level) else option for name, option in options.items()}
    return {"type": type, **plain}


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


def _controls(
    expires: object,
    limit: object,
    sample: object,
    first: object,
    sampled_traces_only: object,
    exempt_events: object,
) -> Element:
    if isinstance(limit, Limit):
        rate = limit.text if "/" in limit.text else limit.rate
        spec = {"rate": rate, "burst": limit.burst, "per": limit.per}
        # The default burst is left out.
        if limit.burst == Limit(rate).burst:
            del spec["burst"]
        kept = {key: value for key, value in spec.items() if value is not None}
        limit = rate if len(kept) == 1 else kept
    if isinstance(first, First):
        spec = {"count": first.count, "every": first.every or None, "within": first.within}
        kept = {key: value for key, value in spec.items() if value is not None}
        first = first.count if len(kept) == 1 else kept
    given = {"expires": expires, "limit": _plain(limit), "sample": sample, "first": _plain(first)}
    found = {key: value for key, value in given.items() if value is not None}
    flags = {"sampledTracesOnly": sampled_traces_only, "exemptEvents": exempt_events}
    return found | {key: value for key, value in flags.items() if value is not False}


def _plain(spec: object) -> object:
    return dict(spec) if is_mapping(spec) else spec


def _named(name: str, plain_or_element: object) -> Element:
    return {"name": name, "value": _value_element(plain_or_element)}


def _value_element(plain_or_element: object) -> Element:
    # What a configuration holds is plain data, which any YAML or JSON writer takes.
    if isinstance(plain_or_element, ValueElement):
        return dict(plain_or_element)
    return {"value": plain_or_element}
