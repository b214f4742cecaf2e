"""100 queued records, and each way a process ends: how many arrive, without a spool and with one."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import pytest

import otel_ctxlog as cl

from .exits import EXITS, PAGE, Exit, page_with, table

if TYPE_CHECKING:
    from pathlib import Path

    from .programs import Programs

SPOOL = "spool" in inspect.signature(cl.setup).parameters

WITHOUT = "setup()\n"
WITH = """
telemetry = setup(spool=sys.argv[1])

def queue(count=100):
    for n in range(count):
        telemetry.eventer.event("queued", n=n)

"""
RESTARTED = "telemetry = setup(spool=sys.argv[1])\ntelemetry.flush(10)\n"

each_exit = pytest.mark.parametrize("way", EXITS, ids=lambda way: way.name)
each_exit_twice = pytest.mark.parametrize(
    "way", [pytest.param(way, id=way.name, marks=[pytest.mark.slow] if way.kept else []) for way in EXITS]
)


@each_exit
def test_without_a_spool_what_the_system_lets_us_deliver_arrives(way: Exit, programs: Programs) -> None:
    """Where Python code runs before the end all 100 arrive, once, and the exit code is what it is without us."""
    done = programs.run(WITHOUT + way.text)

    assert done.code == way.code, done.err
    assert done.numbers() == list(range(way.kept))


@pytest.mark.skipif(not SPOOL, reason="see test_there_is_a_spool, which fails then")
@each_exit_twice
def test_with_a_spool_all_arrive_after_a_restart(way: Exit, programs: Programs, tmp_path: Path) -> None:
    """Whatever the end, all 100 have arrived after the program was started again; the exit code stays the same."""
    spool = str(tmp_path / "spool")
    done = programs.run(WITH + way.text, spool)

    assert done.code == way.code, done.err

    # What it sends of the run before has the resource of that run.
    again = programs.run(RESTARTED, spool, RUN=programs.run_id)

    assert again.code == 0, again.err
    assert sorted(set(again.numbers())) == list(range(100))
    # Sent twice at most after a crash while an answer was on its way, and then with the same id.
    assert len({str(record.attributes["log.record.uid"]) for record in again.records}) == 100
    if way.kept:
        assert done.numbers() == again.numbers(), "delivered at the end, and sent again"


def test_there_is_a_spool() -> None:
    """The cases above that need one do run."""
    assert SPOOL


def test_the_page_says_what_these_tests_expect() -> None:
    """The table in docs/lifecycle.md is the one that is tested here."""
    page = PAGE.read_text(encoding="utf-8")

    assert table() in page
    assert page_with(page, "") != page
