"""Stdlib ``logging`` through the rules of a context.

- `install` and `uninstall`: every logger of the process, also those of libraries, without a change to any of them.
- `Handler` and `ContextFilter`: the same record by record, for ``dictConfig`` and ``fileConfig``.

``docs/stdlib.md`` is the guide, and says how levels, ``logging.disable()``, filters, handlers and rules combine.
"""

from otel_ctxlog.bridges.stdlib.handlers import ContextFilter, Handler
from otel_ctxlog.bridges.stdlib.installing import Others, install, uninstall

__all__ = ["ContextFilter", "Handler", "Others", "install", "uninstall"]
