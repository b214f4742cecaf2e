"""Events that wait when a process ends or forks: they arrive, each once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from otel_ctxlog.events.cloudwatch import CloudWatchEventer

from .cloud import arrived, streams

ROOT = Path(__file__).resolve().parents[2]
_HEAD = """
import atexit, os, sys, threading, time, warnings
import boto3
# What newer interpreters say about forking with threads, which is what is tested.
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
from otel_ctxlog.events.cloudwatch import CloudWatchEventer

def make():
    session = boto3.session.Session(region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
    return session.client("logs", endpoint_url=ADDRESS)
"""


def run(source: str, address: str, group: str) -> subprocess.CompletedProcess[str]:
    """The end of a program that has `make`, `ADDRESS` and `GROUP`."""
    return subprocess.run(
        [sys.executable, "-c", f"ADDRESS, GROUP = {address!r}, {group!r}\n{_HEAD}\n{source}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def numbers(client: Any, group: str, stream: str = "s") -> list[int]:
    return [event["number"] for event in arrived(client, group, stream)]


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("pass", 0),
        ("sys.exit(3)", 3),
        ("raise RuntimeError('planted')", 1),
        ("threading.Thread(target=lambda: (time.sleep(0.2), eventer.event('a', number=100))).start()", 0),
    ],
    ids=["return", "exit", "exception", "other thread"],
)
def test_the_end_of_the_interpreter_sends_what_waits(server: str, client: Any, group: str, end: str, code: int) -> None:
    """A hundred events that wait arrive however the program ends, unless it is killed."""
    source = f"""
eventer = CloudWatchEventer(make(), GROUP, "s", interval=60)
for number in range(100):
    eventer.event("a", number=number)
{end}
"""
    done = run(source, server, group)

    assert done.returncode == code, done.stderr
    assert numbers(client, group) == list(range(101 if "number=100" in end else 100))


def test_hooks_of_the_end_may_record_events(server: str, client: Any, group: str) -> None:
    """What the program's own hooks record at its end arrives, also if it is the very first event."""
    source = """
eventer = CloudWatchEventer(make, GROUP, "s", interval=60)
atexit.register(lambda: eventer.event("a", number=1))
"""
    done = run(source, server, group)

    assert (done.returncode, done.stderr) == (0, "")
    assert numbers(client, group) == [1]


def test_the_end_has_a_deadline(group: str) -> None:
    """Where nothing answers, the end of the interpreter waits no longer than it was told, and says what is lost."""
    source = """
import logging
logging.basicConfig()
class Hanging:
    def create_log_group(self, **arguments):
        time.sleep(60)
    put_log_events = create_log_stream = create_log_group
eventers = [CloudWatchEventer(Hanging(), "g", "s", exit_timeout=0.6) for _ in range(5)]
for eventer in eventers:
    eventer.event("a")
print(time.time())
atexit.register(lambda: None)
"""
    started = time.time()
    done = run(source, "", group)
    ended = time.time()

    assert done.returncode == 0, done.stderr
    assert ended - float(done.stdout) < 3.0, ended - started
    assert done.stderr.count("1 event(s) dropped") == 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.parametrize("made", ["make", "make()"], ids=["function", "client"])
def test_a_child_sends_its_own_events(server: str, client: Any, group: str, made: str) -> None:
    """What waits in the parent is sent by the parent, once; the child has queue, thread and connections of its own."""
    source = f"""
eventer = CloudWatchEventer({made}, GROUP, "s", interval=60)
eventer.event("a", number=0)
assert eventer.flush(10)
eventer.event("a", number=1)
time.sleep(0.1)
child = os.fork()
if child == 0:
    code = 1
    try:
        assert eventer.waiting == 0
        eventer.event("a", number=2)
        code = 0 if eventer.flush(10) else 2
        eventer.event("a", number=3)
        code = code or (0 if eventer.close(10) else 3)
    finally:
        os._exit(code)
assert os.waitpid(child, 0)[1] == 0
assert eventer.waiting == 1
"""
    done = run(source, server, group)

    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(numbers(client, group)) == [0, 1, 2, 3]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_has_a_stream_of_its_own(server: str, client: Any, group: str) -> None:
    """Where no stream was named, the child's is named after its own time and process."""
    source = """
eventer = CloudWatchEventer(make, GROUP)
eventer.event("a", number=0)
print(eventer.stream, flush=True)
child = os.fork()
if child == 0:
    eventer.event("a", number=1)
    print(eventer.stream, flush=True)
    os._exit(0 if eventer.close(10) else 1)
assert os.waitpid(child, 0)[1] == 0
"""
    done = run(source, server, group)
    parent, child = done.stdout.split()

    assert (done.returncode, done.stderr) == (0, "")
    assert parent != child
    assert sorted(streams(client, group)) == sorted([parent, child])
    assert (numbers(client, group, parent), numbers(client, group, child)) == ([0], [1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_children_of_multiprocessing_send_what_waits(server: str, client: Any, group: str) -> None:
    """A child of `multiprocessing`, forked or spawned, ends by `os._exit`; what waits in it is sent before."""
    source = """
import multiprocessing

def work(eventer, number):
    eventer = eventer or CloudWatchEventer(make, GROUP, "s", interval=60)
    eventer.event("a", number=number)

if __name__ == "__main__":
    eventer = CloudWatchEventer(make, GROUP, "s", interval=60)
    eventer.event("a", number=0)
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=work, args=(eventer, number)) for number in (1, 2, 3)]
    for child in children:
        child.start()
    for child in children:
        child.join()
        assert child.exitcode == 0
"""
    done = run(source, server, group)

    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(numbers(client, group)) == [0, 1, 2, 3]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_forks_under_load_hang_nothing(server: str, client: Any, group: str) -> None:
    """Forks in the middle of recording and sending give children that record and send; nothing is lost or doubled."""
    source = """
eventer = CloudWatchEventer(make, GROUP, "s", interval=0.01)
over = threading.Event()
counts = []
def busy(thread):
    count = 0
    while not over.is_set():
        eventer.event("a", number=thread * 1_000_000 + count)
        count += 1
        time.sleep(0.0005)
    counts.append(count)
threads = [threading.Thread(target=busy, args=(number,)) for number in (1, 2, 3, 4)]
for thread in threads:
    thread.start()
for number in range(15):
    child = os.fork()
    if child == 0:
        eventer.event("a", number=-1 - number)
        os._exit(0 if eventer.close(20) else 1)
    assert os.waitpid(child, 0)[1] == 0
over.set()
for thread in threads:
    thread.join()
print(sum(counts))
"""
    done = run(source, server, group)
    found = numbers(client, group)

    assert (done.returncode, done.stderr) == (0, "")
    assert len(found) == len(set(found)) == int(done.stdout) + 15


def test_a_closed_eventer_stays_closed_in_a_child() -> None:
    """A child of a process that has closed the eventer has a closed one."""
    eventer = CloudWatchEventer(lambda: None, "g", "s")
    eventer.close()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        eventer.event("a")
        os.write(write, str(eventer.losses).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()

    assert os.waitpid(child, 0)[1] == 0
    assert said == "{'closed': 1}"


def test_a_child_does_not_tell_of_losses_of_its_parent(group: str) -> None:
    """What the parent has lost and not said yet is the parent's to say: a child that ends says nothing of it."""
    source = """
import logging
logging.basicConfig(stream=sys.stdout, format="%(message)s")
class Service:
    def create_log_group(self, **arguments): return {}
    create_log_stream = create_log_group
    def put_log_events(self, **arguments): return {"rejectedLogEventsInfo": {"tooOldLogEventEndIndex": 1}}

eventer = CloudWatchEventer(Service, GROUP, "s")
for _ in range(2):
    eventer.event("a")
    assert eventer.flush()
sys.stdout.flush()
child = os.fork()
if not child:
    os.close(1)
    os.dup2(2, 1)
    eventer.flush()
    eventer.event("b")
    eventer.flush()
    eventer.close()
    sys.stdout.flush()
    os._exit(0)
os.waitpid(child, 0)
eventer.close()
"""
    ended = run(source, "", group)

    assert "1 more event(s) dropped: tooOld" in ended.stdout
    assert ended.stderr.count("more event(s)") == 1
    assert "1 more event(s)" in ended.stderr
