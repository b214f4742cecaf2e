"""Making a logger in a request, as handlers do that log for one customer."""

from __future__ import annotations

import logging

import otel_ctxlog as cl
from benchmarks.model import Cases, Library, group
from benchmarks.rivals import SCOPE, loggers, names, written
from benchmarks.shop import REALM, baggage_rules, context_with, mixed_rules, provider, request
from benchmarks.timing import timed

BARE = "making a bound logger, no rules"
REFERENCE = "written, no fields, in a request"


@group()
def in_a_request() -> Cases:
    """A bound logger, whose level is decided by rules when it is made; the others only remember a field."""
    logs = loggers()
    cases = written(REFERENCE, {Library.RAW: logs[Library.RAW]}, {})
    realm = cl.Realm(REALM)
    for count in (0, 10, 10_000):
        scenario = f"making a bound logger, {count:,} rules on baggage" if count else BARE
        ours: dict[str, object] = {"ctx": context_with(baggage_rules(count)), "realm": realm}
        cases.append(timed(scenario, Library.OURS, "ctx.logger(realm)", ours))
    mixed: dict[str, object] = {"ctx": context_with(mixed_rules(10_000)), "realm": realm}
    cases.append(timed("making a bound logger, 10,000 rules on everything", Library.OURS, "ctx.logger(realm)", mixed))
    for library in (Library.STRUCTLOG, Library.LOGURU):
        cases.append(timed(BARE, library, f"log.bind(realm={REALM!r})", names(logs[library], {})))
    adapter: dict[str, object] = {"log": logs[Library.STDLIB], "Adapter": logging.LoggerAdapter}
    cases.append(timed(BARE, Library.STDLIB, f"Adapter(log, {{'realm': {REALM!r}}})", adapter))
    cases.append(timed(BARE, Library.RAW, f"provider.get_logger({SCOPE!r})", {"provider": provider()}))
    unbound: dict[str, object] = {"ctx": context_with(baggage_rules(10_000)), "realm": realm}
    cases.append(
        timed("making an unbound logger, 10,000 rules on baggage", Library.OURS, "ctx.unbound_logger(realm)", unbound)
    )
    with request():
        yield cases
