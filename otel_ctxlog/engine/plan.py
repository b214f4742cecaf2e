"""The plan: what is left to decide for one fixed message context, prepared once per change.

A plan holds the rules that the static messages leave open, up to the first that surely matches, and the band of levels
that may come out. A call above the band is off and one within it is decided from the OpenTelemetry context; the last
decisions are kept by that context.

Invariants of the cache of decisions:

1. A key is the identity of an OTel context, which is immutable; the entry holds a weak reference to it, so that a new
   context at an old address is not taken for the old one, and nothing is kept alive.
2. Span attributes, the span's name and the resource change under an unchanged context: a decision that looked at some
   remembers their values, and counts only while each is the same object (``is``: ``==`` takes True for 1).
3. The entry of a context goes when the context does, and there are never more than `_MOST_DECISIONS`.
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from otel_ctxlog.engine.analysis import ALWAYS, MAYBE, NEVER, Answer, partial
from otel_ctxlog.engine.messages import Ambient, StaticMessages, View
from otel_ctxlog.engine.protocols import LogSink, Rule, Verdict
from otel_ctxlog.engine.ruleset import HIGHEST, Entry, RuleSet, merged, needs_of, static_keys
from otel_ctxlog.engine.scope import NOTHING_AMBIENT, Needs, Scope
from otel_ctxlog.engine.stem import Stem

__all__ = ["AmbientReader", "Decision", "NothingAmbient", "Plan", "decide_once"]

_MOST_DECISIONS: Final = 1024
_FEW: Final = 16
"""Up to so many names are looked up one by one; beyond, the span's attributes are gone through."""
_MISSING: Final = object()


class Decision(NamedTuple):
    """What was decided: the level, the sink (None: the context's own), and the rule (None: the default level)."""

    level: int
    sink: LogSink | None
    rule: Rule | None


class AmbientReader(Protocol):
    """What the engine asks of the sources of a context."""

    @property
    def scope(self) -> Scope:
        """Which ambient messages can occur."""
        ...

    def prepare(self, needs: Needs) -> Callable[[object], Ambient]:
        """Return what reads from a context at least what is needed; it never raises."""
        ...

    def span(self, context: object) -> object | None:
        """Return the current span if it has attributes or a name that can change, else None."""
        ...

    def span_attributes(self, span: object) -> Mapping[str, object]:
        """Return a copy of the span's attributes."""
        ...

    def span_name(self, span: object) -> object:
        """Return the span's name."""
        ...

    def resource(self) -> Mapping[str, object] | None:
        """Return the resource attributes of the target's provider; the same object while they are the same."""
        ...

    def is_settled(self) -> bool:
        """Return False while a source is being read: what it logs meanwhile is decided without it."""
        ...


class NothingAmbient:
    """The reader of a context without sources."""

    __slots__ = ()

    @property
    def scope(self) -> Scope:
        """Return that nothing can occur."""
        return NOTHING_AMBIENT

    def prepare(self, needs: Needs) -> Callable[[object], Ambient]:  # noqa: ARG002 - there is nothing to read
        """Return what reads nothing."""
        return lambda _context: Ambient()

    def span(self, context: object) -> object | None:  # noqa: ARG002
        """Return None."""
        return None

    def span_attributes(self, span: object) -> Mapping[str, object]:  # noqa: ARG002
        """Return nothing."""
        return {}

    def span_name(self, span: object) -> object:  # noqa: ARG002
        """Return None."""
        return None

    def resource(self) -> Mapping[str, object] | None:
        """Return None."""
        return None

    def is_settled(self) -> bool:
        """Return True."""
        return True


class _Segment:
    """What one rule set leaves open: its prepared entries, and whether ambient attributes can bring in more."""

    __slots__ = ("ambient", "entries", "positions", "rules")

    def __init__(self, rules: RuleSet, positions: list[int], *, ambient: bool) -> None:
        self.rules = rules
        self.positions = positions
        self.entries: list[Entry] = [rules.entries[position] for position in positions]
        self.ambient = ambient

    def decide(self, view: View, sink: LogSink) -> Decision | None:
        """Return the decision of the first rule that matches, or None."""
        entries: Sequence[Entry] = self.entries
        if self.ambient:
            buckets = self.rules.ambient_buckets(view.ambient)
            if buckets:
                buckets.append(self.positions)
                entries = [self.rules.entries[position] for position in merged(buckets)]
        for entry in entries:
            verdict = entry.decide(view, sink)
            if verdict is not None:
                return _decision(verdict, entry.rule, sink)
        return None


