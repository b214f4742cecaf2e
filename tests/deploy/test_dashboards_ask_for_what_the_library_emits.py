from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from .files import DASHBOARDS, DEPLOY, collector, compose, dashboards, load_yaml
from .grafana import Target, all_values, filled, targets, variables
from .loki import Entry, label_name, lines, series
from .queries import Aggregation, Expression, LabelFilter, Selector, Unwrap, parse_logql, parse_promql, selectors
from .traceql import matches

if TYPE_CHECKING:
    from .conftest import Run

FILES = dashboards()
TARGETS = [target for name, dashboard in FILES.items() for target in targets(name, dashboard)]
SOURCES = load_yaml((DEPLOY / "grafana/provisioning/datasources/stack.yaml").read_text(encoding="utf-8"))["datasources"]
# https://opentelemetry.io/docs/collector/internal-telemetry/#basic-level-metrics
COLLECTOR_METRICS = {
    "otelcol_exporter_queue_size": {"exporter"},
    "otelcol_exporter_queue_capacity": {"exporter"},
    **{
        f"otelcol_{verb}_{what}{total}": {verb.partition("_")[0]}
        for verb in ("receiver_accepted", "receiver_refused", "exporter_send_failed", "exporter_enqueue_failed")
        for what in ("log_records", "spans", "metric_points")
        for total in ("", "_total")
    },
}


def of(store: str) -> list[Target]:
    """The queries of one store."""
    return [target for target in TARGETS if target.store == store]


def answered(query: Expression, entries: list[Entry]) -> list[Any]:
    """What Loki answers."""
    return [*(lines(query, entries) if isinstance(query, Selector) else series(query, entries))]


def opened(target: Target, **values: str) -> str:
    """A query as it is sent when the dashboard is opened, and then some of its variables set."""
    return filled(target.query, {**all_values(FILES[target.dashboard]), **values})


def grouped(query: Expression) -> set[str]:
    """The labels that the answer has."""
    return set(query.labels or ()) if isinstance(query, Aggregation) else set()


@pytest.mark.slow
@pytest.mark.parametrize("target", of("loki"), ids=str)
def test_loki_has_an_answer(target: Target, library: list[Entry], run: Run) -> None:
    """Each query finds something in what the shop and the library emit, with all variables at "All"."""
    trace = next(record.trace_id for record in run.records if record.trace_id)
    query = parse_logql(opened(target, trace=trace) if target.dashboard == "one-trace.json" else opened(target))

    assert answered(query, library) != []


@pytest.mark.slow
@pytest.mark.parametrize("target", of("loki"), ids=str)
def test_each_name_in_a_query_is_one_that_loki_stores(target: Target, library: list[Entry]) -> None:
    """A mistyped name would be an empty panel, or a filter that lets everything through."""
    stored = {name for one in library for name in one.fields}
    labels = {name for one in library for name in one.labels}
    query = parse_logql(opened(target))

    for selector in selectors(query):
        assert {matcher.label for matcher in selector.matchers} <= labels
        assert {stage.label for stage in selector.stages if isinstance(stage, LabelFilter | Unwrap)} <= stored
    assert grouped(query) <= stored
    assert set(re.findall(r"\{\{(\w+)\}\}", target.legend)) <= grouped(query)


@pytest.mark.slow
@pytest.mark.parametrize("variable", ["service", "type", "tenant", "trace"])
def test_a_filter_filters(variable: str, library: list[Entry], run: Run) -> None:
    """Set to one value, a variable leaves only records of that value; each dashboard that has it uses it."""
    trace = next(record.trace_id for record in run.records if record.event_type)
    field, value = {
        "service": ("service_name", "inventory"),
        "type": ("eventType", "stockReserved"),
        "tenant": ("tenant", "globex"),
        "trace": ("trace_id", trace),
    }[variable]
    asked = [target for target in of("loki") if variable in variables(target.query)]

    assert asked
    for target in asked:
        query = parse_logql(opened(target, **{variable: value}))
        if isinstance(query, Selector):
            found = lines(query, library)
            assert {one.fields.get(field) for one in found} <= {value}, target
    assert any(isinstance(parse_logql(opened(target)), Selector) for target in asked)


@pytest.mark.slow
def test_the_columns_of_tables_are_fields_of_records(library: list[Entry]) -> None:
    """What a table of records picks out is there, in at least one record."""
    stored = {name for one in library for name in one.fields}
    picked = {
        column
        for dashboard in FILES.values()
        for panel in dashboard["panels"]
        for step in panel.get("transformations", [])
        if step["id"] == "filterFieldsByName"
        for column in step["options"]["include"]["names"]
    }

    assert {"eventType", "tenant", "audit_actor"} <= picked
    assert picked - {"Time"} <= stored


@pytest.mark.parametrize("target", of("prometheus"), ids=str)
def test_each_metric_and_label_exists(target: Target, library_metrics: dict[str, set[str]]) -> None:
    """Metrics are the collector's count of events, its own, or the library's; labels are those that they have."""
    (count,) = collector()["connectors"]["signal_to_metrics/events"]["logs"]
    promoted = load_yaml((DEPLOY / "prometheus.yaml").read_text("utf-8"))["otlp"]["promote_resource_attributes"]
    resource = {label_name(name) for name in promoted} | {"job", "instance"}
    known = {
        label_name(count["name"]) + "_total": {label_name(one["key"]) for one in count["attributes"]} | resource,
        **COLLECTOR_METRICS,
        **{name: labels | resource for name, labels in library_metrics.items()},
    }
    query = parse_promql(opened(target))

    for selector in selectors(query):
        names = [matcher.value for matcher in selector.matchers if matcher.label == "__name__"] or [selector.name]
        meant = {name for name in known if re.fullmatch(names[0], name)}
        assert meant, names
        labels = {label for name in meant for label in known[name]}
        assert {matcher.label for matcher in selector.matchers} - {"__name__"} <= labels
        assert grouped(query) <= labels
    assert set(re.findall(r"\{\{(\w+)\}\}", target.legend)) <= grouped(query)


