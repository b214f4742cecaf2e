"""What holds for every test: no thread outlives it, and the machine's `OTEL_*` variables do not reach it."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# Threads that end by themselves a moment after the call that stops them get this many seconds.
_GRACE = 5.0


def _new_threads(before: set[threading.Thread]) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread not in before and thread.is_alive()]


@pytest.fixture(autouse=True)
def _no_leaked_threads() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    """A test fails whose threads, daemons included, are still there when its fixtures are torn down."""
    before = set(threading.enumerate())

    yield

    deadline = time.monotonic() + _GRACE
    leaked = _new_threads(before)
    while leaked and time.monotonic() < deadline:
        time.sleep(0.01)
        leaked = _new_threads(before)
    if leaked:
        names = ", ".join(sorted(f"{thread.name!r} (daemon={thread.daemon})" for thread in leaked))
        pytest.fail(f"threads left behind by this test: {names}", pytrace=False)


@pytest.fixture(autouse=True)
def _no_otel_variables(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    """Every test starts without the `OTEL_*` variables of the machine it runs on."""
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)
