"""Settings of a context as they were: what a test changes is put back exactly."""

# What the default context stands for, it does not say to users.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable

from otel_ctxlog.engine.protocols import LogSink
from otel_ctxlog.loggers.context import LoggingContext, core_of
from otel_ctxlog.loggers.core import ContextCore
from otel_ctxlog.loggers.default import DefaultContext, DefaultCore
from otel_ctxlog.loggers.state import RuleBook, State

__all__ = ["Settings", "rules_restorer"]


def rules_restorer(context: LoggingContext) -> Callable[[], None]:
    """Return what puts back the own rules and the own default level that a context has now.

    Of the default context these are the rules of what it stands for now.
    """
    core = core_of(context)
    if isinstance(core, DefaultCore):
        core = core.current
    before = core.state

    def restore() -> None:
        now = core.state
        _restore(core, before, target=(now.target, now.offset))

    return restore


class Settings:
    """Rules, default level and target of a context and of all it inherits from, and what the default context is."""

    __slots__ = ("_default", "_states")

    def __init__(self, context: LoggingContext) -> None:
        self._states = [(core, core.state) for core in core_of(context).chain() if not isinstance(core, DefaultCore)]
        self._default = (context, context._current) if isinstance(context, DefaultContext) else None

    def restore(self) -> None:
        """Put back what has changed since; what has not is not touched, its generation neither."""
        if self._default is not None:
            context, current = self._default
            if context._current is not current:
                context.exchange(current)
        for core, state in self._states:
            _restore(core, state, target=(state.target, state.offset))


def _restore(core: ContextCore, state: State, *, target: tuple[LogSink | None, int]) -> None:
    held, sections = state.held, state.sections
    same = core.state.held is held
    # Where all of it is so already, nothing is changed.
    core.change(
        None if same else (lambda _book: RuleBook.restored(held, sections)),
        default_level=state.default_level,
        target=target,
    )
