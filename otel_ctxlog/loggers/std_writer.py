"""Records of stdlib ``logging`` through the rules of a context."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import ContextVar
from typing import Final, cast

from otel_ctxlog.engine.fields import BADKEY, Fields, read_fields
from otel_ctxlog.engine.plan import Decision, Plan
from otel_ctxlog.engine.values import AttributeValue, safe_text
from otel_ctxlog.loggers.core import Effective
from otel_ctxlog.loggers.record_rules import RecordRules
from otel_ctxlog.loggers.std_record import (
    attributes_of,
    body_of,
    event_name_of,
    exception_of,
    level_of,
    timestamp_of,
)
from otel_ctxlog.otel.context import Context
from otel_ctxlog.otel.route import report_lost, write
from otel_ctxlog.otel.severity import FATAL

__all__ = ["ATOMS", "BUSY", "Body", "StdWriter"]

_CRITICAL: Final = logging.CRITICAL
_LOCATION: Final = 3
_get_message: Final = logging.LogRecord.getMessage
ATOMS: Final = frozenset({str, int, float, bool, type(None)})
"""What can be formatted without running code of the application."""

Body = Callable[[logging.LogRecord], "AttributeValue"]

BUSY: Final[ContextVar[bool]] = ContextVar("otel_ctxlog_writing_std", default=False)
"""Whether this thread or task is just asking rules about a record of ``logging``, or writing it: what is logged
meanwhile is a consequence, which bridges must not feed back."""


class StdWriter(RecordRules):
    """Decides about records of ``logging``, and writes those that pass; as live as an unbound logger.

    Rules do not see what ``extra=`` brings, as they do not see the fields of other loggers' calls: whether a call is on
    is decided before there is a record. Levels here are those of the rules (`std_record.level_of`).
    """

    __slots__ = ()

    @property
    def ceiling(self) -> float:
        """No level above it is on in any OTel context; above every level while that is not known."""
        return self._plan.ceiling

    @property
    def scope(self) -> str:
        """The name of the OTel scope."""
        return self._current().stem.scope

    def named(self) -> tuple[str, str | None]:
        """Return the name, or ``""``, and the last realm, or None."""
        stem = self._current().stem
        return stem.name, stem.static.realm

    def band(self) -> tuple[float, float]:
        """Return the lowest and the highest level that may come out: up to the lowest one, every record is on."""
        busy = BUSY.set(True)
        try:
            plan = self._current()
        finally:
            BUSY.reset(busy)
        return plan.low, plan.high

    def level(self, context: Context) -> int:
        """Return the level that the rules let through in that OTel context."""
        busy = BUSY.set(True)
        try:
            return self._decision(context)[1].level
        finally:
            BUSY.reset(busy)

    def is_on(self, level: int, context: Context) -> bool:
        """Return whether the rules let a record at `level` through; raises nothing."""
        busy = BUSY.set(True)
        try:
            return self._decided(level, context) is not None
        finally:
            BUSY.reset(busy)

    def _decided(self, level: int, context: Context) -> tuple[Plan, Decision] | None:
        """Return what decided that a record at `level` is on, and how, or None where it is off."""
        if level > self._current().high:
            return None
        decided = self._decision(context)
        return decided if level <= decided[1].level else None

    def write(self, record: logging.LogRecord, context: Context, body: Body | None = None) -> bool:
        """Write the record if the rules let it through; return whether they did.

        Args:
            record: the record.
            context: its OTel context.
            body: gives the body; None: the formatted message. Not called where a sink does not want the record.

        Raises:
            Exception: what a record raises that is none of ``logging``'s; a sink that raises is reported.
        """
        levelno = record.levelno
        level = level_of(levelno)
        busy = BUSY.set(True)
        try:
            decided = self._decided(level, context)
            if decided is None:
                return False
            plan, decision = decided
            route, sink = cast("Effective", plan.origin).route, decision.sink
            attributes = attributes_of(record)
            if (
                sink is None
                and body is None
                and route.provider is not None
                and type(record.msg) is str
                and type(record).getMessage is _get_message
            ):
                text = _text(record, attributes) if record.args else record.msg
                content = None
            else:
                text, content = None, _content(record, attributes, body or body_of)
            try:
                write(
                    route,
                    plan.stem,
                    sink,
                    context,
                    level,
                    text,
                    (),
                    attributes,
                    exception=exception_of(record) if record.exc_info else None,
                    severity=FATAL if levelno >= _CRITICAL else None,
                    event_name=event_name_of(attributes) if len(attributes) > _LOCATION else None,
                    timestamp=timestamp_of(record),
                    content=content,
                    held=decision.held,
                    message_key=record.msg,
                )
            except Exception as error:  # noqa: BLE001 - a logging call never raises
                report_lost(route, sink, error)
            return True
        finally:
            BUSY.reset(busy)

    def write_call(
        self,
        levelno: int,
        message: str,
        arguments: object,
        context: Context,
        attributes: dict[str, object],
        exception: BaseException | None,
    ) -> None:
        """Write a call that has no record of ``logging`` yet, if the rules let it through; raises nothing.

        Args:
            levelno: its level.
            message: its message, not formatted yet.
            arguments: the arguments of the message, all of them texts, numbers or None.
            context: the OTel context.
            attributes: its attributes; the dict is used up.
            exception: its exception.
        """
        level = level_of(levelno)
        busy = BUSY.set(True)
        try:
            decided = self._decided(level, context)
            if decided is None:
                return
            plan, decision = decided
            route = cast("Effective", plan.origin).route
            template = message
            try:
                if arguments:
                    try:
                        message = message % arguments
                    except Exception as error:  # noqa: BLE001 - arguments that do not fit
                        attributes[BADKEY] = f"{type(error).__name__} with arguments {safe_text(arguments)}"
                write(
                    route,
                    plan.stem,
                    decision.sink,
                    context,
                    level,
                    message,
                    (),
                    attributes,
                    exception=exception,
                    severity=FATAL if levelno >= _CRITICAL else None,
                    event_name=event_name_of(attributes) if len(attributes) > _LOCATION else None,
                    held=decision.held,
                    message_key=template,
                )
            except Exception as error:  # noqa: BLE001 - a logging call never raises
                report_lost(route, decision.sink, error)
        finally:
            BUSY.reset(busy)


def _content(
    record: logging.LogRecord, attributes: dict[str, object], body: Body
) -> Callable[[], tuple[AttributeValue, Fields]]:
    """Return what makes body and attributes: a sink may say that it does not want the record."""

    def content() -> tuple[AttributeValue, Fields]:
        made = _made(body, record, attributes)
        return made, read_fields((), attributes)

    return content


def _text(record: logging.LogRecord, attributes: dict[str, object]) -> AttributeValue:
    arguments: object = record.args
    if type(arguments) is tuple:
        for argument in arguments:
            if type(argument) not in ATOMS:
                break
        else:
            try:
                return cast("str", record.msg % arguments)
            except Exception as error:  # noqa: BLE001 - arguments that do not fit
                return _unformatted(record, attributes, error)
    return _made(_get_message, record, attributes)


def _made(body: Body, record: logging.LogRecord, attributes: dict[str, object]) -> AttributeValue:
    """Return the body; a message that cannot be formatted is kept as it is, its arguments in ``!BADKEY``."""
    # Arguments that log while they are made a text do so for the application.
    free = BUSY.set(False)
    try:
        return body(record)
    except Exception as error:  # noqa: BLE001 - arguments that do not fit, or their own methods
        return _unformatted(record, attributes, error)
    finally:
        BUSY.reset(free)


def _unformatted(record: logging.LogRecord, attributes: dict[str, object], error: Exception) -> AttributeValue:
    attributes[BADKEY] = f"{type(error).__name__} with arguments {safe_text(record.args)}"
    return safe_text(record.msg)
