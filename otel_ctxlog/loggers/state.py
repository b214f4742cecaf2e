"""The state of logging contexts: frozen snapshots, one reference swapped per change.

Every context has a `State`. A change makes a new one under one lock, swaps it in, and starts a new *epoch*. What is
derived from the states of a context and its bases (`core.Effective`, the plans of unbound loggers) remembers its epoch,
so that a reader finds out by one identity check whether anything has changed anywhere. Readers never wait for a change.
"""

from __future__ import annotations

import copy
import os
import threading
import weakref
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, Protocol, TypeVar, cast

from otel_ctxlog.engine import catalogue
from otel_ctxlog.engine.ambient_conditions import BaggageEntry, ResourceAttribute, SpanAttribute, SpanName
from otel_ctxlog.engine.conditions import And, Not, Or
from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.engine.held import Held
from otel_ctxlog.engine.matchers import OneOf
from otel_ctxlog.engine.messages import Attribute
from otel_ctxlog.engine.protocols import LogSink, Rule, Source
from otel_ctxlog.engine.rules import ConditionRule, uncontrolled
from otel_ctxlog.engine.ruleset import RuleSet
from otel_ctxlog.events import violations
from otel_ctxlog.otel import provider_sink

_T = TypeVar("_T")

__all__ = ["EPOCH", "Cell", "Epoch", "RuleBook", "State", "Watched", "collected", "rule_signature", "tree_lock"]


class Watched(Protocol):
    """What is derived from contexts: it knows its epoch, and can be told that this is over."""

    epoch: object

    def expire(self) -> None:
        """Note that something has changed; in any thread, under the lock of all changes: neither wait nor raise."""
        ...


class Epoch:
    """Says whether anything has changed: a new `token` with every change of any context.

    Plans of unbound loggers are marked stale on the way, so that a disabled call need not ask: a stale plan's `ceiling`
    is above every level, and the logger looks closer.
    """

    # No lock: a signal handler or a finalizer may change a level while its own thread makes a plan. A dict, from
    # each token to the plans that were made under it, since its single steps are atomic.
    __slots__ = ("_all", "_untold", "token")

    def __init__(self) -> None:
        self.token: object = object()
        self._untold: dict[object, weakref.WeakSet[Watched]] = {self.token: weakref.WeakSet()}
        self._all: weakref.WeakSet[Watched] = weakref.WeakSet()

    def advance(self) -> None:
        """Start a new epoch."""
        token = object()
        self._untold[token] = weakref.WeakSet()
        # First the token: a plan that is added after the others were collected finds it changed.
        self.token = token
        for past, plans in tuple(self._untold.items()):
            if past is not self.token:
                for plan in collected(plans):
                    plan.expire()
                # Only now: what an interrupted change has not told, the next one tells.
                self._untold.pop(past, None)

    def watch(self, plan: Watched) -> None:
        """Have `plan` marked stale by the next change; at once if there was one since it was made."""
        self._all.add(plan)
        token = None
        while token is not self.token:
            token = self.token
            plans = self._untold.get(token)
            if plans is not None:
                plans.add(plan)
        if plan.epoch is not token:
            plan.expire()

    def start_in_child(self) -> None:
        """Start a new epoch in a forked child: a thread of the parent may have been telling plans, or about to."""
        token = object()
        self._untold = {token: weakref.WeakSet()}
        self.token = token
        for plan in collected(self._all):
            plan.expire()


def collected(items: weakref.WeakSet[_T]) -> tuple[_T, ...]:
    """Return what is in a weak set that other threads, and finalizers of this one, may change meanwhile."""
    while True:
        try:
            return tuple(items)
        except RuntimeError:  # it has grown
            continue


EPOCH: Final = Epoch()


class Cell:
    """A level that bound loggers share with their context: reading it is all that a disabled call costs.

    Attributes:
        ceiling: the level.
        held: the rule that it is from, or None where it is a default level.
    """

    __slots__ = ("__weakref__", "ceiling", "held")

    def __init__(self, level: int) -> None:
        # A plain int: comparing an IntEnum is slower.
        self.ceiling: float = int(level)
        self.held: Held | None = None


