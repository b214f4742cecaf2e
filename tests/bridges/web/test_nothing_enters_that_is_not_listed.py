"""Headers come from outside: what is listed enters, short and plain; everything else does not, and breaks nothing."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator

from otel_ctxlog import log
from otel_ctxlog.bridges import asgi, wsgi
from otel_ctxlog.bridges.request import request_attributes

if TYPE_CHECKING:
    from collections.abc import Callable

LOG = log()

_NEW_ID = re.compile(r"[0-9a-f]{32}")


def asked(*headers: tuple[str, str], kind: str = "asgi", **options: Any) -> tuple[dict[str, object], dict[str, object]]:
    """What the application of a request sees: attributes, and baggage that would be sent on."""
    seen: list[tuple[dict[str, object], dict[str, object]]] = []

    def look() -> None:
        carrier: dict[str, str] = {}
        W3CBaggagePropagator().inject(carrier)
        seen.append((dict(request_attributes()), dict(carrier)))

    async def asgi_app(_scope: Any, _receive: Any, _send: Any) -> None:
        look()

    def wsgi_app(_environ: Any, _start: Any) -> list[bytes]:
        look()
        return []

    if kind == "asgi":
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        unused: Any = None
        asyncio.run(asgi.ContextMiddleware(asgi_app, **options)({"type": "http", "headers": raw}, unused, unused))
    else:
        environ: dict[str, Any] = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers}
        wsgi.ContextMiddleware(wsgi_app, **options)(environ, lambda *_: print)
    return seen[0]


KINDS = pytest.mark.parametrize("kind", ["asgi", "wsgi"])


@KINDS
def test_only_listed_headers_enter(records: Any, kind: str) -> None:
    """A header that is not listed leaves no trace."""
    attributes, sent = asked(("X-Tenant", "acme"), ("X-Admin", "1"), kind=kind, headers={"x-TENANT": "tenant"})

    assert attributes.keys() == {"request_id", "tenant"}
    assert attributes["tenant"] == "acme"
    assert sent == {}


@KINDS
@pytest.mark.parametrize(
    "value",
    ["", " ", "x" * 65, "a\nb", "a\x00b", "a\tb", "acm\xe9", "\x7f", "a\r\nX-Evil: 1"],
    ids=["empty", "blank", "long", "newline", "null", "tab", "no ASCII", "delete", "another header"],
)
def test_a_value_that_is_not_short_and_plain_does_not_enter(records: Any, kind: str, value: str) -> None:
    """Such a value counts as missing, in attributes and in baggage, and as an id it is replaced."""
    headers = [("X-Tenant", value), ("X-Region", value), ("X-Request-ID", value * 3)]
    options: dict[str, Any] = {"headers": {"X-Tenant": "t"}, "baggage": {"X-Region": "r"}, "max_value_length": 64}
    attributes, sent = asked(*headers, kind=kind, **options)

    assert attributes.keys() == {"request_id"}
    assert _NEW_ID.fullmatch(str(attributes["request_id"]))
    assert sent == {}


@KINDS
@pytest.mark.parametrize("given", ["abc-1.2_3:4/5+6=7@8~9", "A" * 128])
def test_a_sound_request_id_is_kept(records: Any, kind: str, given: str) -> None:
    """An id from outside is taken as it is."""
    assert asked(("X-Request-ID", given), kind=kind)[0] == {"request_id": given}


@pytest.mark.parametrize("given", ["A" * 129, "-a", "a b", "a,b", "<script>", "a;b", '"a"', "${jndi}"])
def test_an_unsound_request_id_is_replaced(records: Any, given: str) -> None:
    """What is no id is replaced by a new one."""
    assert _NEW_ID.fullmatch(str(asked(("X-Request-ID", given))[0]["request_id"]))


def test_an_id_may_be_refused_renamed_or_left_out(records: Any) -> None:
    """Which header brings the id, and which attribute it is, can be chosen; None means none."""
    given = ("X-Request-ID", "abc")

    assert asked(given, request_id_header=None, request_id_attribute="id")[0]["id"] != "abc"
    assert asked(("Trace", "abc"), request_id_header="trace", request_id_attribute="id")[0] == {"id": "abc"}
    assert asked(given, request_id_attribute=None)[0] == {}


def test_a_header_that_comes_twice_counts_as_missing(records: Any) -> None:
    """Nobody knows which of two values is meant; the same value twice is one value."""
    options: dict[str, Any] = {"headers": {"X-Tenant": "tenant"}}

    assert "tenant" not in asked(("X-Tenant", "acme"), ("X-Tenant", "other"), **options)[0]
    assert "tenant" not in asked(("X-Tenant", "acme"), ("X-Tenant", "b"), ("X-Tenant", "acme"), **options)[0]
    assert asked(("X-Tenant", "acme"), ("x-tenant", "acme"), **options)[0]["tenant"] == "acme"


@KINDS
def test_baggage_takes_what_is_listed_and_nothing_else_through_a_value(records: Any, kind: str) -> None:
    """A value that looks like further baggage stays one value."""
    attributes, sent = asked(("X-Tenant", "acme,admin=1;x=y"), kind=kind, baggage={"X-Tenant": "tenant"})

    assert sent == {"baggage": "tenant=acme%2Cadmin%3D1%3Bx%3Dy"}
    assert "tenant" not in attributes


@KINDS
def test_attributes_are_not_sent_on(records: Any, kind: str) -> None:
    """What enters as an attribute is in no baggage, so that no outgoing call carries it."""
    assert asked(("X-Tenant", "acme"), kind=kind, headers={"X-Tenant": "tenant"})[1] == {}


@KINDS
def test_a_declared_name_has_no_other_source(records: Any, kind: str) -> None:
    """Baggage of the same name that came from outside is gone, whether or not the header came; other baggage stays."""
    from opentelemetry.context import attach, detach

    token = attach(baggage.set_baggage("other", "1", baggage.set_baggage("tenant", "evil")))
    try:
        without = asked(kind=kind, baggage={"X-Tenant": "tenant"})[1]
        attribute = asked(kind=kind, headers={"X-Tenant": "tenant"})[1]
        replaced = asked(("X-Tenant", "acme"), kind=kind, baggage={"X-Tenant": "tenant"})[1]
    finally:
        detach(token)

    assert without == attribute == {"baggage": "other=1"}
    assert sorted(replaced["baggage"].split(",")) == ["other=1", "tenant=acme"]  # type: ignore[attr-defined] # a text


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("tenant=evil,a=1", "a=1"),
        ("a=1 ,\t tenant = evil;p=1 , b=2", "a=1,b=2"),
        ("ten%61nt=evil", None),
        ("+tenant+=evil,%20tenant=e", None),
        ("request_id=x,http.route=y,,", None),
        ("Tenant=other", "Tenant=other"),
        ("tenant", None),
        ("\xff=1", "\xff=1"),
    ],
)
def test_declared_names_are_taken_out_of_the_baggage_header(records: Any, given: str, expected: str | None) -> None:
    """Who reads the header ``baggage`` next, such as an instrumentation inside, does not find them, however written."""
    seen: list[dict[bytes, bytes]] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(dict(scope["headers"]))

    scope = {"type": "http", "headers": [(b"baggage", given.encode("latin-1")), (b"x", b"y")]}
    asyncio.run(asgi.ContextMiddleware(app, headers={"X-Tenant": "tenant"})(scope, None, None))  # type: ignore[arg-type]

    assert seen[0].get(b"baggage") == (None if expected is None else expected.encode("latin-1"))
    assert seen[0][b"x"] == b"y"


def test_the_response_tells_the_id_unless_the_application_does(records: Any, serve: Callable[[Any], Any]) -> None:
    """The header is added once; what the application has set stays."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            own = [(b"X-Request-Id", b"own")] if scope["path"] == "/own" else []
            await send({"type": "http.response.start", "status": 200, "headers": own})
            await send({"type": "http.response.body", "body": b"ok"})

    told = asgi.ContextMiddleware(app, response_header="X-Request-ID")
    with serve(told) as base, httpx.Client(base_url=base, headers={"X-Request-ID": "abc"}) as client:
        found = [client.get(path).headers.get_list("x-request-id") for path in ("/", "/own")]

    assert found == [["abc"], ["own"]]


