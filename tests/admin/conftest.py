"""A service of its own for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .asking import FACES, Client, Service, served

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def service() -> Iterator[Service]:
    """A service whose records are kept."""
    made = Service()
    yield made
    # A thread waits for the rules that end, as long as there are some.
    made.context.reset_rules()
    made.provider.shutdown()


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    """A client of its endpoint, which has the small server."""
    with served("server", service) as made:
        yield made


@pytest.fixture(params=FACES)
def any_client(request: pytest.FixtureRequest, service: Service) -> Iterator[Client]:
    """A client of its endpoint, behind each of the faces."""
    with served(request.param, service) as made:
        yield made
