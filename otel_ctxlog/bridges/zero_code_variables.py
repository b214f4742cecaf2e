"""The environment variables of the instrumentor.

``opentelemetry-instrument`` makes an option of each name here that begins with ``OTEL_``, like ``--ctxlog_config``.
"""

from __future__ import annotations

from typing import Final

__all__ = ["OTEL_CTXLOG", "OTEL_CTXLOG_CONFIG", "OTEL_CTXLOG_GATE", "OTEL_CTXLOG_STDLIB"]

OTEL_CTXLOG: Final = "OTEL_CTXLOG"
"""Rules on one line, which are asked before those of a file."""

OTEL_CTXLOG_CONFIG: Final = "OTEL_CTXLOG_CONFIG"
"""The name of a file with rules and levels, as `otel_ctxlog.config.watch` takes them; none: level Info for all."""

OTEL_CTXLOG_GATE: Final = "OTEL_CTXLOG_GATE"
"""``false``: log records of other instrumentations go out as if there were no rules; default ``true``."""

OTEL_CTXLOG_STDLIB: Final = "OTEL_CTXLOG_STDLIB"
"""``false``: the records of ``logging`` are left to the official handler; default ``true``."""
