"""Section 5 of the contract: the target of a context, what a sink is given, level offsets, the `sink` property."""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING, Any, cast

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider

import otel_ctxlog as cl

from .records import EMIT_KEYWORDS, RecordingSink

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.trace import Tracer

    from .records import FreshProcess

RECORD: dict[str, Any] = {
    "level": cl.INFO,
    "body": "direct",
    "attributes": {"a": 1},
    "name": "n",
    "realm": "r",
    "exception": None,
    "context": Context(),
    "timestamp": 1_700_000_000_000_000_000,
    "severity": SeverityNumber.INFO,
    "event_name": None,
}


class _StrictSink(RecordingSink):
    """A sink that takes whatever keywords come, and keeps their names."""

    def __init__(self) -> None:
        super().__init__()
        self.keywords: list[frozenset[str]] = []

    def emit(self, **record: Any) -> None:
        self.keywords.append(frozenset(record))
        super().emit(**record)


def test_the_target_may_be_a_provider(ctx: cl.LoggingContext, records: Callable[[], list[ReadableLogRecord]]) -> None:
    """`target`: an OTel `LoggerProvider`."""
    ctx.logger(cl.Realm("shop")).info("m", a=1)

    (record,) = records()
    assert record.log_record.body == "m"
    assert dict(record.log_record.attributes or {}) == {"realm": "shop", "a": 1}
    assert record.resource.attributes["service.name"] == "contract"
    assert record.instrumentation_scope is not None
    assert record.instrumentation_scope.name == "shop"


@pytest.mark.parametrize("made_by", ["logger", "unbound_logger", "logger_for"])
def test_a_sink_is_given_every_keyword(tracer: Tracer, made_by: str) -> None:
    """`emit(*, level, body, attributes, name, realm, exception, context, timestamp, severity, event_name)`."""
    sink = _StrictSink()
    ctx = cl.LoggingContext(sink)
    ctx.add_rule(cl.ConditionRule(cl.INFO))
    before = time.time_ns()
    error = ValueError("x")

    with tracer.start_as_current_span("s") as span:
        getattr(ctx, made_by)(cl.Realm("r"), cl.Realm("r/s"), cl.Name("n"), cl.Tag("t")).log_error(error, "m", a=1)
        current = otel_context.get_current()

    (record,) = sink.records
    assert sink.keywords == [EMIT_KEYWORDS]
    assert before <= cast("int", record.pop("timestamp")) <= time.time_ns()
    given = cast("Context", record.pop("context"))
    assert given == current
    assert trace.get_current_span(given) is span
    assert record == {
        "level": cl.ERROR,
        "body": "m",
        "attributes": {"realm": "r/s", "a": 1},
        "name": "n",
        "realm": "r/s",
        "exception": error,
        "severity": SeverityNumber.ERROR,
        "event_name": None,
    }
    assert isinstance(record["severity"], SeverityNumber)


def test_name_and_realm_of_a_plain_record(plain: cl.LoggingContext, sink: RecordingSink) -> None:
    """`name` is the logger's name or `""`, `realm` the last realm's name or None."""
    plain.logger().info("m")

    assert [(r["name"], r["realm"], r["exception"]) for r in sink.records] == [("", None, None)]


@pytest.mark.parametrize("made_by", ["logger", "unbound_logger"])
def test_a_sink_is_asked_after_the_rules(plain: cl.LoggingContext, sink: RecordingSink, made_by: str) -> None:
    """`enabled` is asked after the rules: not for what they hold back."""
    logger = getattr(plain, made_by)()

    logger.debug("no")
    assert sink.asked == []

    logger.info("yes")
    assert set(sink.asked) == {cl.INFO}


