"""The example from the beginning to the end; ``run.py`` starts it."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from stack.customers import FAVOURED, order_while_ending, visit
from stack.expectations import Arrived, Check, check
from stack.report import Report
from stack.servers import ORDERS, STOCK, Kind, Server
from stack.tables import prepare

from otel_ctxlog.receiver import Receiver, Style

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["main"]

_RULES = Path(__file__).resolve().with_name("rules.yaml")
_READY_SECONDS = 30.0
_LONG_MILLISECONDS = "60000"


def main() -> int:
    """Run the example; return 0 if every expectation holds, 1 if not or if something could not be run."""
    parser = argparse.ArgumentParser(description="FastAPI, SQLAlchemy and httpx under rules, by several servers.")
    parser.add_argument("--rules", type=Path, default=_RULES, help="other rules (default: %(default)s)")
    parser.add_argument("--keep", type=Path, help="a file for what arrives, as lines of OTLP JSON")
    arguments = parser.parse_args()
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal without ✓ gets a ?
    signal.signal(signal.SIGTERM, _interrupt)
    began = time.monotonic()
    report = Report(Style.of_stream(sys.stdout))
    try:
        good = demonstrate(arguments.rules.resolve(), arguments.keep, report)
    except KeyboardInterrupt:
        print("interrupted; the servers are stopped", file=sys.stderr)
        return 130
    except (RuntimeError, OSError, httpx.HTTPError) as problem:
        print(f"the example could not be run: {problem}", file=sys.stderr)
        return 1
    report.say()
    report.say(f"{'Everything as expected' if good else 'NOT as expected'}, in {time.monotonic() - began:.0f} s.")
    return 0 if good else 1


def demonstrate(rules: Path, keep: Path | None, report: Report) -> bool:
    """Run all servers to their end, print the summary, and return whether every expectation holds."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="otel-ctxlog-stack-")))
        receiver = stack.enter_context(Receiver(http_port=0, grpc_port=0, keep=keep))
        endpoints = {"grpc": receiver.grpc_endpoint, "http/protobuf": receiver.http_endpoint}

        def start(kind: Kind, **more: str) -> Server:
            database = f"sqlite:///{_database(kind, folder)}"
            prepare(database)
            environment = {
                "DATABASE_URL": database,
                "OTEL_CTXLOG_CONFIG": str(rules),
                "OTEL_SERVICE_NAME": kind.name,
                "OTEL_EXPORTER_OTLP_PROTOCOL": kind.protocol,
                "OTEL_EXPORTER_OTLP_ENDPOINT": endpoints[kind.protocol],
                # Nothing is sent before 512 records have gathered, or the worker ends: what its end loses, is missed.
                "OTEL_BLRP_SCHEDULE_DELAY": _LONG_MILLISECONDS,
                "OTEL_BSP_SCHEDULE_DELAY": _LONG_MILLISECONDS,
                # The tenant on the span, for whoever looks at what was kept.
                "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST": "X-Tenant",
                **more,
            }
            return stack.enter_context(Server(kind, environment=environment, output=folder / f"{kind.name}.txt"))

        report.say("An orders service (FastAPI, SQLAlchemy, httpx) three times, each by another server,")
        report.say("and a stock service behind (FastAPI, SQLAlchemy). Not one line of them logs at Debug;")
        report.say(f"the libraries do. By {rules.name}: Warn by default; Debug of the libraries for {FAVOURED}.")
        stock = start(STOCK)
        stock.wait_until_ready(_READY_SECONDS)
        servers = [start(kind, STOCK_URL=stock.url) for kind in ORDERS]
        for server in servers:
            server.wait_until_ready(_READY_SECONDS)

        requests = visit(servers)
        traced = next(r for r in reversed(requests) if r.tenant == FAVOURED and r.placing)
        with ThreadPoolExecutor(len(servers)) as clients:
            databases = [_database(server.kind, folder) for server in servers]
            requests += clients.map(order_while_ending, servers, databases)
        ended = [server.stop() for server in (*servers, stock)]
        records = receiver.records
        arrived = Arrived(records, receiver.spans)

    good = True
    for kind in ORDERS:
        report.title(f"{kind.title}: records that arrived, by tenant and library")
        report.by_tenant(kind, requests, records)
        checks = check(kind, requests, arrived)
        report.checks(checks)
        good = good and all(item.holds for item in checks)
    report.title(f"One order of {FAVOURED}, in one trace: when, service, logger, number of records, what they say")
    report.trace([record for record in records if record.trace_id == traced.trace_id])
    report.say()
    last = Check("all servers ended by themselves when told to", all(ended))
    report.checks([last])
    return good and last.holds


def _database(kind: Kind, folder: Path) -> Path:
    return folder / f"{kind.name}.db"


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
