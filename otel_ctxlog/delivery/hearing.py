"""What the SDK says during one of our calls into it: kept from the handlers, and heard for our own diagnostics.

A filter sits on the loggers of the modules that an exporter's class is made of, and looks at a context variable that
only our own calls set. Exporters of other providers run outside such a call and log as they always did.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = ["Listener", "QuietLoggers", "hushed", "listener", "logger_names", "note_answer"]


class Listener(Protocol):
    """Hears what the SDK says during one of our calls into it."""

    def hear(self, record: logging.LogRecord) -> bool:
        """Return whether the record is kept from the handlers."""
        ...


class _Hush:
    """What is said during one of our calls into the SDK: kept, not shown."""

    def __init__(self, heard: Callable[[str], None] | None) -> None:
        self.said: list[str] = []
        self.answer: str | None = None
        self._heard = heard

    def hear(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        try:
            text = record.getMessage()
        except Exception as error:  # noqa: BLE001 - a filter that raises would surface in the SDK's own code
            text = f"{record.msg!r} ({error!r})"
        text = self.answer or text
        self.said.append(text)
        if self._heard is not None:
            self._heard(text)
        return True


# Set by `hushed`, and by the processors, for which a context manager per record would cost too much.
listener: Final[ContextVar[Listener | None]] = ContextVar("otel_ctxlog_listener", default=None)


def note_answer(answer: str | None) -> None:
    """Have the diagnostics say what a collector has answered, in place of what its exporter makes of it."""
    hush = listener.get()
    if isinstance(hush, _Hush):
        hush.answer = answer


@contextmanager
def hushed(heard: Callable[[str], None] | None = None) -> Generator[list[str]]:
    """Keep what `QuietLoggers` say in this thread from the handlers, and give it as a growing list of texts."""
    hush = _Hush(heard)
    token = listener.set(hush)
    try:
        yield hush.said
    finally:
        listener.reset(token)


class QuietLoggers(logging.Filter):
    """The filter on some loggers that hides what they say during a `hushed` call; it shows everything else.

    Args:
        names: names of the loggers. `install` and `remove` may be called in any order, any number of times.
    """

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__()
        self._loggers = tuple(logging.getLogger(name) for name in sorted(names))

    def install(self) -> None:
        """Put the filter on the loggers, ahead of theirs."""
        for logger in self._loggers:
            if self not in logger.filters:
                # First, so that the SDK's own filter of duplicates does not swallow what we want to hear.
                logger.filters.insert(0, self)

    def remove(self) -> None:
        """Take the filter off."""
        for logger in self._loggers:
            logger.removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Return False for what is said during one of our calls and kept."""
        hears = listener.get()
        return hears is None or not hears.hear(record)


def logger_names(exporter: object) -> frozenset[str]:
    """Return the names of the loggers that an exporter uses by the convention ``getLogger(__name__)``.

    They are the modules of its class and its base classes, and of the HTTP client that the official exporter keeps.
    """
    classes = list(type(exporter).__mro__)
    for part in list(getattr(exporter, "__dict__", {}).values()):
        classes.extend(type(part).__mro__)
    return frozenset(cls.__module__ for cls in classes if cls.__module__.startswith("opentelemetry."))
