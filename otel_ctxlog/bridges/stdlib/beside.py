"""The handler of OpenTelemetry beside a bridge: into the same provider, every record would arrive twice."""

from __future__ import annotations

import logging
import sys
import weakref
from collections.abc import Callable
from typing import Final, cast

from otel_ctxlog.bridges.stdlib import cpython
from otel_ctxlog.bridges.stdlib.feedback import is_diagnostic_name
from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.loggers.context import LoggingContext, core_of

__all__ = ["Beside"]

_SHOWN: Final = "_otel_ctxlog_shown"
_ZERO_CODE: Final = "opentelemetry.instrumentation.auto_instrumentation"
_OFFICIAL: Final = "LoggingHandler"
_MODULES: Final = ("opentelemetry.sdk.", "opentelemetry.instrumentation.")


class Silence(logging.Filter):
    """Lets no record through while a bridge brings them to the provider of a handler.

    Diagnostics the bridge brings nowhere, and from here they would feed back: where nobody else hears them, they go to
    standard error, as those of a program without handlers.

    Args:
        beside: knows the bridge.
        handler: the handler that this is put on.
    """

    def __init__(self, beside: Beside, handler: logging.Handler) -> None:
        super().__init__()
        self._beside = beside
        self._handler = weakref.ref(handler)

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the handler gets the record."""
        handler = self._handler()
        if handler is None or not self._beside.repeats(handler):
            return True
        if is_diagnostic_name(record.name) and not hasattr(record, _SHOWN) and self._nobody_hears(record.name):
            setattr(record, _SHOWN, True)
            last = logging.lastResort
            if last is not None and record.levelno >= last.level:
                last.handle(record)
        return False

    def _nobody_hears(self, name: str) -> bool:
        one: logging.Logger | None = logging.getLogger(name)
        while one is not None:
            for handler in one.handlers:
                if type(handler) is not logging.NullHandler and not self._beside.repeats(handler):
                    return False
            one = one.parent if one.propagate else None
        return True


class Beside:
    """Finds the official handlers beside a bridge, and keeps them from writing what the bridge writes.

    Args:
        context: the bridge's; its target tells whether a handler repeats.
    """

    __slots__ = ("_context", "_found", "_left")

    def __init__(self, context: LoggingContext) -> None:
        self._context = context
        self._found: weakref.WeakKeyDictionary[logging.Handler, Silence] = weakref.WeakKeyDictionary()
        self._left = False

    def look(self) -> object:
        """Look for official handlers among all; return the newest reference to one, by which new ones are noticed."""
        references = cpython.handler_references()
        newest = references[-1] if references else None
        new: list[logging.Handler] = []
        for reference in list(references):
            handler = reference()
            if handler is not None and _is_official(type(handler)) and handler not in self._found:
                new.append(handler)
                self._silence(handler)
        # Afterwards: what is reported comes by here again.
        for handler in new:
            self._report(handler)
        return newest

    def repeats(self, handler: logging.Handler) -> bool:
        """Return whether a handler writes to the provider that the bridge writes to."""
        if self._left:
            return False
        target = core_of(self._context).effective().route.provider
        if target is None:
            return False
        everywhere = _global_provider()
        ours: object = target.provider or everywhere
        theirs = cast("object", getattr(handler, "_logger_provider", everywhere))
        # A handler that was made before there was a provider holds the proxy of the global one.
        return theirs is ours or (ours is everywhere and type(theirs).__name__ == "ProxyLoggerProvider")

    def leave(self) -> None:
        """Let the handlers work again."""
        self._left = True
        for handler, silence in list(self._found.items()):
            handler.removeFilter(silence)

    def _silence(self, handler: logging.Handler) -> None:
        silence = self._found[handler] = Silence(self, handler)
        handler.addFilter(silence)

    def _report(self, handler: logging.Handler) -> None:
        # Under `opentelemetry-instrument` it is not the program that put the handler there: nobody need do anything.
        if self.repeats(handler) and _ZERO_CODE not in sys.modules:
            report_once(
                handler,
                f"a {type(handler).__module__}.{type(handler).__qualname__} writes to the provider that the bridge for "
                "logging writes to: it keeps quiet while the bridge is installed, so that no record arrives twice; "
                "remove it",
                topic="beside",
            )


def _global_provider() -> object:
    # Only the room `otel` imports OpenTelemetry; it has loaded this.
    return cast("Callable[[], object]", vars(sys.modules["opentelemetry._logs"])["get_logger_provider"])()


def _is_official(kind: type) -> bool:
    return any(one.__name__ == _OFFICIAL and one.__module__.startswith(_MODULES) for one in kind.__mro__)
