from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHOP = ROOT / "examples" / "shop"
DEADLINE = 100.0


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start the demo as `make demo` does, in 80 columns."""
    return subprocess.Popen(
        [sys.executable, str(SHOP / "run.py"), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONIOENCODING": "utf-8",
            "COLUMNS": "80",
            "NO_COLOR": "1",
            **environment,
        },
        # A test run in the background of a shell ignores Ctrl-C, and its children would as well.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads run yet
    )


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What the demo printed until its end; it is not left running."""
    try:
        return process.communicate(timeout=DEADLINE)
    finally:
        if process.poll() is None:
            # Lets it stop its services.
            process.terminate()
            process.communicate(timeout=30)


def processes_with(marker: str) -> list[int]:
    """The ids of the processes that have `marker` in their environment."""
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if marker.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:  # gone meanwhile, or not ours
            continue
    return found


def excerpt_of_the_readme() -> str:
    """The part of the output that README.md shows."""
    found = re.search(
        r"(?ms)^<!-- demo:[^\n]*-->\n```text\n(.*?)^```\n", (ROOT / "README.md").read_text(encoding="utf-8")
    )
    assert found is not None
    return found[1]


def without_times(text: str) -> str:
    """`text` with a word in place of each number of milliseconds."""
    return re.sub(r" *\+?\d+\.\d ms", " <time>", text)


@pytest.mark.slow
def test_the_demo_shows_what_the_rules_let_through_and_ends_with_0() -> None:
    """All checks of the demo hold, each cut to the width of the terminal, and its exit code is 0."""
    process = start()

    out, err = finish(process)

    assert (process.returncode, err) == (0, ""), out
    assert re.findall(r"(?m)^  ✗.*", out) == []
    assert len(re.findall(r"(?m)^  ✓", out)) == 10
    assert without_times(excerpt_of_the_readme()) in without_times(out)
    assert [line for line in out.splitlines() if len(line) > 80] == []
    assert "\x1b" not in out


@pytest.mark.slow
def test_with_other_rules_the_expectations_fail_and_it_ends_with_1(tmp_path: Path) -> None:
    """Rules that give Debug to another tenant turn checks red, and the exit code is 1."""
    rules = tmp_path / "other.yaml"
    text = (SHOP / "rules.yaml").read_text(encoding="utf-8")
    rules.write_text(text.replace("value: acme", "value: hooli"), encoding="utf-8")
    process = start("--rules", str(rules))

    out, err = finish(process)

    assert (process.returncode, err) == (1, ""), out
    assert re.findall(r"(?m)^  ✗ (Debug outside shop/pricing).*", out) == ["Debug outside shop/pricing"]
    assert "NOT as expected" in out


@pytest.mark.slow
def test_rules_that_are_wrong_end_it_with_1_and_their_place(tmp_path: Path) -> None:
    """A service that cannot start ends the demo at once, with what the service printed."""
    rules = tmp_path / "wrong.yaml"
    rules.write_text("defaultLevel: Wran\n", encoding="utf-8")
    process = start("--rules", str(rules))

    _, err = finish(process)

    assert process.returncode == 1
    assert f"{rules}:1:15: defaultLevel" in err


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_interrupted_leaves_no_process_behind(number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM while the services run stop all of them."""
    marker = f"shop-test-{uuid.uuid4().hex}"
    process = start(SHOP_TEST_MARKER=marker)
    try:
        end = time.monotonic() + 60
        while len(processes_with(marker)) < 5 and time.monotonic() < end:
            time.sleep(0.1)
        assert len(processes_with(marker)) == 5
        process.send_signal(number)
    finally:
        _, err = finish(process)

    assert process.returncode == 130, err
    assert processes_with(marker) == []
