"""Checking configurations: every error, and warnings about what can be loaded but is hardly meant."""

from __future__ import annotations

import datetime as dt
import difflib
from typing import TYPE_CHECKING, Final

from otel_ctxlog.config.document import Document, read_document
from otel_ctxlog.config.elements import Elements, Kind
from otel_ctxlog.config.findings import Finding
from otel_ctxlog.config.implication import Proof, conjuncts
from otel_ctxlog.config.kinds import is_dict, is_list
from otel_ctxlog.config.line_parser import LineOrigin, read_rules
from otel_ctxlog.config.model import RULES
from otel_ctxlog.config.one_line import placed
from otel_ctxlog.config.reachability import shadows
from otel_ctxlog.config.registry import Registry, default_registry
from otel_ctxlog.config.standard_types import STANDARD_TYPES
from otel_ctxlog.engine.ambient_conditions import BaggageEntry, ResourceAttribute, Sampled, SpanAttribute, SpanName
from otel_ctxlog.engine.conditions import RealmPrefix
from otel_ctxlog.engine.controls import ControlledRule
from otel_ctxlog.engine.messages import Realm, Tag
from otel_ctxlog.engine.rules import ConditionRule, uncontrolled
from otel_ctxlog.engine.values import repr_of
from otel_ctxlog.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from otel_ctxlog.config.document import ConfigSource
    from otel_ctxlog.config.elements import TypeTable
    from otel_ctxlog.config.places import Place
    from otel_ctxlog.engine.protocols import Condition, Rule

__all__ = ["SOURCES", "check", "check_rules"]

SOURCES: Final = ("baggage", "span")
"""The sources of ambient attributes that a context has unless it is given others."""


def check(
    source: ConfigSource,
    *,
    registry: Registry | None = None,
    realms: Collection[str] | None = None,
    tags: Collection[str] | None = None,
    sources: Collection[str] = SOURCES,
) -> list[Finding]:
    """All that is wrong with a configuration, and what of it is hardly meant, in the order of the text.

    Warnings are proven, not guessed: a rule that is called unreachable never decides. An expiry that comes first, and
    what own types do, are taken into account.

    Args:
        source: as for `configure`.
        registry: the types it can use; default: `default_registry()`.
        realms: the names of all realms, as in `realm_definitions()`; None: any may exist.
        tags: the names of all tags, as in `tag_definitions()`; None: any may exist.
        sources: the kinds of sources that the service has: ``baggage``, ``span``.
    """
    try:
        document = read_document(source)
    except ConfigError as error:
        return [Finding.of_error(error)]
    known = _Known(realms, tags, frozenset(sources))
    return _check(document, registry or default_registry(), known, lambda error: error)


def check_rules(
    text: str,
    *,
    name: str | None = None,
    registry: Registry | None = None,
    realms: Collection[str] | None = None,
    tags: Collection[str] | None = None,
    sources: Collection[str] = SOURCES,
) -> list[Finding]:
    """The same for one-line rules; `name` is what findings call the text."""
    origin = LineOrigin(file=name)
    try:
        document = read_rules(text, origin)
    except ConfigError as error:
        return [Finding.of_error(error)]
    known = _Known(realms, tags, frozenset(sources))
    return _check(document, registry or default_registry(), known, lambda error: placed(error, text, origin))


class _Known:
    """What there is in the service."""

    def __init__(self, realms: Collection[str] | None, tags: Collection[str] | None, sources: frozenset[str]) -> None:
        self.realms = realms
        self.tags = tags
        self.sources = sources


class _Noting(Elements):
    """Makes the objects of a document, and notes the places of its conditions of standard types."""

    def __init__(self, types: TypeTable) -> None:
        super().__init__(types)
        self.noted: list[tuple[Place, Condition]] = []

    def condition(self, data: object, place: Place) -> Condition:
        made = super().condition(data, place)
        # What an own type makes of its spec is its own business.
        if is_dict(data) and next(iter(data)) in STANDARD_TYPES[Kind.CONDITION]:
            self.noted.append((place, made))
        return made


def _check(
    document: Document, registry: Registry, known: _Known, with_place: Callable[[ConfigError], ConfigError]
) -> list[Finding]:
    rules: list[tuple[Rule, Place]] = []
    findings: list[Finding] = []
    elements = _Noting(registry.elements().types)
    for part in _parts(document):
        try:
            if part.is_rule:
                rules.append((elements.rule(part.data, part.place), part.place))
            else:
                registry.plan(Document(part.data, part.place))
        except ConfigError as error:
            findings.append(Finding.of_error(with_place(error)))
    for place, condition in elements.noted:
        findings += _about_condition(condition, place, known)
    clear: list[tuple[Rule, Place]] = []
    for rule, place in rules:
        wrong = list(_about_rule(rule, place))
        findings += wrong
        clear += [] if any(one.code == "contradiction" for one in wrong) else [(rule, place)]
    findings += _about_order(clear)
    return sorted(findings, key=lambda one: (one.line or 0, one.column or 0, not one.is_error))


