"""What the tests of captures share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import otel_ctxlog as cl
from otel_ctxlog.loggers.base import Logger, VLogger
from otel_ctxlog.loggers.core import ContextCore
from otel_ctxlog.loggers.record_writer import RecordWriter

from .kept import Kept


@pytest.fixture(autouse=True)
def _everything_is_put_back() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    """No test leaves a trace in the classes of the library, or in the default context."""
    watched = (Logger, VLogger, cl.OTelEventer, RecordWriter, ContextCore)
    before = [dict(vars(kind)) for kind in watched]
    default = cl.default_context()
    settings = (default.rules, default.default_level)

    yield

    after = [dict(vars(kind)) for kind in watched]
    assert after == before
    assert (default.rules, default.default_level) == settings


@pytest.fixture
def kept() -> Kept:
    """A real target."""
    return Kept()


@pytest.fixture
def context(kept: Kept) -> cl.LoggingContext:
    """A context with a real target."""
    return cl.LoggingContext(kept)


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The arguments that load the plugin, and no other one that happens to be installed."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return ("-p", "otel_ctxlog.pytest_plugin")
