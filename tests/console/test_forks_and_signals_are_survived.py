from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import otel_ctxlog as cl
from otel_ctxlog.console import ConsoleSink, HumanFormat

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def test_children_of_a_writing_parent_write_and_repeat_nothing() -> None:
    """Forks while four threads write to a block-buffered pipe: no deadlock, no torn line, no record twice."""
    done = run(
        "import os, sys, threading, warnings; warnings.simplefilter('ignore')\n"
        "import otel_ctxlog as cl; from otel_ctxlog.console import ConsoleSink\n"
        "log = cl.LoggingContext(ConsoleSink('stdout', format='json')).logger()\n"
        "stop = threading.Event()\n"
        "def work(name):\n"
        "    n = 0\n"
        "    while not stop.is_set(): log.info('x' * 100, who=f'{name}-{n}'); n += 1\n"
        "threads = [threading.Thread(target=work, args=(f't{i}',)) for i in range(4)]\n"
        "[t.start() for t in threads]\n"
        "for number in range(30):\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        log.info('child', who=f'child-{number}'); sys.stdout.flush(); os._exit(0)\n"
        "    os.waitpid(pid, 0)\n"
        "stop.set(); [t.join() for t in threads]\n"
    )
    import json

    who = [json.loads(line)["who"] for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (0, "")
    assert len(who) == len(set(who))
    assert sorted(name for name in who if name.startswith("child")) == sorted(f"child-{n}" for n in range(30))


def test_a_fork_between_write_and_flush_repeats_nothing(tmp_path: Path) -> None:
    """A child does not inherit what another thread has written and not yet flushed: the fork waits for that thread."""
    written = threading.Event()

    class Slow(io.TextIOWrapper):
        def flush(self) -> None:
            written.set()
            time.sleep(0.05)
            super().flush()

    path = tmp_path / "log"
    stream = Slow(path.open("ab"), encoding="utf-8")
    log = cl.LoggingContext(ConsoleSink(stream, format=HumanFormat(time="none"))).logger()
    thread = threading.Thread(target=log.info, args=("parent",))
    thread.start()
    written.wait(10)
    pid = os.fork()
    if pid == 0:
        log.info("child")
        os._exit(0)
    os.waitpid(pid, 0)
    thread.join()
    stream.close()

    assert path.read_text() == "INFO  parent\nINFO  child\n"


def test_a_fork_does_not_wait_for_a_stream_that_hangs() -> None:
    """While a thread hangs in a stream's write, a fork takes less than a second, and the child writes elsewhere."""
    hanging, go = threading.Event(), threading.Event()

    class Stuck(io.StringIO):
        def write(self, text: str, /) -> int:
            hanging.set()
            go.wait(10)
            return len(text)

    stuck, free = Stuck(), io.StringIO()
    thread = threading.Thread(target=cl.LoggingContext(ConsoleSink(stuck)).logger().info, args=("x",))
    thread.start()
    hanging.wait(10)
    before = time.monotonic()
    pid = os.fork()
    if pid == 0:
        go.set()
        cl.LoggingContext(ConsoleSink(free)).logger().info("x")
        cl.LoggingContext(ConsoleSink(stuck)).logger().info("x")
        os._exit(0 if free.getvalue() else 1)
    _pid, status = os.waitpid(pid, 0)
    took = time.monotonic() - before
    go.set()
    thread.join()

    assert (status, took < 8) == (0, True)


def test_a_signal_handler_may_log_while_its_thread_writes() -> None:
    """A record out of a handler, in the midst of a write, comes after the record it interrupted, whole."""

    class Interrupted(io.StringIO):
        def write(self, text: str, /) -> int:
            half = len(text) // 2
            super().write(text[:half])
            if "outer" in text:
                os.kill(os.getpid(), signal.SIGUSR1)
                time.sleep(0)
            return half + super().write(text[half:])

    stream = Interrupted()
    log = cl.LoggingContext(ConsoleSink(stream, format=HumanFormat(time="none"))).logger()

    def handler(_number: int, _frame: object) -> None:
        log.info("from the handler")

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        log.info("outer")
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert stream.getvalue() == "INFO  outer\nINFO  from the handler\n"


def test_what_interrupts_the_program_still_does() -> None:
    """A KeyboardInterrupt in the midst of a write reaches the caller, and the next record is written."""

    class Interrupting(io.StringIO):
        first = True

        def write(self, text: str, /) -> int:
            if self.first:
                self.first = False
                raise KeyboardInterrupt
            return super().write(text)

    stream = Interrupting()
    log = cl.LoggingContext(ConsoleSink(stream, format=HumanFormat(time="none"))).logger()
    with pytest.raises(KeyboardInterrupt):
        log.info("interrupted")
    log.info("next")

    assert stream.getvalue() == "INFO  next\n"


def test_records_at_the_very_end_are_harmless() -> None:
    """Finalizers and exit handlers may log; an unfinished line is written, and the exit code stays."""
    done = run(
        "import atexit, sys\n"
        "import otel_ctxlog as cl; from otel_ctxlog import console\n"
        "ctx = cl.LoggingContext(console.ConsoleSink(format=console.HumanFormat(time='none')))\n"
        "log = ctx.logger()\n"
        "class Last:\n"
        "    def __del__(self): log.info('finalizer')\n"
        "last = Last(); atexit.register(log.info, 'exit')\n"
        "console.stream(ctx).write('unfinished')\n"
        "sys.exit(3)\n"
    )

    assert done.returncode == 3
    assert "INFO  exit\n" in done.stderr
    assert "unfinished" in done.stderr
    assert "Traceback" not in done.stderr
