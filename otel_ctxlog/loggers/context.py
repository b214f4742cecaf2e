"""Logging contexts, and the lighter attribution contexts: what users make loggers from."""

# What stands in this module besides the classes belongs to them, and uses their private parts.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import repeat
from typing import TYPE_CHECKING

from otel_ctxlog.engine.fields import Fields, read_fields
from otel_ctxlog.engine.flatten import flatten
from otel_ctxlog.engine.levels import check_level
from otel_ctxlog.engine.messages import StaticMessages, View, ask, report_failure
from otel_ctxlog.engine.origin import UNKNOWN, Origin
from otel_ctxlog.engine.protocols import Condition, LogSink, Rule, Source
from otel_ctxlog.engine.rules import check_rule
from otel_ctxlog.engine.scope import Needs
from otel_ctxlog.engine.stem import EMPTY, Recipe, Stem
from otel_ctxlog.loggers.base import Logger, VLogger
from otel_ctxlog.loggers.core import KEEP, ContextCore, Keep, check_offset, checked_state
from otel_ctxlog.loggers.making import make_bound, make_bound_for, make_unbound
from otel_ctxlog.loggers.unbound import UnboundLogger
from otel_ctxlog.otel.context import get_current
from otel_ctxlog.otel.provider_sink import DEFAULT_SCOPE, LoggerProvider
from otel_ctxlog.otel.route import as_sink

# What not every program needs is loaded when it is asked for; but not what threads of ours need, or calls that log: a
# process that is forked while a thread imports a module can never import it.
if TYPE_CHECKING:
    from otel_ctxlog.engine.explain import Explanation
    from otel_ctxlog.events.otel import OTelEventer
    from otel_ctxlog.loggers.audit import AuditEntry
    from otel_ctxlog.loggers.event_writer import ContextEventWriter
    from otel_ctxlog.loggers.otel_logger import ContextOtelLogger
    from otel_ctxlog.loggers.record_writer import RecordWriter
    from otel_ctxlog.loggers.sections import RuleSection
    from otel_ctxlog.loggers.statistics import Statistics
    from otel_ctxlog.loggers.std_logger import StdLogger

__all__ = ["AttributionContext", "LoggingContext", "core_of", "rebase", "stand_for"]

_EVERYTHING = Needs(everything=True)


