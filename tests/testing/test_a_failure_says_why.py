"""Failure messages show what was wanted, what came nearest, what was logged, and what was suppressed by which rule."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from opentelemetry import baggage
from opentelemetry import context as otel_context
from opentelemetry.sdk.trace import TracerProvider

import otel_ctxlog as cl
from otel_ctxlog.testing import Capture, capture

TENANT = cl.ConditionRule(cl.DEBUG, cl.BaggageEntry("tenant", "acme"))


def failure(check: Callable[[], object]) -> str:
    """The message of a check that fails, without the lines of this file."""
    with pytest.raises(AssertionError) as caught:
        check()
    text = re.sub(r"\(code [\w.]*test_a_failure_says_why:\d+\)", "(CODE)", str(caught.value))
    return re.sub(r"\([^()]*test_a_failure_says_why\.py:\d+\)", "(HERE)", text)


def test_a_suppressed_call_is_shown_with_its_rules(context: cl.LoggingContext) -> None:
    """The level that applied, and the condition of each rule that did not match with the value it met."""
    context.add_rule(TENANT)
    token = otel_context.attach(baggage.set_baggage("tenant", "globex"))

    with capture(context) as captured:
        log = context.unbound_logger(cl.Realm("shop/cart"))
        log.info("order placed", total=100)
        log.debug("price calculated", net=84)
    otel_context.detach(token)
    # Nothing of this reaches the explanation: it is about the moment of the call.
    context.reset_rules()

    message = failure(lambda: captured.assert_logged("price calculated", level="debug", net=84))
    assert message == (
        "no log record with message='price calculated', level=Debug, net=84\n"
        "\n"
        "a call that matches was suppressed:\n"
        "  DEBUG [shop/cart] price calculated net=84  (HERE)\n"
        "    level Info by the default level: no rule matched\n"
        "      not rule ConditionRule(4, BaggageEntry(name='tenant', value='acme')) (CODE): "
        "BaggageEntry(name='tenant', value='acme') failed: baggage entry 'tenant' is 'globex'\n"
        "\n"
        "logged (1):\n"
        "  INFO  [shop/cart] order placed tenant=globex total=100  (HERE)\n"
        "suppressed (1):\n"
        "  DEBUG [shop/cart] price calculated net=84  (HERE)"
    )
    assert captured.suppressed[0].explanation is not None
    assert captured.suppressed[0].explanation.level == cl.INFO


def test_the_rule_that_silenced_an_event_is_named(context: cl.LoggingContext) -> None:
    """Events are explained with their type and fields as rules see them."""
    context.add_rule(cl.ConditionRule(cl.NONE, cl.Attribute("eventType", "cacheLookup"), cl.Attribute("hit", True)))

    with capture(context) as captured:
        context.eventer().event("cacheLookup", hit=True)
        context.eventer().event("cacheLookup", hit=False)

    assert failure(lambda: captured.assert_event("cacheLookup", hit=True)) == (
        "no event 'cacheLookup' with hit=True\n"
        "\n"
        "a call that matches was suppressed:\n"
        "  INFO  ◆ cacheLookup hit=True  (HERE)\n"
        "    level None by rule ConditionRule(0, Attribute(name='eventType', value='cacheLookup'), "
        "Attribute(name='hit', value=True)) (CODE)\n"
        "\n"
        "logged (1):\n"
        "  INFO  ◆ cacheLookup hit=False  (HERE)\n"
        "suppressed (1):\n"
        "  INFO  ◆ cacheLookup hit=True  (HERE)"
    )


def test_an_event_that_breaks_the_contract_says_what_is_broken(context: cl.LoggingContext) -> None:
    """A dropped event is there, with the violation."""
    with capture(context) as captured:
        context.eventer().event("orderPlaced", total=object())

    message = failure(lambda: captured.assert_event("orderPlaced"))
    assert "  INFO  ◆ orderPlaced total=<object>  (HERE)\n    it breaks the event contract: value: " in message
    assert "an object of type object cannot be written as JSON" in message


def test_a_span_attribute_is_that_of_the_moment(context: cl.LoggingContext) -> None:
    """The explanation is about the span as it was at the call, not as it is when the test fails."""
    context.add_rule(cl.ConditionRule(cl.DEBUG, cl.SpanAttribute("cart.size", cl.Range(50))))
    tracer = TracerProvider().get_tracer("test")

    with capture(context) as captured, tracer.start_as_current_span("price") as span:
        span.set_attribute("cart.size", 7)
        context.unbound_logger().debug("priced")
        span.set_attribute("cart.size", 70)

        assert "span attribute 'cart.size' is 7" in failure(lambda: captured.assert_logged("priced"))


def test_a_bound_logger_that_was_made_too_early(context: cl.LoggingContext) -> None:
    """The level of a bound logger is said to be fixed, and that one made now would log."""
    context.add_rule(cl.ConditionRule(cl.INFO, cl.Realm("a")))
    fixed, following = context.logger(cl.Realm("a")), context.logger(cl.Realm("b"))

    with capture(context) as captured:
        captured.with_rules(cl.ConditionRule(cl.DEBUG))
        fixed.debug("fixed")
        following.debug("following")

    assert captured.suppressed[0].reason == (
        "level Info was fixed by the rule that matched when this bound logger was made; made now, it would have "
        "another and it would be logged, as by an unbound logger:\n"
        "level Debug by rule ConditionRule(4)"
    )
    assert captured.suppressed[1].reason.startswith(
        "level Info by the default level: no rule matched when this bound logger was made; made now, it would have "
        "another and it would be logged"
    )


def test_the_logger_that_never_logs(context: cl.LoggingContext) -> None:
    """`logger_for` without a rule is named as the reason."""
    with capture(context) as captured:
        context.logger_for(cl.Realm("a")).error("lost")

    assert captured.suppressed[0].reason == "logger_for gave the logger that never logs: no rule matched its messages"


def test_the_nearest_records_say_what_is_different() -> None:
    """Where nothing matches, the nearest come with each difference; what has nothing in common stays out."""
    log = cl.log(cl.Realm("shop/cart"))

    with capture() as captured:
        log.info("order placed", total=100, tenat="acme")
        log.warning("stock is low")
        log.error("zzzzzz")

    message = failure(lambda: captured.assert_logged("order placd", realm="shop/cart", total=101, tenant="acme"))
    assert message.startswith(
        "no log record with message='order placd', realm='shop/cart', total=101, tenant='acme'\n"
        "\n"
        "nearest:\n"
        "  INFO  [shop/cart] order placed total=100 tenat=acme  (HERE)\n"
        "    message: expected 'order placd', but it is 'order placed'\n"
        "    attribute 'total': expected 101, but it is 100\n"
        "    attribute 'tenant': expected 'acme', but there is none; there is 'tenat': 'acme'\n"
    )
    assert "nearest" not in failure(lambda: captured.assert_logged("quux"))


def test_what_should_not_be_there_says_which_rule_let_it_through(context: cl.LoggingContext) -> None:
    """A record too many is shown with the decision that let it through."""
    context.add_rule(TENANT)
    token = otel_context.attach(baggage.set_baggage("tenant", "acme"))
    with capture(context) as captured:
        context.unbound_logger().debug("secret", n=1)
    otel_context.detach(token)

    assert failure(lambda: captured.assert_not_logged("secret")) == (
        "expected no log record with message='secret', but got 1:\n"
        "  DEBUG secret tenant=acme n=1  (HERE)\n"
        "    level Debug by rule ConditionRule(4, BaggageEntry(name='tenant', value='acme')) (CODE)\n"
        "\n"
        "logged (1):\n"
        "  DEBUG secret tenant=acme n=1  (HERE)\n"
        "suppressed: nothing"
    )


_FIRST_LINES: list[tuple[Callable[[Capture], object], str]] = [
    (lambda log: log.one("a"), "expected 1 record with message='a', but got 2:\n  INFO  a n=1  (HERE)\n"),
    (lambda log: log.one("c"), "expected 1 record with message='c', but got 0\n"),
    (lambda log: log.assert_logged("a", times=3), "expected 3 log records with message='a', but got 2\n"),
    (lambda log: log.assert_logged("a", times=1), "expected 1 log record with message='a', but got 2:\n"),
    (lambda log: log.assert_event("e", times=2), "expected 2 events 'e', but got 1\n"),
    (lambda log: log.assert_event("e", times=0), "expected no event 'e', but got 1:\n"),
    (lambda log: log.assert_event("e", n=cl.Glob("x*"), level="warn"), "no event 'e' with level=Warn, n=Glob("),
    (lambda log: log.assert_not_logged(), "expected no log record, but got 2:\n"),
]


@pytest.mark.parametrize(("check", "text"), _FIRST_LINES)
def test_the_first_line_says_what_was_expected(
    context: cl.LoggingContext, check: Callable[[Capture], object], text: str
) -> None:
    """Number, kind and selection."""
    with capture(context) as captured:
        context.logger().info("a", n=1)
        context.logger().info("a", n=2)
        context.eventer().event("e")

    assert failure(lambda: check(captured)).startswith(text)


def test_nothing_at_all() -> None:
    """Where nothing was logged, it says so."""
    with capture() as captured:
        pass

    assert failure(captured.assert_logged) == "no log record\n\nlogged: nothing\nsuppressed: nothing"


def test_many_records_do_not_flood_the_terminal() -> None:
    """The middle of long lists and long texts is left out, and control characters are escaped."""
    with capture() as captured:
        for number in range(100):
            cl.log().info("x" * 1_000, n=number)
        cl.log().info("red \x1b[31m and\nbroken")

    message = failure(lambda: captured.assert_logged("y"))
    assert "  … 71 more …\n" in message
    assert len(message) < 10_000
    assert "INFO  red \\x1b[31m and\\nbroken  (HERE)" in message


def test_a_record_is_one_readable_line(context: cl.LoggingContext) -> None:
    """`str` of a record: severity, name, realm, message, attributes, exception, place."""
    with capture(context) as captured:
        logger = context.logger(cl.Realm("shop"), cl.Name("pay"))
        logger.log_error(ValueError("no card"), "refused", who="Jane Doe", code=51)

    line = str(captured.one())
    assert line.startswith("ERROR pay [shop] refused who='Jane Doe' code=51 raised ValueError('no card')  (")
    assert captured.text == f"{line}\n"
