"""The core of a logging context: its place in the tree, its changes, and what follows from them."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from enum import Enum
from itertools import chain, repeat
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from otel_ctxlog.engine.held import Held
from otel_ctxlog.engine.levels import ERROR, INFO, check_level
from otel_ctxlog.engine.messages import StaticMessages, View
from otel_ctxlog.engine.origin import UNKNOWN, Origin, check_origin
from otel_ctxlog.engine.plan import Decision, Plan, decide_once
from otel_ctxlog.engine.protocols import LogSink, Rule, Source
from otel_ctxlog.engine.rules import check_rule
from otel_ctxlog.engine.scope import Needs
from otel_ctxlog.engine.stem import Recipe, Stem
from otel_ctxlog.engine.values import AttributeValue
from otel_ctxlog.loggers.audit import AuditTrail
from otel_ctxlog.loggers.expiry import EXPIRY
from otel_ctxlog.loggers.state import EPOCH, Cell, RuleBook, State, collected, tree_lock
from otel_ctxlog.otel.ambient import check_sources
from otel_ctxlog.otel.context import Context, get_current
from otel_ctxlog.otel.provider_sink import DEFAULT_SCOPE, LoggerProvider, ProviderSink
from otel_ctxlog.otel.route import GLOBAL, Route, as_sink, shifted
from otel_ctxlog.otel.severity import SeverityNumber, severity_of
from otel_ctxlog.otel.sources import DEFAULT_SOURCES

if TYPE_CHECKING:
    from otel_ctxlog.loggers.statistics import Statistics

_T = TypeVar("_T")

__all__ = ["KEEP", "ContextCore", "ContextSink", "Effective", "Keep", "check_offset", "checked_state"]


class Keep(Enum):
    """The type of `KEEP`."""

    KEEP = "keep"

    def __repr__(self) -> str:
        return "KEEP"


KEEP: Final = Keep.KEEP
"""As an argument: leave it as it is."""


def check_offset(offset: object) -> int:
    """Return `offset` if it is a level offset.

    Raises:
        ValueError: it is no non-negative int.
    """
    if isinstance(offset, int) and not isinstance(offset, bool) and offset >= 0:
        return offset
    msg = f"level_offset must be a non-negative int, but got {offset!r}"
    raise ValueError(msg)


class Effective:
    """What holds for a context after all its bases: derived, immutable, good for the states it was made from.

    Attributes:
        states: the states it was made from, the context's own first.
        messages: the message context, inherited part included.
        default_level: the level where no rule matches.
        route: where records go, and what is put on them on the way.
        highest: no level above it is on, whatever the messages.
        needs: an outline of what the rules look at (see `RuleSet.outline`).
        ambient: whether that is anything.
        read: reads it from an OTel context.
        rule_sets: the rules in the order asked, the context's own first.
    """

    __slots__ = (
        "ambient",
        "default_level",
        "epoch",
        "highest",
        "messages",
        "needs",
        "read",
        "route",
        "rule_sets",
        "states",
    )

    def __init__(self, states: tuple[State, ...], messages: tuple[object, ...], epoch: object, owner: object) -> None:
        self.states = states
        self.messages = messages
        self.epoch = epoch
        self.default_level = int(_first(INFO, (state.default_level for state in states)))
        target: LogSink = GLOBAL
        offset = states[-1].offset
        for state in states:
            if state.target is not None:
                target, offset = state.target, state.offset
                break
        sources = _first(DEFAULT_SOURCES, (state.sources for state in states))
        self.route = Route(target, offset, sources, owner)
        self.rule_sets = [state.compiled.get() for state in states if state.compiled is not None]
        self.needs = Needs()
        self.highest: float = self.default_level
        for rules in self.rule_sets:
            self.needs.add(rules.outline)
            self.highest = max(self.highest, rules.highest)
        self.read = self.route.reader.prepare(self.needs)
        self.ambient = self.route.reader.scope.anything and self.needs.anything

    def looks_at(self, name: str) -> bool:
        """Return whether any rule may look at the value of that attribute."""
        return self.needs.explicit or any(name in rules.looked_at for rules in self.rule_sets)


def _first(default: _T, given: Iterable[_T | None]) -> _T:
    return next((one for one in given if one is not None), default)


class LevelClaims:
    """The default levels that sections of a context set; only touched under `tree_lock`.

    Attributes:
        by_section: the level that each of them sets, in the order in which they began to; the last one counts.
        before: the context's own default level before.
        set: the own default level that was made of it.
    """

    __slots__ = ("before", "by_section", "set")

    def __init__(self) -> None:
        self.by_section: dict[object, int] = {}
        self.before: int | None = None
        self.set: int | None = None

    def claim(self, section: object, level: int | None, now: int | None) -> tuple[int | None] | None:
        """Return the own default level to set, now that a section sets `level`, or None to leave it as it is.

        Args:
            section: the section.
            level: the level; None: none any more.
            now: the own default level of this moment: another one than was set here, somebody else has set.
        """
        claims = self.by_section
        if claims and now != self.set:
            claims.clear()
        if not claims:
            self.before = now
        if level is not None:
            claims[section] = level
        elif claims.pop(section, None) is None:
            return None
        wanted = next(reversed(claims.values()), self.before)
        self.set = wanted
        return None if wanted == now else (wanted,)


class ContextSink:
    """The live sink of a context: adds the level offset and passes on to the target of this moment."""

    __slots__ = ("__weakref__", "_core")

    def __init__(self, core: ContextCore) -> None:
        self._core = core

    def __repr__(self) -> str:
        return f"<sink of {self._core!r}>"

    @property
    def target(self) -> LogSink:
        """The sink that gets the records of this moment."""
        return self._core.effective().route.target

    def enabled(self, level: int) -> bool:
        """Return whether the target would use a record at `level` (without the offset)."""
        route = self._core.effective().route
        return route.target.enabled(shifted(level, route.offset))

    def emit(
        self,
        *,
        level: int,
        body: AttributeValue,
        attributes: Mapping[str, AttributeValue],
        name: str,
        realm: str | None,
        exception: BaseException | None,
        context: Context,
        timestamp: int,
        severity: SeverityNumber,
        event_name: str | None,
    ) -> None:
        """Pass one record on to the target, its level and severity shifted by the offset."""
        route = self._core.effective().route
        if route.offset and level > ERROR:
            level += route.offset
            severity = severity_of(level)
        route.target.emit(
            level=level,
            body=body,
            attributes=attributes,
            name=name,
            realm=realm,
            exception=exception,
            context=context,
            timestamp=timestamp,
            severity=severity,
            event_name=event_name,
        )


_Edit: TypeAlias = Callable[[RuleBook], RuleBook]
_Change: TypeAlias = (
    "tuple[_Edit | None, int | Keep | None, tuple[LogSink | None, int] | Keep, tuple[Source, ...] | Keep | None]"
)


class ContextCore:
    """State, changes and decisions of a logging context; what users see is `LoggingContext`."""

    def __init__(
        self,
        base: ContextCore | None,
        messages: tuple[object, ...],
        state: State,
    ) -> None:
        self.base = base
        self.own_messages = messages
        self.state = state
        self._book = RuleBook()
        self._changing = False
        self._waiting: list[_Change] = []
        self.changes = 0
        self._effective: Effective | None = None
        self._joined: tuple[tuple[object, ...], tuple[object, ...]] | None = None
        self.children: weakref.WeakSet[ContextCore] = weakref.WeakSet()
        self.sink = ContextSink(self)
        self.cell = Cell(-1)
        # Of bound loggers whose rule has ended: they follow the default level.
        self.let_go: weakref.WeakSet[Cell] = weakref.WeakSet()
        self.trail = AuditTrail()
        self._timed: dict[int, Held] = {}
        self.level_claims = LevelClaims()
        if base is not None:
            base.children.add(self)
        # No lock, so that a request need not wait for a change: a level that was changed meanwhile is taken again.
        while self.cell.ceiling != (level := self.current_default_level()):
            self.cell.ceiling = level

    # What is asked

    def own_rules(self) -> tuple[Rule, ...]:
        """Return the own rules, in the order asked."""
        return self.state.rules

    def own_states(self) -> tuple[State, ...]:
        """Return what this core itself adds to `states`."""
        return (self.state,)

    def settled(self) -> ContextCore:
        """Return the core that has the settings: of the default context, that of what it stands for."""
        return self

    def chain(self) -> list[ContextCore]:
        """Return this core and all that it inherits from, in that order; a loop, since users may nest deeply."""
        found: list[ContextCore] = []
        core: ContextCore | None = self
        while core is not None:
            found.append(core)
            core = core.link()[0]
        return found

    def states(self) -> tuple[State, ...]:
        """Return the states of this context and its bases, its own first."""
        return tuple(state for core in self.chain() for state in core.own_states())

    def effective(self) -> Effective:
        """Return what holds now."""
        known = self._effective
        token = EPOCH.token
        if known is not None and known.epoch is token:
            return known
        chain = self.chain()
        states = tuple(state for core in chain for state in core.own_states())
        messages = _joined(chain)
        if known is not None and known.messages is messages and _same(known.states, states):
            known.epoch = token
            return known
        made = Effective(states, messages, token, self)
        self._effective = made
        return made

    def messages(self) -> tuple[object, ...]:
        """Return the message context, inherited part included; the same tuple while it is the same."""
        return _joined(self.chain())

    def joined_with(self, inherited: tuple[object, ...]) -> tuple[object, ...]:
        """Return the inherited messages and the own ones; the same tuple for the same inherited ones."""
        if not self.own_messages:
            return inherited
        if not inherited:
            return self.own_messages
        joined = self._joined
        if joined is None or joined[0] is not inherited:
            joined = self._joined = (inherited, inherited + self.own_messages)
        return joined[1]

    def current_default_level(self) -> int:
        """Return the level where no rule matches."""
        return int(_first(INFO, (state.default_level for state in self.states())))

    def link(self) -> tuple[ContextCore | None, int]:
        """Return the core that this one inherits from, and its own changes, which belong together."""
        return self.base, self.changes

    def generation_now(self) -> int:
        """Return the number of changes of this context and its bases."""
        core, total = self.link()
        while core is not None:
            core, changes = core.link()
            total += changes
        return total

    def decide(self, effective: Effective, static: StaticMessages) -> Decision | None:
        """Return what the rules of that moment decide about `static` here and now, or None where none matches."""
        if not effective.rule_sets:
            return None
        view = View(static, effective.read(get_current())) if effective.ambient else View(static)
        return decide_once(effective.rule_sets, view, self.sink)

    def decide_alone(self, static: StaticMessages) -> Decision | None:
        """Return what the rules decide about these messages alone, or None where none matches."""
        return decide_once(self.effective().rule_sets, View(static), self.sink)

    def decide_anew(self, plan: Plan, static: StaticMessages, context: Context) -> Decision:
        """Return what is decided without plan and cache: without the rules whose time is over, taken out or not.

        Args:
            plan: says what holds.
            static: what is decided about.
            context: the OTel context.
        """
        effective: Effective = plan.origin
        view = View(static, effective.read(context)) if effective.ambient else View(static)
        return decide_once(effective.rule_sets, view, self.sink) or plan.default

    def plan(self, recipe: Recipe, known: Plan | None = None) -> Plan:
        """Return a plan that is good now, for the messages of the context and of `recipe`.

        Args:
            recipe: what the logger was asked to carry.
            known: the plan before, of the same recipe; what is still true of it is taken over.
        """
        token = EPOCH.token
        effective = self.effective()
        before = None if known is None else known.origin
        if known is not None and before is effective:
            made = known.renewed(token)
        else:
            stem = None
            if known is not None and isinstance(before, Effective) and before.messages is effective.messages:
                stem = known.stem
            made = Plan(
                effective.rule_sets,
                stem or Stem(effective.messages, recipe, DEFAULT_SCOPE),
                default_level=effective.default_level,
                reader=effective.route.reader,
                sink=self.sink,
                epoch=token,
                origin=effective,
            )
        EPOCH.watch(made)
        return made

    # Changes

    def change(
        self,
        edit: Callable[[RuleBook], RuleBook] | None = None,
        *,
        default_level: int | Keep | None = KEEP,
        target: tuple[LogSink | None, int] | Keep = KEEP,
        sources: tuple[Source, ...] | Keep | None = KEEP,
    ) -> None:
        """Make one change, visible at once as a whole.

        Args:
            edit: gets the rule book and returns the one to use from now on: the same, changed, or another.
            default_level: the own default level.
            target: the own target with its offset.
            sources: the own sources.
        """
        with tree_lock:
            # A change out of a change (a signal handler, a rule's `supersedes`) is made after it.
            if not self._book.is_whole():
                restored = RuleBook.restored(self.state.held, self.state.sections)
                self._book, self._changing, self._waiting = restored, False, []
            self._waiting.append((edit, default_level, target, sources))
            if self._changing:
                return
            self._changing = True
            try:
                while self._waiting:
                    self._apply(*self._waiting.pop(0))
            finally:
                self._changing = False

    def _apply(
        self,
        edit: Callable[[RuleBook], RuleBook] | None,
        default_level: int | Keep | None,
        target: tuple[LogSink | None, int] | Keep,
        sources: tuple[Source, ...] | Keep | None,
    ) -> None:
        if edit is None and sources is KEEP and self._says_already(default_level, target):
            return
        state = self.state
        if edit is not None:
            state = state.with_rules(self._edited(edit), self._book.sections())
        if not isinstance(default_level, Keep):
            state = state.with_default_level(default_level)
        if not isinstance(target, Keep):
            state = state.with_target(*target)
        if not isinstance(sources, Keep):
            state = state.with_sources(sources)
        self.state = state
        self.changes += 1
        if not isinstance(default_level, Keep):
            self.pull_default_level()
        EPOCH.advance()
        if self._timed or self._book.timed():
            self._follow_timed()

    def _follow_timed(self) -> None:
        """Wait for the ends of the rules that have come, and for none that has gone."""
        before, self._timed = self._timed, dict(self._book.timed())
        come = [self._timed[number] for number in self._timed.keys() - before.keys()]
        for held in come:
            held.gone = False
            held.finish = _ending(weakref.ref(self), weakref.ref(held))
        EXPIRY.watch(self, come)
        gone = [before[number] for number in before.keys() - self._timed.keys()]
        EXPIRY.forget(gone)
        for held in gone:
            held.gone = True
            held.release()

    def _edited(self, edit: Callable[[RuleBook], RuleBook]) -> tuple[Held, ...]:
        """Return the own rules, in the order asked, after a change; a change that is interrupted leaves no trace."""
        try:
            self._book = edit(self._book)
            return self._book.asked()
        except BaseException:
            self._book = RuleBook.restored(self.state.held, self.state.sections)
            raise

    def _says_already(self, default_level: int | Keep | None, target: tuple[LogSink | None, int] | Keep) -> bool:
        state = self.state
        if not isinstance(default_level, Keep) and default_level != state.default_level:
            return False
        return isinstance(target, Keep) or (_same_sink(target[0], state.target) and target[1] == state.offset)

    def pull_default_level(self) -> None:
        """Bring the level that bound loggers share up to date, here and in what is nested."""
        waiting: list[tuple[ContextCore, int]] = [(self, self.current_default_level())]
        while waiting:
            core, level = waiting.pop()
            core.cell.ceiling = level
            for cell in collected(core.let_go) if core.let_go else ():
                cell.ceiling = level
            for child in collected(core.children):
                own = child.state.default_level
                waiting.append((child, level if own is None else int(own)))

    def add(
        self,
        rules: Iterable[Rule],
        default_level: int | Keep | None = KEEP,
        *,
        origins: Iterable[Origin] = (),
    ) -> None:
        """Add rules, in this order, in one change; nothing is changed where one of them is none.

        Args:
            rules: the rules.
            default_level: the own default level as well.
            origins: where each of them came from, as far as that is known.
        """
        held = _held(rules, origins)
        if not isinstance(default_level, Keep) and default_level is not None:
            check_level(default_level)
        if held or not isinstance(default_level, Keep):
            self.change((lambda book: _extended(book, held)) if held else None, default_level=default_level)

    def add_held(self, held: Sequence[Held]) -> None:
        """Add rules as another context holds them, in this order, in one change."""
        if held:
            self.change(lambda book: _extended(book, held))

    def replace(
        self,
        rules: Iterable[Rule],
        default_level: int | Keep | None = KEEP,
        *,
        origins: Iterable[Origin] = (),
    ) -> None:
        """Replace the own rules by these, given in the order of adding, in one change."""
        held = _held(rules, origins)
        if not isinstance(default_level, Keep) and default_level is not None:
            check_level(default_level)
        self.change(lambda _book: _extended(RuleBook(), held), default_level=default_level)

    def remove(self, wanted: Callable[[Held], bool]) -> tuple[Held, ...]:
        """Remove the own rules that are wanted, in one change; return them, in the order asked."""
        with tree_lock:
            gone = tuple(held for held in self.settled().state.held if wanted(held))
            if gone:
                self.change(lambda book: book.without(gone))
        return gone

    def change_section(
        self,
        section: object,
        rules: Iterable[Held] | None,
        *,
        default_level: tuple[int | None] | None,
    ) -> None:
        """Replace the rules of a section, in one change; nothing is changed where all is so already.

        Args:
            section: the section.
            rules: those that are in it from now on, in the order of adding; None: the section goes.
            default_level: the own default level, or None to leave it as it is.
        """
        level: int | Keep | None = KEEP if default_level is None else default_level[0]
        if rules is None:
            self.change(lambda book: book.without_section(section), default_level=level)
            return
        # Among themselves they supersede as ever.
        inside = tuple(reversed(_extended(RuleBook(), rules).asked()))
        there = [held for held in reversed(self.state.held) if held.section is section]
        placed = any(known is section for known, _ in self.settled().state.sections)
        if isinstance(level, Keep) and placed and _are_same(there, inside):
            return
        self.change(lambda book: book.with_section(section, inside), default_level=level)

    def expire(self, ended: Collection[Held]) -> None:
        """Take out rules whose time is over, in one change, and leave an audit record of each."""
        with tree_lock:
            over = self._take_out(ended)
        self._tell_of(over)

    def expire_unless_busy(self, held: Held) -> None:
        """Take out a rule whose time is over, unless another thread is making a change: a call must not wait for it."""
        lock = tree_lock.lock
        if not lock.acquire(blocking=False):
            return
        try:
            over = self._take_out((held,))
        finally:
            lock.release()
        self._tell_of(over)

    def _take_out(self, ended: Collection[Held]) -> list[Held]:
        wanted = {id(held) for held in ended}
        over = [held for held in self.state.held if id(held) in wanted]
        for held in ended:
            held.ended = True
        if over:
            self.change(lambda book: book.without(over))
        return over

    def _tell_of(self, over: Iterable[Held]) -> None:
        for held in over:
            # Also where the change has to wait for another that is being made.
            held.release()
            self.audit("ruleExpired", rule=held.rule, origin=held.origin)

    def audit(
        self,
        action: str,
        *,
        actor: str = "",
        rule: Rule | None = None,
        origin: Origin | None = None,
        until: float | None = None,
        detail: str = "",
    ) -> None:
        """Keep an audit entry, and write it as a record into the target of this moment."""
        core = self.settled()
        core.trail.write(
            core.effective().route, action, actor=actor, rule=rule, origin=origin, until=until, detail=detail
        )

    def statistics(self) -> Statistics:
        """Return what the rules of this context and its bases have done."""
        from otel_ctxlog.loggers.statistics import RuleStatistics, Statistics

        core = self.settled()
        now = monotonic()
        rules = [
            RuleStatistics(
                held.number,
                held.rule,
                held.origin,
                passed=held.passed,
                decided=held.decided,
                suppressed=None if held.governor is None else held.governor.suppressed,
                expires_in=None if held.deadline is None else max(0.0, held.deadline - now),
                added=held.added,
                inherited=one is not core,
            )
            for one in core.chain()
            for state in one.own_states()
            for held in state.held
        ]
        return Statistics(tuple(rules), core.current_default_level(), self.generation_now())


def _ending(core_ref: weakref.ref[ContextCore], held_ref: weakref.ref[Held]) -> Callable[[], None]:
    def finish() -> None:
        core, held = core_ref(), held_ref()
        if core is not None and held is not None:
            core.expire_unless_busy(held)

    return finish


def _held(rules: Iterable[Rule], origins: Iterable[Origin]) -> list[Held]:
    checked = [check_rule(rule) for rule in rules]
    return [
        Held(rule, check_origin(origin)) for rule, origin in zip(checked, chain(origins, repeat(UNKNOWN)), strict=False)
    ]


def _are_same(left: Sequence[Held], right: Sequence[Held]) -> bool:
    return len(left) == len(right) and all(one is other for one, other in zip(left, right, strict=True))


def _extended(book: RuleBook, rules: Iterable[Held]) -> RuleBook:
    for held in rules:
        book.add(held)
    return book


def _joined(chain: list[ContextCore]) -> tuple[object, ...]:
    messages: tuple[object, ...] = ()
    for core in reversed(chain):
        messages = core.joined_with(messages)
    return messages


def _same_sink(left: LogSink | None, right: LogSink | None) -> bool:
    if isinstance(left, ProviderSink) and isinstance(right, ProviderSink):
        return left.provider is right.provider
    return left is right


def _same(left: tuple[State, ...], right: tuple[State, ...]) -> bool:
    return len(left) == len(right) and all(one is other for one, other in zip(left, right, strict=True))


def checked_state(
    target: LoggerProvider | LogSink | None,
    level_offset: int,
    sources: Iterable[Source] | None,
) -> State:
    """Return the state of a new context.

    Raises:
        TypeError: `target` or `sources` are of the wrong kind.
        ValueError: `level_offset` is no non-negative int.
    """
    return State(
        target=None if target is None else as_sink(target),
        offset=check_offset(level_offset),
        sources=None if sources is None else check_sources(sources),
    )
