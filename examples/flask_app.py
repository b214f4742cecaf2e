"""Flask: each request is message context, and what the views log through `logging` obeys the same rules.

In production this is `gunicorn flask_app:app`; here the test client of Flask asks. Needs flask.
"""

import logging

import flask

import otel_ctxlog as cl
from otel_ctxlog.bridges import stdlib
from otel_ctxlog.bridges.wsgi import ContextMiddleware

app = flask.Flask("shop")
app.wsgi_app = ContextMiddleware(app.wsgi_app, headers={"X-Tenant": "tenant"})  # type: ignore[method-assign]
log = logging.getLogger("shop.cart")


@app.get("/cart/<int:number>")
def cart(number: int) -> str:
    """Return a cart."""
    log.debug("prices of cart %s calculated", number)
    log.info("cart shown", extra={"lines": 3})
    return "ok"


def main() -> None:
    """Ask as two tenants."""
    with cl.setup(service_name="shop", exporter="console") as telemetry:
        stdlib.install(telemetry.logging)
        telemetry.logging.add_rule(cl.ConditionRule(cl.DEBUG, cl.RealmPrefix("shop"), cl.Attribute("tenant", "acme")))
        client = app.test_client()
        for tenant in ("acme", "globex"):
            client.get("/cart/7", headers={"X-Tenant": tenant, "X-Request-ID": f"r-{tenant}"})
        stdlib.uninstall()


if __name__ == "__main__":
    main()
