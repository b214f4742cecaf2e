"""What the target of a context does with a record that the rules let through; for explanations."""

from __future__ import annotations

from collections.abc import Iterator

from opentelemetry._logs import NoOpLoggerProvider, get_logger_provider

from otel_ctxlog.engine.levels import level_name
from otel_ctxlog.engine.stem import Stem
from otel_ctxlog.otel.context import Context
from otel_ctxlog.otel.route import Route, shifted
from otel_ctxlog.otel.severity import severity_of

__all__ = ["target_notes"]


def target_notes(route: Route, stem: Stem, level: int, context: Context) -> Iterator[str]:
    """Yield why a record at `level` would not be used by the target, and what becomes of its level there."""
    if level == 0:
        return
    there = shifted(level, route.offset)
    if there != level:
        yield f"on the way to its target level {level_name(level)} becomes {level_name(there)} (level_offset)"
    provider = route.provider
    if provider is None:  # a sink is asked for records only
        return
    real = get_logger_provider() if provider.provider is None else provider.provider
    kind = type(real).__name__
    if isinstance(real, NoOpLoggerProvider) or kind == "ProxyLoggerProvider":
        yield "no LoggerProvider is set, so that records go nowhere: call otel_ctxlog.setup(), or set one"
        return
    logger, _ = provider.scope(stem.scope)
    if not logger.enabled(context=context, severity_number=severity_of(there), event_name=None):
        yield (
            f"the {kind} does not want such records now: it is shut down, has no processor, or one of its processors "
            f"says no to severity {severity_of(there).name}"
        )
