"""Tokens, hosts and origins: who may use an endpoint, and who may not even reach it through somebody's browser."""

from __future__ import annotations

import secrets
import socket
from typing import TYPE_CHECKING, Any

import pytest

import otel_ctxlog as cl
from otel_ctxlog import admin
from otel_ctxlog.admin.endpoint import Endpoint
from otel_ctxlog.admin.exchange import Request
from otel_ctxlog.admin.hosts import is_loopback
from otel_ctxlog.admin.settings import Settings
from otel_ctxlog.admin.tokens import Tokens

from .asking import TOKEN, Client, Service, served

if TYPE_CHECKING:
    from collections.abc import Callable

CLOSED = ("/api/about", "/api/rules", "/api/statistics", "/api/records", "/api/audit", "/api/records/stream")
OPEN = ("/", "/openapi.json", "/api/health")


@pytest.mark.parametrize("path", CLOSED)
def test_without_a_token_nothing_is_told(any_client: Client, path: str) -> None:
    """401 with the scheme, and not a word about the service."""
    any_client.token = None
    answer = any_client("GET", path)

    assert (answer.status, answer.headers["www-authenticate"]) == (401, 'Bearer realm="otel_ctxlog"')
    assert b"shop" not in answer.body


@pytest.mark.parametrize("path", OPEN)
def test_what_says_nothing_needs_no_token(any_client: Client, path: str) -> None:
    """The page without content, the description, and that it answers."""
    any_client.token = None

    assert any_client("GET", path).status == 200


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Bearer x {TOKEN}", f"{TOKEN}"],
)
def test_another_token_is_refused(client: Client, header: str) -> None:
    """Nearly right is wrong, in whatever scheme."""
    assert client("GET", "/api/rules", Authorization=header).status == 401


def test_each_token_has_its_name(client: Client) -> None:
    """The name of the token is the actor."""
    assert client.get("/api/about")["actor"] == "alice"
    client.token = "bobs-own-secret-token"
    assert client.get("/api/about")["actor"] == "bob"


def test_too_many_wrong_tokens_shut_an_address_out_for_a_while(client: Client) -> None:
    """Ten at once; then also the right one has to wait, so that nobody can guess on."""
    good = client.token
    client.token = "no-token-of-this-endpoint"
    statuses = [client("GET", "/api/rules").status for _ in range(15)]
    client.token = good
    answer = client("GET", "/api/rules")

    assert statuses[:10] == [401] * 10
    assert set(statuses[10:]) <= {401, 429}
    assert statuses.count(429) >= 4
    assert answer.status == 429
    assert int(answer.headers["retry-after"]) >= 1


def test_tokens_are_compared_as_digests_and_all_of_them() -> None:
    """Neither the token nor its digest is kept as it is, and a repr shows names only."""
    tokens = Tokens("first-token-of-some-length", {"bob": "other-token-of-some-length"})

    assert tokens.name_of("first-token-of-some-length") == "token"
    assert tokens.name_of("other-token-of-some-length") == "bob"
    assert tokens.name_of("") is None
    assert tokens.name_of("\ud800") is None
    assert repr(tokens) == "<Tokens bob, token>"
    kept = repr([getattr(tokens, name) for name in Tokens.__slots__])
    assert "of-some-length" not in kept


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"token": "short"}, "16 to 1024 letters"),
        ({"token": ""}, "but got 0 characters"),
        ({"token": "with a blank in the middle"}, "some of them others"),
        ({"tokens": {"": TOKEN}}, "the name of a token"),
        ({"tokens": {"anonymous": TOKEN}}, "not 'anonymous'"),
        ({"tokens": {"a": TOKEN, "b": TOKEN}}, "two of the tokens are equal"),
        ({"token": TOKEN, "tokens": {"token": "another-token-of-mine"}}, "the name 'token'"),
        ({"token": TOKEN, "allowed_hosts": ["http://x"]}, "an allowed host must be"),
        ({"token": TOKEN, "max_expiry": "soon"}, "a duration must be"),
        ({"token": TOKEN, "records": -1}, "records must be an int"),
    ],
)
def test_arguments_are_checked(service: Service, arguments: dict[str, Any], words: str) -> None:
    """A wrong one is a ValueError that says what is allowed; never does it show a token."""
    with pytest.raises(ValueError) as caught:
        admin.serve(service.context, **arguments)

    assert words in str(caught.value)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])
