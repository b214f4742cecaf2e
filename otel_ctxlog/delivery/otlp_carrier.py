"""The other way for records: as OTLP requests through a `Transport`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from otel_ctxlog.delivery.answers import Answer
from otel_ctxlog.delivery.encoding import Encoder
from otel_ctxlog.delivery.kinds import EVENT, kind_of
from otel_ctxlog.delivery.queue import OVERHEAD, Item
from otel_ctxlog.delivery.request import assemble

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk._logs import ReadWriteLogRecord

    from otel_ctxlog.delivery.protocols import Transport

__all__ = ["OtlpCarrier"]


class OtlpCarrier:
    """Records are encoded when they are emitted, and sent as OTLP requests.

    Args:
        transport: sends them.
        official: whether the official encoder encodes all of them.
    """

    def __init__(self, transport: Transport, *, official: bool = False) -> None:
        self._transport = transport
        self._encoder = Encoder(official=official)

    def pack(self, record: ReadWriteLogRecord) -> Item:
        """Return the encoded record."""
        owner, encoded, is_event = self._encoder.encode(record)
        given = record.log_record
        kind = EVENT if is_event or given.event_name else kind_of(given.severity_number)
        return Item(kind, len(encoded) + OVERHEAD, owner, encoded)

    def carry(self, items: Sequence[Item], timeout: float) -> Answer:
        """Send them as one request."""
        try:
            request = assemble([(item.owner, cast("bytes", item.payload)) for item in items])
            return self._transport.send(request, timeout)
        except Exception as error:  # noqa: BLE001 - no memory, or a transport of somebody else: nothing is lost by it
            return Answer("retry", f"{type(error).__name__}: {error}")

    def flush(self, timeout: float) -> bool:  # noqa: ARG002 - what is sent is sent
        """Return True: nothing waits here."""
        return True

    def close(self) -> None:
        """Close the transport."""
        self._transport.close()

    def start_in_child(self) -> None:
        """Tell the transport."""
        self._transport.start_in_child()
