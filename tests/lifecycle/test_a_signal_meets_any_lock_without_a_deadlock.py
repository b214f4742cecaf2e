"""A signal may come while the main thread holds whatever the export needs: it ends in time, and nothing is lost."""

from __future__ import annotations

import random
import signal
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from .programs import Programs

# An exporter that needs a lock of the program's, and writes into a file what it got.
LOCKED = """
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
lock = threading.Lock()
class Locked(LogRecordExporter):
    def export(self, batch):
        with lock:
            with open(sys.argv[1], "a") as file:
                file.write("x" * len(batch))
        return LogRecordExportResult.SUCCESS
    def shutdown(self): pass
    def force_flush(self, timeout_millis=0): return True
"""


@pytest.mark.parametrize(
    "held",
    [
        pytest.param("lock", marks=pytest.mark.slow),
        # Where `threading` itself notes what runs: a new thread takes it.
        "threading._active_limbo_lock",
        pytest.param("logging.getLogger('otel_ctxlog').handlers[0].lock", marks=pytest.mark.slow),
    ],
)
def test_a_lock_that_the_interrupted_code_holds_is_let_go_of(programs: Programs, tmp_path: Path, held: str) -> None:
    """The main thread is interrupted while it holds it: it goes on, lets go, and the rest of the time is enough."""
    arrived = tmp_path / "arrived"
    done = programs.run(
        LOCKED + "import logging\nlogging.getLogger('otel_ctxlog').addHandler(logging.StreamHandler())\n"
        "setup(exporter=Locked(), handle_signals=2)\nqueue()\n"
        f"with {held}:\n    os.kill(os.getpid(), signal.SIGTERM)\n    time.sleep(0.1)\n"
        "time.sleep(30)\n",
        str(arrived),
    )

    assert done.code == -signal.SIGTERM, done.err
    assert arrived.stat().st_size == 100
    assert done.seconds < 15


def test_a_lock_that_is_never_let_go_of_costs_the_records_but_not_the_end(programs: Programs, tmp_path: Path) -> None:
    """The process dies by the signal at its deadline."""
    done = programs.run(
        LOCKED + "setup(exporter=Locked(), handle_signals=1)\nqueue()\n"
        "with lock:\n    os.kill(os.getpid(), signal.SIGTERM)\n    time.sleep(30)\n",
        str(tmp_path / "arrived"),
    )

    assert done.code == -signal.SIGTERM, done.err
    assert done.seconds < 15


@pytest.mark.parametrize("ending", ["telemetry.shutdown()", "telemetry.flush()", "sys.exit()", "pass"])
def test_a_signal_during_flush_and_shutdown_waits_for_them(programs: Programs, tmp_path: Path, ending: str) -> None:
    """It comes while the main thread is in it, at exit too: all is exported, once, and then it takes its effect."""
    arrived = tmp_path / "arrived"
    done = programs.run(
        LOCKED + "class Signalling(Locked):\n"
        "    def export(self, batch):\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        time.sleep(0.5)\n"
        "        return super().export(batch)\n"
        f"telemetry = setup(exporter=Signalling(), handle_signals=30)\nqueue()\n{ending}\n"
        f"if {ending != 'pass'}: time.sleep(30)\n",
        str(arrived),
    )

    assert done.code == -signal.SIGTERM, done.err
    assert arrived.stat().st_size == 100
    # A handler that waits for what it has interrupted would take half of the thirty.
    assert done.seconds < 12


def test_a_handler_that_calls_shutdown_in_a_shutdown_gets_no_deadlock(programs: Programs) -> None:
    """The inner call returns False at once, the outer one exports."""
    done = programs.run(
        "telemetry = setup()\nqueue()\n"
        "signal.signal(signal.SIGUSR1, lambda number, frame: print('inner', telemetry.shutdown()))\n"
        "telemetry.at_end(lambda: os.kill(os.getpid(), signal.SIGUSR1))\n"
        "begin = time.monotonic()\nprint('outer', telemetry.shutdown(), time.monotonic() - begin < 2)\n"
    )

    assert (done.out, done.count) == ("inner False\nouter True True\n", 100), done.err


@pytest.mark.slow
def test_a_signal_at_any_moment_loses_nothing_that_was_logged(programs: Programs, tmp_path: Path) -> None:
    """Programs that log as fast as they can, ended at random moments: what they noted as logged has arrived."""
    chance = random.Random(3)
    for run in range(12):
        noted = tmp_path / f"noted{run}"
        process = programs.start(
            "setup()\nlog = cl.log(cl.Realm('load'))\n"
            "note = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)\nprint('ready', flush=True)\n"
            "for n in range(10**9):\n"
            "    log.info('logged', n=n)\n"
            "    os.pwrite(note, b'%9d' % n, 0)\n"
            "    if n % 200 == 0: time.sleep(0.01)\n",
            str(noted),
            OTEL_BLRP_SCHEDULE_DELAY="100",
            OTEL_BLRP_MAX_QUEUE_SIZE="200000",
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.uniform(0.01, 0.5))
        process.terminate()
        done = programs.finish(process)
        logged = int(noted.read_bytes() or b"-1")

        assert done.code == -signal.SIGTERM, done.err
        assert done.seconds < 15
        assert set(range(logged + 1)) <= set(done.numbers())
