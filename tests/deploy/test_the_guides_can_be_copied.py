from __future__ import annotations

import importlib
import importlib.util
import json
import re
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from otel_ctxlog.receiver import ReceivedRecord

from . import collector_rules
from .collector_rules import COMPONENTS
from .files import COMPOSE, DEPLOY, ROOT, compose, dashboards, load_yaml, loki_index_labels
from .loki import Entry, as_text, entry, lines, series
from .queries import LabelFilter, Selector, Unwrap, parse_logql, parse_promql, selectors
from .traceql import matches

if TYPE_CHECKING:
    from .conftest import Run

DOCS = ROOT / "docs"
PAGES = {
    page: (DOCS / f"{page}.md").read_text(encoding="utf-8")
    for page in ("deploy", "events-with-clickhouse", "events-with-grafana", "events-with-jaeger", "kubernetes")
}
# An example of a trace id, in place of which a real one is asked for.
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def blocks(language: str) -> list[tuple[str, str]]:
    """Page and text of each block of a language, in order."""
    fence = re.compile(rf"^```{language}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return [(page, found[1]) for page, text in PAGES.items() for found in fence.finditer(text)]


def queries(language: str) -> list[tuple[str, str]]:
    """Page and text of each query of a language: a blank line stands between two."""
    return [(page, query.strip()) for page, text in blocks(language) for query in text.split("\n\n")]


def statements() -> list[str]:
    """The SQL statements, in order."""
    return [one.strip() for _, text in blocks("sql") for one in text.split(";") if one.strip()]


def real_trace(run: Run) -> str:
    """The id of a trace with events in it."""
    return next(record.trace_id for record in run.records if record.event_type == "orderPlaced")


@pytest.mark.slow
@pytest.mark.parametrize(("page", "text"), queries("logql"))
def test_a_query_of_loki_finds_something(page: str, text: str, library: list[Entry], run: Run) -> None:
    """Each LogQL query of a page has an answer over the shop's records, and asks for names that are there."""
    query = parse_logql(text.replace(TRACE, real_trace(run)))
    stored = {name for one in library for name in one.fields}

    assert page == "events-with-grafana"
    assert (lines(query, library) if isinstance(query, Selector) else series(query, library)) != []
    for selector in selectors(query):
        assert {s.label for s in selector.stages if isinstance(s, LabelFilter | Unwrap)} <= stored


@pytest.mark.parametrize(("page", "text"), queries("promql"))
def test_a_query_of_prometheus_asks_for_a_metric_that_exists(
    page: str, text: str, library_metrics: dict[str, set[str]]
) -> None:
    """Each PromQL query of a page is one, about the count of events or the library's own metrics."""
    names = {selector.name for selector in selectors(parse_promql(text))}

    assert page == "events-with-grafana"
    assert names <= {"events_total", *library_metrics}


@pytest.mark.slow
@pytest.mark.parametrize(("page", "text"), queries("traceql"))
def test_a_query_of_tempo_finds_a_span(page: str, text: str, run: Run) -> None:
    """Each TraceQL query of a page finds spans of the shop."""
    assert page in {"events-with-grafana", "events-with-jaeger"}
    assert [span for span in run.spans if matches(text, span)] != []


def test_loki_stores_what_the_table_says() -> None:
    """Each row of the table of attributes and fields is what Loki's mapping gives."""
    rows = re.findall(r"(?m)^\| `([^`]+)` \| `([^`]+)` \| (`.+`) \|$", PAGES["events-with-grafana"])

    assert len(rows) == 8
    for name, value, fields in rows:
        stored = entry(ReceivedRecord(attributes={name: json.loads(value)}), loki_index_labels()).metadata
        assert stored == dict(re.findall(r"`([^`]+)` = `([^`]+)`", fields)), name


@pytest.mark.parametrize(("page", "text"), [block for block in blocks("yml") if block[0] != "kubernetes"])
def test_a_part_of_a_collector_s_configuration_is_good(page: str, text: str) -> None:
    """Put into a whole configuration, the exporter of a page has no complaint: known settings, a queue on disk."""
    part = load_yaml(text)
    whole: dict[str, Any] = {
        "extensions": {"file_storage": {}},
        "receivers": {"otlp": {}},
        "processors": {"memory_limiter": {}},
        **part,
        "service": {
            "extensions": ["file_storage"],
            "pipelines": {
                "logs": {
                    "receivers": ["otlp"],
                    "processors": ["memory_limiter"],
                    "exporters": [*part["exporters"]],
                }
            },
        },
    }

    assert list(collector_rules.complaints(whole)) == []
    assert {name.partition("/")[0] for name in part["exporters"]} <= COMPONENTS["exporters"].keys(), page


@pytest.mark.parametrize("text", [text for page, text in blocks("yml") if page == "kubernetes"])
def test_a_part_of_a_manifest_is_in_a_file(text: str) -> None:
    """What the page on Kubernetes shows is in `deploy/kubernetes`, to the letter, and so is checked there."""
    files = [path.read_text(encoding="utf-8") for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))]
    shown = text.rstrip("\n")

    assert any(textwrap.indent(shown, " " * depth) in f"\n{file}" for file in files for depth in range(0, 16, 2))


