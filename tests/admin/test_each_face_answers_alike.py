"""Every operation over real HTTP, behind the small server, uvicorn and wsgiref, as the description says it."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import yaml
from opentelemetry import baggage, context
from opentelemetry.sdk.trace import TracerProvider

import otel_ctxlog as cl
from otel_ctxlog import config
from otel_ctxlog.admin.openapi import description

from .asking import Client, Service


@pytest.fixture(autouse=True)
def _busy(any_client: Client, service: Service) -> None:  # pyright: ignore[reportUnusedFunction]
    # The client first: an endpoint knows the records since it began.
    assert any_client.get("/api/health") == {"status": "ok"}
    config.configure(
        service.context,
        "rules:\n  - rule: {level: Error, conditions: [{realmprefix: urllib3}]}\n"
        "  - rule: {level: Debug, conditions: [{span: {name: cart.size, value: {range: {min: 50}}}}], limit: 5/s}\n",
    )
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("shop")
    token = context.attach(baggage.set_baggage("tenant", "acme"))
    with tracer.start_as_current_span("POST /checkout", attributes={"cart.size": 70}):
        service.log.debug("priced", net=12)
    service.log.info("placed", total=7)
    service.context.eventer(cl.Realm("shop/orders")).event("orderPlaced", total=7)
    context.detach(token)


OPERATIONS: tuple[tuple[str, str, object, int], ...] = (
    ("get", "/api/health", None, 200),
    ("get", "/api/about", None, 200),
    ("get", "/api/rules", None, 200),
    ("post", "/api/rules", {"line": "shop/**[baggage:tenant=acme]=debug", "expires": "5m", "reason": "why"}, 201),
    ("get", "/api/default-level", None, 200),
    ("put", "/api/default-level", {"level": "Warn"}, 200),
    ("post", "/api/explain", {"realm": "shop/cart", "level": "debug", "span": {"attributes": {"cart.size": 3}}}, 200),
    ("post", "/api/preview", {"line": "[tenant=acme]=debug"}, 200),
    ("get", "/api/configuration", None, 200),
    ("get", "/api/statistics", None, 200),
    ("get", "/api/audit", None, 200),
    ("get", "/api/contexts", None, 200),
    ("get", "/api/records", None, 200),
    ("get", "/api/catalogue", None, 200),
)


def _checked(path: str, method: str, status: int, content: Any) -> None:
    document: Any = description()
    answers = document["paths"][path][method]["responses"][str(status)]["content"]
    (kind,) = [one for one in answers if one.endswith("json")]
    # References in a schema begin at the top of the description.
    schema = {**answers[kind]["schema"], "components": document["components"]}
    validator: Any = jsonschema.Draft202012Validator(schema)
    validator.validate(content)


@pytest.mark.parametrize(("method", "path", "body", "status"), OPERATIONS, ids=lambda value: str(value)[:30])
def test_an_answer_is_what_the_description_says(
    any_client: Client, method: str, path: str, body: object, status: int
) -> None:
    """Each operation gives the described status and content, and forbids to keep it."""
    answer = any_client(method.upper(), path, body)

    assert answer.status == status, answer.body
    _checked(path, method, status, answer.json)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"


def test_a_rule_lives_through_every_face(any_client: Client, service: Service) -> None:
    """Added, asked first, counted, shown, removed."""
    rule = any_client.add("shop/**=debug", limit="100/s")
    service.log.debug("now on")
    shown = any_client.get(f"/api/rules/{rule['id']}")
    removed = any_client("DELETE", f"/api/rules/{rule['id']}")
    service.log.debug("off again")

    assert (shown["position"], shown["passed"], shown["fromEndpoint"]) == (0, 1, True)
    assert shown["origin"]["text"] == "endpoint by alice"
    assert 0 < shown["expiresIn"] <= 60
    assert removed.json["removed"]["id"] == rule["id"]
    assert any_client("GET", f"/api/rules/{rule['id']}").status == 404
    assert "now on" in service.bodies
    assert "off again" not in service.bodies


def test_every_change_says_who_what_and_until_when(any_client: Client, service: Service) -> None:
    """The trail, and the audit records that were exported, tell the same story."""
    rule = any_client.add("shop/**=debug", reason="ticket 4711")
    any_client("DELETE", f"/api/rules/{rule['id']}?reason=done")
    any_client("PUT", "/api/default-level", {"level": "warn", "reason": "quiet"})
    trail = any_client.get("/api/audit")["entries"]

    assert [(one["action"], one["actor"], one["detail"]) for one in reversed(trail)] == [
        ("ruleAdded", "alice", "ticket 4711"),
        ("ruleRemoved", "alice", "done"),
        ("defaultLevelChanged", "alice", "Info to Warn: quiet"),
    ]
    assert trail[-1]["until"] is not None
    assert "RealmPrefix(name='shop')" in trail[-1]["rule"]
    assert [(one["eventType"], one["audit.actor"]) for one in service.audits] == [
        ("otel_ctxlog.ruleAdded", "alice"),
        ("otel_ctxlog.ruleRemoved", "alice"),
        ("otel_ctxlog.defaultLevelChanged", "alice"),
    ]
    assert service.audits[0]["audit.until"]


def test_rules_are_in_the_order_asked_with_their_origins(any_client: Client) -> None:
    """The last added comes first; each is there as a line, as YAML and as code, with its counts."""
    first, second = any_client.get("/api/rules")["rules"]

    assert first["line"] == "[span:cart.size=50..]=Debug@limit=5/s"
    assert first["passed"] == 1
    assert first["controls"] == {"limit": "5/s, burst 5"}
    assert (second["line"], second["level"]) == ("urllib3/**=Error", {"level": 1, "name": "Error"})
    assert second["yaml"] == "rule:\n  level: Error\n  conditions:\n    - realmprefix: urllib3"
    assert second["origin"]["kind"] == "text"
    assert second["fromEndpoint"] is False


def test_the_effective_configuration_gives_the_same_rules(any_client: Client, service: Service) -> None:
    """Read into another context it makes equal rules; what ends does so at the same moment."""
    any_client.add("shop/**[!#slow,n=1|2]=trace", first={"count": 3, "within": "1m"})
    answer = any_client("GET", "/api/configuration?format=yaml")
    other = cl.LoggingContext()
    config.configure(other, answer.body.decode())

    assert answer.headers["content-type"] == "application/yaml"
    assert yaml.safe_load(answer.body)["defaultLevel"] == "Info"
    ours, theirs = service.context.rules, other.rules
    assert theirs[1:] == ours[1:]
    assert isinstance(ours[0], cl.ControlledRule)
    assert isinstance(theirs[0], cl.ControlledRule)
    assert (theirs[0].rule, theirs[0].first) == (ours[0].rule, ours[0].first)
    left = theirs[0].seconds_left()
    other.reset_rules()
    assert left is not None
    assert 50 < left <= 60


def test_a_preview_says_which_recent_calls_a_rule_would_match(any_client: Client, service: Service) -> None:
    """Baggage, span and attributes of recent records are tried; nothing is changed."""
    before = service.context.generation
    by_baggage = any_client("POST", "/api/preview", {"line": "shop/cart[baggage:tenant=acme]=debug"}).json
    by_span = any_client("POST", "/api/preview", {"line": '[spanname="POST /checkout",span:cart.size=70]=debug'}).json
    by_event = any_client("POST", "/api/preview", {"line": "[eventType=orderPlaced,resource:region=eu]=debug"}).json
    none = any_client("POST", "/api/preview", {"line": "[baggage:tenant=globex]=debug"}).json

    assert [(one["total"], one["matched"]) for one in (by_baggage, by_span, by_event, none)] == [
        (3, 2),
        (3, 1),
        (3, 1),
        (3, 0),
    ]
    (found,) = [one for one in by_span["contexts"] if one["matched"]]
    assert found["realm"] == "shop/cart"
    assert found["span"] == {"name": "POST /checkout", "attributes": {"cart.size": 70}, "sampled": True}
    assert found["attributes"] == {"net": 12}
    assert found["baggage"] == {"tenant": "acme"}
    assert service.context.generation == before


def test_an_explanation_is_about_the_call_that_was_described(any_client: Client) -> None:
    """Span, baggage and resource of the body are asked, and nothing of the request's own."""
    any_client.add("[baggage:tenant=acme,resource:region=us]=trace")
    call = {"realm": "shop/cart", "level": "debug"}
    large = any_client("POST", "/api/explain", {**call, "span": {"attributes": {"cart.size": 60}}}).json
    unsampled = any_client(
        "POST", "/api/explain", {**call, "span": {"attributes": {"cart.size": 60}, "sampled": False}}
    ).json
    elsewhere = any_client(
        "POST", "/api/explain", {**call, "baggage": {"tenant": "acme"}, "resource": {"region": "us"}}
    ).json

    assert (large["enabled"], large["name"], large["rule"]["line"]) == (
        True,
        "Debug",
        "[span:cart.size=50..]=Debug@limit=5/s",
    )
    assert [one["rule"]["line"] for one in large["skipped"]] == [
        "[baggage:tenant=acme,resource:region=us]=Trace@expires=1m"
    ]
    assert "baggage" in large["skipped"][0]["reason"]
    assert (unsampled["enabled"], unsampled["name"]) == (False, "Info")
    assert (elsewhere["enabled"], elsewhere["name"]) == (True, "Trace")
    # Of a resource that was made up nobody can say what its target wants.
    assert [note for note in elsewhere["notes"] if "does not want" in note] == []


def test_records_are_given_on_from_where_one_was(any_client: Client, service: Service) -> None:
    """Those after a number, in order; nothing twice, nothing left out."""
    first = any_client.get("/api/records?limit=2")
    service.log.info("later")
    then = any_client.get(f"/api/records?after={first['next']}")
    never = any_client.get(f"/api/records?after={then['next']}")

    assert [one["body"] for one in first["records"]][-1].startswith('{"')
    assert [one["body"] for one in then["records"]] == ["later"]
    assert (then["missed"], never["records"], never["next"]) == (0, [], then["next"])


def test_a_stream_gives_records_as_they_pass(any_client: Client, service: Service) -> None:
    """Server-Sent Events with the numbers as ids, from where the reader was."""
    after = any_client.get("/api/records")["next"]
    service.log.info("streamed", html="<b>")
    with any_client.stream(f"/api/records/stream?after={after}") as lines:
        found = [next(lines) for _ in range(6)]

    assert found[0] == "retry: 1000"
    assert found[2:4] == [f"id: {after + 1}", "event: record"]
    assert '"body":"streamed"' in found[4]