@pytest.mark.parametrize("made_by", ["logger", "unbound_logger"])
def test_a_sink_is_asked_before_a_record_is_built(plain: cl.LoggingContext, sink: RecordingSink, made_by: str) -> None:
    """`enabled` is asked before a record is built: a sink that is off costs no values and gets nothing."""
    called: list[str] = []
    sink.on = False
    logger = getattr(plain, made_by)().with_values(early=cl.Lazy(lambda: called.append("early")))

    logger.info("m", late=cl.Lazy(lambda: called.append("late")))
    assert sink.records == []
    assert called == []
    assert sink.asked

    sink.on = True
    logger.info("m", late=cl.Lazy(lambda: called.append("late")))
    assert len(sink.records) == 1
    assert sorted(called) == ["early", "late"]


@pytest.mark.parametrize("offset", [-1, -(10**10)])
def test_a_negative_level_offset_is_a_value_error(plain: cl.LoggingContext, sink: RecordingSink, offset: int) -> None:
    """`level_offset` is at least 0, else `ValueError`, and nothing changes."""
    generation = plain.generation
    elsewhere = RecordingSink()

    with pytest.raises(ValueError):
        cl.LoggingContext(sink, level_offset=offset)
    with pytest.raises(ValueError):
        plain.set_target(elsewhere, offset)
    with pytest.raises(ValueError):
        plain.set_target(elsewhere, level_offset=offset)
    plain.logger().info("m")

    assert plain.generation == generation
    assert (len(sink.records), len(elsewhere.records)) == (1, 0)


OFFSET_CALLS: list[tuple[Callable[[Any], None], int, SeverityNumber]] = [
    (lambda logger: logger.critical("m"), 0, SeverityNumber.FATAL),
    (lambda logger: logger.error("m"), 0, SeverityNumber.ERROR),
    (lambda logger: logger.log(1, "m"), 0, SeverityNumber.ERROR),
    (lambda logger: logger.log_error(ValueError(), "m"), 0, SeverityNumber.ERROR),
    (lambda logger: logger.v(4).error(ValueError(), "m"), 0, SeverityNumber.ERROR),
    (lambda logger: logger.warning("m"), 2, SeverityNumber.WARN),
    (lambda logger: logger.info("m"), 3, SeverityNumber.INFO),
    (lambda logger: logger.debug("m"), 4, SeverityNumber.DEBUG),
    (lambda logger: logger.trace("m"), 5, SeverityNumber.TRACE),
    (lambda logger: logger.log(8, "m"), 8, SeverityNumber.TRACE),
    (lambda logger: logger.v(3).info("m"), 3, SeverityNumber.INFO),
]
BY_LEVEL = {2: SeverityNumber.WARN, 3: SeverityNumber.INFO, 4: SeverityNumber.DEBUG}


@pytest.mark.parametrize(("call", "level", "severity"), OFFSET_CALLS)
@pytest.mark.parametrize("offset", [0, 1, 2, 10])
@pytest.mark.parametrize("made_by", ["logger", "unbound_logger", "logger_for"])
def test_the_level_offset_is_added_to_non_error_records(
    call: Callable[[Any], None], level: int, severity: SeverityNumber, offset: int, made_by: str
) -> None:
    """It is added to the level of every non-error record; `enabled`, `level` and `severity` include it."""
    sink = RecordingSink()
    ctx = cl.LoggingContext(sink, level_offset=offset)
    ctx.add_rule(cl.ConditionRule(8))

    call(getattr(ctx, made_by)())

    expected = level + offset if level else cl.ERROR
    expected_severity = BY_LEVEL.get(expected, SeverityNumber.TRACE) if level else severity
    assert [(r["level"], r["severity"]) for r in sink.records] == [(expected, expected_severity)]
    assert set(sink.asked) == {expected}


def test_the_level_offset_shows_in_the_records_of_a_provider(
    ctx: cl.LoggingContext, provider: LoggerProvider, records: Callable[[], list[ReadableLogRecord]]
) -> None:
    """The offset is part of the severity of an OTel record, number and text."""
    ctx.set_target(provider, 1)

    ctx.logger().error("e")
    ctx.logger().warn("w")
    ctx.logger().info("i")

    seen = [(r.log_record.severity_text, r.log_record.severity_number) for r in records()]
    expected = [("ERROR", SeverityNumber.ERROR), ("INFO", SeverityNumber.INFO), ("DEBUG", SeverityNumber.DEBUG)]
    assert seen == expected


