"""What runs at the very end may log: handlers of `atexit`, daemon threads, finalizers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .programs import Programs


@pytest.mark.parametrize("loading", ["from otel_ctxlog import setup as loaded", "import otel_ctxlog"])
def test_handlers_of_atexit_may_log_before_and_after(programs: Programs, loading: str) -> None:
    """Those registered after `setup`, and those registered before it by who uses us, deliver what they log."""
    done = programs.run(
        f"{loading}\nimport atexit\nlog = cl.log(cl.Realm('exit'))\n"
        "atexit.register(log.info, 'registered before setup')\n"
        "setup()\n"
        "atexit.register(log.info, 'registered after setup')\n"
        "log.info('main')\n"
    )

    assert (done.code, done.err) == (0, "")
    assert done.bodies() == ["main", "registered after setup", "registered before setup"]


def test_what_is_queued_leaves_before_what_the_exporter_needs_is_finalized(programs: Programs) -> None:
    """A finalizer that is older than `setup`, and younger than the library, comes after the export."""
    done = programs.run("""
from otel_ctxlog import setup as loaded
import weakref
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult

class Resource: closed = False
def close(): Resource.closed = True
weakref.finalize(Resource, close)

class Needing(LogRecordExporter):
    def export(self, batch):
        print(Resource.closed, len(batch), flush=True)
        return LogRecordExportResult.SUCCESS
    def shutdown(self): pass
    def force_flush(self, timeout_millis=0): return True

setup(exporter=Needing())
queue()
""")

    assert (done.code, done.out, done.err) == (0, "False 100\n", "")


def test_a_handler_of_atexit_that_calls_shutdown_ends_it_there(programs: Programs) -> None:
    """Programs that end the pipeline themselves go on doing so."""
    done = programs.run("import atexit\ntelemetry = setup()\natexit.register(telemetry.shutdown)\nqueue()\n")

    assert (done.code, done.count, done.err) == (0, 100, "")


def test_a_thread_of_a_pool_logs_until_it_is_joined(programs: Programs) -> None:
    """The interpreter waits for threads that are no daemons, and for executors: what they log then arrives."""
    done = programs.run(
        "from concurrent.futures import ThreadPoolExecutor\nsetup()\n"
        "threading.Thread(target=lambda: (time.sleep(0.3), queue())).start()\n"
        "ThreadPoolExecutor(1).submit(lambda: (time.sleep(0.2), queue(10)))\n"
    )

    assert (done.code, done.count, done.err) == (0, 110, "")


def test_daemon_threads_that_log_until_the_last_moment_break_nothing(programs: Programs) -> None:
    """They log through the end of the pipeline and beyond: it ends in time, what was before arrives, nothing crashes.

    What they log too late is lost, which one diagnostic may say.
    """
    done = programs.run(
        "setup()\nqueue()\n"
        "def busy():\n    while True: cl.log(cl.Realm('noise')).info('noise'); time.sleep(0.001)\n"
        "for _ in range(3): threading.Thread(target=busy, daemon=True).start()\n"
        "time.sleep(0.1)\n"
    )

    assert done.code == 0
    assert len(done.err.splitlines()) == done.err.count(" lost") <= 1, done.err
    assert done.bodies().count("queued") == 100
    assert done.seconds < 12


def test_finalizers_may_log_at_any_time(programs: Programs) -> None:
    """`__del__` of what is still there at the end, in a cycle or in a module, raises and prints nothing."""
    done = programs.run(
        "class Last:\n    def __del__(self): cl.log(cl.Realm('last')).info('last words')\n"
        "setup()\nkept = Last()\ncycle = Last()\ncycle.me = cycle\nqueue()\n"
        "early = Last()\ndel early\n"
    )

    assert (done.code, done.err) == (0, "")
    assert done.bodies().count("queued") == 100
    assert done.bodies().count("last words") >= 1


def test_a_keyboard_interrupt_in_the_middle_of_shutdown_is_not_the_end_of_it(programs: Programs) -> None:
    """The end of the interpreter tries again what Ctrl-C has interrupted."""
    done = programs.run(
        "telemetry = setup()\nqueue()\n"
        "def interrupt(): raise KeyboardInterrupt\ntelemetry.at_end(interrupt)\n"
        "try:\n    telemetry.shutdown()\nexcept KeyboardInterrupt:\n    print('interrupted')\n"
    )

    assert (done.code, done.out, done.count) == (0, "interrupted\n", 100), done.err


@pytest.mark.slow
def test_the_exit_keeps_its_deadline_with_a_collector_that_hangs(programs: Programs, hanging: str) -> None:
    """About 5 seconds in all, whatever is queued, and whatever handlers of `atexit` still log."""
    done = programs.run(
        "import atexit\natexit.register(queue)\nsetup()\nqueue()\n", OTEL_EXPORTER_OTLP_ENDPOINT=hanging
    )

    assert done.code == 0
    assert done.seconds < 9.5


def test_the_exit_takes_about_a_second_without_a_collector(programs: Programs) -> None:
    """Nobody ever listened, and nobody is waited for twice."""
    done = programs.run(
        "import atexit\natexit.register(queue)\nsetup()\nqueue()\n", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9"
    )

    assert done.code == 0
    assert done.err.count("cannot deliver") == 1
    assert done.seconds < 5
