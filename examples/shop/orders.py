"""The load: the same orders in every run, and how they are sent."""

from __future__ import annotations

import random
from dataclasses import dataclass

import requests

__all__ = ["FIRST_ORDERS", "TRACED_ORDER", "Order", "more_orders", "send"]

_TENANTS = ("acme", "globex", "initech", "hooli", "umbrella")
_GOODS = ("anvil", "birdseed", "magnet", "paint", "rope")


@dataclass(frozen=True, slots=True)
class Order:
    """Goods wanted by a tenant: `lines` pairs goods with quantities."""

    id: str
    tenant: str
    lines: tuple[tuple[str, int], ...]

    @property
    def size(self) -> int:
        """How many items are in the cart."""
        return sum(quantity for _, quantity in self.lines)


# One for each thing that rules.yaml decides.
FIRST_ORDERS = (
    Order("A-1", "globex", (("rope", 2), ("paint", 1))),
    Order("A-2", "acme", (("anvil", 1), ("birdseed", 4))),
    Order("A-3", "initech", (("paint", 40), ("magnet", 20))),
    Order("A-4", "hooli", (("rocket", 5),)),
    Order("A-5", "umbrella", (("portable hole", 1),)),
)

# The one whose trace is shown.
TRACED_ORDER = Order("A-6", "acme", (("rope", 45), ("anvil", 30)))


def more_orders(count: int, *, seed: int) -> list[Order]:
    """Return orders drawn from a seeded generator: the same for the same arguments."""
    draw = random.Random(seed)  # noqa: S311 - a demo's load needs no secrets
    orders: list[Order] = []
    for number in range(count):
        goods = draw.sample(_GOODS, draw.randint(1, 4))
        most = 60 if draw.random() < 0.15 else 6  # some carts are large  # noqa: PLR2004
        lines = [(name, draw.randint(1, most)) for name in goods]
        unusual = draw.random()
        if unusual < 0.10:  # noqa: PLR2004
            lines.append(("rocket", draw.randint(2, 6)))
        elif unusual < 0.15:  # noqa: PLR2004
            lines.append(("portable hole", 1))
        orders.append(Order(f"B-{number + 1}", _TENANTS[number % len(_TENANTS)], tuple(lines)))
    return orders


def send(order: Order, frontend_url: str) -> str:
    """Send an order, its tenant as W3C baggage, and return what became of it, such as ``orderPlaced``.

    Raises:
        requests.RequestException: the front end does not answer as it should.
    """
    with requests.Session() as session:
        session.trust_env = False  # no proxy between this machine and itself
        answer = session.post(
            f"{frontend_url}/checkout",
            json={"id": order.id, "lines": dict(order.lines)},
            headers={"baggage": f"tenant={order.tenant}"},
            timeout=10,
        )
    answer.raise_for_status()
    return str(answer.json()["outcome"])
