"""The demo: two instrumented services, a few rules, and what of their logs arrives.

It starts the shop twice, each with an OTLP receiver of its own: once with everything on, once with ``rules.yaml``. Both
get the same orders from five tenants. Then it compares what arrived. The exit code is 0 if exactly those records did
that the rules let through.

    python examples/shop/run.py                      # needs the extra `demo`
    python examples/shop/run.py --rules my.yaml      # with other rules the checks fail, and show what changed
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from expectations import Check, check
from opentelemetry import baggage, context
from orders import FIRST_ORDERS, TRACED_ORDER, more_orders, send
from processes import Shop
from report import Report

import otel_ctxlog as cl
from otel_ctxlog.config import configure
from otel_ctxlog.receiver import Style

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from orders import Order

_FOLDER = Path(__file__).resolve().parent
_CLIENTS = 4
_MORE_ORDERS = 55
_SEED = 7
# No new record for so long: an order's records have arrived. The services send every 0.1 s.
_QUIET_SECONDS = 0.4
_PATIENCE_SECONDS = 5.0


def main() -> int:
    """Run the demo; return 0 if every expectation holds, 1 if not or if something could not be run."""
    parser = argparse.ArgumentParser(description="Two services, one rules.yaml, and what of their logs arrives.")
    parser.add_argument("--rules", type=Path, default=_FOLDER / "rules.yaml", help="other rules (default: %(default)s)")
    arguments = parser.parse_args()
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal without ✓ gets a ?
    signal.signal(signal.SIGTERM, _interrupt)
    began = time.monotonic()
    report = Report(Style.of_stream(sys.stdout))
    try:
        good = demo(arguments.rules.resolve(), report)
    except KeyboardInterrupt:
        print("interrupted; the services are stopped", file=sys.stderr)
        return 130
    except (RuntimeError, OSError) as problem:
        print(f"the demo could not be run: {problem}", file=sys.stderr)
        return 1
    report.say()
    report.say(f"{'Everything as expected' if good else 'NOT as expected'}, in {time.monotonic() - began:.0f} s.")
    return 0 if good else 1


def demo(rules: Path, report: Report) -> bool:
    """Run both shops to their end, print the summary, and return whether every expectation holds."""
    more = [TRACED_ORDER, *more_orders(_MORE_ORDERS, seed=_SEED)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="otel-ctxlog-demo-")))
        loud = stack.enter_context(Shop("everything", rules=_FOLDER / "everything.yaml", folder=folder))
        quiet = stack.enter_context(Shop("rules", rules=rules, folder=folder))
        report.say("Two shops start, each a frontend and an inventory in processes of their own.")
        report.say(f"One logs everything. The other obeys {rules.name}: Warn by default; Debug for")
        report.say("tenant acme; Trace for the pricing of large carts; one noisy event off.")
        loud.start()
        quiet.start()

        report.title(f"One order of each tenant: what arrives of its records, by {rules.name}")
        for order in FIRST_ORDERS:
            _show(order, quiet, report)
            send(order, loud.url)

        report.title(f"{len(more)} more orders from {_CLIENTS} clients at once: counted, not shown")
        _send_all(more, [quiet, loud])
        ended = [*loud.stop(), *quiet.stop()]
        everything, passed, spans = loud.receiver.records, quiet.receiver.records, quiet.receiver.spans

    report.say(f"  {len(everything)} records with everything on, {len(passed)} with {rules.name}")
    report.title("Log records that passed, of those written, by tenant and severity")
    report.by_tenant(everything, passed)
    report.say("  Trace, and Debug of the others: the pricing of carts of 50 items and more.")
    report.title("Events that passed, of those recorded, by type")
    report.by_type(everything, passed)

    traces = {record.trace_id for record in passed if record.attributes.get("order") == TRACED_ORDER.id}
    report.title(f"One trace through both services: order {TRACED_ORDER.id} of acme, a large cart")
    report.trace([s for s in spans if s.trace_id in traces], [r for r in passed if r.trace_id in traces])

    report.title("Ask the rules: why is there no Debug for globex in realm shop/stock?")
    report.reasons(_explanation(rules))

    report.title("Checks")
    checks = check([*FIRST_ORDERS, *more], everything=everything, passed=passed, spans=spans)
    checks.append(Check("all four services ended by themselves when asked to", ended == [0, 0, 0, 0]))
    report.checks(checks)
    return all(item.holds for item in checks)


def _explanation(rules: Path) -> str:
    """Return why a record of tenant globex in the inventory has the level it has."""
    log_context = cl.LoggingContext()
    configure(log_context, rules)
    token = context.attach(baggage.set_baggage("tenant", "globex"))
    try:
        return str(log_context.explain(cl.Realm("shop/stock")))
    finally:
        context.detach(token)


def _show(order: Order, shop: Shop, report: Report) -> None:
    """Send an order, and show its records as they arrive."""
    known = len(shop.receiver.records)
    outcome = send(order, shop.url)
    goods = ", ".join(f"{quantity} {name}" for name, quantity in order.lines)
    report.say(f"  {order.tenant} orders {goods}: {outcome}")
    end = time.monotonic() + _PATIENCE_SECONDS
    changed = time.monotonic()
    arrived = known
    while time.monotonic() < min(end, changed + _QUIET_SECONDS):
        time.sleep(0.02)
        if len(shop.receiver.records) > arrived:
            arrived, changed = len(shop.receiver.records), time.monotonic()
    # Two processes send at their own pace: in order of time.
    for record in sorted(shop.receiver.records[known:], key=lambda record: record.time_unix_nano):
        report.record(record)


def _send_all(orders: Sequence[Order], shops: Sequence[Shop]) -> None:
    """Send each order to each shop, several at a time; the first failure ends it."""
    with ThreadPoolExecutor(_CLIENTS) as clients:
        try:
            for outcome in [clients.submit(send, order, shop.url) for order in orders for shop in shops]:
                outcome.result()
        finally:
            clients.shutdown(wait=False, cancel_futures=True)


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
