"""The short examples run, and print what they are about."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

_LINE = re.compile(r"^\S+Z (?P<level>[A-Z]+) +(?P<about>(?:◆ |\[[^]]+\] )?[^=]*?)(?:  .*)?$")


def run(name: str, *arguments: str, code: int = 0) -> list[str]:
    """What an example logs: level, realm and message of each record."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent), "PYTHONIOENCODING": "utf-8"},
    )

    assert (done.returncode, done.stderr) == (code, "")
    found: list[str] = []
    for line in done.stdout.splitlines():
        match = _LINE.match(line)
        if match is not None:
            tenant = re.search(r" tenant=(\w+)", line)
            found.append(f"{match['level']} {match['about']}" + (f" ({tenant[1]})" if tenant else ""))
    return found


def test_fastapi() -> None:
    """Debug for the tenant that the rule is about, events for all."""
    assert run("fastapi_app.py") == [
        "DEBUG [shop/web] looked up (acme)",
        "INFO ◆ orderSeen (acme)",
        "INFO ◆ orderSeen (globex)",
    ]


def test_flask() -> None:
    """What `logging` says in a view obeys the rules of the request."""
    assert run("flask_app.py") == [
        "DEBUG [shop/cart] prices of cart 7 calculated (acme)",
        "INFO [shop/cart] cart shown (acme)",
        "INFO [shop/cart] cart shown (globex)",
    ]


def test_a_queue_worker() -> None:
    """The baggage of whoever published a message decides in the worker."""
    assert run("queue_worker.py") == [
        "DEBUG [shop/worker] goods reserved (acme)",
        "INFO ◆ orderHandled (acme)",
        "INFO ◆ orderHandled (globex)",
    ]


def test_an_asyncio_worker() -> None:
    """Tasks side by side have each their own tenant."""
    assert run("asyncio_worker.py") == [
        "DEBUG [shop/sync] item (acme)",
        "DEBUG [shop/sync] item (acme)",
        "INFO [shop/sync] synchronised (acme)",
        "INFO [shop/sync] synchronised (globex)",
    ]


def test_a_command_line_tool() -> None:
    """`--log` takes rules, and a mistake in them is an error of the command line that points at it."""
    assert run("command_line.py", code=1) == ["ERROR [import/rows] row skipped", "INFO [import/rows] imported"]
    assert run("command_line.py", "--log", "info,import/**=debug", "1") == [
        "DEBUG [import/rows] row read",
        "INFO [import/rows] imported",
    ]

    wrong = subprocess.run(
        [sys.executable, str(EXAMPLES / "command_line.py"), "--log", "import/**=debgu"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent)},
    )
    assert wrong.returncode == 2
    assert "debgu" in wrong.stderr
    assert "Debug" in wrong.stderr


def test_a_function_of_the_lambda_kind() -> None:
    """Each call ends with what it logged delivered; the first one is different."""
    assert run("lambda_handler.py") == ["DEBUG [resize] event", "INFO ◆ imageResized", "INFO ◆ imageResized"]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_worker_processes(method: str) -> None:
    """A worker of either kind delivers what it has logged, in the context of its job."""
    assert run("multiprocess.py", method) == [
        "DEBUG [shop/report] report written (acme)",
        "INFO [shop/report] worker ended (acme)",
        "INFO [shop/report] worker ended (globex)",
    ]
