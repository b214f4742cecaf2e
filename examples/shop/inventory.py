"""The shop's inventory: reserves the goods of an order.

It knows nothing about tenants. What is logged for one, and passes for one, is decided by the baggage that came with the
request, see ``rules.yaml``.
"""

from __future__ import annotations

from typing import TypedDict

import flask
from opentelemetry.instrumentation.flask import FlaskInstrumentor  # pyright: ignore[reportMissingTypeStubs]
from serving import serve

import otel_ctxlog as cl

STOCK = cl.define_realm("shop/stock", "what is on the shelves")
WAREHOUSE = cl.define_realm("shop/warehouse", "goods that are fetched from elsewhere")

stock_log = cl.log(STOCK)
warehouse_log = cl.log(WAREHOUSE)
events = cl.default_context().eventer(STOCK)

SHELVES = {"anvil": 400, "birdseed": 9000, "magnet": 300, "paint": 800, "rocket": 3, "rope": 700}


class Order(TypedDict):
    """What ``POST /reserve`` takes; `lines` maps goods to quantities."""

    id: str
    lines: dict[str, int]


def fetch(goods: str) -> None:
    """Have goods brought that are not on the shelves; in this demo the warehouse never answers."""
    warehouse_log.debug("asking the warehouse", goods=goods)
    raise TimeoutError(f"no answer about {goods!r} from the warehouse")


def create_app() -> flask.Flask:
    """Return the web application."""
    FlaskInstrumentor().instrument(excluded_urls="healthz")  # every flask.Flask made from now on
    app = flask.Flask("inventory")

    @app.get("/healthz")
    def healthz() -> str:  # pyright: ignore[reportUnusedFunction]
        return "ok"

    @app.post("/reserve")
    def reserve() -> tuple[dict[str, object], int]:  # pyright: ignore[reportUnusedFunction]
        order: Order = flask.request.get_json()
        log = stock_log.with_values(order=order["id"]).bound()
        for goods, quantity in order["lines"].items():
            on_shelf = SHELVES.get(goods)
            events.event("cacheLookup", key=goods, hit=on_shelf is not None)
            log.trace("looked at the shelf", goods=goods, available=on_shelf)
            if on_shelf is None:
                try:
                    fetch(goods)
                except TimeoutError as error:
                    log.log_error(error, "cannot fetch goods", goods=goods)
                    return {"missing": goods}, 503
            elif on_shelf < quantity:
                log.warning("not enough in stock", goods=goods, wanted=quantity, available=on_shelf)
                return {"missing": goods}, 409
        log.debug("goods reserved", lines=len(order["lines"]))
        events.event("stockReserved", order=order["id"])
        return {}, 200

    return app


def main() -> None:
    """Serve until told to end."""
    sources = (cl.BaggageSource(), cl.SpanSource(include=("cart.*",)))
    with cl.setup(service_name="inventory", sources=sources):
        serve(create_app())


if __name__ == "__main__":
    main()
