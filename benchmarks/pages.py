"""The files that a run writes, and that show nothing but what ``results.json`` says."""

from __future__ import annotations

from pathlib import Path

from benchmarks import results, tables
from benchmarks.harness import ROOT

RESULTS = ROOT / "benchmarks" / "results.json"
START = "<!-- benchmarks: start -->\n"
END = "<!-- benchmarks: end -->\n"


def replaced(text: str, part: str) -> str:
    """Return `text` with `part` between the two markers in place of what is there.

    Raises:
        ValueError: there is not exactly one marker of each kind, in that order.
    """
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end or START in rest or END in after:
        raise ValueError(f"exactly one line {START.strip()!r} and one {END.strip()!r} after it are needed")
    return f"{before}{START}{part}{END}{after}"


def rendered(measured: results.Results, root: Path = ROOT) -> dict[Path, str]:
    """Return the pages that show these results, by file: README with the table in it, and the whole of RESULTS.md.

    Raises:
        ValueError: README has no place for the table.
    """
    readme = root / "README.md"
    return {
        readme: replaced(readme.read_text(encoding="utf-8"), tables.headlines(measured)),
        root / "benchmarks" / "RESULTS.md": tables.page(measured),
    }


def write(measured: results.Results) -> None:
    """Write results.json and the pages."""
    pages = rendered(measured)
    RESULTS.write_text(results.to_json(measured), encoding="utf-8")
    for file, text in pages.items():
        file.write_text(text, encoding="utf-8")
