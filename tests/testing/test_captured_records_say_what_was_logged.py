"""A capture gets what its context logs, as whole records, wherever and by whatever it is logged."""

from __future__ import annotations

import asyncio
import functools
import threading

import pytest
from opentelemetry import baggage
from opentelemetry import context as otel_context
from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk.trace import TracerProvider

import otel_ctxlog as cl
from otel_ctxlog.testing import CapturedRecord, capture

from .kept import Kept

# At import, as modules do: before anything is captured.
log = cl.log(cl.Realm("shop/cart"))
debug = log.debug


def test_a_record_has_all_its_parts() -> None:
    """Body, level, severity, attributes, realm, name, ids and time are those of the call."""
    tracer = TracerProvider().get_tracer("test")

    with capture() as captured, tracer.start_as_current_span("pay") as span:
        log.with_name("pay").with_values(shop=7).warn("card refused", "code", 51, amount=9.5)
    (record,) = captured.records

    ids = span.get_span_context()
    assert (record.body, record.level, record.severity) == ("card refused", cl.WARN, SeverityNumber.WARN)
    assert record.attributes == {"realm": "shop/cart", "shop": 7, "code": 51, "amount": 9.5}
    assert (record.realm, record.name, record.event_type, record.exception) == ("shop/cart", "pay", None, None)
    assert (record.trace_id, record.span_id) == (f"{ids.trace_id:032x}", f"{ids.span_id:016x}")
    assert record.timestamp > 10**18
    assert record.location is not None
    assert record.location[0] == __file__


def test_an_exception_is_kept_as_object() -> None:
    """The record has the exception itself, and severity FATAL where it was critical."""
    broken = ValueError("no such card")

    with capture() as captured:
        log.log_error(broken, "payment failed")
        log.critical("shop is closed")
    first, second = captured.records

    assert first.exception is broken
    assert (first.severity, second.severity) == (SeverityNumber.ERROR, SeverityNumber.FATAL)
    assert (first.level, second.level) == (cl.ERROR, cl.ERROR)


def test_finer_levels_are_exact() -> None:
    """A level that has no severity of its own is still known."""
    with capture() as captured:
        captured.with_rules(default_level=9)
        log.log(8, "very fine")

    assert captured.at_level(8) == captured.records
    assert captured.records[0].severity is SeverityNumber.TRACE


def test_events_are_records_with_a_type(context: cl.LoggingContext) -> None:
    """`events` are the records that have a type; `records` holds all, in order."""
    with capture(context) as captured:
        context.logger().info("before")
        context.eventer(cl.Realm("shop")).event("orderPlaced", total=100)

    (event,) = captured.events
    assert [record.event_type for record in captured.records] == [None, "orderPlaced"]
    assert (event.realm, event.attributes["total"], event.attributes["eventType"]) == ("shop", 100, "orderPlaced")


def test_loggers_of_every_kind_are_captured(context: cl.LoggingContext) -> None:
    """Bound, unbound, logr-style, attributed and nested loggers, made before or after, and methods taken from them."""
    bound, unbound = context.logger(), context.unbound_logger()
    nested = context.with_context(cl.Realm("nested"))
    taken = unbound.info

    with capture(context) as captured:
        bound.info("bound")
        unbound.info("unbound")
        bound.v(cl.INFO).info("logr")
        context.attribution(cl.Tag("x")).logger().info("attributed")
        nested.logger().info("nested")
        context.record_writer().write(cl.INFO, "bridged")
        taken("taken")
        context.sink.emit(
            level=3,
            body="sink",
            attributes={},
            name="",
            realm=None,
            exception=None,
            context=otel_context.get_current(),
            timestamp=1,
            severity=SeverityNumber.INFO,
            event_name=None,
        )

    expected = ["bound", "unbound", "logr", "attributed", "nested", "bridged", "taken", "sink"]
    assert [record.body for record in captured.records] == expected


