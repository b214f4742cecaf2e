"""The plan: what is left to decide for one fixed message context, prepared once per change.

A plan holds the rules that the static messages leave open, up to the first that surely matches, and the band of levels
that may come out. A call above the band is off and one within it is decided from the OpenTelemetry context; the last
decisions are kept by that context.

Invariants of the cache of decisions:

1. A key is the identity of an OTel context, which is immutable; the entry holds a weak reference to it, so that a new
   context at an old address is not taken for the old one, and nothing is kept alive.
2. Span attributes, the span's name and the resource change under an unchanged context: a decision that looked at some
   remembers the values that it was made from, and counts only while each is the same object (``is``: ``==`` takes True
   for 1). Where a value can change in place, it never counts.
3. The entry of a context goes when the context does, and there are never more than `_MOST_DECISIONS`.
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, cast

from otel_ctxlog.engine.analysis import ALWAYS, MAYBE, NEVER, Answer, partial
from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.engine.held import Held
from otel_ctxlog.engine.messages import Ambient, StaticMessages, View
from otel_ctxlog.engine.protocols import LogSink, Rule, Verdict
from otel_ctxlog.engine.ruleset import HIGHEST, Entry, RuleSet, merged, needs_of, static_keys
from otel_ctxlog.engine.scope import NOTHING_AMBIENT, Needs, Scope
from otel_ctxlog.engine.stem import Stem

__all__ = ["AmbientReader", "Decision", "NothingAmbient", "Plan", "decide_once"]

_MOST_DECISIONS: Final = 4096

Changed: TypeAlias = Callable[[], bool]
"""Tells whether anything that a decision looked at has changed since."""


class Decision(NamedTuple):
    """What was decided: the level, the sink (None: the context's own), and the rule (None: the default level)."""

    level: int
    sink: LogSink | None
    held: Held | None

    @property
    def rule(self) -> Rule | None:
        """The rule that decided, or None."""
        return None if self.held is None else self.held.rule


class AmbientReader(Protocol):
    """What the engine asks of the sources of a context; none of it raises."""

    @property
    def scope(self) -> Scope:
        """Which ambient messages can occur."""
        ...

    def prepare(self, needs: Needs) -> Callable[[object], Ambient]:
        """Return what reads from a context at least what is needed."""
        ...

    def watching(self, needs: Needs) -> Callable[[object, Ambient], Changed | None] | None:
        """Return what watches what was read from a context; None where nothing needed ever can change.

        It gets the context and what was read from it. Its answer tells whether anything has changed since; it is None
        where nothing can, and it holds neither the context nor its span alive.
        """
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

    def watching(self, needs: Needs) -> Callable[[object, Ambient], Changed | None] | None:  # noqa: ARG002
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
            buckets: list[list[int]] = []
            self.rules.add_ambient_buckets(view.ambient, buckets)
            if buckets:
                buckets.append(self.positions)
                entries = [self.rules.entries[position] for position in merged(buckets)]
        for entry in entries:
            verdict = entry.decide(view, sink)
            if verdict is not None:
                return _decision(verdict, entry.held, sink)
        return None


def _decision(verdict: Verdict, held: Held, sink: LogSink) -> Decision:
    held.decided += 1
    return Decision(verdict.level, None if verdict.sink is sink else verdict.sink, held)


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


class Kept(weakref.ref[object]):
    """A decision, kept by the context that it was made in: called, it returns that context, or None if it is gone.

    Attributes:
        key: the context's id.
        level: the level of the decision.
        decision: the decision.
        changed: tells whether something that was looked at has changed since; None where nothing can.
    """

    __slots__ = ("changed", "decision", "key", "level")

    changed: Changed | None
    decision: Decision
    key: int
    level: int


class _Gone:
    __slots__ = ("__weakref__",)


_NOWHERE: Final = _Gone()
_NOBODY: Final = Kept(_NOWHERE)
"""Made by no context. What it refers to lives: a reference to what is gone would give None, which somebody may have
attached as the context."""


class Decisions:
    """The last decisions of a plan and of its renewed copies.

    Attributes:
        last: the last one that was asked for.
    """

    __slots__ = ("_by_context", "last")

    def __init__(self) -> None:
        self.last: Kept = _NOBODY
        self._by_context: dict[int, Kept] = {}

    def find(self, context: object) -> Decision | None:
        """Return the decision that was made in this context, if it still holds."""
        kept = self._by_context.get(id(context))
        if kept is None or kept() is not context or (kept.changed is not None and kept.changed()):
            return None
        self.last = kept
        return kept.decision

    def keep(self, context: object, decision: Decision, changed: Changed | None) -> None:
        """Keep a decision for as long as the context lives."""
        by_context = self._by_context
        if len(by_context) >= _MOST_DECISIONS:
            by_context.clear()
        try:
            kept = Kept(context, self._forget)
        except TypeError:  # a context of a kind that cannot be weakly referenced: decide each time
            return
        kept.key = id(context)
        kept.level = decision.level
        kept.decision = decision
        kept.changed = changed
        by_context[kept.key] = kept
        self.last = kept

    def _forget(self, gone: weakref.ref[object]) -> None:
        key = cast("Kept", gone).key
        if self._by_context.get(key) is gone:
            self._by_context.pop(key, None)
        if self.last is gone:
            self.last = _NOBODY


class Plan:
    """What is left to decide for one message context.

    Attributes:
        epoch: the state of the world that the plan was made in, or was last found to be good for.
        low: the lowest level that may come out.
        high: the highest level that may come out; a call above it is off, whatever the context.
        ceiling: the same, but above every level while the plan is stale.
        stale: whether something may have changed since.
        constant: the decision in every context, or None where it depends on the context.
        decisions: those that were made, by context.
        default: the decision where no rule matches.
        stem: what the logger puts on its records; made of the same messages as the plan.
        static: the messages that are decided about: these, or more.
        origin: what it was made from; a caller tells by it whether anything that concerns the plan has changed.
    """

    __slots__ = (
        "__weakref__",
        "_read",
        "_reader",
        "_segments",
        "_sink",
        "_watch",
        "ceiling",
        "constant",
        "decisions",
        "default",
        "epoch",
        "high",
        "low",
        "origin",
        "stale",
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
        origin: Any = None,
        static: StaticMessages | None = None,
    ) -> None:
        self.epoch = epoch
        self.origin = origin
        self.stem = stem
        self.static = stem.static if static is None else static
        self._reader = reader
        self._sink = sink
        self.default = Decision(default_level, None, None)
        self.decisions = Decisions()
        self._segments: list[_Segment] = []
        self.low: float = HIGHEST
        self.high: float = 0
        wanted = Needs()
        if not any(self._open(rules, wanted) for rules in rule_sets):
            self._widen(default_level, default_level)
        needs = wanted.within(reader.scope)
        self._read = reader.prepare(needs)
        self._watch = reader.watching(needs)
        self.constant: Decision | None = None
        if not needs.anything:
            self.constant = self._walk(View(self.static))
            self.low = self.high = self.constant.level
        self.ceiling: float = self.high
        self.stale = False

    def expire(self) -> None:
        """Mark the plan stale."""
        # In this order: who is let in by the ceiling has to see why.
        self.stale = True
        self.ceiling = HIGHEST

    def renewed(self, epoch: object) -> Plan:
        """Return the same plan, good for `epoch`.

        Another object: other threads may hold this one, for which it has to stay stale.
        """
        plan = copy.copy(self)
        plan.epoch = epoch
        plan.ceiling = plan.high
        plan.stale = False
        return plan

    def _open(self, rules: RuleSet, wanted: Needs) -> bool:
        """Add the segment of one rule set; return whether one of its rules surely matches."""
        scope = self._reader.scope
        positions: list[int] = []
        sure = False
        buckets = rules.static_buckets(self.static)
        for position in merged(buckets) if buckets else ():
            entry = rules.entries[position]
            if entry.held.is_late():  # it is being taken out
                continue
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
        constant = self.constant
        if constant is not None:
            return constant
        known = self.decisions.find(context)
        if known is not None:
            return known
        keep = self._reader.is_settled()
        ambient = self._read(context)
        decision = self._walk(View(self.static, ambient))
        if keep:
            try:
                changed = None if self._watch is None else self._watch(context, ambient)
            except Exception as error:  # noqa: BLE001 - a span of another implementation may do anything
                report_once(type(self), f"a context could not be watched: {type(error).__name__}", error=error)
                return decision
            self.decisions.keep(context, decision, changed)
        return decision


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
