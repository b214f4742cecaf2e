"""What bound and unbound loggers share: the methods that users call."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from otel_ctxlog.engine.fields import Fields, KeyValue, read_fields
from otel_ctxlog.engine.levels import DEBUG, ERROR, INFO, TRACE, WARN, is_level
from otel_ctxlog.engine.values import safe_text
from otel_ctxlog.engine.stem import Recipe
from otel_ctxlog.otel.severity import FATAL, SeverityNumber

__all__ = ["BaseLogger", "Gate"]

_Self = TypeVar("_Self", bound="BaseLogger")

# Plain ints: a disabled call compares them, and an IntEnum is slower.
_ERROR, _WARN, _INFO, _DEBUG, _TRACE = int(ERROR), int(WARN), int(INFO), int(DEBUG), int(TRACE)


class Gate(Protocol):
    """What a disabled call asks: no level above `ceiling` is on."""

    ceiling: int


class BaseLogger(ABC):
    """The logging methods. None of them raises, and none loses a record for a bad field."""

    __slots__ = ("_gate", "_recipe")

    _gate: Gate
    _recipe: Recipe

    @property
    def recipe(self) -> Recipe:
        """What this logger was asked to carry; for eventers and bridges."""
        return self._recipe

    @abstractmethod
    def _write(  # noqa: PLR0913 - what makes up a call
        self,
        level: int,
        message: object,
        fields: Sequence[object] | Fields,
        attributes: Mapping[str, object],
        exception: BaseException | None = None,
        severity: SeverityNumber | None = None,
        event_name: str | None = None,
    ) -> bool:
        """Write a record at a level that the gate did not exclude, if it is on; return whether nothing failed."""

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
            if 0 < level <= self._gate.ceiling:
                self._write(int(level), msg, fields, attributes)
        elif self._gate.ceiling >= _ERROR:
            self._write(_ERROR, msg, with_bad(level, read_fields(fields, attributes)), {})

    def log_error(self, exc: object, msg: str, /, *fields: object, **attributes: object) -> None:
        """Log an error with the exception `exc`; what is no exception is kept as attribute ``error``."""
        if self._gate.ceiling >= _ERROR:
            if isinstance(exc, BaseException):
                self._write(_ERROR, msg, fields, attributes, exc)
            else:
                self._write(_ERROR, msg, (KeyValue("error", exc), *fields), attributes)

    def exception(self, msg: str, /, *fields: object, **attributes: object) -> None:
        """Log an error with the exception that is being handled."""
        if self._gate.ceiling >= _ERROR:
            self._write(_ERROR, msg, fields, attributes, sys.exc_info()[1])

    def enabled(self, level: int) -> bool:
        """Return whether the rules let a record at `level` through; what is no level would go out as an error."""
        checked = int(level) if is_level(level) else _ERROR
        return 0 < checked <= self._gate.ceiling and self._is_on(checked)

    def with_name(self: _Self, name: str) -> _Self:
        """Return a logger whose name has one more part, joined by a dot."""
        return self._derived(self._recipe.with_name(name))

    def with_values(self: _Self, *fields: object, **attributes: object) -> _Self:
        """Return a logger that puts these fields on all its records.

        Values are converted now, except for a `Lazy`, which is called for every record that is emitted.
        """
        return self._derived(self._recipe.with_fields(read_fields(fields, attributes, keep_lazy=True)))


def with_bad(item: object, fields: Fields) -> Fields:
    """Return `fields` with one more text under ``!BADKEY``, the first."""
    fields.bad.insert(0, item if isinstance(item, str) else safe_text(item))
    return fields


