"""End to end: records through the SDK's batch processor and OTLP exporter to a receiver in another process.

Only the sender's CPU time counts, that of its exporting threads included: what logging takes away from the service. All
send the same records, as far as they can; structlog and loguru through the LoggingHandler, as one does. All share the
SDK's processor and exporter, with their defaults but for a longer queue; what `setup()` makes is a row of its own.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from functools import partial
from time import process_time
from typing import TYPE_CHECKING

import structlog
from loguru import logger as loguru_logger
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.environment_variables import OTEL_BLRP_MAX_QUEUE_SIZE

import otel_ctxlog as cl
from benchmarks.model import Case, Cases, Library, Unit, group
from benchmarks.rivals import SCOPE, info, logging_handler, names, stdlib_logger
from benchmarks.shop import FIELDS, provider, span_only
from benchmarks.timing import UNROLLED, calls

if TYPE_CHECKING:
    from typing import IO

RECORDS = 3_000
QUEUE = 2 * RECORDS
FLUSH_MILLIS = 60_000
Exporters = Callable[[str], LogRecordExporter]


class _Receiving:
    """The receiver's process, which says how many records came."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        answers, questions = process.stdout, process.stdin
        if answers is None or questions is None:
            raise RuntimeError("the receiver's process has no pipes")
        self._answers: IO[str] = answers
        self._questions: IO[str] = questions
        self.http, self.grpc = answers.readline().split()

    def received(self) -> int:
        """Return how many records came since the question before."""
        self._questions.write("\n")
        self._questions.flush()
        return int(self._answers.readline())


@contextmanager
def _receiving() -> Generator[_Receiving, None, None]:
    command = [sys.executable, "-m", "benchmarks.receiving"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield _Receiving(process)


def _sending(scenario: str, library: Library, receiving: _Receiving, log: object, flush: Callable[[], object]) -> Case:
    fields = dict(list(FIELDS.items())[:3])
    write = calls(info(library, fields), names(log, fields))

    def sample(loops: int) -> float:
        begin = process_time()
        write(loops)
        flush()
        spent = process_time() - begin
        came = receiving.received()
        if came != loops * UNROLLED:
            raise RuntimeError(f"{came} of {loops * UNROLLED} records arrived: the measurement is not one of all")
        return spent

    sample(1)  # connects
    return Case(
        f"{scenario}, records per CPU-second", library, sample, Unit.RATE, inner=UNROLLED, loops=RECORDS // UNROLLED
    )


def _loguru(target: LoggerProvider) -> object:
    loguru_logger.remove()
    loguru_logger.add(logging_handler(target), level="INFO", format="{message}")
    return loguru_logger


def _structlog(target: LoggerProvider) -> object:
    return structlog.wrap_logger(
        stdlib_logger(logging_handler(target)),
        processors=[structlog.contextvars.merge_contextvars, structlog.stdlib.render_to_log_kwargs],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    ).bind()


_LOGGERS: dict[Library, Callable[[LoggerProvider], object]] = {
    Library.OURS: lambda target: cl.LoggingContext(target).unbound_logger(cl.Name(SCOPE)),
    Library.STRUCTLOG: _structlog,
    Library.LOGURU: _loguru,
    Library.HANDLER: lambda target: stdlib_logger(logging_handler(target)),
    Library.RAW: lambda target: target.get_logger(SCOPE),
}


@contextmanager
def _room_for_all() -> Generator[None, None, None]:
    """Have queues that are made in the block take all records of a sample: none may be lost in a measurement."""
    before = os.environ.get(OTEL_BLRP_MAX_QUEUE_SIZE)
    os.environ[OTEL_BLRP_MAX_QUEUE_SIZE] = str(QUEUE)
    try:
        yield
    finally:
        os.environ.pop(OTEL_BLRP_MAX_QUEUE_SIZE)
        if before is not None:
            os.environ[OTEL_BLRP_MAX_QUEUE_SIZE] = before


def _end_to_end(protocol: str, shown: str, exporter: Callable[[_Receiving], LogRecordExporter]) -> Cases:
    cases: list[Case] = []
    with _receiving() as receiving, span_only(), ExitStack() as down:
        for library, make in _LOGGERS.items():
            with _room_for_all():
                target = provider(BatchLogRecordProcessor(exporter(receiving)))
            down.callback(target.shutdown)
            flush = partial(target.force_flush, FLUSH_MILLIS)
            cases.append(_sending(f"end to end over OTLP/{shown}", library, receiving, make(target), flush))
        endpoint = receiving.grpc if protocol == "grpc" else receiving.http
        with _room_for_all():
            telemetry = cl.setup(
                service_name="shop", endpoint=endpoint, protocol=protocol, traces_exporter="none", set_global=False
            )
        down.callback(telemetry.shutdown)
        log = telemetry.logging.unbound_logger(cl.Name(SCOPE))
        flush = partial(telemetry.flush, FLUSH_MILLIS / 1e3)
        scenario = f"end to end over OTLP/{shown}, pipeline of `setup()`"
        yield [*cases, _sending(scenario, Library.OURS, receiving, log, flush)]


@group(rounds=4)
def over_http() -> Cases:
    """OTLP over HTTP, protobuf, not compressed: the exporter's defaults."""
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter

    yield from _end_to_end(
        "http/protobuf", "HTTP", lambda receiving: OTLPLogExporter(endpoint=f"{receiving.http}/v1/logs")
    )


@group(rounds=4)
def over_grpc() -> Cases:
    """OTLP over gRPC, not compressed: the exporter's defaults."""
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter

    yield from _end_to_end("grpc", "gRPC", lambda receiving: OTLPLogExporter(endpoint=receiving.grpc, insecure=True))
