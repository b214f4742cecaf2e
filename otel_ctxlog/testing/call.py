"""`Call`: one logging call as it is watched, and why it is on or off."""

# What suppresses a call is inside the loggers: their gate and their core.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType
from typing import Final, cast

from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.engine.explain import explain
from otel_ctxlog.engine.fields import IGNORE, KeyValue
from otel_ctxlog.engine.levels import ERROR, is_level, level_name
from otel_ctxlog.engine.messages import Attribute, Name, StaticMessages, View
from otel_ctxlog.engine.scope import Needs
from otel_ctxlog.engine.stem import Recipe
from otel_ctxlog.engine.values import Lazy, is_a
from otel_ctxlog.events.contract import EVENT_TYPE, check_event
from otel_ctxlog.events.otel import OTelEventer
from otel_ctxlog.loggers.base import Logger
from otel_ctxlog.loggers.bound import NON_LOGGING, BoundLogger
from otel_ctxlog.loggers.core import ContextCore
from otel_ctxlog.loggers.record_rules import RecordRules
from otel_ctxlog.loggers.record_writer import RecordWriter
from otel_ctxlog.loggers.unbound import UnboundLogger
from otel_ctxlog.otel.context import Context, get_current
from otel_ctxlog.testing.suppressed import Reason, SuppressedCall
from otel_ctxlog.testing.tap import asking, every_tap, taps_of
from otel_ctxlog.testing.wording import Opaque, shown

__all__ = ["Call"]

_EVERYTHING: Final = Needs(everything=True)
_LIBRARIES: Final = frozenset({"otel_ctxlog", "logging", "structlog", "loguru"})
_DEEPEST: Final = 4
_LONGEST: Final = 100
"""Elements of a list or dict of a suppressed call that are kept."""


class Call:
    """One logging call.

    Attributes:
        reached: whether it has left a record.
        origin: the logger, eventer or writer that was called.
        level: the level of the call.
        message: what was to be logged; None for an event.
        fields: positional fields of the call.
        attributes: keyword attributes of the call.
        event_type: the type of an event, or None.
        context: the OTel context of the record, or None for the current one.
        location: file name and line of the caller.
    """

    __slots__ = (
        "_dropped",
        "attributes",
        "context",
        "event_type",
        "fields",
        "level",
        "location",
        "message",
        "origin",
        "reached",
    )

    def __init__(
        self,
        origin: Logger | OTelEventer | RecordWriter,
        level: object,
        message: object,
        fields: Sequence[object],
        attributes: Mapping[str, object],
        *,
        event_type: object = None,
        context: Context | None = None,
    ) -> None:
        self.reached = False
        self.origin = origin
        self.level = int.__index__(level) if is_level(level) else int(ERROR)
        self.message = message
        self.fields = fields
        self.attributes = attributes
        self.event_type = event_type
        self.context = context
        self.location = _caller(sys._getframe(3))
        self._dropped = origin.dropped if isinstance(origin, OTelEventer) else 0

    def _core_and_recipe(self) -> tuple[ContextCore, Recipe] | None:
        origin = self.origin
        if isinstance(origin, (BoundLogger, UnboundLogger)):
            return origin._core, origin.recipe
        writer = origin._writer if isinstance(origin, OTelEventer) else origin
        return (writer._core, writer._recipe) if isinstance(writer, RecordRules) else None

    def _otel_context(self) -> Context:
        return get_current() if self.context is None else self.context

    def why(self) -> Callable[[], Reason]:
        """Note what the rules are asked about here and now; the result says why the call is on or off."""
        found = self._core_and_recipe()
        if found is None:
            return lambda: Reason("it does not go through a logging context: no rule was asked")
        if self.origin is NON_LOGGING:
            return lambda: Reason("logger_for gave the logger that never logs: no rule matched its messages")
        core, recipe = found
        effective = core.effective()
        inherited = self.origin.context_messages if isinstance(self.origin, BoundLogger) else effective.messages
        added = tuple(self._seen_by_rules())
        static = StaticMessages.read((*inherited, *recipe.messages, *added))
        with asking():
            view = View(static, effective.route.reader.prepare(_EVERYTHING)(self._otel_context()))
        bound = _bound_level(self.origin)
        level, broken = self.level, self._violation()

        def reason() -> Reason:
            if broken is not None:
                return Reason(broken)
            with asking():
                now = explain(effective.rule_sets, view, core.sink, effective.default_level)
            if bound is None:
                return Reason(str(now), now)
            return Reason(_bound_text(bound, now.level, level, str(now)), now)

        return reason

    def _seen_by_rules(self) -> Iterator[Attribute]:
        """Yield the fields of an event, and of a record that a bridge writes, as rules see them."""
        if isinstance(self.origin, Logger):
            return
        if self.event_type is not None:
            yield Attribute(EVENT_TYPE, self.event_type)
            given: Iterator[tuple[str, object]] = _read(self.fields, self.attributes)
        else:
            given = iter(self.attributes.items())
        for name, value in given:
            if name and type(value) is not Lazy and value is not IGNORE:
                yield Attribute(name, value)

    def _violation(self) -> str | None:
        """Return what an event broke of the event contract, or None."""
        origin = self.origin
        if not isinstance(origin, OTelEventer) or origin.dropped == self._dropped:
            return None
        try:
            check_event(self.event_type, self.fields, self.attributes, call_lazy=_never)
        except Exception as error:  # noqa: BLE001 - whatever a value of the user does
            return f"it breaks the event contract: {error}"
        return "the event was dropped: see what logging.getLogger('otel_ctxlog') said"

    def suppressed(self) -> SuppressedCall:
        """Return this call as one that left no record."""
        found = self._core_and_recipe()
        attributes: dict[str, object] = {}
        name, realm = "", None
        why = self.why()
        if found is not None:
            core, recipe = found
            messages = core.messages() + recipe.messages
            realm = StaticMessages.read(messages).realm
            inherited = (message.name for message in core.messages() if is_a(message, Name))
            own = (part.name if isinstance(part, Name) else part for part in recipe.names)
            name = ".".join((*inherited, *own))
            for message in messages:
                if is_a(message, Attribute):
                    attributes[message.name] = _kept(message.value)
            for layer in recipe.fields:
                attributes.update((key, _kept(value)) for key, value in layer.values.items())
        attributes.update((key, _kept(value)) for key, value in _read(self.fields, self.attributes))
        return SuppressedCall(
            message=self.message if isinstance(self.message, str) else _kept(self.message),
            level=self.level,
            attributes={key: value for key, value in attributes.items() if value is not IGNORE},
            realm=realm,
            name=name,
            event_type=None if self.event_type is None else str(self.event_type),
            location=self.location,
            why=self._elsewhere() or why,
        )

    def _elsewhere(self) -> Callable[[], Reason] | None:
        """Return what says that the rules let the call through, but its record went elsewhere; None if they did not."""
        origin = self.origin
        if not isinstance(origin, Logger):
            return None
        with asking():
            passed = origin.enabled(self.level)
        if not passed:
            return None
        if isinstance(origin, UnboundLogger):
            decision = origin._current().decide(self._otel_context())
            sent = f"rule {shown(decision.rule)} sent its record to {shown(decision.sink)}"
            return lambda: Reason(f"the rules let it through, but {sent}")
        return lambda: Reason("the rules let it through, but its record went to another sink, or was lost")

    def note(self) -> None:
        """Tell the captures that are concerned that this call has left no record; raises nothing."""
        try:
            found = self._core_and_recipe()
            if found is None:
                return
            taps = every_tap() if self.origin is NON_LOGGING else taps_of(found[0])
            if taps:
                call = self.suppressed()
                for receiver in dict.fromkeys(tap.receiver for tap in taps):
                    receiver.miss(call)
        except Exception as error:  # noqa: BLE001 - a logging call never raises, watched or not
            report_once(type(self), f"a suppressed call could not be noted: {type(error).__name__}", error=error)


