"""What both protocols share: the bytes of a request in; kept, stored and shown records out."""

from __future__ import annotations

import logging
import threading
from enum import Enum
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from otel_ctxlog.receiver.decode import (
    ExportLogsServiceRequest,
    ExportTraceServiceRequest,
    records_of,
    spans_of,
)
from otel_ctxlog.receiver.otlp_json import from_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.message import Message

    from otel_ctxlog.receiver.kept import KeptFile
    from otel_ctxlog.receiver.model import ReceivedRecord
    from otel_ctxlog.receiver.show import Display
    from otel_ctxlog.receiver.store import Store

_diagnostics = logging.getLogger("otel_ctxlog")


class Signal(Enum):
    """The kinds of telemetry; the values are the last component of the OTLP/HTTP path."""

    LOGS = "logs"
    TRACES = "traces"
    METRICS = "metrics"


class Intake:
    """Decodes a request and passes it to the file, the display and the store, in this order.

    Whoever waits for a record thus finds it in the file and on the display, too. A file or a display that fails costs
    one diagnostic and is not used again; the sender is not troubled with it.
    """

    def __init__(self, store: Store, *, kept: KeptFile | None, keep_traces: bool, display: Display | None) -> None:
        self._store = store
        self._kept = kept
        self._keep_traces = keep_traces
        self._display = display
        self._lock = threading.Lock()

    def accept(self, signal: Signal, data: bytes, *, json: bool) -> None:
        """Take the body of an export request, protobuf or JSON.

        Metrics are not even decoded. Of a request that cannot be decoded nothing is taken.

        Raises:
            ValueError: the data cannot be decoded; the text says why.
        """
        if signal is Signal.LOGS:
            logs = ExportLogsServiceRequest()
            _fill(logs, data, json=json)
            self._accept_logs(logs)
        elif signal is Signal.TRACES:
            traces = ExportTraceServiceRequest()
            _fill(traces, data, json=json)
            self._accept_traces(traces)

    def _accept_logs(self, request: ExportLogsServiceRequest) -> None:
        self._keep(request)
        received: Iterable[tuple[ReceivedRecord, int]] = records_of(request)
        display = self._display
        if display is not None:
            # A request has its records by scope: people read them by time.
            received = list(received)
            for record in sorted((record for record, _ in received), key=_time_of):
                display.record(record)
        for record, size in received:
            self._store.add_record(record, size)
        self._store.announce()

    def _accept_traces(self, request: ExportTraceServiceRequest) -> None:
        if self._keep_traces:
            self._keep(request)
        display = self._display
        for span, size in spans_of(request):
            if display is not None:
                display.span(span)
            self._store.add_span(span, size)
        self._store.announce()

    def _keep(self, request: Message) -> None:
        kept = self._kept
        if kept is None:
            return
        try:
            kept.append(request)
        except (OSError, ValueError) as error:
            with self._lock:
                first, self._kept = self._kept is not None, None
            if first:
                _diagnostics.error("the OTLP receiver cannot keep requests any more: %s", error)


def _time_of(record: ReceivedRecord) -> int:
    return record.time_unix_nano or record.observed_time_unix_nano


def _fill(message: Message, data: bytes, *, json: bool) -> None:
    if json:
        from_json(data, message)
        return
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise ValueError(f"not an OTLP {type(message).__name__}: {error}") from None
