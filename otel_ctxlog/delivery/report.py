"""The log record that tells about losses, in the same place as the records that arrived."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk._logs import ReadWriteLogRecord
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_ctxlog.delivery.kinds import KINDS

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

    from otel_ctxlog.delivery.losses import Counts

__all__ = ["SCOPE", "in_words", "loss_report"]

SCOPE: Final = "otel_ctxlog.delivery"
"""The instrumentation scope of the record, and of the metrics."""

_PREFIX: Final = "otel_ctxlog.lost."


def loss_report(counts: Counts, resource: Resource | None) -> ReadWriteLogRecord:
    """Return a record ``records lost`` at severity WARN.

    Its attributes: ``otel_ctxlog.lost.count``, the number of all; for each reason ``otel_ctxlog.lost.reason.overflow``
    and so on; for each kind ``otel_ctxlog.lost.severity.debug`` and so on, events being a kind of their own.

    Args:
        counts: what it tells; not empty.
        resource: what it is about.
    """
    attributes: dict[str, int] = {f"{_PREFIX}count": sum(counts.values())}
    for (reason, kind), count in sorted(counts.items()):
        for key in (f"{_PREFIX}reason.{reason}", f"{_PREFIX}severity.{KINDS[kind].lower()}"):
            attributes[key] = attributes.get(key, 0) + count
    now = time.time_ns()
    record = LogRecord(
        timestamp=now,
        observed_timestamp=now,
        context=Context(),
        severity_number=SeverityNumber.WARN,
        severity_text="WARN",
        body="records lost",
        attributes=attributes,
    )
    return ReadWriteLogRecord(record, resource, InstrumentationScope(SCOPE))


def in_words(counts: Counts) -> str:
    """Return what was lost, the worthiest kind first: ``12: 3 EVENT, 9 INFO (overflow: 2, shutdown: 10)``.

    Args:
        counts: what it tells; not empty.
    """
    kinds: Counter[int] = Counter()
    reasons: Counter[str] = Counter()
    for (reason, kind), count in counts.items():
        kinds[kind] += count
        reasons[reason] += count
    lost = ", ".join(f"{kinds[kind]} {KINDS[kind]}" for kind in sorted(kinds, reverse=True))
    why = ", ".join(f"{reason}: {reasons[reason]}" for reason in sorted(reasons))
    return f"{sum(counts.values())}: {lost} ({why})"
