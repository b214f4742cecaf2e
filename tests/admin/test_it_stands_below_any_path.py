"""Mounted in another application, and under an instrumented server."""

from __future__ import annotations

from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import otel_ctxlog as cl
from otel_ctxlog import admin

from .asking import TOKENS, Client, Service, under_uvicorn, under_wsgiref


def test_it_can_be_mounted_below_a_path(service: Service) -> None:
    """Its page and its paths are below the mount; without its slash the page leads to itself."""
    from starlette.applications import Starlette
    from starlette.routing import Mount
    from werkzeug.middleware.dispatcher import DispatcherMiddleware

    inner: Any = admin.asgi_app(service.context, tokens=TOKENS)
    with under_uvicorn(Starlette(routes=[Mount("/ops/logging", app=inner)])) as url:
        client = Client(f"{url}/ops/logging")
        assert client.get("/api/about")["service"] == "shop"
        assert client("GET", "/").status == 200

    def nothing(environ: Any, start: Any) -> list[bytes]:
        start("404 Not Found", [])
        return [b""]

    mounted = DispatcherMiddleware(nothing, {"/ops/logging": admin.wsgi_app(service.context, tokens=TOKENS)})
    with under_wsgiref(mounted) as url:
        client = Client(f"{url}/ops/logging")
        assert client.get("/api/about")["service"] == "shop"
        answer = client("GET", "")
        assert (answer.status, answer.headers["location"]) == (308, "logging/")


def test_a_span_of_the_request_is_no_part_of_an_explanation(service: Service) -> None:
    """An instrumented server has a span of its own, which is not that of the described call."""
    from otel_ctxlog.admin.endpoint import Endpoint
    from otel_ctxlog.admin.exchange import Request
    from otel_ctxlog.admin.settings import Settings

    endpoint = Endpoint(
        Settings(
            service.context,
            token=None,
            tokens=None,
            allow_unauthenticated_loopback=True,
            allowed_hosts=(),
            max_expiry="1h",
            registry=None,
            records=10,
            redact=(),
            bodies=True,
        )
    )
    service.context.add_rule(cl.ConditionRule(cl.DEBUG, cl.SpanAttribute("cart.size", 99)))
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("server")
    body = b'{"level": "debug"}'
    headers = {"host": "localhost", "content-type": "application/json"}
    with tracer.start_as_current_span("POST", attributes={"cart.size": 99}) as span:
        answer = endpoint.handle(
            Request(method="POST", path="/api/explain", headers=headers, body=body, peer="127.0.0.1")
        )
        assert trace.get_current_span() is span

    assert b'"enabled":false' in answer.body
    endpoint.close()
