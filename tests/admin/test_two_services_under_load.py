"""An hour of operation in ten seconds: two services under load of ten tenants, debug for one of them for a while."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from otel_ctxlog.receiver import Receiver

from .asking import Client

if TYPE_CHECKING:
    from otel_ctxlog.receiver import ReceivedRecord

TOKEN = "a-token-for-the-operator"
TENANTS = (*(f"tenant-{number}" for number in range(9)), "acme")
EXPIRY = 5.0
RATE, BURST = 10, 15
SERVICES = ("frontend", "backend")


class Process:
    """One service."""

    def __init__(self, name: str, otlp: str, *further: str) -> None:
        program = str(Path(__file__).with_name("service_under_load.py"))
        self._process = subprocess.Popen(
            [sys.executable, program, name, otlp, TOKEN, *further],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        said = self._said()
        self.url: str = said["url"]
        self.client = Client(said["admin"], TOKEN)

    def _said(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def end(self) -> bool:
        """End it, and return whether all its records were taken."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        flushed = bool(self._said()["flushed"])
        self._process.wait(20)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return flushed

    def kill(self) -> None:
        """End it in any case."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


class Load:
    """Ten tenants that ask, each as fast as it is answered, and what they asked when."""

    def __init__(self, url: str) -> None:
        self.started: dict[str, float] = {}
        self._address = urlsplit(url)
        self._stop = threading.Event()
        self._failures: list[BaseException] = []
        self._threads = [threading.Thread(target=self._ask, args=(tenant,)) for tenant in TENANTS]
        for thread in self._threads:
            thread.start()

    def _ask(self, tenant: str) -> None:
        assert self._address.hostname is not None
        connection = http.client.HTTPConnection(self._address.hostname, self._address.port, timeout=30)
        try:
            number = 0
            while not self._stop.wait(0.02):
                name = f"{tenant}.{number}"
                self.started[name] = time.time()
                connection.request("GET", f"/{name}", headers={"baggage": f"tenant={tenant}"})
                answer = connection.getresponse()
                answer.read()
                assert answer.status == 204
                number += 1
        except BaseException as error:  # noqa: BLE001 - the test has to know
            self._failures.append(error)
        finally:
            connection.close()

    def end(self) -> None:
        """Let each finish what it asked."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        assert self._failures == []


def _of(records: list[ReceivedRecord], service: str, what: str) -> list[ReceivedRecord]:
    return [one for one in records if one.service_name == service and (one.event_type or one.body) == what]


def _requests(records: list[ReceivedRecord]) -> Counter[str]:
    return Counter(str(one.attributes["request"]) for one in records)


@pytest.mark.slow
def test_debug_for_one_tenant_comes_and_goes_by_itself() -> None:
    """Only that tenant's, in both services, from the first request on, limited; nothing lost, nothing twice."""
    with Receiver(http_port=0, grpc_port=None) as receiver:
        assert receiver.http_endpoint is not None
        backend = Process("backend", receiver.http_endpoint)
        frontend = Process("frontend", receiver.http_endpoint, backend.url)
        processes = dict(zip(SERVICES, (frontend, backend), strict=True))
        try:
            load = Load(frontend.url)
            time.sleep(1.5)
            begun = time.time()
            rules = {
                name: process.client(
                    "POST",
                    "/api/rules",
                    {
                        "line": "[baggage:tenant=acme]=debug",
                        "expires": EXPIRY,
                        "limit": {"rate": f"{RATE}/s", "burst": BURST},
                        # A limit is about all that the rule lets through; what counts orders is never held back.
                        "exemptEvents": True,
                        "reason": "ticket 4711",
                    },
                ).json["rule"]
                for name, process in processes.items()
            }
            added = time.time()
            time.sleep(EXPIRY - 1.5)
            counted: dict[str, dict[str, Any]] = {}
            between: dict[str, tuple[float, float]] = {}
            for name, process in processes.items():
                before = time.time()
                counted[name] = process.client.get(f"/api/rules/{rules[name]['id']}")
                between[name] = before, time.time()
            time.sleep(3.0)
            left = {name: process.client.get("/api/rules")["total"] for name, process in processes.items()}
            load.end()
            trails = {name: process.client.get("/api/audit")["entries"] for name, process in processes.items()}
            flushed = [frontend.end(), backend.end()]
        finally:
            frontend.kill()
            backend.kill()
        records = list(receiver.records)

    assert flushed == [True, True]
    assert left == dict.fromkeys(SERVICES, 0)
    asked = load.started
    mine = sorted((name for name in asked if name.startswith("acme.")), key=lambda name: asked[name])
    assert len(mine) > 100
    assert len({name.partition(".")[0] for name in asked}) == 10
    for service in SERVICES:
        # Each request has left exactly one event in each service.
        assert _requests(_of(records, service, "served")) == Counter(dict.fromkeys(asked, 1))

        debug = _of(records, service, "looked at")
        found = _requests(debug)
        assert {str(one.attributes["tenant"]) for one in debug} == {"acme"}
        assert max(found.values()) == 1
        # From the first request after the change, and none before or after the rule.
        first = next(name for name in mine if asked[name] >= added)
        assert first in found
        assert min(asked[name] for name in found) > begun - 0.5
        assert max(asked[name] for name in found) < added + EXPIRY + 0.2
        assert max(asked[name] for name in found) > added + EXPIRY - 1.0
        assert mine[-1] not in found
        # The limit has held, and what it held back is told by the records of the rule that went out.
        assert BURST <= len(found) <= BURST + RATE * EXPIRY + 1
        ours = [one for one in records if one.service_name == service]
        told = sum(int(str(one.attributes.get("otel_ctxlog.suppressed", 0))) for one in ours)
        # The rule was asked twice by each request, and lets all of their events through; one may be on its way.
        passed, suppressed = counted[service]["passed"], counted[service]["suppressed"]["limit"]
        begin, end = between[service]
        least = sum(added <= asked[name] < begin for name in mine) - 1
        most = sum(begun <= asked[name] < end for name in mine) + 1
        assert 2 * least <= passed + suppressed <= 2 * most
        assert suppressed - 12 <= told <= suppressed + sum(asked[name] >= begin for name in mine) + 1

        audits = [one for one in records if one.service_name == service and one.event_type.startswith("otel_ctxlog.")]
        assert [one.event_type for one in sorted(audits, key=lambda one: one.time_unix_nano)] == [
            "otel_ctxlog.ruleAdded",
            "otel_ctxlog.ruleExpired",
        ]
        assert audits[0].attributes["audit.actor"] == "alice"
        assert audits[0].attributes["audit.detail"] == "ticket 4711"
        assert "audit.until" in audits[0].attributes
        assert [entry["action"] for entry in trails[service]] == ["ruleExpired", "ruleAdded"]
        assert trails[service][0]["origin"]["text"] == "endpoint by alice"
    # Nothing else has arrived.
    bodies = Counter(one.event_type or one.body for one in records)
    assert set(bodies) == {"served", "looked at", "otel_ctxlog.ruleAdded", "otel_ctxlog.ruleExpired"}
