from __future__ import annotations

import importlib.util
import json
import os
import re
import socket
import subprocess
import sys
import sysconfig
import time
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, Sum
from opentelemetry.sdk.resources import Resource

import otel_ctxlog as cl
from otel_ctxlog.delivery.limits import Limits
from otel_ctxlog.delivery.processor import DeliveryProcessor
from otel_ctxlog.receiver import ReceivedRecord, ReceivedSpan, Receiver

from .files import DEPLOY, ROOT, loki_index_labels
from .loki import Entry, entry, label_name

if TYPE_CHECKING:
    from collections.abc import Generator

ORDERS = 80
_SHOP = DEPLOY / "shop"
_LISTENING = re.compile(r"listening on (\S+)\n")
_START_SECONDS = 40.0


@dataclass(frozen=True)
class Run:
    """What the stack's shop has sent in one run.

    Attributes:
        records: all log records, events among them, as they came out of the collector.
        spans: all spans.
        outcomes: what the load was told of its orders, such as ``orderPlaced``, with their number.
        exit_codes: those of the services.
        through: the collector between the shop and the receiver, or nothing where none runs.
    """

    records: list[ReceivedRecord]
    spans: list[ReceivedSpan]
    outcomes: dict[str, int]
    exit_codes: list[int]
    through: str

    @property
    def entries(self) -> list[Entry]:
        """The records as Loki stores them."""
        labels = loki_index_labels()
        return [entry(record, labels) for record in self.records]


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The shop of the stack with its load: own processes, a collector that is not ours, and our receiver behind it.

    While it runs, the file of rules is changed, as an operator does.
    """
    folder = tmp_path_factory.mktemp("stack")
    rules = folder / "rules.yaml"
    text = (_SHOP / "rules" / "rules.yaml").read_text(encoding="utf-8")
    rules.write_text(text, encoding="utf-8")
    with ExitStack() as stack:
        receiver = stack.enter_context(Receiver(http_port=0, grpc_port=0))
        collector = stack.enter_context(_collector(folder, receiver))
        variables = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector or receiver.http_endpoint,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_RESOURCE_ATTRIBUTES": "service.namespace=shop,deployment.environment.name=local",
            "OTEL_BLRP_SCHEDULE_DELAY": "100",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "SHOP_RULES": str(rules),
        }
        spools = {name: {"OTEL_CTXLOG_SPOOL": str(folder / f"spool-{name}")} for name in ("frontend", "inventory")}
        inventory = _Service("inventory", folder, {**variables, **spools["inventory"]})
        stack.callback(inventory.stop)
        found = {"INVENTORY_URL": inventory.url()}
        frontend = _Service("frontend", folder, {**variables, **spools["frontend"], **found})
        stack.callback(frontend.stop)
        url = frontend.url()
        outcomes = _load(url, ORDERS // 2, folder)
        rules.write_text(text.replace("value: acme", "value: hooli"), encoding="utf-8")
        receiver.wait_until(lambda running: len(_reloaded(running.records)) == 2, 20)
        again = _load(url, ORDERS // 2, folder)
        codes = [frontend.stop(), inventory.stop()]
        _wait_until_quiet(receiver)
        return Run(
            receiver.records,
            receiver.spans,
            {outcome: outcomes.get(outcome, 0) + again.get(outcome, 0) for outcome in {*outcomes, *again}},
            codes,
            "rotel" if collector else "",
        )


def _reloaded(records: list[ReceivedRecord]) -> list[ReceivedRecord]:
    return [record for record in records if record.event_type == "otel_ctxlog.configurationReloaded"]


def _wait_until_quiet(receiver: Receiver) -> None:
    """Return when nothing has come for a second: the services have ended, and the collector sends its last batch."""
    end = time.monotonic() + 15
    known, since = -1, time.monotonic()
    while time.monotonic() < min(end, since + 1):
        count = len(receiver.records) + len(receiver.spans)
        if count != known:
            known, since = count, time.monotonic()
        time.sleep(0.05)


class _Service:
    """A service of the shop in a process of its own, started as the container starts it."""

    def __init__(self, name: str, folder: Path, variables: dict[str, str]) -> None:
        self._output = folder / f"{name}.txt"
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, str(_SHOP / "service.py"), name, "--port", "0"],
                env=_environment(variables),
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def url(self) -> str:
        """Where it listens, as soon as it does."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            found = _LISTENING.search(self._output.read_text("utf-8", "replace"))
            if found is not None:
                return found[1]
            time.sleep(0.05)
        pytest.fail(f"the service does not listen: {self._output.read_text('utf-8', 'replace')}")

    def stop(self) -> int:
        """End it as `docker compose stop` does, and return its exit code."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        return self._process.returncode


def _environment(variables: dict[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    paths = os.pathsep.join([str(ROOT), str(ROOT / "examples" / "shop")])
    return {**inherited, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "PYTHONPATH": paths, **variables}


def _load(url: str, count: int, folder: Path) -> dict[str, int]:
    """Send orders by the stack's load, and return what became of them."""
    done = subprocess.run(
        [sys.executable, str(_SHOP / "load.py"), url, "--rate", "100", "--count", str(count)],
        env=_environment({}),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    return found


@contextmanager
def _collector(folder: Path, receiver: Receiver) -> Generator[str]:
    """A collector that forwards to the receiver; its HTTP address, or nothing where there is none to be had."""
    spec = importlib.util.find_spec("rotel")
    if spec is None or spec.origin is None:
        yield ""
        return
    grpc_port, http_port = (_free_port() for _ in range(2))
    folders = [str(sysconfig.get_config_var("LIBDIR") or ""), os.environ.get("LD_LIBRARY_PATH", "")]
    with (folder / "collector.txt").open("wb") as output:
        process = subprocess.Popen(
            [
                str(Path(spec.origin).parent / "rotel-agent"),
                "start",
                f"--otlp-grpc-endpoint=127.0.0.1:{grpc_port}",
                f"--otlp-http-endpoint=127.0.0.1:{http_port}",
                "--exporter=otlp",
                "--otlp-exporter-protocol=http",
                f"--otlp-exporter-endpoint={receiver.http_endpoint}",
                "--batch-timeout=50ms",
                f"--pid-file={folder / 'collector.pid'}",
                f"--log-file={folder / 'collector.log'}",
            ],
            env={**os.environ, "LD_LIBRARY_PATH": ":".join(filter(None, folders))},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", http_port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.02)
        said = (folder / "collector.txt").read_text("utf-8", "replace")
        if process.poll() is not None and "libpython" in said:
            yield ""  # it needs an interpreter with a shared library
            return
        assert process.poll() is None, said
        yield f"http://127.0.0.1:{http_port}"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port: int = free.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def library(run: Run) -> list[Entry]:
    """All that the library itself says, in records beside those of the shop, as Loki stores it.

    Losses and audit records that no ordinary run of the shop has.
    """
    with Receiver(http_port=0, grpc_port=None) as receiver:
        _lose_records(receiver)
        with cl.setup(
            service_name="frontend",
            endpoint=receiver.http_endpoint,
            protocol="http/protobuf",
            traces_exporter="none",
            set_global=False,
            handle_signals=False,
        ) as telemetry:
            rule = cl.ConditionRule(cl.DEBUG, cl.BaggageEntry("tenant", "acme"))
            telemetry.logging.audit(
                "ruleAdded", actor="alice", rule=rule, until=time.time() + 900, detail="ticket 4711"
            )
        receiver.wait_until(lambda running: any(r.event_type for r in running.records))
        labels = loki_index_labels()
        return [*run.entries, *(entry(record, labels) for record in receiver.records)]


def _lose_records(receiver: Receiver) -> dict[str, set[str]]:
    """Put more into a small queue than it holds, so that the library says what it lost; return its metrics."""
    reader = InMemoryMetricReader()
    meters = MeterProvider(metric_readers=[reader], resource=Resource({"service.name": "frontend"}))
    exporter = OTLPLogExporter(f"{receiver.http_endpoint}/v1/logs")
    limits = Limits(records=50, batch_records=50, delay=30)
    provider = LoggerProvider(resource=Resource({"service.name": "frontend"}))
    provider.add_log_record_processor(DeliveryProcessor(exporter, limits=limits, meter_provider=meters))
    logger = provider.get_logger("shop/stock")
    for number in range(500):
        logger.emit(body=f"line {number}", severity_number=SeverityNumber.DEBUG)
    provider.force_flush(5000)
    found: dict[str, set[str]] = {}
    data = reader.get_metrics_data()
    assert data is not None
    for resource in data.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                keys = {key for point in metric.data.data_points for key in point.attributes or {}}
                total = isinstance(metric.data, Sum) and metric.data.is_monotonic
                found[label_name(metric.name) + ("_total" if total else "")] = {label_name(key) for key in keys}
    provider.shutdown()
    meters.shutdown()
    return found


@pytest.fixture(scope="session")
def library_metrics() -> dict[str, set[str]]:
    """The library's own metrics as Prometheus names them, with their labels."""
    with Receiver(http_port=0, grpc_port=None) as receiver:
        return _lose_records(receiver)
