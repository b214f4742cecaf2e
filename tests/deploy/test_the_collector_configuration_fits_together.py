from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from .collector_rules import complaints
from .files import collector

if TYPE_CHECKING:
    from collections.abc import Callable


def test_nothing_is_wrong_with_it() -> None:
    """Components are known, declared, used, joined with the right signals, and lose nothing that they could keep."""
    assert list(complaints(collector())) == []


FAULTS: dict[str, tuple[Callable[[Any], object], str]] = {
    "an unknown type": (lambda c: c["processors"].update(batchh={}), "unknown type batchh"),
    "the old name": (
        lambda c: c["exporters"].update({"otlphttp/x": {}}),
        "unknown type otlphttp; did you mean otlp_http",
    ),
    "an unknown setting": (
        lambda c: c["processors"]["memory_limiter"].update(limit_percent=80),
        "unknown setting limit_percent; did you mean limit_percentage",
    ),
    "not declared": (lambda c: c["service"]["pipelines"]["traces"]["exporters"].append("otlp_grpc/x"), "is not among"),
    "not used": (lambda c: c["exporters"].update({"debug": {}}), "debug is not used"),
    "an extension that does not run": (lambda c: c["service"]["extensions"].remove("file_storage"), "file_storage"),
    "an extension that is not declared": (
        lambda c: c["service"]["extensions"].append("pprof"),
        "pprof is not declared",
    ),
    "a signal that is none": (
        lambda c: c["service"]["pipelines"].update({"log/x": {"receivers": ["otlp"], "exporters": ["otlp_http/loki"]}}),
        "unknown signal log",
    ),
    "a processor for another signal": (
        lambda c: c["service"]["pipelines"]["traces"]["processors"].append("interval"),
        "interval knows no traces",
    ),
    "a connector that makes no such signal": (
        lambda c: c["service"]["pipelines"]["traces"]["receivers"].append("signal_to_metrics/events"),
        "makes no traces of logs",
    ),
    "a connector without an end": (
        lambda c: c["service"]["pipelines"].pop("metrics/events"),
        "has to be an exporter of one pipeline and a receiver of another",
    ),
    "a route to nowhere": (
        lambda c: c["connectors"]["routing/events"]["table"][0].update(pipelines=["logs/event"]),
        "logs/event does not receive from it",
    ),
    "a pipeline without a route": (
        lambda c: c["connectors"]["routing/events"].update(default_pipelines=["logs/events"]),
        "no route leads to logs/records",
    ),
    "no default route": (lambda c: c["connectors"]["routing/events"].pop("default_pipelines"), "is lost"),
    "no limit of memory": (
        lambda c: c["service"]["pipelines"]["logs/in"].pop("processors"),
        "memory_limiter has to be",
    ),
    "a queue in memory": (
        lambda c: c["exporters"].update({"otlp_http/loki": {"endpoint": "http://loki:3100/otlp"}}),
        "otlp_http/loki: its queue is not on disk",
    ),
    "another storage": (
        lambda c: c["exporters"]["otlp_http/loki"]["sending_queue"].update(storage="file_storage/x"),
        "no extension that runs",
    ),
    "no batches": (lambda c: c["exporters"]["otlp_http/loki"]["sending_queue"].pop("batch"), "makes no batches"),
    "batches larger than the queue": (
        lambda c: c["exporters"]["otlp_http/loki"]["sending_queue"].update(queue_size=10),
        "a batch is larger than the queue",
    ),
    "no end of retries": (
        lambda c: c["exporters"]["otlp_http/loki"]["retry_on_failure"].pop("max_elapsed_time"),
        "does not say how long it tries",
    ),
    "no exporters": (lambda c: c["service"]["pipelines"]["traces"].update(exporters=[]), "no exporters"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_would_be_noticed(fault: str) -> None:
    """The check above finds what it is for."""
    config = copy.deepcopy(collector())
    spoil, expected = FAULTS[fault]
    spoil(config)

    found = list(complaints(config))

    assert any(expected in complaint for complaint in found), found


def test_events_are_told_from_logs_by_their_attribute() -> None:
    """The route of events asks for the attribute that the library puts on each event, not for the event name."""
    (route,) = collector()["connectors"]["routing/events"]["table"]

    assert (route["context"], route["condition"]) == ("log", 'attributes["eventType"] != nil')
    assert route["pipelines"] == ["logs/events"]


def test_events_without_a_tenant_count_as_well() -> None:
    """Every attribute of the count that an event may lack has a default: without one, the event would not count."""
    (count,) = collector()["connectors"]["signal_to_metrics/events"]["logs"]
    attributes = {attribute["key"]: attribute.get("default_value") for attribute in count["attributes"]}
    resource = {attribute["key"]: attribute.get("default_value") for attribute in count["include_resource_attributes"]}

    assert attributes == {"eventType": None, "tenant": "(none)"}
    assert resource == {"service.name": "unknown_service"}
    assert count["sum"] == {"value": "1", "monotonic": True}, "else Prometheus takes it for a gauge"


def test_counts_become_totals_before_prometheus() -> None:
    """Connectors count what is in one request; Prometheus takes totals only."""
    pipeline = collector()["service"]["pipelines"]["metrics/events"]

    assert pipeline["processors"] == ["delta_to_cumulative", "interval"]
    assert pipeline["exporters"] == ["otlp_http/prometheus"]
