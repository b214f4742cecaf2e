"""Records of our own loggers before a gate of the same context: the first decision holds."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import context
from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import ConcurrentMultiLogRecordProcessor, LoggerProvider
from opentelemetry.sdk._logs.export import (
    BatchLogRecordProcessor,
    InMemoryLogRecordExporter,
    SimpleLogRecordProcessor,
)

import otel_ctxlog as cl
from otel_ctxlog.bridges.otel import ContextRuleProcessor

from .conftest import current, of_tenant

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk._logs import ReadWriteLogRecord

    from .conftest import Gated

TAGGED = cl.ConditionRule(cl.DEBUG, cl.Tag("audit"))


def _log(ctx: cl.LoggingContext, kind: str) -> None:
    audit = cl.Tag("audit")
    if kind == "bound":
        ctx.logger(audit).debug("m")
    elif kind == "unbound":
        ctx.unbound_logger(audit).debug("m")
    elif kind == "attribution":
        ctx.attribution(audit).v(cl.DEBUG).info("m")
    elif kind == "nested":
        ctx.with_context(audit).logger().debug("m")
    elif kind == "writer":
        ctx.record_writer(audit).write(cl.DEBUG, "m")
    else:
        ctx.otel_logger(audit).emit(severity_number=SeverityNumber.DEBUG, body="m")


@pytest.mark.parametrize("kind", ["bound", "unbound", "attribution", "nested", "writer", "otel"])
def test_a_tag_decides_and_is_not_on_the_record(gated: Gated, kind: str) -> None:
    """What a rule decided by something that the record does not carry arrives, once."""
    gated.ctx.add_rule(TAGGED)

    _log(gated.ctx, kind)

    assert gated.bodies() == ["m"]


def test_events_are_not_asked_again(gated: Gated) -> None:
    """An event that its context's rules let through passes the gate below."""
    gated.ctx.default_level = cl.WARN
    gated.ctx.add_rule(cl.ConditionRule(cl.INFO, cl.Tag("audit")))

    gated.ctx.eventer(cl.Tag("audit")).event("audited")
    gated.ctx.eventer().event("dropped")

    assert [record.log_record.event_name for record in gated.records()] == ["audited"]


def test_a_nested_context_has_the_last_word(gated: Gated) -> None:
    """Its own rules come before those of the context of the gate, which were asked as well."""
    nested = gated.ctx.with_context()
    nested.add_rule(cl.ConditionRule(cl.TRACE))

    nested.logger().trace("nested")
    gated.ctx.logger().trace("base")

    assert gated.bodies() == ["nested"]


def test_the_default_context_is_what_it_stands_for(ungated: Gated) -> None:
    """A gate of the default context knows the loggers of the context behind it, and the other way round."""
    ungated.ctx.add_rule(TAGGED)
    previous = cl.set_default_context(ungated.ctx)
    try:
        gate = ungated.gate(ctx=cl.default_context())
        ungated.ctx.logger(cl.Tag("audit")).debug("through the context")
        cl.log(cl.Tag("audit")).debug("through the default")
        gate.open()
        ungated.gate(SimpleLogRecordProcessor(ungated.exporter))
        cl.log(cl.Tag("audit")).debug("gate of the context")
    finally:
        cl.set_default_context(previous)

    assert ungated.bodies() == ["through the context", "through the default", *["gate of the context"] * 2]


def test_another_context_is_asked(gated: Gated) -> None:
    """A gate holds for all who share the provider: it asks about records that another context let through."""
    other = cl.LoggingContext(gated.provider)
    other.default_level = cl.TRACE
    gated.ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.Realm("shop")))

    other.logger(cl.Realm("shop"), cl.Name("any")).debug("realm of the record")
    other.logger(cl.Realm("shop")).trace("too high")
    other.logger(cl.Realm("web")).debug("not that realm")
    other.logger().info("info")

    assert gated.bodies() == ["realm of the record", "info"]


def test_a_record_handed_on_was_decided_by_both(ungated: Gated) -> None:
    """A sink that gives what it gets to another context's logger brings the first decision along."""
    second = cl.LoggingContext(ungated.provider)

    class HandingOn:
        def enabled(self, level: int) -> bool:
            return True

        def emit(self, **record: Any) -> None:
            second.otel_logger(cl.Tag("handed on")).emit(
                body=record["body"], severity_number=record["severity"], context=record["context"]
            )

    first = cl.LoggingContext(HandingOn())
    first.add_rule(TAGGED)
    second.add_rule(cl.ConditionRule(cl.DEBUG, cl.Tag("handed on")))
    ungated.gate(ctx=first)
    ungated.gate(ctx=second)
    ungated.gate(ctx=ungated.ctx)

    first.logger(cl.Tag("audit")).debug("m")

    assert ungated.bodies() == ["m", "m"]


def test_a_logger_of_another_context_without_a_name_has_no_realm(gated: Gated) -> None:
    """The scope of unnamed loggers is that of this library and no realm; a name that is in an attribute is one."""
    other = cl.LoggingContext(gated.provider)
    other.default_level = cl.DEBUG
    gated.ctx.add_rule(
        cl.ConditionRule(cl.DEBUG, cl.Realm("otel_ctxlog")), cl.ConditionRule(cl.DEBUG, cl.Realm("shop/db"))
    )

    other.logger().debug("unnamed")
    other.logger(cl.Attribute("logger.name", "shop.db")).debug("one name too many")

    assert gated.bodies() == ["one name too many"]


