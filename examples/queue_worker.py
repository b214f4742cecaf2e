"""A queue and its worker: trace and baggage travel in the headers of the message, and the rules with them.

Any broker with message headers works the same way (Celery: `apply_async(headers=…)`, and its official instrumentation
does both halves). Here the queue is one of the standard library, between two threads.
"""

import queue
import threading

from opentelemetry import baggage, context, propagate, trace

import otel_ctxlog as cl

log = cl.log(cl.Realm("shop/worker"))
jobs: queue.Queue[tuple[dict[str, str], int] | None] = queue.Queue()


def publish(order: int) -> None:
    """Put an order into the queue, with the context of this moment in its headers."""
    headers: dict[str, str] = {}
    propagate.inject(headers)
    jobs.put((headers, order))


def work() -> None:
    """Handle orders, each in the context that it was published in."""
    tracer = trace.get_tracer("shop.worker")
    while (job := jobs.get()) is not None:
        headers, order = job
        token = context.attach(propagate.extract(headers))
        try:
            with tracer.start_as_current_span("handle order"):
                log.debug("goods reserved", order=order)
                cl.default_context().eventer().event("orderHandled", order=order)
        finally:
            context.detach(token)


def main() -> None:
    """Publish two orders of two tenants, and handle them."""
    with cl.setup(service_name="shop", exporter="console", traces_exporter="none") as telemetry:
        telemetry.logging.add_rule(cl.ConditionRule(cl.DEBUG, cl.BaggageEntry("tenant", "acme")))
        worker = threading.Thread(target=work)
        worker.start()
        for order, tenant in enumerate(("acme", "globex")):
            token = context.attach(baggage.set_baggage("tenant", tenant))
            publish(order)
            context.detach(token)
        jobs.put(None)
        worker.join()


if __name__ == "__main__":
    main()
