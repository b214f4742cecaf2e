"""What waits in a batch queue is a copy of the record that keeps neither its context nor its later changes."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Sequence

import pytest
from opentelemetry import context
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter, LogRecordExportResult

import otel_ctxlog as cl
from otel_ctxlog.pipeline import log_snapshot
from otel_ctxlog.pipeline.log_snapshot import snapshot


class Kept(LogRecordExporter):
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[ReadableLogRecord] = []

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        self.records.extend(batch)
        return LogRecordExportResult.SUCCESS

    def shutdown(self) -> None:
        pass

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


class Big:
    """Something in a context that can be watched."""


def test_it_has_all_that_the_sdk_keeps() -> None:
    """Exported through `setup` and through the SDK's processor, one record has equal fields."""
    ours, official = Kept(), Kept()
    with cl.setup(exporter=ours, traces_exporter="none", set_global=False) as telemetry:
        provider = telemetry.logger_provider
        assert isinstance(provider, LoggerProvider)
        provider.add_log_record_processor(BatchLogRecordProcessor(official))
        telemetry.logging.logger(cl.Realm("shop")).log_error(ValueError("no"), "failed", order="A-1")
        telemetry.eventer.event("orderPlaced", total=100)

    assert len(ours.records) == len(official.records) == 2
    for one, other in zip(ours.records, official.records, strict=True):
        fields = {name: getattr(one.log_record, name) for name in vars(other.log_record)}
        assert fields == vars(other.log_record)
        assert (one.resource, one.instrumentation_scope) == (other.resource, other.instrumentation_scope)
        assert one.to_json() == other.to_json()


def test_the_sdk_has_no_field_that_it_leaves_out() -> None:
    """A release with a further field would be noticed, and copied by the SDK."""
    assert log_snapshot._ALL_FIELDS_KNOWN


def test_the_context_of_a_queued_record_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """What only a record's context held is gone while the record still waits."""
    monkeypatch.setenv("OTEL_BLRP_SCHEDULE_DELAY", "60000")
    kept = Kept()
    with cl.setup(exporter=kept, traces_exporter="none", set_global=False) as telemetry:
        big = Big()
        watched = weakref.ref(big)
        token = context.attach(context.set_value("big", big))
        telemetry.logging.logger().info("waits")
        context.detach(token)
        del big, token
        gc.collect()
        waiting = not kept.records
        gone = watched() is None

    assert waiting
    assert gone
    assert len(kept.records) == 1


class Changes(LogRecordProcessor):
    """A processor behind the queue that changes the record."""

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        log_record.log_record.body = "changed"

    def shutdown(self) -> None:
        pass

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


def test_what_a_later_processor_does_to_the_record_is_not_seen() -> None:
    """As with the SDK's own copy."""
    kept = Kept()
    with cl.setup(exporter=kept, traces_exporter="none", set_global=False) as telemetry:
        provider = telemetry.logger_provider
        assert isinstance(provider, LoggerProvider)
        provider.add_log_record_processor(Changes())
        telemetry.logging.logger().info("as it was")

    assert [record.log_record.body for record in kept.records] == ["as it was"]


class OwnRecord(LogRecord):
    """A record with a field of its own."""

    extra = "more"


def test_a_record_of_an_own_type_stays_one() -> None:
    """The SDK copies what we do not know."""
    record = ReadWriteLogRecord(OwnRecord(body="own"))

    assert snapshot(record) is record
    assert snapshot(ReadWriteLogRecord(LogRecord(body="plain"))) is not record
