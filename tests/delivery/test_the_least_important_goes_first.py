"""A full queue drops the least important of the oldest, and counts each record that it drops."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry._logs import SeverityNumber

from otel_ctxlog.delivery.kinds import DEBUG, ERROR, EVENT, FATAL, INFO, KINDS, TRACE, WARN, kind_of, kind_of_number
from otel_ctxlog.delivery.limits import Limits
from otel_ctxlog.delivery.queue import Item, Queue
from tests.delivery.collectors import Held

if TYPE_CHECKING:
    from tests.delivery.collectors import Deliver

BIG = 1 << 40


def item(kind: int, name: object, size: int = 1) -> Item:
    """A waiting record."""
    return Item(kind, size, (b"", b""), name)


def names(items: list[Item]) -> list[object]:
    """What the records are called."""
    return [one.payload for one in items]


def test_errors_survive_a_flood_of_debug_lines(deliver: Deliver) -> None:
    """10 ERROR, then 20,000 DEBUG, into an exporter that takes 0.5 s: all ERROR arrive, every loss is counted."""
    exporter = Held(0.5)
    delivered = deliver(exporter, limits=Limits(delay=0.1))
    for number in range(10):
        delivered.log(f"error {number}", SeverityNumber.ERROR)
    for number in range(20_000):
        delivered.log(f"debug {number}", SeverityNumber.DEBUG)
    delivered.flush(30)

    bodies = [str(body) for body in exporter.bodies]
    arrived = [body for body in bodies if body.startswith("debug")]
    assert [body for body in bodies if body.startswith("error")] == [f"error {number}" for number in range(10)]
    assert delivered.lost == {("overflow", "DEBUG"): 20_000 - len(arrived)}
    assert len(arrived) >= 2048
    assert arrived == sorted(arrived, key=lambda body: int(body.split()[1]))


def test_kinds_go_in_their_order() -> None:
    """TRACE first, then DEBUG, and so on; events last of all."""
    dropped: list[Item] = []
    queue = Queue(max_records=7, max_bytes=BIG, dropped=dropped.append)
    kinds = [EVENT, FATAL, ERROR, WARN, INFO, DEBUG, TRACE]
    for kind in kinds:
        queue.put(item(kind, KINDS[kind]))
    for number in range(7):
        queue.put(item(EVENT, number))

    assert names(dropped) == ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "EVENT"]
    assert names(queue.take(100, BIG)) == list(range(7))


def test_a_record_less_important_than_all_others_is_the_one_that_goes() -> None:
    """A queue full of errors does not take a debug line."""
    dropped: list[Item] = []
    queue = Queue(max_records=2, max_bytes=BIG, dropped=dropped.append)
    for number, kind in enumerate((ERROR, ERROR, DEBUG)):
        queue.put(item(kind, number))

    assert names(dropped) == [2]


def test_the_size_is_bounded_as_well() -> None:
    """A large record makes several small ones go."""
    dropped: list[Item] = []
    queue = Queue(max_records=100, max_bytes=1000, dropped=dropped.append)
    for number in range(10):
        queue.put(item(INFO, number, 100))
    queue.put(item(ERROR, "large", 350))

    assert names(dropped) == [0, 1, 2, 3]
    assert queue.bytes == 950


def test_what_is_put_back_keeps_its_place_but_not_its_privilege() -> None:
    """Records of a batch in vain are the oldest again, and the first to go for more important ones."""
    dropped: list[Item] = []
    queue = Queue(max_records=4, max_bytes=BIG, dropped=dropped.append)
    for number in range(4):
        queue.put(item(INFO, number))
    batch = queue.take(2, BIG)
    queue.put(item(ERROR, "error"))
    queue.put_back(batch)

    assert names(dropped) == [0]
    assert names(queue.take(100, BIG)) == [1, 2, 3, "error"]


def test_batches_are_bounded_by_both() -> None:
    """Records and bytes; one that is too large alone goes alone."""
    queue = Queue(max_records=100, max_bytes=BIG, dropped=lambda _item: None)
    for number, size in enumerate((10, 10, 10, 500, 10)):
        queue.put(item(INFO, number, size))

    assert [names(queue.take(2, 100)) for _ in range(5)] == [[0, 1], [2], [3], [4], []]


@given(st.lists(st.tuples(st.integers(TRACE, EVENT), st.integers(1, 60), st.booleans()), max_size=120))
def test_it_is_what_a_sorted_list_would_be(steps: list[tuple[int, int, bool]]) -> None:
    """Against the plainest way to write it: the same waits, the same goes, in the same order."""
    dropped: list[Item] = []
    queue = Queue(max_records=12, max_bytes=300, dropped=dropped.append)
    model: list[tuple[int, int, int]] = []
    gone: list[int] = []
    for number, (kind, size, takes) in enumerate(steps):
        queue.put(item(kind, number, size))
        model.append((number, kind, size))
        while len(model) > 12 or sum(one[2] for one in model) > 300:
            least = min(model, key=lambda one: (one[1], one[0]))
            model.remove(least)
            gone.append(least[0])
        if takes:
            queue.settle()
            assert names(queue.take(3, BIG)) == [one[0] for one in model[:3]]
            del model[:3]
    queue.settle()

    assert names(dropped) == gone
    assert names(queue.clear()) == [one[0] for one in model]


def test_a_full_queue_costs_no_more_than_an_empty_one() -> None:
    """Each record is moved a fixed number of times: the work does not grow with what waits."""
    steps: dict[int, int] = {}
    for size in (100, 10_000):
        touched = 0

        def dropped(_item: Item) -> None:
            nonlocal touched
            touched += 1

        queue = Queue(max_records=size, max_bytes=BIG, dropped=dropped)
        for number in range(size + 1000):
            queue.put(item(random.Random(number).randrange(7), number))
        steps[size] = touched

    assert steps == {100: 1000, 10_000: 1000}


@pytest.mark.parametrize(
    ("number", "kind"), [(0, INFO), (1, TRACE), (5, DEBUG), (9, INFO), (13, WARN), (17, ERROR), (24, FATAL), (99, INFO)]
)
def test_severities_are_put_together(number: int, kind: int) -> None:
    """By the ranges of the data model; without a severity a record counts as INFO."""
    assert kind_of_number(number) == kind
    if number < 25:
        assert kind_of(SeverityNumber(number)) == kind
    assert kind_of(None) == INFO
