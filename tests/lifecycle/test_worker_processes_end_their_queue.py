"""Processes of `multiprocessing`, of pools and of `os.fork`: what they have queued at their end arrives, once."""

from __future__ import annotations

import signal
from collections import Counter
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .programs import Programs

# A module that workers can import; `queue` logs under the number it is given.
MAIN = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

def work(number):
    log = cl.log(cl.Realm("worker"))
    for _ in range(10):
        log.info("worked", n=number)

def work_and_say(number):
    work(number)
    return os.getpid()

def set_up_and_work(number):
    # Held by nobody.
    setup()
    work(number)

def work_and_end_hard(number):
    work(number)
    os._exit(0)

def work_and_wait(number):
    work(number)
    with open(f"{sys.argv[1]}.{number}", "w"):
        pass
    time.sleep(60)

if __name__ == "__main__":
"""


def main(text: str) -> str:
    return MAIN + "".join(f"    {line}\n" for line in text.strip().splitlines())


def per_worker(programs: Programs) -> Counter[object]:
    return Counter(record.attributes["n"] for record in programs.records)


def test_what_the_parent_had_queued_is_sent_once_by_the_parent(programs: Programs) -> None:
    """Children of all kinds of an already busy parent send their own records only."""
    done = programs.run(
        main("""
setup()
work("parent")
for number in range(3):
    worker = multiprocessing.get_context("fork").Process(target=work, args=(number,))
    worker.start()
    worker.join()
    assert worker.exitcode == 0
if os.fork() == 0:
    work("forked")
    sys.exit()
os.wait()
work("parent")
""")
    )

    assert done.code == 0, done.err
    assert per_worker(programs) == {"parent": 20, 0: 10, 1: 10, 2: 10, "forked": 10}


@pytest.mark.parametrize("method", ["fork", pytest.param("spawn", marks=pytest.mark.slow), "forkserver"])
def test_each_start_method_delivers(programs: Programs, method: str) -> None:
    """Under `spawn` and `forkserver` the worker calls `setup` itself; its end exports as that of a forked one does."""
    done = programs.run(
        main(f"""
setup()
context = multiprocessing.get_context({method!r})
target = work if {method!r} == "fork" else set_up_and_work
workers = [context.Process(target=target, args=(number,)) for number in range(2)]
for worker in workers: worker.start()
for worker in workers: worker.join()
assert [worker.exitcode for worker in workers] == [0, 0]
""")
    )

    assert done.code == 0, done.err
    assert per_worker(programs) == {0: 10, 1: 10}


def test_a_terminated_worker_delivers(programs: Programs, tmp_path: object) -> None:
    """`Process.terminate` is a SIGTERM like any other: what was queued arrives, the exit code is the signal's."""
    done = programs.run(
        main("""
setup()
worker = multiprocessing.get_context("fork").Process(target=work_and_wait, args=(1,))
worker.start()
while not os.path.exists(f"{sys.argv[1]}.1"): time.sleep(0.01)
worker.terminate()
worker.join()
print(worker.exitcode)
"""),
        f"{tmp_path}/at-work",
    )

    assert (done.code, done.out) == (0, f"{-signal.SIGTERM}\n"), done.err
    assert per_worker(programs) == {1: 10}


def test_workers_of_a_pool_that_are_replaced_deliver(programs: Programs) -> None:
    """`maxtasksperchild`: each worker ends after two tasks, and its records arrive; so do those of the last ones."""
    done = programs.run(
        main("""
setup()
with multiprocessing.get_context("fork").Pool(2, maxtasksperchild=2) as pool:
    ids = set(pool.map(work_and_say, range(12), chunksize=1))
    pool.close()
    pool.join()
assert len(ids) >= 6, ids
""")
    )

    assert done.code == 0, done.err
    assert per_worker(programs) == dict.fromkeys(range(12), 10)


def test_a_pool_that_is_terminated_delivers(programs: Programs) -> None:
    """The end of `with Pool()` terminates its workers: what they have queued arrives all the same."""
    done = programs.run(
        main("""
setup()
with multiprocessing.get_context("fork").Pool(2) as pool:
    pool.map(work, range(6), chunksize=1)
""")
    )

    assert done.code == 0, done.err
    assert per_worker(programs) == dict.fromkeys(range(6), 10)


@pytest.mark.parametrize("method", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_an_executor_of_processes_delivers(programs: Programs, method: str) -> None:
    """`ProcessPoolExecutor`, with an initializer where nothing is inherited."""
    done = programs.run(
        main(f"""
setup()
initializer = None if {method!r} == "fork" else setup
context = multiprocessing.get_context({method!r})
with ProcessPoolExecutor(2, mp_context=context, initializer=initializer) as executor:
    list(executor.map(work, range(6)))
""")
    )

    assert done.code == 0, done.err
    assert per_worker(programs) == dict.fromkeys(range(6), 10)


def test_a_worker_that_ends_hard_loses_its_own_queue_and_no_other(programs: Programs) -> None:
    """`os._exit` in a child asks nobody; the parent's records arrive."""
    done = programs.run(
        main("""
setup()
worker = multiprocessing.get_context("fork").Process(target=work_and_end_hard, args=(1,))
worker.start()
worker.join()
work("parent")
""")
    )

    assert done.code == 0, done.err
    assert per_worker(programs) == {"parent": 10}


def test_setup_in_a_child_of_a_parent_that_has_one(programs: Programs) -> None:
    """In a forked child it goes on through the parent's providers, or makes its own where asked to; both deliver."""
    done = programs.run(
        main("""
setup()
work("parent")
for number in (1, 2):
    if os.fork() == 0:
        with setup(exporter="otlp" if number == 2 else None):
            work(number)
        sys.exit()
    os.wait()
""")
    )

    assert done.code == 0, done.err
    assert per_worker(programs) == {"parent": 10, 1: 10, 2: 10}


def test_a_child_that_was_forked_during_a_shutdown_ends_its_own(programs: Programs) -> None:
    """A lock that the parent's thread held, and its half-done shutdown, do not keep the child from its own."""
    done = programs.run(
        main("""
telemetry = setup()
meeting = threading.Event()
def slow():
    meeting.set()
    time.sleep(1)
telemetry.at_end(slow)
ending = threading.Thread(target=telemetry.shutdown)
ending.start()
meeting.wait()
if os.fork() == 0:
    work("child")
    begin = time.monotonic()
    assert telemetry.shutdown()
    assert time.monotonic() - begin < 3
    os._exit(0)
_, status = os.wait()
assert status == 0, status
ending.join()
""")
    )

    assert done.code == 0, done.err
    assert per_worker(programs) == {"child": 10}


def test_a_prefork_server_that_recycles_its_workers(programs: Programs) -> None:
    """Workers that end by `os._exit` after their hooks deliver what their hook flushes: 4 generations, 2 at a time."""
    done = programs.run(
        main("""
telemetry = setup()

def worker(generation, number):
    for task in range(5):
        work(f"{generation}.{number}")
    telemetry.flush()  # the server's hook for the end of a worker
    os._exit(0)

for generation in range(4):
    work("master")
    for number in range(2):
        if os.fork() == 0:
            worker(generation, number)
    for _ in range(2):
        _, status = os.wait()
        assert status == 0, status
""")
    )

    expected: dict[object, int] = {f"{generation}.{number}": 50 for generation in range(4) for number in range(2)}

    assert done.code == 0, done.err
    assert per_worker(programs) == {**expected, "master": 40}
