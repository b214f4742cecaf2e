"""`setup` and `shutdown`, a thousand times: no thread, no descriptor, no hook and no memory is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .programs import Programs

COUNTING = """
import atexit, gc
def descriptors(): return len(os.listdir("/proc/self/fd"))
def memory():
    gc.collect()
    with open("/proc/self/statm") as statm: return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
def cycles(count, **arguments):
    for n in range(count):
        telemetry = setup(**arguments)
        telemetry.logging.logger().info("cycle", n=n)
        assert telemetry.shutdown()
"""


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_a_thousand_cycles_that_export(programs: Programs) -> None:
    """Each exports its record over HTTP; threads, descriptors and handlers of `atexit` do not grow, memory hardly."""
    program = programs.start(
        COUNTING + "cycles(50)\n"
        "before = threading.active_count(), descriptors(), atexit._ncallbacks(), signal.getsignal(signal.SIGTERM)\n"
        "used = memory()\n"
        "cycles(1000)\n"
        "after = threading.active_count(), descriptors(), atexit._ncallbacks(), signal.getsignal(signal.SIGTERM)\n"
        "print(before == after or (before, after), memory() - used)\n"
    )
    done = programs.finish(program, seconds=450)

    assert done.code == 0, done.err

    equal, grown = done.out.split()

    assert equal == "True", done.out
    assert int(grown) < 20e6
    assert done.bodies().count("cycle") == 1050


def test_cycles_in_a_worker_of_multiprocessing(programs: Programs) -> None:
    """A worker that makes a pipeline per piece of work registers one finalizer, and keeps none of them alive."""
    done = programs.run(
        COUNTING + "import multiprocessing, multiprocessing.util, weakref\n"
        "def work():\n"
        "    cycles(3, exporter='memory')\n"
        "    there = weakref.ref(setup(exporter='memory'))\n"
        "    there().shutdown()\n"
        "    gc.collect()\n"
        "    assert there() is None\n"
        "    finalizers = len(multiprocessing.util._finalizer_registry)\n"
        "    cycles(20, exporter='memory')\n"
        "    assert len(multiprocessing.util._finalizer_registry) == finalizers\n"
        "worker = multiprocessing.get_context('fork').Process(target=work)\n"
        "worker.start()\nworker.join()\nsys.exit(worker.exitcode)\n"
    )

    assert done.code == 0, done.err


def test_a_pipeline_that_was_ended_is_not_kept(programs: Programs) -> None:
    """After `shutdown` nothing of the library holds it."""
    done = programs.run(
        COUNTING + "import weakref\ntelemetry = setup(set_global=False, exporter='otlp')\ntelemetry.shutdown()\n"
        "there = weakref.ref(telemetry)\ndel telemetry\ngc.collect()\nprint(there())\n"
    )

    assert done.out == "None\n", done.err
