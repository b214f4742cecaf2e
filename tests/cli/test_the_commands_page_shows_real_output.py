"""The commands in docs/commands.md are run; what follows them in their block is all that they print.

``python tests/cli/test_the_commands_page_shows_real_output.py`` writes the real output into the page.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "commands.md"
_BLOCK = re.compile(r"(?ms)^```console\n\$ (?P<command>[^\n]+)\n(?P<output>.*?)^```$")


def _run(command: str, folder: Path) -> str:
    """What a command prints, in a folder with the page's rules.yaml."""
    program, *arguments = shlex.split(command)
    assert program == "otel-ctxlog"
    (folder / "rules.yaml").write_text(PAGE.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0])
    done = subprocess.run(
        [sys.executable, "-m", "otel_ctxlog", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        env={"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
    )
    return done.stdout + done.stderr


def test_each_command_prints_what_the_page_says(tmp_path: Path) -> None:
    """Standard output, then standard error, to the letter."""
    blocks = list(_BLOCK.finditer(PAGE.read_text(encoding="utf-8")))

    assert len(blocks) >= 4
    for block in blocks:
        assert _run(block["command"], tmp_path) == block["output"], block["command"]


def _write() -> None:
    with tempfile.TemporaryDirectory() as folder:
        text = _BLOCK.sub(
            lambda block: f"```console\n$ {block['command']}\n{_run(block['command'], Path(folder))}```",
            PAGE.read_text(encoding="utf-8"),
        )
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    _write()
