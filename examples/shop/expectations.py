"""What has to have arrived: rules.yaml once more, in plain Python, and the checks that compare with it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orders import Order

    from otel_ctxlog.receiver import ReceivedRecord, ReceivedSpan

__all__ = ["SEVERITIES", "Check", "check", "severity", "tenant"]

SEVERITIES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_LARGE = 50


@dataclass(frozen=True, slots=True)
class Check:
    """An expectation in words, and whether it holds."""

    text: str
    holds: bool


def severity(record: ReceivedRecord) -> str:
    """Return ``TRACE`` to ``FATAL``; OpenTelemetry has four numbers for each, from 1 to 24."""
    return SEVERITIES[(record.severity_number - 1) // 4]


def tenant(record: ReceivedRecord) -> str:
    """Return the tenant that the request was for: an entry of the baggage, attached to every record; or empty."""
    return str(record.attributes.get("tenant", ""))


def _at_least(record: ReceivedRecord, least: str) -> bool:
    return SEVERITIES.index(severity(record)) >= SEVERITIES.index(least)


def _is_large(record: ReceivedRecord) -> bool:
    size = record.attributes.get("cart.size")
    return isinstance(size, int) and size >= _LARGE


def _passes(record: ReceivedRecord) -> bool:
    """Return whether rules.yaml lets a record through: its rules, from the last to the first."""
    if record.event_type == "cacheLookup":
        return False
    if record.realm == "shop/pricing" and _is_large(record):
        return True
    if tenant(record) == "acme":
        return _at_least(record, "DEBUG")
    if record.event_type:
        return _at_least(record, "INFO")
    return _at_least(record, "WARN")


def _identities(records: Iterable[ReceivedRecord]) -> Counter[str]:
    """Count records by all that is the same in both shops: everything but times and ids."""
    return Counter(
        json.dumps([r.service_name, severity(r), r.scope_name, r.event_name, r.body, r.attributes], sort_keys=True)
        for r in records
    )


def check(
    orders: Sequence[Order],
    *,
    everything: Sequence[ReceivedRecord],
    passed: Sequence[ReceivedRecord],
    spans: Sequence[ReceivedSpan],
) -> list[Check]:
    """Return the expectations of the demo.

    Args:
        orders: what was sent, to both shops.
        everything: the records of the shop without rules.
        passed: the records of the shop with rules.
        spans: the spans of the shop with rules.
    """
    both = {"frontend", "inventory"}
    wanted = _identities(record for record in everything if _passes(record))
    arrived = _identities(passed)
    missing, extra = (wanted - arrived).total(), (arrived - wanted).total()

    events_before = Counter(record.event_type for record in everything if record.event_type)
    events = Counter(record.event_type for record in passed if record.event_type)
    outcomes = sum(events[name] for name in ("orderPlaced", "orderRefused", "orderDelayed"))
    lookups = events_before.pop("cacheLookup", 0)

    details = [record for record in passed if severity(record) == "DEBUG" and record.realm != "shop/pricing"]
    traced = [record for record in passed if severity(record) == "TRACE"]
    lines = sum(len(order.lines) for order in orders if order.size >= _LARGE)
    problems = [sum(_at_least(record, "WARN") for record in records) for records in (everything, passed)]

    tenants = {tenant(record) for record in passed if record.service_name == "inventory"}
    services: dict[str, set[str]] = {}
    for span in spans:
        services.setdefault(span.trace_id, set()).add(span.service_name)
    return [
        Check(f"all {len(orders)} orders have their outcome event", outcomes == len(orders)),
        Check(
            f"exactly the {wanted.total()} records arrived that should pass: {missing} missing, {extra} too many",
            missing == extra == 0,
        ),
        Check(
            f"Debug outside shop/pricing: tenant acme only, {len(details)} records, both services",
            {tenant(record) for record in details} == {"acme"} and {record.service_name for record in details} == both,
        ),
        Check(
            f"Trace in realm shop/pricing for large carts only: {len(traced)} lines of {lines}",
            len(traced) == lines and all(record.realm == "shop/pricing" and _is_large(record) for record in traced),
        ),
        Check(
            f"cacheLookup is silent: {events['cacheLookup']} of {lookups} events",
            lookups > 0 and events["cacheLookup"] == 0,
        ),
        Check(
            f"every other event is there: {events.total()} of {events_before.total()}",
            events == events_before,
        ),
        Check(
            f"no warning or error of any tenant is lost: {problems[1]} of {problems[0]}",
            problems[0] == problems[1] > 0,
        ),
        Check(
            "the inventory knows each record's tenant, which only the baggage told it",
            tenants == {order.tenant for order in orders},
        ),
        Check(
            f"each order is one trace through both services, and each record is in one: {len(services)}",
            len(services) == len(orders)
            and all(names == both for names in services.values())
            and all(record.trace_id in services for record in passed),
        ),
    ]
