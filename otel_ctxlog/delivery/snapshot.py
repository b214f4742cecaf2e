"""What a batch processor keeps of a record, made cheaper and smaller than the SDK makes it.

The SDK's processor copies each record with `copy.copy`, so as to let go of its context, and puts the copy into a
`ReadableLogRecord`. A record given to it as `snapshot` makes one is copied already, into slots: its `__copy__` returns
it as it is.
"""

from __future__ import annotations

from typing import Final

from opentelemetry._logs import LogRecord
from opentelemetry.context import Context
from opentelemetry.sdk._logs import ReadWriteLogRecord

__all__ = ["snapshot"]

_NO_CONTEXT: Final = Context()


class _Copy(LogRecord):
    """A copy of a record, which needs no further one."""

    __slots__ = (
        "attributes",
        "body",
        "context",
        "event_name",
        "exception",
        "observed_timestamp",
        "severity_number",
        "severity_text",
        "span_id",
        "timestamp",
        "trace_flags",
        "trace_id",
    )

    def __init__(self, record: LogRecord) -> None:
        # Not the base class's, which would look for the current span.
        self.timestamp = record.timestamp
        self.observed_timestamp = record.observed_timestamp
        self.context = _NO_CONTEXT
        self.trace_id = record.trace_id
        self.span_id = record.span_id
        self.trace_flags = record.trace_flags
        self.severity_text = record.severity_text
        self.severity_number = record.severity_number
        self.body = record.body
        self.attributes = record.attributes
        self.event_name = record.event_name
        self.exception = record.exception

    def __copy__(self) -> _Copy:
        return self


class _Around(ReadWriteLogRecord):
    """What stands around the copy; the constructor of its base class would check all attributes once more."""

    def __init__(self, record: ReadWriteLogRecord) -> None:
        self.log_record = _Copy(record.log_record)
        self.resource = record.resource
        self.instrumentation_scope = record.instrumentation_scope
        self.limits = record.limits


# In a release whose records have further fields, copying is left to the SDK.
_ALL_FIELDS_KNOWN: Final = vars(LogRecord()).keys() == set(_Copy.__slots__)


def snapshot(record: ReadWriteLogRecord) -> ReadWriteLogRecord:
    """Return what a processor that keeps `record` for later may keep: a shallow copy without its context.

    As in the SDK's own copy, the attributes are the same mapping; what a later processor changes in it is seen. A
    record of a subclass, which may have fields of its own, is returned as it is, for the SDK to copy.
    """
    return _Around(record) if _ALL_FIELDS_KNOWN and type(record.log_record) is LogRecord else record
