"""`explain` says what people trip over: numbers of ``logging``, texts in place of realms, dots in place of slashes."""

from __future__ import annotations

import logging

import pytest
from opentelemetry.sdk._logs import LoggerProvider

import otel_ctxlog as cl


def explained(context: cl.LoggingContext, *messages: object) -> str:
    """The text of an explanation."""
    return str(context.explain(*messages))


@pytest.fixture
def context() -> cl.LoggingContext:
    """A context with a rule for a realm."""
    made = cl.LoggingContext(LoggerProvider(shutdown_on_exit=False))
    made.add_rule(cl.ConditionRule(cl.DEBUG, cl.Realm("shop/db")))
    return made


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (logging.WARNING, "30 is WARNING of logging; here levels are verbosities"),
        (logging.CRITICAL, "50 is CRITICAL of logging; here levels are verbosities"),
    ],
)
def test_a_number_of_logging_is_pointed_out(context: cl.LoggingContext, number: int, text: str) -> None:
    """As the default level and in a rule: it lets everything through, where little was meant."""
    context.default_level = number
    assert text in explained(context)
    context.default_level = None
    context.add_rule(cl.ConditionRule(number, cl.Realm("shop/db")))
    assert text in explained(context, cl.Realm("shop/db"))


def test_other_numbers_are_nobody_elses(context: cl.LoggingContext) -> None:
    """A verbosity beyond Trace is nothing special."""
    context.default_level = 7

    assert "verbosities" not in explained(context)


@pytest.mark.parametrize("given", ["shop/db", "shop/db/pool"])
def test_a_plain_text_is_no_realm(context: cl.LoggingContext, given: str) -> None:
    """It became an attribute, which is said, with what to write."""
    text = explained(context, given)

    assert f"there is no realm (a plain text is an attribute 'message': write Realm({given!r}))" in text


def test_an_unrelated_text_is_no_trap(context: cl.LoggingContext) -> None:
    """No hint where nothing hints at a realm."""
    assert "plain text" not in explained(context, "hello")


@pytest.mark.parametrize(("ruled", "given"), [("shop.db", "shop/db"), ("shop/db", "shop.db")])
def test_dots_join_no_realm(ruled: str, given: str) -> None:
    """Neither in a rule nor in a call."""
    context = cl.LoggingContext(LoggerProvider(shutdown_on_exit=False))
    context.add_rule(cl.ConditionRule(cl.DEBUG, cl.Realm(ruled)))

    assert "(the parts of a realm are joined by slashes, not by dots)" in explained(context, cl.Realm(given))
