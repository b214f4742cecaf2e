"""Changing the rules. Each scenario ends with a call that is off, since the first call after a change finishes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import thread_time

import otel_ctxlog as cl
from benchmarks.model import Case, Cases, Library, group
from benchmarks.shop import DEBUG_TEXT, REALM, baggage_rules, mixed_rules, provider, request


def _change(
    scenario: str,
    change: Callable[[cl.LoggingContext, Sequence[cl.Rule]], None],
    given: Callable[[], Sequence[cl.Rule]],
    loaded: Callable[[], Sequence[cl.Rule]] = list,
) -> Case:
    def sample(loops: int) -> float:
        spent = 0.0
        for _ in range(loops):
            context = cl.LoggingContext(provider())
            context.replace_rules(loaded())
            log = context.unbound_logger(cl.Realm(REALM))
            log.debug(DEBUG_TEXT)
            rules = given()
            begin = thread_time()
            change(context, rules)
            log.debug(DEBUG_TEXT)
            spent += thread_time() - begin
        return spent

    return Case(scenario, Library.OURS, sample, loops=1)


def _replace(context: cl.LoggingContext, rules: Sequence[cl.Rule]) -> None:
    context.replace_rules(rules)


def _one_by_one(context: cl.LoggingContext, rules: Sequence[cl.Rule]) -> None:
    for rule in rules:
        context.add_rule(rule)


@group(rounds=4)
def by_the_thousand() -> Cases:
    """10,000 rules at once, and one by one; then one rule more, with 10,000 loaded."""
    one: list[cl.Rule] = [cl.ConditionRule(cl.DEBUG, cl.BaggageEntry("tenant", "one more"))]
    with request():
        yield [
            _change("10,000 rules on baggage by one `replace_rules`", _replace, lambda: baggage_rules(10_000)),
            _change("10,000 rules on everything by one `replace_rules`", _replace, lambda: mixed_rules(10_000)),
            _change("10,000 rules on everything, one `add_rule` each", _one_by_one, lambda: mixed_rules(10_000)),
            _change("one `add_rule`, 10,000 rules loaded", _one_by_one, lambda: one, lambda: mixed_rules(10_000)),
            _change("one `add_rule`, 10 rules loaded", _one_by_one, lambda: one, lambda: mixed_rules(10)),
        ]
