"""The shop's front end: takes orders, prices them, and has the inventory reserve the goods.

Configured from outside, as in production: ``OTEL_EXPORTER_OTLP_ENDPOINT`` says where the collector is,
``OTEL_CTXLOG_CONFIG`` which records pass, ``INVENTORY_URL`` where the other service is.
"""

from __future__ import annotations

import os
from typing import TypedDict

import flask
import requests
from opentelemetry import trace
from opentelemetry.instrumentation.flask import FlaskInstrumentor  # pyright: ignore[reportMissingTypeStubs]
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from serving import serve

import otel_ctxlog as cl

CHECKOUT = cl.define_realm("shop/checkout", "orders on their way through the shop")
PRICING = cl.define_realm("shop/pricing", "what a cart costs, line by line")

# Unbound loggers: made when the module is loaded, they obey the rules that are configured later.
checkout_log = cl.log(CHECKOUT)
pricing_log = cl.log(PRICING)
events = cl.default_context().eventer(CHECKOUT)
tracer = trace.get_tracer("shop.frontend")

PRICES = {"anvil": 89, "birdseed": 4, "magnet": 35, "paint": 12, "portable hole": 260, "rocket": 499, "rope": 9}
OUTCOMES = {200: "orderPlaced", 409: "orderRefused", 503: "orderDelayed"}


class Order(TypedDict):
    """What ``POST /checkout`` takes; `lines` maps goods to quantities."""

    id: str
    lines: dict[str, int]


def price(order: Order) -> int:
    """Return what the cart costs."""
    size = sum(order["lines"].values())
    with tracer.start_as_current_span("price cart", attributes={"cart.size": size}):
        total = 0
        for goods, quantity in order["lines"].items():
            cost = PRICES[goods] * quantity
            pricing_log.trace("line priced", goods=goods, quantity=quantity, cost=cost)
            total += cost
        pricing_log.debug("cart priced", total=total)
    return total


def create_app(inventory_url: str) -> flask.Flask:
    """Return the web application."""
    RequestsInstrumentor().instrument()
    FlaskInstrumentor().instrument(excluded_urls="healthz")  # every flask.Flask made from now on
    app = flask.Flask("frontend")

    @app.get("/healthz")
    def healthz() -> str:  # pyright: ignore[reportUnusedFunction]
        return "ok"

    @app.post("/checkout")
    def checkout() -> tuple[dict[str, object], int]:  # pyright: ignore[reportUnusedFunction]
        order: Order = flask.request.get_json()
        # A bound logger: level and values are decided once, for the span of this request.
        log = checkout_log.with_values(order=order["id"]).bound()
        log.debug("checkout begins", lines=len(order["lines"]))
        total = price(order)
        answer = requests.post(f"{inventory_url}/reserve", json=order, timeout=10)
        log.debug("the inventory answered", status=answer.status_code)
        outcome = OUTCOMES.get(answer.status_code, "orderFailed")
        if outcome == "orderPlaced":
            log.info("order placed", total=total)
        else:
            log.warning("order not placed", outcome=outcome, status=answer.status_code)
        events.event(outcome, order=order["id"], total=total)
        return {"outcome": outcome, "total": total}, 200

    return app


def main() -> None:
    """Serve until told to end."""
    # Of a span's attributes only our own are wanted on records; those of the HTTP instrumentation are on the span.
    sources = (cl.BaggageSource(), cl.SpanSource(include=("cart.*",)))
    with cl.setup(service_name="frontend", sources=sources):
        serve(create_app(os.environ["INVENTORY_URL"]))


if __name__ == "__main__":
    main()
