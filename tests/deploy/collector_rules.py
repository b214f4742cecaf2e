"""What can be said about a Collector's configuration without the Collector: references, signals, settings, order.

The components are those of the contrib distribution 0.160, as far as the stack and the guides use them: what each takes
and gives, and the names of its settings on the first level, from its README.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from .files import mapping

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["COMPONENTS", "complaints"]

SIGNALS: Final = frozenset({"logs", "metrics", "traces"})
_KINDS: Final = ("receivers", "processors", "exporters", "connectors", "extensions")


@dataclass(frozen=True, slots=True)
class Component:
    """A type of component: its settings and signals; a connector has pairs of what it takes and gives instead."""

    settings: frozenset[str]
    signals: frozenset[str] = SIGNALS
    turns: frozenset[tuple[str, str]] = field(default_factory=frozenset[tuple[str, str]])


def _of(*settings: str, signals: frozenset[str] = SIGNALS) -> Component:
    return Component(frozenset(settings), signals)


def _turning(*settings: str, into: Mapping[str, str]) -> Component:
    return Component(frozenset(settings), turns=frozenset(into.items()))


_SENDING: Final = ("retry_on_failure", "sending_queue", "timeout")
_HTTP: Final = ("endpoint", "tls", "headers", "compression", "encoding", "auth", *_SENDING)
COMPONENTS: Final[Mapping[str, Mapping[str, Component]]] = {
    "receivers": {
        "otlp": _of("protocols"),
        "file_log": _of("include", "exclude", "start_at", "operators", "storage", signals=frozenset({"logs"})),
    },
    "processors": {
        "memory_limiter": _of(
            "check_interval", "limit_mib", "spike_limit_mib", "limit_percentage", "spike_limit_percentage"
        ),
        "delta_to_cumulative": _of("max_stale", "max_streams", signals=frozenset({"metrics"})),
        "interval": _of("interval", "pass_through", signals=frozenset({"metrics"})),
        "k8s_attributes": _of("auth_type", "passthrough", "filter", "extract", "pod_association"),
        "resource": _of("attributes"),
    },
    "exporters": {
        "otlp_http": _of(*_HTTP, "logs_endpoint", "metrics_endpoint", "traces_endpoint"),
        "otlp_grpc": _of(*_HTTP),
        "clickhouse": _of(
            "endpoint",
            "username",
            "password",
            "database",
            "ttl",
            "create_schema",
            "async_insert",
            "logs_table_name",
            "traces_table_name",
            "compress",
            *_SENDING,
        ),
        "file": _of("path", "format", "rotation", "compression", "flush_interval", "create_directory"),
        "debug": _of("verbosity"),
    },
    "connectors": {
        "routing": _turning(
            "table", "default_pipelines", "error_mode", into={"logs": "logs", "metrics": "metrics", "traces": "traces"}
        ),
        "signal_to_metrics": _turning(
            "logs", "spans", "datapoints", "error_mode", into={"logs": "metrics", "traces": "metrics"}
        ),
    },
    "extensions": {
        "health_check": _of("endpoint", "path", "tls"),
        "file_storage": _of("directory", "create_directory", "timeout", "compaction", "fsync"),
    },
}


def complaints(config: Any) -> Iterator[str]:
    """Yield a line for each thing that is wrong with a configuration."""
    yield from _declared(config)
    yield from _used(config)
    yield from _connected(config)
    yield from _careful(config)


def _type(name: str) -> str:
    return name.partition("/")[0]


def _pipelines(config: Any) -> dict[str, Any]:
    pipelines: dict[str, Any] = config["service"]["pipelines"]
    return pipelines


def _declared(config: Any) -> Iterator[str]:
    for key in config.keys() - {*_KINDS, "service"}:
        yield f"unknown section {key}"
    for kind in _KINDS:
        for name, settings in mapping(config.get(kind)).items():
            known = COMPONENTS[kind].get(_type(name))
            if known is None:
                near = get_close_matches(_type(name), COMPONENTS[kind], 1)
                yield f"{kind}: unknown type {_type(name)}" + (f"; did you mean {near[0]}?" if near else "")
                continue
            for setting in mapping(settings).keys() - known.settings:
                near = get_close_matches(setting, known.settings, 1)
                yield f"{name}: unknown setting {setting}" + (f"; did you mean {near[0]}?" if near else "")


def _used(config: Any) -> Iterator[str]:
    used: dict[str, set[str]] = {kind: set() for kind in _KINDS}
    for pipeline, parts in _pipelines(config).items():
        signal = _type(pipeline)
        if signal not in SIGNALS:
            yield f"pipeline {pipeline}: unknown signal {signal}"
        for key in parts.keys() - {"receivers", "processors", "exporters"}:
            yield f"pipeline {pipeline}: unknown key {key}"
        for role in ("receivers", "processors", "exporters"):
            if role != "processors" and not parts.get(role):
                yield f"pipeline {pipeline}: no {role}"
            for name in parts.get(role, []):
                kind = "connectors" if role != "processors" and name in mapping(config.get("connectors")) else role
                used[kind].add(name)
                if name not in mapping(config.get(kind)):
                    yield f"pipeline {pipeline}: {name} is not among the {role}"
                elif kind != "connectors" and signal not in _component(kind, name).signals:
                    yield f"pipeline {pipeline}: {name} knows no {signal}"
    used["extensions"] = set(config["service"].get("extensions", []))
    for name in used["extensions"] - mapping(config.get("extensions")).keys():
        yield f"extensions: {name} is not declared"
    for kind in _KINDS:
        for name in mapping(config.get(kind)).keys() - used[kind]:
            yield f"{kind}: {name} is not used"


def _component(kind: str, name: str) -> Component:
    return COMPONENTS[kind].get(_type(name), Component(frozenset()))


def _connected(config: Any) -> Iterator[str]:
    pipelines = _pipelines(config)
    for name, settings in mapping(config.get("connectors")).items():
        takes = {pipeline for pipeline, parts in pipelines.items() if name in parts.get("exporters", [])}
        gives = {pipeline for pipeline, parts in pipelines.items() if name in parts.get("receivers", [])}
        if not takes or not gives:
            yield f"connector {name}: has to be an exporter of one pipeline and a receiver of another"
        turns = _component("connectors", name).turns
        for source in takes:
            for target in gives:
                if (_type(source), _type(target)) not in turns:
                    yield f"connector {name}: makes no {_type(target)} of {_type(source)}"
        if _type(name) == "routing":
            yield from _routed(name, settings, gives)


def _routed(name: str, settings: Any, gives: set[str]) -> Iterator[str]:
    targets = set(settings.get("default_pipelines", []))
    if not targets:
        yield f"connector {name}: without default_pipelines, what no route takes is lost"
    for route in settings["table"]:
        targets |= set(route["pipelines"])
        if not {"condition", "statement"} & route.keys():
            yield f"connector {name}: a route without a condition"
    for target in targets - gives:
        yield f"connector {name}: {target} does not receive from it"
    for pipeline in gives - targets:
        yield f"connector {name}: no route leads to {pipeline}"


def _careful(config: Any) -> Iterator[str]:
    """Yield what would lose data, or the process: no limit of memory, no queue on disk, no retries."""
    receivers = config["receivers"].keys()
    for pipeline, parts in _pipelines(config).items():
        if receivers & set(parts["receivers"]) and parts.get("processors", [""])[0] != "memory_limiter":
            yield f"pipeline {pipeline}: memory_limiter has to be the first processor"
    extensions = set(config["service"].get("extensions", []))
    for name, settings in config["exporters"].items():
        if _type(name) not in {"otlp_http", "otlp_grpc", "clickhouse"}:
            continue
        queue = mapping(settings.get("sending_queue"))
        if queue.get("storage") is None:
            yield f"exporter {name}: its queue is not on disk"
        elif queue["storage"] not in extensions:
            yield f"exporter {name}: storage {queue['storage']} is no extension that runs"
        if "batch" not in queue:
            yield f"exporter {name}: makes no batches"
        elif queue["batch"].get("min_size", 8192) > queue.get("queue_size", 1000):
            yield f"exporter {name}: a batch is larger than the queue"
        if not mapping(settings.get("retry_on_failure")).get("max_elapsed_time"):
            yield f"exporter {name}: does not say how long it tries"
