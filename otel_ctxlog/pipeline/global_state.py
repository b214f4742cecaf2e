"""OpenTelemetry's global providers and propagator: who set them, and setting them."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from opentelemetry import propagate, trace
from opentelemetry._logs import get_logger_provider, set_logger_provider

# Private: the API has no other way to ask whether a provider was set. `tests/pipeline/test_sdk_parts.py` watches it.
from opentelemetry._logs._internal import ProxyLoggerProvider
from opentelemetry.propagators.composite import CompositePropagator

from otel_ctxlog.engine.diagnostics import emit_diagnostic
from otel_ctxlog.pipeline.environment import choose

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry._logs import LoggerProvider
    from opentelemetry.propagators.textmap import TextMapPropagator
    from opentelemetry.trace import TracerProvider

__all__ = ["global_logger_provider", "global_tracer_provider", "load_propagator", "mark_spent", "offer_globally"]

# Providers of pipelines that were shut down. OpenTelemetry sets its globals once per process, so they may still be
# the global ones; nothing logged through them goes anywhere.
_spent: WeakSet[Any] = WeakSet()


_warnings_left: list[None] = [None]


def mark_spent(provider: object) -> None:
    """Remember that this provider was shut down."""
    _spent.add(provider)


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
        ValueError: a name that no installed distribution registers; the nearest match is named.
    """
    what = "argument 'propagators'"
    if argument is None:
        what = "OTEL_PROPAGATORS"
        argument = os.environ.get(what, "").strip()
        if not argument:
            # OpenTelemetry's own default, W3C trace context and baggage, is set already, or somebody's choice is.
            return None
    from importlib.metadata import entry_points

    points = {point.name: point for point in entry_points(group="opentelemetry_propagator")}
    parts: list[TextMapPropagator] = []
    for item in argument.split(",") if isinstance(argument, str) else argument:
        if not isinstance(item, str):
            parts.append(item)
            continue
        name = item.strip()
        if name and choose(name, (*sorted(points), "none"), what=what) != "none":
            parts.append(points[name].load()())
    return CompositePropagator(parts)


def current_propagator() -> TextMapPropagator:
    """Return the global propagator."""
    return propagate.get_global_textmap()


def set_propagator(propagator: TextMapPropagator) -> None:
    """Make it the global one."""
    propagate.set_global_textmap(propagator)
