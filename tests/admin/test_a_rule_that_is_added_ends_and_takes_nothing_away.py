"""What a rule of an endpoint may be, what it does to the others, and what is left after it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

import otel_ctxlog as cl
from otel_ctxlog import config
from otel_ctxlog.admin.patterns import repeats_repetitions
from otel_ctxlog.admin.rule_data import Texts, element_of

from .asking import Client, Service, served, wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

REALM = {"realm": "shop/cart"}
FORMS: tuple[dict[str, object], ...] = (
    {"line": "shop/cart=debug"},
    {"yaml": "rule:\n  level: Debug\n  conditions:\n    - realm: shop/cart\n"},
    {"yaml": "- rule:\n    level: Debug\n    conditions:\n      - realm: shop/cart\n"},
    {"element": {"rule": {"level": "Debug", "conditions": [REALM]}}},
)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: next(iter(form)))
def test_a_rule_can_be_written_in_each_form(client: Client, service: Service, form: dict[str, object]) -> None:
    """One line, YAML and plain data make the same rule; controls stand beside it."""
    answer = client("POST", "/api/rules", {**form, "expires": "1m", "limit": {"rate": "5/s", "burst": 9}})

    assert answer.status == 201, answer.body
    expected = cl.ConditionRule(cl.DEBUG, cl.Realm("shop/cart"))
    assert service.context.rules == (cl.ControlledRule(expected, expires=60, limit=cl.Limit("5/s", burst=9)),)
    assert answer.headers["location"] == f"rules/{answer.json['rule']['id']}"


def test_an_end_can_stand_in_the_rule_or_beside_it(client: Client) -> None:
    """Either will do, and a moment, too."""
    inside = client("POST", "/api/rules", {"line": "a=debug@expires=20s"}).json["rule"]
    beside = client("POST", "/api/rules", {"line": "b=debug", "expires": "40s"}).json["rule"]
    moment = (dt.datetime.now(dt.timezone.utc) + dt.timedelta(seconds=50)).isoformat()
    third = client("POST", "/api/rules", {"line": "c=debug", "expires": moment}).json["rule"]

    assert [round(rule["expiresIn"], -1) for rule in (inside, beside, third)] == [20, 40, 50]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"line": "shop=debug"}, ["expires is missing", "15m", "at most 1d"]),
        ({"line": "shop=debug", "expires": "25h"}, ["expires is 1d1h from now", "at most 1d"]),
        ({"line": "shop=debug", "expires": "2020-01-01T00:00:00Z"}, ["a moment that is over"]),
        ({"line": "shop=debug", "expires": "2020-01-01T00:00:00"}, ["zone"]),
        ({"line": "shop=debug", "expires": 0}, ["expires", "above 0"]),
        ({"line": "shop=debgu", "expires": "1m"}, ["debgu", "Debug", "^"]),
        ({"line": "debug", "expires": "1m"}, ["default level", "PUT api/default-level"]),
        ({"line": "a=debug,b=debug", "expires": "1m"}, ["2 rules", "one"]),
        ({"line": "", "expires": "1m"}, ["line is ''", "a text of 1 to"]),
        ({"expires": "1m"}, ["one of element, yaml and line", "none of them"]),
        ({"line": "a=debug", "yaml": "rule: {}", "expires": "1m"}, ["one of element, yaml and line", "yaml and line"]),
        ({"yaml": "rule:\n  level: Debug\n  conditons: []\n", "expires": "1m"}, ["3:3", "did you mean 'conditions'"]),
        ({"element": {"rule": {"level": "Debgu"}}, "expires": "1m"}, ["rule.level", "did you mean 'Debug'"]),
        ({"element": {"com.acme.own": {}}, "expires": "1m"}, ["com.acme.own"]),
        ({"line": "a=debug", "expires": "1m", "limt": 1}, ["limt", "did you mean 'limit'"]),
        ({"line": "a=debug", "expires": "1m", "limit": "many"}, ["limit", "100/s"]),
        ({"line": "a=debug", "expires": "1m", "sample": 2}, ["sample", "up to 1"]),
        ({"line": "a=debug", "expires": "1m", "sample": 5e-324}, ["sample", "5e-324"]),
        ({"line": "a=debug", "expires": "1m", "first": {"count": 0}}, ["count", "from 1"]),
        ({"line": "a=debug", "expires": "1m", "reason": 5}, ["reason", "a text"]),
        ({"line": "a=debug@limit=2/s", "limit": "1/s", "expires": "1m"}, ["limit is given in the line and beside it"]),
        (
            {"line": "a=debug@expires=2m", "expires": "1m"},
            ["expires is given in the line and beside it", "'2m' and '1m'"],
        ),
        ({"line": "a=debug@sample=0.5", "sample": 1, "expires": "1m"}, ["sample is given in the line and beside it"]),
        ({"line": "a=debug@first=5", "first": 5, "expires": "1m"}, ["first is given in the line and beside it"]),
        (
            {"yaml": "rule:\n  level: Debug\n  exemptEvents: true\n", "exemptEvents": False, "expires": "1m"},
            ["exemptEvents is given in the yaml and beside it"],
        ),
        (
            {"element": {"controlled": {"rule": {"rule": {"level": "Debug"}}, "limit": 5}}, "limit": 6, "expires": 1},
            ["limit is given in the element and beside it"],
        ),
        ({"line": 'a[b=~"(x+)+$"]=debug', "expires": "1m"}, ["repetition within a repetition", "glob"]),
        ([], ["no object"]),
    ],
    ids=lambda value: str(value)[:40] if not isinstance(value, list) else "",
)
def test_what_is_wrong_is_said(client: Client, service: Service, body: object, words: Sequence[str]) -> None:
    """Found, allowed, the place and the nearest match; nothing is added, and nothing is in the trail."""
    answer = client("POST", "/api/rules", body)
    problem = answer.json

    assert (answer.status, answer.headers["content-type"]) == (422, "application/problem+json")
    said = f"{problem['detail']} {problem.get('found')} {problem.get('allowed')}"
    assert [word for word in words if word not in said] == []
    assert service.context.rules == ()
    assert service.context.audit_trail() == ()


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"\xff", b"[1,", b'{"a":1,"a":2}', b'{"a":NaN}', b"[" * 5000, b'{"a":' * 50 + b"1" + b"}" * 50]
)
def test_what_is_no_json_is_refused(client: Client, raw: bytes) -> None:
    """With 400, whatever it is."""
    answer = client("POST", "/api/rules", raw=raw, Content_Type="application/json")

    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")


def test_a_rule_replaces_none_but_its_own_kind(client: Client, service: Service) -> None:
    """A rule of the program with the same conditions is there again when it ends; one of an endpoint is replaced."""
    service.context.add_rule(cl.ConditionRule(cl.ERROR, cl.Realm("shop/cart")))
    first = client.add("shop/cart=debug", expires="1m")
    answer = client("POST", "/api/rules", {"line": "shop/cart=trace", "expires": "300ms"})
    service.log.trace("on")
    wait_until(lambda: len(service.context.rules) == 1)
    service.log.info("off: the program's own rule holds again")

    assert answer.json["replaced"] == [first["id"]]
    assert service.bodies == ["on"]
    assert service.context.rules == (cl.ConditionRule(cl.ERROR, cl.Realm("shop/cart")),)
    wait_until(lambda: service.context.audit_trail()[-1].action == "ruleExpired")
    assert [entry.action for entry in service.context.audit_trail()] == [
        "ruleAdded",
        "ruleAdded",
        "ruleRemoved",
        "ruleExpired",
    ]


def test_a_rule_is_asked_before_all_others(client: Client, service: Service) -> None:
    """Also before a file's, and a later one before an earlier one."""
    config.configure(service.context, "rules:\n  - rule: {level: Error, conditions: []}\n")
    client.add("shop/**=debug")
    client.add("shop/cart=warn")

    lines = [rule["line"] for rule in client.get("/api/rules")["rules"]]
    assert lines == ["shop/cart=Warn@expires=1m", "shop/**=Debug@expires=1m", "[]=Error"]


