"""`setup`: resource, providers, exporters, propagators and configuration, from arguments and `OTEL_*` variables."""

from __future__ import annotations

from otel_ctxlog.pipeline.exporters import ExporterArgument
from otel_ctxlog.pipeline.face import setup
from otel_ctxlog.pipeline.telemetry import MemoryRecords, Telemetry

__all__ = ["ExporterArgument", "MemoryRecords", "Telemetry", "setup"]
