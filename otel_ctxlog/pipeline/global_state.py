"""OpenTelemetry's global providers and propagator: who set them, and setting them."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from opentelemetry import trace
from opentelemetry._logs import get_logger_provider, set_logger_provider

# Private: the API has no other way to ask whether a provider was set. `tests/pipeline/test_sdk_parts.py` watches it.
from opentelemetry._logs._internal import ProxyLoggerProvider
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import TextMapPropagator

from otel_ctxlog.engine.diagnostics import emit_diagnostic
from otel_ctxlog.pipeline.environment import choose

if TYPE_CHECKING:
    from opentelemetry._logs import LoggerProvider
    from opentelemetry.trace import TracerProvider

__all__ = [
    "current_propagator",
    "global_logger_provider",
    "global_tracer_provider",
    "is_ours",
    "load_propagator",
    "mark_ours",
    "mark_spent",
    "offer_globally",
    "set_propagator",
]

_PROPAGATORS: Final = "OTEL_PROPAGATORS"

# Providers of pipelines that were shut down. OpenTelemetry sets its globals once per process, so they may still be
# the global ones; nothing logged through them goes anywhere.
_spent: WeakSet[Any] = WeakSet()
_ours: WeakSet[Any] = WeakSet()

_warnings_left: list[None] = [None]


def mark_spent(provider: object) -> None:
    """Remember that this provider was shut down."""
    _spent.add(provider)


def mark_ours(provider: object) -> None:
    """Remember that `setup` has made this provider."""
    _ours.add(provider)


def is_ours(provider: object) -> bool:
    """Return whether `setup` has made this provider."""
    return provider in _ours


def _warn_once(text: str) -> None:
    if _warnings_left:
        _warnings_left.pop()
        emit_diagnostic(text, level=logging.WARNING)


def global_logger_provider() -> LoggerProvider | None:
    """Return the global logger provider that somebody set and that still works, or None."""
    provider = get_logger_provider()
    return None if isinstance(provider, ProxyLoggerProvider) or provider in _spent else provider


def global_tracer_provider() -> TracerProvider | None:
    """Return the global tracer provider that somebody set and that still works, or None."""
    provider = trace.get_tracer_provider()
    return None if isinstance(provider, trace.ProxyTracerProvider) or provider in _spent else provider


def offer_globally(logger_provider: LoggerProvider, tracer_provider: TracerProvider) -> None:
    """Make the providers the global ones, each unless somebody set one before."""
    logs, traces = get_logger_provider(), trace.get_tracer_provider()
    if isinstance(logs, ProxyLoggerProvider):
        set_logger_provider(logger_provider)
    if isinstance(traces, trace.ProxyTracerProvider):
        trace.set_tracer_provider(tracer_provider)
    if logs in _spent or traces in _spent:
        _warn_once(
            "OpenTelemetry sets its global providers once per process, and they belong to an earlier setup() that was"
            " shut down: this setup() logs through new ones, whatever uses the global ones stays silent",
        )


def load_propagator(argument: str | Iterable[str | TextMapPropagator] | None) -> TextMapPropagator | None:
    """Return what `argument` asks for, else what ``OTEL_PROPAGATORS`` asks for; None if nobody does.

    Raises:
        ValueError: a name that no installed distribution registers, in the variable even if there is an argument,
            since OpenTelemetry reads it all the same; the nearest match is named.
        TypeError: something that is neither a name nor a propagator.
    """
    variable = os.environ.get(_PROPAGATORS, "")
    if not variable and argument is None:
        # OpenTelemetry's own default, W3C trace context and baggage, is set already, or somebody's choice is.
        return None
    points = {point.name: point for point in entry_points(group="opentelemetry_propagator")}
    named = _propagators(variable.split(",") if variable else (), points, what=_PROPAGATORS)
    if argument is not None:
        what = "argument 'propagators'"
        if not isinstance(argument, (str, Iterable)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"{what} is {argument!r}, allowed: names and propagators")  # pyright: ignore[reportUnreachable]
        named = _propagators(argument.split(",") if isinstance(argument, str) else argument, points, what=what)
    return CompositePropagator([part.load()() if isinstance(part, EntryPoint) else part for part in named])


def _propagators(
    items: Iterable[str | TextMapPropagator], points: dict[str, EntryPoint], *, what: str
) -> list[EntryPoint | TextMapPropagator]:
    parts: list[EntryPoint | TextMapPropagator] = []
    for item in items:
        if isinstance(item, TextMapPropagator):
            parts.append(item)
        elif isinstance(item, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            name = item.strip()
            name = "none" if name.lower() == "none" else choose(name, (*sorted(points), "none"), what=what)
            if name != "none":
                parts.append(points[name])
        else:
            raise TypeError(f"{what} has {item!r}, allowed: names and propagators")  # pyright: ignore[reportUnreachable]
    return parts


# Imported late: `opentelemetry.propagate` reads its variable when it is imported, and raises an error that does not
# name it. `load_propagator` has checked it by then.
def current_propagator() -> TextMapPropagator:
    """Return the global propagator."""
    from opentelemetry.propagate import get_global_textmap

    return get_global_textmap()


def set_propagator(propagator: TextMapPropagator) -> None:
    """Make it the global one."""
    from opentelemetry.propagate import set_global_textmap

    set_global_textmap(propagator)
