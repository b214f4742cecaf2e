"""Events through the rules of a context."""

from __future__ import annotations

from otel_ctxlog.engine.fields import Fields
from otel_ctxlog.engine.messages import Attribute, StaticMessages, View
from otel_ctxlog.engine.plan import decide_once
from otel_ctxlog.engine.stem import Recipe, Stem
from otel_ctxlog.engine.values import AttributeValue
from otel_ctxlog.loggers.core import ContextCore
from otel_ctxlog.loggers.making import make_unbound
from otel_ctxlog.otel.context import get_current
from otel_ctxlog.otel.provider_sink import DEFAULT_SCOPE
from otel_ctxlog.otel.route import write

__all__ = ["ContextEventWriter"]


class ContextEventWriter:
    """Writes events that the rules of a context let through; they see the event's fields as attributes."""

    __slots__ = ("_core", "_joined", "_recipe", "_stem")

    def __init__(self, core: ContextCore, recipe: Recipe) -> None:
        self._core = core
        # The way of a logger, so that messages attach what they attach to loggers.
        self._recipe = make_unbound(core, recipe).recipe
        self._joined = core.messages()
        self._stem = Stem(self._joined, self._recipe, DEFAULT_SCOPE)

    def wants(self, level: int) -> bool:
        """Return False where an event at `level` surely is off: there are no rules, and the default level says so."""
        effective = self._core.effective()
        return level > 0 and (bool(effective.rule_sets) or level <= effective.default_level)

    def write_event(self, level: int, event_type: str, values: dict[str, AttributeValue], body: str | None) -> None:
        """Write one event if the rules let `level` through; raises what a sink raises.

        Args:
            level: the event's level.
            event_type: its type.
            values: its attributes, ``eventType`` among them.
            body: the record's body.
        """
        core = self._core
        messages = core.messages()
        if messages is not self._joined:
            self._stem, self._joined = Stem(messages, self._recipe, DEFAULT_SCOPE), messages
        stem = self._stem
        effective = core.effective()
        context = get_current()
        allowed, sink = effective.default_level, None
        if effective.rule_sets:
            static = _with_values(stem.static, values)
            view = View(static)
            if effective.ambient:
                view = View(static, effective.read(context))
            decision = decide_once(effective.rule_sets, view, core.sink)
            if decision is not None:
                allowed, sink = decision.level, decision.sink
        if level > allowed:
            return
        fields = Fields()
        fields.values.update(values)
        write(effective.route, stem, sink, context, level, body, fields, {}, event_name=event_type)


def _with_values(static: StaticMessages, values: dict[str, AttributeValue]) -> StaticMessages:
    """Return the static messages with an event's values as further attributes."""
    attributes = {name: list(known) for name, known in static.attributes.items()}
    for name, value in values.items():
        attributes.setdefault(name, []).append(value)
    flat = (*static.flat, *(Attribute(name, value) for name, value in values.items()))
    return StaticMessages(flat, static.realm, static.tags, attributes)
