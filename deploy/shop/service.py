"""One service of examples/shop on an address that other containers reach, with rules that can be edited while it runs.

    python service.py inventory --port 8001
    INVENTORY_URL=http://inventory:8001 python service.py frontend --port 8000

The standard variables say where telemetry goes. ``SHOP_RULES`` is the file of rules that is watched.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import frontend
import inventory
from opentelemetry import metrics
from opentelemetry._logs import get_logger_provider
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from werkzeug.serving import make_server

import otel_ctxlog as cl
from otel_ctxlog.bridges.span_events import SpanEventProcessor
from otel_ctxlog.config import watch

if TYPE_CHECKING:
    import flask

_METRICS_SECONDS = 10.0


def main() -> None:
    """Serve until the process is told to end; what is queued then is still sent."""
    parser = argparse.ArgumentParser(description="One service of the shop.")
    parser.add_argument("service", choices=("frontend", "inventory"))
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on (default: %(default)s)")
    arguments = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no line per request
    with ExitStack() as stack:
        provider = _metrics(arguments.service)
        stack.callback(provider.shutdown)
        telemetry = stack.enter_context(
            cl.setup(
                service_name=arguments.service,
                sources=(cl.BaggageSource(), cl.SpanSource(include=("cart.*",))),
            )
        )
        logger_provider = get_logger_provider()
        if isinstance(logger_provider, LoggerProvider):  # not where OTEL_SDK_DISABLED is set
            # Each event is on its span as well, so that Jaeger and Tempo show it.
            logger_provider.add_log_record_processor(SpanEventProcessor())
        rules = os.environ.get("SHOP_RULES")
        if rules:
            stack.enter_context(watch(telemetry.logging, rules))
        server = make_server(arguments.host, arguments.port, _app(arguments.service), threaded=True)
        print(f"listening on http://{arguments.host}:{server.server_port}", flush=True)
        server.serve_forever()


def _app(service: str) -> flask.Flask:
    if service == "inventory":
        return inventory.create_app()
    url = os.environ.get("INVENTORY_URL")
    if not url:
        sys.exit("the frontend needs INVENTORY_URL, such as http://inventory:8001")
    return frontend.create_app(url)


def _metrics(service: str) -> MeterProvider:
    """Return the meter provider, which is OpenTelemetry's global one from here on.

    The instrumentations count requests with it, and the library what it has sent, queued and lost.
    """
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(), export_interval_millis=_METRICS_SECONDS * 1000)
    provider = MeterProvider(metric_readers=[reader], resource=Resource.create({"service.name": service}))
    metrics.set_meter_provider(provider)
    return provider


if __name__ == "__main__":
    main()
