"""A day of a fleet of machines that work for tenants, as OTLP JSON lines: deterministic, of any size.

Three services, `gateway`, `jobs` and `machines`, write requests, jobs and the lives of machines, as events and plain
log records; one request in fifty is traced. Things go wrong as they do: some tenants see more errors, jobs are
retried, one minute is a storm, a few jobs never end, and a few records have lost their trace.

    python -m tests.questions.fleet 1000000 fleet.jsonl
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    Value = str | int | float | bool
    Story = list[tuple[float, "Record | Span"]]

DAY = 1_795_132_800  # 2026-11-20T00:00:00Z
SECONDS = 86_400
STORM = 13 * 3600 + 37 * 60
TENANTS = (
    *("acme", "globex", "hooli", "initech", "umbrella", "stark", "wayne", "wonka", "cyberdyne", "tyrell"),
    *("soylent", "oscorp", "aperture", "blackmesa", "duff", "gringotts", "monarch", "virtucon", "zorg", "京东"),
)
_WEIGHTS = tuple(1 / (rank + 1) for rank in range(len(TENANTS)))
_ROUTES = ("/orders", "/orders/{id}", "/stock", "/login", "/export")
_SEVERITY = {"DEBUG": 5, "INFO": 9, "WARN": 13, "ERROR": 17}
_BATCH = 512
_JOB, _MACHINE, _TRACED, _LOST, _STUCK = 0.03, 0.002, 0.02, 0.01, 0.02


@dataclass
class Record:
    """A log record, as the plain Python answers look at it."""

    service: str
    severity: str
    body: str
    event: str = ""
    trace: str = ""
    span: str = ""
    attributes: dict[str, Value] = field(default_factory=dict[str, "Value"])
    time: int = 0


@dataclass
class Span:
    """A span, which starts at `time` and lasts `duration` nanoseconds."""

    service: str
    name: str
    kind: int
    trace: str
    span: str
    parent: str
    duration: int
    failed: bool
    time: int = 0


class Fleet:
    """What happens; iterate `story`, which gives records and spans in order of time."""

    def __init__(self, count: int, *, seed: int = 7) -> None:
        self._count = count
        self._random = random.Random(seed)
        self._jobs = 0

    def story(self) -> Iterator[Record | Span]:
        """Exactly as many records as asked for, and the spans among them."""
        pending: list[tuple[float, int, Record | Span]] = []
        moment, number, written = 0.0, 0, 0
        # An arrival brings a little more than one record.
        pace = SECONDS * 1.55 / self._count
        while True:
            storm = STORM <= moment % SECONDS < STORM + 60
            moment += self._random.expovariate(1.0) * pace / (25 if storm else 1)
            while pending and pending[0][0] <= moment:
                at, _, item = heapq.heappop(pending)
                item.time = DAY * 1_000_000_000 + int(at * 1_000_000) * 1000
                yield item
                written += isinstance(item, Record)
                if written == self._count:
                    return
            for delay, item in self._arrival(storm=storm):
                number += 1
                heapq.heappush(pending, (moment + delay, number, item))

    def _arrival(self, *, storm: bool) -> Story:
        dice = self._random.random()
        if dice < _MACHINE:
            return self._machine()
        if dice < _MACHINE + _JOB or (storm and dice < 0.5):
            return self._job(storm=storm)
        return self._request()

    def _id(self, digits: int) -> str:
        return f"{self._random.getrandbits(digits * 4) | 1:0{digits}x}"

    def _tenant(self) -> str:
        return self._random.choices(TENANTS, _WEIGHTS)[0]

    def _request(self) -> Story:
        dice = self._random
        tenant, route = self._tenant(), dice.choice(_ROUTES)
        took = dice.lognormvariate(3.0, 0.8)
        bad = dice.random() < (0.08 if tenant == "initech" else 0.01)
        traced = dice.random() < _TRACED
        trace = "" if dice.random() < _LOST else self._id(32)
        server = self._id(16) if trace else ""
        story: Story = []
        if traced and trace:
            client, inner = self._id(16), self._id(16)
            nanoseconds = int(took * 1e6)
            name = f"GET {route}"
            reserved: dict[str, Value] = {"tenant": tenant, "machine": self._name()}
            story += [
                (0.0, Span("gateway", name, 2, trace, server, "", nanoseconds, bad)),
                (took / 5000, Span("gateway", "reserve", 3, trace, client, server, nanoseconds // 2, bad)),
                (took / 4000, Span("machines", "POST /reserve", 2, trace, inner, client, nanoseconds // 4, bad)),
                (took / 3500, Record("machines", "DEBUG", "looking for a free machine", "", trace, inner)),
                (took / 2500, Record("machines", "INFO", "", "machineReserved", trace, inner, reserved)),
            ]
        story.append(
            (
                took / 1000,
                Record(
                    "gateway",
                    "ERROR" if bad else "INFO",
                    "",
                    "requestServed",
                    trace,
                    server,
                    {
                        "tenant": tenant,
                        "http.route": route,
                        "http.response.status_code": dice.choice((500, 502, 504)) if bad else 200,
                        "duration_ms": round(took, 3),
                        "cached": dice.random() < 0.3,
                    },
                ),
            )
        )
        if dice.random() < 0.4:
            said = f"served {route} for {tenant} in {took:.1f} ms"
            story.append((took / 1000, Record("gateway", "DEBUG", said, "", trace, server, {"realm": "gateway/http"})))
        return story

    def _job(self, *, storm: bool) -> Story:
        dice = self._random
        self._jobs += 1
        tenant = "hooli" if storm else self._tenant()
        trace, span = self._id(32), self._id(16)
        base: dict[str, Value] = {"tenant": tenant, "job": f"j-{self._jobs:06d}", "machine": self._name()}

        def event(kind: str, severity: str = "INFO", **more: Value) -> Record:
            return Record("jobs", severity, "", kind, trace, span, {**base, **more})

        at = dice.expovariate(2.0)
        story: Story = [(0.0, event("jobStarted", queue=dice.choice(("fast", "slow"))))]
        retries = min(int(dice.expovariate(0.15 if storm else 1.2)), 20)
        for retry in range(1, retries + 1):
            story.append(
                (at, event("jobRetried", "WARN", retry=retry, error="ConnectionResetError: \u2028 reset by peer"))
            )
            at += dice.expovariate(1.0) * retry
        if dice.random() < _STUCK:
            return story
        if retries >= 6:
            story.append((at, event("jobFailed", "ERROR", error="gave up", retry=retries)))
        else:
            story.append((at, event("jobFinished", rows=dice.randrange(1, 100_000), seconds=round(at, 3))))
        return story

    def _machine(self) -> Story:
        dice = self._random
        base: dict[str, Value] = {"machine": self._name(), "tenant": self._tenant()}
        took = dice.lognormvariate(2.5, 1.0)

        def event(kind: str, severity: str = "INFO", **more: Value) -> Record:
            return Record("machines", severity, "", kind, "", "", {**base, **more})

        return [
            (0.0, event("machineStopped", "WARN", reason=dice.choice(("upgrade", "crash", "idle")))),
            (took * 0.9, event("machineStarted", cores=dice.choice((4, 8, 16)))),
            (took, event("machineRestarted", duration=round(took, 3))),
        ]

    def _name(self) -> str:
        return f"m-{self._random.randrange(200):03d}"


def lines(count: int, *, seed: int = 7) -> Iterator[str]:
    """The same day as lines of OTLP JSON, each a batch of one service, as an exporter sends them."""
    batches: dict[tuple[str, bool], list[str]] = {}
    for item in Fleet(count, seed=seed).story():
        key = (item.service, isinstance(item, Span))
        batch = batches.setdefault(key, [])
        batch.append(_span(item) if isinstance(item, Span) else _record(item))
        if len(batch) == _BATCH:
            yield _line(item.service, batches.pop(key), spans=key[1])
    for (service, spans), batch in batches.items():
        yield _line(service, batch, spans=spans)


def write(path: Path, count: int, *, seed: int = 7) -> None:
    """Write `lines` to a file."""
    with path.open("w", encoding="utf-8") as file:
        for line in lines(count, seed=seed):
            file.write(line)


def _line(service: str, batch: list[str], *, spans: bool) -> str:
    resource = _attributes({"service.name": service, "service.version": "1.4.2", "host.name": f"{service}-1"})
    outer, scope, inner = ("Spans", "Spans", "spans") if spans else ("Logs", "Logs", "logRecords")
    return (
        f'{{"resource{outer}":[{{"resource":{{"attributes":{resource}}},"scope{scope}":'
        f'[{{"scope":{{"name":"{service}"}},"{inner}":[{",".join(batch)}]}}]}}]}}\n'
    )


def _record(record: Record) -> str:
    attributes = dict(record.attributes)
    body = record.body
    if record.event:
        body = json.dumps(dict(sorted({**attributes, "eventType": record.event}.items())), ensure_ascii=False)
        attributes["eventType"] = record.event
    name = f',"eventName":"{record.event}"' if record.event else ""
    ids = f',"flags":1,"traceId":"{record.trace}","spanId":"{record.span}"' if record.trace else ""
    return (
        f'{{"timeUnixNano":"{record.time}","observedTimeUnixNano":"{record.time + 20_000}",'
        f'"severityNumber":{_SEVERITY[record.severity]},"severityText":"{record.severity}",'
        f'"body":{_value(body)},"attributes":{_attributes(attributes)}{ids}{name}}}'
    )


def _span(span: Span) -> str:
    parent = f'"parentSpanId":"{span.parent}",' if span.parent else ""
    status = '{"code":2,"message":"failed"}' if span.failed else "{}"
    return (
        f'{{"traceId":"{span.trace}","spanId":"{span.span}",{parent}"name":"{span.name}","kind":{span.kind},'
        f'"startTimeUnixNano":"{span.time}","endTimeUnixNano":"{span.time + span.duration}","status":{status}}}'
    )


def _attributes(attributes: dict[str, Value]) -> str:
    return "[" + ",".join([f'{{"key":"{key}","value":{_value(value)}}}' for key, value in attributes.items()]) + "]"


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return f'{{"boolValue":{"true" if value else "false"}}}'
    if isinstance(value, int):
        return f'{{"intValue":"{value}"}}'
    if isinstance(value, float):
        return f'{{"doubleValue":{value!r}}}'
    return f'{{"stringValue":{json.dumps(value, ensure_ascii=False)}}}'


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write a day of a fleet as OTLP JSON lines.")
    parser.add_argument("count", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    write(arguments.file, arguments.count, seed=arguments.seed)
