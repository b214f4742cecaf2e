"""Observation: each logging call is noted while anything is captured, so that suppressed ones are known.

A call that is off ends at one comparison, where nobody could watch it. So while anything is captured, the methods
that users call are wrapped: the original runs as ever, and afterwards the wrapper asks whether it left a record.
Loggers made before are watched too; only a method that was taken from a logger before (``debug = log.debug``) is not.
"""

# A logr-style logger and an eventer do not say their level.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias, cast

from otel_ctxlog.engine.levels import DEBUG, ERROR, INFO, TRACE, WARN
from otel_ctxlog.events.otel import OTelEventer
from otel_ctxlog.loggers.base import Logger, VLogger
from otel_ctxlog.loggers.record_writer import RecordWriter
from otel_ctxlog.otel.context import Context
from otel_ctxlog.testing.call import Call
from otel_ctxlog.testing.tap import any_taps, is_asking, running

__all__ = ["observe", "unobserve"]

_Method: TypeAlias = Callable[..., object]


# How the arguments of each method become a call.


def _at(level: int) -> _Method:
    def read(self: Logger, msg: object, /, *fields: object, **attributes: object) -> Call:
        return Call(self, level, msg, fields, attributes)

    return read


def _log(self: Logger, level: object, msg: object, /, *fields: object, **attributes: object) -> Call:
    return Call(self, level, msg, fields, attributes)


def _log_error(self: Logger, _exc: object, msg: object, /, *fields: object, **attributes: object) -> Call:
    return Call(self, ERROR, msg, fields, attributes)


def _v_info(self: VLogger, msg: object, /, *key_values: object) -> Call:
    return Call(self._logger, self._level, msg, key_values, {})


def _v_error(self: VLogger, _exc: object, msg: object, /, *key_values: object) -> Call:
    return Call(self._logger, ERROR, msg, key_values, {})


def _event(self: OTelEventer, type: object, /, *fields: object, **attributes: object) -> Call:
    return Call(self, self._level, None, fields, attributes, event_type=type)


def _write(self: RecordWriter, level: object, body: object, fields: Sequence[object] = (), **more: object) -> Call:
    attributes = cast("Mapping[str, object]", more.get("attributes") or {})
    context = cast("Context | None", more.get("context"))
    return Call(self, level, body, fields, attributes, event_type=more.get("event_name"), context=context)


_READERS: Final[dict[type, dict[str, _Method]]] = {
    Logger: {
        "error": _at(ERROR),
        "warn": _at(WARN),
        "warning": _at(WARN),
        "info": _at(INFO),
        "debug": _at(DEBUG),
        "trace": _at(TRACE),
        "critical": _at(ERROR),
        "exception": _at(ERROR),
        "log": _log,
        "log_error": _log_error,
    },
    VLogger: {"info": _v_info, "error": _v_error},
    OTelEventer: {"event": _event},
    RecordWriter: {"write": _write},
}


def _observed(original: _Method, read: _Method) -> _Method:
    @functools.wraps(original)
    def method(*arguments: object, **named: object) -> object:
        if not any_taps() or is_asking():
            return original(*arguments, **named)
        try:
            call = cast("Call", read(*arguments, **named))
        except TypeError:  # wrong arguments: the original says it as ever
            return original(*arguments, **named)
        token = running.set(call)
        try:
            result = original(*arguments, **named)
        finally:
            running.reset(token)
        if not call.reached:
            call.note()
        return result

    return method


_ORIGINALS: Final = {(kind, name): cast("_Method", vars(kind)[name]) for kind in _READERS for name in _READERS[kind]}
_WRAPPED: Final = {(kind, name): _observed(_ORIGINALS[kind, name], _READERS[kind][name]) for kind, name in _ORIGINALS}


def observe() -> None:
    """Start watching; watching twice is watching."""
    for (kind, name), wrapped in _WRAPPED.items():
        if vars(kind)[name] is _ORIGINALS[kind, name]:
            setattr(kind, name, wrapped)


def unobserve() -> None:
    """Stop watching: every method is the original one again, except what somebody else has replaced meanwhile."""
    for (kind, name), original in _ORIGINALS.items():
        if vars(kind)[name] is _WRAPPED[kind, name]:
            setattr(kind, name, original)