class _TreeLock:
    """The lock of all changes; an RLock, since a rule's ``supersedes`` may use contexts."""

    __slots__ = ("lock",)

    def __init__(self) -> None:
        self.lock = threading.RLock()

    def __enter__(self) -> None:
        self.lock.acquire()

    def __exit__(self, *_exc: object) -> None:
        self.lock.release()


tree_lock: Final = _TreeLock()


_forks = 0


def _after_fork_in_child() -> None:
    """Renew every lock of the library: another thread of the parent may have held it at the fork."""
    tree_lock.lock = threading.RLock()
    catalogue.renew_locks()
    provider_sink.renew_lock()
    violations.renew_lock()
    # A change that the parent was making stays unmade here.
    global _forks  # noqa: PLW0603
    _forks += 1
    # The SDK gives the providers a new resource in a child.
    EPOCH.start_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


class RuleBook:
    """The own rules of a context while they change; only touched under `tree_lock`.

    Rules are kept in the order of adding. `ConditionRule`s are found by what their conditions have in common, so that
    loading thousands does not compare each with each. A *section* is a place in that order, for rules that are replaced
    together: they stand after it, and before what was added since. A rule supersedes only within its section, or among
    those that are in none; and one that ends none that outlives it, which is asked again afterwards.
    """

    __slots__ = ("_added", "_asked", "_buckets", "_forks", "_next", "_rules", "_sections", "_timed")

    def __init__(self) -> None:
        self._forks = _forks
        self._rules: dict[int, Held] = {}
        self._buckets: dict[object, list[int]] = {}
        self._next = 0
        # The last answer of `asked`, and what was added since; None where a rule has gone since.
        self._asked: tuple[Held, ...] | None = ()
        self._added: list[Held] = []
        # Each section with the number that it takes in the order.
        self._sections: dict[object, int] = {}
        self._timed: dict[int, Held] = {}

    def add(self, held: Held) -> None:
        """Add one rule; those that it supersedes go."""
        rule = uncontrolled(held.rule)
        signature = _signature(rule) if isinstance(rule, ConditionRule) else None
        for number in self._superseded(held, signature):
            self._remove(number)
        self._enter(held, signature)

    def _enter(self, held: Held, signature: object) -> None:
        number = self._next
        self._next += 1
        self._rules[number] = held
        self._added.append(held)
        if held.deadline is not None:
            self._timed[held.number] = held
        if isinstance(uncontrolled(held.rule), ConditionRule):
            self._buckets.setdefault(signature, []).append(number)

    def _enter_as_it_is(self, held: Held) -> None:
        rule = uncontrolled(held.rule)
        self._enter(held, _signature(rule) if isinstance(rule, ConditionRule) else None)

    def _enter_section(self, section: object) -> None:
        self._sections[section] = self._next
        self._next += 1

    @classmethod
    def restored(cls, asked: Sequence[Held | Rule], sections: Sequence[tuple[object, int]] = ()) -> RuleBook:
        """Return a book with these rules, given in the order asked, but those that have ended; nothing is superseded.

        Args:
            asked: the rules.
            sections: each section with the number of rules before it, in the order of adding (`sections`).
        """
        book = cls()
        waiting = list(sections)
        for number, rule in enumerate(reversed(asked)):
            while waiting and waiting[0][1] <= number:
                book._enter_section(waiting.pop(0)[0])
            held = rule if type(rule) is Held else Held(cast("Rule", rule))
            if not held.ended:
                book._enter_as_it_is(held)
        for section, _ in waiting:
            book._enter_section(section)
        return book

    def sections(self) -> tuple[tuple[object, int], ...]:
        """Return each section with the number of rules before it, in the order of adding."""
        if not self._sections:
            return ()
        from bisect import bisect_left

        numbers = sorted(self._rules)
        return tuple(
            (section, bisect_left(numbers, number))
            for section, number in sorted(self._sections.items(), key=lambda item: item[1])
        )

    def timed(self) -> Mapping[int, Held]:
        """Return the rules that end, by their number in the process."""
        return self._timed

    def without(self, gone: Collection[Held]) -> RuleBook:
        """Return this book, those rules removed."""
        ids = {id(held) for held in gone}
        for number in [number for number, held in self._rules.items() if id(held) in ids]:
            self._remove(number)
        return self

    def with_section(self, section: object, rules: Sequence[Held]) -> RuleBook:
        """Return a book in which the rules of a section are others; a new section comes last, after all rules.

        Args:
            section: the section.
            rules: those that are in it from now on, in the order of adding; nothing is superseded.
        """
        items: list[tuple[int, Held | None, object]]
        items = [(number, held, None) for number, held in self._rules.items() if held.section is not section]
        items += [(number, None, known) for known, number in self._sections.items()]
        if section not in self._sections:
            items.append((self._next, None, section))
        book = RuleBook()
        for _, member, known in sorted(items, key=lambda item: item[0]):
            if member is not None:
                book._enter_as_it_is(member)
                continue
            book._enter_section(known)
            if known is section:
                for one in rules:
                    book._enter_as_it_is(one)
        return book

    def without_section(self, section: object) -> RuleBook:
        """Return this book without a section and the rules that are in it."""
        self._sections.pop(section, None)
        return self.without([held for held in self._rules.values() if held.section is section])

    def is_whole(self) -> bool:
        """Return False in a child that was forked since: the parent may have been changing the book."""
        return self._forks == _forks

    def asked(self) -> tuple[Held, ...]:
        """Return the rules in the order asked: the last added first."""
        if self._asked is None:
            self._asked = tuple(reversed(self._rules.values()))
        else:
            self._asked = (*reversed(self._added), *self._asked)
        self._added = []
        return self._asked

    def _superseded(self, held: Held, signature: object) -> list[int]:
        rule = held.rule
        supersedes: Callable[[Rule], bool] | None = getattr(rule, "supersedes", None)
        if not callable(supersedes):
            return []
        if getattr(type(uncontrolled(rule)), "supersedes", None) is ConditionRule.supersedes:
            candidates: Iterable[int] = self._buckets.get(signature, ())
        else:
            candidates = list(self._rules)
        found: list[int] = []
        for number in candidates:
            other = self._rules[number]
            if other.section is not held.section or _outlives(other, held):
                continue
            try:
                # What is around a rule is no business of an own rule's.
                if supersedes(uncontrolled(other.rule)):
                    found.append(number)
            except Exception as error:  # noqa: BLE001 - whatever a rule of the user does
                text = f"supersedes of a {type(rule).__name__} raised {type(error).__name__} and counts as false"
                report_once(rule, text, error=error, topic="supersedes")
        return found

    def _remove(self, number: int) -> None:
        held = self._rules.pop(number)
        rule = uncontrolled(held.rule)
        self._timed.pop(held.number, None)
        self._asked = None
        if isinstance(rule, ConditionRule):
            self._buckets[_signature(rule)].remove(number)


