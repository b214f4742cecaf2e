"""The service at the edge: FastAPI, SQLAlchemy below it, and httpx to the service behind it.

It is what such services look like without `otel_ctxlog`, apart from two places: the lifespan calls ``start()``, and the
middleware says which header may enter. What SQLAlchemy, httpx and httpcore log, they log by themselves.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI, HTTPException
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor  # pyright: ignore[reportMissingTypeStubs]
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor  # pyright: ignore[reportMissingTypeStubs]
from pydantic import BaseModel
from sqlalchemy.orm import Session
from stack.adoption import start
from stack.tables import OrderRow, open_database
from starlette.concurrency import run_in_threadpool

from otel_ctxlog.bridges.asgi import ContextMiddleware

__all__ = ["app"]

log = logging.getLogger(__name__)
engine = open_database(os.environ["DATABASE_URL"])
stock = httpx.AsyncClient(base_url=os.environ["STOCK_URL"], trust_env=False, timeout=20)


class Order(BaseModel):
    """What ``POST /orders`` takes."""

    id: str
    goods: str
    quantity: int


class Outcome(BaseModel):
    """What every request gets: how it went, and the process that answered."""

    outcome: str
    worker: int


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
    """Begin and end with the worker process, under every server.

    The end of the lifespan is the last moment that is certain: uvicorn then ends a worker by the very signal that asked
    it to stop, so that no ``atexit`` hook is called any more, and what OpenTelemetry has queued would be lost.
    """
    with start():
        yield
        await stock.aclose()
        engine.dispose()


app = FastAPI(lifespan=lifespan)
# The tenant comes by a header, and becomes baggage: it goes on to the stock service, which knows no header.
app.add_middleware(ContextMiddleware, baggage={"X-Tenant": "tenant"})
FastAPIInstrumentor.instrument_app(app, excluded_urls="healthz")
HTTPXClientInstrumentor.instrument_client(stock)


@app.get("/healthz")
def healthz() -> Outcome:
    """Say who is there."""
    return Outcome(outcome="well", worker=os.getpid())


@app.post("/orders")
async def place(order: Order) -> Outcome:
    """Note an order (SQLAlchemy, in a thread), then look for the goods (httpx, in this task)."""
    await run_in_threadpool(save, order)
    shelf = await stock.get(f"/shelves/{order.goods}")
    if shelf.json()["available"] < order.quantity:
        log.warning("order %s is refused: not enough of %s", order.id, order.goods)
        return Outcome(outcome="refused", worker=os.getpid())
    return Outcome(outcome="placed", worker=os.getpid())


@app.get("/orders/{number}")
def look_up(number: str) -> Outcome:
    """Find an order; FastAPI runs this in a thread."""
    with Session(engine) as session:
        row = session.get(OrderRow, number)
    if row is None:
        raise HTTPException(404)
    return Outcome(outcome="found", worker=os.getpid())


def save(order: Order) -> None:
    """Write an order to the database."""
    with Session(engine) as session:
        session.add(OrderRow(id=order.id, goods=order.goods, quantity=order.quantity))
        session.commit()
