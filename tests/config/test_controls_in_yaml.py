from __future__ import annotations

import datetime as dt
import json
from typing import cast

import pytest

import otel_ctxlog as cl
from otel_ctxlog import config

UTC = dt.timezone.utc


def _rule(text: str) -> object:
    return config.Registry().create_rule(text)


@pytest.mark.parametrize(
    ("written", "controls"),
    [
        ("expires: 15m", {"expires": 900.0}),
        ("expires: 90", {"expires": 90.0}),
        ("expires: 2040-01-31T12:00:00Z", {"expires": dt.datetime(2040, 1, 31, 12, tzinfo=UTC)}),
        ("expires: '2040-01-31T12:00:00+02:00'", {"expires": dt.datetime(2040, 1, 31, 10, tzinfo=UTC)}),
        ("limit: 100/s", {"limit": cl.Limit("100/s")}),
        ("limit: 2.5", {"limit": cl.Limit(2.5)}),
        ("limit: {rate: 20/min, burst: 7, per: tenant}", {"limit": cl.Limit("20/min", burst=7, per="tenant")}),
        ("sample: 0.1", {"sample": 0.1}),
        ("sample: 1", {"sample": 1.0}),
        ("first: 10", {"first": cl.First(10)}),
        ("first: {count: 10, every: 100, within: 1m}", {"first": cl.First(10, every=100, within=60)}),
        ("sampledTracesOnly: true", {"sampled_traces_only": True}),
        ("exemptEvents: true", {"exempt_events": True}),
        ("sampledTracesOnly: false", {}),
    ],
)
def test_each_control_means_what_it_does_in_code(written: str, controls: dict[str, object]) -> None:
    """On the standard rule, and around a rule of any type, a key makes the `ControlledRule` that code would."""
    inside = cl.ConditionRule(cl.DEBUG, cl.Tag("a"))
    expected = cl.ControlledRule(inside, **controls)  # type: ignore[arg-type]
    on_the_rule = f"rule:\n  level: Debug\n  conditions: [{{tag: a}}]\n  {written}\n"
    around = f"controlled:\n  rule: {{rule: {{level: Debug, conditions: [{{tag: a}}]}}}}\n  {written}\n"

    assert _rule(on_the_rule) == expected
    assert _rule(around) == expected


def test_a_rule_without_controls_stays_a_plain_one() -> None:
    """Nothing stands around a rule that has none."""
    assert _rule("rule: {level: Debug}") == cl.ConditionRule(cl.DEBUG)
    assert _rule("controlled: {rule: {rule: {level: Info, conditions: [{tag: a}]}}}") == cl.ConditionRule(
        cl.INFO, cl.Tag("a")
    )


# what stands on the rule, column of the error, fragments
BROKEN: list[tuple[str, int, tuple[str, ...]]] = [
    ("expires:", 5, ("rule.expires: found nothing (null); allowed: a duration above 0", "2030-01-31T12:00:00Z")),
    ("expires: 0", 14, ("rule.expires: found the number 0",)),
    ("expires: -5", 14, ("rule.expires: found the number -5",)),
    ("expires: 15x", 14, ("rule.expires: found the text '15x'",)),
    ("expires: true", 14, ("rule.expires: found the truth value true",)),
    ("expires: 2030-01-01", 14, ("rule.expires: found datetime.date(2030, 1, 1)",)),
    ("expires: 2030-01-01 12:00:00", 14, ("the moment 2030-01-01 12:00:00 does not say its zone",)),
    ("expires: '2030-01-01T12:00:00'", 14, ("rule.expires: found the text '2030-01-01T12:00:00'", "with its zone")),
    ("expires: .inf", 14, ("rule.expires: found the number inf",)),
    ("limit: 0", 12, ("rule.limit: found the number 0; allowed: a rate above 0",)),
    ("limit: 100/fortnight", 12, ("rule.limit: found the text '100/fortnight'", "1000/d")),
    ("limit: .nan", 12, ("rule.limit: found the number nan",)),
    ("limit: [1]", 12, ("rule.limit: found a list of 1",)),
    ("limit: {burst: 2}", 12, ("rule.limit: missing key 'rate'",)),
    ("limit: {rate: 1/s, burst: 0}", 31, ("rule.limit.burst: found the number 0; allowed: a whole number from 1",)),
    ("limit: {rate: 1/s, per: ''}", 29, ("rule.limit.per: found an empty name",)),
    ("limit: {rat: 1/s}", 13, ("rule.limit.rat: unknown key 'rat'", "did you mean 'rate'?")),
    ("sample: 0", 13, ("rule.sample: found the number 0; allowed: a number above 0, up to 1",)),
    ("sample: 1.5", 13, ("rule.sample: found the number 1.5",)),
    ("sample: true", 13, ("rule.sample: found the truth value true",)),
    ("first: 0", 12, ("rule.first: found the number 0; allowed: a whole number from 1",)),
    ("first: 1.5", 12, ("rule.first: found the number 1.5",)),
    ("first: {every: 2}", 12, ("rule.first: missing key 'count'",)),
    ("first: {count: 1, every: -1}", 30, ("rule.first.every: found the number -1; allowed: a whole number from 0",)),
    ("first: {count: 1, within: soon}", 31, ("rule.first.within: found the text 'soon'",)),
    ("sampledTracesOnly: 1", 24, ("rule.sampledTracesOnly: found the number 1; allowed: true or false",)),
    ("sampledTraceOnly: true", 5, ("unknown key 'sampledTraceOnly'", "did you mean 'sampledTracesOnly'?")),
    ("exemptevents: true", 5, ("unknown key 'exemptevents'", "did you mean 'exemptEvents'?")),
]