def _bound_level(origin: object) -> tuple[float, bool] | None:
    """Return the level of a bound logger, and whether a rule fixed it; None for what is not bound."""
    if not isinstance(origin, BoundLogger):
        return None
    return origin._gate.ceiling, origin._gate is not origin._core.cell


def _bound_text(bound: tuple[float, bool], now: int, level: int, explained: str) -> str:
    ceiling, fixed = bound
    if fixed:
        text = f"level {level_name(int(ceiling))} was fixed by the rule that matched when this bound logger was made"
    else:
        text = f"level {level_name(int(ceiling))} by the default level: no rule matched when this bound logger was made"
    if now == ceiling:
        return "\n".join([text, *explained.splitlines()[1:]]) if not fixed else f"{text}; made now:\n{explained}"
    hint = " and it would be logged, as by an unbound logger" if level <= now else ""
    return f"{text}; made now, it would have another{hint}:\n{explained}"


def _caller(frame: FrameType | None) -> tuple[str, int] | None:
    """Return file name and line of the first frame that is no part of a logging library."""
    while frame is not None:
        module = frame.f_globals.get("__name__")
        if not isinstance(module, str) or module.partition(".")[0] not in _LIBRARIES:
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return None


def _never(_key: str) -> bool:
    return False


def _read(fields: Sequence[object], attributes: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield the fields of a call without converting or calling anything; what has no proper key is left out."""
    rest = iter(fields)
    for field in rest:
        if type(field) is KeyValue:
            yield str(field.key), field.value
        elif type(field) is Attribute:
            yield field.name, field.value
        elif type(field) is dict:
            pairs = cast("dict[object, object]", field)
            yield from ((key, value) for key, value in pairs.items() if isinstance(key, str))
        elif type(field) is str:
            for value in rest:
                yield field, value
                break
    yield from attributes.items()


def _kept(value: object, depth: int = 0) -> object:
    """Return what is kept of a value of a suppressed call: plain data is copied, anything else not looked at."""
    kind = type(value)
    if value is None or value is IGNORE or kind in (str, int, float, bool, bytes, Opaque):
        return value
    if depth < _DEEPEST:
        if kind in (list, tuple):
            return [_kept(item, depth + 1) for item in cast("Sequence[object]", value)[:_LONGEST]]
        if kind is dict:
            pairs = list(cast("dict[object, object]", value).items())[:_LONGEST]
            return {key: _kept(item, depth + 1) for key, item in pairs if isinstance(key, str)}
    return Opaque("not called" if kind is Lazy else kind.__name__)
