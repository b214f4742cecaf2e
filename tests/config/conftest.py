"""The context that configurations are applied to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from otel_ctxlog import LoggingContext

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="session")
def new_context() -> Callable[[], LoggingContext]:
    """Makes contexts that have not been configured yet."""
    return LoggingContext


@pytest.fixture
def context(new_context: Callable[[], LoggingContext]) -> LoggingContext:
    """A context that has not been configured yet."""
    return new_context()
