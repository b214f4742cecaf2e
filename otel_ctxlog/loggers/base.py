"""What bound and unbound loggers share: the methods that users call; and the logr-style logger made from either."""

# The two classes of this module are one thing in two shapes, and use each other's private parts.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Final, Protocol, TypeVar, cast

from otel_ctxlog.engine.fields import Fields, KeyValue, read_fields, read_pairs
from otel_ctxlog.engine.levels import DEBUG, ERROR, INFO, TRACE, WARN, is_level
from otel_ctxlog.engine.stem import Recipe
from otel_ctxlog.engine.values import is_a, safe_text
from otel_ctxlog.otel.severity import FATAL, SeverityNumber

__all__ = ["Gate", "Logger", "VLogger", "given_exception"]

# Plain ints: a disabled call compares them, and an IntEnum is slower.
_ERROR, _WARN, _INFO, _DEBUG, _TRACE = int(ERROR), int(WARN), int(INFO), int(DEBUG), int(TRACE)
# What `sys.exc_info` returns: type, exception, traceback.
_TRIPLE: Final = 3


_Self = TypeVar("_Self", bound="Logger")


class Gate(Protocol):
    """What a disabled call asks: no level above `ceiling` is on."""

    ceiling: float


class Logger(ABC):
    """The logging methods. None of them raises, and none loses a record for a bad field.

    There are two kinds: bound ones (`LoggingContext.logger`), and the `UnboundLogger`. Keyword arguments of a call are
    attributes, but for ``exc_info=``, which is that of ``logging``: an exception, a triple of ``sys.exc_info()``, or
    True for the exception that is being handled.
    """

    __slots__ = ("_gate", "_recipe")

    _gate: Gate
    _recipe: Recipe

    @property
    def recipe(self) -> Recipe:
        """What this logger was asked to carry; for eventers and bridges."""
        return self._recipe

    @abstractmethod
    def _write(
        self,
        level: int,
        message: object,
        fields: Sequence[object] | Fields,
        attributes: Mapping[str, object],
        exception: BaseException | None = None,
        severity: SeverityNumber | None = None,
    ) -> None:
        """Write a record at a level that the gate did not exclude, if it is on; raises nothing."""

    @abstractmethod
    def _derived(self: _Self, recipe: Recipe) -> _Self:
        """Return a logger like this one with another recipe for the same messages."""

    @abstractmethod
    def _is_on(self, level: int) -> bool:
        """Return whether a record at `level` passes the rules."""

    def error(self, msg: str, /, *fields: object, **attributes: object) -> None:
        """Log at level Error."""
        if self._gate.ceiling >= _ERROR:
            self._write(_ERROR, msg, fields, attributes)

    def warn(self, msg: str, /, *fields: object, **attributes: object) -> None:
        """Log at level Warn."""
        if self._gate.ceiling >= _WARN:
            self._write(_WARN, msg, fields, attributes)

    warning = warn

    def info(self, msg: str, /, *fields: object, **attributes: object) -> None:
        """Log at level Info."""
        if self._gate.ceiling >= _INFO:
            self._write(_INFO, msg, fields, attributes)

    def debug(self, msg: str, /, *fields: object, **attributes: object) -> None:
        """Log at level Debug."""
        if self._gate.ceiling >= _DEBUG:
            self._write(_DEBUG, msg, fields, attributes)

    def trace(self, msg: str, /, *fields: object, **attributes: object) -> None:
        """Log at level Trace."""
        if self._gate.ceiling >= _TRACE:
            self._write(_TRACE, msg, fields, attributes)

    def critical(self, msg: str, /, *fields: object, **attributes: object) -> None:
        """Log where errors are logged, with severity FATAL."""
        if self._gate.ceiling >= _ERROR:
            self._write(_ERROR, msg, fields, attributes, None, FATAL)

    def log(self, level: int, msg: str, /, *fields: object, **attributes: object) -> None:
        """Log at `level`; at level 0 nothing. A level that is none goes out as an error, the level in ``!BADKEY``."""
        if is_level(level):
            exact = int.__index__(level)
            if 0 < exact <= self._gate.ceiling:
                self._write(exact, msg, fields, attributes)
        elif self._gate.ceiling >= _ERROR:
            self._write(_ERROR, msg, with_bad(level, read_fields(fields, attributes)), {})

    def log_error(self, exc: object, msg: str, /, *fields: object, **attributes: object) -> None:
        """Log an error with the exception `exc`; what is no exception is kept as attribute ``error``."""
        if self._gate.ceiling >= _ERROR:
            if is_a(exc, BaseException):
                self._write(_ERROR, msg, fields, attributes, exc)
            else:
                self._write(_ERROR, msg, (KeyValue("error", exc), *fields), attributes)

    def exception(self, msg: str, /, *fields: object, **attributes: object) -> None:
        """Log an error with the exception that is being handled."""
        if self._gate.ceiling >= _ERROR:
            self._write(_ERROR, msg, fields, attributes, sys.exc_info()[1])

    def enabled(self, level: int) -> bool:
        """Return whether the rules let a record at `level` through; what is no level would go out as an error."""
        checked = int.__index__(level) if is_level(level) else _ERROR
        return 0 < checked <= self._gate.ceiling and self._is_on(checked)

    def v(self, level: int) -> VLogger:
        """Return a logr-style logger at a fixed verbosity, as live as this logger."""
        return VLogger(self, level)

    def with_name(self: _Self, name: str) -> _Self:  # noqa: PYI019
        """Return a logger whose name has one more part, joined by a dot."""
        return self._derived(self._recipe.with_name(name))

    def with_values(self: _Self, /, *fields: object, **attributes: object) -> _Self:  # noqa: PYI019
        """Return a logger that puts these fields on all its records.

        Values are converted now, except for a `Lazy`, which is called for every record that is emitted.
        """
        return self._derived(self._recipe.with_fields(read_fields(fields, attributes, keep_lazy=True)))


