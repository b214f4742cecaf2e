"""The processor: what of an event goes where on a record."""

from __future__ import annotations

import logging
import sys
import time
from datetime import datetime, timezone
from typing import Any

import pytest
import structlog
from opentelemetry._logs import SeverityNumber

from otel_ctxlog import DEBUG, NONE, Attribute, ConditionRule, Realm, log, set_default_context
from otel_ctxlog.bridges.structlog import ContextProcessor, NamedLogger


def fail() -> None:
    """Raise."""
    raise KeyError("order")


BOUND = pytest.mark.parametrize("bound", [True, False], ids=["our bound logger", "structlog's"])


@BOUND
def test_event_fields_name_and_level(records: Any, bound: bool) -> None:
    """Event, fields, name and method are body, attributes, scope with realm, and severity."""
    records.configure(structlog.processors.add_log_level, bound=bound)
    records.context.default_level = DEBUG
    log = structlog.get_logger("shop.db").bind(user={"id": 7})
    for method in ("debug", "info", "warning", "error", "critical"):
        getattr(log, method)("connected", pool=4, **{"a.b": [1, "x"]})

    severities = [SeverityNumber(number) for number in (5, 9, 13, 17, 21)]
    assert [record.log_record.severity_number for record in records.all] == severities
    assert [record.log_record.severity_text for record in records.all][-2:] == ["ERROR", "FATAL"]
    for record, attributes in zip(records.all, records.attributes, strict=True):
        assert record.log_record.body == "connected"
        assert record.instrumentation_scope.name == "shop.db"
        assert attributes == {"user": {"id": 7}, "pool": 4, "a.b": (1, "x"), "realm": "shop/db"}


@BOUND
def test_exceptions_become_the_records_own(records: Any, bound: bool) -> None:
    """True, an exception, a tuple and `exception()` all give type, message and stack trace, and nothing else."""
    records.configure(bound=bound)
    log = structlog.get_logger("shop")
    try:
        fail()
    except KeyError as error:
        log.exception("a")
        log.error("b", exc_info=True)  # noqa: G201 - it is what is tested
        log.info("c", exc_info=error)
        log.info("d", exc_info=sys.exc_info())
    log.info("none", exc_info=True)  # noqa: LOG014 - there is none
    log.info("false", exc_info=False)
    log.info("nothing", exc_info=(None, None, None))

    for attributes in records.attributes[:4]:
        assert attributes.keys() == {"exception.type", "exception.message", "exception.stacktrace", "realm"}
        assert attributes["exception.type"] == "KeyError"
        assert "raise KeyError" in attributes["exception.stacktrace"]
    assert records.attributes[4:] == [{"realm": "shop"}] * 3


def test_what_other_processors_made_of_exception_and_stack(records: Any) -> None:
    """Texts that were rendered in front of ours have the names of the semantic conventions."""
    records.configure(structlog.processors.StackInfoRenderer(), structlog.processors.format_exc_info)
    log = structlog.get_logger("shop")
    try:
        fail()
    except KeyError:
        log.error("failed", exc_info=True, stack_info=True)  # noqa: G201 - it is what is tested
        log.exception("failed")
    log.info("fine", exception="of the user", exc_info=False)

    attributes, other, own = records.attributes
    assert "KeyError: 'order'" in attributes["exception.stacktrace"]
    assert "test_what_other_processors_made" in attributes["code.stacktrace"]
    assert attributes.keys() == {"exception.stacktrace", "code.stacktrace", "realm"}
    assert other.keys() == {"exception.stacktrace", "realm"}
    assert own.keys() == {"exception.stacktrace", "realm"}


@BOUND
def test_a_stack_that_was_asked_for_ends_at_the_call(records: Any, bound: bool) -> None:
    """`stack_info=True` without a renderer gives the stack of the caller, without frames of structlog or ours."""
    records.configure(bound=bound)
    structlog.get_logger("shop").info("here", stack_info=True)

    lines = records.attributes[0]["code.stacktrace"].strip().splitlines()
    assert 'structlog.get_logger("shop").info("here", stack_info=True)' in "".join(lines[-2:])


