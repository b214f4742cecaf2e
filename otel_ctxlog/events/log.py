"""Events as messages of a logger."""

from __future__ import annotations

from typing import Protocol

from otel_ctxlog.engine.levels import DEBUG, check_level
from otel_ctxlog.events.contract import check_event, complete, json_text, load_json
from otel_ctxlog.events.violations import Violations

__all__ = ["LevelLogger", "LogEventer"]


class LevelLogger(Protocol):
    """What a `LogEventer` asks of its logger."""

    def log(self, level: int, msg: str, /) -> None:
        """Log `msg` at `level`."""
        ...

    def enabled(self, level: int) -> bool:
        """Return whether that would be logged."""
        ...


class LogEventer:
    """Logs the JSON text of each event as a message; for development and debugging.

    A violation of the event contract drops the event, counts it (`dropped`) and logs it, also where the level is off.
    """

    __slots__ = ("__weakref__", "_level", "_logger", "_violations")

    def __init__(self, logger: LevelLogger, level: int = DEBUG) -> None:
        self._logger = logger
        self._level = int(check_level(level))
        self._violations = Violations()
        load_json()

    def __repr__(self) -> str:
        return f"<LogEventer level {self._level} into {self._logger!r}>"

    @property
    def dropped(self) -> int:
        """The number of events that were dropped for a violation or a failure."""
        return self._violations.dropped

    def event(self, type: str, /, *fields: object, **attributes: object) -> None:
        """Log one event."""
        try:
            wanted = self._logger.enabled(self._level)
            event_type, read = check_event(type, fields, attributes, call_lazy=lambda _key: False)
            if wanted:
                self._logger.log(self._level, json_text(event_type, complete(read)))
        except Exception as error:  # noqa: BLE001 - recording an event never raises
            self._violations.drop(type, error)
