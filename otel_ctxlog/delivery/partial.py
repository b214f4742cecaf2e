"""What an accepting answer says about records that were not taken (OTLP, partial success)."""

from __future__ import annotations

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from otel_ctxlog.delivery.answers import ACCEPTED, Answer

__all__ = ["accepted"]


def accepted(body: bytes) -> Answer:
    """Return the answer that an ``ExportLogsServiceResponse`` stands for; what is none of those says nothing."""
    if not body:
        return ACCEPTED
    try:
        said = ExportLogsServiceResponse.FromString(body).partial_success
    except Exception:  # noqa: BLE001 - receivers answer a good status with all kinds of bodies
        return ACCEPTED
    if not said.rejected_log_records and not said.error_message:
        return ACCEPTED
    return Answer("accepted", said.error_message, rejected=max(0, said.rejected_log_records))