@pytest.mark.parametrize(
    ("stamp", "is_time"),
    [
        (structlog.processors.TimeStamper(fmt="iso"), True),
        (structlog.processors.TimeStamper(fmt=None), True),
        (structlog.processors.TimeStamper(fmt="%H:%M"), False),
        (structlog.processors.TimeStamper(fmt="iso", utc=False), False),
    ],
    ids=["ISO", "number", "own format", "no time zone"],
)
def test_a_timestamp_is_the_records_time_if_it_is_certain(records: Any, stamp: Any, is_time: bool) -> None:
    """What TimeStamper adds becomes the record's time; a text that says no time zone stays an attribute."""
    records.configure(stamp)
    structlog.get_logger("shop").info("now")

    assert abs(records.all[0].log_record.timestamp - time.time_ns()) < 5e9
    assert ("timestamp" not in records.attributes[0]) == is_time


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_700_000_000, 1_700_000_000_000_000_000),
        ("2024-02-03T04:05:06.000007Z", 1_706_933_106_000_007_000),
        ("2024-02-03T05:05:06.000007+01:00", 1_706_933_106_000_007_000),
        (datetime(2024, 2, 3, 4, 5, 6, 7, tzinfo=timezone.utc), 1_706_933_106_000_007_000),
        (-1, None),
        (float("nan"), None),
        (float("inf"), None),
        (10**30, None),
        (True, None),
        ("yesterday", None),
        (datetime(2024, 2, 3), None),
        (None, None),
    ],
)
def test_timestamps_of_all_kinds(records: Any, value: object, expected: int | None) -> None:
    """A number of seconds, a text or an object with a time zone is the time; anything else is kept as it is."""
    structlog.get_logger("shop").info("then", timestamp=value)

    if expected is None:
        assert "timestamp" in records.attributes[0]
    else:
        assert records.all[0].log_record.timestamp == expected


def test_levels_that_only_the_event_tells(records: Any) -> None:
    """Where the method says nothing the event's level counts; a `level` that is none is the user's."""
    processor = ContextProcessor(records.context, final=False)
    for method, event in (
        ("log", {"event": "a", "level": "warning"}),
        ("log", {"event": "b", "log_level": "CRITICAL"}),
        ("whatever", {"event": "c", "level": 42}),
        ("err", {"event": "d", "level": "boss"}),
    ):
        processor(NamedLogger("x"), method, dict(event))

    found = [(record.log_record.severity_text, record.log_record.attributes.get("level")) for record in records.all]
    assert found == [("WARN", None), ("FATAL", None), ("INFO", 42), ("ERROR", "boss")]


@pytest.mark.parametrize(
    ("fields", "scope", "realm"),
    [
        ({"logger": "a.b"}, "a.b", "a/b"),
        ({"logger_name": "a.b"}, "a.b", "a/b"),
        ({"realm": "r/s"}, "plain.name", "r/s"),
        ({"logger": 7}, "plain.name", "plain/name"),
        ({}, "plain.name", "plain/name"),
    ],
)
def test_names_and_realms_that_are_bound(records: Any, fields: dict[str, Any], scope: str, realm: str) -> None:
    """What is bound as `logger` or `logger_name` is the name, what is bound as `realm` the realm; rules see them."""
    records.context.add_rule(ConditionRule(DEBUG, Realm(realm)))
    structlog.get_logger("plain.name").bind(**fields).debug("here")

    assert records.all[0].instrumentation_scope.name == scope
    assert records.attributes[0]["realm"] == realm


def test_a_realm_for_all(records: Any) -> None:
    """A processor can be given the realm of all records."""
    processor = ContextProcessor(records.context, realm="shop", final=False)
    processor(NamedLogger("a.b"), "info", {"event": "x"})

    assert records.attributes == [{"realm": "shop"}]


def test_a_logger_without_name_is_that_of_its_module(records: Any) -> None:
    """`get_logger()` without arguments gives the name of the module, through our factory as through structlog's own."""
    structlog.get_logger().info("here")
    records.configure(logger_factory=structlog.stdlib.LoggerFactory())
    structlog.get_logger().info("here")

    assert {record.instrumentation_scope.name for record in records.all} == {__name__}


