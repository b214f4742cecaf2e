"""The documentation site: it builds without a warning, and has a page for everything that users hold."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import otel_ctxlog as cl

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_documents_every_public_name(tmp_path: Path) -> None:
    """Links, anchors and the reference are checked by the build; every name of the face has a heading in it."""
    pytest.importorskip("mkdocs", reason="the fast suite of other interpreters does not bring the extra `docs`")
    site = tmp_path / "site"
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )

    assert done.returncode == 0, done.stderr
    reference = "".join(page.read_text(encoding="utf-8") for page in (site / "api").glob("*.html"))
    missing = [name for name in cl.__all__ if f'.{name}"' not in reference and not name.isupper()]
    assert missing == []
