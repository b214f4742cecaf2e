"""Which rules never decide, because one that is asked before always does: found through an index, then proven."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from otel_ctxlog.config.implication import Proof, conjuncts
from otel_ctxlog.engine.ambient_conditions import BaggageEntry, ResourceAttribute, SpanAttribute, SpanName
from otel_ctxlog.engine.conditions import And, Not, Or, RealmPrefix
from otel_ctxlog.engine.controls import ControlledRule
from otel_ctxlog.engine.matchers import OneOf
from otel_ctxlog.engine.messages import Attribute, Realm, Tag
from otel_ctxlog.engine.rules import ConditionRule, uncontrolled
from otel_ctxlog.engine.values import scalar_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from otel_ctxlog.engine.protocols import Condition, Rule

__all__ = ["Shadow", "shadows"]

# Some seconds; a pair of rules is one step at least, thousands where groups are within groups.
_MOST_STEPS: Final = 500_000
_SCALARS: Final = (str, int, float, bool)
_ANY_VALUE: Final = object()
_LARGEST_EXACT: Final = 2**53

_Key = tuple[object, ...]


class Shadow(NamedTuple):
    """Of two rules, by their index in the order of adding: `rule` never decides, because of `by`."""

    rule: int
    by: int
    replaced: bool


def shadows(rules: Sequence[Rule]) -> tuple[list[Shadow], bool]:
    """For each rule that never decides one that keeps it from that; and whether all pairs were looked at.

    Args:
        rules: in the order of adding, so that the last is asked first.
    """
    search = _Search(rules)
    # From the last on, so that it is known which rules are there to keep others from deciding.
    found = [shadow for index in reversed(range(len(rules))) if (shadow := search.shadow_of(index)) is not None]
    return found[::-1], search.left > 0


class _Search:
    """The rules, and an index of those that may keep others from deciding."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.left = _MOST_STEPS
        self._gone: set[int] = set()
        self._rules = [uncontrolled(rule) for rule in rules]
        self._ends = [rule.expires if isinstance(rule, ControlledRule) else None for rule in rules]
        self._conjuncts = [conjuncts(rule.conditions) if type(rule) is ConditionRule else None for rule in self._rules]
        wanted = [None if known is None else [_wanted_keys(one) for one in known] for known in self._conjuncts]
        frequency = Counter(key for keys in wanted for one in keys or () for key in one or ())
        self._by_key: dict[_Key, list[int]] = {}
        # Asked for each rule: without a key, or of conditions that have none.
        self._others: list[int] = []
        for index, alternatives in enumerate(wanted):
            if alternatives is None:
                continue
            usable = [keys for keys in alternatives if keys]
            if not usable:
                self._others.append(index)
                continue
            rarest = min(usable, key=lambda keys: sum(frequency[key] for key in keys))
            for key in rarest:
                self._by_key.setdefault(key, []).append(index)

    def shadow_of(self, index: int) -> Shadow | None:
        """What keeps the rule from deciding, the one that is asked first; None if nothing is known to."""
        mine = self._conjuncts[index]
        candidates = set(self._others)
        for key in _offered_keys(mine or ()):
            candidates.update(self._by_key.get(key, ()))
        for by in sorted((one for one in candidates - self._gone if one > index), reverse=True):
            self.left -= 1
            if self.left < 0:
                return None
            if self._replaces(by, index):
                self._gone.add(index)
                return Shadow(index, by, replaced=True)
            if self._ends[by] is None and self._always_decides(by, mine):
                return Shadow(index, by, replaced=False)
        return None

    def _replaces(self, by: int, index: int) -> bool:
        new, old = self._rules[by], self._rules[index]
        if type(new) is not ConditionRule or type(old) is not ConditionRule:
            return False
        try:
            return self._lasts_as_long(by, index) and new.supersedes(old)
        except Exception:  # noqa: BLE001 - an == of the user
            return False

    def _lasts_as_long(self, by: int, index: int) -> bool:
        """True if a rule that is replaced would have ended by the time when the new one ends: else it stays."""
        new, old = self._ends[by], self._ends[index]
        if isinstance(new, dt.datetime):
            return isinstance(old, dt.datetime) and old <= new
        return new is None or (isinstance(old, float) and old <= new)

    def _always_decides(self, by: int, given: Sequence[Condition] | None) -> bool:
        wanted = self._conjuncts[by]
        if wanted is None:
            return False
        proof = Proof()
        try:
            return all(proof.follows(one, given or ()) for one in wanted)
        except Exception:  # noqa: BLE001 - an == of the user
            return False
        finally:
            self.left -= proof.steps


def _wanted_keys(condition: Condition) -> list[_Key] | None:
    """Keys of which another rule must offer one for `condition` to follow from its own; None where nothing is known."""
    kind = type(condition)
    if kind in (Or, Not):
        return None
    if isinstance(condition, (Attribute, BaggageEntry, SpanAttribute, ResourceAttribute, SpanName)):
        where = _where(condition)
        return [(*where, value) for value in _value_keys(condition.value)]
    return [_plain_key(condition)]


def _offered_keys(given: Sequence[Condition]) -> Iterator[_Key]:
    """The keys of all conditions from which others may follow."""
    for condition in given:
        kind = type(condition)
        if kind in (And, Or):
            yield from _offered_keys(cast("And | Or", condition).conditions)
        elif kind is Not:
            inner = cast("Not", condition).condition
            if type(inner) is Not:
                yield from _offered_keys([inner.condition])
        elif isinstance(condition, (Attribute, BaggageEntry, SpanAttribute, ResourceAttribute, SpanName)):
            where = _where(condition)
            for value in {_ANY_VALUE, *_value_keys(condition.value)}:
                yield (*where, value)
        else:
            yield _plain_key(condition)
            if isinstance(condition, (Realm, RealmPrefix)):
                yield from _prefixes(condition.name)


def _where(condition: Attribute | BaggageEntry | SpanAttribute | ResourceAttribute | SpanName) -> _Key:
    return ("span name", "") if isinstance(condition, SpanName) else ("name", condition.name)


def _prefixes(realm: str) -> Iterator[_Key]:
    yield ("prefix", realm)
    end = realm.rfind("/")
    while end >= 0:
        yield ("prefix", realm[:end])
        end = realm.rfind("/", 0, end)


def _plain_key(condition: Condition) -> _Key:
    if isinstance(condition, RealmPrefix):
        return ("prefix", condition.name)
    if isinstance(condition, Realm):
        return ("realm", condition.name)
    if isinstance(condition, Tag):
        return ("tag", condition.name)
    return ("type", type(condition))


def _value_keys(value: object) -> list[object]:
    """Texts that a value is found by; matchers, and what is no scalar, are found by the name alone."""
    if type(value) is OneOf:
        keys: list[object] = []
        for one in value.values:
            keys += _value_keys(one)
        return keys
    if isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST_EXACT:
        value = int(value)
    text = scalar_text(value) if type(value) in _SCALARS else None
    return [_ANY_VALUE if text is None else text]
