"""What can be known of a condition before it is asked.

Three questions, each answered from the condition's structure:

- `needs`: which ambient messages can change its answer;
- `necessary_keys`: which messages must be there for it to hold, so that rules are found through an index;
- `partial`: its answer for fixed static messages and unknown ambient ones: never, maybe, always.

Conditions of own types, subclasses of built-in ones included, are opaque: they are asked, not analysed.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from enum import Enum
from typing import Final, TypeAlias, cast

from otel_ctxlog.engine.ambient_conditions import BaggageEntry, ResourceAttribute, Sampled, SpanAttribute, SpanName
from otel_ctxlog.engine.conditions import And, Not, Or, RealmPrefix
from otel_ctxlog.engine.matchers import Exists, Glob, OneOf, Range, Regex
from otel_ctxlog.engine.messages import Attribute, Realm, StaticMessages, Tag, View, ask, value_matches
from otel_ctxlog.engine.protocols import Condition, is_matcher
from otel_ctxlog.engine.scope import Needs, Scope
from otel_ctxlog.engine.values import canonical_key, is_plain, scalar_text

__all__ = [
    "ALWAYS",
    "MAYBE",
    "NEVER",
    "RESOURCE",
    "SAMPLED",
    "SPAN_NAME",
    "Answer",
    "Key",
    "declared_names",
    "necessary_keys",
    "needs",
    "partial",
]


class Answer(Enum):
    """What is known of a condition while the ambient messages are not."""

    NEVER = 0
    MAYBE = 1
    ALWAYS = 2


NEVER: Final = Answer.NEVER
MAYBE: Final = Answer.MAYBE
ALWAYS: Final = Answer.ALWAYS

Key: TypeAlias = "tuple[str, str] | tuple[str, str, Hashable]"
"""``("realm", n)``, ``("prefix", n)``, ``("tag", n)``, ``("name", attribute)`` or ``("value", attribute, key)``."""

# Facts that are no attributes are indexed as such, under names that hardly any has: one that does have it leads to a
# candidate too many, which is asked and does not match.
SPAN_NAME: Final = "\0span name"
SAMPLED: Final = "\0sampled"
RESOURCE: Final = "\0resource "
"""Put before the name of a resource attribute."""

_PURE_MATCHERS: Final = frozenset({Glob, Regex, Range, Exists})


def needs(condition: Condition) -> Needs:
    """Return which ambient messages can change the condition's answer, and whether it may look at any explicit one."""
    found = Needs()
    _collect_needs(condition, found)
    return found


def _collect_needs(condition: Condition, found: Needs) -> None:
    collect = _COLLECT.get(type(condition))
    if collect is not None:
        collect(condition, found)
        return
    found.explicit = True
    declared = declared_names(condition)
    if declared is None:
        found.everything = True
    else:
        found.names |= declared


def _collect_nothing(_condition: Condition, _found: Needs) -> None:
    pass


def _collect_attribute(condition: Condition, found: Needs) -> None:
    found.names.add(cast("Attribute", condition).name)


def _collect_baggage(condition: Condition, found: Needs) -> None:
    found.baggage_names.add(cast("BaggageEntry", condition).name)


def _collect_span_attribute(condition: Condition, found: Needs) -> None:
    found.span_names.add(cast("SpanAttribute", condition).name)


def _collect_span_name(_condition: Condition, found: Needs) -> None:
    found.span_name = True


def _collect_sampled(_condition: Condition, found: Needs) -> None:
    found.sampled = True


def _collect_resource(_condition: Condition, found: Needs) -> None:
    found.resource = True


def _collect_combined(condition: Condition, found: Needs) -> None:
    for inner in cast("And | Or", condition).conditions:
        _collect_needs(inner, found)


def _collect_not(condition: Condition, found: Needs) -> None:
    _collect_needs(cast("Not", condition).condition, found)


_COLLECT: Final[dict[type, Callable[[Condition, Needs], None]]] = {
    Realm: _collect_nothing,
    Tag: _collect_nothing,
    RealmPrefix: _collect_nothing,
    Attribute: _collect_attribute,
    BaggageEntry: _collect_baggage,
    SpanAttribute: _collect_span_attribute,
    SpanName: _collect_span_name,
    Sampled: _collect_sampled,
    ResourceAttribute: _collect_resource,
    And: _collect_combined,
    Or: _collect_combined,
    Not: _collect_not,
}


