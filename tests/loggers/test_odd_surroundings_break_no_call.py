"""Contexts, spans and baggage of other implementations, interrupted changes and a dying interpreter break no call."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider

import otel_ctxlog as cl
from otel_ctxlog.engine.plan import Plan


class Records:
    """A context with a real provider, and what has arrived there."""

    def __init__(self, **arguments: Any) -> None:
        self.exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
        provider = LoggerProvider(shutdown_on_exit=False)
        provider.add_log_record_processor(SimpleLogRecordProcessor(self.exporter))
        self.context = cl.LoggingContext(provider, **arguments)

    def bodies(self) -> list[object]:
        return [record.log_record.body for record in self.exporter.get_finished_logs()]

    def attributes(self) -> list[dict[str, object]]:
        return [dict(record.log_record.attributes or {}) for record in self.exporter.get_finished_logs()]


@pytest.fixture
def records() -> Records:
    return Records()


@contextmanager
def attached(one: object) -> Generator[None, None, None]:
    token = context.attach(cast("Context", one))
    try:
        yield
    finally:
        context.detach(token)


class ForeignSpan(trace.NonRecordingSpan):
    """A span of another implementation, with whatever attributes."""

    def __init__(self, attributes: object) -> None:
        super().__init__(trace.INVALID_SPAN_CONTEXT)
        self.attributes = attributes


class RaisingText(str):
    """A text that cannot be compared."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not comparable")


def test_without_a_current_context_records_are_written(records: Records) -> None:
    """`attach(None)` leaves None as the current context: no call raises, and decisions are made all the same."""
    records.context.add_rule(cl.ConditionRule(cl.DEBUG, cl.BaggageEntry("tenant", "acme")))
    log = records.context.unbound_logger(cl.Realm("shop"))
    with attached(None):
        assert log.enabled(cl.INFO)
        log.debug("off")
        records.context.logger(cl.Realm("shop")).debug("off")

    log.info("written")

    assert records.bodies() == ["written"]


@pytest.mark.parametrize("odd", [1, None, b"a", ""])
def test_a_span_with_names_that_are_none_costs_only_those(records: Records, odd: object) -> None:
    """An attribute of a foreign span whose name is no text, or empty, is left out; all else goes on the record."""
    span = ForeignSpan({odd: 1, "size": 3})
    with attached(trace.set_span_in_context(span)):
        records.context.unbound_logger().info("row read")

    assert [attributes["size"] for attributes in records.attributes()] == [3]


def test_an_attribute_without_a_name_does_not_keep_own_conditions_from_matching(records: Records) -> None:
    """An empty name in a foreign span is none of what an own condition gets to see."""

    class Always:
        def matches(self, messages: Sequence[object]) -> bool:
            return bool(messages)

    records.context.add_rule(cl.ConditionRule(cl.DEBUG, Always()))
    with attached(trace.set_span_in_context(ForeignSpan({"": 1, "size": 3}))):
        records.context.unbound_logger().debug("row read")

    assert records.bodies() == ["row read"]


def test_baggage_names_that_cannot_be_compared_break_no_call(records: Records) -> None:
    """A baggage name of a subclass of str is nothing but its text: rules and records see that."""
    records.context.add_rule(cl.ConditionRule(cl.DEBUG, cl.BaggageEntry("tenant", "acme")))
    with attached(baggage.set_baggage(RaisingText("tenant"), "acme")):
        records.context.unbound_logger().debug("one")
        records.context.logger().debug("two")

    assert records.bodies() == ["one", "two"]
    assert records.attributes() == [{"tenant": "acme"}, {"tenant": "acme"}]


def test_a_source_that_derives_from_the_span_is_asked_each_time() -> None:
    """A subclass of `SpanSource` may give other names than the span has: a change of the span counts at once."""

    class Upper(cl.SpanSource):
        def attributes(self, context: Context, /) -> Mapping[str, object]:
            return {name.upper(): value for name, value in super().attributes(context).items()}

    records = Records(sources=(Upper(),))
    records.context.add_rule(cl.ConditionRule(cl.DEBUG, cl.SpanAttribute("SIZE", 2)))
    log = records.context.unbound_logger()
    with TracerProvider(shutdown_on_exit=False).get_tracer("t").start_as_current_span("s") as span:
        log.debug("one")
        span.set_attribute("size", 2)
        log.debug("two")

    assert records.bodies() == ["two"]


