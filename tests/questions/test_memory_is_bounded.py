from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.questions import fleet
from tests.questions.asked import command, environment
from tests.questions.lines import event, logs

if TYPE_CHECKING:
    from pathlib import Path

# The peak of a process that asks for everything, in KiB; `getrusage` would count the process that started it, too.
_PEAK = """
import re, sys
from pathlib import Path
from otel_ctxlog.cli import main
code = main(["events", *sys.argv[1:]])
print(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1], file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.slow
def test_a_sort_of_everything_goes_to_the_disk(tmp_path: Path) -> None:
    """With little memory for the database the answer is complete, the process stays small, and nothing is left."""
    file = tmp_path / "some.jsonl"
    fleet.write(file, 150_000)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with (tmp_path / "out").open("wb") as out:
        done = subprocess.run(
            [sys.executable, "-c", _PEAK, str(file), "--logs", "--format", "jsonl", "--memory", "100MB", "--jobs", "1"],
            stdout=out,
            stderr=subprocess.PIPE,
            env={**environment(), "TMPDIR": str(temporary)},
            timeout=100,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    with (tmp_path / "out").open("rb") as out:
        assert sum(1 for _ in out) == 150_000
    assert int(done.stderr) < 300 * 1024
    assert list(temporary.iterdir()) == []


def test_too_little_memory_is_told(tmp_path: Path) -> None:
    """One line from DuckDB, no traceback."""
    file = tmp_path / "some.jsonl"
    file.write_text(logs(*(event("e", text="x" * 1_000) for _ in range(2_000))))
    done = command(file, "--memory", "1MB", "--format", "csv")

    assert done.code in (1, 2)
    assert "Traceback" not in done.err
    assert "memory" in done.err.lower()


def test_a_record_larger_than_duckdb_reads_by_itself(tmp_path: Path) -> None:
    """A text of 20 million characters is one value."""
    file = tmp_path / "some.jsonl"
    file.write_text(logs(event("small"), event("large", text="x" * 20_000_000)))
    done = command(file, "--sql", "SELECT eventType, length(text) AS n FROM events ORDER BY ALL", "--format", "csv")

    assert (done.out, done.err) == ("eventType,n\nlarge,20000000\nsmall,\n", "")