def declared_names(condition: object) -> frozenset[str] | None:
    """Return what an own condition says it depends on, or None where it says nothing usable."""
    try:
        declared = getattr(condition, "depends_on", None)
    except Exception:  # noqa: BLE001 - a property of the user
        return None
    if isinstance(declared, (frozenset, set)):
        return frozenset(name for name in cast("frozenset[object]", declared) if isinstance(name, str))
    return None


def necessary_keys(condition: Condition) -> list[tuple[Key, ...]]:
    """Return alternatives, each a set of keys of which one must be in the context for the condition to hold.

    An empty list says that nothing is known; an empty alternative that the condition never holds.
    """
    kind = type(condition)
    if kind is Realm:
        return [(("realm", cast("Realm", condition).name),)]
    if kind is Tag:
        return [(("tag", cast("Tag", condition).name),)]
    if kind is RealmPrefix:
        return [(("prefix", cast("RealmPrefix", condition).name),)]
    if kind in (Attribute, BaggageEntry, SpanAttribute):
        entry = cast("Attribute | BaggageEntry | SpanAttribute", condition)
        return [_value_keys(entry.name, entry.value)]
    if kind is SpanName:
        return [_value_keys(SPAN_NAME, cast("SpanName", condition).value)]
    if kind is Sampled:
        return [_value_keys(SAMPLED, cast("Sampled", condition).sampled)]
    if kind is ResourceAttribute:
        return [_value_keys(RESOURCE + cast("ResourceAttribute", condition).name, cast("Attribute", condition).value)]
    if kind is And:
        return [keys for inner in cast("And", condition).conditions for keys in necessary_keys(inner)]
    if kind is Or:
        return _keys_of_any(cast("Or", condition).conditions)
    return []


def _keys_of_any(conditions: Sequence[Condition]) -> list[tuple[Key, ...]]:
    union: dict[Key, None] = {}
    for inner in conditions:
        alternatives = necessary_keys(inner)
        if not alternatives:
            return []
        fewest = alternatives[0]
        for keys in alternatives[1:]:
            fewest = keys if len(keys) < len(fewest) else fewest
        union.update(dict.fromkeys(fewest))
    return [tuple(union)]


def _value_keys(name: str, value: object) -> tuple[Key, ...]:
    if type(value) is OneOf:
        keys: dict[Key, None] = {}
        for expected in value.values:
            keys.update(dict.fromkeys(_plain_value_keys(name, expected)))
        return (("name", name),) if ("name", name) in keys else tuple(keys)
    if type(value) is not str and is_matcher(value):
        return (("name", name),)
    return _plain_value_keys(name, value)


def _plain_value_keys(name: str, value: object) -> tuple[Key, ...]:
    key = canonical_key(value)
    if key is None:
        return (("name", name),)
    text = scalar_text(value)  # what a baggage value would be equal to
    if text is None or text == key:
        return (("value", name, key),)
    return (("value", name, key), ("value", name, text))


def _can_raise(condition: Condition) -> bool:
    """Return whether asking the condition may run code of the user."""
    kind = type(condition)
    if kind in (Realm, Tag, RealmPrefix, Sampled):
        return False
    if kind in (And, Or):
        return any(map(_can_raise, cast("And | Or", condition).conditions))
    if kind is Not:
        return _can_raise(cast("Not", condition).condition)
    if kind in (Attribute, BaggageEntry, SpanAttribute, ResourceAttribute, SpanName):
        return not _pure(cast("Attribute", condition).value)
    return True


def _pure(value: object) -> bool:
    if type(value) is OneOf:
        return all(map(is_plain, value.values))
    return is_plain(value) or type(value) in _PURE_MATCHERS


def partial(condition: Condition, static: StaticMessages, scope: Scope) -> Answer:
    """Return the condition's answer for these static messages and whatever ambient ones `scope` allows.

    Raises what an own condition, matcher or value raises.
    """
    decide = _PARTIAL.get(type(condition), _partial_opaque)
    return decide(condition, static, scope)


