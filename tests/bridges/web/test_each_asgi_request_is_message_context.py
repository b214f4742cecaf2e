"""ASGI under uvicorn: the attributes of a request are there while it is served, and nowhere else."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import logging
import pickle
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from fastapi import APIRouter, BackgroundTasks, FastAPI, WebSocket
from opentelemetry.context import Context, attach, get_current
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route

from otel_ctxlog import DEBUG, Attribute, BaggageSource, ConditionRule, Exists, LoggingContext, log
from otel_ctxlog.bridges.asgi import ContextMiddleware
from otel_ctxlog.bridges.request import RequestSource, add_request_attributes, request_attributes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request

LOG = log()  # at module level, before anything is configured

TENANT = {"X-Tenant": "tenant"}


def test_debug_for_one_tenant_of_fifty_concurrent_requests(records: Any, serve: Callable[[Any], Any]) -> None:
    """With fifty requests at once, those of one tenant, and no others, are logged at Debug, in threads as well."""
    everybody = asyncio.Event()
    waiting: list[str] = []

    async def handler(request: Request) -> PlainTextResponse:
        tenant = request.headers["x-tenant"]
        waiting.append(tenant)
        if len(waiting) == 50:
            everybody.set()
        await everybody.wait()
        LOG.debug("in the task", expected=tenant)
        await asyncio.to_thread(LOG.debug, "in a thread", expected=tenant)
        await asyncio.create_task(child(tenant))
        return PlainTextResponse("ok")

    async def child(tenant: str) -> None:
        await asyncio.sleep(0)
        LOG.debug("in a child", expected=tenant)

    records.context.add_rule(ConditionRule(DEBUG, Attribute("tenant", "acme")))
    tenants = ["acme" if number % 10 == 0 else f"t{number}" for number in range(50)]

    async def ask(base: str) -> None:
        async with httpx.AsyncClient(base_url=base, timeout=30) as client:
            await asyncio.gather(*(client.get("/", headers={"X-Tenant": tenant}) for tenant in tenants))

    with serve(ContextMiddleware(Starlette(routes=[Route("/", handler)]), headers=TENANT)) as base:
        asyncio.run(ask(base))

    assert sorted(records.bodies) == ["in a child"] * 5 + ["in a thread"] * 5 + ["in the task"] * 5
    assert {record.log_record.attributes["expected"] for record in records.all} == {"acme"}
    ids = {record.log_record.attributes["request_id"] for record in records.all}
    assert len(ids) == 5
    assert request_attributes() == {}


def test_streams_background_tasks_and_errors_belong_to_the_request(records: Any, serve: Callable[[Any], Any]) -> None:
    """The body of a streaming response, background tasks and error handlers see the request, and it ends with them."""
    app = FastAPI()

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def body() -> AsyncIterator[bytes]:
            for number in range(2):
                LOG.info(str(f"part {number}"))
                yield b"x"

        return StreamingResponse(body())

    @app.get("/background")
    def background(tasks: BackgroundTasks) -> str:
        tasks.add_task(LOG.info, "in the background")
        return "ok"

    @app.get("/error")
    async def error() -> None:
        LOG.info("before the error")
        raise ValueError("bad")

    with serve(ContextMiddleware(app, headers=TENANT)) as base, httpx.Client(base_url=base) as client:
        for path in ("/stream", "/background", "/error"):
            client.get(path, headers={"X-Tenant": path[1:], "X-Request-ID": f"id-{path[1:]}"})

    seen = {str(record.log_record.body): record.log_record.attributes for record in records.all}
    assert {body: (found["tenant"], found["request_id"], found["http.route"]) for body, found in seen.items()} == {
        "part 0": ("stream", "id-stream", "/stream"),
        "part 1": ("stream", "id-stream", "/stream"),
        "in the background": ("background", "id-background", "/background"),
        "before the error": ("error", "id-error", "/error"),
    }


def test_a_client_that_goes_away_ends_its_request(records: Any, serve: Callable[[Any], Any]) -> None:
    """A stream that nobody reads any more is cancelled within its request, and the next one is not mixed up with it."""
    gone = threading.Event()

    async def body() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 1000
                await asyncio.sleep(0.005)
        finally:
            LOG.info("cancelled")
            gone.set()

    async def forever(_request: Request) -> StreamingResponse:
        return StreamingResponse(body())

    async def handler(_request: Request) -> PlainTextResponse:
        LOG.info("next")
        return PlainTextResponse("ok")

    app = Starlette(routes=[Route("/forever", forever), Route("/next", handler)])
    with serve(ContextMiddleware(app, headers=TENANT)) as base, httpx.Client(base_url=base) as client:
        with client.stream("GET", "/forever", headers={"X-Tenant": "gone"}) as response:
            next(response.iter_raw())
        assert gone.wait(10)
        client.get("/next")

    assert records.attributes("cancelled")["tenant"] == "gone"
    assert "tenant" not in records.attributes("next")


def test_a_websocket_is_one_request(records: Any, serve: Callable[[Any], Any]) -> None:
    """A websocket connection has its attributes from accept to close."""
    websockets = pytest.importorskip("websockets.sync.client")
    app = FastAPI()

    @app.websocket("/ws/{room}")
    async def room(socket: WebSocket, room: str) -> None:
        await socket.accept()
        LOG.info(str(f"said {await socket.receive_text()} in {room}"))
        await socket.close()

    with serve(ContextMiddleware(app, headers=TENANT)) as base:
        address = base.replace("http", "ws") + "/ws/7"
        with websockets.connect(address, additional_headers={"X-Tenant": "acme"}) as connection:
            connection.send("hello")
            connection.recv_timeout = 5
            with pytest.raises(Exception, match=r"1000|OK"):
                connection.recv(5)

    found = records.attributes("said hello in 7")
    assert (found["tenant"], found["http.route"]) == ("acme", "/ws/{room}")


def test_the_route_is_known_once_the_router_knows_it(records: Any, serve: Callable[[Any], Any]) -> None:
    """The route is the template of the whole path, mounts and included routers too; rules see it from then on."""
    app, inner, outer = FastAPI(), APIRouter(prefix="/items"), APIRouter(prefix="/v1")

    @inner.get("/{number}")
    async def item(number: int) -> None:
        LOG.debug("item")

    @inner.get("/{number}/sync")
    def in_a_thread(number: int) -> None:
        LOG.debug("sync item")

    async def mounted(_request: Request) -> PlainTextResponse:
        LOG.debug("mounted")
        return PlainTextResponse("ok")

    async def unrouted(request: Request, call_next: Any) -> Any:
        LOG.debug("before the router")
        return await call_next(request)

    outer.include_router(inner)
    app.include_router(outer)
    app.mount("/shops/{shop}", Starlette(routes=[Mount("/deep", routes=[Route("/x/{y}", mounted)])]))
    app.add_middleware(BaseHTTPMiddleware, dispatch=unrouted)
    records.context.add_rule(ConditionRule(DEBUG, Attribute("http.route", Exists())))
    with serve(ContextMiddleware(app)) as base, httpx.Client(base_url=base) as client:
        for path in ("/v1/items/3", "/v1/items/3/sync", "/shops/acme/deep/x/1", "/nowhere"):
            client.get(path)

    routes = {record.log_record.body: record.log_record.attributes["http.route"] for record in records.all}
    assert routes == {
        "item": "/v1/items/{number}",
        "sync item": "/v1/items/{number}/sync",
        "mounted": "/shops/{shop}/deep/x/{y}",
    }


def test_what_the_application_writes_into_the_scope_is_seen_outside(records: Any) -> None:
    """A middleware around ours reads from its scope what the router has written, and keeps its own headers."""
    seen: dict[str, Any] = {}

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        scope["route"] = Route("/a", app)
        scope.update(endpoint="e", path_params={})
        scope.setdefault("state", {})["user"] = 1
        scope |= {"extra": 1, "gone": 1}
        del scope["gone"]
        assert scope.pop("extra") == 1
        seen.update(scope)

    scope: dict[str, Any] = {"type": "http", "headers": [(b"baggage", b"tenant=evil,a=1")], "path": "/a"}
    asyncio.run(ContextMiddleware(app, headers=TENANT)(scope, None, None))  # type: ignore[arg-type] # not called

    assert scope["endpoint"] == "e"
    assert scope["state"] == {"user": 1}
    assert scope["route"].path == "/a"
    assert "extra" not in scope
    assert "gone" not in scope
    assert scope["headers"] == [(b"baggage", b"tenant=evil,a=1")]
    assert seen["headers"] == [(b"baggage", b"a=1")]


def test_the_middleware_twice_is_one_request(records: Any, serve: Callable[[Any], Any]) -> None:
    """The inner one keeps the id of the outer one and adds what it has listed, only for what is inside of it."""

    async def handler(_request: Request) -> PlainTextResponse:
        LOG.info("inside")
        return PlainTextResponse("ok")

    mounted = ContextMiddleware(
        Starlette(routes=[Route("/x", handler)]), headers={"X-Shop": "shop"}, response_header="X-Request-ID"
    )

    async def around(scope: Any, receive: Any, send: Any) -> None:
        await Starlette(routes=[Mount("/m", mounted)])(scope, receive, send)
        if scope["type"] == "http":
            LOG.info("outside")

    app = ContextMiddleware(around, headers=TENANT, response_header="X-Request-ID")
    with serve(app) as base, httpx.Client(base_url=base) as client:
        answer = client.get("/m/x", headers={"X-Tenant": "acme", "X-Shop": "s1"})

    inside, outside = records.attributes("inside"), records.attributes("outside")
    assert (inside["tenant"], inside["shop"], inside["http.route"]) == ("acme", "s1", "/m/x")
    assert outside["tenant"] == "acme"
    assert "shop" not in outside
    assert answer.headers.get_list("x-request-id") == [inside["request_id"]]
    assert inside["request_id"] == outside["request_id"]


def test_a_request_within_a_request_starts_afresh(records: Any) -> None:
    """An application called by another one within its request has its own attributes, and the outer ones come back."""

    async def inner(_scope: Any, _receive: Any, send: Any) -> None:
        LOG.info("inner")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def outer(_scope: Any, _receive: Any, _send: Any) -> None:
        transport = httpx.ASGITransport(ContextMiddleware(inner, headers=TENANT))
        async with httpx.AsyncClient(transport=transport, base_url="http://inner") as client:
            await client.get("/")
        LOG.info("outer")

    scope = {"type": "http", "headers": [(b"x-tenant", b"acme")]}
    asyncio.run(ContextMiddleware(outer, headers=TENANT)(scope, None, None))  # type: ignore[arg-type] # not called

    assert "tenant" not in records.attributes("inner")
    assert records.attributes("outer")["tenant"] == "acme"
    assert records.attributes("outer")["request_id"] != records.attributes("inner")["request_id"]


def test_a_worker_that_is_given_the_otel_context_sees_the_request(records: Any) -> None:
    """Attributes go where the OpenTelemetry context goes, as spans do, also to a thread that copied nothing."""

    def work(context: Context) -> None:
        LOG.debug("before")
        attach(context)
        LOG.debug("in the worker")

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        thread = threading.Thread(target=contextvars.Context().run, args=(work, get_current()))
        thread.start()
        thread.join()

    records.context.add_rule(ConditionRule(DEBUG, Attribute("tenant", "acme")))
    scope = {"type": "http", "headers": [(b"x-tenant", b"acme")]}
    asyncio.run(ContextMiddleware(app, headers=TENANT)(scope, None, None))  # type: ignore[arg-type] # not called

    assert records.bodies == ["in the worker"]


def test_an_application_adds_what_only_it_knows(records: Any) -> None:
    """Attributes that the application adds hold from there on, and outside of a request they are refused."""

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        LOG.debug("before")
        assert add_request_attributes({"user.id": 7})
        LOG.debug("after")

    records.context.add_rule(ConditionRule(DEBUG, Attribute("user.id", 7)))
    asyncio.run(ContextMiddleware(app)({"type": "http", "headers": []}, None, None))  # type: ignore[arg-type]

    assert records.bodies == ["after"]
    assert not add_request_attributes({"user.id": 7})
    with pytest.raises(ValueError, match="reserved"):
        add_request_attributes({"realm": "x"})


def test_lifespan_is_passed_on(records: Any, serve: Callable[[Any], Any]) -> None:
    """Startup and shutdown of an application run as without the middleware, and are no request."""
    events: list[object] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "lifespan"
        for answer in ("startup", "shutdown"):
            await receive()
            events.append((answer, dict(request_attributes())))
            await send({"type": f"lifespan.{answer}.complete"})

    with serve(ContextMiddleware(app)):
        pass

    assert events == [("startup", {}), ("shutdown", {})]


def test_a_context_with_sources_of_its_own_keeps_them(caplog: pytest.LogCaptureFixture) -> None:
    """Sources that a context was given are not changed, which is said once; with a RequestSource nothing is said."""

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        return

    async def call(context: LoggingContext) -> int:
        before = context.generation
        for _ in range(3):
            await ContextMiddleware(app, context=context)({"type": "http", "headers": []}, None, None)  # type: ignore[arg-type]
        return context.generation - before

    with caplog.at_level(logging.ERROR, "otel_ctxlog"):
        assert asyncio.run(call(LoggingContext(sources=(RequestSource(),)))) == 0
        assert asyncio.run(call(LoggingContext(sources=()))) == 0
        assert caplog.messages == []
        assert asyncio.run(call(LoggingContext(sources=(BaggageSource(),)))) == 0
        assert len(caplog.messages) == 3  # one for each middleware
        assert "RequestSource()" in caplog.messages[0]
    assert asyncio.run(call(LoggingContext())) == 1


def pickled(given: Any) -> Any:
    """What comes out of a pickle."""
    return pickle.loads(pickle.dumps(given))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled])
def test_a_copy_of_the_scope_is_nobodys(records: Any, copied: Callable[[Any], Any]) -> None:
    """Neither making a copy nor writing to it changes the scope that the server, and those around, look at."""
    copies: list[Any] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        made = copied(scope)
        copies.append(dict(made))
        made["path"] = "/changed"

    scope: dict[str, Any] = {"type": "http", "headers": [(b"baggage", b"tenant=evil,a=1")], "path": "/a"}
    before = dict(scope)
    asyncio.run(ContextMiddleware(app, headers=TENANT)(scope, None, None))  # type: ignore[arg-type] # not called

    assert scope == before
    assert copies[0]["headers"] == [(b"baggage", b"a=1")]
