"""A receiver in the test's own process, and a collector that never answers."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from otel_ctxlog.receiver import Receiver

from .programs import Programs, never_answering

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session", autouse=True)
def _signals_as_a_terminal_leaves_them() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    """Programs inherit what this process ignores: under `nohup` that is SIGHUP, which they are to die by."""
    before = signal.getsignal(signal.SIGHUP)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


@pytest.fixture(scope="session")
def _receiver() -> Iterator[Receiver]:
    with Receiver(http_port=0, grpc_port=None) as running:
        yield running


@pytest.fixture
def receiver(_receiver: Receiver) -> Receiver:
    """One receiver for all tests, empty at the beginning of each."""
    _receiver.clear()
    return _receiver


@pytest.fixture
def programs(receiver: Receiver, tmp_path: Path) -> Programs:
    """Programs that export to the receiver."""
    return Programs(receiver, tmp_path)


@pytest.fixture
def hanging() -> Iterator[str]:
    """The URL of a collector that never answers."""
    with never_answering() as url:
        yield url
