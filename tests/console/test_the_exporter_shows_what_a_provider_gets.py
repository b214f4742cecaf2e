from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, SimpleLogRecordProcessor

import otel_ctxlog as cl
from otel_ctxlog.console import ConsoleExporter, HumanFormat, JsonLinesFormat


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def provider(out: io.StringIO) -> Iterator[LoggerProvider]:
    made = LoggerProvider()
    made.add_log_record_processor(SimpleLogRecordProcessor(ConsoleExporter(out, format=HumanFormat(time="none"))))
    yield made
    made.shutdown()


def test_a_contexts_records_look_as_with_the_sink(provider: LoggerProvider, out: io.StringIO) -> None:
    """The same lines come through a provider: scope as name, realm in brackets, events, exceptions."""
    ctx = cl.LoggingContext(provider)
    log = ctx.logger(cl.Realm("shop/db"), cl.Name("pool"))
    log.info("read {{rows}} rows", rows=3, ms=1.5)
    ctx.logger(cl.Realm("shop/db")).info("no name")
    ctx.logger().warn("neither")
    ctx.eventer().event("paid", total=100)
    try:
        raise ValueError("bad")  # noqa: TRY301 - its traceback is the point
    except ValueError as error:
        log.log_error(error, "failed")

    lines = out.getvalue().splitlines()
    assert lines[:6] == [
        "INFO  pool [shop/db] read 3 rows  ms=1.5",
        "INFO  [shop/db] no name",
        "WARN  neither",
        "INFO  ◆ paid  total=100",
        "ERROR pool [shop/db] failed",
        "    Traceback (most recent call last):",
    ]
    assert lines[-1] == "    ValueError: bad"


def test_records_of_others_are_shown_too(provider: LoggerProvider, out: io.StringIO) -> None:
    """Whatever an instrumentation emits: no severity, no body, a map as body, an exception without a stack."""
    logger = provider.get_logger("their.scope")
    logger.emit(LogRecord(body={"a": [1]}, attributes={"exception.type": "T", "exception.message": "m\x1b"}))
    logger.emit(LogRecord(severity_number=SeverityNumber.INFO2, severity_text="Notice", event_name="e"))

    assert out.getvalue().splitlines() == [
        '-     their.scope: {"a":[1]}',
        "    T: m\\x1b",
        "Notice their.scope: ◆ e",
    ]


def test_json_lines_have_the_whole_ids(out: io.StringIO) -> None:
    """Behind a queue and a thread the trace of the call is kept."""
    from opentelemetry.sdk.trace import TracerProvider

    provider = LoggerProvider()
    provider.add_log_record_processor(BatchLogRecordProcessor(ConsoleExporter(out, format=JsonLinesFormat())))
    tracer = TracerProvider().get_tracer("t")
    with tracer.start_as_current_span("s") as span:
        cl.LoggingContext(provider).logger().info("x")
    provider.shutdown()

    found: dict[str, Any] = json.loads(out.getvalue())
    assert found["trace_id"] == f"{span.get_span_context().trace_id:032x}"
    assert found["span_id"] == f"{span.get_span_context().span_id:016x}"


def test_it_writes_to_standard_output_of_the_moment(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a stream it follows stdout, also made before a redirection; its stream stands beside the records."""
    exporter = ConsoleExporter(format=HumanFormat(time="none"))
    provider = LoggerProvider()
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    cl.LoggingContext(provider).logger().info("x")
    print("line", file=exporter.stream)
    provider.force_flush()
    provider.shutdown()

    assert capsys.readouterr().out == "INFO  x\nline\n"


def test_importing_the_room_loads_no_sdk() -> None:
    """`import otel_ctxlog.console` loads no SDK; asking for the exporter does."""
    program = (
        "import sys, otel_ctxlog.console as console\n"
        "def sdk(): return any(name.startswith('opentelemetry.sdk') for name in sys.modules)\n"
        "before = sdk(); console.ConsoleExporter; print(before, sdk())\n"
        "assert set(console.__all__) <= {*dir(console), 'ConsoleExporter'}\n"
        "try: console.Absent\n"
        "except AttributeError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)

    assert (done.stdout, done.stderr) == (
        "False True\nmodule 'otel_ctxlog.console' has no attribute 'Absent'\n",
        "",
    )
