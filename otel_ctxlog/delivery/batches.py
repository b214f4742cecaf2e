"""What waits, in memory and on disk, batch by batch on its way out; and what is counted on the way."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from otel_ctxlog.delivery.answers import ACCEPTED, Answer
from otel_ctxlog.delivery.bell import Bell
from otel_ctxlog.delivery.kinds import UNKNOWN
from otel_ctxlog.delivery.queue import OVERHEAD, Item, Queue, Report
from otel_ctxlog.delivery.request import kind_of_encoded
from otel_ctxlog.engine.diagnostics import emit_diagnostic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from otel_ctxlog.delivery.answers import Outcome
    from otel_ctxlog.delivery.destination import Destination
    from otel_ctxlog.delivery.limits import Limits
    from otel_ctxlog.delivery.losses import Counts, Losses, Reason
    from otel_ctxlog.delivery.protocols import Carrier, Spool, SpooledBatch

__all__ = ["Batches", "Goal"]

_REASONS: Final[dict[Outcome, Reason]] = {"too_large": "too_large", "failed": "failed"}

# Batches are not made smaller than that for a receiver that finds them too large: then it is the record's own size.
_LEAST_BYTES: Final = 64 << 10
# A receiver that is busy, and does not say until when, gets a batch in eighths before it is given up.
_MOST_HALVINGS: Final = 3

# Between two records about losses, in seconds.
_REPORT_PAUSE: Final = 5.0


@dataclass(frozen=True, slots=True)
class Goal:
    """A moment in the life of both stores: that record was the newest, and so many from disk had to be accepted."""

    number: int
    accepted: int


class Batches:
    """Sends one batch after the other, and knows what was taken, what was lost, and what has to wait.

    Args:
        queue: what waits in memory.
        carrier: takes batches.
        losses: counts.
        destination: is told what becomes of batches.
        limits: of batches.
        spool: what waits on disk, or None.
        report: makes the record that tells about losses.
    """

    def __init__(
        self,
        queue: Queue,
        carrier: Carrier,
        *,
        losses: Losses,
        destination: Destination,
        limits: Limits,
        spool: Spool | None,
        report: Callable[[Counts], Report | None],
    ) -> None:
        self._queue = queue
        self._carrier = carrier
        self._losses = losses
        self._destination = destination
        self._spool = spool
        self._report = report
        self.full = limits.batch_records
        self._batch_bytes = limits.batch_bytes
        self.room = Bell()
        self.start_in_child()

    def start_in_child(self) -> None:
        """Begin with nothing sent."""
        self.room = Bell()
        self.sent = 0
        # About how many wait on disk: callers count up without a lock, each batch corrects it.
        self.spooled = 0
        # How many waited in memory at the end, and were given up.
        self.left = 0
        self._accepted = 0
        self._spool_dropped = 0
        # Of a batch from disk that has to be sent again: the records that are done, taken or lost.
        self._done: set[bytes] = set()
        self._spool_first = False
        self._takes = False
        self._report_from = 0.0
        self._ended = False

    @property
    def has_spool(self) -> bool:
        """Whether there is something on disk to look after."""
        return self._spool is not None

    @property
    def lost(self) -> int:
        """How many records were lost so far."""
        return self._losses.total

    @property
    def in_memory(self) -> int:
        """How many records wait in memory."""
        return len(self._queue)

    def waiting(self) -> int:
        """Return about how many records wait."""
        return len(self._queue) + self.spooled

    def recount_spool(self) -> None:
        """Have `waiting` say how many wait on disk."""
        if self._spool is not None:
            self.spooled = self._spool.pending()[0]

    def goal(self) -> Goal:
        """Return what is reached once all that waits now has gone."""
        pending = 0 if self._spool is None else self._spool.pending()[0]
        return Goal(self._queue.newest(), self._accepted + pending)

    def reached(self, goal: Goal) -> bool:
        """Return whether it is, if nothing is being sent just now."""
        if self._queue.waits_until(goal.number):
            return False
        return self._spool is None or self._accepted >= goal.accepted or self._spool.pending()[0] == 0

    def flush(self, timeout: float) -> bool:
        """Have the carrier flush."""
        return self._carrier.flush(timeout)

    def send_one(self, timeout: float, *, pressing: bool) -> Answer | None:
        """Send one batch, in at most so many seconds, and return what came of it; None if nothing waits.

        What has to be sent again waits as before. `pressing`: a record about losses is not put off.
        """
        end = time.monotonic() + timeout
        self.report_losses(pressing=pressing)
        self._spool_first = not self._spool_first
        if self._spool_first:
            return self._send_spooled(end) or self._send_queued(end)
        return self._send_queued(end) or self._send_spooled(end)

    def end(self) -> None:
        """Count what still waits in memory as lost, and close the carrier and the spool."""
        self._ended = True
        self._count_dropped()
        self.left = self.drop_rest()
        try:
            self._carrier.close()
        except Exception as error:  # noqa: BLE001 - whatever an exporter of somebody else does
            emit_diagnostic(f"shutting down the exporter to {self._destination.text} failed", error=error)
        if self._spool is not None:
            self._spool.close()
        self.room.ring()

    def drop_rest(self) -> int:
        """Count what waits in memory as lost, for the end has come, and return how many that are."""
        rest = self._queue.clear()
        for item in rest:
            self.lose(item, "shutdown")
        self._destination.dropped(len(rest))
        return len(rest)

    def lose(self, item: Item, reason: Reason) -> None:
        """Count a record as lost; one that tells about losses leaves them to be told once more."""
        if isinstance(item, Report):
            self._losses.give_back(item.counts)
        else:
            self._losses.add(
                reason, item.kind if item.kind != UNKNOWN else kind_of_encoded(cast("bytes", item.payload))
            )

    def _count_dropped(self) -> None:
        """Count what the spool has removed to make room since; of which kind it was, it does not know."""
        if self._spool is not None and (dropped := self._spool.dropped()) > self._spool_dropped:
            new, self._spool_dropped = dropped - self._spool_dropped, dropped
            self._losses.add("spool_full", UNKNOWN, new)

    def report_losses(self, *, pressing: bool) -> bool:
        """Have a record about losses wait, if there are some, there is room, and it is time; return whether it does.

        `pressing`: it is time.
        """
        self._count_dropped()
        # Only to a receiver that takes records: one that has rejected them would reject what tells about it.
        if not self._takes or not self._queue.has_room() or not self._losses.has_unreported():
            return False
        now = time.monotonic()
        if now < self._report_from and not pressing:
            return False
        self._report_from = now + _REPORT_PAUSE
        counts = self._losses.take_unreported()
        report = self._report(counts)
        if report is None:
            self._losses.give_back(counts)
            return False
        # Until something else was taken: what refuses it would refuse the next one as well.
        self._takes = False
        self._queue.put(report)
        return True

    def _send_queued(self, end: float) -> Answer | None:
        items = self._queue.take(self.full, self._batch_bytes)
        if not items:
            return None
        self.room.ring()
        answer, rest = self._carry(items, end, durable=False)
        if rest:
            self._queue.put_back(rest)
            if self._ended:
                self.drop_rest()
        return answer

    def _send_spooled(self, end: float) -> Answer | None:
        batch = None if self._spool is None else self._read(self._spool)
        if batch is None:
            return None
        items = [
            Item(UNKNOWN, len(record) + OVERHEAD, (resource, scope), record)
            for resource, scope, record in batch.records
            if record not in self._done
        ]
        answer, rest = self._carry(items, end, durable=True) if items else (ACCEPTED, [])
        records = {record for _resource, _scope, record in batch.records}
        if rest:
            # Parts go out in order: what has to be sent again is the end.
            done = (cast("bytes", item.payload) for item in items[: len(items) - len(rest)])
            self._done = (self._done & records).union(done)
            batch.retry()
        else:
            self._done -= records
            self._accepted += len(batch.records)
            batch.accept()
        self.recount_spool()
        return answer

    def _read(self, spool: Spool) -> SpooledBatch | None:
        batch = spool.read(self.full, self._batch_bytes)
        if batch is None:
            self.recount_spool()
        return batch

    def _carry(self, items: Sequence[Item], end: float, *, durable: bool) -> tuple[Answer, list[Item]]:
        """Hand over some records, in parts if need be; return the last answer, and what has to be sent again."""
        parts = deque([(items, 0)])
        while True:
            part, halvings = parts.popleft()
            # In the worst case a try that cannot succeed: it says why.
            answer = self._carrier.carry(part, max(end - time.monotonic(), 0.001))
            outcome = answer.outcome
            splits = len(part) > 1 and (outcome == "too_large" or (outcome == "busy" and halvings < _MOST_HALVINGS))
            if outcome == "accepted":
                self._arrived(part, answer)
            elif outcome == "retry" or (durable and outcome in ("misdirected", "busy") and not splits):
                rest = [item for one, _halvings in ((part, 0), *parts) for item in one]
                return Answer("retry", answer.reason, wait=answer.wait), rest
            elif splits:
                if outcome == "too_large":
                    size = sum(item.size for item in part)
                    self._batch_bytes = max(_LEAST_BYTES, min(self._batch_bytes, size // 2))
                half = len(part) // 2
                parts.extendleft(((part[half:], halvings + 1), (part[:half], halvings + 1)))
            else:
                for item in part:
                    self.lose(item, _REASONS.get(outcome, "rejected"))
                if not self._ended:
                    self._destination.batch_lost("logs", len(part), answer.reason)
            if not parts:
                return answer, []

    def _arrived(self, items: Sequence[Item], answer: Answer) -> None:
        rejected = min(answer.rejected, len(items))
        own = [item for item in items if not isinstance(item, Report)]
        if rejected == len(items):
            for item in items:
                self.lose(item, "rejected")
        else:
            # Which of them is not said; least likely the one that tells about losses.
            rejected = min(rejected, len(own))
            self.sent += len(own) - rejected
            self._takes = self._takes or bool(own)
            if rejected:
                kinds = {item.kind for item in own}
                self._losses.add("rejected", kinds.pop() if len(kinds) == 1 else UNKNOWN, rejected)
        if answer.rejected or answer.reason:
            self._destination.some_rejected("logs", answer.rejected, answer.reason)
        self._destination.batch_arrived("logs")
