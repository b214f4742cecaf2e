"""WSGI under wsgiref and werkzeug: the attributes of a request are there while it is served, and nowhere else."""

from __future__ import annotations

import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import flask
import httpx
import pytest
from opentelemetry.context import attach, get_current, set_value

from otel_ctxlog import DEBUG, Attribute, ConditionRule, log
from otel_ctxlog.bridges.request import add_request_attributes, request_attributes
from otel_ctxlog.bridges.wsgi import ContextMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOG = log()

TENANT = {"X-Tenant": "tenant"}


def test_debug_for_one_tenant_of_fifty_concurrent_requests(records: Any, serve_wsgi: Callable[..., Any]) -> None:
    """With fifty requests at once, those of one tenant, and no others, are logged at Debug."""
    everybody = threading.Barrier(50)

    def app(environ: Any, start_response: Any) -> list[bytes]:
        everybody.wait(30)
        LOG.debug("asked", expected=environ["HTTP_X_TENANT"])
        copied = contextvars.copy_context()
        thread = threading.Thread(target=copied.run, args=(LOG.debug, "in a thread"))
        thread.start()
        thread.join()
        start_response("200 OK", [])
        return [b"ok"]

    records.context.add_rule(ConditionRule(DEBUG, Attribute("tenant", "acme")))
    tenants = ["acme" if number % 10 == 0 else f"t{number}" for number in range(50)]
    with serve_wsgi(ContextMiddleware(app, headers=TENANT), "werkzeug") as base, ThreadPoolExecutor(50) as pool:
        client = httpx.Client(base_url=base, timeout=30)

        def ask(tenant: str) -> None:
            client.get("/", headers={"X-Tenant": tenant})

        list(pool.map(ask, tenants))
        client.close()

    assert sorted(records.bodies) == ["asked"] * 5 + ["in a thread"] * 5
    assert {record.log_record.attributes["tenant"] for record in records.all} == {"acme"}
    assert len({record.log_record.attributes["request_id"] for record in records.all}) == 5


@pytest.mark.parametrize("server", ["werkzeug", "wsgiref"])
def test_a_body_made_after_the_application_returned_belongs_to_the_request(
    records: Any, serve_wsgi: Callable[..., Any], server: str
) -> None:
    """A generator, its end and its error run in the request; the thread's next request has nothing of it."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        path = environ["PATH_INFO"]
        LOG.info(str(f"first {path}"))
        start_response("200 OK", [("Content-Length", "2")])
        try:
            yield b"o"
            LOG.info(str(f"second {path}"))
            if path == "/error":
                raise ValueError("bad")
            yield b"k"
        finally:
            LOG.info(str(f"end {path}"))

    with serve_wsgi(ContextMiddleware(app, headers=TENANT), server) as base, httpx.Client(base_url=base) as client:
        client.get("/stream", headers={"X-Tenant": "acme"})
        with pytest.raises(httpx.HTTPError):
            client.get("/error", headers={"X-Tenant": "other"})
        client.get("/next")

    for body in ("first", "second", "end"):
        assert records.attributes(f"{body} /stream")["tenant"] == "acme"
        assert records.attributes(f"{body} /error")["tenant"] == "other"
        assert "tenant" not in records.attributes(f"{body} /next")


def test_a_server_that_forgets_to_close_leaves_nothing_behind(records: Any) -> None:
    """Neither our attributes nor what an application attached and never detached reach the thread's next request."""

    def app(_environ: Any, _start: Any) -> Iterator[bytes]:
        attach(set_value("left", "behind"))
        yield b"a"
        LOG.info(str(f"left {get_current().get('left')}"))
        yield b"b"

    before = get_current()
    body = iter(ContextMiddleware(app, headers=TENANT)({"HTTP_X_TENANT": "acme"}, lambda *_: print))
    next(body)
    assert (get_current(), dict(request_attributes())) == (before, {})
    next(body)

    assert get_current() is before
    assert records.attributes("left behind")["tenant"] == "acme"


def test_a_body_is_passed_on_as_what_it_is(records: Any) -> None:
    """Lists, files and sized bodies keep what servers look for; `close` is called once, in the request."""
    closed: list[object] = []

    class Sized:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"a"])

        def __len__(self) -> int:
            return 1

        def close(self) -> None:
            closed.append(request_attributes().get("tenant"))

    class Wrapper(Sized):
        pass

    def returned(body: Any) -> Any:
        middleware = ContextMiddleware(lambda _environ, _start: body, headers=TENANT)
        return middleware({"HTTP_X_TENANT": "acme", "wsgi.file_wrapper": Wrapper}, lambda *_: print)

    parts, file = [b"a"], Wrapper()
    sized, generated = returned(Sized()), returned(part for part in parts)

    assert returned(parts) is parts
    assert returned(file) is file
    assert (len(sized), list(sized)) == (1, parts)
    assert not hasattr(generated, "__len__")
    sized.close()
    assert closed == ["acme"]


