"""Requests to CloudWatch Logs keep the limits of ``PutLogEvents``, also where events are as large as they may be."""

from __future__ import annotations

import random
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest

import otel_ctxlog as cl
from otel_ctxlog.events.cloudwatch import CloudWatchEventer
from otel_ctxlog.events.cloudwatch_batch import Entry, Mark, cut

from .cloud import Watched, arrived, problems_of, wait_until

if TYPE_CHECKING:
    import logging

DAY = 24 * 3_600_000
_SHELL = len(cl.marshal("t", v="").encode())


def _sized(size: int, letter: str = "a") -> str:
    """The value that makes a message of so many bytes."""
    return letter * ((size - _SHELL) // len(letter.encode()))


def _entries(*sizes: int, step: int = 1) -> deque[Entry | Mark]:
    return deque(Entry(1000 + number * step, "x" * (size - 26), size) for number, size in enumerate(sizes))


def _all(queue: deque[Entry | Mark]) -> list[list[Entry]]:
    batches: list[list[Entry]] = []
    while queue:
        batches.append(cut(queue))
    return batches


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([1_048_576], [1]),
        ([524_288, 524_288], [2]),
        ([524_288, 524_289], [1, 1]),
        ([1_048_549, 27], [2]),
        ([1_048_550, 27], [1, 1]),
        ([30] * 10_000, [10_000]),
        ([30] * 10_001, [10_000, 1]),
        ([104] * 10_000, [10_000]),
        ([105] * 10_000, [9986, 14]),
        ([], []),
    ],
)
def test_a_request_is_as_full_as_it_may_be(sizes: list[int], expected: list[int]) -> None:
    """1,048,576 bytes, 26 of them for each event, and 10,000 events go into a request; one more of either does not."""
    assert [len(batch) for batch in _all(_entries(*sizes))] == expected


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([0, DAY], [[0, DAY]]),
        ([0, DAY + 1], [[0], [DAY + 1]]),
        ([DAY, 0, 1], [[0, 1, DAY]]),
        ([DAY + 1, 0, 1], [[DAY + 1], [0, 1]]),
        ([5, 3, 4, 3], [[3, 3, 4, 5]]),
        ([DAY, 2 * DAY, 0], [[DAY, 2 * DAY], [0]]),
    ],
)
def test_a_request_spans_a_day_in_chronological_order(times: list[int], expected: list[list[int]]) -> None:
    """A request is in order whatever the clock did, and events more than 24 hours apart are in different ones."""
    queue: deque[Entry | Mark] = deque(Entry(moment, "x", 27) for moment in times)

    assert [[entry.timestamp for entry in batch] for batch in _all(queue)] == expected


def test_events_of_one_millisecond_stay_in_order() -> None:
    """Sorting keeps the order of events that have one time."""
    queue: deque[Entry | Mark] = deque(Entry(moment, str(number), 27) for number, moment in enumerate([2, 1, 2, 1, 2]))

    assert [entry.message for entry in cut(queue)] == ["1", "3", "0", "2", "4"]


def test_a_mark_ends_a_request() -> None:
    """What is behind a mark is not in the request before it: who waits there waits for nothing else."""
    queue = _entries(30, 30, 30)
    queue.insert(2, Mark())

    assert len(cut(queue)) == 2
    assert cut(queue) == []
    queue.popleft()
    assert len(cut(queue)) == 1


def test_random_queues_are_cut_within_the_limits() -> None:
    """Any queue is cut into requests that the service takes, and every event is in one of them, once."""
    chance = random.Random(20261121)
    for _ in range(60):
        largest = chance.choice([60, 3_000, 400_000, 1_048_576])
        spread = chance.choice([1, 1_000, DAY, 5 * DAY])
        entries: list[Entry] = []
        for number in range(chance.choice([1, 7, 300])):
            message = f"{number} {'x' * (chance.randrange(34, largest + 1) - 26 - 8)}"
            entries.append(Entry(chance.randrange(spread), message, len(message) + 26))
        batches = _all(deque(entries))

        assert sorted(entry for batch in batches for entry in batch) == sorted(entries)
        for batch in batches:
            assert problems_of([{"timestamp": entry.timestamp, "message": entry.message} for entry in batch]) == []


