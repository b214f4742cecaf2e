"""Sink and filter: what of a message goes where on a record, and what rules see of it."""

from __future__ import annotations

import asyncio
import io
import time
from pathlib import Path
from typing import Any

import pytest
from loguru import logger
from opentelemetry import baggage
from opentelemetry._logs import SeverityNumber
from opentelemetry.context import attach, detach
from opentelemetry.sdk.trace import TracerProvider

from otel_ctxlog import DEBUG, NONE, TRACE, Attribute, BaggageEntry, ConditionRule, LoggingContext, Realm, SpanAttribute
from otel_ctxlog.bridges.loguru import ContextFilter, LoguruSink
from otel_ctxlog.bridges.request import enter, leave, show_requests

PLACE = {"code.function.name", "code.file.path", "code.line.number"}


class UnpicklableError(Exception):
    """An exception that pickle refuses."""

    def __reduce__(self) -> Any:
        raise TypeError("no")


def fail(error: Exception) -> None:
    """Raise."""
    raise error


WAYS = pytest.mark.parametrize(
    "options",
    [{}, {"filtered": False}, {"enqueue": True}, {"serialize": True, "enqueue": True, "filtered": True}],
    ids=["filter and sink", "sink alone", "queue", "serialized"],
)


@WAYS
def test_message_bound_values_name_and_place(records: Any, options: Any) -> None:
    """Message, bound values, module and place of the call are body, attributes, scope with realm, and `code.*`."""
    records.add(**options)
    logger.bind(user={"id": 7}).info("paid {} {what}", 3, what="coins")

    (record,) = records.all
    attributes = records.attributes[0]
    assert record.log_record.body == "paid 3 coins"
    assert record.instrumentation_scope.name == __name__
    assert abs(record.log_record.timestamp - time.time_ns()) < 5e9
    assert attributes.pop("code.line.number") > 0
    assert Path(attributes.pop("code.file.path")).name == Path(__file__).name
    assert attributes == {
        "user": {"id": 7},
        "what": "coins",
        "realm": __name__.replace(".", "/"),
        "code.function.name": "test_message_bound_values_name_and_place",
    }


def test_levels_and_severities(records: Any) -> None:
    """Loguru's levels, numbers between them and own ones have the severity that the official handler gives."""
    records.context.default_level = TRACE
    try:
        logger.level("NOTICE")
    except ValueError:  # loguru forgets no level
        logger.level("NOTICE", no=21)
    for level in ("TRACE", "DEBUG", "INFO", "SUCCESS", "WARNING", "ERROR", "CRITICAL", "NOTICE", 3, 12, 39, 60):
        logger.log(level, "x")

    found = [
        (int(record.log_record.severity_number.value), record.log_record.attributes.get("loguru.level"))
        for record in records.all
    ]
    assert found == [
        (1, None),
        (5, None),
        (9, None),
        (SeverityNumber.INFO4.value, "SUCCESS"),
        (13, None),
        (17, None),
        (21, None),
        (SeverityNumber.INFO2.value, "NOTICE"),
        (1, "Level 3"),
        (SeverityNumber.DEBUG3.value, "Level 12"),
        (SeverityNumber.WARN4.value, "Level 39"),
        (SeverityNumber.FATAL4.value, "Level 60"),
    ]


@WAYS
def test_exceptions(records: Any, options: Any) -> None:
    """`exception`, `opt(exception=…)` and `catch` give type, message and stack trace, also through the queue."""
    records.add(**options)
    try:
        fail(KeyError("order"))
    except KeyError as error:
        logger.exception("a")
        logger.opt(exception=error).warning("b")
        logger.opt(exception=True).info("c")

    logger.catch(message="d")(fail)(KeyError("order"))
    with logger.catch(KeyError, message="e"):
        fail(KeyError("order"))

    assert records.bodies == ["a", "b", "c", "d", "e"]
    for attributes in records.attributes:
        assert attributes["exception.type"] == "KeyError"
        assert attributes["exception.message"] == "'order'"
        assert "raise error" in attributes["exception.stacktrace"]


def test_an_exception_that_cannot_be_pickled_passes_the_queue(records: Any) -> None:
    """What loguru's queue throws away of an exception is on the record all the same."""
    records.add(enqueue=True)
    try:
        fail(UnpicklableError("text"))
    except UnpicklableError:
        logger.exception("x")

    attributes = records.attributes[0]
    assert attributes["exception.type"].endswith("UnpicklableError")
    assert attributes["exception.message"] == "text"
    assert "raise error" in attributes["exception.stacktrace"]


