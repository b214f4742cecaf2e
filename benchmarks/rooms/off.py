"""Calls that are off, where nothing of a request decides: what every debug line costs that nobody reads."""

from __future__ import annotations

import otel_ctxlog as cl
from benchmarks.model import Case, Cases, Library, group
from benchmarks.rivals import loggers, off
from benchmarks.shop import FIELDS, REALM, context_with, foreign_rules, request

THREE = dict(list(FIELDS.items())[:3])


@group()
def bound() -> Cases:
    """A bound logger, whose level is the default one or comes from a rule."""
    by_rule = context_with([cl.ConditionRule(cl.INFO, cl.RealmPrefix("shop"))]).logger(cl.Realm(REALM))
    logs = loggers(context_with().logger(cl.Realm(REALM)))
    with request():
        yield [
            *off("off, bound logger", logs, {}),
            *off("off, bound logger, 3 fields", logs, THREE),
            *off("off, bound logger, level by a rule", {**logs, Library.OURS: by_rule}, {}),
            *off("off, bound logger, level by a rule, 3 fields", {**logs, Library.OURS: by_rule}, THREE),
        ]


@group()
def unbound() -> Cases:
    """An unbound logger without rules that can concern it, outside of requests."""
    logs = loggers(context_with().unbound_logger(cl.Realm(REALM)))
    yield [
        *off("off, unbound logger, outside of requests", logs, {}),
        *off("off, unbound logger, outside of requests, 3 fields", logs, THREE),
    ]


@group()
def unconcerned() -> Cases:
    """The same in requests, with rules loaded that are about other realms."""
    logs = loggers()
    cases: list[Case] = []
    for count in (0, 10, 1_000, 10_000):
        ours = context_with(foreign_rules(count)).unbound_logger(cl.Realm(REALM))
        logs[Library.OURS] = ours
        cases += off(f"off, unbound logger, {f'{count:,} rules of other realms' if count else 'no rules'}", logs, {})
    logs[Library.OURS] = context_with().unbound_logger(cl.Realm(REALM))
    cases += off("off, unbound logger, no rules, 3 fields", logs, THREE)
    with request():
        yield cases
