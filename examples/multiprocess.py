"""Worker processes: forked or spawned, each with a pipeline of its own, and the context of the job it works on.

A forked worker inherits the pipeline of its parent and starts a thread of its own; a spawned one calls `setup()`.
Both deliver what they have queued when they end.
"""

import multiprocessing
import sys

from opentelemetry import baggage, context, propagate

import otel_ctxlog as cl

log = cl.log(cl.Realm("shop/report"))


def prepare() -> cl.Telemetry:
    """Set the pipeline of this process up."""
    telemetry = cl.setup(service_name="report", exporter="console")
    telemetry.logging.add_rule(cl.ConditionRule(cl.DEBUG, cl.BaggageEntry("tenant", "acme")))
    return telemetry


def report(headers: dict[str, str], pages: int) -> int:
    """Write one report, in the context of whoever wants it."""
    if multiprocessing.get_start_method() != "fork":
        prepare()
    token = context.attach(propagate.extract(headers))
    log.debug("report written", pages=pages)
    context.detach(token)
    return pages


def main(method: str) -> None:
    """Have two reports written, one after the other, so that their lines do not mix."""
    multiprocessing.set_start_method(method)
    with prepare():
        for pages, tenant in ((3, "acme"), (5, "globex")):
            token = context.attach(baggage.set_baggage("tenant", tenant))
            headers: dict[str, str] = {}
            propagate.inject(headers)
            worker = multiprocessing.Process(target=report, args=(headers, pages))
            worker.start()
            worker.join()
            log.info("worker ended", exit=worker.exitcode)
            context.detach(token)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "spawn")
