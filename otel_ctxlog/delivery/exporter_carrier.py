"""One of the two ways for records: as objects to an exporter of somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.resources import Resource

from otel_ctxlog.delivery.answers import ACCEPTED, Answer
from otel_ctxlog.delivery.hearing import hushed
from otel_ctxlog.delivery.kinds import EVENT, kind_of
from otel_ctxlog.delivery.queue import OVERHEAD, Item
from otel_ctxlog.delivery.snapshot import snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.sdk._logs import ReadWriteLogRecord
    from opentelemetry.sdk._logs.export import LogRecordExporter

__all__ = ["ExporterCarrier"]

_NO_OWNER: Final = (b"", b"")


class ExporterCarrier:
    """Records wait as copies without their context, and are handed to an exporter, whose trying again is its own.

    Args:
        exporter: gets them.
        heard: called with each warning of the exporter's own modules while it exports, from any thread.
    """

    def __init__(self, exporter: LogRecordExporter, heard: Callable[[str], None]) -> None:
        self._exporter = exporter
        self._heard = heard

    def pack(self, record: ReadWriteLogRecord) -> Item:
        """Return a copy of the record."""
        given = record.log_record
        attributes: dict[str, object] = dict(given.attributes or {})
        is_event = bool(given.event_name) or "eventType" in attributes
        kept = snapshot(record)
        readable = ReadableLogRecord(
            log_record=kept.log_record,
            # Only a processor that is called by hand is given none.
            resource=kept.resource if kept.resource is not None else Resource.create({}),
            instrumentation_scope=kept.instrumentation_scope,
            limits=kept.limits,
        )
        size = OVERHEAD + _size_of(given.body) + _size_of(attributes)
        return Item(EVENT if is_event else kind_of(given.severity_number), size, _NO_OWNER, readable)

    def carry(self, items: Sequence[Item], timeout: float) -> Answer:  # noqa: ARG002 - exporters take none
        """Hand them over."""
        batch = [cast("ReadableLogRecord", item.payload) for item in items]
        with hushed(self._heard) as said:
            try:
                if self._exporter.export(batch) is LogRecordExportResult.SUCCESS:
                    return ACCEPTED
            except Exception as error:  # noqa: BLE001 - an exporter's failure is a diagnostic, whatever it is
                return Answer("failed", f"{type(error).__name__}: {error}")
        return Answer("failed", said[0] if said else "the exporter reported a failure without a reason")

    def flush(self, timeout: float) -> bool:
        """Have the exporter flush."""
        with hushed():
            try:
                return self._exporter.force_flush(max(1, int(timeout * 1000))) is not False
            except Exception:  # noqa: BLE001 - as above; whoever flushes learns that it failed
                return False

    def close(self) -> None:
        """Shut the exporter down; raises what that raises."""
        with hushed():
            self._exporter.shutdown()  # type: ignore[no-untyped-call] # of the SDK

    def start_in_child(self) -> None:
        """Do nothing: what an exporter does after a fork is its own."""


def _size_of(value: object, levels: int = 5) -> int:
    """Return about how many bytes a value takes, looking at so many levels of it."""
    if isinstance(value, (str, bytes)):
        return len(value)
    if levels and isinstance(value, dict):
        entries = cast("Mapping[object, object]", value).items()
        return sum(16 + _size_of(key) + _size_of(item, levels - 1) for key, item in entries)
    if levels and isinstance(value, (list, tuple)):
        return sum(16 + _size_of(item, levels - 1) for item in cast("Sequence[object]", value))
    return 8
