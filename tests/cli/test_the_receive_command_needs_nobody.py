from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("moment", ["before", "after the first line"])
def test_nobody_has_to_read_what_it_says(moment: str, tmp_path: Path) -> None:
    """`otel-ctxlog receive 2>&1 | head -1` receives on: its end is its own, and no traceback."""
    kept = tmp_path / "kept.jsonl"
    reading, writing = os.pipe()
    if moment == "before":
        os.close(reading)
    with subprocess.Popen(
        [sys.executable, "-m", "otel_ctxlog", "receive", "--http-port", "0", "--no-grpc", "--keep", str(kept)],
        stdout=subprocess.PIPE,
        stderr=writing,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as receiving:
        os.close(writing)
        try:
            if moment != "before":
                assert os.read(reading, 1) == b"L"
                os.close(reading)
            # It is made when it begins to listen; from then on a signal ends it in good order.
            deadline = time.monotonic() + 60
            while not kept.exists() and time.monotonic() < deadline:
                time.sleep(0.02)
            receiving.send_signal(signal.SIGTERM)

            assert receiving.wait(30) == 0
        finally:
            receiving.kill()
