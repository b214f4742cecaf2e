from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
QUICKSTART = ROOT / "examples" / "quickstart.py"
LINES = 15


def test_the_quickstart_is_the_first_program_of_the_readme_and_prints_what_it_says() -> None:
    """README.md shows the file as it is, all 15 lines of it, and its real output but for the times."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    first = re.search(r"(?ms)^```python\n(?P<code>.*?)^```\n\n```text\n(?P<output>.*?)^```\n", readme)
    assert first is not None
    done = subprocess.run(
        [sys.executable, str(QUICKSTART)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
    )
    code = QUICKSTART.read_text(encoding="utf-8")

    assert first["code"] == code
    assert len(code.splitlines()) == LINES
    assert (done.returncode, done.stderr) == (0, "")
    assert without_times(done.stdout) == without_times(first["output"])


def without_times(text: str) -> str:
    """`text` with a word in place of each time."""
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "<time>", text)