def _known(*, holds: bool) -> Answer:
    return ALWAYS if holds else NEVER


def _partial_realm(condition: Condition, static: StaticMessages, _scope: Scope) -> Answer:
    return _known(holds=static.realm == cast("Realm", condition).name)


def _partial_tag(condition: Condition, static: StaticMessages, _scope: Scope) -> Answer:
    return _known(holds=cast("Tag", condition).name in static.tags)


def _partial_prefix(condition: Condition, static: StaticMessages, _scope: Scope) -> Answer:
    return _known(holds=cast("RealmPrefix", condition).test(View(static)))


def _partial_attribute(condition: Condition, static: StaticMessages, scope: Scope) -> Answer:
    attribute = cast("Attribute", condition)
    possible = scope.allows(attribute.name)
    values = static.attributes.get(attribute.name)
    if values and any(value_matches(attribute.value, value) for value in values):
        # Ambient values are asked first: one that makes an own matcher raise would be met before.
        return MAYBE if possible and (scope.own or not _pure(attribute.value)) else ALWAYS
    return MAYBE if possible else NEVER


def _partial_baggage(condition: Condition, _static: StaticMessages, scope: Scope) -> Answer:
    return MAYBE if scope.baggage_allows(cast("BaggageEntry", condition).name) else NEVER


def _partial_span_attribute(condition: Condition, _static: StaticMessages, scope: Scope) -> Answer:
    return MAYBE if scope.span_allows(cast("SpanAttribute", condition).name) else NEVER


def _partial_span(_condition: Condition, _static: StaticMessages, scope: Scope) -> Answer:
    return MAYBE if scope.span else NEVER


def _partial_resource(_condition: Condition, _static: StaticMessages, scope: Scope) -> Answer:
    return MAYBE if scope.anything else NEVER


def _partial_and(condition: Condition, static: StaticMessages, scope: Scope) -> Answer:
    return _partial_combined(cast("And", condition).conditions, static, scope, stop=NEVER, through=ALWAYS)


def _partial_or(condition: Condition, static: StaticMessages, scope: Scope) -> Answer:
    return _partial_combined(cast("Or", condition).conditions, static, scope, stop=ALWAYS, through=NEVER)


def _partial_combined(
    conditions: Sequence[Condition],
    static: StaticMessages,
    scope: Scope,
    *,
    stop: Answer,
    through: Answer,
) -> Answer:
    result = through
    for inner in conditions:
        try:
            answer = partial(inner, static, scope)
        except Exception:  # noqa: BLE001 - it raises, or not, depending on what is asked before it: asked again then
            return MAYBE
        if answer is stop:
            return stop
        if answer is MAYBE:
            # The values of own sources may be objects of the user, too.
            if scope.own or _can_raise(inner):
                # What comes later is asked only if this one does not raise; a rule whose condition raises does not
                # match, even under Not. So nothing is known.
                return MAYBE
            result = MAYBE
    return result


def _partial_not(condition: Condition, static: StaticMessages, scope: Scope) -> Answer:
    answer = partial(cast("Not", condition).condition, static, scope)
    return MAYBE if answer is MAYBE else _known(holds=answer is NEVER)


def _partial_opaque(condition: Condition, static: StaticMessages, scope: Scope) -> Answer:
    if scope.anything:
        declared = declared_names(condition)
        if declared is None or any(map(scope.allows, declared)):
            return MAYBE
    return _known(holds=ask(condition, View(static)))


_PARTIAL: Final[dict[type, Callable[[Condition, StaticMessages, Scope], Answer]]] = {
    Realm: _partial_realm,
    Tag: _partial_tag,
    RealmPrefix: _partial_prefix,
    Attribute: _partial_attribute,
    BaggageEntry: _partial_baggage,
    SpanAttribute: _partial_span_attribute,
    SpanName: _partial_span,
    Sampled: _partial_span,
    ResourceAttribute: _partial_resource,
    And: _partial_and,
    Or: _partial_or,
    Not: _partial_not,
}