class _Part:
    """A piece of a document that can be wrong, or right, by itself: one rule, or all but the rules."""

    def __init__(self, data: object, place: Place, *, is_rule: bool) -> None:
        self.data = data
        self.place = place
        self.is_rule = is_rule


def _parts(document: Document) -> Iterator[_Part]:
    data, place = document.data, document.place
    listed = data.get(RULES) if is_dict(data) else None
    if not is_dict(data) or not is_list(listed):
        yield _Part(data, place, is_rule=False)
        return
    without = {key: value for key, value in data.items() if key != RULES}
    place.marks.copy_entry(data, target=place.marks, copied=without)
    yield _Part(without, place, is_rule=False)
    rules_place = place.item(data, RULES)
    for index, rule in enumerate(listed):
        yield _Part(rule, rules_place.item(listed, index), is_rule=True)


def _about_condition(condition: Condition, place: Place, known: _Known) -> Iterator[Finding]:
    if isinstance(condition, Tag) and known.tags is not None and condition.name not in known.tags:
        hint = _nearest(condition.name, known.tags)
        yield Finding.at(place, "unknown-tag", f"no tag {condition.name!r} is defined{hint}")
    elif isinstance(condition, Realm) and known.realms is not None and condition.name not in known.realms:
        hint = _nearest(condition.name, known.realms)
        if any(one.startswith(condition.name + "/") for one in known.realms):
            hint = f"; below it there are, for which there is realmprefix: {condition.name}"
        yield Finding.at(place, "unknown-realm", f"no realm {condition.name!r} is defined{hint}")
    elif isinstance(condition, RealmPrefix) and known.realms is not None:
        name = condition.name
        if not any(one == name or one.startswith(name + "/") for one in known.realms):
            hint = _nearest(name, known.realms)
            yield Finding.at(place, "unknown-realm", f"no realm {name!r} is defined, and none below it{hint}")
    elif isinstance(condition, BaggageEntry):
        if "baggage" not in known.sources:
            yield _no_source(place, condition, "baggage")
    elif isinstance(condition, (SpanAttribute, SpanName, Sampled)):
        if "span" not in known.sources:
            yield _no_source(place, condition, "span")
    elif isinstance(condition, ResourceAttribute) and not known.sources:
        yield _no_source(place, condition, "any")


def _no_source(place: Place, condition: Condition, source: str) -> Finding:
    name = type(condition).__name__
    return Finding.at(place, "no-source", f"a {name} never matches in a service without {source} source")


def _nearest(name: str, allowed: Collection[str]) -> str:
    close = difflib.get_close_matches(name, allowed, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def _about_rule(rule: Rule, place: Place) -> Iterator[Finding]:
    if isinstance(rule, ControlledRule) and isinstance(rule.expires, dt.datetime):
        left = rule.seconds_left()
        if left is not None and left <= 0:
            ended = rule.expires.isoformat(" ")
            yield Finding.at(place, "expired", f"the rule has ended at {ended}: it does nothing")
    inside = uncontrolled(rule)
    if type(inside) is not ConditionRule:
        return
    pair = Proof().contradict(conjuncts(inside.conditions))
    if pair is not None:
        one, other = map(repr_of, pair)
        both = f"{one} never holds" if pair[0] is pair[1] else f"{one} and {other} never hold together"
        yield Finding.at(place, "contradiction", f"the rule never matches: {both}")


def _about_order(rules: list[tuple[Rule, Place]]) -> Iterator[Finding]:
    found, finished = shadows([rule for rule, _ in rules])
    for shadow in found:
        place, by = rules[shadow.rule][1], _named(rules[shadow.by][1])
        if shadow.replaced:
            same = " and level" if _level(rules[shadow.rule][0]) == _level(rules[shadow.by][0]) else ""
            problem = f"the rule is replaced by {by}, which has the same conditions{same}"
            yield Finding.at(place, "replaced", problem)
        else:
            problem = f"the rule never decides: {by}, which comes later and so is asked first, matches wherever it does"
            yield Finding.at(place, "unreachable", problem)
    if not finished and rules:
        yield Finding.at(rules[-1][1], "unfinished", f"not all of the {len(rules)} rules were compared with each other")


def _level(rule: Rule) -> object:
    return getattr(uncontrolled(rule), "level", None)


def _named(place: Place) -> str:
    mark = place.mark
    if mark is None:
        return f"the one at {place.path}"
    if isinstance(place.marks.origin, LineOrigin) and mark.line == 1:
        return f"the one in column {mark.column}"
    return f"the one in line {mark.line}"