def test_a_rule_of_the_program_is_removed_only_if_that_is_meant(client: Client, service: Service) -> None:
    """Without confirm=true it stays, and the answer says where it came from."""
    service.context.add_rule(cl.ConditionRule(cl.ERROR, cl.Realm("shop/cart")))
    (rule,) = client.get("/api/rules")["rules"]
    refused = client("DELETE", f"/api/rules/{rule['id']}")
    wrong = client("DELETE", f"/api/rules/{rule['id']}?confirm=yes")
    before = service.context.rules
    removed = client("DELETE", f"/api/rules/{rule['id']}?confirm=true")
    gone = client("DELETE", f"/api/rules/{rule['id']}?confirm=true")

    assert (refused.status, wrong.status, removed.status, gone.status) == (409, 422, 200, 404)
    assert "code " in refused.json["found"]
    assert "confirm=true" in refused.json["allowed"]
    assert len(before) == 1
    assert service.context.rules == ()


def test_a_rule_of_the_base_is_shown_and_stays(service: Service) -> None:
    """A nested context has it, and cannot remove it."""
    service.context.add_rule(cl.ConditionRule(cl.ERROR, cl.Realm("urllib3")))
    nested = Service()
    nested.context = service.context.with_context()
    with served("server", nested) as client:
        (rule,) = client.get("/api/rules")["rules"]
        answer = client("DELETE", f"/api/rules/{rule['id']}?confirm=true")

    assert rule["inherited"] is True
    assert answer.status == 409
    assert len(service.context.rules) == 1


def test_the_default_level_can_be_set_and_given_back(client: Client, service: Service) -> None:
    """By name or number; null gives it back; anything else is refused."""
    statuses = [client("PUT", "/api/default-level", {"level": level}).status for level in ("trace", 7, "off")]
    level = service.context.default_level
    back = client("PUT", "/api/default-level", {"level": None})
    wrong = [
        client("PUT", "/api/default-level", body).status
        for body in ({"level": "Debgu"}, {}, {"level": -1}, {"level": True})
    ]

    assert statuses == [200] * 3
    assert level == cl.NONE
    assert back.json == {"level": 3, "name": "Info"}
    assert wrong == [422] * 4