def test_threads_and_tasks_of_a_test_are_captured() -> None:
    """What other threads and asyncio tasks log arrives, each with its own baggage."""

    def in_thread(number: int) -> None:
        for _ in range(50):
            log.info("thread", number=number)
            log.debug("thread", number=number)

    async def in_task(number: int) -> None:
        otel_context.attach(baggage.set_baggage("task", str(number)))
        await asyncio.sleep(0)
        log.info("task")

    async def tasks() -> None:
        await asyncio.gather(*map(in_task, range(5)))

    with capture() as captured:
        threads = [threading.Thread(target=in_thread, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        asyncio.run(tasks())
        for thread in threads:
            thread.join()

    assert [len(captured.find("thread", number=number)) for number in range(4)] == [50] * 4
    assert sorted(str(record.attributes["task"]) for record in captured.find("task")) == ["0", "1", "2", "3", "4"]
    assert len(captured.suppressed) == 200


def test_captures_may_be_nested_and_overlap() -> None:
    """Each capture gets what is logged while it is on, also where one ends before the other that it began after."""
    first, second = capture(), capture()

    with first:
        log.info("one")
        second.__enter__()
        log.info("two")
    log.info("three")
    second.__exit__(None, None, None)
    log.info("four")

    assert [record.body for record in first.records] == ["one", "two"]
    assert [record.body for record in second.records] == ["two", "three"]


def test_several_contexts_in_one_capture(context: cl.LoggingContext, kept: Kept) -> None:
    """`Capture.capture` takes in a context of its own: for a block, or to the end; once, even if it is named twice."""
    with capture() as captured:
        context.logger().info("not yet")
        with captured.capture(context) as same:
            captured.capture(context)
            context.logger().info("own")
        assert same is captured
        context.logger().info("still")
        log.info("default")
    context.logger().info("no more")

    assert [record.body for record in captured.records] == ["own", "still", "default"]
    assert [record["body"] for record in kept.records] == ["not yet", "no more"]


def test_a_nested_context_with_a_target_of_its_own_is_another_matter(context: cl.LoggingContext, kept: Kept) -> None:
    """Only what would have gone to the target of the captured context is captured."""
    own = cl.LoggingContext(kept, base=context)

    with capture(context) as captured:
        own.logger().info("to its own target")
        own.logger().debug("nor is this noted")

    assert (captured.records, captured.suppressed) == ([], [])
    assert len(kept.records) == 1


def test_records_can_be_passed_on(context: cl.LoggingContext, kept: Kept) -> None:
    """With `pass_on` the real target gets them too, level offset included; a capture without it keeps them."""
    context.set_target(kept, level_offset=1)

    with capture(context, pass_on=True) as outer:
        context.logger().info("both")
        with capture(context):
            context.logger().info("kept back")

    assert [record["body"] for record in kept.records] == ["both"]
    assert [record.level for record in outer.records] == [cl.DEBUG, cl.DEBUG]
    assert kept.records[0]["level"] == cl.DEBUG


def test_an_eventer_without_a_context_can_be_given_the_sink() -> None:
    """`Capture.sink` is a target for what goes through no context."""
    with capture() as captured:
        cl.OTelEventer(captured.sink).event("heartbeat", beat=1)

    assert captured.assert_event("heartbeat", beat=1) == captured.records


def test_what_was_captured_can_be_forgotten() -> None:
    """After `clear` there is neither record nor suppressed call, until the next."""
    with capture() as captured:
        log.info("one")
        log.debug("two")
        captured.clear()
        assert (captured.records, captured.suppressed) == ([], [])
        log.info("three")
        log.debug("four")

    assert [record.body for record in captured.records] == ["three"]
    assert [call.message for call in captured.suppressed] == ["four"]


def test_whole_records_can_be_compared() -> None:
    """`counted` gives times and ids that are the same in every run; `as_dict` plain data without what is empty."""
    tracer = TracerProvider().get_tracer("test")

    with capture() as captured:
        with tracer.start_as_current_span("a"):
            log.info("one", n=1)
            with tracer.start_as_current_span("b"):
                log.info("two")
        log.info("three")

    realm = {"realm": "shop/cart"}
    trace = f"{1:032x}"
    record = functools.partial(CapturedRecord, level=cl.INFO, severity=SeverityNumber.INFO, realm="shop/cart")
    assert captured.counted() == [
        record(body="one", attributes={**realm, "n": 1}, trace_id=trace, span_id=f"{1:016x}", timestamp=10**9),
        record(body="two", attributes=realm, trace_id=trace, span_id=f"{2:016x}", timestamp=2 * 10**9),
        record(body="three", attributes=realm, timestamp=3 * 10**9),
    ]
    assert captured.records[0].as_dict(timestamps=False, ids=False) == {
        "body": "one",
        "level": "Info",
        "severity": "INFO",
        "attributes": {"realm": "shop/cart", "n": 1},
        "realm": "shop/cart",
    }


def test_a_record_cannot_be_changed() -> None:
    """Records are values."""
    with capture() as captured:
        log.info("one")

    with pytest.raises(AttributeError):
        captured.records[0].body = "two"  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue]


def test_memory_is_bounded() -> None:
    """Of suppressed calls the last thousand are kept, and the message says how many there were before."""
    with capture() as captured:
        for number in range(1_500):
            log.debug("often", number=number)

    assert [call.attributes["number"] for call in captured.suppressed] == list(range(500, 1_500))
    with pytest.raises(AssertionError, match="and 500 before that are not kept"):
        captured.assert_logged("often")


def test_methods_taken_before_are_captured_but_not_watched() -> None:
    """A method that was taken from a logger at import logs into the capture; that it was suppressed is not seen."""
    with capture() as captured:
        debug("off")
        captured.with_rules(default_level="debug")
        debug("on")

    assert [record.body for record in captured.records] == ["on"]
    assert captured.suppressed == []