def test_another_address_needs_a_token(service: Service, host: str) -> None:
    """Where not only this machine can reach it, it does not start without a token."""
    with pytest.raises(ValueError, match="is not loopback, needs a token"):
        admin.serve(service.context, host=host)


@pytest.mark.parametrize("host", ["0.0.0.0", ""])
def test_with_a_token_it_listens_on_any_address(service: Service, host: str) -> None:
    """And still answers only to the hosts that it knows."""
    with admin.serve(service.context, host=host, token=TOKEN) as server:
        client = Client(f"http://localhost:{server.port}")
        assert client("GET", "/api/about").status == 200
        assert client("GET", "/api/about", Host="shop.example").status == 403


@pytest.mark.parametrize("app", [admin.asgi_app, admin.wsgi_app])
def test_an_application_needs_a_token_unless_told_otherwise(service: Service, app: Callable[..., object]) -> None:
    """It cannot know who reaches its server."""
    with pytest.raises(ValueError, match="needs a token"):
        app(service.context)

    app(service.context, allow_unauthenticated_loopback=True)


def test_on_loopback_it_works_without_a_token(service: Service) -> None:
    """Whoever changes something is anonymous then."""
    with admin.serve(service.context) as server:
        client = Client(server.url, token=None)
        client.add("shop/**=debug")

        assert client.get("/api/audit")["entries"][0]["actor"] == "anonymous"


def _open_here(service: Service) -> Endpoint:
    settings: dict[str, Any] = {
        "token": TOKEN,
        "tokens": None,
        "allow_unauthenticated_loopback": True,
        "allowed_hosts": ["shop.example"],
        "max_expiry": "1h",
        "registry": None,
        "records": 0,
        "redact": (),
        "bodies": True,
    }
    return Endpoint(Settings(service.context, **settings))


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.1", {"host": "localhost:80"}, 200),
        ("::1", {"host": "[::1]:80"}, 200),
        ("::1", {"host": "[::1]"}, 200),
        ("127.0.0.1", {"host": "localhost", "x-forwarded-for": "203.0.113.9"}, 401),
        ("127.0.0.1", {"host": "localhost", "forwarded": "for=203.0.113.9"}, 401),
        ("127.0.0.1", {"host": "shop.example"}, 401),
        ("203.0.113.9", {"host": "localhost"}, 401),
        (None, {"host": "localhost"}, 401),
        ("127.0.0.1", {"host": "localhost", "authorization": "Bearer a-wrong-token-of-mine"}, 401),
        ("203.0.113.9", {"host": "shop.example", "authorization": f"Bearer {TOKEN}"}, 200),
    ],
)
def test_only_programs_of_this_machine_need_no_token(
    service: Service, peer: str | None, headers: dict[str, str], status: int
) -> None:
    """What came through a proxy, or under a name that can lead here from elsewhere, did not come from this machine."""
    endpoint = _open_here(service)
    answer = endpoint.handle(Request(method="GET", path="/api/about", headers=headers, peer=peer))

    assert answer.status == status


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "a b", ""]
)
def test_a_name_that_was_bent_to_lead_here_is_refused(any_client: Client, host: str) -> None:
    """DNS rebinding: the browser still says which name it believes in."""
    assert any_client("GET", "/api/rules", Host=host).status in (400, 403)
    assert any_client("GET", "/", Host=host).status in (400, 403)


