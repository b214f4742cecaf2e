"""The default context: one stable object that stands for whichever context is the default."""

from __future__ import annotations

from collections.abc import Callable

from otel_ctxlog.engine.protocols import LogSink, Rule
from otel_ctxlog.loggers.context import LoggingContext
from otel_ctxlog.loggers.core import KEEP, ContextCore, Keep
from otel_ctxlog.loggers.state import EPOCH, RuleBook, State, tree_lock
from otel_ctxlog.loggers.unbound import UnboundLogger

__all__ = ["default_context", "log", "set_default_context"]


class DefaultContext(LoggingContext):
    """Passes everything on to the context that it stands for."""

    def __init__(self) -> None:
        self._current = LoggingContext()
        self._earlier = 0
        super().__init__()
        self._current._children.add(self)  # so that a change of the default level arrives here

    # What is asked

    def states(self) -> tuple[State, ...]:
        """Return the states of the context it stands for and its bases."""
        return self._current.states()

    def messages(self) -> tuple[object, ...]:
        """Return the message context of the context it stands for."""
        return self._current.messages()

    def current_default_level(self) -> int:
        """Return the default level of the context it stands for."""
        return self._current.current_default_level()

    def generation_now(self) -> int:
        """Return a number that grows with its changes and with each exchange."""
        return self._earlier + self._current.generation_now()

    @property
    def base(self) -> LoggingContext | None:
        """The base of the context it stands for."""
        return self._current.base

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The own rules of the context it stands for."""
        return self._current.rules

    # Changes

    def change(
        self,
        edit: Callable[[RuleBook], RuleBook] | None = None,
        *,
        default_level: int | None | Keep = KEEP,
        target: tuple[LogSink | None, int] | Keep = KEEP,
    ) -> None:
        """Change the context it stands for."""
        self._current.change(edit, default_level=default_level, target=target)

    def exchange(self, context: LoggingContext) -> LoggingContext:
        """Stand for `context` from now on; return the one before."""
        with tree_lock:
            previous = self._current
            if context is self or context is previous:
                return previous
            self._unhook(context, previous)
            before = self.generation_now()
            previous._children.discard(self)
            self._current = context
            context._children.add(self)
            self._earlier = max(0, before + 1 - context.generation_now())
            self.pull_default_level()
            EPOCH.advance()
            return previous

    def _unhook(self, context: LoggingContext, previous: LoggingContext) -> None:
        """Have what is nested in this object nested in `previous` instead: it would become its own base."""
        inner: ContextCore = context
        while inner._base is not None:
            if inner._base is self:
                self._children.discard(inner)
                inner._base = previous
                previous._children.add(inner)
                return
            inner = inner._base


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
    if not isinstance(context, LoggingContext):
        msg = f"the default context must be a LoggingContext, but got {context!r}"
        raise TypeError(msg)
    return _DEFAULT.exchange(context)


def log(*messages: object) -> UnboundLogger:
    """Return an unbound logger of the default context; made at module level, it obeys rules configured later."""
    return _DEFAULT.unbound_logger(*messages)