def test_rules_do_not_see_the_level_offset(sink: RecordingSink) -> None:
    """The offset is added on the way to the target: what is let through is decided without it."""
    ctx = cl.LoggingContext(sink, level_offset=5)

    ctx.logger().info("yes")
    ctx.logger().debug("no")

    assert sink.bodies == ["yes"]
    assert ctx.logger().enabled(cl.INFO)
    assert ctx.explain().level == cl.INFO


@pytest.mark.parametrize("made_by", ["logger", "unbound_logger"])
def test_a_nested_context_has_the_offset_of_the_target_it_uses(sink: RecordingSink, made_by: str) -> None:
    """The offset belongs to the target: without an own target a nested context has the base's, else its own."""
    own = RecordingSink()
    base = cl.LoggingContext(sink, level_offset=2)
    nested = base.with_context()

    getattr(nested, made_by)().info("base's")
    nested.set_target(own)
    getattr(nested, made_by)().info("own")
    nested.set_target(own, level_offset=1)
    getattr(nested, made_by)().info("own, offset")
    nested.set_target(None)
    base.set_target(sink, level_offset=3)
    getattr(nested, made_by)().info("base's, live")
    getattr(cl.LoggingContext(own, base=base, level_offset=4), made_by)().info("made so")

    assert [(r["body"], r["level"]) for r in sink.records] == [("base's", 5), ("base's, live", 6)]
    assert [(r["body"], r["level"]) for r in own.records] == [("own", 3), ("own, offset", 4), ("made so", 7)]


def test_the_sink_of_a_context_includes_the_offset(sink: RecordingSink) -> None:
    """`sink`: offset included, in `enabled`, level and severity; errors as they are."""
    ctx = cl.LoggingContext(sink, level_offset=1)

    ctx.sink.emit(**RECORD)
    error: dict[str, Any] = {**RECORD, "level": cl.ERROR, "severity": SeverityNumber.ERROR}
    fatal: dict[str, Any] = {**error, "severity": SeverityNumber.FATAL}
    ctx.sink.emit(**error)
    ctx.sink.emit(**fatal)
    assert ctx.sink.enabled(cl.INFO)

    changed = {**RECORD, "level": cl.DEBUG, "severity": SeverityNumber.DEBUG}
    assert sink.records[0] == changed
    assert [(r["level"], r["severity"]) for r in sink.records[1:]] == [
        (cl.ERROR, SeverityNumber.ERROR),
        (cl.ERROR, SeverityNumber.FATAL),
    ]
    assert sink.asked[-1] == cl.DEBUG


def test_the_sink_asks_the_target(sink: RecordingSink) -> None:
    """`sink.enabled` is that of the target."""
    ctx = cl.LoggingContext(sink)
    sink.on = False

    assert not ctx.sink.enabled(cl.ERROR)


def test_the_sink_is_usable_without_holding_its_context(
    provider: LoggerProvider, records: Callable[[], list[ReadableLogRecord]]
) -> None:
    """`sink` is usable without holding its context, of a root and of a nested one, on a sink and on a provider."""
    target = RecordingSink()
    sinks = [
        cl.LoggingContext(target, level_offset=1).sink,
        cl.LoggingContext(target).with_context(cl.Tag("t")).sink,
        cl.LoggingContext(provider).sink,
        cl.LoggingContext(provider).with_context(cl.Tag("t")).sink,
    ]
    gc.collect()

    for one in sinks:
        assert one.enabled(cl.INFO)
        one.emit(**RECORD)

    assert [r["level"] for r in target.records] == [cl.DEBUG, cl.INFO]
    emitted = [r.log_record for r in records()]
    assert [(r.body, r.timestamp, r.severity_text) for r in emitted] == [("direct", RECORD["timestamp"], "INFO")] * 2
    assert [dict(r.attributes or {}) for r in emitted] == [{"a": 1}] * 2