def test_there_is_an_end_to_how_many_rules_can_be_added(client: Client) -> None:
    """The two hundred and first is refused, until one has gone."""
    rules = [client.add(f"r{number}=debug") for number in range(200)]
    refused = client("POST", "/api/rules", {"line": "more=debug", "expires": "1m"})
    client("DELETE", f"/api/rules/{rules[7]['id']}")

    assert (refused.status, refused.json["found"]) == (409, "200")
    assert client("POST", "/api/rules", {"line": "more=debug", "expires": "1m"}).status == 201


def test_what_has_ended_leaves_nothing_behind(client: Client, service: Service) -> None:
    """A place in the order of rules is taken out with the next change."""
    for number in range(20):
        client.add(f"r{number}=debug", expires="50ms")
    wait_until(lambda: not service.context.rules)
    client.add("last=debug")
    from otel_ctxlog.loggers.context import core_of

    assert len(core_of(service.context).state.sections) == 1


def test_own_types_are_for_those_who_are_given_them(service: Service) -> None:
    """A factory of the program is called only if the endpoint has its registry."""
    registry = config.Registry()
    registry.register_condition_type("com.acme.office", lambda spec, registry: cl.Tag("office"))
    body = {"element": {"rule": {"level": "Debug", "conditions": [{"com.acme.office": True}]}}, "expires": "1m"}
    with served("server", service) as client:
        assert client("POST", "/api/rules", body).status == 422
    with served("server", service, registry=registry) as client:
        answer = client("POST", "/api/rules", body)

    assert answer.status == 201
    assert answer.json["rule"]["line"] == "[#office]=Debug@expires=1m"


class _Odd:
    def match(self, messages: Any, sink: Any) -> None:
        return None

    def __repr__(self) -> str:
        return "<odd\n# rule: {level: Trace}>"


def test_rules_that_no_configuration_can_say_are_shown_as_code(client: Client, service: Service) -> None:
    """In the list, and as a comment of one line in the configuration."""
    service.context.add_rule(_Odd())
    service.context.add_rule(cl.ConditionRule(cl.DEBUG, cl.Attribute("x", object())))
    shown = client.get("/api/rules")["rules"]
    answer = client.get("/api/configuration")

    assert [(rule["line"], rule["yaml"]) for rule in shown] == [(None, None)] * 2
    assert shown[1]["level"] is None
    assert shown[1]["code"].startswith("<odd")
    assert answer["notInYaml"] == 2
    assert config.load(answer["yaml"]) == config.Config(default_level="Info")


@pytest.mark.parametrize(
    "condition",
    [
        cl.Realm("a b"),
        cl.RealmPrefix("a/b"),
        cl.Tag("#"),
        cl.Attribute("a", 1),
        cl.Attribute("a", [1, "x", None, True, 2.5]),
        cl.Attribute("a", cl.Glob("x*")),
        cl.BaggageEntry("a", cl.OneOf("x", 1)),
        cl.SpanAttribute("a", cl.Range(1, 2.5)),
        cl.ResourceAttribute("a", cl.Exists()),
        cl.SpanName("GET /"),
        cl.SpanName(cl.Regex("^a")),
        cl.Sampled(False),
        cl.Not(cl.And(cl.Or(), cl.Tag("x"))),
    ],
    ids=repr,
)
def test_what_is_shown_as_yaml_makes_the_same_rule(condition: cl.Condition) -> None:
    """Each condition of this library, with controls and without."""
    plain = cl.ConditionRule(cl.TRACE, condition)
    controlled = cl.ControlledRule(
        plain,
        limit=cl.Limit("5/min", burst=7, per="t"),
        first=cl.First(3, every=5, within="1m"),
        sample=0.25,
        exempt_events=True,
    )
    registry = config.Registry()
    for rule in (plain, controlled):
        element = element_of(rule)
        yaml = Texts(rule).yaml
        assert element is not None
        assert yaml is not None
        assert registry.create_rule(element) == rule
        assert registry.create_rule(yaml) == rule


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("(a+)+$", True),
        ("(?:a|b*)*", True),
        ("((x)+)+", True),
        ("(a{2,})+", True),
        ("(.*,){20}", True),
        (r"(\w+\s?)*$", True),
        ("a+b*c?", False),
        ("(abc)+", False),
        (r"(a\+)+", False),
        ("([+*])+", False),
        ("([]*])+", False),
        ("(a+)?b", False),
        ("(a+){0,3}", False),
        ("(a+){1,9}$", True),
        ("(", False),
        (")+", False),
        ("^shop-[0-9]+$", False),
    ],
)
def test_repetitions_of_repetitions_are_found(pattern: str, expected: bool) -> None:
    """What makes Python's `re` try ever more ways; escapes and classes are no repetitions."""
    assert repeats_repetitions(pattern) is expected
