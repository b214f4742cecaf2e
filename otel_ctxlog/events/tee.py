"""Events to several eventers."""

from __future__ import annotations

from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.engine.protocols import Eventer

__all__ = ["TeeEventer"]


class TeeEventer:
    """Passes each event to all `eventers`, in order; one that raises does not keep the others from it.

    Without any it does nothing. ``TypeError`` where one is no eventer.
    """

    __slots__ = ("__weakref__", "eventers")

    def __init__(self, *eventers: Eventer) -> None:
        for eventer in eventers:
            if isinstance(eventer, type) or not callable(getattr(eventer, "event", None)):
                msg = f"an eventer must have a method event(type, *fields, **attributes), but got {eventer!r}"
                raise TypeError(msg)
        self.eventers = eventers

    def __repr__(self) -> str:
        return f"TeeEventer({', '.join(map(repr, self.eventers))})"

    def event(self, type: str, /, *fields: object, **attributes: object) -> None:
        """Pass one event on."""
        for eventer in self.eventers:
            try:
                eventer.event(type, *fields, **attributes)
            except Exception as error:  # noqa: BLE001 - the others must get the event
                kind = eventer.__class__
                text = f"an eventer of type {kind.__module__}.{kind.__qualname__} raised {error.__class__.__name__}"
                report_once(eventer, text, error=error)