class LoggingContext:
    """Rules, a default level, a target and a message context; it makes loggers and eventers.

    Safe from many threads and in asyncio: a reader sees a change as a whole or not at all.

    Args:
        target: an OTel ``LoggerProvider`` or a `LogSink`. With neither target nor base it is the global OTel provider,
            also one that is set later.
        base: the context to nest in: what is not set here is taken from there, live.
        level_offset: added to the level of every non-error record on its way to `target`; it belongs to the target, so
            that a nested context without own target has its base's.
        sources: the sources of ambient attributes, in order; None: those of the base, or baggage, then span.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: `level_offset` is no non-negative int.
    """

    __slots__ = ("__weakref__", "_base", "_core")

    _base: LoggingContext | None
    _core: ContextCore

    def __init__(
        self,
        target: LoggerProvider | LogSink | None = None,
        *,
        base: LoggingContext | None = None,
        level_offset: int = 0,
        sources: Iterable[Source] | None = None,
    ) -> None:
        _check_base(base)
        state = checked_state(target, level_offset, sources)
        self._base = base
        self._core = ContextCore(None if base is None else base._core, (), state)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {len(self.rules)} rules, default level {self.default_level}>"

    # Settings

    @property
    def default_level(self) -> int:
        """The level where no rule matches: INFO in a root, inherited in a nested context, unless set.

        Setting None returns to that; setting what is no level is a ``ValueError``.
        """
        return self._core.current_default_level()

    @default_level.setter
    def default_level(self, level: int | None) -> None:
        self._core.change(default_level=None if level is None else check_level(level))

    @property
    def sink(self) -> LogSink:
        """Where records go, live: passes them to the target of the moment, with the level offset."""
        return self._core.sink

    def set_target(self, target: LoggerProvider | LogSink | None, level_offset: int = 0) -> None:
        """Set the target with its offset; None: the base's again, or the global provider in a root.

        Raises:
            TypeError: `target` is of the wrong kind.
            ValueError: `level_offset` is no non-negative int.
        """
        offset = check_offset(level_offset)
        self._core.change(target=(None if target is None else as_sink(target), offset))

    @property
    def base(self) -> LoggingContext | None:
        """The context this one is nested in, or None."""
        return self._base

    @property
    def level_offset(self) -> int:
        """The offset of the target of this moment."""
        return self._core.effective().route.offset

    @property
    def message_context(self) -> tuple[object, ...]:
        """The flat message context, inherited part included."""
        return self._core.messages()

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The own rules, in the order asked."""
        return self._core.own_rules()

    @property
    def generation(self) -> int:
        """A number that grows with every change here or in a base, and with no other."""
        return self._core.generation_now()

    # Rules

    def add_rule(self, *rules: Rule, origin: Origin | None = None) -> None:
        """Add rules in this order, in one change; the last is asked first.

        Args:
            rules: the rules.
            origin: where they came from, for explanations and statistics; None: the line of code that calls this.

        Raises:
            TypeError: one of them is no rule; then none is added.
        """
        self._core.add(rules, origins=repeat(_caller() if origin is None else origin))

    def remove_rule(self, rule: Rule | int) -> bool:
        """Remove own rules, in one change, and return whether there was any.

        Args:
            rule: a rule, which removes all that equal it, or the id of one (`statistics`).

        Raises:
            TypeError: it is neither.
        """
        if isinstance(rule, int) and not isinstance(rule, bool):
            return bool(self._core.remove(lambda held: held.number == rule))
        wanted = check_rule(rule)
        return bool(self._core.remove(lambda held: _equal(held.rule, wanted)))

    def reset_rules(self) -> None:
        """Remove all own rules."""
        if self.rules:
            self._core.replace(())

    def add_rules_to(self, other: LoggingContext) -> None:
        """Add the own rules to `other`, in one change; the order in which they are asked is kept, and when they end."""
        other._core.add_held([held.again() for held in reversed(self._core.settled().state.held)])

    def replace_rules(self, rules: Iterable[Rule], default_level: int | Keep | None = KEEP) -> None:
        """Replace all own rules in one atomic swap.

        Args:
            rules: the new rules, in the order of adding: the last is asked first.
            default_level: the new own default level as well; None for the inherited one; not given: as it is.

        Raises:
            TypeError: one of `rules` is no rule; then nothing is changed.
            ValueError: `default_level` is no level; then nothing is changed.
        """
        self._core.replace(rules, default_level, origins=repeat(_caller()))

    def apply(
        self,
        *,
        rules: Iterable[Rule],
        default_level: int | None = None,
        origins: Iterable[Origin] | None = None,
    ) -> None:
        """Add rules and, unless it is None, set the default level, all in one change; what a configuration does.

        Args:
            rules: the rules, in the order of adding.
            default_level: the own default level.
            origins: where each rule came from; None: the line of code that calls this.
        """
        origins = repeat(_caller()) if origins is None else origins
        self._core.add(rules, KEEP if default_level is None else default_level, origins=origins)

    def section(self, origin: Origin) -> RuleSection:
        """Return a block of rules that are replaced together and keep their place; what a watched file is."""
        from otel_ctxlog.loggers.sections import RuleSection

        return RuleSection(self._core.settled(), origin)

    # What is made

    def logger(self, *messages: object) -> Logger:
        """Return a bound logger, its level decided now by the whole message context and the ambient attributes."""
        return make_bound(self._core, _recipe(messages))

    def logger_for(self, *messages: object) -> Logger:
        """Return a bound logger for these messages alone.

        No inherited message context, no ambient attributes and no default level count; where no rule matches, it is
        `NON_LOGGING`.
        """
        return make_bound_for(self._core, flatten(messages), EMPTY)

    def unbound_logger(self, *messages: object) -> UnboundLogger:
        """Return a logger that follows every change of rules, levels, targets and ambient attributes."""
        return make_unbound(self._core, _recipe(messages))

    def v(self, level: int, *messages: object) -> VLogger:
        """Return a bound logr-style logger at a fixed verbosity."""
        return self.logger(*messages).v(level)

    def attribution(self, *messages: object) -> AttributionContext:
        """Return a light context that adds messages, names and values to loggers."""
        return AttributionContext(self, _recipe(messages))

    def with_context(self, *messages: object) -> LoggingContext:
        """Return a nested context, its message context extended by these messages."""
        nested = LoggingContext(base=self)
        nested._core.own_messages = flatten(messages)
        return nested

    def eventer(self, *messages: object) -> OTelEventer:
        """Return an eventer gated by the rules of this context at level INFO."""
        from otel_ctxlog.events.otel import OTelEventer

        return OTelEventer(self, messages=messages)

    def event_writer(self, messages: Iterable[object], sources: Iterable[Source] | None = None) -> ContextEventWriter:
        """Return what writes events through this context; for eventers.

        Args:
            messages: what the eventer adds to the message context.
            sources: other sources than those of this context, or None.
        """
        from otel_ctxlog.loggers.event_writer import ContextEventWriter

        context = self if sources is None else LoggingContext(base=self, sources=sources)
        return ContextEventWriter(context._core, _recipe(tuple(messages)))

    def otel_logger(self, *messages: object) -> ContextOtelLogger:
        """Return an ``opentelemetry._logs.Logger`` gated by these rules, for code that speaks that API."""
        from otel_ctxlog.loggers.otel_logger import ContextOtelLogger

        return ContextOtelLogger(self._core, _recipe(messages))

    def std_logger(self, *messages: object) -> StdLogger:
        """Return a ``logging.Logger`` whose records pass these rules; as live as an unbound logger."""
        from otel_ctxlog.loggers.std_logger import StdLogger

        return StdLogger(self._core, _recipe(messages))

    def record_writer(self, *messages: object) -> RecordWriter:
        """Return what writes records that others made through the rules of this context; for bridges."""
        from otel_ctxlog.loggers.record_writer import RecordWriter

        return RecordWriter(self._core, _recipe(messages))

    # Questions

    def match(self, condition: Condition) -> bool:
        """Return whether `condition` holds for the message context, nothing ambient; False where it raises."""
        return holds(condition, self._core.messages())

    def explain(self, *messages: object) -> Explanation:
        """Return why the level of a call with these messages, here and now, is what it is.

        Rules are walked one by one, without index and cache. What the target does with records of that level is noted.
        """
        from otel_ctxlog.engine.explain import explain
        from otel_ctxlog.otel.target_notes import target_notes

        effective = self._core.effective()
        static = StaticMessages.read(effective.messages + flatten(messages))
        view = View(static, effective.route.reader.prepare(_EVERYTHING)(get_current()))
        found = explain(effective.rule_sets, view, self._core.sink, effective.default_level)
        try:
            stem = Stem(effective.messages, _recipe(messages), DEFAULT_SCOPE)
            return found.with_notes(tuple(target_notes(effective.route, stem, found.level, get_current())))
        except Exception as error:  # noqa: BLE001 - a sink may do anything
            return found.with_notes((f"the target could not be asked: {type(error).__name__}",))

    def statistics(self) -> Statistics:
        """Return what the rules of this context and its bases have done, in the order asked."""
        return self._core.statistics()

    # Audit

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
        """Write an audit record into the target, past all rules, and keep it (`audit_trail`).

        For what changes this context on behalf of somebody. That a rule has ended by itself is written by the context.

        Args:
            action: ``ruleAdded``, ``ruleRemoved``, ``ruleExpired``, ``defaultLevelChanged``,
                ``configurationReloaded`` or ``configurationRefused``.
            actor: who: the name of a token.
            rule: the rule that it is about.
            origin: where that came from.
            until: when the change ends by itself, in seconds since the epoch.
            detail: what else there is to say.

        Raises:
            ValueError: `action` is none of these.
        """
        self._core.audit(action, actor=actor, rule=rule, origin=origin, until=until, detail=detail)

    def audit_trail(self) -> tuple[AuditEntry, ...]:
        """Return the last thousand audit entries of this context, the oldest first."""
        return self._core.settled().trail.entries()


class AttributionContext:
    """Messages, a name and values for loggers, without rules or a target of its own. Immutable.

    Made by `LoggingContext.attribution`. It is a message context provider.
    """

    __slots__ = ("__weakref__", "_context", "_recipe")

    def __init__(self, context: LoggingContext, recipe: Recipe = EMPTY) -> None:
        self._context = context
        self._recipe = recipe

    def __repr__(self) -> str:
        return f"<AttributionContext {self.message_context!r}>"

    @property
    def logging_context(self) -> LoggingContext:
        """The logging context whose rules and target apply."""
        return self._context

    @property
    def message_context(self) -> tuple[object, ...]:
        """The flat message context, inherited part included."""
        return self._context.message_context + self._recipe.messages

    def with_context(self, *messages: object) -> AttributionContext:
        """Return one with further messages."""
        return AttributionContext(self._context, self._recipe.with_messages(flatten(messages)))

    def with_name(self, name: str) -> AttributionContext:
        """Return one whose loggers' name has one more part, joined by a dot."""
        return AttributionContext(self._context, self._recipe.with_name(name))

    def with_values(self, /, *fields: object, **attributes: object) -> AttributionContext:
        """Return one whose loggers put these fields on all their records."""
        read: Fields = read_fields(fields, attributes, keep_lazy=True)
        return AttributionContext(self._context, self._recipe.with_fields(read))

    def logger(self, *messages: object) -> Logger:
        """Return a bound logger with all of it."""
        return make_bound(self._context._core, self._recipe.with_messages(flatten(messages)))

    def logger_for(self, *messages: object) -> Logger:
        """Return a bound logger for these messages alone, with the name and values of this context."""
        return make_bound_for(self._context._core, flatten(messages), self._recipe)

    def unbound_logger(self, *messages: object) -> UnboundLogger:
        """Return an unbound logger with all of it."""
        return make_unbound(self._context._core, self._recipe.with_messages(flatten(messages)))

    def v(self, level: int, *messages: object) -> VLogger:
        """Return a bound logr-style logger at a fixed verbosity."""
        return self.logger(*messages).v(level)

    def match(self, condition: Condition) -> bool:
        """Return whether `condition` holds for the message context, nothing ambient; False where it raises."""
        return holds(condition, self.message_context)


