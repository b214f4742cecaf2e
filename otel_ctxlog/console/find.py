"""From a logging context to the text stream its records go to."""

from __future__ import annotations

from typing import Final

from otel_ctxlog.console.text_stream import ConsoleStream
from otel_ctxlog.engine.protocols import LogSink
from otel_ctxlog.loggers.context import LoggingContext, core_of
from otel_ctxlog.otel.provider_sink import ProviderSink

__all__ = ["NoConsoleError", "stream"]

# Sinks that pass on to sinks: more than anybody has, and an end for those that go round in circles.
_MOST_STEPS: Final = 100


class NoConsoleError(LookupError):
    """A context whose records go to no console sink; the text says where they go."""


def stream(context: LoggingContext) -> ConsoleStream:
    """Return the text stream of the console sink that a context's records go to at this moment.

    The target counts that holds for the context now, its base's where it has none of its own. A sink that passes
    records on is followed where it says to which: by an attribute ``target``.

    Raises:
        NoConsoleError: they go to no console sink.
        TypeError: `context` is no `LoggingContext`.
    """
    if not isinstance(context, LoggingContext):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"context is {context!r}, allowed: a LoggingContext")  # pyright: ignore[reportUnreachable]
    first = _target(context)
    sink: object = first
    for _ in range(_MOST_STEPS):
        found = getattr(sink, "stream", None)
        if isinstance(found, ConsoleStream):
            # It may be about to become a standard stream: have it know what that is now.
            found.outlet.target()
            return found
        sink = getattr(sink, "target", None)
        if sink is None:
            break
    raise NoConsoleError(_problem(first))


def _target(context: LoggingContext) -> LogSink:
    return core_of(context).effective().route.target


def _problem(target: LogSink) -> str:
    wanted = "allowed: a ConsoleSink, or a sink with an attribute target that leads to one"
    if isinstance(target, ProviderSink):
        kind = "the global LoggerProvider" if target.provider is None else f"a {type(target.provider).__name__}"
        hint = "; what its exporters write to is reached by ConsoleStream('stdout') or ConsoleStream('stderr')"
        return f"the records of this context go to {kind}, {wanted}{hint}"
    return f"the records of this context go to a {type(target).__name__}, {wanted}"
