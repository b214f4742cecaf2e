from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from otel_ctxlog.receiver import ReceivedSpan

from .conftest import ORDERS
from .files import DEPLOY

if TYPE_CHECKING:
    from collections.abc import Generator

    from .conftest import Run

slow = pytest.mark.slow


def events(run: Run, kind: str) -> int:
    """How many events of a type have arrived."""
    return sum(record.event_type == kind for record in run.records)


@slow
def test_each_order_is_an_event(run: Run) -> None:
    """What the load was told, order by order, is what arrived as events behind the collector: none lost, none twice."""
    arrived = Counter(record.event_type for record in run.records if record.event_type.startswith("order"))

    assert sum(run.outcomes.values()) == ORDERS
    assert arrived == run.outcomes
    assert set(arrived) == {"orderPlaced", "orderRefused", "orderDelayed"}
    assert events(run, "stockReserved") == run.outcomes["orderPlaced"]


@slow
def test_a_collector_that_is_not_ours_stood_between(run: Run) -> None:
    """The other tests of this file are about a real collector, wherever one can be installed."""
    if not run.through:
        pytest.skip("no collector runs here: it needs pip install rotel, and an interpreter with a shared library")

    assert run.through == "rotel"


@slow
def test_an_event_is_whole(run: Run) -> None:
    """Type, fields, tenant, trace and resource of an event survive the way, and its body is the event as JSON."""
    placed = [record for record in run.records if record.event_type == "orderPlaced"]

    for record in placed:
        assert record.event_name == record.attributes["eventType"] == "orderPlaced"
        assert json.loads(str(record.body)) == {
            "eventType": "orderPlaced",
            "order": record.attributes["order"],
            "total": record.attributes["total"],
        }
        assert record.attributes["tenant"]
        assert (len(record.trace_id), len(record.span_id)) == (32, 16)
        assert record.resource_attributes["service.name"] == "frontend"
        assert record.resource_attributes["service.namespace"] == "shop"
        assert record.resource_attributes["deployment.environment.name"] == "local"


@slow
def test_records_belong_to_spans_that_arrived(run: Run) -> None:
    """A trace goes through both services, and each record of a request is in a span that arrived."""
    spans: dict[str, ReceivedSpan] = {span.span_id: span for span in run.spans}
    services = Counter(len({s.service_name for s in run.spans if s.trace_id == t}) for t in {*map(trace_of, run.spans)})

    assert services == {2: ORDERS}
    for record in run.records:
        if record.scope_name != "otel_ctxlog.audit":
            assert spans[record.span_id].trace_id == record.trace_id


def trace_of(span: ReceivedSpan) -> str:
    """The id of a span's trace."""
    return span.trace_id


@slow
def test_events_are_on_their_spans_too(run: Run) -> None:
    """Jaeger and Tempo show each event where it happened: same type, same fields, same span."""
    on_spans = Counter(
        (span.span_id, event.name, str(event.attributes.get("order"))) for span in run.spans for event in span.events
    )
    recorded = Counter(
        (record.span_id, record.event_type, str(record.attributes.get("order")))
        for record in run.records
        if record.event_type and record.scope_name != "otel_ctxlog.audit"
    )

    assert recorded == Counter({key: count for key, count in on_spans.items() if key[1] != "exception"})


@slow
def test_the_rules_of_the_stack_hold(run: Run) -> None:
    """Debug is there for the tenant of the rules only, first for one and after the change for another."""
    changed = min(r.time_unix_nano for r in run.records if r.event_type == "otel_ctxlog.configurationReloaded")
    debug = {
        (str(record.attributes["tenant"]), record.time_unix_nano > changed)
        for record in run.records
        if record.severity_text == "DEBUG" and record.realm != "shop/pricing"
    }

    assert debug == {("acme", False), ("hooli", True)}


@slow
def test_what_is_held_back_is_counted(run: Run) -> None:
    """Sampled events say for how many they stand, and limited records how many were left out before them."""
    lookups = [record for record in run.records if record.event_type == "cacheLookup"]
    stands_for = {str(record.attributes["otel_ctxlog.adjusted_count"]) for record in lookups}
    suppressed = [record for record in run.records if "otel_ctxlog.suppressed" in record.attributes]

    assert stands_for == {"4"}
    assert {record.realm for record in suppressed} >= {"shop/pricing", "shop/stock"}


@slow
def test_services_end_when_they_are_told_to(run: Run) -> None:
    """SIGTERM ends both, after what was queued is out: the counts above are exact."""
    assert run.exit_codes == [-15, -15]


@contextmanager
def answering(status: int) -> Generator[str]:
    """A server that answers each request so; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/status"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def probe(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the health check of the stack."""
    return subprocess.run(
        [sys.executable, str(DEPLOY / "shop" / "probe.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_the_probe_is_content_when_all_answer() -> None:
    """Exit code 0 means that each address answers 200."""
    with answering(200) as one, answering(200) as two:
        done = probe(one, two)

    assert (done.returncode, done.stdout, done.stderr) == (0, "all answer\n", "")


def test_the_probe_says_who_does_not_answer() -> None:
    """Exit code 1 comes with a line for each that is not well, whether it answers something else or nothing."""
    with answering(200) as well, answering(503) as ill:
        done = probe(well, ill, "http://127.0.0.1:1/", "nonsense")

    lines = done.stdout.splitlines()
    assert (done.returncode, len(lines), done.stderr) == (1, 3, "")
    assert [line.partition(": ")[0] for line in lines] == [ill, "http://127.0.0.1:1/", "nonsense"]
    assert "503" in lines[0]


def test_a_load_that_nobody_answers_fails() -> None:
    """The load says so for each order, goes on, and ends with 1."""
    done = subprocess.run(
        [sys.executable, str(DEPLOY / "shop" / "load.py"), "http://127.0.0.1:1", "--rate", "1000", "--count", "3"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={"PYTHONPATH": f"{DEPLOY.parent}:{DEPLOY.parent / 'examples' / 'shop'}", "PATH": "/usr/bin:/bin"},
    )

    assert (done.returncode, done.stdout) == (1, '{"unanswered": 3}\n')
    assert len(done.stderr.splitlines()) == 3
