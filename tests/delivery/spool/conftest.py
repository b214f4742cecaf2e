"""Spools that are closed after the test, and what they complain about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

from otel_ctxlog.delivery.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Open(Protocol):
    """Makes a spool, by default in the test's own directory."""

    def __call__(self, path: Path | None = None, **options: Any) -> Spool: ...


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where the test's spools are."""
    return tmp_path / "spool"


@pytest.fixture
def open_spool(root: Path) -> Iterator[Open]:
    """A function that makes spools."""
    made: list[Spool] = []

    def make(path: Path | None = None, **options: Any) -> Spool:
        made.append(Spool(path or root, **options))
        return made[-1]

    yield make
    for spool in made:
        spool.close()