def test_a_chain_goes_on_where_ours_is_not_final(records: Any) -> None:
    """In the chain the event is passed on untouched, on or off; at its end nothing is written elsewhere."""
    written: list[Any] = []
    processor = ContextProcessor(records.context, final=False)

    def last(_logger: object, _method: str, event: Any) -> Any:
        written.append(dict(event))
        raise structlog.DropEvent

    structlog.configure(processors=[processor, last], wrapper_class=structlog.BoundLogger)
    log = structlog.get_logger("x").bind(a=1)
    log.info("on", exc_info=False, timestamp=1)
    log.debug("off")

    assert records.bodies == ["on"]
    assert written == [{"a": 1, "exc_info": False, "timestamp": 1, "event": "on"}, {"a": 1, "event": "off"}]


def test_positional_arguments(records: Any) -> None:
    """Arguments are put into the event; those that do not fit cost neither an exception nor the record."""
    log = structlog.get_logger("x")
    log.info("%s of %d", "a", 2)
    log.info("%(a)s", {"a": 1})
    log.info("%d", "no number")
    log.info("100%")
    records.configure(wrapper_class=structlog.stdlib.BoundLogger)
    structlog.get_logger("x").info("%s of %d", "b", 3)

    assert records.bodies == ["a of 2", "1", "%d ('no number',)", "100%", "b of 3"]


def test_contextvars_are_on_records_once_and_weaker_than_what_is_bound(records: Any) -> None:
    """What `structlog.contextvars` binds is on records, with and without its own processor, unless it is not wanted."""
    structlog.contextvars.bind_contextvars(tenant="acme", user=1)
    structlog.get_logger("x").bind(user=2).info("a")
    records.configure(structlog.contextvars.merge_contextvars)
    structlog.get_logger("x").bind(user=2).info("b")
    structlog.configure(processors=[ContextProcessor(records.context, merge_contextvars=False)])
    structlog.get_logger("x").bind(user=2).info("c")

    assert records.attributes[:2] == [{"realm": "x", "tenant": "acme", "user": 2}] * 2
    assert records.attributes[2] == {"realm": "x", "user": 2}


def test_the_processor_alone_shows_rules_the_whole_event(records: Any) -> None:
    """With structlog's own bound logger, rules see what is bound and what the call gives."""
    records.configure(bound=False)
    records.context.default_level = NONE
    records.context.add_rule(ConditionRule(DEBUG, Attribute("tenant", "acme"), Attribute("user", 7)))
    log = structlog.get_logger("x").bind(tenant="acme")
    log.debug("yes", user=7)
    log.debug("no", user=8)

    assert records.bodies == ["yes"]


def test_records_of_logging_through_its_formatter(records: Any) -> None:
    """`ProcessorFormatter` hands over records of `logging`: their name and level count, and its own entries do not."""
    ours = ContextProcessor(records.context, final=False)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_log_level, ours],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()],
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logger = logging.getLogger("third.party")
    logger.addHandler(handler)
    logger.propagate = False
    try:
        logger.warning("from %s", "outside")
    finally:
        logger.removeHandler(handler)
        logger.propagate = True

    (record,) = records.all
    assert (record.log_record.body, record.log_record.severity_text) == ("from outside", "WARN")
    assert records.attributes == [{"realm": "third/party"}]


def test_the_default_context_is_live(records: Any) -> None:
    """Processor and bound logger made without a context follow the default one, also one that is set later."""
    from otel_ctxlog.bridges.structlog import make_context_bound_logger

    structlog.configure(wrapper_class=make_context_bound_logger(), processors=[ContextProcessor()])
    made = structlog.get_logger("x").bind()
    previous = set_default_context(records.context)
    try:
        made.info("through structlog")
        log(Realm("x")).info("through ours")
    finally:
        set_default_context(previous)

    assert records.bodies == ["through structlog", "through ours"]
