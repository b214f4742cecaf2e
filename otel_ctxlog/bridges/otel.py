"""OpenTelemetry's own log records, also those of other instrumentations, through the rules of a context.

This module loads the OpenTelemetry SDK.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from otel_ctxlog.engine.messages import Name, Realm
from otel_ctxlog.events.contract import EVENT_TYPE
from otel_ctxlog.loggers.context import LoggingContext, core_of
from otel_ctxlog.loggers.default import default_context
from otel_ctxlog.loggers.record_writer import RecordWriter
from otel_ctxlog.otel.gate import GateProcessor, LogRecordProcessor
from otel_ctxlog.otel.provider_sink import DEFAULT_SCOPE, LOGGER_NAME
from otel_ctxlog.otel.route import goes_out
from otel_ctxlog.otel.severity import level_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry._logs import LogRecord, SeverityNumber

    from otel_ctxlog.engine.held import Held
    from otel_ctxlog.engine.values import AttributeValue
    from otel_ctxlog.loggers.core import ContextCore
    from otel_ctxlog.otel.context import Context
    from otel_ctxlog.otel.decided import Decided

__all__ = ["ContextRuleProcessor"]

MAX_SCOPES: Final = 1000
"""How many scopes are remembered; further ones are decided all the same, at a higher price."""

_REALM: Final = "realm"
_NO_ATTRIBUTES: Final[Mapping[str, object]] = {}


class ContextRuleProcessor(GateProcessor):
    """A ``LogRecordProcessor`` that passes on the records that the rules of a context let through.

    It sees every record of its provider, those of other instrumentations included. Rules see:

    - the realm: the record's attribute ``realm``, else the name of its scope with slashes for dots (also as `Name`);
    - the record's attributes, and its event name as attribute ``eventType``;
    - span and baggage of the record's own OTel context, not of the current one;
    - as level that of the severity number (`Info` where there is none).

    Records of loggers and eventers of this context, or of contexts nested in it, pass: the rules let them through
    before. Where this is asked whether a record is wanted (``Logger.enabled``) it knows no attributes yet, and says no
    only if no rule and no default level is that high. After `shutdown` records are ignored.

    Args:
        next: the processor that gets what passes, for instance a ``BatchLogRecordProcessor``.
        context: the context with the rules, live; None: the default context.

    Raises:
        TypeError: one of them is of the wrong kind.
    """

    def __init__(self, next: LogRecordProcessor, context: LoggingContext | None = None) -> None:
        if not callable(getattr(next, "on_emit", None)):
            msg = f"next must be a LogRecordProcessor, but got {next!r}"
            raise TypeError(msg)
        self._context: Final = default_context() if context is None else _checked(context)
        super().__init__(next, _ContextJudge(self._context))

    def __repr__(self) -> str:
        return f"<ContextRuleProcessor {self._context!r} before {self._next!r}>"


class _ContextJudge:
    """Decides by the rules of a context."""

    def __init__(self, context: LoggingContext) -> None:
        self._context = context
        self._core: ContextCore = core_of(context)
        self._any = context.record_writer()
        self._writers: dict[tuple[str, str | None], RecordWriter] = {}

    def has_decided(self, mark: Decided) -> bool:
        """Return whether this context's rules were asked: by itself or by a context nested in it."""
        own = _settings(self._core)
        return any(_inherits(cast("ContextCore", owner), own) for owner in mark.owners)

    def lets_through(self, scope: str, record: LogRecord, context: Context) -> bool:
        """Return whether the rules let the record through."""
        attributes = _plain(record.attributes)
        if scope == DEFAULT_SCOPE:
            # Of a logger without name and realm, or of one of too many.
            scope = _text(attributes.get(LOGGER_NAME)) or ""
        writer = self._writer(scope, _text(attributes.get(_REALM)))
        if record.event_name and EVENT_TYPE not in attributes and writer.looks_at(EVENT_TYPE):
            attributes = {**attributes, EVENT_TYPE: record.event_name}
        level = level_of(record.severity_number or 0)
        passed = writer.passes(level, context, attributes)
        if passed is None:
            return False
        held = passed.decision.held
        return held is None or _goes_out(held, level, record, context)

    def may_let_through(self, severity: SeverityNumber | None) -> bool:
        """Return False where neither a rule nor the default level is that high."""
        return self._any.wants(1 if severity is None else level_of(severity))

    def _writer(self, scope: str, realm: str | None) -> RecordWriter:
        key = (scope, realm)
        known = self._writers.get(key)
        if known is None:
            messages: list[object] = [Name(scope)] if scope else []
            path = realm or scope.replace(".", "/")
            if path:
                messages.append(Realm(path))
            known = self._context.record_writer(*messages)
            if len(self._writers) < MAX_SCOPES:
                self._writers[key] = known
        return known


def _checked(context: object) -> LoggingContext:
    if not isinstance(context, LoggingContext):
        msg = f"context must be a LoggingContext or None, but got {context!r}"
        raise TypeError(msg)
    return context


def _plain(attributes: Mapping[str, object] | None) -> Mapping[str, object]:
    """Return a copy: the SDK's mapping takes a lock or raises inside for each question."""
    if not attributes:
        return _NO_ATTRIBUTES
    copied = getattr(attributes, "copy", None)
    found: object = dict(attributes) if copied is None else copied()
    return cast("dict[str, object]", found)


def _goes_out(held: Held, level: int, record: LogRecord, context: Context) -> bool:
    """Return whether the controls of the rule let a record out; what they have to say is put on it."""
    if held.governor is None:
        held.passed += 1
        return True
    given = _plain(record.attributes)
    complete = cast("dict[str, AttributeValue]", {**given})
    if not goes_out(held, level, context, record.body, record.event_name, complete):
        return False
    for name, value in complete.items():
        if given.get(name, _NO_ATTRIBUTES) is not value:
            _set(record, name, value)
    return True


def _set(record: LogRecord, name: str, value: AttributeValue) -> None:
    """Put one more attribute on a record whose own mapping may not take it."""
    try:
        cast("dict[str, AttributeValue]", record.attributes)[name] = value
    except TypeError:
        record.attributes = {**(record.attributes or {}), name: value}  # pyright: ignore[reportAttributeAccessIssue]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _settings(core: ContextCore) -> ContextCore:
    """Return the core that holds the settings: the default context has none of its own, it stands for another."""
    while not core.own_states():
        base = core.link()[0]
        if base is None:
            break
        core = base
    return core


def _inherits(core: ContextCore | None, from_core: ContextCore) -> bool:
    while core is not None:
        if core is from_core:
            return True
        core = core.link()[0]
    return False
