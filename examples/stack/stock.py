"""The service behind: what is on the shelves. It knows nothing about tenants; the baggage of the request does."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor  # pyright: ignore[reportMissingTypeStubs]
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session
from stack.adoption import start
from stack.tables import ShelfRow, open_database

__all__ = ["app"]

engine = open_database(os.environ["DATABASE_URL"])

# Somebody has to climb down and look.
_SLOW = "portable hole"
_SLOW_SECONDS = 1.5


class Shelf(BaseModel):
    """How much there is."""

    available: int


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
    """Begin and end with the process; see the other service."""
    with start():
        yield
        engine.dispose()


app = FastAPI(lifespan=lifespan)
FastAPIInstrumentor.instrument_app(app, excluded_urls="healthz")


@app.get("/healthz")
def healthz() -> dict[str, int]:
    """Say who is there."""
    return {"worker": os.getpid()}


@app.get("/shelves/{goods}")
def look(goods: str) -> Shelf:
    """Tell how much there is of some goods."""
    if goods == _SLOW:
        time.sleep(_SLOW_SECONDS)
    with Session(engine) as session:
        available = session.scalars(select(ShelfRow.available).where(ShelfRow.goods == goods)).first()
    return Shelf(available=available or 0)
