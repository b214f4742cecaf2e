"""Events through the rules of a context."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from otel_ctxlog.engine.fields import Fields
from otel_ctxlog.engine.messages import Attribute, StaticMessages, View
from otel_ctxlog.engine.plan import decide_once
from otel_ctxlog.engine.stem import Recipe, Stem
from otel_ctxlog.engine.values import Lazy
from otel_ctxlog.events.contract import EVENT_TYPE
from otel_ctxlog.loggers.core import ContextCore, Effective
from otel_ctxlog.loggers.making import make_unbound
from otel_ctxlog.otel.context import get_current
from otel_ctxlog.otel.provider_sink import DEFAULT_SCOPE
from otel_ctxlog.otel.route import write

__all__ = ["ContextEventWriter"]


class ContextEventWriter:
    """Writes events that the rules of a context let through; they see the event's fields as attributes."""

    __slots__ = ("_core", "_prepared", "_recipe")

    def __init__(self, core: ContextCore, recipe: Recipe) -> None:
        self._core = core
        # The way of a logger, so that messages attach what they attach to loggers.
        self._recipe = make_unbound(core, recipe).recipe
        effective = core.effective()
        self._prepared = (effective, Stem(effective.messages, self._recipe, DEFAULT_SCOPE))

    def wants(self, level: int) -> bool:
        """Return False where an event at `level` surely is off: neither a rule nor the default level is that high."""
        return 0 < level <= self._core.effective().highest

    def looks_at(self, key: str) -> bool:
        """Return whether a rule may look at that field."""
        return self._core.effective().looks_at(key)

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
        effective, stem = self._current()
        context = get_current()
        allowed, sink = effective.default_level, None
        if effective.rule_sets:
            static = _with_event(stem.static, event_type, values)
            view = View(static, effective.read(context)) if effective.ambient else View(static)
            decision = decide_once(effective.rule_sets, view, self._core.sink)
            if decision is not None:
                allowed, sink = decision.level, decision.sink
        if level <= allowed:
            write(effective.route, stem, sink, context, level, None, (), {}, event_name=event_type, content=content)

    def _current(self) -> tuple[Effective, Stem]:
        """Return what holds now and the stem made for it: one moment, one reference."""
        effective = self._core.effective()
        known, stem = self._prepared
        if known is not effective:
            if known.messages is not effective.messages:
                stem = Stem(effective.messages, self._recipe, DEFAULT_SCOPE)
            self._prepared = (effective, stem)
        return effective, stem


def _with_event(static: StaticMessages, event_type: str, values: Mapping[str, object]) -> StaticMessages:
    """Return the static messages with an event's type and fields as further attributes."""
    attributes = {name: list(known) for name, known in static.attributes.items()}
    fields = [(name, value) for name, value in values.items() if type(value) is not Lazy]
    fields.append((EVENT_TYPE, event_type))
    for name, value in fields:
        attributes.setdefault(name, []).append(value)
    flat = (*static.flat, *(Attribute(name, value) for name, value in fields))
    return StaticMessages(flat, static.realm, static.tags, attributes)
