from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from otel_ctxlog.config import load
from otel_ctxlog.receiver import ReceivedRecord, ReceivedSpan, read_kept

ROOT = Path(__file__).resolve().parents[2]
STACK = ROOT / "examples" / "stack"
DEADLINE = 100.0
SERVER = 2
WORKERS = {"orders-uvicorn": 2, "orders-post-fork": 2, "orders-preload": 3}
LIBRARIES = ("sqlalchemy.", "httpx", "httpcore.")


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start the example, in 80 columns."""
    return subprocess.Popen(
        [sys.executable, str(STACK / "run.py"), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONIOENCODING": "utf-8",
            "COLUMNS": "80",
            "NO_COLOR": "1",
            **environment,
        },
        # A test run in the background of a shell ignores Ctrl-C, and its children would as well.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads run yet
    )


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What the example printed until its end; it is not left running."""
    try:
        return process.communicate(timeout=DEADLINE)
    finally:
        if process.poll() is None:
            # Lets it stop its servers.
            process.terminate()
            process.communicate(timeout=30)


def processes_with(marker: str) -> list[int]:
    """The ids of the processes that have `marker` in their environment."""
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if marker.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:  # gone meanwhile, or not ours
            continue
    return found


@dataclass
class Trace:
    """A customer's request, as the spans tell it, and the records in its trace."""

    service: str
    tenant: str
    name: str
    instance: str
    spans: set[str]
    records: list[ReceivedRecord] = field(default_factory=list[ReceivedRecord])

    @property
    def of_libraries(self) -> list[ReceivedRecord]:
        return [record for record in self.records if record.scope_name.startswith(LIBRARIES)]

    def counts(self) -> Counter[tuple[str, str]]:
        """How many records each library wrote in each service, apart from those about new and idle connections."""
        return Counter(
            (record.service_name.partition("-")[0], record.scope_name)
            for record in self.of_libraries
            if record.scope_name != "httpcore.connection"
            and not record.scope_name.startswith("sqlalchemy.orm.")
            and not re.match(r"Created new|Closing connection|Pool overflow|close\.", str(record.body))
        )


@dataclass
class Run:
    """A run of the example, and what its receiver got."""

    code: int
    out: str
    err: str
    records: list[ReceivedRecord]
    traces: dict[str, Trace]

    def of(self, service: str) -> list[Trace]:
        return [trace for trace in self.traces.values() if trace.service == service]


def instance(item: ReceivedRecord | ReceivedSpan) -> str:
    """The process that sent it: OpenTelemetry gives each an id, also a forked one."""
    return str(item.resource_attributes["service.instance.id"])


def read(kept: Path) -> tuple[list[ReceivedRecord], dict[str, Trace]]:
    """The records and the customers' requests of a file of OTLP JSON lines."""
    records: list[ReceivedRecord] = []
    traces: dict[str, Trace] = {}
    spans: defaultdict[str, set[str]] = defaultdict(set)
    for item in read_kept(kept):
        if isinstance(item, ReceivedRecord):
            records.append(item)
            continue
        spans[item.trace_id].add(item.span_id)
        tenant = item.attributes.get("http.request.header.x_tenant")
        if item.kind == SERVER and isinstance(tenant, list):
            assert item.trace_id not in traces, "a span came twice"
            traces[item.trace_id] = Trace(
                item.service_name, str(tenant[0]), item.name, instance(item), spans[item.trace_id]
            )
    for record in records:
        if record.trace_id in traces:
            traces[record.trace_id].records.append(record)
    return records, traces


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One run for the tests that only look at it."""
    kept = tmp_path_factory.mktemp("stack") / "kept.jsonl"
    process = start("--keep", str(kept))
    out, err = finish(process)
    return Run(process.returncode, out, err, *read(kept))


@pytest.mark.slow
def test_the_example_finds_everything_as_expected_and_ends_with_0(run: Run) -> None:
    """All of its own checks hold, each cut to the width of the terminal, and its exit code is 0."""
    assert (run.code, run.err) == (0, ""), run.out
    assert re.findall(r"(?m)^  ✗.*", run.out) == []
    assert len(re.findall(r"(?m)^  ✓", run.out)) == 7 * len(WORKERS) + 1
    assert [line for line in run.out.splitlines() if len(line) > 80] == []
    assert "\x1b" not in run.out


@pytest.mark.slow
@pytest.mark.parametrize("service", WORKERS)
def test_debug_of_the_libraries_arrives_for_one_tenant_completely(run: Run, service: str) -> None:
    """Each request of acme has every record that the libraries write for it, in both services, once."""
    pool, engine = "sqlalchemy.pool.impl.QueuePool", "sqlalchemy.engine.Engine"
    looked = {("orders", engine): 6, ("orders", pool): 3}
    placed = {
        ("orders", engine): 4,
        ("orders", pool): 3,
        ("orders", "httpx"): 1,
        ("orders", "httpcore.http11"): 10,
        ("stock", engine): 6,
        ("stock", pool): 3,
    }

    traces = [trace for trace in run.of(service) if trace.tenant == "acme"]

    assert len(traces) >= 13
    assert {trace.name for trace in traces} == {"POST /orders", "GET /orders/{number}"}
    for trace in traces:
        assert trace.counts() == (placed if trace.name == "POST /orders" else looked), trace
        assert {str(record.attributes["tenant"]) for record in trace.of_libraries} == {"acme"}
        assert {record.span_id for record in trace.of_libraries} <= trace.spans
        seen = [(r.service_name, r.scope_name, r.time_unix_nano, r.body) for r in trace.of_libraries]
        assert len(set(map(repr, seen))) == len(seen)


@pytest.mark.slow
@pytest.mark.parametrize("service", WORKERS)
def test_requests_of_other_tenants_at_the_same_time_give_none(run: Run, service: str) -> None:
    """No library's record is in a trace of another tenant, although each such request claims acme in its baggage."""
    others = [trace for trace in run.of(service) if trace.tenant != "acme"]

    assert len(others) >= 36
    assert {trace.tenant for trace in others} == {"globex", "hooli", "initech"}
    assert [trace for trace in others if trace.of_libraries] == []
    # The application's own warnings show that these requests are logged at all.
    assert {trace.tenant for trace in others if trace.records} == {"globex", "hooli", "initech"}


