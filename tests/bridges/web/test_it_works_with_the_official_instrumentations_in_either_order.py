"""Beside the official instrumentations: around them, and inside of them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import flask
import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware  # pyright: ignore[reportMissingTypeStubs]
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.flask import FlaskInstrumentor  # pyright: ignore[reportMissingTypeStubs]
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware as WsgiOpenTelemetryMiddleware
from opentelemetry.propagate import inject
from opentelemetry.sdk.trace import TracerProvider

import otel_ctxlog as cl
from otel_ctxlog.bridges import asgi, wsgi
from otel_ctxlog.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, Iterator

LOG = cl.log()

PARENT = "4bf92f3577b34da6a3ce929d0e0e4736"
HEADERS = {
    "traceparent": f"00-{PARENT}-00f067aa0ba902b7-01",
    "baggage": "tenant=evil,region=evil,kept=1",
    "X-Tenant": "acme",
    "X-Region": "eu",
}
OPTIONS: dict[str, Any] = {"headers": {"X-Tenant": "tenant"}, "baggage": {"X-Region": "region"}}


def check(records: Any, *, untraced: str = "") -> None:
    """Each record is in the trace that came, was let through by our attributes, and knows no evil."""
    for record in records.all:
        attributes = dict(record.log_record.attributes)
        assert (attributes["tenant"], attributes["region"]) == ("acme", "eu")
        if record.log_record.body != untraced:
            assert f"{record.log_record.trace_id:032x}" == PARENT
            assert attributes["kept"] == "1"
            assert sorted(attributes["sent"].split(",")) == ["kept=1", "region=eu"]


def sent_on() -> str:
    """The baggage that a call to another service would carry."""
    carrier: dict[str, str] = {}
    inject(carrier)
    return carrier.get("baggage", "")


@contextmanager
def as_default(one: cl.LoggingContext) -> Generator[None, None, None]:
    """What the default context stands for meanwhile."""
    before = cl.set_default_context(one)
    try:
        yield
    finally:
        cl.set_default_context(before)


@pytest.fixture
def debug_for_acme(records: Any) -> Any:
    """Only rules that see the request, by attribute and by baggage, let anything through."""
    records.context.default_level = cl.NONE
    tenant, region = cl.Attribute("tenant", "acme"), cl.BaggageEntry("region", "eu")
    records.context.add_rule(cl.ConditionRule(cl.DEBUG, tenant, region))
    return records


@pytest.mark.parametrize("order", ["around", "inside", "FastAPI, around", "FastAPI, added"])
def test_asgi(debug_for_acme: Any, serve: Callable[[Any], Any], order: str) -> None:
    """Attributes, baggage, route and trace are right in handlers and streams, whichever middleware is the outer."""
    provider = TracerProvider()
    app = FastAPI()

    @app.get("/orders/{number}")
    async def order_of(number: int) -> StreamingResponse:
        LOG.debug("handler", sent=sent_on())

        async def body() -> AsyncIterator[bytes]:
            LOG.debug("stream", sent=sent_on())
            yield b"ok"

        return StreamingResponse(body())

    served: Any = app
    if order == "around":
        served = asgi.ContextMiddleware(OpenTelemetryMiddleware(app, tracer_provider=provider), **OPTIONS)
    elif order == "inside":
        served = OpenTelemetryMiddleware(asgi.ContextMiddleware(app, **OPTIONS), tracer_provider=provider)
    else:
        if order == "FastAPI, added":
            app.add_middleware(asgi.ContextMiddleware, **OPTIONS)
        FastAPIInstrumentor.instrument_app(app, tracer_provider=provider)
        if order == "FastAPI, around":
            served = asgi.ContextMiddleware(app, **OPTIONS)
    with serve(served) as base:
        assert httpx.get(f"{base}/orders/7", headers=HEADERS).text == "ok"

    assert debug_for_acme.bodies == ["handler", "stream"]
    check(debug_for_acme)
    for record in debug_for_acme.all:
        assert record.log_record.attributes["http.route"] == "/orders/{number}"


@pytest.mark.parametrize("order", ["around", "inside", "Flask"])
def test_wsgi(debug_for_acme: Any, serve_wsgi: Callable[..., Any], order: str) -> None:
    """Attributes, baggage and trace are right for handlers and streams, whichever middleware is the outer one."""
    provider = TracerProvider()
    app = flask.Flask("shop")

    @app.get("/orders/<int:number>")
    def order_of(number: int) -> flask.Response:
        LOG.debug("handler", sent=sent_on())

        def body() -> Iterator[str]:
            LOG.debug("stream", sent=sent_on())
            yield "ok"

        return flask.Response(flask.stream_with_context(body()))

    served: Any = app
    if order == "around":
        served = wsgi.ContextMiddleware(WsgiOpenTelemetryMiddleware(app, tracer_provider=provider), **OPTIONS)
    elif order == "inside":
        served = WsgiOpenTelemetryMiddleware(wsgi.ContextMiddleware(app, **OPTIONS), tracer_provider=provider)
    else:
        instrumentor: Any = FlaskInstrumentor()
        instrumentor.instrument_app(app, tracer_provider=provider)
        app.wsgi_app = wsgi.ContextMiddleware(app.wsgi_app, **OPTIONS)  # type: ignore[method-assign]
    with serve_wsgi(served, "werkzeug") as base:
        assert httpx.get(f"{base}/orders/7", headers=HEADERS).text == "ok"

    assert debug_for_acme.bodies == ["handler", "stream"]
    # The instrumentation of Flask itself leaves the trace before a stream begins, with or without us.
    check(debug_for_acme, untraced="stream" if order == "Flask" else "")


def test_with_setup_and_a_collector(serve: Callable[[Any], Any]) -> None:
    """Where `setup()` makes the default context, loggers of modules see the request; what passes has its trace."""
    app = FastAPI()

    @app.get("/orders/{number}")
    def order_of(number: int) -> str:
        LOG.debug("asked for an order")
        return "ok"

    wrapped = asgi.ContextMiddleware(app, **OPTIONS)  # made before setup(), as at module level
    with (
        Receiver(http_port=0, grpc_port=None) as receiver,
        # Not for the whole process: OpenTelemetry's globals are set once for all.
        cl.setup(
            service_name="shop", endpoint=receiver.http_endpoint, protocol="http/protobuf", set_global=False
        ) as telemetry,
        as_default(telemetry.logging),
    ):
        telemetry.logging.add_rule(cl.ConditionRule(cl.DEBUG, cl.Attribute("tenant", "acme")))
        instrumented = OpenTelemetryMiddleware(wrapped, tracer_provider=telemetry.tracer_provider)
        with serve(instrumented) as base, httpx.Client(base_url=base) as client:
            for tenant in ("other", "acme", "third"):
                client.get("/orders/1", headers={**HEADERS, "X-Tenant": tenant})
        assert telemetry.flush()
        (record,) = receiver.wait_for(1)

    assert (record.body, record.trace_id, record.severity_text) == ("asked for an order", PARENT, "DEBUG")
    assert record.attributes["tenant"] == "acme"
    assert record.attributes["http.route"] == "/orders/{number}"
