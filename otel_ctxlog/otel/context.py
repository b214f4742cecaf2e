"""The current OpenTelemetry context, as the rest of the library asks for it."""

from __future__ import annotations

from opentelemetry.context import Context, get_current

__all__ = ["Context", "get_current"]
