"""Whether somebody has asked instrumentations to keep quiet: the SDK does so while it exports."""

from __future__ import annotations

from typing import Final

from opentelemetry import context as context_api
from opentelemetry.context import Context

__all__ = ["is_suppressed"]

# Private names of the API, as of 1.45: `suppress_instrumentation()` sets the first; older code sets the plain text.
_KEY: Final = getattr(context_api, "_SUPPRESS_INSTRUMENTATION_KEY", "suppress_instrumentation")


def is_suppressed(context: Context) -> bool:
    """Return whether instrumentations must keep quiet in that context."""
    return bool(context.get(_KEY) or context.get("suppress_instrumentation"))
