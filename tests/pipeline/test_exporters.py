"""Where records and spans go: names, lists, objects, and the variables that choose them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_ctxlog.pipeline import setup

if TYPE_CHECKING:
    from pathlib import Path


def _one_of_each(**arguments: Any) -> tuple[list[object], list[str]]:
    """Log one record and end one span; what the exporter `memory` then has."""
    with setup(set_global=False, **arguments) as telemetry:
        telemetry.logging.logger().info("hello")
        telemetry.tracer_provider.get_tracer("t").start_span("span").end()
        logs: list[object] = [record.log_record.body for record in telemetry.memory.finished_logs()]
        return logs, [span.name for span in telemetry.memory.finished_spans()]


def test_memory_takes_both_at_once() -> None:
    """The exporter `memory` has records and spans without a flush."""
    assert _one_of_each(exporter="memory") == (["hello"], ["span"])


def test_none_takes_nothing() -> None:
    """The exporter `none` is none."""
    assert _one_of_each(exporter="none") == ([], [])


def test_the_signals_choose_apart() -> None:
    """`traces_exporter` decides about spans alone."""
    assert _one_of_each(exporter="memory", traces_exporter="none") == (["hello"], [])
    assert _one_of_each(exporter="none", traces_exporter="memory") == ([], ["span"])


def test_the_variables_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    """`OTEL_LOGS_EXPORTER` and `OTEL_TRACES_EXPORTER` take lists, each for its signal; an argument wins."""
    monkeypatch.setenv("OTEL_LOGS_EXPORTER", "none, memory")
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")

    assert _one_of_each() == (["hello"], [])
    assert _one_of_each(exporter="none", traces_exporter="memory") == ([], ["span"])


def test_objects_and_names_mix() -> None:
    """Exporter objects go to the signal they are made for, beside names."""
    logs, spans = InMemoryLogRecordExporter(), InMemorySpanExporter()  # type: ignore[no-untyped-call]

    with setup(exporter=[logs, spans, "memory"], set_global=False) as telemetry:
        telemetry.logging.logger().info("hello")
        telemetry.tracer_provider.get_tracer("t").start_span("span").end()
        assert len(telemetry.memory.finished_logs()) == len(telemetry.memory.finished_spans()) == 1

    assert [record.log_record.body for record in logs.get_finished_logs()] == ["hello"]
    assert [span.name for span in spans.get_finished_spans()] == ["span"]


def test_only_an_exporter_of_records_leaves_spans_alone() -> None:
    """With an exporter object for log records nobody is asked to take spans: no collector is looked for."""
    exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]

    with setup(exporter=exporter, set_global=False) as telemetry:
        assert repr(telemetry) == "<Telemetry running, 1 exporters>"


def test_a_file_has_otlp_json_lines(tmp_path: Path) -> None:
    """`file:PATH` appends OTLP JSON, one request a line, records and spans in one file."""
    path = tmp_path / "telemetry.jsonl"

    with setup(service_name="shop", exporter=f"file:{path}", set_global=False) as telemetry:
        telemetry.logging.logger().info("hello")
        telemetry.tracer_provider.get_tracer("t").start_span("span").end()

    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert sorted(key for line in lines for key in line) == ["resourceLogs", "resourceSpans"]
    [logs] = [line["resourceLogs"][0] for line in lines if "resourceLogs" in line]
    assert logs["scopeLogs"][0]["logRecords"][0]["body"] == {"stringValue": "hello"}
    assert {"key": "service.name", "value": {"stringValue": "shop"}} in logs["resource"]["attributes"]


def test_the_console_has_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    """`console` prints one readable line per record and span, whatever is in them."""
    with setup(exporter="console", set_global=False) as telemetry:
        telemetry.logging.logger().warn("two\nlines", user="a b", count=3)
        telemetry.tracer_provider.get_tracer("t").start_span("span").end()

    record, span = capsys.readouterr().out.splitlines()
    assert 'WARN  two\\nlines  user="a b" count=3' in record
    assert " SPAN  span " in span


def test_the_resource_is_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Service name and attributes come from the variables; arguments win."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "variable")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment=test,team=a")

    with setup(exporter="memory", set_global=False) as telemetry:
        telemetry.logging.logger().info("hello")
        found = telemetry.memory.finished_logs()[0].resource.attributes
    assert (found["service.name"], found["deployment"], found["team"]) == ("variable", "test", "a")

    arguments: dict[str, Any] = {"service_name": "argument", "service_version": "1.2"}
    with setup(exporter="memory", set_global=False, resource_attributes={"team": "b"}, **arguments) as telemetry:
        telemetry.logging.logger().info("hello")
        found = telemetry.memory.finished_logs()[0].resource.attributes
    assert (found["service.name"], found["service.version"], found["team"]) == ("argument", "1.2", "b")


def test_the_sampler_is_the_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """`OTEL_TRACES_SAMPLER` decides whether spans are recorded."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")

    assert _one_of_each(exporter="memory") == (["hello"], [])


def test_a_disabled_sdk_works_and_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `OTEL_SDK_DISABLED=true` every call works, nothing is exported, and no thread is started."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "TRUE")

    assert _one_of_each(exporter="memory") == ([], [])
    with setup(set_global=False) as telemetry:
        telemetry.eventer.event("started")
        assert repr(telemetry) == "<Telemetry running, 0 exporters>"
        assert telemetry.flush(1)


def test_a_small_queue_makes_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """`OTEL_BLRP_MAX_QUEUE_SIZE` alone may be below the default batch, which the SDK refuses."""
    monkeypatch.setenv("OTEL_BLRP_MAX_QUEUE_SIZE", "10")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "10")

    with setup(exporter="otlp", set_global=False) as telemetry:
        assert telemetry.flush(1)
