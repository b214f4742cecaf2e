"""What the customers do: order, and look at their order."""

from __future__ import annotations

import secrets
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from stack.servers import Server

__all__ = ["FAVOURED", "TENANTS", "Request", "order_while_ending", "visit"]

FAVOURED = "acme"
TENANTS = (FAVOURED, "globex", "hooli", "initech")
_GOODS = ("anvil", "birdseed", "rocket")
_VISITS = 6
_MORE_VISITS = 40
_CLIENTS = 8
_ORDERED, _REFUSED = 2, 9
_PATIENCE_SECONDS = 15.0

# Each request by a connection of its own, so that all workers get some.
_browser = httpx.Client(headers={"Connection": "close"}, timeout=_PATIENCE_SECONDS, trust_env=False)


@dataclass(frozen=True, slots=True)
class Request:
    """A request, and how it went.

    Attributes:
        service: who was asked.
        tenant: for whom.
        placing: whether it was an order; else a look at one.
        trace_id: the trace that it began.
        status: the HTTP status.
        outcome: what the service said.
        worker: the process that answered; 0 if the service did not say.
    """

    service: str
    tenant: str
    placing: bool
    trace_id: str
    status: int
    outcome: str
    worker: int


def visit(servers: Sequence[Server]) -> list[Request]:
    """Send all that the customers want, several at a time, and return it; each worker serves every tenant."""
    requests: list[Request] = []
    with ThreadPoolExecutor(_CLIENTS) as clients:
        visits = [(server, tenant, n) for n in range(_VISITS) for tenant in TENANTS for server in servers]
        for done in clients.map(_visit, *zip(*visits, strict=True)):
            requests += done
        # Which worker takes a connection is up to the kernel.
        for n in range(_VISITS, _VISITS + _MORE_VISITS):
            lacking = [
                (server, tenant, n) for server in servers for tenant in TENANTS if _lacks(server, tenant, requests)
            ]
            if not lacking:
                break
            for done in clients.map(_visit, *zip(*lacking, strict=True)):
                requests += done
    return requests


def order_while_ending(server: Server, database: Path) -> Request:
    """Order something that takes long to find, and have the server end meanwhile.

    Raises:
        RuntimeError: the order does not reach the server.
    """
    number = f"late-{secrets.token_hex(4)}"
    with ThreadPoolExecutor(1) as client:
        request = client.submit(_order, server, FAVOURED, number, "portable hole", 1)
        end = time.monotonic() + _PATIENCE_SECONDS
        while not _is_noted(number, database):
            if request.done() or time.monotonic() > end:
                raise RuntimeError(f"{server.kind.name} does not take orders:\n{server.printed}")
            time.sleep(0.02)
        server.ask_to_end()
        return request.result()


def _visit(server: Server, tenant: str, n: int) -> list[Request]:
    number = f"{tenant}-{n}"
    goods = _GOODS[n % len(_GOODS)]
    ordered = _order(server, tenant, number, goods, _REFUSED if goods == "rocket" else _ORDERED)
    return [ordered, _send(server, tenant, "GET", f"/orders/{number}")]


def _order(server: Server, tenant: str, number: str, goods: str, quantity: int) -> Request:
    return _send(server, tenant, "POST", "/orders", {"id": number, "goods": goods, "quantity": quantity})


def _send(server: Server, tenant: str, method: str, path: str, content: object = None) -> Request:
    trace_id = secrets.token_hex(16)
    headers = {
        "X-Tenant": tenant,
        "traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01",
        # Anybody can say so; that it has no effect is the middleware's doing.
        "baggage": f"tenant={FAVOURED}",
    }
    answer = _browser.request(method, server.url + path, headers=headers, json=content)
    said: dict[str, object] = answer.json() if answer.is_success else {}
    return Request(
        service=server.kind.name,
        tenant=tenant,
        placing=method == "POST",
        trace_id=trace_id,
        status=answer.status_code,
        outcome=str(said.get("outcome", "")),
        worker=int(str(said.get("worker", 0))),
    )


def _lacks(server: Server, tenant: str, requests: Sequence[Request]) -> bool:
    name = server.kind.name
    served = {r.worker for r in requests if (r.service, r.tenant, r.placing) == (name, tenant, True)}
    return len(served) < server.kind.workers


def _is_noted(number: str, database: Path) -> bool:
    connection = sqlite3.connect(database, timeout=_PATIENCE_SECONDS)
    try:
        return connection.execute("SELECT 1 FROM orders WHERE id = ?", (number,)).fetchone() is not None
    finally:
        connection.close()