def _decision(verdict: Verdict, rule: Rule, sink: LogSink) -> Decision:
    return Decision(verdict.level, None if verdict.sink is sink else verdict.sink, rule)


def decide_once(
    rule_sets: Sequence[RuleSet],
    view: View,
    sink: LogSink,
) -> Decision | None:
    """Return the decision of the first rule that matches `view`, or None; what is asked only once needs no plan."""
    for rules in rule_sets:
        found = rules.decide(view, sink)
        if found is not None:
            return _decision(found[0], found[1], sink)
    return None


class _Volatile(NamedTuple):
    """What a decision looked at that changes under an unchanged context."""

    span: weakref.ref[object] | None
    attributes: Mapping[str, object]
    span_name: object
    resource: Mapping[str, object] | None


class Plan:
    """What is left to decide for one message context.

    Attributes:
        epoch: the state of the world that the plan was made in, or was last found to be good for.
        low: the lowest level that may come out.
        high: the highest level that may come out; a call above it is off, whatever the context.
        ceiling: the same, but above every level while the plan is stale.
        default: the decision where no rule matches.
        stem: what the logger puts on its records; made of the same messages as the plan.
        static: the messages that are decided about: these, or more.
        origin: what it was made from; a caller tells by it whether anything that concerns the plan has changed.
    """

    __slots__ = (
        "__weakref__",
        "_cache",
        "_constant",
        "_few_names",
        "_needs",
        "_read",
        "_reader",
        "_segments",
        "_sink",
        "_span_names",
        "_watches_resource",
        "_watches_span",
        "_watches_span_name",
        "ceiling",
        "default",
        "epoch",
        "high",
        "low",
        "origin",
        "static",
        "stem",
    )

    def __init__(
        self,
        rule_sets: Sequence[RuleSet],
        stem: Stem,
        *,
        default_level: int,
        reader: AmbientReader,
        sink: LogSink,
        epoch: object,
        origin: object = None,
        static: StaticMessages | None = None,
    ) -> None:
        self.epoch = epoch
        self.origin = origin
        self.stem = stem
        self.static = stem.static if static is None else static
        self._reader = reader
        self._sink = sink
        self.default = Decision(default_level, None, None)
        self._cache: dict[int, tuple[weakref.ref[object], Decision, _Volatile | None]] = {}
        self._segments: list[_Segment] = []
        self.low: float = HIGHEST
        self.high: float = 0
        wanted = Needs()
        if not any(self._open(rules, wanted) for rules in rule_sets):
            self._widen(default_level, default_level)
        self._needs = wanted.within(reader.scope)
        self._read = reader.prepare(self._needs)
        names = self._needs.names | self._needs.span_names
        self._span_names = frozenset(name for name in names if reader.scope.span_allows(name))
        everything = self._needs.everything
        self._watches_resource = self._needs.resource or everything
        self._watches_span_name = self._needs.span_name or everything
        self._watches_span = reader.scope.span and (bool(self._span_names) or self._watches_span_name)
        self._few_names = len(self._span_names) <= _FEW and not self._needs.everything
        self._constant: Decision | None = None
        if not self._needs.anything:
            self._constant = self._walk(View(self.static))
            self.low = self.high = self._constant.level
        self.ceiling: float = self.high

    def expire(self) -> None:
        """Mark the plan stale."""
        self.ceiling = HIGHEST

    def renewed(self, epoch: object) -> Plan:
        """Return the same plan, good for `epoch`.

        Another object: other threads may hold this one, for which it has to stay stale.
        """
        plan = copy.copy(self)
        plan.epoch = epoch
        plan.ceiling = plan.high
        return plan

    def _open(self, rules: RuleSet, wanted: Needs) -> bool:
        """Add the segment of one rule set; return whether one of its rules surely matches."""
        scope = self._reader.scope
        positions: list[int] = []
        sure = False
        buckets = rules.static_buckets(self.static)
        for position in merged(buckets) if buckets else ():
            entry = rules.entries[position]
            answer = _answer(entry, self.static, scope)
            if answer is NEVER:
                continue
            positions.append(position)
            if entry.level is None:
                self._widen(0, HIGHEST)
                wanted.everything = True
            else:
                self._widen(entry.level, entry.level)
            if answer is ALWAYS:
                sure = True
                break
            wanted.add(needs_of(entry))
        ambient = scope.anything and self._open_groups(rules, positions[-1] if sure else HIGHEST, wanted)
        if positions or ambient:
            self._segments.append(_Segment(rules, positions, ambient=ambient))
        return sure

    def _open_groups(self, rules: RuleSet, last: float, wanted: Needs) -> bool:
        """Take in what ambient attributes can bring in before position `last`; return whether that is anything."""
        found = False
        for key in (None, *static_keys(self.static)):
            group = rules.groups.get(key)
            if group is not None and group.first < last and group.needs.within(self._reader.scope).anything:
                self._widen(group.lowest, group.highest)
                wanted.add(group.needs)
                found = True
        return found

    def _widen(self, low: float, high: float) -> None:
        self.low = min(self.low, low)
        self.high = max(self.high, high)

    def _walk(self, view: View) -> Decision:
        for segment in self._segments:
            decision = segment.decide(view, self._sink)
            if decision is not None:
                return decision
        return self.default

    def decide(self, context: object) -> Decision:
        """Return the decision in an OpenTelemetry context; exact, from the cache where nothing has changed."""
        constant = self._constant
        if constant is not None:
            return constant
        known = self._cache.get(id(context))
        if known is not None and known[0]() is context and (known[2] is None or self._unchanged(known[2])):
            return known[1]
        # What may change is noted before it is read: should it change in between, the entry is out of date at once.
        try:
            volatile = self._look(context)
            keep = self._reader.is_settled()
        except TypeError:  # a span of a kind that cannot be weakly referenced: decide each time
            volatile, keep = None, False
        decision = self._walk(View(self.static, self._read(context)))
        if keep:
            self._keep(context, decision, volatile)
        return decision

    def _look(self, context: object) -> _Volatile | None:
        reader = self._reader
        resource = reader.resource() if self._watches_resource else None
        if self._watches_span:
            span = reader.span(context)
            if span is not None:
                attributes = self._relevant(reader.span_attributes(span))
                return _Volatile(weakref.ref(span), attributes, reader.span_name(span), resource)
        return _Volatile(None, {}, None, resource) if self._watches_resource else None

    def _relevant(self, attributes: Mapping[str, object]) -> Mapping[str, object]:
        if self._needs.everything:
            return attributes
        names = self._span_names
        if len(names) <= len(attributes):
            return {name: attributes[name] for name in names if name in attributes}
        return {name: value for name, value in attributes.items() if name in names}

    def _unchanged(self, volatile: _Volatile) -> bool:
        reader = self._reader
        if self._watches_resource and reader.resource() is not volatile.resource:
            return False
        if volatile.span is None:
            return True
        span = volatile.span()
        if span is None or (self._watches_span_name and reader.span_name(span) is not volatile.span_name):
            return False
        now, then = reader.span_attributes(span), volatile.attributes
        if self._few_names:
            for name in self._span_names:  # noqa: SIM110 - as below
                if now.get(name, _MISSING) is not then.get(name, _MISSING):
                    return False
            return True
        now = self._relevant(now)
        if len(now) != len(then):
            return False
        # The order as well: an own condition sees it.
        for (name, value), (name_then, value_then) in zip(now.items(), then.items(), strict=True):
            if name != name_then or value is not value_then:
                return False
        return True

    def _keep(self, context: object, decision: Decision, volatile: _Volatile | None) -> None:
        cache = self._cache
        key = id(context)
        if len(cache) >= _MOST_DECISIONS:
            cache.clear()

        def forget(ref: weakref.ref[object]) -> None:
            known = cache.get(key)
            if known is not None and known[0] is ref:
                cache.pop(key, None)

        try:
            cache[key] = (weakref.ref(context, forget), decision, volatile)
        except TypeError:  # a context of a kind that cannot be weakly referenced: decide each time
            return


def _answer(entry: Entry, static: StaticMessages, scope: Scope) -> Answer:
    """Return what is known of a rule for these static messages."""
    if entry.level is None:
        return MAYBE
    result = ALWAYS
    for condition in entry.conditions:
        try:
            answer = partial(condition, static, scope)
        except Exception:  # noqa: BLE001 - asked again, and reported, when the rule is
            answer = MAYBE
        if answer is NEVER:
            return NEVER
        if answer is MAYBE:
            result = MAYBE
    return result
