"""Debug for one customer only, and an event: run it, no collector needed."""

from opentelemetry import baggage, context

import otel_ctxlog as cl

log = cl.log(cl.Realm("shop/cart"))
with cl.setup(service_name="shop", exporter="console") as telemetry:
    telemetry.logging.add_rule(cl.ConditionRule(cl.DEBUG, cl.BaggageEntry("tenant", "acme")))
    for tenant in ("acme", "globex"):
        token = context.attach(baggage.set_baggage("tenant", tenant))
        log.debug("price calculated", net=84, tax=16)
        telemetry.eventer.event("orderPlaced", total=100)
        print(telemetry.logging.explain(cl.Realm("shop/cart")))
        context.detach(token)