def test_the_page_on_the_stack_names_what_there_is() -> None:
    """Its dashboards, addresses and variables are those of the files."""
    page = PAGES["deploy"]
    titles = {dashboard["title"] for dashboard in dashboards().values()}
    ports = {port.split(":")[1] for service in compose()["services"].values() for port in service.get("ports", [])}
    variables = set(re.findall(r"\$\{([A-Z_]+):-", COMPOSE.read_text(encoding="utf-8")))
    settings = page[page.index("## Settings") : page.index("`docker compose down`")]
    listed = page[page.index("## The dashboards") : page.index("A trace id in any")]

    assert set(re.findall(r"(?m)^\| ([A-Z][\w ]+) \|", listed)) == titles
    assert set(re.findall(r"http://localhost:(\d+)", page)) <= ports
    assert set(re.findall(r"`([A-Z_]+)`", settings)) == variables


@pytest.mark.slow
def test_sql_asks_for_attributes_that_are_emitted(library: list[Entry], run: Run) -> None:
    """Each key of a map in a query is an attribute of a record that the shop or the library emits."""
    text = "\n".join(statements())
    keys = set(re.findall(r"(?:LogAttributes|fields)\['([^']+)'\]|mapContains\(\w+, '([^']+)'\)", text))
    stored = {name for one in library for name in one.metadata}
    named = {name for record in run.records for name in record.attributes}

    for key in {one or other for one, other in keys}:
        assert key in named or key.replace(".", "_") in stored, key


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("chdb") is None, reason="needs ClickHouse as a library: pip install chdb")
def test_clickhouse_answers(run: Run) -> None:
    """Each statement of the page runs in ClickHouse, over the shop's records as the exporter writes them."""
    store: Any = importlib.import_module("chdb.session").Session()
    asked = statements()
    creating = [statement for statement in asked if statement.startswith("CREATE")]
    trace = real_trace(run)
    store.query("CREATE DATABASE telemetry")
    store.query("USE telemetry")
    for statement in creating:
        store.query(statement)
    for record in run.records:
        store.query(f"INSERT INTO otel_logs FORMAT JSONEachRow {json.dumps(row(record))}")

    assert len(creating) == 2
    for statement in asked[2:]:
        answer = str(store.query(statement.replace(TRACE, trace), "TSV"))
        # The rules hold orders that were reserved only: in the shop each of them is placed.
        assert answer or "NOT IN" in statement, statement
    placed = sum(record.event_type == "orderPlaced" for record in run.records)
    assert f"orderPlaced\t{placed}\t{placed}\n" in str(store.query(asked[2], "TSV"))
    lookups = sum(record.event_type == "cacheLookup" for record in run.records)
    assert f"cacheLookup\t{lookups}\t{4 * lookups}\n" in str(store.query(asked[2], "TSV"))


def row(record: ReceivedRecord) -> dict[str, object]:
    """A record as the collector's exporter for ClickHouse writes it: attributes as a map of texts."""
    seconds, rest = divmod(record.time_unix_nano, 10**9)
    return {
        "Timestamp": f"{seconds}.{rest:09}",
        "TraceId": record.trace_id,
        "SpanId": record.span_id,
        "TraceFlags": record.flags,
        "SeverityText": record.severity_text,
        "SeverityNumber": record.severity_number,
        "ServiceName": record.service_name,
        "Body": as_text(record.body),
        "ResourceAttributes": {name: as_text(value) for name, value in record.resource_attributes.items()},
        "ScopeName": record.scope_name,
        "ScopeVersion": record.scope_version,
        "LogAttributes": {name: as_text(value) for name, value in record.attributes.items()},
        "EventName": record.event_name,
    }