@pytest.mark.parametrize("letter", ["a", "é", "漢", "🚀"])
def test_a_message_may_be_as_large_as_a_request(
    client: Any, group: str, letter: str, diagnostics: list[logging.LogRecord]
) -> None:
    """A message of 1,048,550 bytes in UTF-8 arrives; one byte more is dropped, counted and logged."""
    most = 1_048_576 - 26
    value = _sized(most, letter)
    value += "a" * (most - len(cl.marshal("t", v=value).encode()))
    watched = Watched(client)
    with CloudWatchEventer(watched, group, "s") as eventer:
        eventer.event("t", v=value)
        eventer.event("t", v=value + "a")
        eventer.event("t", v="small")
        assert eventer.flush(20)

        assert [event["v"] for event in arrived(client, group, "s")] == [value, "small"]
        assert eventer.dropped == 1
    assert watched.problems == []
    assert [record.getMessage() for record in diagnostics] == [
        "dropped 1 event(s), the last of type 't': size: a message of 1,048,551 bytes; CloudWatch Logs takes 1,048,550"
    ]


def test_large_and_small_messages_share_requests(client: Any, group: str) -> None:
    """Messages of all sizes arrive, in order, in requests that keep the limits."""
    chance = random.Random(7)
    sizes = [chance.choice([60, 500, 30_000, 262_144, 700_000]) for _ in range(80)]
    watched = Watched(client)
    with CloudWatchEventer(watched, group, "s") as eventer:
        for size in sizes:
            eventer.event("t", v=_sized(size))
        assert eventer.flush(30)

        assert [len(event["v"]) for event in arrived(client, group, "s")] == [size - _SHELL for size in sizes]
        assert watched.problems == []
        assert eventer.dropped == 0


def test_a_full_request_is_sent_before_its_time(client: Any, group: str) -> None:
    """Ten thousand events, or a megabyte, are sent at once, whatever the interval; what is left waits."""
    watched = Watched(client)
    with CloudWatchEventer(watched, group, "s", interval=60) as eventer:
        for number in range(10_001):
            eventer.event("t", number=number)

        assert wait_until(lambda: 10_000 in watched.sizes)
        for _ in range(3):
            eventer.event("t", v=_sized(500_000))
        assert wait_until(lambda: len(watched.sizes) == 2)


def test_a_clock_that_goes_backwards_costs_nothing(client: Any, group: str) -> None:
    """Events of a clock that jumps back and forth by hours and days arrive, each with the time it had."""
    start = time.time()
    hours = [0, -1, -30, 1, -29, -60, 0, 1, -300, -299]
    clock = iter(hours)
    watched = Watched(client)
    with CloudWatchEventer(watched, group, "s", now=lambda: start + next(clock) * 3600) as eventer:
        for hour in hours:
            eventer.event("t", hour=hour)
        assert eventer.flush(20)
        found = client.get_log_events(logGroupName=group, logStreamName="s", startFromHead=True)["events"]

        assert [event["timestamp"] for event in found] == sorted(int((start + hour * 3600) * 1000) for hour in hours)
        assert watched.problems == []
        assert eventer.dropped == 0


def test_requests_that_a_clock_cuts_short_do_not_wait_for_each_other(client: Any, group: str) -> None:
    """Events that cannot share a request, since a day is between them, all go out within the interval."""
    start = time.time()
    hours = iter([0, -30] * 5)
    watched = Watched(client)
    with CloudWatchEventer(watched, group, "s", now=lambda: start + next(hours) * 3600) as eventer:
        for _ in range(10):
            eventer.event("t")
        assert wait_until(lambda: len(watched.sizes) == 10, 3)


@pytest.mark.parametrize("moment", [float("nan"), float("inf"), "text", None, 1e300, -5.0])
def test_a_clock_that_fails_costs_no_event(
    client: Any, group: str, moment: Any, diagnostics: list[logging.LogRecord]
) -> None:
    """Where the clock gives no time, the system's is used, with one diagnostic; others are the service's to judge."""
    watched = Watched(client)
    with CloudWatchEventer(watched, group, "s", now=lambda: moment) as eventer:
        eventer.event("a")
        eventer.event("b")
    sound = moment in (1e300, -5.0)
    times = [event["timestamp"] for batch in watched.batches for event in batch]

    assert len(diagnostics) <= 1 if sound else len(diagnostics) == 1
    if not sound:
        assert "clock of an eventer" in diagnostics[0].getMessage()
        assert all(abs(one / 1000 - time.time()) < 60 for one in times)
        assert len(arrived(client, group, "s")) == 2
