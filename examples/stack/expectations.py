"""What has to have arrived: rules.yaml once more, in plain Python."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stack.customers import FAVOURED, TENANTS
from stack.servers import STOCK

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stack.customers import Request
    from stack.servers import Kind

    from otel_ctxlog.receiver import ReceivedRecord, ReceivedSpan

__all__ = ["LIBRARIES", "Arrived", "Check", "check", "library"]

LIBRARIES = ("sqlalchemy", "httpx", "httpcore")
_APPLICATION = "stack.orders"
_ENGINE, _POOL = "sqlalchemy.engine.Engine", "sqlalchemy.pool.impl.QueuePool"
_OK = 200

# What the libraries say about each request of its kind: how many records by service and logger.
# POST: BEGIN, INSERT, its parameters, COMMIT; httpx once; 5 steps of httpcore, each started and complete.
# GET, and the shelf: BEGIN, SELECT, its parameters, columns, row, ROLLBACK.
# The pool: a connection is taken, given back, and reset.
_PLACING = {
    ("orders", _ENGINE): 4,
    ("orders", _POOL): 3,
    ("orders", "httpx"): 1,
    ("orders", "httpcore.http11"): 10,
    ("stock", _ENGINE): 6,
    ("stock", _POOL): 3,
}
_LOOKING = {("orders", _ENGINE): 6, ("orders", _POOL): 3}
# What the first requests of a process cause besides, and those that meet a connection which was idle for too long.
_OCCASIONAL_LOGGERS = ("httpcore.connection", "sqlalchemy.orm.")
_OCCASIONAL_BODIES = ("Created new connection", "Pool overflow", "Closing connection", "close.")


@dataclass(frozen=True, slots=True)
class Check:
    """An expectation in words, and whether it holds."""

    text: str
    holds: bool


class Arrived:
    """What arrived, by the request that it belongs to.

    Args:
        records: all records.
        spans: all spans.
    """

    def __init__(self, records: Sequence[ReceivedRecord], spans: Iterable[ReceivedSpan]) -> None:
        self.records = records
        self._by_trace: defaultdict[str, list[ReceivedRecord]] = defaultdict(list)
        self._spans: defaultdict[str, set[str]] = defaultdict(set)
        for record in records:
            self._by_trace[record.trace_id].append(record)
        for span in spans:
            self._spans[span.trace_id].add(span.span_id)

    def of_libraries(self, requests: Iterable[Request]) -> list[ReceivedRecord]:
        """Return what the libraries wrote in these requests, in both services."""
        return [r for request in requests for r in self._by_trace[request.trace_id] if library(r) in LIBRARIES]

    def of_application(self, request: Request) -> int:
        """Return how many records the application itself wrote in a request."""
        return sum(record.scope_name == _APPLICATION for record in self._by_trace[request.trace_id])

    def is_complete(self, request: Request) -> bool:
        """Return whether the records of libraries are those that the request causes: these, each once, no others."""
        found = Counter(
            (record.service_name.partition("-")[0], record.scope_name)
            for record in self.of_libraries([request])
            if not _is_occasional(record)
        )
        return found == (_PLACING if request.placing else _LOOKING)

    def in_spans(self, records: Iterable[ReceivedRecord]) -> bool:
        """Return whether each record names a span of its trace that arrived."""
        return all(record.span_id in self._spans[record.trace_id] for record in records)


def library(record: ReceivedRecord) -> str:
    """Return the library that wrote a record: the first part of its logger's name."""
    return record.scope_name.partition(".")[0]


def check(kind: Kind, requests: Iterable[Request], arrived: Arrived) -> list[Check]:
    """Return what is expected of one server.

    Args:
        kind: how it ran.
        requests: all that were sent; the last one to this server was under way when it was told to end.
        arrived: all that arrived.
    """
    requests = list(requests)
    own = [request for request in requests if request.service == kind.name]
    favoured = [request for request in own if request.tenant == FAVOURED]
    others = [request for request in own if request.tenant != FAVOURED]
    records, leaked = arrived.of_libraries(favoured), arrived.of_libraries(others)
    traces = {request.trace_id for request in requests}
    strangers = [r for r in arrived.records if library(r) in LIBRARIES and r.trace_id not in traces]
    refused = Counter(request.tenant for request in own if request.outcome == "refused")
    warned = Counter({request.tenant: 0 for request in own})
    for request in own:
        warned[request.tenant] += arrived.of_application(request)
    # OpenTelemetry gives each process an id, also a forked one.
    processes = {str(r.resource_attributes.get("service.instance.id")) for r in records if r.service_name == kind.name}
    return [
        Check(f"all {len(own)} requests were answered", all(request.status == _OK for request in own)),
        Check(
            f"{FAVOURED}: all records of libraries for each of {len(favoured)} requests, none twice",
            all(map(arrived.is_complete, favoured)) and _are_unique(records),
        ),
        Check(
            f"the others: {len(leaked)} records of libraries for {len(others)} requests, {len(strangers)} without any",
            not leaked and not strangers,
        ),
        Check(
            "each record is in a span of its request, in both services",
            arrived.in_spans(records) and {record.service_name for record in records} == {kind.name, STOCK.name},
        ),
        Check(
            f"they come from each of {kind.workers} workers",
            len({request.worker for request in favoured}) == len(processes) == kind.workers,
        ),
        Check(
            "also for the request during which the server was told to end",
            own[-1].outcome == "placed" and arrived.is_complete(own[-1]),
        ),
        Check(
            f"the application's own warnings for every tenant: {warned.total()} of {refused.total()}",
            refused == warned and set(refused) == set(TENANTS),
        ),
    ]


def _is_occasional(record: ReceivedRecord) -> bool:
    return record.scope_name.startswith(_OCCASIONAL_LOGGERS) or str(record.body).startswith(_OCCASIONAL_BODIES)


def _are_unique(records: Sequence[ReceivedRecord]) -> bool:
    seen = {(r.service_name, r.trace_id, r.span_id, r.time_unix_nano, str(r.body)) for r in records}
    return len(seen) == len(records)
