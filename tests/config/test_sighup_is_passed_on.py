from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import otel_ctxlog as cl
from otel_ctxlog import config
from otel_ctxlog.config.hangup import HANGUP

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="a system without SIGHUP")


class Calls:
    """Handlers that note their calls."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def handler(self, name: str, then: object = None) -> None:
        """Set a handler, which calls another afterwards."""

        def called(number: int, frame: object) -> None:
            self.names.append(name)
            if callable(then):
                then(number, frame)

        signal.signal(signal.SIGHUP, called)

    def listener(self) -> None:
        """What a watcher gives."""
        self.names.append("look")

    def hang_up(self) -> list[str]:
        """Who is called at a SIGHUP."""
        self.names.clear()
        signal.raise_signal(signal.SIGHUP)
        return self.names


@pytest.fixture
def calls() -> Iterator[Calls]:
    outer = signal.getsignal(signal.SIGHUP)
    found = Calls()
    found.handler("first")
    yield found
    HANGUP.forget(found.listener)
    signal.signal(signal.SIGHUP, outer)


def test_a_handler_that_knows_ours_goes_on_reaching_the_first(calls: Calls) -> None:
    """Who has set a handler on top of ours, and calls ours, loses nothing when watching ends or begins again."""
    HANGUP.listen(calls.listener)
    calls.handler("second", signal.getsignal(signal.SIGHUP))
    assert calls.hang_up() == ["second", "look", "first"]
    HANGUP.forget(calls.listener)
    assert calls.hang_up() == ["second", "first"]
    HANGUP.listen(calls.listener)

    # Ours is there twice, which is one look too many, and not a call without end.
    assert calls.hang_up() == ["look", "second", "look", "first"]


def test_a_handler_that_knows_nothing_of_ours_does_not_end_listening_for_good(calls: Calls) -> None:
    """Whoever listens after ours was replaced is heard, all others with it."""
    HANGUP.listen(calls.listener)
    calls.handler("second")
    assert calls.hang_up() == ["second"]
    HANGUP.listen(calls.listener)

    assert calls.hang_up() == ["look", "look", "second"]


LEAVING = """
import os, signal, sys, threading
import otel_ctxlog as cl
from otel_ctxlog import config

watcher = config.watch(cl.LoggingContext(), sys.argv[1], sighup=True)
thread = threading.Thread(target=watcher.close)
thread.start()
thread.join()
os.kill(os.getpid(), signal.SIGHUP)
for _ in range(1000): pass
print("alive")
"""


def test_after_a_close_in_a_thread_the_default_is_back(tmp_path: Path) -> None:
    """A thread cannot put the default back; the first signal does, and ends the process as it would have."""
    file = tmp_path / "rules.yaml"
    file.write_text("{}\n")
    done = subprocess.run(
        [sys.executable, "-c", LEAVING, str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(cl.__file__).parents[1])},
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )

    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGHUP, "", "")


def test_a_watcher_closed_in_a_handler_is_closed(tmp_path: Path, calls: Calls) -> None:
    """Closing within the signal, rules and all, waits for nothing."""
    file = tmp_path / "rules.yaml"
    file.write_text("rules: [{rule: {level: Debug}}]\n")
    ctx = cl.LoggingContext()
    watcher = config.watch(ctx, file, interval=3600, sighup=True)
    ours = signal.getsignal(signal.SIGHUP)

    def closing(number: int, frame: FrameType | None) -> None:
        if callable(ours):
            ours(number, frame)
        watcher.close(remove_rules=True)

    signal.signal(signal.SIGHUP, closing)

    assert calls.hang_up() == ["first"]
    assert ctx.rules == ()
    assert not [thread for thread in threading.enumerate() if "watching" in thread.name]
