"""Records and events that are written, into processors that cost nothing."""

from __future__ import annotations

import json
from time import time_ns

from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.trace import get_current_span

import otel_ctxlog as cl
from benchmarks.model import Case, Cases, Library, group
from benchmarks.rivals import SCOPE, debug, loggers, logging_handler, names, stdlib_logger, written
from benchmarks.shop import (
    EVENT_TYPE,
    FIELDS,
    INFO_TEXT,
    NESTED,
    REALM,
    ExportNothing,
    context_with,
    provider,
    span_only,
)
from benchmarks.timing import timed

PLAIN_RULE = "written, 3 fields, by a rule"
LIMITED_RULE = "written, 3 fields, by a rule with a limit and an end"

QUEUE = 1 << 17
"""Of a batch processor: more than one sample writes, so that nothing is exported or dropped meanwhile."""


def fields(count: int) -> dict[str, object]:
    """Return the first fields of an order."""
    return dict(list(FIELDS.items())[:count])


def to_opentelemetry(target: LoggerProvider) -> dict[Library, object]:
    """Return the loggers that write OpenTelemetry records, all to this provider."""
    return {
        Library.OURS: cl.LoggingContext(target).unbound_logger(cl.Name(SCOPE)),
        Library.HANDLER: stdlib_logger(logging_handler(target)),
        Library.RAW: target.get_logger(SCOPE),
    }


@group()
def by_fields() -> Cases:
    """A record with fields, in a span without attributes."""
    logs = loggers()
    bound = {Library.OURS: context_with().logger(cl.Name(SCOPE))}
    with span_only():
        yield [
            *written("written, no fields", logs, {}),
            *written("written, 3 fields", logs, fields(3)),
            *written("written, 3 fields, bound logger", bound, fields(3)),
            *written("written, 10 fields", logs, fields(10)),
            *written("written, nested fields", logs, NESTED),
        ]


@group()
def by_controlled_rules() -> Cases:
    """A record that a rule lets through: without controls, with a limit and an end, and held back by its limit."""
    rule = cl.ConditionRule(cl.INFO, cl.Realm(REALM))
    plenty = cl.Limit(1e8, burst=10**8)
    kinds: dict[str, cl.Rule] = {
        PLAIN_RULE: rule,
        LIMITED_RULE: cl.ControlledRule(rule, limit=plenty, expires="1h"),
        "written, 3 fields, by a rule with a limit per tenant": cl.ControlledRule(
            rule, limit=cl.Limit(1e8, burst=10**8, per="tenant")
        ),
        "held back by a limit, 3 fields": cl.ControlledRule(rule, limit="1/d"),
    }
    contexts = {scenario: context_with([kind]) for scenario, kind in kinds.items()}
    with span_only():
        cases: list[Case] = []
        for scenario, context in contexts.items():
            log = context.unbound_logger(cl.Realm(REALM))
            cases += written(scenario, {Library.OURS: log}, fields(3))
            if scenario != "held back by a limit, 3 fields":
                off = scenario.replace("written", "off")
                cases.append(timed(off, Library.OURS, debug(Library.OURS, fields(3)), names(log, fields(3))))
        yield cases
    for context in contexts.values():
        context.reset_rules()


def _by_span_attributes(count: int) -> Cases:
    logs = to_opentelemetry(provider())
    raw = logs.pop(Library.RAW)
    scenario = f"written, 3 fields, {count} span attributes attached"
    three = fields(3)
    by_hand = (
        "log.emit(timestamp=now(), severity_number=INFO, severity_text='INFO', "
        f"body={INFO_TEXT!r}, attributes={{**(span().attributes or {{}}), "
        f"{', '.join(f'{name!r}: {name}' for name in three)}}})"
    )
    with span_only(count):
        yield [
            *written(scenario, logs, three),
            timed(scenario, Library.RAW, by_hand, {**names(raw, three), "span": get_current_span}),
        ]


@group()
def with_3_span_attributes() -> Cases:
    """Three attributes of the span attached; raw emit by hand, the LoggingHandler attaches none."""
    yield from _by_span_attributes(3)


@group()
def with_15_span_attributes() -> Cases:
    """Fifteen attributes of the span attached, likewise."""
    yield from _by_span_attributes(15)


@group()
def into_a_batch() -> Cases:
    """A record into the SDK's batch processor: what the caller pays; the export is not counted."""
    processor = BatchLogRecordProcessor(
        ExportNothing(), schedule_delay_millis=3_600_000, max_export_batch_size=QUEUE, max_queue_size=QUEUE
    )
    logs_provider = provider(processor)
    logs = to_opentelemetry(logs_provider)
    with span_only():
        yield written("written, 3 fields, batch processor", logs, fields(3), before=processor.force_flush)
    logs_provider.shutdown()


@group()
def events() -> Cases:
    """An event with three fields; raw emit by hand, without any check of the fields."""
    logs = to_opentelemetry(provider())
    ours = context_with()
    silent = context_with([cl.ConditionRule(cl.NONE, cl.Attribute("eventType", EVENT_TYPE))])
    direct, bodiless = cl.OTelEventer(provider()), cl.OTelEventer(provider(), body=None)
    three = fields(3)
    keywords = ", ".join(f"{name}={name}" for name in three)
    pairs = ", ".join(f"{name!r}: {name}" for name in three)
    event = f"eventer.event({EVENT_TYPE!r}, {keywords})"
    text = f"dumps({{'type': {EVENT_TYPE!r}, {pairs}}}, sort_keys=True, separators=(',', ':'), ensure_ascii=False)"

    def raw(scenario: str, body: str) -> Case:
        emit = (
            "log.emit(timestamp=now(), severity_number=INFO, severity_text='INFO', "
            f"event_name={EVENT_TYPE!r}, attributes={{{pairs}, 'eventType': {EVENT_TYPE!r}}}{body})"
        )
        space = {**three, "log": logs[Library.RAW], "now": time_ns, "dumps": json.dumps, "INFO": SeverityNumber.INFO}
        return timed(scenario, Library.RAW, emit, space)

    def own(scenario: str, eventer: cl.Eventer) -> Case:
        return timed(scenario, Library.OURS, event, {**three, "eventer": eventer})

    with span_only():
        yield [
            own("event, 3 fields, with body", direct),
            raw("event, 3 fields, with body", f", body={text}"),
            own("event, 3 fields, without body", bodiless),
            raw("event, 3 fields, without body", ""),
            own("event, 3 fields, through a logging context", ours.eventer(cl.Name(SCOPE))),
            own("event, switched off by a rule", silent.eventer(cl.Name(SCOPE))),
        ]
