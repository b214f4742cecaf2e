"""`find`, `one` and the asserts: which records they mean."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from uuid import UUID

import pytest

import otel_ctxlog as cl
from otel_ctxlog.testing import Capture, capture


@pytest.fixture
def captured(context: cl.LoggingContext) -> Iterator[Capture]:
    with capture(context) as found:
        cart = context.logger(cl.Realm("shop/cart"))
        cart.info("price calculated", net=84, exact=True, tags=["a", "b"], map={"x": {"y": 1}})
        cart.with_name("audit").warn("price changed", net=85.0, when=datetime(2024, 5, 1, tzinfo=timezone.utc))
        context.logger(cl.Realm("shop")).log_error(KeyError("k"), "lost", id=UUID(int=1), level="own")
        context.eventer(cl.Realm("shop")).event("orderPlaced", total=100, type_="x")
        context.logger().info("no realm")
        yield found


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"level": "info"}, [0, 3, 4]),
        ({"level": cl.WARN}, [1]),
        ({"realm": "shop"}, [2, 3]),
        ({"realm": cl.Realm("shop")}, [2, 3]),
        ({"realm": cl.RealmPrefix("shop")}, [0, 1, 2, 3]),
        ({"realm": cl.Glob("*/cart")}, [0, 1]),
        ({"name": "audit"}, [1]),
        ({"type": "orderPlaced"}, [3]),
        ({"type": cl.Regex("Placed$")}, [3]),
        ({"exception": LookupError}, [2]),
        ({"exception": (ValueError, KeyError)}, [2]),
        ({"exception": ValueError}, []),
        ({"net": 84}, [0]),
        ({"net": 85}, [1]),
        ({"net": cl.Range(84, 85)}, [0, 1]),
        ({"net": cl.Exists()}, [0, 1]),
        ({"net": cl.IGNORE}, [2, 3, 4]),
        ({"exact": True}, [0]),
        ({"exact": 1}, []),
        ({"tags": ("a", "b")}, [0]),
        ({"map": {"x": {"y": 1.0}}}, [0]),
        ({"when": datetime(2024, 5, 1, tzinfo=timezone.utc)}, [1]),
        ({"id": UUID(int=1)}, [2]),
        ({"attributes": {"level": "own"}}, [2]),
        ({"attributes": {"net": 84}, "exact": True, "level": 3}, [0]),
    ],
)
def test_what_a_record_has_to_be_like(captured: Capture, wanted: dict[str, object], expected: list[int]) -> None:
    """Levels by number or name, realms by value, prefix or matcher, attributes as rules compare them."""
    found = captured.find(**wanted)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]

    assert [captured.records.index(record) for record in found] == expected


def test_the_message_is_a_text_or_a_matcher(captured: Capture) -> None:
    """A text is the whole message; a glob or a regular expression is a part of it."""
    assert len(captured.find("price")) == 0
    assert len(captured.find("price changed")) == 1
    assert len(captured.find(cl.Glob("price*"))) == 2
    assert len(captured.find(cl.Regex("calc"))) == 1


def test_asserts_give_the_records(captured: Capture) -> None:
    """What was found can be looked at further."""
    (record,) = captured.assert_logged("price changed", name="audit")

    assert record is captured.one("price changed")
    assert len(captured.assert_logged(cl.Glob("price*"), times=2)) == 2
    assert captured.assert_logged("nothing", times=0) == []
    assert captured.assert_event("orderPlaced", total=100, attributes={"type_": "x"}) == captured.events
    assert captured.assert_event("orderPlcd", times=0) == []


def test_events_are_no_log_records(captured: Capture) -> None:
    """`assert_logged` does not take an event for a log record, nor the other way."""
    captured.assert_not_logged(total=100)
    with pytest.raises(AssertionError):
        captured.assert_logged(total=100)
    with pytest.raises(AssertionError):
        captured.assert_event(net=84)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"level": "debgu"}, "did you mean 'Debug'"),
        ({"realm": 7}, "realm must be a str, Realm, RealmPrefix or a matcher, but got 7"),
        ({"name": 7}, "name must be a str or a matcher such as Glob or Regex, but got 7"),
        ({"type": ["x"]}, "type must be a str or a matcher"),
    ],
)
def test_wrong_arguments_are_refused(captured: Capture, wrong: dict[str, object], text: str) -> None:
    """A mistake in the test is an error, not a record that is not found."""
    with pytest.raises((TypeError, ValueError), match=text):
        captured.find(**wrong)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def test_levels_of_at_level(captured: Capture) -> None:
    """`at_level` means exactly this level, by number or name."""
    assert [record.body for record in captured.at_level("warn")] == ["price changed"]
    assert len(captured.at_level(3)) == 3
    with pytest.raises(ValueError, match="unknown level 'loud'"):
        captured.at_level("loud")
