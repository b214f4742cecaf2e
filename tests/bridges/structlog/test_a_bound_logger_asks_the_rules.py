"""The bound logger: its level is asked from the context, before anything is built."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
from typing import Any

import pytest
import structlog
from opentelemetry import baggage
from opentelemetry.context import attach, detach
from opentelemetry.sdk.trace import TracerProvider

from otel_ctxlog import (
    DEBUG,
    ERROR,
    INFO,
    NONE,
    TRACE,
    WARN,
    Attribute,
    BaggageEntry,
    ConditionRule,
    Realm,
    SpanAttribute,
    set_default_context,
)
from otel_ctxlog.bridges.structlog import (
    ContextBoundLogger,
    ContextProcessor,
    NamedLoggerFactory,
    make_context_bound_logger,
)

STARTED: list[object] = []


def seen(_logger: object, _method: str, event: Any) -> Any:
    """A processor that notes that an event was built."""
    STARTED.append(event["event"])
    return event


@pytest.fixture(autouse=True)
def _none_started() -> None:  # pyright: ignore[reportUnusedFunction]
    STARTED.clear()


def test_the_level_follows_every_change(records: Any) -> None:
    """A logger made before a change of rules or levels obeys it at its next call; a call that is off builds nothing."""
    records.configure(seen)
    log = structlog.get_logger("shop.db").bind()
    log.debug("1 off")
    records.context.add_rule(ConditionRule(DEBUG, Realm("shop/db")))
    log.debug("2 on")
    records.context.reset_rules()
    log.debug("3 off")
    records.context.default_level = ERROR
    log.info("4 off")
    log.error("5 on")

    assert records.bodies == STARTED == ["2 on", "5 on"]


def test_bound_values_are_message_context(records: Any) -> None:
    """Rules see what is bound, through bind, unbind, try_unbind and new; what a call gives is a field."""
    records.configure(seen)
    records.context.add_rule(ConditionRule(DEBUG, Attribute("tenant", "acme")))
    log = structlog.get_logger("x", tenant="acme")
    log.debug("initial")
    bound = log.bind(user=1)
    bound.debug("bound")
    bound.unbind("tenant").debug("unbound")
    bound.try_unbind("tenant", "nothing").debug("try unbound")
    bound.bind(tenant="other").debug("bound again")
    structlog.get_logger("x").debug("given by the call", tenant="acme")
    log.new(tenant="acme").debug("new")
    bound.new(user=2).debug("new without")

    assert records.bodies == STARTED == ["initial", "bound", "new"]
    assert records.attributes[1] == {"realm": "x", "tenant": "acme", "user": 1}


def test_values_that_rules_look_at_are_on_records_only_as_the_chain_leaves_them(records: Any) -> None:
    """What a processor masks or removes after the decision neither changes it nor comes back on the record."""

    def mask(_logger: object, _method: str, event: Any) -> Any:
        event["user"] = "***"
        del event["secret"]
        return event

    records.configure(mask)
    records.context.default_level = NONE
    records.context.add_rule(ConditionRule(DEBUG, Attribute("user", "ann"), Attribute("secret", 1)))
    structlog.get_logger("x").bind(user="ann", secret=1).debug("masked")

    assert records.attributes == [{"realm": "x", "user": "***"}]


def test_contextvars_decide_where_wanted(records: Any) -> None:
    """What `structlog.contextvars` binds is seen by rules at each call; what the logger has bound wins over it."""
    records.configure(seen)
    records.context.add_rule(ConditionRule(DEBUG, Attribute("tenant", "acme")))
    log = structlog.get_logger("x").bind(a=1)
    log.debug("before")
    with structlog.contextvars.bound_contextvars(tenant="acme"):
        log.debug("inside")
        log.bind(tenant="other").debug("bound otherwise")
        with structlog.contextvars.bound_contextvars(tenant="other"):
            log.debug("nested")
        log.debug("inside again")
        records.configure(seen, wrapper_class=make_context_bound_logger(records.context, contextvars=False))
        structlog.get_logger("x").debug("not wanted")
    log.debug("after")

    assert records.bodies == STARTED == ["inside", "inside again"]


def test_span_and_baggage_decide(records: Any) -> None:
    """Rules on span attributes and baggage decide at each call, and the record is in the span."""
    records.context.add_rule(ConditionRule(DEBUG, SpanAttribute("order", 7)))
    records.context.add_rule(ConditionRule(TRACE, BaggageEntry("tenant", "acme")))
    log = structlog.get_logger("x").bind()
    with TracerProvider().get_tracer("t").start_as_current_span("s") as span:
        log.debug("before")
        span.set_attribute("order", 7)
        log.debug("debug")
        log.trace("no trace")
        token = attach(baggage.set_baggage("tenant", "acme"))
        log.trace("trace")
        detach(token)

    assert [(record.log_record.body, record.log_record.severity_text) for record in records.all] == [
        ("debug", "DEBUG"),
        ("trace", "TRACE"),
    ]
    assert {record.log_record.span_id for record in records.all} == {span.get_span_context().span_id}


def test_async_methods(records: Any) -> None:
    """`ainfo` and the others decide where they are called, and keep exception, trace and place of the call."""
    place = structlog.processors.CallsiteParameterAdder([structlog.processors.CallsiteParameter.FUNC_NAME])
    records.configure(seen, place)
    records.context.add_rule(ConditionRule(DEBUG, Attribute("tenant", "acme")))

    async def here(log: Any, tracer: Any) -> None:
        with tracer.start_as_current_span("s"):
            await log.adebug("off")
            await log.bind(tenant="acme").adebug("debug %d", 1)
            await log.awarn("warn")
            await log.alog(40, "log")
            try:
                int("x")
            except ValueError:
                await log.aexception("exception")
                await log.ainfo("info", exc_info=True)

    asyncio.run(here(structlog.get_logger("x"), TracerProvider().get_tracer("t")))

    assert records.bodies == STARTED == ["debug 1", "warn", "log", "exception", "info"]
    assert {attributes["func_name"] for attributes in records.attributes} == {"here"}
    assert [attributes.get("exception.type") for attributes in records.attributes] == [None] * 3 + ["ValueError"] * 2
    assert all(record.log_record.trace_id for record in records.all)


def test_the_place_of_a_call_is_the_users(records: Any) -> None:
    """Processors that look for the place of a call find the caller's, as with structlog's own bound logger."""
    records.configure(structlog.processors.CallsiteParameterAdder([structlog.processors.CallsiteParameter.FUNC_NAME]))
    log = structlog.get_logger("x")
    log.info("a")
    log.log(20, "b")
    log.error("c")

    assert {attributes["func_name"] for attributes in records.attributes} == {"test_the_place_of_a_call_is_the_users"}


@pytest.mark.parametrize(
    ("level", "effective"), [(NONE, 60), (ERROR, 40), (WARN, 30), (INFO, 20), (DEBUG, 10), (TRACE, 0)]
)
def test_levels_as_numbers(records: Any, level: int, effective: int) -> None:
    """`is_enabled_for`, `get_effective_level` and `log` use the numbers of `logging`, any number between included."""
    records.context.default_level = level
    log = structlog.get_logger("x").bind()
    numbers = (0, 5, 10, 19, 20, 25, 30, 40, 50)
    for number in numbers:
        log.log(number, str(number))

    on = [number for number in numbers if number >= effective]
    assert [number for number in numbers if log.is_enabled_for(number)] == on
    assert log.get_effective_level() == effective
    assert records.bodies == [str(number) for number in on]


def test_a_record_is_written_once(records: Any) -> None:
    """One call gives one record, with our bound logger and without; with both, rules are asked once."""
    asked: list[object] = []

    class Asked:
        def matches(self, _messages: object) -> bool:
            asked.append(1)
            return True

    records.context.add_rule(ConditionRule(DEBUG, Asked()))
    structlog.get_logger("x").debug("both")

    assert (records.bodies, len(asked)) == (["both"], 1)
    records.configure(bound=False)
    structlog.get_logger("x").debug("processor")
    assert records.bodies == ["both", "processor"]


def test_two_contexts_decide_each_for_itself(records: Any) -> None:
    """A bound logger of one context in front of a processor of another: the second one asks its own rules."""
    from otel_ctxlog import LoggingContext

    other = LoggingContext(records.context.sink)
    other.default_level = DEBUG
    records.configure(wrapper_class=make_context_bound_logger(other))
    log = structlog.get_logger("x")
    log.debug("on there, off here")
    log.info("on")

    assert records.bodies == ["on"]


def test_loggers_are_copied_and_pickled(records: Any) -> None:
    """Loggers of the default class survive copy, deepcopy and pickle, with what is bound."""
    structlog.configure(wrapper_class=make_context_bound_logger(), processors=[seen])
    log = structlog.get_logger("x").bind(a=1)
    log.info("a")
    for made in (copy.copy(log), copy.deepcopy(log), pickle.loads(pickle.dumps(log.bind()))):
        assert type(made) is ContextBoundLogger
        assert structlog.get_context(made) == {"a": 1}
        made.info("b")

    assert STARTED == ["a", "b", "b", "b"]


def test_parallel_tasks_and_threads_are_independent(records: Any) -> None:
    """What one task or thread binds by contextvars or baggage decides nothing elsewhere, at the same time."""
    records.context.add_rule(ConditionRule(DEBUG, Attribute("tenant", "t1")))
    records.context.add_rule(ConditionRule(DEBUG, BaggageEntry("tenant", "t2")))
    log = structlog.get_logger("x")

    async def task(number: int) -> None:
        if number % 2:
            structlog.contextvars.bind_contextvars(tenant=f"t{number}")
        else:
            attach(baggage.set_baggage("tenant", f"t{number}"))
        for _ in range(5):
            await asyncio.sleep(0)
            log.debug("task %d", number)

    async def tasks() -> None:
        await asyncio.gather(*(asyncio.create_task(task(number)) for number in range(20)))

    threads = [threading.Thread(target=asyncio.run, args=(tasks(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(records.bodies) == ["task 1"] * 15 + ["task 2"] * 15


def pickled(given: Any) -> Any:
    """What comes out of a pickle."""
    return pickle.loads(pickle.dumps(given))


@pytest.mark.parametrize("bound", [False, True], ids=["their bound logger", "our bound logger"])
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled])
def test_loggers_with_the_documented_chain_are_copied_and_pickled(records: Any, copied: Any, bound: bool) -> None:
    """A processor of the default context goes along with its logger, with all that it was told."""
    before = set_default_context(records.context)
    processor = ContextProcessor(realm=Realm("all/of/them"), event_key="what")
    structlog.configure(
        wrapper_class=make_context_bound_logger() if bound else structlog.BoundLogger,
        processors=[structlog.processors.EventRenamer("what"), processor],
        logger_factory=NamedLoggerFactory(),
    )
    try:
        copied(structlog.get_logger("s").bind(a=1)).info("copied")
    finally:
        set_default_context(before)

    assert records.bodies == ["copied"]
    assert records.attributes == [{"realm": "s" if bound else "all/of/them", "a": 1}]


def test_a_processor_with_a_context_of_its_own_is_copied_but_not_pickled(records: Any) -> None:
    """A context cannot be pickled; the error says what can be done."""
    processor = ContextProcessor(records.context)

    assert copy.deepcopy([processor]) == [processor]
    with pytest.raises(pickle.PicklingError, match="the default one"):
        pickle.dumps(processor)
