"""What follows from conditions, proven from their structure: that one holds wherever others do, or nowhere with them.

Each answer True is a proof; False only says that there is none. Conditions and matchers of own types, whose code may do
anything, follow from their equals alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias, cast

from otel_ctxlog.engine.ambient_conditions import BaggageEntry, ResourceAttribute, Sampled, SpanAttribute, SpanName
from otel_ctxlog.engine.conditions import And, Not, Or, RealmPrefix
from otel_ctxlog.engine.matchers import Exists, Glob, OneOf, Range, Regex
from otel_ctxlog.engine.messages import Attribute, Realm, Tag
from otel_ctxlog.engine.protocols import Condition
from otel_ctxlog.engine.values import scalar_text, values_equal

__all__ = ["Proof", "conjuncts", "is_standard"]

_BAGGAGE: Final = "baggage"
_PLAIN: Final = "plain"
_ANY: Final = "any"
# Where the values come from that a condition looks at: baggage has texts only, elsewhere there is anything.
_VALUED: Final[dict[type, str]] = {
    Attribute: _ANY,
    BaggageEntry: _BAGGAGE,
    SpanAttribute: _PLAIN,
    ResourceAttribute: _PLAIN,
    SpanName: _PLAIN,
}
_MATCHERS: Final = frozenset({Exists, Glob, OneOf, Range, Regex})
_SCALARS: Final = frozenset({str, int, float, bool, type(None)})
_MOST_STEPS: Final = 2_000
_WILD: Final = frozenset("*?[")

_Valued: TypeAlias = "Attribute | BaggageEntry | SpanAttribute | ResourceAttribute | SpanName"
_Pattern: TypeAlias = "Glob | Regex | Range"


def conjuncts(conditions: Iterable[Condition]) -> list[Condition]:
    """What must hold for all `conditions` to hold, with nothing joined by `And`."""
    found: list[Condition] = []
    for condition in conditions:
        if type(condition) is And:
            found += conjuncts(condition.conditions)
        else:
            found.append(condition)
    return found


def is_standard(condition: Condition) -> bool:
    """True if asking it runs no code of the user, so that it never raises."""
    kind = type(condition)
    if kind in (Realm, RealmPrefix, Tag, Sampled):
        return True
    if kind in (And, Or):
        return all(map(is_standard, cast("And | Or", condition).conditions))
    if kind is Not:
        return is_standard(cast("Not", condition).condition)
    return kind in _VALUED and _is_standard_value(cast("_Valued", condition).value)


def _is_standard_value(value: object) -> bool:
    if type(value) is OneOf:
        return all(type(one) in _SCALARS for one in value.values)
    return type(value) in _SCALARS or type(value) in _MATCHERS


class Proof:
    """One search for a proof, of limited length; made for each question."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = _MOST_STEPS

    @property
    def steps(self) -> int:
        """How many steps it has taken."""
        return _MOST_STEPS - self._left

    def follows(self, wanted: Condition, given: Sequence[Condition]) -> bool:
        """True if `wanted` holds wherever all of `given` do, which are conjuncts."""
        if any(_is_same(one, wanted) for one in given):
            return True
        # What runs code of the user may raise, unless it is asked just so by what is given.
        return is_standard(wanted) and self._holds(wanted, [one for one in given if is_standard(one)])

    def contradict(self, given: Sequence[Condition]) -> tuple[Condition, Condition] | None:
        """Two of `given`, which are conjuncts, that never hold together (or one that never holds, twice); else None."""
        known = [one for one in given if is_standard(one)]
        for index, one in enumerate(known):
            if self._never(one):
                return one, one
            for other in known[:index]:
                if self._apart(one, other):
                    return other, one
        return None

    # Each of the following may answer False for want of steps.

    def _spent(self) -> bool:
        self._left -= 1
        return self._left < 0

    def _holds(self, wanted: Condition, given: Sequence[Condition]) -> bool:
        if self._spent():
            return False
        kind = type(wanted)
        if kind is And:
            return all(self._holds(inner, given) for inner in cast("And", wanted).conditions)
        if kind is Not:
            if self._fails(cast("Not", wanted).condition, given):
                return True
        elif kind is Or:
            if any(self._holds(inner, given) for inner in cast("Or", wanted).conditions):
                return True
        elif any(_atom_follows(wanted, one) for one in given):
            return True
        return self._in_each_case(wanted, given)

    def _in_each_case(self, wanted: Condition, given: Sequence[Condition]) -> bool:
        """True if `wanted` follows whichever member of an `Or` among `given` it is that holds."""
        for index, one in enumerate(given):
            kind = type(one)
            if kind is Or:
                rest = [*given[:index], *given[index + 1 :]]
                return all(self._holds(wanted, [*rest, *conjuncts([case])]) for case in cast("Or", one).conditions)
            inner = cast("Not", one).condition if kind is Not else None
            if type(inner) is Not:
                rest = [*given[:index], *given[index + 1 :]]
                return self._holds(wanted, [*rest, *conjuncts([inner.condition])])
        return False

    def _fails(self, condition: Condition, given: Sequence[Condition]) -> bool:
        """True if `condition` does not hold wherever all of `given` do."""
        if self._spent():
            return False
        kind = type(condition)
        if kind is And:
            return any(self._fails(inner, given) for inner in cast("And", condition).conditions)
        if kind is Or:
            return all(self._fails(inner, given) for inner in cast("Or", condition).conditions)
        if kind is Not:
            return self._holds(cast("Not", condition).condition, given)
        return any(self._apart(one, condition) for one in given)

    def _never(self, condition: Condition) -> bool:
        """True if it holds nowhere."""
        if self._spent():
            return False
        kind = type(condition)
        if kind is And:
            return self.contradict(conjuncts([condition])) is not None
        if kind is Or:
            return all(map(self._never, cast("Or", condition).conditions))
        if kind is Not:
            return self._holds(cast("Not", condition).condition, [])
        value = getattr(condition, "value", None)
        return type(value) is OneOf and not value.values

    def _apart(self, one: Condition, other: Condition) -> bool:
        """True if the two never hold together."""
        if self._spent():
            return False
        for left, right in ((one, other), (other, one)):
            kind = type(left)
            if kind is Not and self._holds(cast("Not", left).condition, conjuncts([right])):
                return True
            if kind is Or and all(self._apart(case, right) for case in cast("Or", left).conditions):
                return True
            if kind is And and any(self._apart(inner, right) for inner in cast("And", left).conditions):
                return True
        return _atoms_apart(one, other)


