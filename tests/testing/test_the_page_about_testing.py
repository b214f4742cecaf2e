"""The pytest examples of docs/testing.md are run; the failures on the page are real ones.

The convention of the page: a ``py`` block is a file, named in its first line; the ``text`` block that is the next thing
after it holds lines of the output of that file's tests, in this order. (``python`` blocks are whole programs, which
`tests/docs` runs.)
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "testing.md"
_FILE = re.compile(
    r"^```py\n# (?P<name>\w+\.py)\n(?P<code>.*?)^```\n(?:\n*^```text\n(?P<output>.*?)^```\n)?", re.MULTILINE | re.DOTALL
)
_FILES = [match.groupdict() for match in _FILE.finditer(_PAGE.read_text(encoding="utf-8"))]
_TESTS = [file for file in _FILES if file["name"].startswith("test_")]


def test_the_page_has_examples() -> None:
    """The pattern finds what is on the page."""
    assert len(_TESTS) == 5
    assert len(_FILES) == 6


@pytest.mark.parametrize("file", _TESTS, ids=lambda file: str(file["name"]))
def test_an_example_passes_or_fails_as_shown(
    file: dict[str, str | None], pytester: pytest.Pytester, plugin: tuple[str, ...]
) -> None:
    """Without output all tests of the file pass; else one fails, and says what the page says."""
    for each in _FILES:
        if each is file or not str(each["name"]).startswith("test_"):
            # The first line of the block is the comment with the name.
            (pytester.path / str(each["name"])).write_text(f"# {each['name']}\n{each['code']}", encoding="utf-8")

    result = pytester.runpytest(*plugin, str(file["name"]))

    if file["output"] is None:
        assert result.ret == 0
        return
    result.assert_outcomes(failed=1)
    lines = iter(line.rstrip() for line in result.outlines)
    missing = [line for line in file["output"].splitlines() if line.rstrip() not in lines]
    assert missing == []
