"""Limits that make no sense are refused with what they are and what is allowed; variables become limits."""

from __future__ import annotations

from typing import Any

import pytest

from otel_ctxlog.delivery.limits import Limits
from otel_ctxlog.delivery.processor import DeliveryProcessor
from otel_ctxlog.pipeline.environment import read_limits


@pytest.mark.parametrize(
    ("arguments", "error", "expected"),
    [
        ({"records": 0}, ValueError, "records is 0, allowed: a number above 0"),
        ({"bytes": -5}, ValueError, "bytes is -5, allowed: a number above 0"),
        ({"records": 1.5}, TypeError, "records is 1.5, allowed: a whole number"),
        ({"delay": "1"}, TypeError, "delay is '1', allowed: a number"),
        ({"delay": float("nan")}, ValueError, "delay is nan, allowed: a number above 0"),
        ({"timeout": float("inf")}, ValueError, "timeout is inf, allowed: a number above 0"),
        ({"block": -0.1}, ValueError, "block is -0.1, allowed: a number from 0"),
        ({"batch_records": True}, TypeError, "batch_records is True, allowed: a whole number"),
        ({"records": 10}, ValueError, "batch_records is 512, allowed: at most records, which is 10"),
    ],
)
def test_a_wrong_limit_is_named(arguments: dict[str, Any], error: type[Exception], expected: str) -> None:
    """Which, what it is, and what is allowed."""
    with pytest.raises(error) as caught:
        Limits(**arguments)

    assert str(caught.value) == expected


def test_variables_become_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of OpenTelemetry, and ours for what it has none for."""
    assert read_limits() == Limits()
    for name, value in {
        "OTEL_BLRP_MAX_QUEUE_SIZE": "100",
        "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "50",
        "OTEL_BLRP_SCHEDULE_DELAY": "250",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "3",
        "OTEL_CTXLOG_QUEUE_BYTES": "1000000",
        "OTEL_CTXLOG_QUEUE_BLOCK": "0.5",
    }.items():
        monkeypatch.setenv(name, value)
    wanted = Limits(records=100, bytes=1_000_000, batch_records=50, delay=0.25, timeout=3, block=0.5)
    assert read_limits() == wanted

    monkeypatch.setenv("OTEL_BLRP_EXPORT_TIMEOUT", "2000")
    assert read_limits().timeout == 2.0


def test_a_processor_for_nothing_is_refused() -> None:
    """What is neither a transport nor an exporter."""
    with pytest.raises(TypeError, match="argument 'to' is 5, allowed: a Transport or a LogRecordExporter"):
        DeliveryProcessor(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
