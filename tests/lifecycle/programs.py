"""Programs in processes of their own, which export to a receiver in the test's process, or to nobody who answers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from otel_ctxlog.receiver import ReceivedRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from otel_ctxlog.receiver import Receiver

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60

# Nothing leaves by the clock: what arrives was exported by the end of the process.
PREAMBLE = """
import os, signal, sys, threading, time
import otel_ctxlog as cl

def setup(**arguments):
    return cl.setup(service_name=os.environ["RUN"], protocol="http/protobuf", **arguments)

def queue(count=100):
    log = cl.log(cl.Realm("lifecycle"))
    for n in range(count):
        log.info("queued", n=n)
"""


@dataclass
class Done:
    """How a program ended, in how many seconds, and what the receiver had got by then."""

    code: int
    seconds: float
    out: str
    err: str
    records: list[ReceivedRecord] = field(default_factory=list[ReceivedRecord])

    @property
    def count(self) -> int:
        return len(self.records)

    def numbers(self) -> list[int]:
        """The attributes `n` of the records, sorted."""
        found = [record.attributes["n"] for record in self.records]
        return sorted(number for number in found if isinstance(number, int))

    def bodies(self) -> list[object]:
        return [record.body for record in self.records]


@dataclass
class Programs:
    """Runs programs that export to one receiver."""

    receiver: Receiver
    folder: Path
    # Of the latest program: what it sends has this service name, so that nothing of an earlier one is counted.
    run_id: str = ""

    def environment(self, **variables: str) -> dict[str, str]:
        """The variables of a new run, or of one more with the same `RUN`; nothing leaves before it is asked for."""
        self.run_id = variables.get("RUN", uuid.uuid4().hex)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "PYTHON"))}
        return {
            **inherited,
            "PYTHONPATH": str(ROOT),
            "RUN": self.run_id,
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.receiver.http_endpoint,
            "OTEL_BLRP_SCHEDULE_DELAY": "60000",
            **variables,
        }

    @property
    def records(self) -> list[ReceivedRecord]:
        """What the latest run has sent so far."""
        return [record for record in self.receiver.records if record.service_name == self.run_id]

    def start(self, text: str, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Start a program; what it prints is for reading line by line."""
        path = self.folder / "program.py"
        path.write_text(PREAMBLE + textwrap.dedent(text), encoding="utf-8")
        return self.spawn([sys.executable, str(path), *arguments], cwd=self.folder, **variables)

    def spawn(self, command: list[str], *, cwd: Path, **variables: str) -> subprocess.Popen[str]:
        """Start a command."""
        return subprocess.Popen(
            command,
            cwd=cwd,
            env=self.environment(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            # A test run in the background of a shell ignores Ctrl-C, and its children would as well.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no locks of ours
        )

    def run(self, text: str, *arguments: str, **variables: str) -> Done:
        """Run a program to its end, whatever that is, and return what has arrived of it."""
        return self.finish(self.start(text, *arguments, **variables))

    def finish(self, process: subprocess.Popen[str], *, seconds: float = SECONDS) -> Done:
        """Wait for the end of a program, and return what has arrived of it."""
        begin = time.monotonic()
        try:
            out, err = process.communicate(timeout=seconds)
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
        return Done(process.returncode, time.monotonic() - begin, out, err, self.records)


@contextmanager
def never_answering() -> Generator[str]:
    """The URL of a collector that takes requests and never answers."""
    taken: list[socket.socket] = []
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(16)

        def take() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                taken.append(connection)

        thread = threading.Thread(target=take)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in taken:
                connection.close()


def eventually(question: Callable[[], bool], *, seconds: float = 20) -> bool:
    """Return whether the answer becomes true in time."""
    end = time.monotonic() + seconds
    while not question():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
