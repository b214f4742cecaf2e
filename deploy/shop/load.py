"""Orders for the shop at a steady rate, until there are enough or the process is told to end.

python load.py http://frontend:8000 --rate 2
python load.py http://127.0.0.1:8000 --rate 20 --count 60     # ends by itself, and says what became of them
"""

from __future__ import annotations

import argparse
import itertools
import json
import signal
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

import requests
from orders import FIRST_ORDERS, TRACED_ORDER, more_orders, send

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from orders import Order

_ROUND = 50


def main() -> None:
    """Send orders; print how many came to which end, as JSON, and leave with 1 if none was answered."""
    parser = argparse.ArgumentParser(description="Orders for the shop.")
    parser.add_argument("url", help="the front end, such as http://frontend:8000")
    parser.add_argument("--rate", type=_rate, default=2.0, help="orders in a second (default: %(default)s)")
    parser.add_argument("--count", type=int, default=None, help="end after so many (default: never)")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _end)
    outcomes: Counter[str] = Counter()
    try:
        for order in itertools.islice(_orders(), arguments.count):
            due = time.monotonic() + 1 / arguments.rate
            outcomes[_outcome(order, arguments.url)] += 1
            time.sleep(max(0.0, due - time.monotonic()))
    finally:
        print(json.dumps(outcomes, sort_keys=True), flush=True)
    sys.exit(0 if set(outcomes) - {"unanswered"} else 1)


def _orders() -> Iterator[Order]:
    """Yield orders without end: first one of each kind, then ever new ones, the same in every run."""
    yield from (*FIRST_ORDERS, TRACED_ORDER)
    for seed in itertools.count(1):
        yield from more_orders(_ROUND, seed=seed)


def _outcome(order: Order, url: str) -> str:
    try:
        return send(order, url)
    except requests.RequestException as error:
        print(f"order {order.id}: {error}", file=sys.stderr, flush=True)
        return "unanswered"


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 < rate <= 1000:  # noqa: PLR2004 - a load for a demo, not a stress test
        raise argparse.ArgumentTypeError(f"allowed: more than 0, at most 1000; found {text}")
    return rate


def _end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    sys.exit(0)


if __name__ == "__main__":
    main()