@pytest.mark.slow
def test_no_record_of_a_library_is_outside_of_the_requests_of_that_tenant(run: Run) -> None:
    """All that arrived of the libraries belongs to requests of acme, that of the service behind as well."""
    of_libraries = [record for record in run.records if record.scope_name.startswith(LIBRARIES)]

    assert len(of_libraries) > 600
    assert {run.traces[record.trace_id].tenant for record in of_libraries} == {"acme"}
    assert {record.service_name for record in of_libraries} == {*WORKERS, "stock"}


@pytest.mark.slow
@pytest.mark.parametrize(("service", "workers"), WORKERS.items())
def test_every_worker_sends_its_own(run: Run, service: str, workers: int) -> None:
    """Records come from each process that served the tenant, and those of a request from the one that served it."""
    traces = [trace for trace in run.of(service) if trace.tenant == "acme"]

    assert len({trace.instance for trace in traces}) == workers
    for trace in traces:
        assert {instance(r) for r in trace.of_libraries if r.service_name == service} == {trace.instance}


@pytest.mark.slow
@pytest.mark.parametrize("service", WORKERS)
def test_a_request_that_outlasts_the_signal_is_answered_and_its_records_arrive(run: Run, service: str) -> None:
    """The server was told to end while an order waited for the stock: what was logged afterwards is there, too."""
    late = [trace for trace in run.of(service) if any("portable hole" in str(r.body) for r in trace.of_libraries)]

    assert len(late) == 1
    assert any(str(record.body).startswith("response_closed.complete") for record in late[0].of_libraries)
    # Nothing of the service is later: it had been told to end.
    last = max(record.time_unix_nano for trace in run.of(service) for record in trace.records)
    assert last == max(record.time_unix_nano for record in late[0].records)


@pytest.mark.slow
def test_with_other_rules_the_expectations_fail_and_it_ends_with_1(tmp_path: Path) -> None:
    """Rules that favour another tenant turn checks red, and the exit code is 1."""
    rules = tmp_path / "other.yaml"
    text = (STACK / "rules.yaml").read_text(encoding="utf-8")
    rules.write_text(text.replace("value: acme", "value: hooli"), encoding="utf-8")
    kept = tmp_path / "kept.jsonl"
    process = start("--rules", str(rules), "--keep", str(kept))

    out, err = finish(process)

    assert (process.returncode, err) == (1, ""), out
    assert len(re.findall(r"(?m)^  ✗ the others: [1-9]", out)) == len(WORKERS)
    assert "NOT as expected" in out
    _, traces = read(kept)
    assert {trace.tenant for trace in traces.values() if trace.of_libraries} == {"hooli"}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_example_that_is_interrupted_leaves_no_process_behind(number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM while the servers run stop all of them, workers included."""
    marker = f"stack-test-{uuid.uuid4().hex}"
    process = start(STACK_TEST_MARKER=marker)
    try:
        end = time.monotonic() + 60
        # Itself, the stock, three masters, and at least one worker of each.
        while len(processes_with(marker)) < 8 and time.monotonic() < end:
            time.sleep(0.05)
        assert len(processes_with(marker)) >= 8
        process.send_signal(number)
    finally:
        _, err = finish(process)

    assert process.returncode == 130, err
    assert processes_with(marker) == []


def test_the_readme_shows_the_rules_of_the_example() -> None:
    """The rules in the example's README are those of its file."""
    found = re.search(r"(?ms)^```yaml\n(.*?)^```\n", (STACK / "README.md").read_text(encoding="utf-8"))

    assert found is not None
    assert load(found[1]) == load(STACK / "rules.yaml")
