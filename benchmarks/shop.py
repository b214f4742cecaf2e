"""The world that is logged in: requests of a shop, the rules about them, and providers that do nothing."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager

from opentelemetry import baggage
from opentelemetry._logs import SeverityNumber
from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import set_span_in_context

import otel_ctxlog as cl

REALM = "shop/cart"
DEBUG_TEXT = "price calculated"
INFO_TEXT = "order placed"
EVENT_TYPE = "orderPlaced"

FIELDS: Mapping[str, object] = {
    "order": "A-10473",
    "pieces": 3,
    "total": 129.9,
    "currency": "EUR",
    "customer": "c-58211",
    "country": "DE",
    "channel": "web",
    "express": False,
    "warehouse": "FRA-2",
    "weight": 1870,
}
NESTED: Mapping[str, object] = {
    "order": "A-10473",
    "address": {"city": "Mainz", "country": "DE", "zip": "55116"},
    "lines": [{"sku": "TEA-17", "count": 2, "price": 9.9}, {"sku": "POT-4", "count": 1, "price": 110.1}],
}
SPAN_ATTRIBUTES: Mapping[str, str | int | bool] = {
    "http.route": "/cart/{id}",
    "http.request.method": "POST",
    "user.tier": "gold",
    "cart.size": 3,
    "http.response.status_code": 200,
    "server.address": "shop.example.com",
    "server.port": 443,
    "url.scheme": "https",
    "url.path": "/cart/58211",
    "client.address": "192.0.2.17",
    "network.protocol.version": "1.1",
    "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0)",
    "deployment.ring": "canary",
    "feature.checkout_v2": True,
    "db.pool.size": 16,
}
"""Fifteen, of which requests have the first four unless a scenario says otherwise."""

TRACER = TracerProvider(shutdown_on_exit=False).get_tracer("benchmarks")


class DoNothing(LogRecordProcessor):
    """A processor that takes records and drops them."""

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Drop it."""

    def shutdown(self) -> None:
        """Do nothing."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002
        """Return True."""
        return True


class OnlyInfo(DoNothing):
    """One that wants nothing finer than Info."""

    def enabled(
        self,
        *,
        context: Context | None = None,  # noqa: ARG002
        instrumentation_scope: InstrumentationScope | None = None,  # noqa: ARG002
        severity_number: SeverityNumber | None = None,
        event_name: str | None = None,  # noqa: ARG002
    ) -> bool:
        """Return whether such a record would be taken."""
        return severity_number is None or severity_number.value >= SeverityNumber.INFO.value


class ExportNothing(LogRecordExporter):
    """An exporter that drops every batch."""

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:  # noqa: ARG002
        """Return success."""
        return LogRecordExportResult.SUCCESS

    def shutdown(self) -> None:
        """Do nothing."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002
        """Return True."""
        return True


def provider(*processors: LogRecordProcessor) -> LoggerProvider:
    """Return a provider with these processors, or with one that does nothing."""
    made = LoggerProvider(shutdown_on_exit=False)
    for processor in processors or (DoNothing(),):
        made.add_log_record_processor(processor)
    return made


def request_context(tenant: str = "acme", *, attributes: int = 4) -> Context:
    """Return the OpenTelemetry context of a request: a recording span with so many attributes, two baggage entries."""
    span = TRACER.start_span("POST /cart", attributes=dict(list(SPAN_ATTRIBUTES.items())[:attributes]))
    return baggage.set_baggage("session", "s-77120", baggage.set_baggage("tenant", tenant, set_span_in_context(span)))


@contextmanager
def request(tenant: str = "acme", *, attributes: int = 4) -> Generator[None, None, None]:
    """Run the block inside such a request."""
    token = attach(request_context(tenant, attributes=attributes))
    try:
        yield
    finally:
        detach(token)


@contextmanager
def span_only(attributes: int = 0) -> Generator[None, None, None]:
    """Run the block inside a span with so many attributes, without baggage."""
    with TRACER.start_as_current_span("POST /cart", attributes=dict(list(SPAN_ATTRIBUTES.items())[:attributes])):
        yield


def context_with(rules: Sequence[cl.Rule] = ()) -> cl.LoggingContext:
    """Return a logging context of its own with these rules, into a processor that does nothing."""
    made = cl.LoggingContext(provider())
    made.replace_rules(rules)
    return made


def baggage_rules(count: int) -> list[cl.Rule]:
    """Return rules for so many tenants by baggage; none is for the tenant of the requests here."""
    return [cl.ConditionRule(cl.DEBUG, cl.BaggageEntry("tenant", f"tenant-{number}")) for number in range(count)]


def span_rules(count: int) -> list[cl.Rule]:
    """Return rules for so many values of a span attribute; none is that of the requests here."""
    return [cl.ConditionRule(cl.DEBUG, cl.SpanAttribute("user.tier", f"tier-{number}")) for number in range(count)]


def foreign_rules(count: int) -> list[cl.Rule]:
    """Return rules about baggage in so many other realms, so that none can concern a logger of `REALM`."""
    return [
        cl.ConditionRule(cl.DEBUG, cl.Realm(f"shop/part-{number}"), cl.BaggageEntry("tenant", "acme"))
        for number in range(count)
    ]


def mixed_rules(count: int, *, patterns: int = 3) -> list[cl.Rule]:
    """Return rules of all kinds, in which a request here decides only after a look at its baggage and its span.

    Args:
        count: how many, at least 10.
        patterns: how many of them are globs, ranges and negations: a handful, as in rule files of any size, since
            what is listed by the thousand is names and values.
    """
    pattern_kinds: list[Callable[[int], cl.Condition]] = [
        lambda number: cl.BaggageEntry("tenant", cl.Glob(f"test-{number}-*")),
        lambda number: cl.SpanAttribute("cart.size", cl.Range(min=50 + number)),
        lambda number: cl.And(cl.Tag("audit"), cl.Not(cl.BaggageEntry("session", f"s-{number}"))),
    ]
    plain_kinds: list[Callable[[int], tuple[cl.Condition, ...]]] = [
        lambda number: (cl.BaggageEntry("tenant", f"tenant-{number}"),),
        lambda number: (cl.SpanAttribute("user.tier", f"tier-{number}"),),
        lambda number: (cl.Realm(f"shop/part-{number}"),),
        lambda number: (cl.RealmPrefix(f"plugins/part-{number}"), cl.BaggageEntry("tenant", "acme")),
        lambda number: (cl.Tag(f"tag-{number}"),),
        lambda number: (cl.Realm(REALM), cl.BaggageEntry("session", f"s-{number}")),
        lambda number: (cl.Or(cl.Attribute("region", f"r-{number}"), cl.SpanName(f"job {number}")),),
    ]
    rules: list[cl.Rule] = []
    for number in range(count):
        if number < patterns:
            rules.append(cl.ConditionRule(cl.DEBUG, pattern_kinds[number % len(pattern_kinds)](number)))
        else:
            rules.append(cl.ConditionRule(cl.DEBUG, *plain_kinds[number % len(plain_kinds)](number)))
    return rules
