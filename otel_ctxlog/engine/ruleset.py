"""The compiled rule set: immutable, made once per change, with an index that finds the rules a context can match.

Invariants of the index:

1. A rule is in the bucket of every key of exactly one alternative of its necessary keys (see `analysis`), or in
   `always` where it has none. So a rule that is in no bucket hit by a context cannot match that context.
2. Positions in a bucket ascend, and positions are the order in which rules are asked. Candidates are merged by
   position, so that the first match is the first match of a walk over all rules.
3. A candidate is always evaluated in full; the index only leaves out, it never decides.
4. `groups` collects the rules that ambient attributes can bring in, by the one static key that they require besides
   (or None). It tells a plan what such rules might look at and decide, without walking them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, cast

from otel_ctxlog.engine.analysis import RESOURCE, SAMPLED, SPAN_NAME, Key, necessary_keys, needs
from otel_ctxlog.engine.held import Held
from otel_ctxlog.engine.levels import is_level
from otel_ctxlog.engine.messages import Ambient, StaticMessages, View, report_failure
from otel_ctxlog.engine.protocols import Condition, LogSink, Rule, Verdict
from otel_ctxlog.engine.rules import ConditionRule, uncontrolled
from otel_ctxlog.engine.scope import Needs
from otel_ctxlog.engine.values import canonical_key

__all__ = ["Entry", "Group", "NameIndex", "RuleSet", "merged", "needs_of", "static_keys"]

_MISSING: Final = object()
HIGHEST: Final = float("inf")
"""Above every level that is used: the highest level of a rule about which nothing is known."""


class Entry:
    """One rule in its place.

    Attributes:
        position: its place in the order in which rules are asked.
        held: the rule as its context holds it.
        rule: the rule, without its controls: they do not take part in decisions.
        level: the level it lets through, or None for an own rule, which says so only when it is asked.
        conditions: its conditions; empty for an own rule.
    """

    __slots__ = ("conditions", "held", "level", "position", "rule")

    def __init__(self, position: int, held: Held) -> None:
        self.position = position
        self.held = held
        self.rule = rule = uncontrolled(held.rule)
        self.level: int | None = None
        self.conditions: tuple[Condition, ...] = ()
        if isinstance(rule, ConditionRule) and _is_standard(type(rule)):
            self.level = rule.level
            self.conditions = rule.conditions

    def decide(self, view: View, sink: LogSink) -> Verdict | None:
        """Return the rule's verdict for `view`; a rule that raises, or says nonsense, does not match."""
        try:
            if self.level is not None:
                return Verdict(self.level, sink) if cast("ConditionRule", self.rule).holds(view) else None
            verdict = self.rule.match(view.flat(), sink)
            if verdict is None:
                return None
            return self._checked(verdict)
        except Exception as error:  # noqa: BLE001 - whatever a rule of the user does
            report_failure(self.rule, "rule", error, own=self.level is None)
            return None

    @staticmethod
    def _checked(verdict: object) -> Verdict:
        if isinstance(verdict, Verdict) and is_level(verdict.level):
            return verdict
        msg = f"a rule must return a Verdict or None, but returned {verdict!r}"
        raise TypeError(msg)


def _is_standard(kind: type[ConditionRule]) -> bool:
    return kind.match is ConditionRule.match and kind.holds is ConditionRule.holds


class NameIndex:
    """Positions of the rules that need an attribute of one name."""

    __slots__ = ("any_value", "by_value")

    def __init__(self) -> None:
        self.any_value: list[int] = []
        self.by_value: dict[object, list[int]] = {}

    def find(self, value: object, into: list[list[int]]) -> None:
        """Add the buckets of the rules that `value` may satisfy."""
        if self.any_value:
            into.append(self.any_value)
        key = canonical_key(value)
        if key is None:  # its == may say anything
            into.extend(self.by_value.values())
            return
        bucket = self.by_value.get(key)
        if bucket is not None:
            into.append(bucket)


class Group:
    """What the rules that ambient attributes can bring in, under one static requirement, look at and may decide."""

    __slots__ = ("first", "highest", "lowest", "needs")

    def __init__(self) -> None:
        self.needs = Needs()
        self.first: float = HIGHEST
        self.lowest: float = HIGHEST
        self.highest: float = 0

    def add(self, entry: Entry, needs: Needs) -> None:
        """Take in one rule."""
        self.needs.add(needs)
        self.first = min(self.first, entry.position)
        level = entry.level or 0
        self.lowest = min(self.lowest, level)
        self.highest = max(self.highest, level)


def static_keys(static: StaticMessages) -> Iterator[Key]:
    """Yield the keys that realm and tags of `static` hit."""
    realm = static.realm
    if realm is not None:
        yield ("realm", realm)
        yield ("prefix", realm)
        slash = realm.find("/")
        while slash != -1:
            yield ("prefix", realm[:slash])
            slash = realm.find("/", slash + 1)
    for tag in static.tags:
        yield ("tag", tag)


def merged(buckets: Sequence[Sequence[int]]) -> Sequence[int]:
    """Return the positions of several ascending buckets, ascending and each once."""
    if len(buckets) == 1:
        return buckets[0]
    return sorted({position for bucket in buckets for position in bucket})