def test_a_request_that_cannot_be_read_is_served(records: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A scope or an environment that breaks the protocol costs the attributes, not the request, and is said once."""
    served: list[object] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        served.append(scope)

    def wsgi_app(environ: Any, _start: Any) -> list[bytes]:
        served.append(environ)
        return [b"ok"]

    broken: Any = [
        {"type": "http"},
        {"type": "http", "headers": [(1, 2, 3)]},
        {"type": "http", "headers": [("a", "b")]},
    ]
    middleware = asgi.ContextMiddleware(app)
    for scope in broken:
        asyncio.run(middleware(scope, None, None))  # type: ignore[arg-type] # a coroutine
    environ = {"HTTP_X_REQUEST_ID": 7}
    assert list(wsgi.ContextMiddleware(wsgi_app)(environ, lambda *_: print)) == [b"ok"]

    assert served == [*broken, environ]
    assert len(caplog.messages) == 2


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"headers": {"X Tenant": "t"}}, ValueError, "a header in headers is 'X Tenant', which is no name"),
        ({"headers": {"X-Tenant": ""}}, ValueError, "the name for 'X-Tenant' in headers must not be empty"),
        ({"headers": {"X-Tenant": "realm"}}, ValueError, "'realm', which is reserved"),
        ({"headers": {"X-Tenant": "exception.type"}}, ValueError, "reserved"),
        ({"headers": {"X-T": "t", "x-t": "u"}}, ValueError, "twice"),
        ({"headers": {"X-T": "t", "X-U": "t"}}, ValueError, "the attribute 't' would have two values"),
        ({"headers": {"X-T": "request_id"}}, ValueError, "the attribute 'request_id' would have two values"),
        ({"baggage": {"X-T": "t", "X-U": "t"}}, ValueError, "the baggage entry 't' would have two values"),
        ({"headers": ["X-Tenant"]}, TypeError, "headers must be a mapping of headers to names"),
        ({"headers": {1: "t"}}, TypeError, "must be the name of a header as str, but got int 1"),
        ({"headers": {"X-T": 1}}, TypeError, "must be a str, but got int 1"),
        ({"request_id_header": "a:b"}, ValueError, "request_id_header is 'a:b'"),
        ({"response_header": ""}, ValueError, "response_header is ''"),
        ({"max_value_length": 0}, ValueError, "max_value_length must be a positive int, but got 0"),
        ({"max_value_length": True}, ValueError, "but got True"),
        ({"context": "ctx"}, TypeError, "context must be a LoggingContext or None, but got 'ctx'"),
    ],
)
@pytest.mark.parametrize("middleware", [asgi.ContextMiddleware, wsgi.ContextMiddleware])
def test_a_wrong_option_is_refused_at_once(middleware: Any, options: Any, error: type[Exception], text: str) -> None:
    """A wrong argument is an error where the middleware is made, and says what was found."""
    with pytest.raises(error, match=re.escape(text)):
        middleware(print, **options)
    with pytest.raises(TypeError, match="app must be"):
        middleware(None)


def test_a_long_baggage_header_costs_no_time(records: Any) -> None:
    """A header as long as servers allow, full of blanks, is read in a time that grows with its length only."""
    begin = time.process_time()
    asked(("baggage", "a=1" + " " * 64_000 + "b"), headers={"X-Tenant": "tenant"})

    assert time.process_time() - begin < 2
