"""The protocols: what own conditions, matchers, rules, sources, sinks and eventers look like.

Everything the engine asks for is asked for by one of these; nothing has to be inherited.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeGuard, runtime_checkable

from otel_ctxlog.engine.frozen import Frozen, put
from otel_ctxlog.engine.levels import check_level
from otel_ctxlog.engine.values import AttributeValue

if TYPE_CHECKING:
    from opentelemetry._logs import SeverityNumber
    from opentelemetry.context import Context

__all__ = [
    "Condition",
    "Eventer",
    "LogSink",
    "Matcher",
    "MessageContextProvider",
    "Rule",
    "Source",
    "Verdict",
    "is_condition",
    "is_matcher",
    "is_rule",
    "is_sink",
    "is_source",
]


@runtime_checkable
class Condition(Protocol):
    """Something that a rule asks about a message context.

    A condition must be a pure function of its argument: results may be cached. It may say
    ``depends_on: frozenset[str]``, the names of ambient attributes it looks at (default: all).
    """

    def matches(self, messages: Sequence[object], /) -> bool:
        """Return whether the condition holds for the flat message context, ambient messages first.

        Pass the sequence on as it is when you ask other conditions: it knows more than its elements, for instance the
        name of the current span.
        """
        ...


@runtime_checkable
class Matcher(Protocol):
    """A test of one attribute value, in place of a value to be equal to."""

    def matches_value(self, value: object, /) -> bool:
        """Return whether `value` is accepted."""
        ...


@runtime_checkable
class MessageContextProvider(Protocol):
    """Anything that brings a whole message context: contexts, unbound loggers, own objects."""

    @property
    def message_context(self) -> Sequence[object]:
        """The messages, inherited ones included."""
        ...


@runtime_checkable
class LogSink(Protocol):
    """Where records go: what a `LoggingContext` can have as target besides an OTel ``LoggerProvider``."""

    def enabled(self, level: int) -> bool:
        """Return whether a record at `level` (offset included) would be used; asked after the rules."""
        ...

    def emit(
        self,
        *,
        level: int,
        body: AttributeValue,
        attributes: Mapping[str, AttributeValue],
        name: str,
        realm: str | None,
        exception: BaseException | None,
        context: Context,
        timestamp: int,
        severity: SeverityNumber,
        event_name: str | None,
    ) -> None:
        """Take one record.

        Args:
            level: the level, offset included.
            body: the message, or the JSON text of an event.
            attributes: the attributes, ambient ones first; the sink may keep the mapping.
            name: the logger's name, or ``""``.
            realm: the last realm's name, or None.
            exception: the exception of the record, or None.
            context: the OTel context of the call.
            timestamp: the time of the call in nanoseconds since the epoch.
            severity: the OTel severity, offset included.
            event_name: the type of an event, or None for a log record.
        """
        ...


class Verdict(Frozen):
    """What a rule decides: the level that is let through, and the sink where it goes.

    ``ValueError`` where `level` is no level.
    """

    __slots__ = ("level", "sink")
    __match_args__ = ("level", "sink")

    level: int
    sink: LogSink

    def __init__(self, level: int, sink: LogSink) -> None:
        put(self, "level", check_level(level))
        put(self, "sink", sink)


@runtime_checkable
class Rule(Protocol):
    """Something that may decide about a message context.

    A rule must be a pure function of its arguments: results may be cached. It may define
    ``supersedes(other: Rule) -> bool``: when it is added, the rules for which that is true are removed.
    """

    def match(self, messages: Sequence[object], sink: LogSink, /) -> Verdict | None:
        """Return the verdict, or None where the rule does not match."""
        ...


@runtime_checkable
class Source(Protocol):
    """Something that gives ambient attributes; it may say ``attach: bool`` (default true): put them on records."""

    def attributes(self, context: Context, /) -> Mapping[str, object]:
        """Return the attributes that this OTel context has; a pure function of it: results may be cached."""
        ...


@runtime_checkable
class Eventer(Protocol):
    """Something that records semi-structured events; safe from many threads."""

    def event(self, type: str, /, *fields: object, **attributes: object) -> None:
        """Record one event; a violation of the event contract drops, counts and logs it, and raises nothing."""
        ...


def _has_method(value: object, name: str) -> bool:
    try:
        return not issubclass(type(value), type) and callable(getattr(value, name, None))
    except Exception:  # noqa: BLE001 - a property of the user
        return False


def is_condition(value: object) -> TypeGuard[Condition]:
    """Return whether `value` can be asked as a condition."""
    return _has_method(value, "matches")


def is_matcher(value: object) -> TypeGuard[Matcher]:
    """Return whether `value` is a matcher rather than a value to be equal to."""
    return _has_method(value, "matches_value")


def is_rule(value: object) -> TypeGuard[Rule]:
    """Return whether `value` can be used as a rule."""
    return _has_method(value, "match")


def is_sink(value: object) -> TypeGuard[LogSink]:
    """Return whether `value` can be used as a sink."""
    return _has_method(value, "enabled") and _has_method(value, "emit")


def is_source(value: object) -> TypeGuard[Source]:
    """Return whether `value` can be used as a source of ambient attributes."""
    return _has_method(value, "attributes")
