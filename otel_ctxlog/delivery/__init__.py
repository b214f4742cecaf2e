"""Delivery: records that arrive. A processor with a queue, ways to a collector, a spool on disk, the end of a process.

`otel_ctxlog.setup` puts it together; ``docs/delivery.md`` says how it behaves.
"""

from __future__ import annotations
