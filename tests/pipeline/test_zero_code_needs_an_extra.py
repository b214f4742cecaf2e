"""What ``opentelemetry-instrument`` calls needs an extra, and says which."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_without_the_extra_the_import_names_it() -> None:
    """Importing the instrumentor where its base class is not installed says what to install."""
    program = (
        "import sys; sys.modules['opentelemetry.instrumentation'] = None; import otel_ctxlog.pipeline.instrumentor"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("otel_ctxlog.errors.MissingExtraError: otel_ctxlog.pipeline.instrumentor ")
    assert last.endswith("pip install 'otel-ctxlog[instrumentation]'")