def given_exception(attributes: Mapping[str, object], exception: BaseException | None) -> BaseException | None:
    """Return the exception of a call, and take ``exc_info=`` out of its attributes where it says what logging's does.

    Args:
        attributes: keyword attributes with ``exc_info``, a dict of the call's own. True stands for the exception that
            is being handled; an exception and a triple of ``sys.exc_info()`` for themselves; False and None for none.
            Anything else stays an attribute.
        exception: the exception that the call has anyway, which wins, or None.
    """
    given = attributes["exc_info"]
    if type(given) is tuple:
        parts = cast("tuple[object, ...]", given)
        given = parts[1] if len(parts) == _TRIPLE else parts
    found: BaseException | None = None
    if given is True:
        found = sys.exc_info()[1]
    elif is_a(given, BaseException):
        found = given
    elif given is not None and given is not False:
        return exception
    del cast("dict[str, object]", attributes)["exc_info"]
    return found if exception is None else exception


def with_bad(item: object, fields: Fields) -> Fields:
    """Return `fields` with one more text under ``!BADKEY``, the first."""
    fields.bad = (safe_text(item), *fields.bad)
    return fields


class VLogger:
    """Logs at one level: `info` at that level, `error` as an error.

    Fields are key, value alternating; `KeyValue` and `IGNORE` are plain values here. Made by ``v(level)`` of contexts
    and loggers, and as live as the logger it was made from. A level that is none logs as an error, the level in
    ``!BADKEY``.
    """

    __slots__ = ("_level", "_logger")

    def __init__(self, logger: Logger, level: int) -> None:
        self._logger = logger
        self._level = level

    def __repr__(self) -> str:
        return f"<VLogger {self._level} of {self._logger!r}>"

    def info(self, msg: str, /, *key_values: object) -> None:
        """Log at this level."""
        level = self._level
        logger = self._logger
        if is_level(level):
            exact = int.__index__(level)
            if 0 < exact <= logger._gate.ceiling:
                logger._write(exact, msg, read_pairs(key_values), {})
        elif logger._gate.ceiling >= ERROR:
            logger._write(int(ERROR), msg, with_bad(level, read_pairs(key_values)), {})

    def error(self, exc: object, msg: str, /, *key_values: object) -> None:
        """Log an error with the exception `exc`; what is no exception is kept as attribute ``error``."""
        logger = self._logger
        if logger._gate.ceiling >= ERROR:
            fields = read_pairs(key_values)
            if is_a(exc, BaseException):
                logger._write(int(ERROR), msg, fields, {}, exc)
            else:
                first = read_pairs(("error", exc))
                first.values.update(fields.values)
                fields.values = first.values
                logger._write(int(ERROR), msg, fields, {})

    def enabled(self) -> bool:
        """Return whether a record at this level passes the rules."""
        return self._logger.enabled(self._level)

    def v(self, delta: int) -> VLogger:
        """Return a logger that is deeper by `delta`."""
        if not is_level(delta) or not is_level(self._level):
            return VLogger(self._logger, delta)
        return VLogger(self._logger, int.__index__(self._level) + int.__index__(delta))
