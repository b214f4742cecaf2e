"""The examples of README.md and docs/guide.md are run, each in a process of its own.

The convention of these pages:

- a ``python`` block is a whole program;
- a ``text`` block that is the next thing after it, with nothing but blank lines between, is all that it prints; without
  one it prints nothing;
- times, durations and trace ids differ between runs; everything else is compared to the letter;
- a ``yaml`` block is a configuration that `otel_ctxlog.config.load` takes;
- other blocks (``sh``, a ``text`` block after prose) are not run.

``python tests/docs/test_pages.py`` writes the real output into the pages.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from otel_ctxlog import config

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", *sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")))

_PYTHON = re.compile(
    r"^```python\n(?P<code>.*?)^```\n(?:\n*^```text\n(?P<output>.*?)^```\n)?", re.MULTILINE | re.DOTALL
)
_YAML = re.compile(r"^```yaml\n(?P<text>.*?)^```\n", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]+\]\((?P<target>[^)#\s]*)(?:#(?P<anchor>[^)\s]+))?\)")
_VARYING = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"), "<time>"),
    (re.compile(r"\btrace=[0-9a-f]{8}\b"), "trace=<id>"),
    (re.compile(r"\b\d+\.\d+ms\b"), "<duration>"),
)


@dataclass(frozen=True)
class Example:
    """A program of a page, and what the page says it prints."""

    page: str
    line: int
    code: str
    output: str


def examples() -> list[Example]:
    """All programs of all pages."""
    found: list[Example] = []
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for match in _PYTHON.finditer(text):
            line = text.count("\n", 0, match.start()) + 2
            found.append(Example(page, line, match["code"], match["output"] or ""))
    return found


def yaml_blocks() -> list[tuple[str, int, str]]:
    """Page, line and text of all configurations."""
    return [
        (page, text.count("\n", 0, match.start()) + 2, match["text"])
        for page in PAGES
        for text in [(ROOT / page).read_text(encoding="utf-8")]
        for match in _YAML.finditer(text)
    ]


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The end of a program that has a file, as a user's has, in a folder of its own."""
    program = folder / "example.py"
    program.write_text(code, encoding="utf-8")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    return subprocess.run(
        [sys.executable, "-W", "error", str(program)],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        env={**inherited, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
    )


def masked(text: str) -> str:
    """`text` without what differs between runs."""
    for pattern, word in _VARYING:
        text = pattern.sub(word, text)
    return text


@pytest.mark.parametrize("example", examples(), ids=lambda example: f"{example.page}:{example.line}")
def test_an_example_prints_what_the_page_says(example: Example, tmp_path: Path) -> None:
    """The program ends well, prints the block below it, and complains about nothing."""
    done = run(example.code, tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert masked(done.stdout) == masked(example.output)


@pytest.mark.parametrize("block", yaml_blocks(), ids=lambda block: f"{block[0]}:{block[1]}")
def test_a_configuration_on_a_page_is_valid(block: tuple[str, int, str]) -> None:
    """Each YAML block is a configuration with something in it."""
    loaded = config.load(block[2])

    assert loaded != config.Config()


@pytest.mark.parametrize("page", PAGES)
def test_links_of_a_page_lead_somewhere(page: str) -> None:
    """A link to a file or a heading of the project has a target."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for match in _LINK.finditer(text):
        target, anchor = match["target"], match["anchor"]
        if "://" in target:
            continue
        file = (ROOT / page).parent / target if target else ROOT / page
        assert file.exists(), f"{page}: {match[0]}"
        if anchor:
            assert anchor in anchors(file.read_text(encoding="utf-8")), f"{page}: {match[0]}"


def anchors(text: str) -> set[str]:
    """The anchors of the headings of a page, as code hosts make them."""
    headings = re.findall(r"(?m)^#+ (.+)$", text)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_nothing_about_the_machine_it_was_written_on(page: str) -> None:
    """No path of a user's machine is in an output that was pasted."""
    text = (ROOT / page).read_text(encoding="utf-8")

    assert re.findall(r"(?:/home/|/Users/|/tmp/|/root/|site-packages)\S*", text) == []


def write_outputs() -> None:
    """Replace the outputs on all pages by real ones; a program that fails is reported and left as it is."""
    import tempfile

    def replaced(match: re.Match[str]) -> str:
        with tempfile.TemporaryDirectory() as folder:
            done = run(match["code"], Path(folder))
        if done.returncode or done.stderr:
            print(f"--- failed ({done.returncode}):\n{match['code']}\n{done.stderr}")
        output = f"\n```text\n{done.stdout}```\n" if done.stdout else ""
        return f"```python\n{match['code']}```\n{output}"

    for page in PAGES:
        path = ROOT / page
        path.write_text(_PYTHON.sub(replaced, path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    write_outputs()
