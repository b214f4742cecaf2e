"""The default context: one stable object that stands for whichever context is the default."""

from __future__ import annotations

from collections.abc import Callable

from otel_ctxlog.engine.protocols import LogSink, Rule, Source
from otel_ctxlog.loggers.context import LoggingContext, core_of, rebase, stand_for
from otel_ctxlog.loggers.core import KEEP, ContextCore, Keep
from otel_ctxlog.loggers.state import EPOCH, RuleBook, State, tree_lock
from otel_ctxlog.loggers.unbound import UnboundLogger

__all__ = ["default_context", "log", "set_default_context"]


class DefaultCore(ContextCore):
    """Passes everything on to the core of the context that it stands for."""

    def __init__(self, current: LoggingContext) -> None:
        # The core it stands for, and a count that makes up for what that one has changed less often than those before:
        # one reference, so that the generation never falls.
        self._standing: tuple[ContextCore, int] = (core_of(current), 0)
        super().__init__(None, (), State())
        self.current.children.add(self)  # so that a change of the default level arrives here

    def own_rules(self) -> tuple[Rule, ...]:
        """Return the own rules of the context it stands for."""
        return self.current.own_rules()

    def settled(self) -> ContextCore:
        """Return the core of the context it stands for."""
        return self.current.settled()

    @property
    def current(self) -> ContextCore:
        """The core it stands for."""
        return self._standing[0]

    def link(self) -> tuple[ContextCore | None, int]:
        """Return the core of the context it stands for, with the changes before."""
        return self._standing

    def own_states(self) -> tuple[State, ...]:
        """Return nothing: all it says is said by the context it stands for."""
        return ()

    def change(
        self,
        edit: Callable[[RuleBook], RuleBook] | None = None,
        *,
        default_level: int | Keep | None = KEEP,
        target: tuple[LogSink | None, int] | Keep = KEEP,
        sources: tuple[Source, ...] | Keep | None = KEEP,
    ) -> None:
        """Change the context it stands for."""
        self.current.change(edit, default_level=default_level, target=target, sources=sources)

    def exchange(self, core: ContextCore) -> None:
        """Stand for another core from now on."""
        before = self.generation_now()
        self.current.children.discard(self)
        core.children.add(self)
        self._standing = (core, max(0, before + 1 - core.generation_now()))
        self.pull_default_level()
        EPOCH.advance()


class DefaultContext(LoggingContext):
    """One stable object that stands for whichever context is the default."""

    __slots__ = ("_current", "_default_core")

    def __init__(self) -> None:
        super().__init__()
        self._current = LoggingContext()
        self._default_core = DefaultCore(self._current)
        stand_for(self, self._default_core)

    @property
    def base(self) -> LoggingContext | None:
        """The base of the context it stands for."""
        return self._current.base

    def exchange(self, context: LoggingContext) -> LoggingContext:
        """Stand for `context` from now on; return the one before."""
        with tree_lock:
            previous = self._current
            if context is self or context is previous:
                return previous
            inner: LoggingContext | None = context
            while inner is not None:
                if inner.base is self:
                    # It would become its own base: what it was nested in is the default of before.
                    rebase(inner, previous)
                    break
                inner = inner.base
            self._current = context
            self._default_core.exchange(core_of(context))
            return previous


_DEFAULT = DefaultContext()


def default_context() -> LoggingContext:
    """Return the object that always stands for the default context; always the same one."""
    return _DEFAULT


def set_default_context(context: LoggingContext) -> LoggingContext:
    """Make `context` the default context; return the one that was it before.

    A context that is nested in the default context stays nested in the one that was the default before.

    Raises:
        TypeError: `context` is none.
    """
    return _DEFAULT.exchange(_checked(context))


def _checked(context: object) -> LoggingContext:
    if not isinstance(context, LoggingContext):
        msg = f"the default context must be a LoggingContext, but got {context!r}"
        raise TypeError(msg)
    return context


def log(*messages: object) -> UnboundLogger:
    """Return an unbound logger of the default context; made at module level, it obeys rules configured later."""
    return _DEFAULT.unbound_logger(*messages)
