"""What `setup` does to the process: global providers, propagator and default context, each in a fresh interpreter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from otel_ctxlog.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_HEAD = """
import logging, sys, threading
logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message).60s", stream=sys.stdout)
import otel_ctxlog as cl
from opentelemetry import baggage, propagate, trace
from opentelemetry._logs import get_logger, get_logger_provider, set_logger_provider
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider

def bodies(records):
    return [record.log_record.body for record in records]
"""


def test_everything_global_is_set_and_given_back(run_program: Callable[..., str]) -> None:
    """Loggers made before, the OTel globals and the default context all lead to the pipeline, until its end."""
    program = """
log = cl.log()
early = get_logger("early")
before = cl.default_context().generation
with cl.setup(exporter="memory") as telemetry:
    assert get_logger_provider() is telemetry.logger_provider
    assert trace.get_tracer_provider() is telemetry.tracer_provider
    telemetry.logging.default_level = cl.DEBUG
    log.debug("by the default context")
    early.emit(body="by the global provider")
    with trace.get_tracer("t").start_as_current_span("span"):
        telemetry.eventer.event("started")
    print(bodies(telemetry.memory.finished_logs()), [s.name for s in telemetry.memory.finished_spans()])
    event, span = telemetry.memory.finished_logs()[-1], telemetry.memory.finished_spans()[0]
    assert event.log_record.trace_id == span.context.trace_id
print(cl.default_context().default_level, cl.default_context().generation > before)
print(telemetry.shutdown(), telemetry.flush(), [t.name for t in threading.enumerate()])
"""
    assert run_program(_HEAD + program).splitlines() == [
        "['by the default context', 'by the global provider', '{\"eventType\":\"started\"}'] ['span']",
        "3 True",
        "True False ['MainThread']",
    ]


def test_providers_of_others_are_used(run_program: Callable[..., str]) -> None:
    """Providers that somebody set are logged through, without a word, and go on after `shutdown`."""
    program = """
theirs, kept = LoggerProvider(), InMemoryLogRecordExporter()
theirs.add_log_record_processor(SimpleLogRecordProcessor(kept))
set_logger_provider(theirs)
trace.set_tracer_provider(TracerProvider())
with cl.setup(service_name="ours") as telemetry:
    assert telemetry.logger_provider is theirs
    assert telemetry.tracer_provider is trace.get_tracer_provider()
    cl.log().info("hello")
    assert telemetry.flush()
get_logger("theirs").emit(body="still there")
print(bodies(kept.get_finished_logs()))
"""
    assert run_program(_HEAD + program) == "['hello', 'still there']\n"


def test_an_exporter_asked_for_wins_over_providers_of_others(run_program: Callable[..., str]) -> None:
    """Who names an exporter gets it, beside the global provider that somebody set, which stays untouched."""
    program = """
theirs, kept = LoggerProvider(), InMemoryLogRecordExporter()
theirs.add_log_record_processor(SimpleLogRecordProcessor(kept))
set_logger_provider(theirs)
with cl.setup(exporter="memory") as telemetry:
    assert get_logger_provider() is theirs
    cl.log().info("hello")
    print(bodies(telemetry.memory.finished_logs()), bodies(kept.get_finished_logs()))
"""
    assert run_program(_HEAD + program) == "['hello'] []\n"


def test_nothing_global_if_told_so(run_program: Callable[..., str]) -> None:
    """With `set_global=False` no global is touched, although the variables ask for a propagator."""
    program = """
providers, propagator = (get_logger_provider(), trace.get_tracer_provider()), propagate.get_global_textmap()
with cl.setup(exporter="memory", set_global=False) as telemetry:
    assert (get_logger_provider(), trace.get_tracer_provider()) == providers
    assert propagate.get_global_textmap() is propagator
    cl.log().info("nowhere")
    telemetry.logging.logger().info("hello")
    print(bodies(telemetry.memory.finished_logs()))
"""
    assert run_program(_HEAD + program, OTEL_PROPAGATORS="tracecontext") == "['hello']\n"


def test_a_second_setup_works_and_says_what_does_not(run_program: Callable[..., str]) -> None:
    """OpenTelemetry's globals are set once per process: the second pipeline works, one warning says for whom not."""
    program = """
for number in range(3):
    with cl.setup(exporter="memory") as telemetry:
        cl.log().info(f"hello {number}")
        if number == 0:
            get_logger("others").emit(body="others")
        print(bodies(telemetry.memory.finished_logs()))
"""
    assert run_program(_HEAD + program).splitlines() == [
        "['hello 0', 'others']",
        "otel_ctxlog WARNING OpenTelemetry sets its global providers once per process, an",
        "['hello 1']",
        "['hello 2']",
    ]


def test_a_setup_beside_another_says_what_has_no_effect(run_program: Callable[..., str]) -> None:
    """A second `setup` uses the first one's global providers: what is said about the resource then does nothing."""
    program = """
logging.getLogger().handlers[0].setFormatter(logging.Formatter("%(levelname)s %(message)s"))
first = cl.setup(exporter="memory", service_name="first")
cl.setup().shutdown()
second = cl.setup(service_name="second")
cl.log().info("hello")
assert second.shutdown()
[record] = first.memory.finished_logs()
print(record.resource.attributes["service.name"])
first.shutdown()
"""
    assert run_program(_HEAD + program).splitlines() == [
        (
            "WARNING setup() while an earlier one is alive: log records and spans go through its providers, for which"
            " service_name='second' has no effect. Call shutdown() of the earlier one first, name an exporter, or pass"
            " set_global=False."
        ),
        "first",
    ]


