"""Faults around `ContextRuleProcessor`: nothing is raised into the host, nothing recurses, ends are passed on."""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING

import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, LogRecordExportResult, SimpleLogRecordProcessor

import otel_ctxlog as cl
from otel_ctxlog.otel.decided import GATES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk._logs import ReadableLogRecord

    from .conftest import Gated

ERROR = SeverityNumber.ERROR


class Recording(LogRecordProcessor):
    """A processor that remembers its calls."""

    def __init__(self, *, fails: bool = False, flushed: bool = True) -> None:
        self.calls: list[object] = []
        self._fails = fails
        self._flushed = flushed

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        self.calls.append(log_record.log_record.body)
        if self._fails:
            raise RuntimeError("next is broken")

    def shutdown(self) -> None:
        self.calls.append("shutdown")

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        self.calls.append(timeout_millis)
        return self._flushed


def test_a_next_that_raises_costs_its_record_and_one_diagnostic(ungated: Gated, diagnostics: list[str]) -> None:
    """The caller of an OTel logger sees nothing of it."""
    ungated.gate(Recording(fails=True))
    logger = ungated.provider.get_logger("any")

    for number in range(3):
        logger.emit(severity_number=ERROR, body=number)

    assert diagnostics == ["a log record processor of type Recording raised RuntimeError: a record is lost"]


def test_a_record_that_cannot_be_read_passes(ungated: Gated, diagnostics: list[str]) -> None:
    """A gate that fails stays open: a record too many is better than one too few."""

    class Hostile(LogRecord):
        @property
        def event_name(self) -> str:
            raise RuntimeError

        @event_name.setter
        def event_name(self, value: object) -> None:
            pass

    next = Recording()
    gate = ungated.gate(next)

    gate.on_emit(ReadWriteLogRecord(Hostile(body="hostile", severity_number=SeverityNumber.TRACE)))
    gate.on_emit(ReadWriteLogRecord(Hostile(body="hostile", severity_number=SeverityNumber.TRACE)))

    assert next.calls == ["hostile", "hostile"]
    assert diagnostics == ["a rule gate raised RuntimeError: the record passes"]


def test_a_condition_that_logs_through_the_gate_does_not_recurse_for_ever(gated: Gated) -> None:
    """Records that a condition makes while it is asked come to an end."""
    logger = gated.provider.get_logger("any")

    class Logging:
        def matches(self, messages: Sequence[object]) -> bool:
            logger.emit(severity_number=ERROR, body="from a condition")
            return True

    gated.ctx.add_rule(cl.ConditionRule(cl.ERROR, Logging()))
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(400)
    try:
        logger.emit(severity_number=ERROR, body="first")
    finally:
        sys.setrecursionlimit(limit)

    assert gated.bodies()[-1] == "first"


def test_an_exporter_that_logs_does_not_recurse_for_ever(ungated: Gated) -> None:
    """What an exporter says about itself through the same provider ends, as it does without a gate."""

    class Chatty(InMemoryLogRecordExporter):
        def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
            super().export(batch)
            ungated.provider.get_logger("exporter").emit(severity_number=ERROR, body="exporting")
            return LogRecordExportResult.SUCCESS

    ungated.exporter = Chatty()  # type: ignore[no-untyped-call]
    ungated.gate(SimpleLogRecordProcessor(ungated.exporter))

    ungated.provider.get_logger("any").emit(severity_number=ERROR, body="first")

    assert ungated.bodies()[0] == "first"
    assert len(ungated.bodies()) < 10


def test_the_ends_are_passed_on(ungated: Gated) -> None:
    """A flush with its time and its answer, and one shutdown, after which records are ignored."""
    next = Recording(flushed=False)
    gate = ungated.gate(next)

    answers = [gate.force_flush(1234), gate.force_flush()]
    gate.shutdown()
    gate.shutdown()
    ungated.provider.get_logger("any").emit(severity_number=ERROR, body="late")

    assert answers == [False, False]
    assert next.calls == [1234, 30_000, "shutdown"]
    assert not gate.enabled()


def test_next_is_asked_whether_it_wants_a_record(ungated: Gated) -> None:
    """What the rules may let through is wanted if the next processor wants it; one that raises says no no."""

    class Picky(Recording):
        def enabled(self, *, severity_number: SeverityNumber | None = None, **_: object) -> bool:
            if severity_number is None:
                raise RuntimeError
            return severity_number is ERROR

    ungated.gate(Picky())
    logger = ungated.provider.get_logger("any")

    assert logger.enabled(severity_number=ERROR)
    assert not logger.enabled(severity_number=SeverityNumber.WARN)
    assert logger.enabled()


def test_gates_that_are_gone_are_not_counted(ungated: Gated) -> None:
    """Whoever shuts a gate down, opens it or drops it, pays for no marks any more."""
    gc.collect()
    before = set(GATES.living)

    gates = [ungated.gate(Recording()) for _ in range(2)]
    assert len(GATES.living - before) == 2
    gates[0].open()
    gates.pop().shutdown()

    assert GATES.living == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_is_gated(gated: Gated) -> None:
    """Rules, caches and the mark are there in a child, for its own records."""
    gated.ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.Tag("audit")))
    gated.ctx.logger(cl.Tag("audit")).debug("parent")
    reading, writing = os.pipe()

    pid = os.fork()
    if pid == 0:
        try:
            gated.ctx.logger(cl.Tag("audit")).debug("child")
            gated.ctx.logger().debug("off")
            gated.provider.get_logger("other").emit(severity_number=SeverityNumber.DEBUG, body="off, too")
            os.write(writing, repr(gated.bodies()).encode())
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    os.close(writing)

    with os.fdopen(reading) as pipe:
        assert pipe.read() == "['parent', 'child']"
