"""Events through the rules of a context."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from otel_ctxlog.engine.fields import Fields
from otel_ctxlog.engine.stem import Recipe
from otel_ctxlog.events.contract import EVENT_TYPE
from otel_ctxlog.loggers.core import ContextCore
from otel_ctxlog.loggers.record_rules import RecordRules
from otel_ctxlog.otel.context import get_current
from otel_ctxlog.otel.route import write

__all__ = ["ContextEventWriter"]


class ContextEventWriter(RecordRules):
    """Writes events that the rules of a context let through; they see the event's fields as attributes."""

    __slots__ = ()

    def __init__(self, core: ContextCore, recipe: Recipe) -> None:
        super().__init__(core, recipe, key=EVENT_TYPE)

    def write_event(
        self,
        level: int,
        event_type: str,
        values: Mapping[str, object],
        content: Callable[[], tuple[str | None, Fields]],
    ) -> None:
        """Write one event if the rules let `level` through; raises what a sink or `content` raises.

        Args:
            level: the event's level.
            event_type: its type.
            values: its fields, as far as rules may look at them.
            content: gives the record's body and attributes; called only if the record is emitted.
        """
        context = get_current()
        passed = self.decide(level, context, {**values, EVENT_TYPE: event_type})
        if passed is not None:
            write(
                passed.effective.route,
                passed.stem,
                passed.decision.sink,
                context,
                level,
                None,
                (),
                {},
                event_name=event_type,
                content=content,
                held=passed.decision.held,
            )
