"""What is compared is the same work: the same records, and calls that are off for everybody."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from opentelemetry.sdk._logs import LoggerProvider, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

import otel_ctxlog as cl
from benchmarks.model import Library
from benchmarks.rivals import debug, info, names
from benchmarks.rooms.written import to_opentelemetry
from benchmarks.shop import (
    FIELDS,
    NESTED,
    REALM,
    OnlyInfo,
    baggage_rules,
    context_with,
    foreign_rules,
    mixed_rules,
    provider,
    request,
    span_only,
    span_rules,
)
from benchmarks.timing import UNROLLED, calls

OPENTELEMETRY = (Library.OURS, Library.HANDLER, Library.RAW)


def memory() -> tuple[InMemoryLogRecordExporter, LoggerProvider]:
    """A provider, and where its records end."""
    exporter: InMemoryLogRecordExporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]  # the SDK's
    return exporter, provider(SimpleLogRecordProcessor(exporter))


def record(library: Library, fields: dict[str, object]) -> dict[str, object]:
    """What the written scenarios write by this library, in a span without attributes."""
    exporter, target = memory()
    calls(info(library, fields), names(to_opentelemetry(target)[library], fields))(1)
    finished = exporter.get_finished_logs()
    assert len(finished) == UNROLLED
    one = finished[-1].log_record
    assert finished[-1].instrumentation_scope is not None
    attributes = {name: value for name, value in (one.attributes or {}).items() if not name.startswith("code.")}
    return {
        "attributes": attributes,
        "body": one.body,
        "severity": (one.severity_number, one.severity_text),
        "scope": finished[-1].instrumentation_scope.name,
        "trace": (one.trace_id, one.span_id),
        "timed": bool(one.timestamp),
    }


@pytest.mark.parametrize("fields", [{}, dict(list(FIELDS.items())[:3]), dict(FIELDS), dict(NESTED)], ids=len)
def test_written_records_are_equal(fields: dict[str, object]) -> None:
    """Body, severity, fields, scope and span are the same; only the LoggingHandler adds where the call stands."""
    with span_only():
        ours, handler, raw = (record(library, fields) for library in OPENTELEMETRY)

    assert ours == handler == raw


class Counting(OnlyInfo):
    """A processor that is asked for Info and up, and counts what comes."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        self.count += 1


@pytest.mark.parametrize("library", OPENTELEMETRY)
def test_a_call_that_is_off_writes_nothing(library: Library) -> None:
    """The debug statements write nothing, to a logger that the info statements write through."""
    counting = Counting()
    log = to_opentelemetry(provider(counting))[library]

    calls(debug(library, FIELDS), names(log, FIELDS))(1)
    after_debug = counting.count
    calls(info(library, FIELDS), names(log, FIELDS))(1)

    assert (after_debug, counting.count) == (0, UNROLLED)


@pytest.mark.parametrize("rules", [baggage_rules, span_rules, foreign_rules, mixed_rules])
@pytest.mark.parametrize("count", [10, 1_000])
def test_no_rule_of_a_rule_set_matches_a_request(rules: Callable[[int], Sequence[cl.Rule]], count: int) -> None:
    """The calls that are said to be off are off, with as many rules as are said."""
    context = context_with(rules(count))

    with request():
        decision = context.explain(cl.Realm(REALM))

    assert len(context.rules) == count
    assert (decision.level, decision.rule) == (cl.INFO, None)