@WAYS
def test_rules_see_what_is_bound(records: Any, options: Any) -> None:
    """What is bound by bind, contextualize and configure decides, and the realm that is bound or that of the module."""
    records.add(**options)
    records.context.default_level = NONE
    records.context.add_rule(ConditionRule(DEBUG, Attribute("tenant", "acme")))
    records.context.add_rule(ConditionRule(DEBUG, Realm("shop/db")))
    logger.debug("no")
    logger.bind(tenant="acme").debug("bound")
    with logger.contextualize(tenant="acme"):
        logger.debug("contextualized")
        logger.bind(tenant="other").debug("no")
    logger.debug("no, {tenant}", tenant="other")
    logger.bind(realm="shop/db").debug("realm")

    assert records.bodies == ["bound", "contextualized", "realm"]
    assert records.attributes[2]["realm"] == "shop/db"


@pytest.mark.parametrize("enqueue", [False, True])
@pytest.mark.parametrize("patched", [False, True], ids=["filter", "patcher"])
def test_span_baggage_and_request_of_the_call_count(records: Any, enqueue: bool, patched: bool) -> None:
    """Rules see span, baggage and request of the call, and the record has them, also in another thread."""
    records.add(enqueue=enqueue, filtered=not patched)
    log = logger.patch(ContextFilter(records.context).patcher) if patched else logger
    show_requests(records.context)
    records.context.add_rule(
        ConditionRule(DEBUG, SpanAttribute("order", 7), BaggageEntry("b", "1"), Attribute("tenant", "acme"))
    )
    with TracerProvider().get_tracer("t").start_as_current_span("s", attributes={"order": 7}) as span:
        token = attach(baggage.set_baggage("b", "1"))
        log.debug("no request")
        entered = enter({"tenant": "acme"})
        log.opt(exception=KeyError("x")).debug("yes")
        leave(entered)
        detach(token)
        log.debug("no baggage")

    (record,) = records.all
    assert record.log_record.body == "yes"
    assert record.log_record.span_id == span.get_span_context().span_id
    assert records.attributes[0]["exception.type"] == "KeyError"
    assert record.log_record.trace_id == span.get_span_context().trace_id
    assert {name: records.attributes[0][name] for name in ("order", "b", "tenant")} == {
        "order": 7,
        "b": "1",
        "tenant": "acme",
    }


def test_a_record_is_asked_about_and_written_once(records: Any) -> None:
    """Patcher, filter and sink together ask each rule once and write one record; other handlers may filter too."""
    asked: list[object] = []
    other = io.StringIO()

    class Asked:
        def matches(self, _messages: object) -> bool:
            asked.append(1)
            return True

    records.context.add_rule(ConditionRule(DEBUG, Asked()))
    logger.configure(patcher=ContextFilter(records.context).patcher)
    logger.add(other, level=0, format="{message}", filter=ContextFilter(records.context))
    logger.debug("once")

    assert (records.bodies, other.getvalue(), len(asked)) == (["once"], "once\n", 1)


def test_two_contexts_decide_each_for_itself(records: Any) -> None:
    """Filter and sink of another context have rules of their own."""
    other = LoggingContext(records.context.sink)
    other.default_level = DEBUG
    logger.add(LoguruSink(other, realm="other"), level=0, filter=ContextFilter(other, realm="other"))
    logger.debug("x")

    assert [attributes["realm"] for attributes in records.attributes] == ["other"]


def test_lazy_arguments_and_options(records: Any) -> None:
    """`opt(lazy=True)`, `opt(raw=True)` and `opt(depth=…)` give what they give elsewhere."""
    logger.opt(lazy=True).info("lazy {}", lambda: 7)
    logger.opt(raw=True).info("raw")

    def inner() -> None:
        logger.opt(depth=1).info("depth")

    inner()
    assert records.bodies == ["lazy 7", "raw", "depth"]
    assert records.attributes[2]["code.function.name"] == "test_lazy_arguments_and_options"


def test_parallel_tasks_are_independent(records: Any) -> None:
    """What one task binds decides nothing in another, and nested scopes restore what was."""
    records.context.add_rule(ConditionRule(DEBUG, Attribute("tenant", "t1")))

    async def task(number: int) -> None:
        with logger.contextualize(tenant=f"t{number}"):
            for _ in range(5):
                await asyncio.sleep(0)
                logger.debug(f"{number}")
            with logger.contextualize(tenant="none"):
                logger.debug("nested")
            logger.debug("restored")

    async def tasks() -> None:
        await asyncio.gather(*(task(number) for number in range(20)))

    asyncio.run(tasks())

    assert records.bodies == ["1"] * 5 + ["restored"]