class RuleSet:
    """The rules of one logging context, compiled.

    Attributes:
        rules: the rules in the order asked.
        entries: the same, in their places.
        names: attribute name → index of the rules that need an attribute of that name.
        groups: static key or None → what ambient attributes can bring in there.
        highest: the highest level that a rule lets through; above all where an own rule may.
        looked_at: the names of all attributes that conditions look at.
        outline: what all rules together look at, at most one name of each kind: enough to know which sources to read.
    """

    __slots__ = (
        "_always",
        "_facts",
        "_static",
        "entries",
        "groups",
        "highest",
        "looked_at",
        "names",
        "outline",
        "rules",
    )

    def __init__(self, rules: Iterable[Rule | Held]) -> None:
        held = [rule if type(rule) is Held else Held(cast("Rule", rule)) for rule in rules]
        self.rules = tuple([one.rule for one in held])
        self.entries = [Entry(position, one) for position, one in enumerate(held)]
        self.names: dict[str, NameIndex] = {}
        self.groups: dict[Key | None, Group] = {}
        self.outline = Needs()
        self.highest: float = 0
        self.looked_at: set[str] = set()
        self._static: dict[Key, list[int]] = {}
        self._always: list[int] = []
        self._facts: list[str] = []
        self._build()

    def _build(self) -> None:
        alternatives = [_alternatives(entry) for entry in self.entries]
        frequency = Counter(key for choices in alternatives for keys in choices for key in keys)
        for entry, choices in zip(self.entries, alternatives, strict=True):
            wanted = needs_of(entry)
            self.outline.add(wanted.outline())
            self.looked_at |= wanted.names
            self.highest = max(self.highest, HIGHEST if entry.level is None else entry.level)
            self._enter(entry, choices, frequency, wanted)

    def _enter(self, entry: Entry, choices: list[tuple[Key, ...]], frequency: Counter[Key], wanted: Needs) -> None:
        if not choices:
            self._always.append(entry.position)
            return
        # The rarest keys leave the fewest candidates; among equals the static ones: they are looked up once per logger.
        chosen = min(
            choices,
            key=lambda keys: (max((frequency[key] for key in keys), default=0), any(map(_is_ambient, keys))),
        )
        ambient = False
        for key in chosen:
            if key[0] == "name":
                self._name(key[1]).any_value.append(entry.position)
                ambient = True
            elif key[0] == "value":
                self._name(key[1]).by_value.setdefault(key[-1], []).append(entry.position)
                ambient = True
            else:
                self._static.setdefault(key, []).append(entry.position)
        if ambient:
            required = next((keys[0] for keys in choices if len(keys) == 1 and not _is_ambient(keys[0])), None)
            self.groups.setdefault(required, Group()).add(entry, wanted)

    def _name(self, name: str) -> NameIndex:
        index = self.names.get(name)
        if index is None:
            index = self.names[name] = NameIndex()
            if name in (SPAN_NAME, SAMPLED) or name.startswith(RESOURCE):
                self._facts.append(name)
        return index

    def static_buckets(self, static: StaticMessages) -> list[list[int]]:
        """Return the buckets that the static messages hit, the one of rules without keys among them."""
        buckets: list[list[int]] = [self._always] if self._always else []
        if self._static:
            for key in static_keys(static):
                bucket = self._static.get(key)
                if bucket is not None:
                    buckets.append(bucket)
        if self.names:
            for name, values in static.attributes.items():
                index = self.names.get(name)
                if index is not None:
                    for value in values:
                        index.find(value, buckets)
        return buckets

    def add_ambient_buckets(self, ambient: Ambient, buckets: list[list[int]]) -> None:
        """Add the buckets that ambient attributes hit."""
        names = self.names
        if not names:
            return
        for _, values in ambient.groups:
            for name in values if len(values) <= len(names) else names:
                if name in values:
                    index = names.get(name)
                    if index is not None:
                        index.find(values[name], buckets)
        for name in self._facts:
            value = _fact(name, ambient)
            if value is not _MISSING:
                names[name].find(value, buckets)

    def decide(self, view: View, sink: LogSink) -> tuple[Verdict, Held] | None:
        """Return the verdict of the first rule that matches and is not over, with that rule as it is held, or None."""
        buckets = self.static_buckets(view.static)
        self.add_ambient_buckets(view.ambient, buckets)
        if not buckets:
            return None
        for position in merged(buckets):
            entry = self.entries[position]
            verdict = entry.decide(view, sink)
            if verdict is not None and not entry.held.is_late():
                return verdict, entry.held
        return None

    def walk(self, view: View, sink: LogSink) -> Iterator[tuple[Entry, Verdict | None]]:
        """Yield every rule in the order asked with its verdict, up to the first that matches; for explanations."""
        for entry in self.entries:
            if entry.held.is_late():
                continue
            verdict = entry.decide(view, sink)
            yield entry, verdict
            if verdict is not None:
                return


def _fact(name: str, ambient: Ambient) -> object:
    """Return what is known under the name of a fact that is no attribute."""
    if name == SPAN_NAME:
        return _MISSING if ambient.span_name is None else ambient.span_name
    if name == SAMPLED:
        return _MISSING if ambient.sampled is None else ambient.sampled
    return (ambient.resource or {}).get(name[len(RESOURCE) :], _MISSING)


def _alternatives(entry: Entry) -> list[tuple[Key, ...]]:
    try:
        return [keys for condition in entry.conditions for keys in necessary_keys(condition)]
    except Exception:  # noqa: BLE001 - nested deeper than Python goes, or a value of the user: asking it will tell
        return []


def needs_of(entry: Entry) -> Needs:
    """Return which ambient messages a rule looks at."""
    wanted = Needs()
    try:
        for condition in entry.conditions:
            wanted.add(needs(condition))
    except Exception:  # noqa: BLE001 - as above
        wanted.everything = wanted.explicit = True
    if entry.level is None:
        wanted.everything = wanted.explicit = True
    return wanted


def _is_ambient(key: Key) -> bool:
    return key[0] in ("name", "value")
