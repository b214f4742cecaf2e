"""Variables that begin like ours and are none: a mistyped one would be without effect, and without a word."""

from __future__ import annotations

import difflib
import logging
import os
from typing import Final

from otel_ctxlog.engine.diagnostics import emit_diagnostic

__all__ = ["KNOWN", "warn_of_unknown_variables"]

_PREFIX: Final = "OTEL_CTXLOG"

KNOWN: Final = (
    "OTEL_CTXLOG",
    "OTEL_CTXLOG_CONFIG",
    "OTEL_CTXLOG_ENCODER",
    "OTEL_CTXLOG_GATE",
    "OTEL_CTXLOG_QUEUE_BLOCK",
    "OTEL_CTXLOG_QUEUE_BYTES",
    "OTEL_CTXLOG_SPOOL",
    "OTEL_CTXLOG_STDLIB",
)
"""All variables of this library, whoever reads them."""

_told: set[str] = set()


def warn_of_unknown_variables() -> None:
    """Say once per process and variable that one with our prefix is none of ours, with the nearest match."""
    for name in sorted(os.environ):
        if not name.upper().startswith(_PREFIX) or name in KNOWN or name in _told:
            continue
        _told.add(name)
        near = difflib.get_close_matches(name.upper(), KNOWN, n=1, cutoff=0.8)
        hint = f"; did you mean {near[0]}?" if near else ""
        text = f"the environment variable {name} has no effect, allowed: {', '.join(KNOWN)}{hint}"
        emit_diagnostic(text, level=logging.WARNING)
