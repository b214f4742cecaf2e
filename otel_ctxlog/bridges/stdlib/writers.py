"""One writer per name of a logger: what the bridge, the handler and the filter do alike."""

from __future__ import annotations

from typing import Final

from otel_ctxlog.engine.flatten import flatten
from otel_ctxlog.engine.messages import Name, Realm
from otel_ctxlog.engine.stem import EMPTY
from otel_ctxlog.loggers.context import LoggingContext, core_of
from otel_ctxlog.loggers.std_writer import StdWriter

__all__ = ["MOST_NAMES", "Writers"]

MOST_NAMES: Final = 10_000
"""So many names are remembered; records may come from elsewhere, with names of anybody's making."""


class Writers:
    """The writers of a context by the name of the logger: realm and scope come from it.

    Args:
        context: its rules decide.
    """

    __slots__ = ("_by_name", "_context")

    def __init__(self, context: LoggingContext) -> None:
        self._context = context
        self._by_name: dict[str, StdWriter] = {}

    def of(self, name: object) -> StdWriter:
        """Return the writer for that name: the realm has slashes where the name has dots."""
        text = str(name)
        known = self._by_name.get(text)
        if known is None:
            if len(self._by_name) >= MOST_NAMES:
                self._by_name.clear()
            messages = (Realm(text.replace(".", "/")), Name(text)) if text else ()
            recipe = EMPTY.with_messages(flatten(messages))
            known = self._by_name.setdefault(text, StdWriter(core_of(self._context), recipe))
        return known
