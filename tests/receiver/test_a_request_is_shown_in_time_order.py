"""The records of a request are shown by time, although OTLP has them by scope, and stored as they were sent."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

from otel_ctxlog.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.receiver.conftest import Send


def bodies(shown: str) -> list[str]:
    """The last word of each line."""
    return [line.rpartition(" ")[2] for line in shown.splitlines()]


def test_two_loggers_in_turn_are_shown_in_turn() -> None:
    """What the official exporter sends by scope stands on the display in the order logged, and is kept as sent."""
    stream = io.StringIO()
    with Receiver(http_port=0, grpc_port=None, show=stream, color=False) as receiver:
        provider = LoggerProvider()
        exporter = OTLPLogExporter(endpoint=f"{receiver.http_endpoint}/v1/logs")
        provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
        for number in range(6):
            provider.get_logger(f"scope{number % 2}").emit(
                body=f"n{number}", timestamp=1_700_000_000_000_000_000 + number
            )
        provider.shutdown()
        receiver.wait_for(6)

        assert bodies(stream.getvalue()) == ["n0", "n1", "n2", "n3", "n4", "n5"]
        assert [record.body for record in receiver.records] == ["n0", "n2", "n4", "n1", "n3", "n5"]


def test_the_observed_time_stands_in_for_a_missing_one(sender: Callable[[Receiver], Send]) -> None:
    """As on the line itself; records of the same time keep their order."""
    records = [
        {"timeUnixNano": "30", "body": {"stringValue": "c"}},
        {"observedTimeUnixNano": "20", "body": {"stringValue": "b1"}},
        {"timeUnixNano": "20", "observedTimeUnixNano": "99", "body": {"stringValue": "b2"}},
        {"timeUnixNano": "10", "body": {"stringValue": "a"}},
    ]
    request = {"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}
    stream = io.StringIO()
    with Receiver(http_port=0, grpc_port=None, show=stream, color=False) as receiver:
        sender(receiver)(json.dumps(request).encode(), headers={"Content-Type": "application/json"})

    assert bodies(stream.getvalue()) == ["a", "b1", "b2", "c"]
