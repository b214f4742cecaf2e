"""All that the services of this example know of `otel_ctxlog`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import otel_ctxlog as cl
from otel_ctxlog.bridges import stdlib

if TYPE_CHECKING:
    from otel_ctxlog import Telemetry

__all__ = ["start"]

_started: Telemetry | None = None


def start() -> Telemetry:
    """Bring what is logged in this process under the rules; once, also where a hook of the server was faster.

    The variables say the rest: ``OTEL_SERVICE_NAME``, ``OTEL_EXPORTER_OTLP_ENDPOINT``, ``OTEL_CTXLOG_CONFIG``.
    """
    global _started  # noqa: PLW0603 - one pipeline per process
    if _started is None:
        _started = cl.setup()
        stdlib.install()
    return _started