def _caller() -> Origin:
    """Return the line of code that called a method of a context."""
    try:
        frame = sys._getframe(2)
    except ValueError:  # the interpreter itself, as for what is registered by atexit
        return UNKNOWN
    return Origin("code", f"{frame.f_globals.get('__name__', '?')}:{frame.f_lineno}")


def _equal(left: Rule, right: Rule) -> bool:
    try:
        return left is right or (type(left) is type(right) and bool(left == right))
    except Exception:  # noqa: BLE001 - an == of the user
        return False


def holds(condition: Condition, messages: tuple[object, ...]) -> bool:
    """Return whether `condition` holds for these messages alone; False, with one diagnostic, where it raises."""
    try:
        return ask(condition, View(StaticMessages.read(messages)))
    except Exception as error:  # noqa: BLE001 - whatever an own condition does
        report_failure(condition, "condition", error)
        return False


def core_of(context: LoggingContext) -> ContextCore:
    """Return the core of a context; for what is built on contexts."""
    return context._core


def stand_for(context: LoggingContext, core: ContextCore) -> None:
    """Give `context` another core; for the default context, before anybody has seen it."""
    context._core = core


def rebase(context: LoggingContext, base: LoggingContext) -> None:
    """Nest `context` in another base; its generation grows."""
    core = context._core
    before = core.generation_now()
    if core.base is not None:
        core.base.children.discard(core)
    base._core.children.add(core)
    context._base = base
    core.changes += max(1, before + 1 - core.changes - base._core.generation_now())
    core.base = base._core
    core.pull_default_level()


def _check_base(base: object) -> None:
    if base is not None and not isinstance(base, LoggingContext):
        msg = f"base must be a LoggingContext or None, but got {base!r}"
        raise TypeError(msg)


def _recipe(messages: tuple[object, ...]) -> Recipe:
    return EMPTY.with_messages(flatten(messages))