@pytest.mark.parametrize(("written", "column", "fragments"), BROKEN)
def test_a_wrong_control_is_an_error_with_its_place(written: str, column: int, fragments: tuple[str, ...]) -> None:
    """Line and column of the value, or of an unknown key, what was found, what is allowed, the nearest match."""
    with pytest.raises(config.ConfigError) as caught:
        config.load(f"rules:\n- rule:\n    level: Debug\n    {written}\n")

    assert (caught.value.line, caught.value.column) == (4, column)
    assert [part for part in fragments if part not in str(caught.value)] == []


def test_controls_around_controls_are_an_error() -> None:
    """A rule has its controls in one place."""
    with pytest.raises(config.ConfigError, match=r"^2:22: rules\[0\]\.controlled\.rule: .* has controls already"):
        config.load("rules:\n- controlled: {rule: {rule: {level: Debug, sample: 0.5}}, first: 1}\n")


def test_builders_make_what_the_text_says() -> None:
    """Values, and objects of the same meaning, become the same plain data, which JSON can say."""
    text = """
rules:
- rule: {level: Debug, conditions: [{tag: a}], expires: 15m, limit: 100/s, sample: 0.5, first: 3, exemptEvents: true}
- rule:
    level: Info
    limit: {rate: 20/min, per: tenant}
    first: {count: 1, every: 10, within: 60.0}
- controlled: {rule: {com.acme.own: {}}, limit: {rate: 5/h, burst: 2}, sampledTracesOnly: true}
"""
    built = [
        config.rule(
            "Debug",
            config.tag("a"),
            expires="15m",
            limit=cl.Limit("100/s"),
            sample=0.5,
            first=cl.First(3),
            exempt_events=True,
        ),
        config.rule("Info", limit=cl.Limit("20/min", per="tenant"), first=cl.First(1, every=10, within="1m")),
        config.controlled({"com.acme.own": {}}, limit={"rate": "5/h", "burst": 2}, sampled_traces_only=True),
    ]
    registry = config.Registry()
    registry.register_rule_type("com.acme.own", lambda _spec, _registry: cl.ConditionRule(1))

    assert config.load(text, registry).rules == built
    assert json.loads(json.dumps(built)) == built


def test_moments_survive_the_way_through_yaml() -> None:
    """A moment in plain data is written so that it reads back as that moment, and means it."""
    moment = dt.datetime(2040, 5, 6, 7, 8, 9, 123456, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30)))
    written = config.Config(None, [config.rule("Debug", expires=moment)])

    read = config.load(written.to_yaml())
    rule = config.Registry().create_rule(cast("dict[str, object]", read.rules[0]))

    assert read == written
    assert isinstance(rule, cl.ControlledRule)
    assert rule.expires == moment
