"""What a program pays before its first line runs."""

from __future__ import annotations

import os
import subprocess
import sys
from tempfile import TemporaryDirectory

from benchmarks.model import Case, Cases, Library, Sample, group

API = "import of what we stand on: OpenTelemetry's API"
_PROGRAM = """\
from time import process_time
begin = process_time()
import {modules}
print(process_time() - begin)
"""


def _import(modules: str, environment: dict[str, str]) -> Sample:
    command = [sys.executable, "-c", _PROGRAM.format(modules=modules)]

    def sample(loops: int) -> float:
        spent = 0.0
        for _ in range(loops):
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            spent += float(done.stdout)
        return spent

    sample(1)  # compiles what is not compiled yet
    return sample


@group(rounds=4)
def importing() -> Cases:
    """`import`, each in a fresh process, compiled before; the interpreter's own start is not counted."""
    modules = {
        Library.OURS: "otel_ctxlog",
        Library.STDLIB: "logging",
        Library.STRUCTLOG: "structlog",
        Library.LOGURU: "loguru",
        Library.HANDLER: "logging, opentelemetry.sdk._logs",
        Library.RAW: "opentelemetry.sdk._logs",
    }
    api = "opentelemetry._logs, opentelemetry.trace, opentelemetry.baggage"
    with TemporaryDirectory() as folder:
        # Compiled modules of all libraries have a place of their own, whatever the machine does about them otherwise.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = folder
        cases = [Case("import", library, _import(names, environment), loops=1) for library, names in modules.items()]
        yield [*cases, Case(API, Library.RAW, _import(api, environment), loops=1)]
