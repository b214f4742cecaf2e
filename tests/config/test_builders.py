from __future__ import annotations

import json

import pytest
import yaml

from otel_ctxlog import config
from otel_ctxlog.config import (
    and_,
    attribute,
    baggage,
    exists,
    glob,
    not_,
    oneof,
    or_,
    range_,
    realm,
    realmprefix,
    regex,
    resource,
    rule,
    sampled,
    span,
    spanname,
    tag,
    value,
)
from otel_ctxlog.engine.levels import Level


def test_builders_make_what_the_text_says() -> None:
    """The same configuration written and built is equal, and plain enough for JSON."""
    text = """
rules:
- rule: {level: Debug}
- rule:
    level: 7
    conditions:
    - and: [{tag: a}, {or: [{realm: b}, {realmprefix: c}]}]
    - not: {attribute: {name: d, value: {value: [1, 2]}}}
    - baggage: {name: e, value: {glob: 'x*'}}
    - span: {name: f, value: {regex: x}}
    - resource: {name: g, value: {oneof: [1, x]}}
    - attribute: {name: h, value: {range: {min: 1, max: 2}}}
    - attribute: {name: h, value: {range: {max: 2}}}
    - attribute: {name: i, value: {exists: true}}
    - attribute: {name: j, value: {value: {glob: no matcher}}}
    - spanname: GET
    - spanname: {glob: G*}
    - spanname: {value: 5}
    - sampled: true
    - sampled: false
"""
    built = [
        rule("Debug"),
        rule(
            7,
            and_(tag("a"), or_(realm("b"), realmprefix("c"))),
            not_(attribute("d", [1, 2])),
            baggage("e", glob("x*")),
            span("f", regex("x")),
            resource("g", oneof(1, "x")),
            attribute("h", range_(1, 2)),
            attribute("h", range_(max=2)),
            attribute("i", exists()),
            attribute("j", {"glob": "no matcher"}),
            spanname("GET"),
            spanname(glob("G*")),
            spanname(value(5)),
            sampled(),
            sampled(sampled=False),
        ),
    ]

    assert built[1] == config.Registry().create_value({"value": built[1]})
    assert json.loads(json.dumps(built)) == built
    assert yaml.safe_load(text)["rules"] == built


def test_what_builders_make_loads() -> None:
    """Level members, nested values and empty lists of conditions are fine."""
    built = config.Config(Level.WARN, [rule(Level.DEBUG, attribute("a", value({"b": (1, 2)}))), rule("off", and_())])

    loaded = config.load(built)

    assert loaded == built
    assert type(loaded.default_level) is int
    assert config.load(loaded.to_yaml()) == built


def test_a_config_is_equal_by_what_it_says() -> None:
    """Lists equal tuples, NaN equals NaN, truth values are no numbers; a Config has no hash, its repr evaluates."""
    nan = float("nan")

    assert config.Config(rules=[attribute("a", nan)]) == config.Config(rules=(attribute("a", float("nan")),))
    assert config.Config(rules=[attribute("a", 1)]) != config.Config(rules=[attribute("a", True)])
    assert config.Config("Info") != config.Config("info")
    assert config.Config() != {}
    with pytest.raises(TypeError):
        hash(config.Config())
    assert eval(repr(config.Config("Info", [rule(1)])), {"Config": config.Config}) == config.Config("Info", [rule(1)])