def test_sources_see_the_context_without_the_mark(ungated: Gated) -> None:
    """What another context's gate reads is the very context of the call, so that its cache knows it, too."""
    seen: list[object] = []

    class Source:
        def attributes(self, context: Context) -> dict[str, object]:
            seen.append(context)
            return {"known": 1}

    watching = cl.LoggingContext(ungated.provider, sources=[Source()])
    watching.add_rule(cl.ConditionRule(cl.INFO, cl.Attribute("known", 1)))
    ungated.gate(ctx=watching)
    made = of_tenant("acme")

    with current(made):
        ungated.ctx.logger().info("m")

    assert ungated.bodies() == ["m"]
    assert seen
    assert all(one is made for one in seen)


def test_each_of_two_gates_knows_its_own(ungated: Gated) -> None:
    """A second pipeline with rules of its own gets what these let through, of the first one's records too."""
    ungated.gate()
    errors, only_errors = InMemoryLogRecordExporter(), cl.LoggingContext()  # type: ignore[no-untyped-call]
    only_errors.default_level = cl.ERROR
    ungated.gate(SimpleLogRecordProcessor(errors), only_errors)

    ungated.ctx.logger().info("info")
    ungated.ctx.logger().error("error")

    assert ungated.bodies() == ["info", "error"]
    assert [record.log_record.body for record in errors.get_finished_logs()] == ["error"]


def test_the_mark_reaches_processors_in_other_threads(ungated: Gated) -> None:
    """A provider that calls its processors in a pool of threads asks no rule a second time either."""
    multi = ConcurrentMultiLogRecordProcessor()
    provider = LoggerProvider(shutdown_on_exit=False, multi_log_record_processor=multi)
    ctx = cl.LoggingContext(provider)
    ctx.add_rule(TAGGED)
    threads: list[str] = []

    class Watching(SimpleLogRecordProcessor):
        def on_emit(self, log_record: ReadWriteLogRecord) -> None:
            threads.append(threading.current_thread().name)
            super().on_emit(log_record)

    provider.add_log_record_processor(ContextRuleProcessor(Watching(ungated.exporter), ctx))

    ctx.logger(cl.Tag("audit")).debug("m")
    provider.shutdown()
    multi._executor.shutdown()

    assert ungated.bodies() == ["m"]
    assert threads != [threading.current_thread().name]


def test_in_front_of_a_batch(ungated: Gated) -> None:
    """A batch processor behind a gate, and another one before it, change nothing."""
    before = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    ungated.provider.add_log_record_processor(BatchLogRecordProcessor(before))
    ungated.gate(BatchLogRecordProcessor(ungated.exporter))
    ungated.ctx.add_rule(TAGGED, cl.ConditionRule(cl.DEBUG, cl.BaggageEntry("tenant", "acme")))

    with current(of_tenant("acme")):
        ungated.provider.get_logger("other").emit(severity_number=SeverityNumber.DEBUG, body="tenant")
    ungated.provider.get_logger("other").emit(severity_number=SeverityNumber.DEBUG, body="nobody")
    ungated.ctx.logger(cl.Tag("audit")).debug("tag")

    assert ungated.provider.force_flush()
    assert ungated.bodies() == ["tenant", "tag"]
    assert [record.log_record.body for record in before.get_finished_logs()] == ["tenant", "nobody", "tag"]


def test_what_a_processor_logs_meanwhile_is_asked(ungated: Gated) -> None:
    """The mark is on one record, and not on those that are made while it is processed."""

    class Noisy(SimpleLogRecordProcessor):
        def on_emit(self, log_record: ReadWriteLogRecord) -> None:
            super().on_emit(log_record)
            if log_record.log_record.body == "tagged":
                noise.emit(severity_number=SeverityNumber.DEBUG, body="noise")

    noise = ungated.provider.get_logger("noise")
    ungated.gate(Noisy(ungated.exporter))
    ungated.ctx.add_rule(TAGGED)

    ungated.ctx.logger(cl.Tag("audit")).debug("tagged")

    assert ungated.bodies() == ["tagged"]


def test_without_a_gate_a_record_has_the_very_context_of_its_call(ungated: Gated) -> None:
    """No gate, no mark; and a gate that is shut down or gone leaves none behind."""
    ungated.provider.add_log_record_processor(SimpleLogRecordProcessor(ungated.exporter))
    ctx = ungated.ctx
    made = of_tenant("acme")
    gate = ContextRuleProcessor(SimpleLogRecordProcessor(InMemoryLogRecordExporter()), ctx)  # type: ignore[no-untyped-call]
    forgotten = ContextRuleProcessor(SimpleLogRecordProcessor(InMemoryLogRecordExporter()), ctx)  # type: ignore[no-untyped-call]

    with current(made):
        ctx.logger().info("marked")
        gate.shutdown()
        del forgotten
        ctx.logger().info("plain")

    marked, plain = (record.log_record.context for record in ungated.records())
    assert plain is made
    assert marked is not made
    assert marked is not None
    assert {key: marked[key] for key in made} == made
    assert context.get_current() == context.Context()
