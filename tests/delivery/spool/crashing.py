"""A program for the test of kills: rounds of two processes with four threads each, killed at random moments.

Each thread appends and, where it was told that a record was kept, says so in memory that survives the process. Each
process also sends: it writes what it read into a file of its own, which is the receiver, and accepts. The program then
sends the rest, and prints as JSON what was confirmed and what arrived.

Arguments: a directory, the number of kills, a seed, the name of the fsync policy.
"""

from __future__ import annotations

import json
import mmap
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path
from struct import Struct
from typing import Any

from otel_ctxlog.delivery.spool import Spool, SpooledBatch

THREADS = 4
_NUMBER = Struct("<Q")


class Confirmed:
    """How many records of each thread of each process were confirmed, in shared memory."""

    def __init__(self, processes: int) -> None:
        self._memory = mmap.mmap(-1, max(1, processes * THREADS * _NUMBER.size))

    def set(self, process: int, thread: int, count: int) -> None:
        """One store of eight aligned bytes."""
        _NUMBER.pack_into(self._memory, (process * THREADS + thread) * _NUMBER.size, count)

    def get(self, process: int, thread: int) -> int:
        """The last count."""
        return int(_NUMBER.unpack_from(self._memory, (process * THREADS + thread) * _NUMBER.size)[0])


def record_of(process: int, thread: int, number: int) -> bytes:
    """A record; its size differs, its bytes follow from its name."""
    name = f"{process}:{thread}:{number}"
    return name.encode() + b"," + name.encode()[-1:] * (number * 37 % 1500)


def deliver(batch: SpooledBatch, receiver: int) -> None:
    """Send a batch: when this returns, the receiver has it."""
    now = time.monotonic_ns()
    os.write(receiver, b"".join(b"%d %s\n" % (now, record) for _, _, record in batch.records))
    batch.accept()


def be_a_process(number: int, root: Path, receiver: int, confirmed: Confirmed, options: dict[str, Any]) -> None:
    """Append from four threads and send from one, until somebody kills us."""
    spool = Spool(root, **options)
    choose = random.Random(number)

    def append(thread: int) -> None:
        scope = b"scope %d" % thread
        count = 0
        while True:
            if spool.append(b"resource %d" % number, scope, record_of(number, thread, count)):
                count += 1
                confirmed.set(number, thread, count)

    def send() -> None:
        while True:
            batch = spool.read(choose.randint(1, 50), 20_000)
            if batch is None:
                time.sleep(0.001)
            elif choose.random() < 0.2:
                batch.retry()
            else:
                deliver(batch, receiver)

    for thread in range(THREADS):
        threading.Thread(target=append, args=(thread,), daemon=True).start()
    send()


def main(folder: str, kills: str, seed: str, fsync: str) -> None:
    """Do it, and print the result."""
    home, amount, choose = Path(folder), int(kills), random.Random(int(seed))
    options: dict[str, Any] = {"max_bytes": 64 << 20, "when_full": "refuse", "fsync": fsync}
    confirmed = Confirmed(amount + 2)
    living: list[int] = []
    receivers = 0

    def start(number: int) -> int:
        receiver = os.open(home / f"received.{number}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        child = os.fork()
        if not child:
            try:
                be_a_process(number, home / "spool", receiver, confirmed, options)
            finally:
                os._exit(1)
        os.close(receiver)
        return child

    # There are always two, and one after the other is killed at a random moment of its life.
    for number in range(amount + 1):
        living.append(start(number))
        receivers += 1
        if len(living) > 1:
            time.sleep(choose.random() * choose.choice([0.005, 0.02, 0.06]))
            victim = living.pop(choose.randrange(2))
            os.kill(victim, signal.SIGKILL)
            os.waitpid(victim, 0)
    for victim in living:
        os.kill(victim, signal.SIGKILL)
        os.waitpid(victim, 0)
    spool = Spool(home / "spool", **options)
    receiver = os.open(home / f"received.{receivers}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    while (batch := spool.read(1000, 1 << 20)) is not None:
        deliver(batch, receiver)
    counts, pending = spool.counts, spool.pending()
    spool.close()
    print(
        json.dumps(
            {
                "confirmed": [
                    [confirmed.get(process, thread) for thread in range(THREADS)] for process in range(amount + 1)
                ],
                "corrupt_parts": counts.corrupt_parts,
                "pending": pending[0],
                "files": len(list((home / "spool").rglob("*.segment"))),
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