@pytest.mark.slow
@pytest.mark.parametrize("target", of("tempo"), ids=str)
def test_tempo_has_an_answer(target: Target, run: Run) -> None:
    """A query of traces finds spans of the shop; the one that is only a variable takes a trace id."""
    if target.query == "$trace":
        assert target.dashboard == "one-trace.json"
        return

    assert [span for span in run.spans if matches(target.query, span)] != []


@pytest.mark.parametrize("name", FILES)
def test_a_dashboard_fits_together(name: str) -> None:
    """Stores, variables and links exist; panels have numbers of their own, an explanation, and do not overlap."""
    dashboard = FILES[name]
    uids = {source["uid"]: source["type"] for source in SOURCES}
    known = {one["name"] for one in dashboard["templating"]["list"]}
    used = set[str]()
    taken = set[tuple[int, int]]()
    for panel in dashboard["panels"]:
        for part in (panel, *panel["targets"]):
            assert uids[part["datasource"]["uid"]] == part["datasource"]["type"], panel["title"]
        for target in panel["targets"]:
            used |= variables(target.get("expr", target.get("query", "")))
        assert panel["description"], panel["title"]
        grid = panel["gridPos"]
        cells = {
            (x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert not cells & taken, panel["title"]
        assert grid["x"] + grid["w"] <= 24
        taken |= cells

    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    assert used == known
    assert {uids[one["datasource"]["uid"]] for one in dashboard["templating"]["list"] if "datasource" in one} <= {
        "loki",
        "prometheus",
    }
    linked = set(re.findall(r"/d/([\w-]+)/", json.dumps([dashboard, SOURCES])))
    assert linked <= {other["uid"] for other in FILES.values()}


def test_each_dashboard_has_a_name_of_its_own() -> None:
    """Addresses and titles are unique, and are those that the guides call them by."""
    assert {file: (one["uid"], one["title"]) for file, one in FILES.items()} == {
        "debug-sessions.json": ("ctxlog-debug", "Debug sessions"),
        "delivery.json": ("ctxlog-delivery", "Suppressed and lost records"),
        "event-explorer.json": ("ctxlog-explorer", "Event explorer"),
        "events.json": ("ctxlog-events", "Events"),
        "one-trace.json": ("ctxlog-trace", "One trace"),
    }


def test_grafana_finds_the_dashboards_and_opens_one() -> None:
    """The folder that the provider names is the one that is mounted, and the home page is in it."""
    provided = load_yaml((DEPLOY / "grafana/provisioning/dashboards/stack.yaml").read_text(encoding="utf-8"))
    service = compose()["services"]["grafana"]
    mounted = dict(mount.split(":")[:2][::-1] for mount in service["volumes"])
    folder = provided["providers"][0]["options"]["path"]
    home = service["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]

    assert mounted[folder] == "./deploy/grafana/dashboards"
    assert mounted["/etc/grafana/provisioning"] == "./deploy/grafana/provisioning"
    assert home.startswith(f"{folder}/")
    assert (DASHBOARDS / home.removeprefix(f"{folder}/")).is_file()


def test_nobody_can_log_in_and_everybody_can_look() -> None:
    """There is neither a user nor a password; visitors look and change nothing."""
    environment = compose()["services"]["grafana"]["environment"]

    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "true"
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert environment["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"


@pytest.mark.slow
def test_traces_lead_to_records_and_records_to_traces(library: list[Entry], run: Run) -> None:
    """The query behind a span finds the records of its trace; the field behind a record is its trace id."""
    stores = {source["uid"]: source for source in SOURCES}
    trace = next(record.trace_id for record in run.records if record.trace_id)
    for uid in ("tempo", "jaeger"):
        link = stores[uid]["jsonData"]["tracesToLogsV2"]
        found = lines(parse_logql(link["query"].replace("$${__trace.traceId}", trace)), library)

        assert link["datasourceUid"] == "loki"
        assert {one.metadata["trace_id"] for one in found} == {trace}
        assert {one.labels["service_name"] for one in found} == {"frontend", "inventory"}
    fields = stores["loki"]["jsonData"]["derivedFields"]
    assert {(one["matcherType"], one["matcherRegex"]) for one in fields} == {("label", "trace_id")}
    assert {one.get("datasourceUid") for one in fields} == {"tempo", "jaeger", None}
    assert all("trace_id" in one.metadata for one in library if one.metadata.get("realm") == "shop/checkout")


def test_the_query_from_a_span_to_metrics_is_one() -> None:
    """Grafana fills in the tags; what is left is PromQL."""
    (tempo,) = (source for source in SOURCES if source["uid"] == "tempo")
    (query,) = tempo["jsonData"]["tracesToMetrics"]["queries"]
    (tag,) = tempo["jsonData"]["tracesToMetrics"]["tags"]

    parse_promql(query["query"].replace("$$__tags", f'{tag["value"]}="frontend"'))

    assert label_name(tag["key"]) == tag["value"]
