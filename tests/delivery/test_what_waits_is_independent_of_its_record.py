"""What waits keeps neither the record's context nor its later changes, whether as bytes or as a copy."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING

import pytest
from opentelemetry import context
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

import otel_ctxlog as cl
from otel_ctxlog.delivery import snapshot as module
from otel_ctxlog.delivery.snapshot import snapshot
from tests.delivery.collectors import Held

if TYPE_CHECKING:
    from tests.delivery.collectors import Deliver, Scripted


class Big:
    """Something in a context that can be watched."""


class Changes(LogRecordProcessor):
    """A processor behind the queue that changes the record, and what is in it."""

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        log_record.log_record.body = "changed"
        if isinstance(log_record.log_record.attributes, dict):
            log_record.log_record.attributes.clear()

    def shutdown(self) -> None:
        pass

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


def test_a_copy_has_all_that_the_sdk_keeps() -> None:
    """Exported through `setup` and through the SDK's processor, one record has equal fields."""
    ours, official = Held(), Held()
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


def test_the_sdk_has_no_field_that_a_copy_leaves_out() -> None:
    """A release with a further field would be noticed, and handed over without a copy."""
    assert module._ALL_FIELDS_KNOWN


@pytest.mark.parametrize("form", ["bytes", "copy"])
def test_the_context_of_a_waiting_record_is_let_go(http: Scripted, deliver: Deliver, form: str) -> None:
    """What only a record's context held is gone while the record still waits."""
    delivered = deliver(http if form == "bytes" else Held())
    big = Big()
    watched = weakref.ref(big)
    token = context.attach(context.set_value("big", big))
    delivered.log("waits")
    context.detach(token)
    del big, token
    gc.collect()

    assert delivered.processor.waiting == 1
    assert watched() is None


@pytest.mark.parametrize("form", ["bytes", "copy"])
def test_what_a_later_processor_does_to_the_record_is_not_seen(http: Scripted, deliver: Deliver, form: str) -> None:
    """As with the SDK's own copy."""
    exporter = Held()
    delivered = deliver(http if form == "bytes" else exporter)
    delivered.provider.add_log_record_processor(Changes())
    delivered.log("as it was")

    assert delivered.flush()
    assert (http.taken or exporter.bodies) == ["as it was"]


def test_what_a_caller_changes_after_the_call_is_not_sent(http: Scripted, deliver: Deliver) -> None:
    """A nested value that is still the caller's is sent as it was at the call."""
    delivered = deliver(http)
    items = ["one"]
    delivered.log("list", attributes={"items": items})
    items.append("two")

    assert delivered.flush()
    [record] = http.requests[0].resource_logs[0].scope_logs[0].log_records
    [attribute] = record.attributes
    assert [value.string_value for value in attribute.value.array_value.values] == ["one"]


class OwnRecord(LogRecord):
    """A record with a field of its own."""

    extra = "more"


def test_a_record_of_an_own_type_stays_one() -> None:
    """What we do not know is not copied."""
    record = ReadWriteLogRecord(OwnRecord(body="own"))

    assert snapshot(record) is record
    assert snapshot(ReadWriteLogRecord(LogRecord(body="plain"))) is not record