def test_a_misspelled_propagator_is_an_error_of_setup(run_program: Callable[..., str]) -> None:
    """OpenTelemetry reads the variable at an import of its own; our error comes first, and alone."""
    program = """
import otel_ctxlog as cl
try:
    cl.setup(exporter="none")
except ValueError as error:
    print(error, error.__context__)
"""
    found = run_program(program, OTEL_PROPAGATORS="tracecontext,bagage")

    assert found.startswith("OTEL_PROPAGATORS is 'bagage', allowed: ")
    assert found.endswith("; did you mean 'baggage'? None\n")


@pytest.mark.parametrize(
    ("variables", "argument", "expected"),
    [
        ({}, "None", "['baggage', 'traceparent', 'tracestate']"),
        ({"OTEL_PROPAGATORS": "baggage"}, "None", "['baggage']"),
        ({"OTEL_PROPAGATORS": "baggage"}, "'tracecontext'", "['traceparent', 'tracestate']"),
        ({"OTEL_PROPAGATORS": "none"}, "None", "[]"),
        ({}, "'tracecontext, baggage'", "['baggage', 'traceparent', 'tracestate']"),
    ],
)
def test_propagators(variables: dict[str, str], argument: str, expected: str, run_program: Callable[..., str]) -> None:
    """The default is OpenTelemetry's, the variable chooses, an argument wins; the one before comes back."""
    program = f"""
before = propagate.get_global_textmap()
with cl.setup(exporter="none", propagators={argument}):
    print(sorted(propagate.get_global_textmap().fields))
assert propagate.get_global_textmap() is before
"""
    assert run_program(_HEAD + program, **variables) == f"{expected}\n"


def test_the_end_of_the_interpreter_exports(run_program: Callable[..., str], tmp_path: Path) -> None:
    """A program that never calls `shutdown` loses nothing at its normal end."""
    path = tmp_path / "out.jsonl"
    program = f"""
cl.setup(exporter="file:{path}", traces_exporter="none")
cl.log().info("at the last moment")
"""
    run_program(_HEAD + program)

    assert "at the last moment" in path.read_text(encoding="utf-8")


def test_a_forked_child_exports_its_own(run_program: Callable[..., str], tmp_path: Path) -> None:
    """After a fork both processes export what they logged, once."""
    path = tmp_path / "out.jsonl"
    program = f"""
import os, warnings
warnings.simplefilter("ignore", DeprecationWarning)
telemetry = cl.setup(exporter="file:{path}", traces_exporter="none")
cl.log().info("before")
assert telemetry.flush()
child = os.fork()
cl.log().info("child" if child == 0 else "parent")
ended = telemetry.shutdown()
if child == 0:
    os._exit(0 if ended else 1)
assert os.waitpid(child, 0)[1] == 0
"""
    run_program(_HEAD + program)

    text = path.read_text(encoding="utf-8")
    assert [text.count(f'"stringValue":"{word}"') for word in ("before", "child", "parent")] == [1, 1, 1]


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_worker_of_multiprocessing_exports(method: str, protocol: str, run_program: Callable[..., str]) -> None:
    """A worker leaves by `os._exit`; what it logged through an inherited or an own pipeline arrives all the same."""
    program = """
import multiprocessing, warnings
warnings.simplefilter("ignore", DeprecationWarning)
import otel_ctxlog as cl

def forked():
    cl.log().info("worker")

def spawned():
    cl.setup(traces_exporter="none")
    cl.log().info("worker")

if __name__ == "__main__":
    method = METHOD
    if method == "fork":
        telemetry = cl.setup(traces_exporter="none")
        cl.log().info("parent")
        assert telemetry.flush(10)
    worker = multiprocessing.get_context(method).Process(target=forked if method == "fork" else spawned)
    worker.start()
    worker.join(30)
    print(worker.exitcode)
""".replace("METHOD", repr(method))
    with Receiver(http_port=0, grpc_port=0) as receiver:
        endpoint = receiver.grpc_endpoint if protocol == "grpc" else receiver.http_endpoint
        variables = {"OTEL_EXPORTER_OTLP_PROTOCOL": protocol, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
        printed = run_program(program, **variables)
        bodies = [record.body for record in receiver.records]

    assert printed == "0\n"
    assert bodies == (["parent", "worker"] if method == "fork" else ["worker"])


def test_a_choice_made_since_is_kept(run_program: Callable[..., str]) -> None:
    """`shutdown` gives the default context back only if nobody has chosen another one since."""
    program = """
telemetry = cl.setup(exporter="memory")
chosen = cl.LoggingContext()
chosen.default_level = cl.TRACE
cl.set_default_context(chosen)
telemetry.shutdown()
print(cl.default_context().default_level)
"""
    assert run_program(_HEAD + program) == "5\n"
