"""The numbers of a processor."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much may wait, how much goes out at once, and when.

    Attributes:
        records: how many records may wait in memory.
        bytes: how large they may be together, encoded, with 200 bytes for each on top.
        batch_records: how many go into a request.
        batch_bytes: how large a request may be; a record that is larger goes alone. The servers of gRPC take 4 MiB
            unless they are told otherwise.
        delay: how many seconds a record waits for others.
        timeout: how many seconds attempts are made before it is said that they are in vain, and how long one may take.
        block: how many seconds a call that logs may wait for room before a record is dropped; 0: none.

    Raises:
        ValueError: a number that is not above 0 (`block`: below 0), infinite or NaN, or a batch larger than the queue.
        TypeError: no number, or records and bytes that are not whole.
    """

    records: int = 2048
    bytes: int = 32 << 20
    batch_records: int = 512
    batch_bytes: int = 4_000_000
    delay: float = 1.0
    timeout: float = 10.0
    block: float = 0.0

    def __post_init__(self) -> None:
        for one in fields(self):
            value: object = getattr(self, one.name)
            whole = one.name not in ("delay", "timeout", "block")
            if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
                raise TypeError(f"{one.name} is {value!r}, allowed: a {'whole ' if whole else ''}number")
            least = one.name == "block"
            if not (value > 0 or (least and value == 0)) or math.isinf(value):
                raise ValueError(f"{one.name} is {value!r}, allowed: a number {'from 0' if least else 'above 0'}")
        if self.batch_records > self.records:
            raise ValueError(
                f"batch_records is {self.batch_records}, allowed: at most records, which is {self.records}"
            )