def test_further_hosts_can_be_allowed(service: Service) -> None:
    """With or without port, in whatever case."""
    with served("server", service, allowed_hosts=["Shop.example", "ops.example:8443"]) as client:
        statuses = [
            client("GET", "/api/about", Host=host).status
            for host in ("shop.example", "SHOP.EXAMPLE:99", "ops.example:8443", "ops.example:1", "ops.example")
        ]

    assert statuses == [200, 200, 200, 403, 403]


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "file://", "https://localhost:8443", "http://localhost:1"]
)
def test_a_page_of_another_origin_is_refused(any_client: Client, service: Service, origin: str) -> None:
    """Reading and changing alike, also with a token; nothing was changed."""
    host = "localhost"
    read = any_client("GET", "/api/rules", Host=host, Origin=origin)
    changed = any_client("POST", "/api/rules", {"line": "[]=debug", "expires": "1m"}, Host=host, Origin=origin)

    assert (read.status, changed.status) == (403, 403)
    assert service.context.rules == ()


def test_the_own_page_may_ask(any_client: Client) -> None:
    """The origin is the host that was asked."""
    host = f"localhost:{any_client.address[1]}"

    assert any_client("GET", "/api/rules", Host=host, Origin=f"http://{host}").status == 200


def test_a_form_of_another_page_changes_nothing(any_client: Client, service: Service) -> None:
    """What a browser sends across origins without asking first is no JSON, or says that it comes from elsewhere."""
    body = b'{"line": "[]=debug", "expires": "1m"}'
    kinds = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "")
    statuses = [any_client("POST", "/api/rules", raw=body, Content_Type=kind).status for kind in kinds]
    across = any_client("POST", "/api/rules", {"line": "[]=debug", "expires": "1m"}, Sec_Fetch_Site="cross-site")

    assert statuses == [415] * 4
    assert across.status == 403
    assert service.context.rules == ()


@pytest.mark.parametrize("path", ["/", "/api/rules", "/nothing", "/openapi.json"])
def test_every_answer_forbids_what_it_does_not_need(any_client: Client, path: str) -> None:
    """No frames, no guessing of types, no referrer, no copies, no foreign content; no permission for other origins."""
    headers = any_client("GET", path).headers

    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert not [name for name in headers if name.startswith("access-control-")]
    assert "set-cookie" not in headers


def test_the_page_runs_nothing_but_its_own_script(client: Client) -> None:
    """The policy names the digests of what is in it; nothing is loaded from anywhere."""
    answer = client("GET", "/")
    policy = answer.headers["content-security-policy"]
    page = answer.body.decode()

    assert "unsafe" not in policy
    assert policy.count("'sha256-") == 2
    assert "require-trusted-types-for 'script'" in policy
    assert page.count("<script") == 1
    assert not [
        word
        for word in ("http://", "https://", " src=", "@import", "innerHTML", "eval(")
        if word in page.replace("http://www.w3.org/2000/svg", "")
    ]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.example", False),
        ("2130706433", False),
        ("127.1", False),
        ("", False),
    ],
)
def test_loopback_is_known_by_name_and_address(host: str, expected: bool) -> None:
    """What could be somebody else's is not."""
    assert is_loopback(host) is expected


def test_a_random_name_does_not_break_it(client: Client) -> None:
    """Bytes that are no text in the header with the token are a wrong token."""
    with socket.create_connection(client.address, timeout=5) as connection:
        connection.sendall(
            b"GET /api/rules HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \xff\xfe"
            + secrets.token_bytes(0)
            + b"\r\n\r\n"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 401 ")


def test_levels_stay_the_programs_own(service: Service) -> None:
    """An endpoint that is made changes nothing by itself."""
    before = (service.context.generation, service.context.default_level, service.context.rules)
    with served("server", service):
        pass

    assert (service.context.generation, service.context.default_level, service.context.rules) == before
    assert service.context.default_level == cl.INFO
