"""Rules as the plain data of a configuration, so that they can be shown as YAML and on one line."""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from time import time
from typing import Final, cast

from otel_ctxlog.config import builders
from otel_ctxlog.config.model import Config
from otel_ctxlog.config.one_line import format_rules
from otel_ctxlog.engine.ambient_conditions import BaggageEntry, ResourceAttribute, Sampled, SpanAttribute, SpanName
from otel_ctxlog.engine.conditions import And, Not, Or, RealmPrefix
from otel_ctxlog.engine.controls import ControlledRule
from otel_ctxlog.engine.durations import duration_text
from otel_ctxlog.engine.levels import level_name
from otel_ctxlog.engine.matchers import Exists, Glob, OneOf, Range, Regex
from otel_ctxlog.engine.messages import Attribute, Realm, Tag
from otel_ctxlog.engine.protocols import Rule
from otel_ctxlog.engine.rules import ConditionRule, uncontrolled
from otel_ctxlog.engine.values import repr_of, safe_text
from otel_ctxlog.errors import ConfigError

__all__ = ["RuleTexts", "Texts", "element_of", "ends_at", "iso", "level_of_rule"]

_MOST_KEPT: Final = 20_000
_LONGEST: Final = 8_000


class _UnsaidError(Exception):
    """Plain data have no word for something of the program's own."""


def level_of_rule(rule: Rule) -> int | None:
    """Return the level of a rule, or None where only the rule itself knows."""
    inner = uncontrolled(rule)
    return int(inner.level) if isinstance(inner, ConditionRule) else None


def element_of(rule: Rule, *, ends: float | None = None) -> dict[str, object] | None:
    """Return the element of a configuration that makes an equal rule, or None where there is none.

    Args:
        rule: the rule.
        ends: when it ends, in seconds since the epoch, in place of what it says about that itself.
    """
    inner = uncontrolled(rule)
    if type(inner) is not ConditionRule:
        return None
    try:
        conditions = list(map(_condition, inner.conditions))
    except (_UnsaidError, RecursionError):
        return None
    controls = rule if isinstance(rule, ControlledRule) else ControlledRule(inner)
    expires: dt.datetime | float | str | None = controls.expires
    if ends is not None:
        expires = iso(ends)
    elif isinstance(expires, (int, float)):
        expires = duration_text(expires)
    return builders.rule(
        level_name(inner.level),
        *conditions,
        expires=expires,
        limit=controls.limit,
        sample=controls.sample,
        first=controls.first,
        sampled_traces_only=controls.sampled_traces_only,
        exempt_events=controls.exempt_events,
    )


def _condition(condition: object) -> dict[str, object]:
    make = _CONDITIONS.get(type(condition))
    if make is None:
        raise _UnsaidError
    return make(condition)


def _sampled(condition: object) -> dict[str, object]:
    return builders.sampled(cast("Sampled", condition).sampled)


def _span_name(condition: object) -> dict[str, object]:
    value = _value(cast("SpanName", condition).value)
    plain = value.get("value")
    return builders.spanname(plain if isinstance(plain, str) else builders.ValueElement(value))


def _named(build: Callable[[str], dict[str, object]]) -> Callable[[object], dict[str, object]]:
    return lambda condition: build(cast("Realm | RealmPrefix | Tag", condition).name)


def _entry(kind: str) -> Callable[[object], dict[str, object]]:
    def make(condition: object) -> dict[str, object]:
        entry = cast("Attribute", condition)
        return {kind: {"name": entry.name, "value": _value(entry.value)}}

    return make


def _several(kind: str) -> Callable[[object], dict[str, object]]:
    return lambda condition: {kind: list(map(_condition, cast("And | Or", condition).conditions))}


_CONDITIONS: Final[Mapping[type, Callable[[object], dict[str, object]]]] = {
    Realm: _named(builders.realm),
    RealmPrefix: _named(builders.realmprefix),
    Tag: _named(builders.tag),
    Attribute: _entry("attribute"),
    BaggageEntry: _entry("baggage"),
    SpanAttribute: _entry("span"),
    ResourceAttribute: _entry("resource"),
    Sampled: _sampled,
    SpanName: _span_name,
    And: _several("and"),
    Or: _several("or"),
    Not: lambda condition: {"not": _condition(cast("Not", condition).condition)},
}


def _value(value: object) -> dict[str, object]:
    """Return a value element."""
    kind = type(value)
    if kind is Glob:
        return {"glob": cast("Glob", value).pattern}
    if kind is Regex:
        return {"regex": cast("Regex", value).pattern}
    if kind is OneOf:
        return {"oneof": list(map(_plain, cast("OneOf", value).values))}
    if kind is Range:
        limits = cast("Range", value)
        sides = {"min": limits.min, "max": limits.max}
        return {"range": {side: _number(limit) for side, limit in sides.items() if limit is not None}}
    if kind is Exists:
        return {"exists": True}
    if callable(getattr(value, "matches_value", None)):
        raise _UnsaidError
    return {"value": _plain(value)}


def _number(limit: object) -> int | float:
    if isinstance(limit, (Decimal, Fraction)):
        if limit != float(limit):
            raise _UnsaidError
        return float(limit)
    return cast("float", limit)


def _plain(value: object) -> object:
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in cast("Sequence[object]", value)]
    if isinstance(value, dict):
        return {_plain(key): _plain(one) for key, one in cast("dict[object, object]", value).items()}
    if value is None or type(value) in (bool, int, float, str, bytes, dt.datetime, dt.date):
        return value
    raise _UnsaidError


class Texts:
    """How a rule is shown.

    Attributes:
        line: on one line, as the environment variable has it; None where one line cannot say it.
        yaml: as an element of a configuration; None where plain data cannot say it.
        code: as Python has it.
    """

    __slots__ = ("code", "line", "yaml")

    def __init__(self, rule: Rule) -> None:
        self.code = _cut(safe_text(repr_of(rule)))
        self.line: str | None = None
        self.yaml: str | None = None
        element = element_of(rule)
        if element is None:
            return
        config = Config(rules=[element])
        try:
            self.yaml = _cut(_element_yaml(config))
            self.line = _cut(format_rules(config))
        except (ConfigError, RecursionError):
            return


def _element_yaml(config: Config) -> str:
    """Return the YAML of the only rule of a configuration, without what is around it."""
    lines = config.to_yaml().splitlines()
    # "rules:", then the element behind the dash of a list.
    return "\n".join(line[4:] for line in lines[1:])


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


class RuleTexts:
    """The texts of rules by id, made once; rules do not change."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, Texts] = OrderedDict()

    def of(self, number: int, rule: Rule) -> Texts:
        """Return the texts of a rule."""
        known = self._known.get(number)
        if known is None:
            known = self._known[number] = Texts(rule)
            while len(self._known) > _MOST_KEPT:
                try:
                    self._known.popitem(last=False)
                except KeyError:  # another thread was faster
                    break
        return known


def iso(seconds: float) -> str:
    """Return a time, given in seconds since the epoch, in ISO 8601 with milliseconds."""
    try:
        moment = dt.datetime.fromtimestamp(seconds, dt.timezone.utc)
    except (OverflowError, OSError, ValueError):
        moment = dt.datetime.max.replace(tzinfo=dt.timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ends_at(expires_in: float | None) -> float | None:
    """Return when a rule ends, in seconds since the epoch."""
    return None if expires_in is None else time() + expires_in