def _outlives(one: Held, other: Held) -> bool:
    return other.deadline is not None and (one.deadline is None or one.deadline > other.deadline)


def rule_signature(rule: Rule) -> object:
    """Return what equal rules share; those of others may share it, too."""
    inner = uncontrolled(rule)
    return (type(rule), _signature(inner)) if isinstance(inner, ConditionRule) else type(inner)


def _signature(rule: ConditionRule) -> object:
    """Return what rules with equal conditions share; those of others may share it, too."""
    try:
        return tuple(map(_condition_signature, rule.conditions))
    except Exception:  # noqa: BLE001 - nested without end, or an object of the user
        return None


def _condition_signature(condition: object) -> object:
    # By isinstance: a subclass may be equal to its base.
    for kind in (And, Or):
        if isinstance(condition, kind):
            return (kind, tuple(map(_condition_signature, condition.conditions)))
    if isinstance(condition, Not):
        return (Not, _condition_signature(condition.condition))
    for place in (Attribute, BaggageEntry, SpanAttribute, ResourceAttribute):
        if isinstance(condition, place):
            return (place, condition.name, _value_signature(condition.value))
    if isinstance(condition, SpanName):
        return (SpanName, _value_signature(condition.value))
    return _hash_of(condition)


def _value_signature(value: object) -> object:
    # By our equality a list equals a tuple, and a set a frozenset; equal hashable values have equal hashes, as Python
    # demands.
    if isinstance(value, (list, tuple)):
        return ("sequence", tuple(map(_value_signature, cast("Sequence[object]", value))))
    if isinstance(value, (set, frozenset)):
        return ("set", frozenset(map(_hash_of, cast("Collection[object]", value))))
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return ("mapping", frozenset((_hash_of(key), _value_signature(item)) for key, item in items))
    if isinstance(value, OneOf):
        return ("one of", tuple(map(_value_signature, value.values)))
    return _hash_of(value)


