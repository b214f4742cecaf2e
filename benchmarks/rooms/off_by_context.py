"""Calls that are off, where baggage and span of the request have to be looked at to know.

The other libraries know nothing of either. What they need stands beside all the same: it is what a program pays now.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median
from time import thread_time

from opentelemetry.context import Context, attach, detach

import otel_ctxlog as cl
from benchmarks.model import Case, Cases, Library, Sample, group
from benchmarks.rivals import debug, loggers, names, off, some
from benchmarks.shop import (
    DEBUG_TEXT,
    FIELDS,
    REALM,
    baggage_rules,
    context_with,
    mixed_rules,
    request,
    request_context,
    span_rules,
)
from benchmarks.timing import UNROLLED, calls, in_threads, items, net

COUNTS = (10, 1_000, 10_000)
TASKS = 1_000
TENANTS = 1_000
RuleSet = Callable[[int], Sequence[cl.Rule]]


def _by_rules(kind: str, rules: RuleSet) -> list[Case]:
    logs = loggers()
    cases: list[Case] = []
    for count in COUNTS:
        logs[Library.OURS] = context_with(rules(count)).unbound_logger(cl.Realm(REALM))
        cases += off(f"off, {count:,} rules on {kind}", logs, {})
    return cases


@group()
def by_baggage() -> Cases:
    """Rules on the tenant in the baggage; the same request as the call before."""
    logs = loggers(context_with(baggage_rules(10)).unbound_logger(cl.Realm(REALM)))
    fields = dict(list(FIELDS.items())[:3])
    with request():
        yield [*_by_rules("baggage", baggage_rules), *off("off, 10 rules on baggage, 3 fields", logs, fields)]


@group()
def by_span() -> Cases:
    """Rules on a span attribute; the same request as the call before."""
    with request():
        yield _by_rules("span attributes", span_rules)


@group()
def by_all() -> Cases:
    """Rules of all kinds mixed, three of them patterns or negations; then with a hundred of those."""
    patterns = context_with(mixed_rules(1_000, patterns=100)).unbound_logger(cl.Realm(REALM))
    logs = some(loggers(patterns), (Library.OURS, Library.STDLIB))
    with request():
        yield [
            *_by_rules("everything", mixed_rules),
            *off("off, 1,000 rules on everything, 100 of them patterns", logs, {}),
        ]


def _new_contexts(loops: int) -> list[Context]:
    return [request_context(f"customer-{number % TENANTS}") for number in range(loops)]


def _in_new_context(library: Library, log: object) -> Sample:
    around: dict[str, object] = {"attach": attach, "detach": detach}
    call = debug(library, {})
    with_call = items(f"token = attach(item); {call}; detach(token)", {**names(log, {}), **around}, _new_contexts)
    without = items("token = attach(item); detach(token)", around, _new_contexts)
    return net(with_call, without)


@group(scale=2)
def in_new_contexts() -> Cases:
    """Each call in a request of its own, never seen before; making and entering the request is not counted."""
    cases: list[Case] = []
    logs = some(loggers(), (Library.OURS, Library.STDLIB))
    kinds: tuple[tuple[str, RuleSet], ...] = (
        ("baggage", baggage_rules),
        ("span attributes", span_rules),
        ("everything", mixed_rules),
    )
    for kind, rules in kinds:
        for count in (10, 10_000):
            logs[Library.OURS] = context_with(rules(count)).unbound_logger(cl.Realm(REALM))
            cases += [
                Case(f"off, first call in a request, {count:,} rules on {kind}", library, _in_new_context(library, log))
                for library, log in logs.items()
            ]
    yield cases


def _in_a_request(work: Callable[[], None]) -> None:
    with request():
        work()


@group(scale=8)
def in_threads_at_once() -> Cases:
    """Threads that log at once through one logger, each in a request of its own; CPU time of all of them."""
    logs = loggers(context_with(baggage_rules(1_000)).unbound_logger(cl.Realm(REALM)))
    cases: list[Case] = []
    for count in (2, 8):
        for library, log in some(logs, (Library.OURS, Library.STDLIB, Library.STRUCTLOG, Library.LOGURU)).items():
            sample = in_threads(count, calls(debug(library, {}), names(log, {})), _in_a_request)
            scenario = f"off, {count} threads, 1,000 rules on baggage"
            cases.append(Case(scenario, library, sample, inner=count * UNROLLED))
    yield cases


def _alternating(call: Callable[[str], object]) -> Sample:
    """Return a sample function for 1,000 tasks that take turns, with a call in every other turn.

    Turns with the call and without follow each other, so that their difference is that of the same tasks a moment
    apart; the median of each counts, since a turn of 1,000 tasks costs much more than the calls in it.
    """
    contexts = _new_contexts(TASKS)

    async def logging(context: Context, turns: int) -> None:
        token = attach(context)
        for _ in range(turns):
            call(DEBUG_TEXT)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        detach(token)

    async def timing(turns: int) -> list[float]:
        marks: list[float] = []
        for _ in range(2 * turns + 1):
            marks.append(thread_time())
            await asyncio.sleep(0)
        return [after - before for before, after in pairwise(marks)]

    async def run(turns: int) -> float:
        # A loop runs tasks in the order in which they got ready: the first one made begins each turn. In the first turn
        # the others enter their requests, so that it and the one after it are left out.
        times = asyncio.ensure_future(timing(turns + 1))
        await asyncio.gather(*(logging(context, turns + 1) for context in contexts))
        steps = (await times)[2:]
        return (median(steps[::2]) - median(steps[1::2])) * turns

    return lambda loops: asyncio.run(run(loops))


@group(rounds=8, scale=20)
def in_alternating_tasks() -> Cases:
    """1,000 asyncio tasks that take turns, each in a request of its own; what asyncio costs is not counted."""
    cases: list[Case] = []
    rivals = some(loggers(), (Library.STDLIB, Library.STRUCTLOG))
    for count in (10, 10_000):
        ours = context_with(baggage_rules(count)).unbound_logger(cl.Realm(REALM))
        methods: dict[Library, Callable[[str], object]] = {Library.OURS: ours.debug}
        methods |= {library: getattr(log, "debug") for library, log in rivals.items()}  # noqa: B009
        cases += [
            Case(
                f"off, 1,000 alternating tasks, {count:,} rules on baggage",
                library,
                _alternating(method),
                inner=TASKS,
            )
            for library, method in methods.items()
        ]
    yield cases
