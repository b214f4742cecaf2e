"""Scripted collectors, processors that are shut down at the end, and programs in own processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from tests.delivery.collectors import Deliver, Scripted, grpc_collector, http_collector

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def http() -> Iterator[Scripted]:
    """A scripted collector for OTLP/HTTP."""
    with http_collector() as collector:
        yield collector


@pytest.fixture
def rpc() -> Iterator[Scripted]:
    """A scripted collector for OTLP/gRPC."""
    with grpc_collector() as collector:
        yield collector


@pytest.fixture(params=["http", "rpc"])
def collector(request: pytest.FixtureRequest) -> Scripted:
    """A scripted collector, once for each protocol."""
    return cast("Scripted", request.getfixturevalue(request.param))


@pytest.fixture
def deliver() -> Iterator[Deliver]:
    """Makes processors; records wait a minute for others unless the test says otherwise."""
    made = Deliver()
    yield made
    for one in made.made:
        one.shutdown(0.2)


@pytest.fixture
def run_program(tmp_path: Path) -> Callable[..., str]:
    """Run a program text in a fresh interpreter; returns what it printed, and fails if it failed."""

    def run(text: str, **variables: str) -> str:
        path = tmp_path / "program.py"
        path.write_text(text, encoding="utf-8")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        environment.update(variables)
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [environment.get("PYTHONPATH")])])
        command = [sys.executable, "-W", "error", str(path)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)
        assert ran.returncode == 0, ran.stderr
        assert ran.stderr == ""
        return ran.stdout

    return run
