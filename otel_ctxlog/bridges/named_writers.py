"""Writers for records of other logging libraries, one for each logger name: its realm and its OTel scope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.engine.messages import Attribute, Name, Realm
from otel_ctxlog.engine.stem import EMPTY
from otel_ctxlog.loggers.context import LoggingContext, core_of
from otel_ctxlog.loggers.core import ContextCore
from otel_ctxlog.loggers.default import default_context
from otel_ctxlog.loggers.record_rules import Passed
from otel_ctxlog.loggers.record_writer import RecordWriter

__all__ = ["BridgeWriter", "NamedWriters"]

_MOST_NAMES: Final = 1000


class BridgeWriter(RecordWriter):
    """A writer that knows of records that were decided about elsewhere."""

    __slots__ = ()

    def passed_anyway(self) -> Passed:
        """Return what is needed to write a record that other rules, or these elsewhere, have let through."""
        plan = self._current()
        return Passed(self._core.effective(), plan.stem, plan.default)

    def looks_at_attributes(self) -> bool:
        """Return whether any rule may look at attributes that a record has of its own."""
        effective = self._core.effective()
        return effective.needs.explicit or any(rules.looked_at for rules in effective.rule_sets)

    def highest_of_all(self) -> float:
        """Return the highest level that may be on, whatever attributes a record has."""
        return self._core.effective().highest


class NamedWriters:
    """The writers of one context, at most 1,000 by name.

    Args:
        context: the context whose rules decide, live; None: the default one.
        realm: the realm of all records; None: that of the logger's name, its dots turned into slashes.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: `realm` is empty.
    """

    __slots__ = ("_realm", "_writers", "core")

    core: ContextCore

    def __init__(self, context: LoggingContext | None, realm: Realm | str | None) -> None:
        if context is not None and not isinstance(context, LoggingContext):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"context must be a LoggingContext or None, but got {context!r}")
        if realm is not None and not isinstance(realm, (Realm, str)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"realm must be a Realm, a str or None, but got {realm!r}")
        self._realm = Realm(realm) if isinstance(realm, str) else realm
        self.core = core_of(default_context() if context is None else context)
        self._writers: dict[tuple[str, str], BridgeWriter] = {}

    def writer(self, name: str, realm: str = "") -> BridgeWriter:
        """Return the writer for a logger.

        Args:
            name: the logger's name; ``""``: none.
            realm: the realm, where it is not that of the name.
        """
        key = (name, realm)
        known = self._writers.get(key)
        if known is not None:
            return known
        if len(self._writers) >= _MOST_NAMES:
            report_once(self, f"more than {_MOST_NAMES} names of loggers for one bridge; names should be few")
            return self.special(name, realm, {})
        return self._writers.setdefault(key, self.special(name, realm, {}))

    def special(self, name: str, realm: str, attributes: Mapping[str, object]) -> BridgeWriter:
        """Return a writer for a logger whose `attributes` are message context; it is not kept."""
        place = Realm(realm) if realm else self._realm
        if place is None and name.strip("."):
            place = Realm(name.replace(".", "/"))
        messages: list[object] = [] if place is None else [place]
        if name:
            messages.append(Name(name))
        messages += [Attribute(key, value) for key, value in attributes.items() if key]
        return BridgeWriter(self.core, EMPTY.with_messages(tuple(messages)))
