"""A durable spool: what was appended is on disk before the call returns, and is sent in order, once it can be.

The directory holds append-only segments with a checksum per record, made for being killed at any moment: why not a
database, what is promised and what not, and the format are in ``docs/spool.md``.
"""

from __future__ import annotations

from otel_ctxlog.delivery.spool.counts import SpoolCounts
from otel_ctxlog.delivery.spool.reader import SpooledBatch
from otel_ctxlog.delivery.spool.spool import Spool

__all__ = ["Spool", "SpoolCounts", "SpooledBatch"]
