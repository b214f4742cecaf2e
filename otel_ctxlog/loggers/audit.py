"""Audit records: who changed what rules and levels, and until when.

An audit record is an event into the target of the context, past all rules, and is kept in the context as well: the last
thousand.
"""

from __future__ import annotations

from collections import deque
from time import time
from typing import TYPE_CHECKING, Final

from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.engine.frozen import Frozen, put
from otel_ctxlog.engine.levels import INFO
from otel_ctxlog.engine.origin import Origin
from otel_ctxlog.engine.protocols import Rule
from otel_ctxlog.engine.stem import Recipe, Stem
from otel_ctxlog.engine.values import repr_of, safe_text
from otel_ctxlog.events.contract import EVENT_TYPE
from otel_ctxlog.otel.context import get_current
from otel_ctxlog.otel.provider_sink import DEFAULT_SCOPE
from otel_ctxlog.otel.route import Route, write

if TYPE_CHECKING:
    from otel_ctxlog.engine.values import AttributeValue

__all__ = ["ACTIONS", "AuditEntry", "AuditTrail"]

ACTIONS: Final = {
    "ruleAdded": "rule added",
    "ruleRemoved": "rule removed",
    "ruleExpired": "rule expired",
    "defaultLevelChanged": "default level changed",
    "configurationReloaded": "configuration reloaded",
    "configurationRefused": "configuration refused",
}
"""What audit records are about, and their body; the type of the event is one of the keys after ``otel_ctxlog.``."""

_SCOPE: Final = "otel_ctxlog.audit"
_MOST: Final = 1000


class AuditEntry(Frozen):
    """One change.

    Attributes:
        time: when, in seconds since the epoch.
        action: one of `ACTIONS`.
        actor: who: the name of a token; empty where nobody is known.
        rule_text: the rule, or empty.
        origin: where the rule came from, or None.
        until: when the change ends by itself, in seconds since the epoch, or None.
        detail: what else there is to say.
    """

    __slots__ = ("action", "actor", "detail", "origin", "rule_text", "time", "until")
    __match_args__ = ("time", "action", "actor", "rule_text", "origin", "until", "detail")

    time: float
    action: str
    actor: str
    rule_text: str
    origin: Origin | None
    until: float | None
    detail: str

    def __init__(
        self,
        time: float,
        action: str,
        *,
        actor: str = "",
        rule_text: str = "",
        origin: Origin | None = None,
        until: float | None = None,
        detail: str = "",
    ) -> None:
        put(self, "time", time)
        put(self, "action", action)
        put(self, "actor", actor)
        put(self, "rule_text", rule_text)
        put(self, "origin", origin)
        put(self, "until", until)
        put(self, "detail", detail)

    def __repr__(self) -> str:
        # The first two are positional, the others are not.
        named = (f"{name}={getattr(self, name)!r}" for name in self.__match_args__[2:])
        return f"AuditEntry({self.time!r}, {self.action!r}, {', '.join(named)})"

    def attributes(self) -> dict[str, AttributeValue]:
        """Return the attributes of the audit record."""
        found: dict[str, AttributeValue] = {EVENT_TYPE: f"otel_ctxlog.{self.action}"}
        if self.actor:
            found["audit.actor"] = self.actor
        if self.rule_text:
            found["audit.rule"] = self.rule_text
        if self.origin is not None:
            found["audit.origin"] = str(self.origin)
        if self.until is not None:
            found["audit.until"] = _iso(self.until)
        if self.detail:
            found["audit.detail"] = self.detail
        return found

    def __str__(self) -> str:
        parts = [self.action]
        if self.actor:
            parts.append(f"by {self.actor}")
        if self.rule_text:
            parts.append(self.rule_text)
        if self.origin is not None:
            parts.append(f"({self.origin})")
        if self.until is not None:
            parts.append(f"until {_iso(self.until)}")
        if self.detail:
            parts.append(self.detail)
        return " ".join(parts)


def _iso(seconds: float) -> str:
    import datetime as dt

    try:
        moment = dt.datetime.fromtimestamp(seconds, dt.timezone.utc)
    except (OverflowError, OSError, ValueError):  # beyond all calendars
        return repr(seconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class AuditTrail:
    """The last changes of one context."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: deque[AuditEntry] = deque(maxlen=_MOST)

    def entries(self) -> tuple[AuditEntry, ...]:
        """Return the entries, the oldest first."""
        return tuple(self._entries)

    def write(
        self,
        route: Route,
        action: str,
        *,
        actor: str = "",
        rule: Rule | None = None,
        origin: Origin | None = None,
        until: float | None = None,
        detail: str = "",
    ) -> None:
        """Keep one entry, and write it as a record; raises nothing but for an unknown action.

        Raises:
            ValueError: `action` is none of `ACTIONS`.
        """
        if action not in ACTIONS:
            msg = f"an audit action must be one of {', '.join(ACTIONS)}, but got {action!r}"
            raise ValueError(msg)
        text = "" if rule is None else safe_text(repr_of(rule))
        entry = AuditEntry(time(), action, actor=actor, rule_text=text, origin=origin, until=until, detail=detail)
        self._entries.append(entry)
        stem = Stem((), Recipe(names=(_SCOPE,)), DEFAULT_SCOPE)
        try:
            attributes = entry.attributes()
            name = f"otel_ctxlog.{action}"
            write(route, stem, None, get_current(), int(INFO), ACTIONS[action], (), attributes, event_name=name)
        except Exception as error:  # noqa: BLE001 - a sink may do anything
            report_once(route.target, f"an audit record could not be written: {type(error).__name__}", error=error)