def _atom_follows(wanted: Condition, given: Condition) -> bool:
    kind, source = type(wanted), type(given)
    if kind in (Realm, Tag, Sampled):
        return given == wanted
    if kind is RealmPrefix:
        return source in (Realm, RealmPrefix) and _is_below(cast("Realm", given).name, cast("RealmPrefix", wanted).name)
    if kind not in _VALUED or source not in _VALUED:
        return False
    if source is not kind and not (kind is Attribute and source in (BaggageEntry, SpanAttribute)):
        return False
    expected, known = cast("_Valued", wanted), cast("_Valued", given)
    if kind is not SpanName and cast("Attribute", expected).name != cast("Attribute", known).name:
        return False
    return _value_follows(expected.value, known.value, _VALUED[source])


def _is_below(realm: str, prefix: str) -> bool:
    return realm == prefix or realm.startswith(prefix + "/")


def _value_follows(wanted: object, known: object, source: str) -> bool:
    """True if each value of that source that `known` accepts is accepted by `wanted`, too."""
    kind = type(wanted)
    if kind is Exists:
        return True
    if type(known) is OneOf:
        return bool(known.values) and all(_value_follows(wanted, one, source) for one in known.values)
    if type(known) in _SCALARS:
        return _accepts_scalar(wanted, known, source)
    if kind is OneOf or kind in _SCALARS or kind is not type(known):
        return False
    if kind is Range:
        return _range_follows(cast("Range", wanted), cast("Range", known))
    if cast("_Pattern", wanted) == known:
        return True
    return kind is Glob and _glob_follows(cast("Glob", wanted).pattern, cast("Glob", known).pattern)


