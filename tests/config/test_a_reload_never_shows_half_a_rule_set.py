from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

import otel_ctxlog as cl
from otel_ctxlog import config

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RELOADS = 1_000
# Each text alone lets "through" pass and keeps "never" out, one by rules where the other does by its default level.
# Rules of one with the default level of the other give the opposite.
TEXTS = (
    "defaultLevel: off\nrules: [{rule: {level: 7, conditions: [{tag: through}]}}]\n",
    "defaultLevel: 7\nrules: [{rule: {level: off, conditions: [{tag: never}]}}]\n",
)


@pytest.fixture(autouse=True)
def _threads_alternate_often() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    yield
    sys.setswitchinterval(before)


class Sink:
    """Counts what arrives by its body."""

    def __init__(self) -> None:
        self.bodies: list[str] = []

    def enabled(self, level: int) -> bool:
        return True

    def emit(self, *, body: object, **_: object) -> None:
        self.bodies.append(str(body))


@pytest.mark.slow
def test_a_thousand_reloads_under_load_show_no_mixed_set(tmp_path: Path) -> None:
    """8 threads log while a file changes and is looked at 1,000 times: each record is decided by one whole text."""
    file = tmp_path / "rules.yaml"
    file.write_text(TEXTS[0])
    sink = Sink()
    ctx = cl.LoggingContext(sink)
    over = threading.Event()
    written = [0] * 8

    def log(number: int) -> None:
        through, never = ctx.unbound_logger(cl.Tag("through")), ctx.unbound_logger(cl.Tag("never"))
        while not over.is_set():
            through.debug("through")
            never.debug("never")
            written[number] += 1
            # Or the thread that reloads hardly gets a turn.
            time.sleep(0.0002)

    threads = [threading.Thread(target=log, args=(number,)) for number in range(8)]
    with config.watch(ctx, file, interval=3600) as watcher:
        for thread in threads:
            thread.start()
        reloads = 0
        try:
            for number in range(1, RELOADS + 1):
                file.write_text(TEXTS[number % 2])
                reloads += watcher.check()
        finally:
            over.set()
            for thread in threads:
                thread.join()

    assert reloads == RELOADS
    assert watcher.last_error is None
    assert sink.bodies.count("never") == 0
    assert sink.bodies.count("through") == sum(written)
    # The trail keeps the last thousand.
    assert len(ctx.audit_trail()) == RELOADS
    assert min(written) > 0
