"""What `import otel_ctxlog` costs: modules only."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

# Runs in a fresh interpreter; audit events say what the import did besides loading modules.
_PROGRAM = r"""
import json, sys, threading

import os.path
opened, others = [], []
# Where modules come from: reading there is what an import is.
roots = tuple(os.path.realpath(entry or ".") for entry in sys.path) + (os.path.realpath(sys.prefix),)

def hook(event, arguments):
    if event == "open":
        path = arguments[0]
        if isinstance(path, (str, bytes, os.PathLike)):
            path = os.path.realpath(os.fsdecode(path))
            mode = arguments[1]
            # Byte code may be written beside a module that is imported for the first time.
            reads = mode is None or mode.strip("bt") == "r"
            if not (path.startswith(roots) and (reads or "__pycache__" in path)):
                opened.append([path, mode])
    elif event.startswith(("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system")):
        others.append(event)

sys.addaudithook(hook)
IMPORT
modules = sorted(sys.modules)
threads = [thread.name for thread in threading.enumerate()]
print(json.dumps({"modules": modules, "threads": threads, "opened": opened, "others": others}))
"""


def _observe(statement: str) -> dict[str, Any]:
    program = _PROGRAM.replace("IMPORT", statement)
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (run.returncode, run.stderr) == (0, "")
    return json.loads(run.stdout)  # type: ignore[no-any-return]


def _loaded(observed: dict[str, Any], package: str) -> list[str]:
    return [name for name in observed["modules"] if name == package or name.startswith(f"{package}.")]


@pytest.mark.parametrize(
    "package",
    [
        "opentelemetry.sdk",
        "opentelemetry.exporter",
        "opentelemetry.proto",
        "google.protobuf",
        "grpc",
        "yaml",
        "requests",
        "asyncio",
        "http.server",
    ],
)
def test_importing_loads_nothing_heavy(package: str) -> None:
    """The face brings no SDK, exporter, YAML or network module with it."""
    assert _loaded(_observe("import otel_ctxlog"), package) == []


def test_importing_does_nothing_but_load_modules() -> None:
    """The import starts no thread or process, opens no socket, and no file but those of modules."""
    observed = _observe("import otel_ctxlog")

    assert observed["threads"] == ["MainThread"]
    assert observed["others"] == []
    assert observed["opened"] == []


def test_this_test_would_notice() -> None:
    """The observer sees a module, a thread, a socket and a file when there are some."""
    observed = _observe(
        "import socket, threading, yaml; socket.socket().close(); open(os.devnull, 'w').close();"
        " threading.Thread(target=threading.Event().wait, args=(5,), daemon=True, name='found').start()"
    )

    assert _loaded(observed, "yaml")[0] == "yaml"
    assert observed["threads"] == ["MainThread", "found"]
    assert observed["others"] == ["socket.__new__"]
    assert observed["opened"] == [["/dev/null", "w"]]
