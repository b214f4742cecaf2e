"""What the instrumentor relies on in OpenTelemetry beyond its documented API; a version that changes it fails here."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import pytest
from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import ConcurrentMultiLogRecordProcessor, LoggerProvider, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

import otel_ctxlog as cl
from otel_ctxlog.pipeline.provider_gate import gate_provider

from .conftest import ENTRY_POINTS, ROOT


def test_all_loggers_of_a_provider_share_the_object_that_holds_its_processors() -> None:
    """Methods set on it are what loggers call, those that were made before included."""
    provider = LoggerProvider(shutdown_on_exit=False)
    logger = provider.get_logger("before")
    holder = provider._multi_log_record_processor
    seen: list[object] = []

    def on_emit(log_record: ReadWriteLogRecord) -> None:
        seen.append(log_record.log_record.body)

    holder.on_emit = on_emit  # type: ignore[method-assign]
    holder.enabled = lambda **_: False  # type: ignore[method-assign]
    for one in (logger, provider.get_logger("after"), provider.get_logger("own", attributes={"a": 1})):
        one.emit(body=1)
        assert not one.enabled()

    assert seen == [1, 1, 1]


@pytest.mark.parametrize("concurrent", [False, True])
def test_processors_that_are_added_later_are_behind_the_gate(*, concurrent: bool) -> None:
    """Whatever the program adds to its provider, the rules come first; and not any more when it is undone."""
    multi = ConcurrentMultiLogRecordProcessor() if concurrent else None
    provider = LoggerProvider(shutdown_on_exit=False, multi_log_record_processor=multi)
    first, later = InMemoryLogRecordExporter(), InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    provider.add_log_record_processor(SimpleLogRecordProcessor(first))
    logger = provider.get_logger("any")

    undo = gate_provider(provider, cl.LoggingContext(provider))
    assert undo is not None
    provider.add_log_record_processor(SimpleLogRecordProcessor(later))
    wanted = [logger.enabled(severity_number=SeverityNumber.DEBUG)]
    logger.emit(severity_number=SeverityNumber.DEBUG, body="gated")
    logger.emit(severity_number=SeverityNumber.INFO, body="on")
    undo()
    wanted.append(logger.enabled(severity_number=SeverityNumber.DEBUG))
    logger.emit(severity_number=SeverityNumber.DEBUG, body="open")
    provider.shutdown()
    if multi is not None:
        multi._executor.shutdown()

    for exporter in (first, later):
        assert [record.log_record.body for record in exporter.get_finished_logs()] == ["on", "open"]
    assert wanted == [False, True]


def test_undoing_leaves_what_others_have_put_in_front() -> None:
    """Somebody who wrapped the same methods since keeps them; the gate below lets everything pass."""
    provider = LoggerProvider(shutdown_on_exit=False)
    exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    undo = gate_provider(provider, cl.LoggingContext(provider))
    assert undo is not None
    holder = provider._multi_log_record_processor
    gated = holder.on_emit

    def others(log_record: ReadWriteLogRecord) -> None:
        gated(log_record)

    holder.on_emit = others  # type: ignore[method-assign]

    undo()
    provider.get_logger("any").emit(severity_number=SeverityNumber.DEBUG, body="m")

    assert vars(holder)["on_emit"] is others
    assert "enabled" not in vars(holder)
    assert [record.log_record.body for record in exporter.get_finished_logs()] == ["m"]


@pytest.mark.parametrize("provider", [None, object(), type("Other", (), {"_multi_log_record_processor": object()})()])
def test_a_provider_of_another_kind_is_left_alone(provider: object) -> None:
    """What does not look like the SDK's is not touched."""
    assert gate_provider(provider, cl.LoggingContext()) is None


def test_the_entry_points_are_those_of_the_distribution() -> None:
    """What the tests make known where the package is not installed is what the distribution says."""
    text = Path(ROOT, "pyproject.toml").read_text(encoding="utf-8")

    for line in ENTRY_POINTS.splitlines():
        if line.startswith("["):
            assert f"[project.entry-points.{line.strip('[]')}]" in text
        elif line:
            name, _, value = line.partition(" = ")
            assert f'{name} = "{value}"' in text


def test_the_command_lists_what_we_fill_in() -> None:
    """The groups that OpenTelemetry's command reads are still named like this: its own packages use them."""
    assert entry_points(group="opentelemetry_environment_variables", name="instrumentation")
    assert entry_points(group="opentelemetry_instrumentor")
