"""The services under their servers, as processes: started, waited for, and always stopped."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["ORDERS", "STOCK", "Kind", "Server"]

_EXAMPLES = Path(__file__).resolve().parents[1]
# uvicorn says the one, gunicorn the other.
_LISTENING = re.compile(r"(?:running on|Listening at:) (http://127\.0\.0\.1:\d+)")
_POLL_SECONDS = 0.05
_STOP_SECONDS = 15.0
_SHOWN = 3_000

# Each request by a connection of its own, so that any worker may take it.
_caller = httpx.Client(headers={"Connection": "close"}, timeout=2, trust_env=False)


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to run a service.

    Attributes:
        name: the service's name, which its records carry.
        title: what it is.
        workers: how many processes answer requests.
        command: what runs them, without the interpreter.
        protocol: how it sends its records.
    """

    name: str
    title: str
    workers: int
    command: tuple[str, ...]
    protocol: str


def _gunicorn(configuration: str) -> tuple[str, ...]:
    path = _EXAMPLES / "stack" / configuration
    return ("-m", "gunicorn", "-c", str(path), "stack.orders:app")


def _uvicorn(app: str, *options: str) -> tuple[str, ...]:
    return ("-m", "uvicorn", "--host", "127.0.0.1", "--port", "0", *options, app)


# Idle connections are the clients' to close: a request on one that is just being closed would fail.
STOCK = Kind(
    "stock", "uvicorn, one process", 1, _uvicorn("stack.stock:app", "--timeout-keep-alive", "60"), "http/protobuf"
)
ORDERS = (
    Kind(
        "orders-uvicorn",
        "uvicorn, 2 spawned workers",
        2,
        _uvicorn("stack.orders:app", "--workers", "2"),
        "grpc",
    ),
    Kind(
        "orders-post-fork",
        "gunicorn, 2 forked workers, set up in post_fork",
        2,
        _gunicorn("gunicorn_post_fork.py"),
        "grpc",
    ),
    Kind(
        "orders-preload",
        "gunicorn, 3 forked workers, set up in the master",
        3,
        _gunicorn("gunicorn_preload.py"),
        # gRPC's library supports forks only in part.
        "http/protobuf",
    ),
)


class Server:
    """A service under its server, in a session of its own; a context manager that starts and stops it.

    Args:
        kind: which one.
        environment: variables on top of the inherited ones, of which those of OpenTelemetry are left out.
        output: the file that takes what the processes print.
    """

    def __init__(self, kind: Kind, *, environment: Mapping[str, str], output: Path) -> None:
        self.kind = kind
        self.url = ""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        paths = [str(_EXAMPLES), *filter(None, [os.environ.get("PYTHONPATH")])]
        local = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}  # no proxy between this machine and itself
        self._environment = {**inherited, **local, "PYTHONPATH": os.pathsep.join(paths), **environment}
        self._output = output
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own services by our own interpreter
                [sys.executable, *self.kind.command],
                env={**self._environment, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def printed(self) -> str:
        """The end of what the processes have printed."""
        return self._output.read_text(encoding="utf-8", errors="replace")[-_SHOWN:]

    def wait_until_ready(self, timeout: float) -> None:
        """Return as soon as every worker has answered.

        Raises:
            RuntimeError: the server ended, or not all workers answer after so many seconds; the text says what it
                printed.
        """
        process = self._started()
        end = time.monotonic() + timeout
        workers: set[int] = set()
        while time.monotonic() < end:
            if process.poll() is not None:
                raise RuntimeError(f"{self.kind.name} ended with {process.returncode}:\n{self.printed}")
            found = _LISTENING.search(self.printed)
            if found is not None:
                self.url = found[1]
                workers |= self._answering()
                if len(workers) == self.kind.workers:
                    return
            time.sleep(_POLL_SECONDS)
        raise RuntimeError(f"{len(workers)} workers of {self.kind.name} answer after {timeout} s:\n{self.printed}")

    def ask_to_end(self) -> None:
        """Send SIGTERM, upon which workers finish what they are doing; return at once."""
        process = self._started()
        if process.poll() is None:
            process.terminate()

    def stop(self) -> bool:
        """Have the server end, by force if it takes too long; return whether it did by itself."""
        process = self._started()
        self.ask_to_end()
        try:
            # uvicorn ends by the signal that it got, gunicorn with 0.
            return process.wait(_STOP_SECONDS) in (0, -signal.SIGTERM)
        except subprocess.TimeoutExpired:
            # The master's id is that of the process group, in which nobody else is.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return False

    def _started(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it is used inside of the with block"
        return self._process

    def _answering(self) -> set[int]:
        """Return the workers that answer a few requests."""
        answering: set[int] = set()
        for _ in range(2 * self.kind.workers):
            try:
                answer = _caller.get(f"{self.url}/healthz")
            except httpx.TransportError:
                break
            if answer.is_success:
                answering.add(answer.json()["worker"])
        return answering