def _accepts_scalar(wanted: object, known: object, source: str) -> bool:
    """True if `wanted` accepts each value that equals `known`."""
    if known != known:  # noqa: PLR0124 - NaN equals nothing, but its text in baggage does
        return False
    if type(wanted) is OneOf:
        return any(_accepts_scalar(one, known, source) for one in wanted.values)
    text = scalar_text(known)
    if source == _BAGGAGE and text is None:
        return False
    if type(wanted) in _SCALARS:
        same_text = scalar_text(wanted) == text
        if source == _BAGGAGE:
            return same_text
        return values_equal(wanted, known) and (source == _PLAIN or same_text)
    pattern = cast("_Pattern", wanted)
    plain = source == _BAGGAGE or pattern.matches_value(known)
    return plain and (source == _PLAIN or text is None or pattern.matches_value(text))


def _range_follows(wanted: Range, known: Range) -> bool:
    low = wanted.min is None or (type(wanted.min) is type(known.min) and wanted.min <= cast("int", known.min))
    high = wanted.max is None or (type(wanted.max) is type(known.max) and wanted.max >= cast("int", known.max))
    return low and high


def _glob_follows(wanted: str, known: str) -> bool:
    """True if `wanted` is a plain beginning and ``*``, and `known` begins with that."""
    begin = wanted[:-1]
    return wanted.endswith("*") and not _WILD.intersection(begin) and known.startswith(begin)


def _atoms_apart(one: Condition, other: Condition) -> bool:
    kind = type(one)
    if kind in (Realm, RealmPrefix) and type(other) in (Realm, RealmPrefix):
        return not _realms_meet(cast("Realm | RealmPrefix", one), cast("Realm | RealmPrefix", other))
    if kind is not type(other):
        return False
    if kind is Sampled:
        return one != other
    # Of an attribute there may be several values, one for each source.
    if kind not in (BaggageEntry, SpanAttribute, ResourceAttribute, SpanName):
        return False
    left, right = cast("_Valued", one), cast("_Valued", other)
    if kind is not SpanName and cast("Attribute", left).name != cast("Attribute", right).name:
        return False
    return _values_apart(left.value, right.value, _VALUED[kind])


def _realms_meet(one: Realm | RealmPrefix, other: Realm | RealmPrefix) -> bool:
    if type(one) is Realm:
        return other.name == one.name if type(other) is Realm else _is_below(one.name, other.name)
    if type(other) is Realm:
        return _is_below(other.name, one.name)
    return _is_below(one.name, other.name) or _is_below(other.name, one.name)


def _values_apart(one: object, other: object, source: str) -> bool:
    """True if no value is accepted by both."""
    for left, right in ((one, other), (other, one)):
        if type(left) is OneOf:
            return all(_values_apart(value, right, source) for value in left.values)
    if type(one) in _SCALARS and type(other) in _SCALARS:
        return _scalars_apart(one, other, source)
    if source == _BAGGAGE:
        # Two sources may cut one value at different lengths.
        return False
    for left, right in ((one, other), (other, one)):
        if type(left) in _SCALARS and type(right) in (Glob, Regex, Range):
            return left == left and not cast("_Pattern", right).matches_value(left)  # noqa: PLR0124 - NaN
    if type(one) is Range and type(other) is Range:
        return _is_above(one.min, other.max) or _is_above(other.min, one.max)
    return False


def _scalars_apart(one: object, other: object, source: str) -> bool:
    if source == _PLAIN:
        return not values_equal(one, other)
    left, right = scalar_text(one), scalar_text(other)
    return left is None or right is None or not (left.startswith(right) or right.startswith(left))


def _is_above(low: object, high: object) -> bool:
    return type(low) is type(high) and isinstance(low, (int, float)) and low > cast("float", high)


def _is_same(one: Condition, other: Condition) -> bool:
    """True if the two are one condition written twice; to baggage, 1 and 1.0 are two texts, though equal."""
    return one is other or (type(one) is type(other) and bool(one == other) and repr(one) == repr(other))