def test_a_sink_that_changes_what_it_gets_changes_no_later_record() -> None:
    """Nested values of `with_values` and of attributes are made anew for each record."""
    seen: list[object] = []

    class Changing:
        def enabled(self, level: int) -> bool:
            return level > 0

        def emit(self, *, attributes: Any, **_: Any) -> None:
            seen.append({key: list(value) for key, value in attributes.items()})
            for value in attributes.values():
                value.append("changed")

    log = cl.LoggingContext(Changing(), sources=()).logger(cl.Attribute("a", [1])).with_values(b=[2])
    log.info("one")
    log.info("two")

    assert seen == [{"a": [1], "b": [2]}] * 2


def test_an_interrupted_change_is_told_by_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an exception (^C) comes while loggers are told of a change, the next change reaches all of them in time."""
    ctx = Records().context
    logs = [ctx.unbound_logger(cl.Tag(str(number))) for number in range(3)]
    original = Plan.expire
    calls = 0

    def expire(plan: Plan) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        original(plan)

    monkeypatch.setattr(Plan, "expire", expire)
    with pytest.raises(KeyboardInterrupt):
        ctx.default_level = cl.DEBUG
    monkeypatch.undo()

    ctx.default_level = cl.TRACE

    assert [log.enabled(cl.TRACE) for log in logs] == [True] * 3


@pytest.mark.parametrize("attributes", [{"": 1}, {5: 1}, {None: 1}])
def test_odd_keys_of_foreign_records_lose_no_record(records: Records, attributes: dict[object, object]) -> None:
    """A record with a key that is none passes own conditions as others do."""

    class Nothing:
        def matches(self, messages: Sequence[object]) -> bool:
            return not messages

    records.context.add_rule(cl.ConditionRule(cl.TRACE, Nothing()))
    writer = records.context.record_writer(cl.Realm("shop"))

    assert writer.write(cl.INFO, "row read", attributes=cast("Mapping[str, object]", attributes))
    assert records.bodies() == ["row read"]


def test_attributes_that_raise_lose_their_record_and_no_more(records: Records) -> None:
    """A mapping that cannot be read: False, and one diagnostic instead of an exception."""

    class Broken(Mapping[str, object]):
        def __getitem__(self, key: str) -> object:
            raise RuntimeError(key)

        def __iter__(self) -> Iterator[str]:
            raise RuntimeError("iter")

        def __len__(self) -> int:
            return 1

    records.context.add_rule(cl.ConditionRule(cl.DEBUG, cl.Attribute("a", 1)))
    writer = records.context.record_writer()

    assert not writer.write(cl.INFO, "row read", attributes=Broken())
    assert not writer.enabled(cl.INFO, attributes=Broken())


def test_a_finalizer_that_logs_while_the_interpreter_ends_loses_nothing() -> None:
    """Nothing is imported in a logging call: lists, dates and rules on them work after imports no longer do."""
    program = """
import os

import otel_ctxlog as cl

class Printed:
    def enabled(self, level): return True
    def emit(self, *, body, attributes, write=os.write, **_): write(1, f"{body} {attributes}\\n".encode())

ctx = cl.LoggingContext(Printed(), sources=())
ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.Attribute("v", (1, 2))))
log = ctx.unbound_logger(cl.Attribute("v", (1, 2)))
eventer = ctx.eventer()

class Late:
    def __del__(self):
        log.debug("late", rows=[1, {"a": 2.5}], other=object)
        ctx.logger(cl.Attribute("v", (1, 2))).debug("bound")
        eventer.event("ended", rows=[1])
late = Late()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)

    assert "!ERROR" not in done.stdout, done.stdout
    assert done.stderr == ""
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "late",
        "bound",
        '{"eventType":"ended","rows":[1]}',
    ]
