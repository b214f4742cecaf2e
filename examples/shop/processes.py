"""The services as processes of their own: started, waited for, and always stopped."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from otel_ctxlog.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["Service", "Shop"]

_FOLDER = Path(__file__).resolve().parent
_LISTENING = re.compile(r"listening on (\S+)\n")
_POLL_SECONDS = 0.05
_STOP_SECONDS = 10.0
_READY_SECONDS = 30.0
_SHOWN = 2_000


class Service:
    """A service of this folder in its own process; a context manager that starts and stops it.

    Args:
        script: the file to run.
        environment: variables on top of the inherited ones, of which those of OpenTelemetry are left out.
        output: the file that takes what the process prints.
    """

    def __init__(self, script: str, *, environment: Mapping[str, str], output: Path) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        self._script = script
        # No proxy between this machine and itself; requests reads one spelling, gRPC the other.
        self._environment = {**inherited, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", **environment}
        self._output = output
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own script by our own interpreter
                [sys.executable, str(_FOLDER / self._script)],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for the demo, which then stops its services.
                start_new_session=True,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def printed(self) -> str:
        """The end of what the process has printed."""
        return self._output.read_text(encoding="utf-8", errors="replace")[-_SHOWN:]

    def wait_until_ready(self, timeout: float) -> str:
        """Return the service's address as soon as it answers there.

        Raises:
            RuntimeError: it ended, or does not answer after so many seconds; the text says what it printed.
        """
        assert self._process is not None, "wait_until_ready is called inside of the with block"
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"{self._script} ended with {self._process.returncode}:\n{self.printed}")
            found = _LISTENING.search(self.printed)
            if found is not None and _answers(found[1]):
                return found[1]
            time.sleep(_POLL_SECONDS)
        raise RuntimeError(f"{self._script} is not ready after {timeout} s:\n{self.printed}")

    def stop(self) -> int:
        """Have the process send what it has queued and end, by force if it takes too long; return its exit code."""
        process = self._process
        assert process is not None, "stop is called after the start"
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        return process.returncode


class Shop:
    """A frontend, an inventory, and the receiver that gets their records; a context manager that stops all three.

    Args:
        name: a part of the names of files.
        rules: the file that says which records pass.
        folder: where the services' output goes.
    """

    def __init__(self, name: str, *, rules: Path, folder: Path) -> None:
        self.receiver = Receiver(http_port=0, grpc_port=0)
        self.url = ""
        self._name = name
        self._rules = rules
        self._folder = folder
        self._services: list[Service] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(self.receiver)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def start(self) -> None:
        """Start the services, and return when both answer.

        Raises:
            RuntimeError: one of them does not; the text says what it printed.
        """
        # One over gRPC and one over HTTP: for what arrives it makes no difference.
        inventory = self._service(
            "inventory.py",
            OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
            OTEL_EXPORTER_OTLP_ENDPOINT=self.receiver.http_endpoint,
        )
        inventory_url = inventory.wait_until_ready(_READY_SECONDS)
        frontend = self._service(
            "frontend.py",
            OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
            OTEL_EXPORTER_OTLP_ENDPOINT=self.receiver.grpc_endpoint,
            INVENTORY_URL=inventory_url,
        )
        self.url = frontend.wait_until_ready(_READY_SECONDS)

    def stop(self) -> list[int]:
        """Stop the services, which send what they have queued, and return their exit codes."""
        return [service.stop() for service in self._services]

    def _service(self, script: str, **environment: str) -> Service:
        # The standard variables, as in production. Every 100 ms instead of every second: somebody is looking.
        variables = {
            "OTEL_CTXLOG_CONFIG": str(self._rules),
            "OTEL_BLRP_SCHEDULE_DELAY": "100",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            **environment,
        }
        output = self._folder / f"{self._name}-{script}.txt"
        service = self._stack.enter_context(Service(script, environment=variables, output=output))
        self._services.append(service)
        return service


def _answers(url: str) -> bool:
    with requests.Session() as session:
        session.trust_env = False
        try:
            return session.get(f"{url}/healthz", timeout=2).ok
        except requests.RequestException:
            return False
