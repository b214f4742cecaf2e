"""`with_rules`: rules for a block or for the rest of a test, given as rules or as configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

import otel_ctxlog as cl
from otel_ctxlog import config
from otel_ctxlog.testing import capture
from otel_ctxlog.testing.capturing import RuleSource

log = cl.log(cl.Realm("shop/cart"))
DEBUG_RULE = cl.ConditionRule(cl.DEBUG, cl.Realm("shop/cart"))
YAML = "rules:\n  - rule: {level: Debug, conditions: [{realm: shop/cart}]}\n"


def _file(folder: Path) -> Path:
    path = folder / "rules.yaml"
    path.write_text(YAML, encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["rule", "text", "bytes", "mapping", "path", "config", "level"])
def test_rules_may_be_given_in_every_form(kind: str, tmp_path: Path) -> None:
    """A rule, YAML as text or bytes, a mapping, a path, a `Config`, or just a default level."""
    forms: dict[str, list[RuleSource]] = {
        "rule": [DEBUG_RULE],
        "text": [YAML],
        "bytes": [YAML.encode()],
        "mapping": [{"rules": [{"rule": {"level": "Debug"}}]}],
        "path": [_file(tmp_path)],
        "config": [config.load(YAML)],
        "level": [],
    }

    with capture() as captured:
        captured.with_rules(*forms[kind], default_level="Debug" if kind == "level" else None)
        log.debug("on")

    assert captured.one("on").level == cl.DEBUG


def test_rules_end_with_their_block() -> None:
    """In a ``with`` statement they hold for the block, and give the capture; rules below them are the same again."""
    with capture() as captured:
        captured.with_rules(cl.ConditionRule(cl.WARN, cl.Realm("shop/cart")))
        before = cl.default_context().rules
        with captured.with_rules(DEBUG_RULE, default_level=cl.TRACE) as same:
            log.debug("within")
            cl.default_context().add_rule(cl.ConditionRule(cl.NONE, cl.Tag("x")))
            assert cl.default_context().default_level == cl.TRACE
        log.info("after")
        rules, level = cl.default_context().rules, cl.default_context().default_level

    assert same is captured
    assert (rules, level) == (before, cl.INFO)
    assert [record.body for record in captured.records] == ["within"]


def test_a_target_set_in_the_block_stays(context: cl.LoggingContext) -> None:
    """Only rules and level end with the block."""
    with capture(context) as captured:
        with captured.with_rules(DEBUG_RULE):
            context.set_target(None, level_offset=2)

        assert context.level_offset == 2


def test_own_rules_count_below_or_not_at_all(context: cl.LoggingContext) -> None:
    """Rules are added to those of the context, asked first; with `replace` only they count."""
    context.add_rule(cl.ConditionRule(cl.TRACE, cl.Realm("a")))

    with capture(context) as captured:
        with captured.with_rules(cl.ConditionRule(cl.ERROR, cl.Realm("b"))):
            added = [context.logger(cl.Realm(name)).enabled(cl.TRACE) for name in "ab"]
        with captured.with_rules(cl.ConditionRule(cl.ERROR, cl.Realm("b")), replace=True):
            replaced = [context.logger(cl.Realm(name)).enabled(cl.INFO) for name in "ab"]
            traced = context.logger(cl.Realm("a")).enabled(cl.TRACE)
        with captured.with_rules(replace=True, default_level=cl.WARN):
            context_level = (context.rules, context.default_level)

    assert added == [True, False]
    assert (replaced, traced) == ([True, False], False)
    assert context_level == ((), cl.WARN)
    assert len(context.rules) == 1


def test_rules_for_another_context(context: cl.LoggingContext) -> None:
    """`context=` names the one that gets them."""
    with capture() as captured:
        captured.capture(context)
        captured.with_rules(default_level="debug", context=context)
        context.logger().debug("own")
        log.debug("default")

    assert [record.body for record in captured.records] == ["own"]


def test_the_default_level_given_wins() -> None:
    """It comes before the one of a configuration, and of two configurations the later counts."""
    with capture() as captured:
        with captured.with_rules("defaultLevel: Debug", "defaultLevel: Warn"):
            by_configuration = cl.default_context().default_level
        with captured.with_rules("defaultLevel: Debug", default_level="trace"):
            given = cl.default_context().default_level

    assert (by_configuration, given) == (cl.WARN, cl.TRACE)


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        ((DEBUG_RULE, "rules: [{rule: {level: Debgu}}]"), cl.ConfigError, "did you mean 'Debug'"),
        ((DEBUG_RULE, 7), TypeError, "allowed are rules, and configurations .* but got int 7"),
        ((DEBUG_RULE, cl.Realm("x")), TypeError, "but got Realm Realm"),
    ],
)
def test_all_or_nothing(wrong: tuple[RuleSource, ...], error: type[Exception], text: str) -> None:
    """Where one is wrong the error says so, and none is added."""
    with capture() as captured:
        generation = cl.default_context().generation
        with pytest.raises(error, match=text):
            captured.with_rules(*wrong)

        assert cl.default_context().generation == generation


def test_a_level_that_is_none() -> None:
    """The nearest name is suggested."""
    with capture() as captured, pytest.raises(ValueError, match="did you mean 'Debug'"):
        captured.with_rules(DEBUG_RULE, default_level="debgu")
