"""An asyncio worker: many jobs at once, each with its own context, one logger for all; a clean end on SIGTERM.

Tasks copy the context that they are made in, so that attaching in one does not show in another.
"""

import asyncio
import signal

from opentelemetry import baggage, context

import otel_ctxlog as cl

log = cl.log(cl.Realm("shop/sync"))


async def synchronise(tenant: str, items: int) -> int:
    """Synchronise the items of one tenant."""
    context.attach(baggage.set_baggage("tenant", tenant))
    for item in range(items):
        log.debug("item", number=item)
        await asyncio.sleep(0)
    log.info("synchronised", items=items)
    return items


async def main() -> None:
    """Synchronise three tenants until all is done, or until somebody sends SIGTERM."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    tasks = [asyncio.create_task(synchronise(tenant, items)) for tenant, items in (("acme", 2), ("globex", 3))]
    stopped = asyncio.create_task(stop.wait())
    finished = asyncio.create_task(asyncio.wait(tasks))
    await asyncio.wait((stopped, finished), return_when=asyncio.FIRST_COMPLETED)
    for task in (stopped, finished, *tasks):
        task.cancel()
    loop.remove_signal_handler(signal.SIGTERM)


if __name__ == "__main__":
    with cl.setup(service_name="sync", exporter="console") as telemetry:
        telemetry.logging.add_rule(cl.ConditionRule(cl.DEBUG, cl.BaggageEntry("tenant", "acme")))
        asyncio.run(main())