@pytest.mark.parametrize("made_by", ["logger", "unbound_logger"])
def test_a_new_target_is_used_by_loggers_that_exist(
    plain: cl.LoggingContext, sink: RecordingSink, made_by: str
) -> None:
    """`set_target`: a logger's sink is always live, in nested contexts too."""
    elsewhere = RecordingSink()
    plain.add_rule(cl.ConditionRule(cl.INFO, cl.Tag("by rule")))
    loggers = [
        getattr(owner, made_by)(*messages)
        for owner in (plain, plain.with_context())
        for messages in ((), (cl.Tag("by rule"),))
    ]

    for logger in loggers:
        logger.info("first")
    plain.set_target(elsewhere, level_offset=1)
    for logger in loggers:
        logger.info("second")
    plain.set_target(sink)
    for logger in loggers:
        logger.info("third")

    assert sink.bodies == ["first"] * 4 + ["third"] * 4
    assert elsewhere.bodies == ["second"] * 4
    assert {r["level"] for r in elsewhere.records} == {cl.DEBUG}


def test_set_target_none_inherits_again(plain: cl.LoggingContext, sink: RecordingSink) -> None:
    """`set_target(None)`: inherit again; whatever was set in the nested context does not show in the base."""
    own = RecordingSink()
    nested = cl.LoggingContext(own, base=plain, sources=())

    nested.logger().info("own")
    plain.logger().info("base")
    nested.set_target(None)
    nested.logger().info("inherited")

    assert own.bodies == ["own"]
    assert sink.bodies == ["base", "inherited"]


GLOBAL = """
    import otel_ctxlog as cl
    from opentelemetry import _logs
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

    exporter = InMemoryLogRecordExporter()
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))

    def bodies():
        return [r.log_record.body for r in exporter.get_finished_logs()]
    """


def test_without_target_and_base_it_is_the_global_provider(fresh_process: FreshProcess) -> None:
    """With neither target nor base: the global OTel provider, so that one set later is used."""
    printed = fresh_process(
        GLOBAL
        + """
    contexts = [cl.LoggingContext(), cl.LoggingContext(level_offset=1), cl.default_context()]
    loggers = [logger for ctx in contexts for logger in (ctx.logger(), ctx.unbound_logger(cl.Realm("r")))]
    loggers += [ctx.with_context(cl.Tag("t")).logger() for ctx in contexts]
    sinks = [ctx.sink for ctx in contexts]
    for logger in loggers:
        logger.error("too early")
    _logs.set_logger_provider(provider)
    for i, logger in enumerate(loggers):
        logger.info(str(i))
    print(bodies())
    print([r.log_record.severity_text for r in exporter.get_finished_logs()])
    print([r.instrumentation_scope.name for r in exporter.get_finished_logs()])
    """
    )

    assert printed.splitlines() == [
        str([str(i) for i in range(9)]),
        str(["INFO", "INFO", "DEBUG", "DEBUG", "INFO", "INFO", "INFO", "DEBUG", "INFO"]),
        str(["otel_ctxlog", "r"] * 3 + ["otel_ctxlog"] * 3),
    ]


def test_a_root_without_target_again_has_the_global_provider(fresh_process: FreshProcess) -> None:
    """`set_target(None)` of a root: inherit again, that is the global provider."""
    printed = fresh_process(
        GLOBAL
        + """
    _logs.set_logger_provider(provider)
    other = LoggerProvider(shutdown_on_exit=False)
    ctx = cl.LoggingContext(other)
    logger = ctx.logger()
    logger.info("other")
    ctx.set_target(None)
    logger.info("global")
    print(bodies())
    """
    )

    assert printed == "['global']"
