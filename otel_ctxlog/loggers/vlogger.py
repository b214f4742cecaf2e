"""A plain, logr-style logger at a fixed verbosity."""

from __future__ import annotations

from otel_ctxlog.engine.fields import read_pairs
from otel_ctxlog.engine.levels import ERROR, is_level
from otel_ctxlog.loggers.base import BaseLogger, with_bad

__all__ = ["VLogger"]


class VLogger:
    """Logs at one level: `info` at that level, `error` as an error.

    Fields are key, value alternating; `KeyValue` and `IGNORE` are plain values here. Made by ``v(level)`` of contexts and
    loggers, and as live as the logger it was made from. A level that is none logs as an error, the level in ``!BADKEY``.
    """

    __slots__ = ("_level", "_logger")

    def __init__(self, logger: BaseLogger, level: int) -> None:
        self._logger = logger
        self._level = level

    def __repr__(self) -> str:
        return f"<VLogger {self._level} of {self._logger!r}>"

    def info(self, msg: str, /, *key_values: object) -> None:
        """Log at this level."""
        level = self._level
        logger = self._logger
        if is_level(level):
            if 0 < level <= logger._gate.ceiling:  # noqa: SLF001 - one kind of logger in two classes
                logger._write(int(level), msg, read_pairs(key_values), {})  # noqa: SLF001
        elif logger._gate.ceiling >= ERROR:  # noqa: SLF001
            logger._write(int(ERROR), msg, with_bad(level, read_pairs(key_values)), {})  # noqa: SLF001

    def error(self, exc: object, msg: str, /, *key_values: object) -> None:
        """Log an error with the exception `exc`; what is no exception is kept as attribute ``error``."""
        logger = self._logger
        if logger._gate.ceiling >= ERROR:  # noqa: SLF001
            fields = read_pairs(key_values)
            if isinstance(exc, BaseException):
                logger._write(int(ERROR), msg, fields, {}, exc)  # noqa: SLF001
            else:
                first = read_pairs(("error", exc))
                first.values.update(fields.values)
                fields.values = first.values
                logger._write(int(ERROR), msg, fields, {})  # noqa: SLF001

    def enabled(self) -> bool:
        """Return whether a record at this level passes the rules."""
        return self._logger.enabled(self._level)

    def v(self, delta: int) -> VLogger:
        """Return a logger that is deeper by `delta`."""
        if not is_level(delta) or not is_level(self._level):
            return VLogger(self._logger, delta)
        return VLogger(self._logger, int(self._level) + int(delta))


