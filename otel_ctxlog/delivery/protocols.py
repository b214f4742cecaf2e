"""What the processor needs of others: a way to send, and a place that survives the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk._logs import ReadWriteLogRecord

    from otel_ctxlog.delivery.answers import Answer
    from otel_ctxlog.delivery.queue import Item

__all__ = ["Carrier", "Spool", "SpooledBatch", "Transport"]


@runtime_checkable
class Transport(Protocol):
    """Sends requests to one receiver, in one attempt each; trying again is up to the caller."""

    def send(self, request: bytes, timeout: float) -> Answer:
        """Send an OTLP ``ExportLogsServiceRequest`` and return what came of it, after `timeout` seconds at the latest.

        Raises nothing. One thread at a time calls it.
        """
        ...

    def close(self) -> None:
        """Let go of connections; a request under way in another thread ends as soon as it can."""
        ...

    def start_in_child(self) -> None:
        """After a fork, in the child: leave the parent's connections alone, and make own ones when they are needed."""
        ...


class Carrier(Protocol):
    """Knows in which form records wait, and how they are handed over."""

    def pack(self, record: ReadWriteLogRecord) -> Item:
        """Return what waits for the record: independent of it, and of its context.

        Raises:
            Exception: of any type: the record cannot be sent at all.
        """
        ...

    def carry(self, items: Sequence[Item], timeout: float) -> Answer:
        """Hand over some items, in one attempt of at most `timeout` seconds; raises nothing."""
        ...

    def flush(self, timeout: float) -> bool:
        """Have what was handed over sent on, and return whether it was; raises nothing."""
        ...

    def close(self) -> None:
        """Let go of connections and files; raises nothing."""
        ...

    def start_in_child(self) -> None:
        """After a fork, in the child: leave the parent's connections alone."""
        ...


class SpooledBatch(Protocol):
    """Records read from a spool, whose fate is not known yet."""

    # Resource, scope and record, as `otel_ctxlog.delivery.wire` describes them.
    records: list[tuple[bytes, bytes, bytes]]

    def accept(self) -> None:
        """Have them removed: the receiver has them."""
        ...

    def retry(self) -> None:
        """Have the next read give them again."""
        ...


class Spool(Protocol):
    """A place on disk for records; `otel_ctxlog.delivery.spool.Spool` is one."""

    def append(self, resource: bytes, scope: bytes, record: bytes) -> bool:
        """Return whether the record is in the operating system's hands; from any thread."""
        ...

    def read(self, max_records: int, max_bytes: int) -> SpooledBatch | None:
        """Return the oldest records, also those that dead processes left; None if there are none. One thread reads."""
        ...

    def pending(self) -> tuple[int, int]:
        """Return how many records and bytes are not accepted yet."""
        ...

    def dropped(self) -> int:
        """Return how many records this process has removed to make room."""
        ...

    def sync(self) -> Any:
        """Have what was appended survive a power cut."""
        ...

    def close(self) -> Any:
        """Let go of the files."""
        ...

    def start_in_child(self) -> Any:
        """After a fork, in the child: leave alone what belongs to the parent."""
        ...
