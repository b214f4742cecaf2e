"""What must not be bridged: what is logged because a record is being written, or exported.

Three things tell: the context variable `BUSY`, set while rules are asked and while a record is on its way to its
target; the mark that the SDK's exporting threads set in their OTel context; and the names of the loggers of
OpenTelemetry and of this library. Such records go to the other handlers, as without a bridge.
"""

from __future__ import annotations

from typing import Final

from otel_ctxlog.loggers.std_writer import BUSY
from otel_ctxlog.otel.context import Context
from otel_ctxlog.otel.suppression import is_suppressed

__all__ = ["BUSY", "is_diagnostic_name", "is_quiet", "is_suppressed"]

_DIAGNOSTICS: Final = frozenset({"opentelemetry", "otel_ctxlog"})


def is_quiet(context: Context) -> bool:
    """Return whether what is logged here and now is a consequence of logging or exporting.

    Args:
        context: the current OTel context.
    """
    return BUSY.get() or (bool(context) and is_suppressed(context))


def is_diagnostic_name(name: str) -> bool:
    """Return whether a logger is one of OpenTelemetry's or of ours, whose records are never bridged."""
    return name.partition(".")[0] in _DIAGNOSTICS
