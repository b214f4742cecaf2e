"""An OTLP receiver for development and tests: what a service sends can be looked at, counted and kept.

::

    from otel_ctxlog.receiver import Receiver

    with Receiver(http_port=0, grpc_port=0) as receiver:
        ...                                    # a service exports to receiver.http_endpoint or receiver.grpc_endpoint
        records = receiver.wait_for(3, 10.0)
        assert records[0].body == "disk full"

It speaks OTLP over HTTP (protobuf and JSON, gzip or not) and over gRPC, takes logs and traces (metrics are accepted and
thrown away), and listens on loopback unless told otherwise. `otel-ctxlog receive` is the same thing as a command. It is
no collector: nothing is retried, forwarded or stored beyond the memory limits of `Receiver`.

Importing this package loads neither grpc nor protobuf; `Receiver.start` does.
"""

from __future__ import annotations

from otel_ctxlog.receiver.kept import read_kept
from otel_ctxlog.receiver.model import AttributeValue, ReceivedRecord, ReceivedSpan, SpanEvent, SpanLink
from otel_ctxlog.receiver.server import Receiver
from otel_ctxlog.receiver.show import Style, format_record, format_span

__all__ = [
    "AttributeValue",
    "ReceivedRecord",
    "ReceivedSpan",
    "Receiver",
    "SpanEvent",
    "SpanLink",
    "Style",
    "format_record",
    "format_span",
    "read_kept",
]
