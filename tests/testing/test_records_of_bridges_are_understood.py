"""A failure about bridged records shows their place, and says what it cannot list; near misses get a hint."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from opentelemetry import baggage
from opentelemetry import context as otel_context

import otel_ctxlog as cl
from otel_ctxlog.bridges import stdlib
from otel_ctxlog.testing import SuppressedCall, capture

NOT_LISTED = "  calls of logging that the rules stop are not listed"


@pytest.fixture
def bridged(context: cl.LoggingContext) -> Iterator[cl.LoggingContext]:
    """A context that gets the records of ``logging``."""
    stdlib.install(context)
    yield context
    stdlib.uninstall()


def failure(check: Callable[[], object]) -> str:
    """The message of a check that fails."""
    with pytest.raises(AssertionError) as caught:
        check()
    return str(caught.value)


def test_a_bridged_record_shows_its_place_as_others_do(bridged: cl.LoggingContext) -> None:
    """At the end of the line, and not among the attributes, which still are there to assert about."""
    with capture(bridged) as captured:
        logging.getLogger("shop.db").warning("slow", extra={"ms": 7})

    record = captured.one("slow")
    line = record.attributes["code.line.number"]
    assert record.location is None
    assert str(record).endswith(f"slow ms=7  ({Path(__file__).relative_to(Path.cwd())}:{line!r})")
    assert "code." not in str(record)


def test_half_a_place_stays_among_the_attributes() -> None:
    """Nothing is left out that is not shown, and a known location wins."""
    half = SuppressedCall(message="a", level=3, attributes={"code.file.path": "a.py"})
    known = SuppressedCall(
        message="a", level=3, attributes={"code.file.path": "a.py", "code.line.number": 1}, location=("b.py", 2)
    )

    assert str(half) == "INFO  a code.file.path=a.py"
    assert str(known) == "INFO  a code.file.path=a.py code.line.number=1  (b.py:2)"


def test_a_failure_says_that_stopped_calls_of_logging_are_not_listed(bridged: cl.LoggingContext) -> None:
    """Only while a bridge is installed."""
    with capture(bridged) as captured:
        logging.getLogger("shop").debug("details")
        message = failure(lambda: captured.assert_logged("details"))
        captured.assert_not_logged("details")
    stdlib.uninstall()
    without = failure(lambda: captured.assert_logged("details"))

    assert message.endswith(f"suppressed: nothing\n{NOT_LISTED}")
    assert without.endswith("suppressed: nothing")


def test_an_event_in_place_of_a_record_is_pointed_out(context: cl.LoggingContext) -> None:
    """`assert_logged` with the type of an event that is there says how to assert about it, and only then."""
    with capture(context) as captured:
        context.eventer().event("orderPlaced", total=100)

    hint = "there is an event of this type: assert_event("
    assert f"{hint}'orderPlaced')" in failure(lambda: captured.assert_logged("orderPlaced"))
    assert hint not in failure(lambda: captured.assert_logged("order placed"))
    assert hint not in failure(lambda: captured.assert_logged(level="info"))
    assert hint not in failure(lambda: captured.assert_event("orderPlaced", total=1))


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("acme", "; there is an attribute 'tenant': Attribute('tenant', 'acme') would match"),
        ("globex", "; there is an attribute of that name"),
    ],
)
def test_an_attribute_in_place_of_a_baggage_entry_is_pointed_out(
    context: cl.LoggingContext, value: str, hint: str
) -> None:
    """A rule about baggage that meets an attribute of that name says whether a rule about attributes would match."""
    context.add_rule(cl.ConditionRule(cl.DEBUG, cl.BaggageEntry("tenant", "acme")))
    with capture(context) as captured:
        context.unbound_logger(cl.Attribute("tenant", value)).debug("with")
        context.unbound_logger().debug("without")

    assert captured.suppressed[0].reason.endswith(f"failed: there is no baggage entry 'tenant'{hint}")
    assert captured.suppressed[1].reason.endswith("failed: there is no baggage entry 'tenant'")


def test_a_baggage_entry_of_another_value_gets_no_hint(context: cl.LoggingContext) -> None:
    """Where there is an entry, its value is what is wrong."""
    context.add_rule(cl.ConditionRule(cl.DEBUG, cl.BaggageEntry("tenant", "acme")))
    token = otel_context.attach(baggage.set_baggage("tenant", "globex"))
    with capture(context) as captured:
        context.unbound_logger(cl.Attribute("tenant", "acme")).debug("details")
    otel_context.detach(token)

    assert captured.suppressed[0].reason.endswith("failed: baggage entry 'tenant' is 'globex'")
