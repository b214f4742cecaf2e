"""Bound loggers: the level is decided when they are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Final

from otel_ctxlog.engine.fields import Fields
from otel_ctxlog.engine.held import Held
from otel_ctxlog.engine.levels import NONE
from otel_ctxlog.engine.messages import StaticMessages
from otel_ctxlog.engine.plan import Decision
from otel_ctxlog.engine.protocols import LogSink
from otel_ctxlog.engine.stem import EMPTY, Recipe, Stem
from otel_ctxlog.loggers.base import Gate, Logger, given_exception
from otel_ctxlog.loggers.core import ContextCore
from otel_ctxlog.loggers.state import Cell, State
from otel_ctxlog.otel.context import get_current
from otel_ctxlog.otel.provider_sink import DEFAULT_SCOPE
from otel_ctxlog.otel.route import report_lost, write
from otel_ctxlog.otel.severity import SeverityNumber

__all__ = ["NON_LOGGING", "BoundLogger", "bound_logger", "decided_logger"]


class BoundLogger(Logger):
    """A bound logger: made for the span of a request or a call.

    Its level is fixed when a rule matched as it was made; if none did, it follows the default level of its context,
    live, and so it does once a rule has ended that ends by itself. Its sink is always live. Made by contexts
    (`LoggingContext.logger`), not by users.
    """

    __slots__ = ("__weakref__", "_core", "_known_stem", "_sink", "context_messages")

    def __init__(
        self,
        core: ContextCore,
        recipe: Recipe,
        gate: Gate,
        sink: LogSink | None,
        context_messages: tuple[object, ...],
    ) -> None:
        self._core = core
        self._recipe = recipe
        # Prepared when the first record is written: many loggers of a request never write one.
        self._known_stem: Stem | None = None
        self._gate = gate
        self._sink = sink
        self.context_messages = context_messages

    @property
    def _stem(self) -> Stem:
        stem = self._known_stem
        if stem is None:
            stem = self._known_stem = Stem(self.context_messages, self._recipe, DEFAULT_SCOPE)
        return stem

    def __repr__(self) -> str:
        return f"<BoundLogger {self._stem.scope!r} level {self._gate.ceiling}>"

    def _write(
        self,
        level: int,
        message: object,
        fields: Sequence[object] | Fields,
        attributes: Mapping[str, object],
        exception: BaseException | None = None,
        severity: SeverityNumber | None = None,
    ) -> None:
        route = self._core.effective().route
        cell: Cell = self._gate  # type: ignore[assignment] # pyright: ignore[reportAssignmentType]
        held = cell.held
        if held is not None and held.deadline is not None and monotonic() >= held.deadline and held.is_over():
            if level > cell.ceiling:
                return
            held = None
        # Where the rule has ended that sent its records elsewhere, they go where all others do.
        sink = None if held is None else self._sink
        try:
            if "exc_info" in attributes:
                exception = given_exception(attributes, exception)
            write(
                route,
                self._known_stem or self._stem,
                sink,
                get_current(),
                level,
                message,
                fields,
                attributes,
                exception=exception,
                severity=severity,
                held=held,
            )
        except Exception as error:  # noqa: BLE001 - a logging call never raises
            report_lost(route, sink, error)

    def _is_on(self, level: int) -> bool:
        cell: Cell = self._gate  # type: ignore[assignment] # pyright: ignore[reportAssignmentType]
        if cell.held is not None:
            cell.held.is_over()
        return level <= cell.ceiling

    def _derived(self, recipe: Recipe) -> BoundLogger:
        return BoundLogger(self._core, recipe, self._gate, self._sink, self.context_messages)


def bound_logger(core: ContextCore, recipe: Recipe) -> BoundLogger:
    """Return a logger whose level is decided now, by all that is known of the call."""
    effective = core.effective()
    messages = effective.messages
    decision = core.decide(effective, StaticMessages.read(messages + recipe.messages))
    if decision is None:
        return BoundLogger(core, recipe, core.cell, None, messages)
    return decided_logger(core, recipe, decision, messages)


def decided_logger(
    core: ContextCore,
    recipe: Recipe,
    decision: Decision,
    context_messages: tuple[object, ...],
    *,
    alone: bool = False,
) -> BoundLogger:
    """Return a logger whose level and sink are decided; `alone`: by its messages, without a default level."""
    cell = _cell_of(decision, None if alone else core)
    return BoundLogger(core, recipe, cell, decision.sink, context_messages)


class _TimedCell(Cell):
    """The level of a rule that ends: then it is the default level of the context, or none for messages alone."""

    __slots__ = ("_core",)

    def __init__(self, level: int, held: Held, core: ContextCore | None) -> None:
        super().__init__(level)
        self.held = held
        self._core = core

    def end(self) -> None:
        """Go back to what holds without the rule."""
        self.held = None
        core = self._core
        if core is None:
            self.ceiling = int(NONE)
            return
        core.let_go.add(self)
        while self.ceiling != (level := core.current_default_level()):
            self.ceiling = level


def _cell_of(decision: Decision, core: ContextCore | None) -> Cell:
    held = decision.held
    if held is not None and held.deadline is not None:
        cell = _TimedCell(decision.level, held, core)
        held.bind(cell)
        return cell
    made = Cell(decision.level)
    made.held = held
    return made


_NOWHERE: Final = ContextCore(None, (), State(default_level=NONE, sources=()))

NON_LOGGING: Final = BoundLogger(_NOWHERE, EMPTY, Cell(NONE), None, ())
"""The logger that never logs: what `LoggingContext.logger_for` gives where no rule matches."""