def test_flask_with_streams_routes_and_errors(records: Any, serve_wsgi: Callable[..., Any]) -> None:
    """A Flask application tells its route by one hook; its streams and error handlers are in the request."""
    app = flask.Flask("shop")

    @app.before_request
    def tell() -> None:
        rule = flask.request.url_rule
        if rule is not None:
            add_request_attributes({"http.route": rule.rule})

    @app.get("/orders/<number>")
    def order(number: str) -> flask.Response:
        def parts() -> Iterator[str]:
            yield number
            LOG.debug("streamed")

        return flask.Response(flask.stream_with_context(parts()))

    @app.get("/error")
    def error() -> str:
        raise KeyError("x")

    @app.errorhandler(KeyError)
    def handle(_error: KeyError) -> tuple[str, int]:
        LOG.info("handled")
        return "bad", 500

    records.context.add_rule(ConditionRule(DEBUG, Attribute("http.route", "/orders/<number>")))
    app.wsgi_app = ContextMiddleware(app.wsgi_app, headers=TENANT, response_header="X-Request-ID")  # type: ignore[method-assign]
    with serve_wsgi(app, "werkzeug") as base, httpx.Client(base_url=base, headers={"X-Tenant": "acme"}) as client:
        answer = client.get("/orders/7")
        assert (answer.text, client.get("/error").status_code) == ("7", 500)

    assert records.attributes("streamed")["http.route"] == "/orders/<number>"
    assert records.attributes("streamed")["request_id"] == answer.headers["x-request-id"]
    assert records.attributes("handled")["tenant"] == "acme"


def test_the_middleware_twice_is_one_request(records: Any) -> None:
    """The inner one keeps the id of the outer one and adds what it has listed, only for what is inside of it."""

    def inner(_environ: Any, start_response: Any) -> list[bytes]:
        LOG.info("inside")
        start_response("200 OK", [])
        return []

    def around(environ: Any, start_response: Any) -> Any:
        mounted = ContextMiddleware(inner, headers={"X-Shop": "shop"}, response_header="X-Request-ID")
        body = mounted(environ, start_response)
        LOG.info("outside")
        return body

    headers: list[object] = []

    def start(_status: str, given: list[tuple[str, str]]) -> Any:
        headers.append(given)

    app = ContextMiddleware(around, headers=TENANT, response_header="X-Request-ID")
    app({"HTTP_X_TENANT": "acme", "HTTP_X_SHOP": "s1"}, start)

    inside, outside = records.attributes("inside"), records.attributes("outside")
    assert (inside["tenant"], inside["shop"]) == ("acme", "s1")
    assert outside == {"tenant": "acme", "request_id": inside["request_id"]}
    assert headers == [[("x-request-id", inside["request_id"])]]


def test_an_error_of_the_application_reaches_the_server(records: Any) -> None:
    """The middleware neither hides an error nor stays in the request after it."""

    def app(_environ: Any, _start: Any) -> list[bytes]:
        raise RuntimeError("of the application")

    with pytest.raises(RuntimeError, match="of the application"):
        ContextMiddleware(app)({}, lambda *_: print)
    assert request_attributes() == {}


class _Waiting:
    """A body whose only part comes when the test says so."""

    def __init__(self) -> None:
        self.reading, self.goes_on = threading.Event(), threading.Event()
        self.closed: list[object] = []

    def __iter__(self) -> Iterator[bytes]:
        self.reading.set()
        self.goes_on.wait(5)
        return iter((b"a",))

    def close(self) -> None:
        """Note the tenant."""
        self.closed.append(request_attributes().get("tenant"))


def test_a_body_is_closed_while_another_thread_reads_it(records: Any) -> None:
    """A watchdog that gives up a request closes the body, in the request, while the server waits for a part."""
    inner = _Waiting()

    def app(_environ: Any, _start: Any) -> _Waiting:
        return inner

    body: Any = ContextMiddleware(app, headers=TENANT)({"HTTP_X_TENANT": "acme"}, lambda *_: print)
    parts: list[bytes] = []
    reader = threading.Thread(target=lambda: parts.extend(body))
    reader.start()
    assert inner.reading.wait(5)
    try:
        body.close()
    finally:
        inner.goes_on.set()
        reader.join()

    assert (inner.closed, parts) == (["acme"], [b"a"])


def test_closing_is_done_once_and_unsets_what_the_application_set(records: Any) -> None:
    """`close` runs where the body was made, so that tokens are its own; an error of it reaches the server."""
    variable = contextvars.ContextVar("variable", default="unset")
    closed: list[str] = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            self.token = variable.set("set")
            return iter((b"a",))

        def close(self) -> None:
            variable.reset(self.token)
            closed.append(variable.get())
            raise RuntimeError("cannot close")

    def app(_environ: Any, _start: Any) -> Body:
        return Body()

    body: Any = ContextMiddleware(app, headers=TENANT)({}, lambda *_: print)
    assert list(body) == [b"a"]
    with pytest.raises(RuntimeError, match="cannot close"):
        body.close()

    assert closed == ["unset"]