def _hash_of(value: object) -> int | None:
    try:
        return hash(value)
    except Exception:  # noqa: BLE001 - a __hash__ of the user
        return None


class State:
    """What one context says itself; None means: as the base. Never changed: a change makes another.

    Attributes:
        held: the own rules, in the order asked.
        sections: where sections stand among them (`RuleBook.sections`).
        compiled: their rule set, made when it is first asked.
        default_level: the own default level.
        target: the own target.
        offset: the level offset of that target.
        sources: the own sources.
    """

    __slots__ = ("_rules", "compiled", "default_level", "held", "offset", "sections", "sources", "target")

    def __init__(
        self,
        *,
        held: tuple[Held, ...] = (),
        sections: tuple[tuple[object, int], ...] = (),
        compiled: LazyRuleSet | None = None,
        default_level: int | None = None,
        target: LogSink | None = None,
        offset: int = 0,
        sources: tuple[Source, ...] | None = None,
    ) -> None:
        self.held = held
        self.sections = sections
        self._rules: tuple[Rule, ...] | None = None
        self.compiled = compiled
        self.default_level = default_level
        self.target = target
        self.offset = offset
        self.sources = sources

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The own rules, in the order asked."""
        rules = self._rules
        if rules is None:
            rules = self._rules = tuple([held.rule for held in self.held])
        return rules

    def with_rules(self, held: tuple[Held, ...], sections: tuple[tuple[object, int], ...]) -> State:
        """Return this with other rules, in the order asked; they are compiled when they are first needed."""
        made = copy.copy(self)
        made.held = held
        made.sections = sections
        made._rules = None
        made.compiled = LazyRuleSet(held) if held else None
        return made

    def with_default_level(self, level: int | None) -> State:
        """Return this with another default level."""
        made = copy.copy(self)
        made.default_level = level
        return made

    def with_sources(self, sources: tuple[Source, ...] | None) -> State:
        """Return this with other sources."""
        made = copy.copy(self)
        made.sources = sources
        return made

    def with_target(self, target: LogSink | None, offset: int) -> State:
        """Return this with another target and its level offset."""
        made = copy.copy(self)
        made.target = target
        made.offset = offset
        return made


class LazyRuleSet:
    """A rule set that is compiled when it is first asked, so that adding rules one by one stays cheap."""

    __slots__ = ("_compiled", "_rules")

    def __init__(self, rules: Sequence[Held]) -> None:
        self._rules = rules
        self._compiled: RuleSet | None = None

    def get(self) -> RuleSet:
        """Return the compiled rules; two threads that come first both compile, and either result will do."""
        compiled = self._compiled
        if compiled is None:
            compiled = self._compiled = RuleSet(self._rules)
        return compiled
