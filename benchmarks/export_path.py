"""What a log record costs from the call to the collector, in CPU time of the sending process.

Each case runs in a process of its own, the cases of a round one after another, and sends to an
`otel_ctxlog.receiver.Receiver` in another process on loopback, which counts what it has accepted: a case that loses a
record is an error. Shown is the least of all rounds, in microseconds per record (whatever else the machine does only
adds), and the median over the rounds of the ratio to a rival. Run it with the package and its ``test`` extra
installed::

    python benchmarks/export_path.py [--rounds N] [--records N] [--only WORD]

A record has three fields, three ambient attributes (one from the baggage, two from the span), a realm as attribute or
scope, a body, severity and trace context. Records are written and flushed batch by batch, so that no queue overflows.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import process_time_ns, time_ns

from opentelemetry import baggage, context
from opentelemetry._logs import Logger, SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

import otel_ctxlog as cl

RESOURCE = {"service.name": "shop", "service.version": "1.2.3", "deployment.environment.name": "test"}
SPAN_ATTRIBUTES = {"http.route": "/cart", "user.tier": "gold"}
WARM_UP = 4
BATCH = 512


@dataclass(frozen=True)
class Case:
    """One way for records from the call to the collector, or a part of it.

    Attributes:
        title: what the table says.
        source: who writes: ``sdk`` (`Logger.emit`), ``log`` or ``event`` (this library).
        way: ``nothing`` (a processor that drops), ``queue``, ``encode``, ``serialize`` (the SDK's batch
            processor, and an exporter that drops at that stage), ``official`` (the SDK's batch processor and the
            official exporter), ``setup queue`` or ``setup`` (what `cl.setup` makes, dropped or sent).
        protocol: of OTLP.
        variables: of the environment, on top of the protocol.
        batch: records per batch.
        rival: the case that it is compared with.
    """

    title: str
    source: str
    way: str
    protocol: str = "http/protobuf"
    variables: dict[str, str] = field(default_factory=dict[str, str])
    batch: int = BATCH
    rival: str = ""


GZIP = {"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}
CASES: dict[str, Case] = {
    "emit-1": Case("`Logger.emit`, dropped at once", "sdk", "nothing"),
    "emit-2": Case("`Logger.emit`, dropped after the SDK's batch queue", "sdk", "queue"),
    "emit-3": Case("`Logger.emit`, dropped after the official encoder", "sdk", "encode"),
    "emit-4": Case("`Logger.emit`, dropped as the bytes of a request", "sdk", "serialize"),
    "emit-http-official": Case("`Logger.emit`, official, HTTP", "sdk", "official"),
    "emit-http": Case("`Logger.emit`, `setup()`, HTTP", "sdk", "setup", rival="emit-http-official"),
    "emit-grpc-official": Case("`Logger.emit`, official, gRPC", "sdk", "official", "grpc"),
    "emit-grpc": Case("`Logger.emit`, `setup()`, gRPC", "sdk", "setup", "grpc", rival="emit-grpc-official"),
    "log-1": Case("`log.info`, dropped at once", "log", "nothing"),
    "log-2": Case("`log.info`, dropped after the batch queue of `setup()`", "log", "setup queue"),
    "log-http-official": Case("`log.info`, official, HTTP", "log", "official"),
    "log-http": Case("`log.info`, `setup()`, HTTP", "log", "setup", rival="log-http-official"),
    "log-grpc-official": Case("`log.info`, official, gRPC", "log", "official", "grpc"),
    "log-grpc": Case("`log.info`, `setup()`, gRPC", "log", "setup", "grpc", rival="log-grpc-official"),
    "event-1": Case("event, dropped at once", "event", "nothing"),
    "event-http-official": Case("event, official, HTTP", "event", "official"),
    "event-http": Case("event, `setup()`, HTTP", "event", "setup", rival="event-http-official"),
    "gzip-http-official": Case("`log.info`, official, HTTP, gzip", "log", "official", variables=GZIP),
    "gzip-http": Case("`log.info`, `setup()`, HTTP, gzip", "log", "setup", variables=GZIP, rival="gzip-http-official"),
    "batch-32": Case("`log.info`, `setup()`, HTTP, batches of 32", "log", "setup", batch=32, rival="log-http"),
    "batch-128": Case("`log.info`, `setup()`, HTTP, batches of 128", "log", "setup", batch=128, rival="log-http"),
    "batch-2048": Case("`log.info`, `setup()`, HTTP, batches of 2048", "log", "setup", batch=2048, rival="log-http"),
}


class _Nothing(LogRecordProcessor):
    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        pass

    def shutdown(self) -> None:
        pass

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002
        return True


class _Dropping(LogRecordExporter):
    def __init__(self, stage: str) -> None:
        self._stage = stage

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        if self._stage == "encode":
            encode_logs(batch)
        elif self._stage == "serialize":
            encode_logs(batch).SerializeToString()
        return LogRecordExportResult.SUCCESS

    def shutdown(self) -> None:
        pass

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002
        return True


def official_exporter(protocol: str) -> LogRecordExporter:
    """Return the official exporter, which reads the endpoint's variable."""
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogExporter

        return GrpcLogExporter()
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogExporter

    return HttpLogExporter()


def pipeline(case: Case) -> tuple[LoggerProvider, cl.LoggingContext, Callable[[], object]]:
    """Return a provider, a context on top of it, and what ends them."""
    if case.way.startswith("setup"):
        exporter: str | LogRecordExporter = "otlp" if case.way == "setup" else _Dropping("queue")
        telemetry = cl.setup(
            service_name="shop",
            resource_attributes=dict(RESOURCE),
            exporter=exporter,
            traces_exporter="none",
            set_global=False,
        )
        made = telemetry.logger_provider
        if not isinstance(made, LoggerProvider):
            raise TypeError(made)
        return made, telemetry.logging, telemetry.shutdown
    provider = LoggerProvider(Resource.create(dict(RESOURCE)), shutdown_on_exit=False)
    if case.way == "nothing":
        provider.add_log_record_processor(_Nothing())
    else:
        exporter = official_exporter(case.protocol) if case.way == "official" else _Dropping(case.way)
        provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    return provider, cl.LoggingContext(provider), provider.shutdown


def call_of(source: str, logger: Logger, ctx: cl.LoggingContext) -> Callable[[int], object]:
    """Return what writes one record, given a number."""
    if source == "sdk":
        return lambda number: logger.emit(
            timestamp=time_ns(),
            severity_number=SeverityNumber.INFO,
            severity_text="INFO",
            body="price calculated",
            attributes={
                "tenant": "acme",
                **SPAN_ATTRIBUTES,
                "realm": "shop/cart",
                "net": 84.5,
                "tax": number,
                "sku": f"A-{number}",
            },
        )
    if source == "log":
        log = ctx.logger(cl.Realm("shop/cart"))
        return lambda number: log.info("price calculated", net=84.5, tax=number, sku=f"A-{number}")
    event = ctx.eventer(cl.Realm("shop/cart")).event
    return lambda number: event("priceCalculated", net=84.5, tax=number, sku=f"A-{number}")


def send(case: Case, records: int) -> None:
    """Write that many records after a warm-up, and print the CPU nanoseconds that they took."""
    provider, ctx, end = pipeline(case)
    call = call_of(case.source, provider.get_logger("shop/cart"), ctx)
    context.attach(baggage.set_baggage("tenant", "acme"))
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("benchmark")

    def some(batches: int) -> None:
        for _ in range(batches):
            for number in range(case.batch):
                call(number)
            provider.force_flush()

    with tracer.start_as_current_span("span", attributes=SPAN_ATTRIBUTES):
        some(WARM_UP)
        start = process_time_ns()
        some(records // case.batch)
        spent = process_time_ns() - start
    end()
    print(spent)


def receive() -> None:
    """Take records until standard input ends; each line there is answered by how many came since the last one."""
    from otel_ctxlog.receiver import Receiver

    with Receiver(http_port=0, grpc_port=0, max_records=10) as receiver:
        print(receiver.http_endpoint, receiver.grpc_endpoint, flush=True)
        for _ in sys.stdin:
            print(receiver.received_records, flush=True)
            receiver.clear()


def microseconds(name: str, records: int, endpoints: Sequence[str]) -> float:
    """Return the CPU time per record of one run of a case."""
    case = CASES[name]
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoints[case.protocol == "grpc"],
        "OTEL_EXPORTER_OTLP_PROTOCOL": case.protocol,
        "OTEL_BLRP_MAX_QUEUE_SIZE": "4096",
        "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": str(case.batch),
        **case.variables,
    }
    command = [sys.executable, __file__, "--send", name, "--records", str(records)]
    done = subprocess.run(command, env={**inherited, **variables}, stdout=subprocess.PIPE, text=True, check=True)
    return int(done.stdout) / (records // case.batch * case.batch) / 1000


def main() -> None:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(description="CPU time of a log record from the call to the collector")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--records", type=int, default=20_480)
    parser.add_argument("--only", default="", help="the cases whose key contains this")
    parser.add_argument("--send", help=argparse.SUPPRESS)
    parser.add_argument("--receive", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.receive:
        receive()
        return
    if arguments.send:
        send(CASES[arguments.send], arguments.records)
        return
    names = [name for name in CASES if arguments.only in name]
    spent: dict[str, list[float]] = {name: [] for name in names}
    command = [sys.executable, __file__, "--receive"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as receiver:
        if receiver.stdin is None or receiver.stdout is None:
            raise RuntimeError("no pipes to the receiver")
        endpoints = receiver.stdout.readline().split()
        for _ in range(arguments.rounds):
            for name in names:
                spent[name].append(microseconds(name, arguments.records, endpoints))
                case = CASES[name]
                receiver.stdin.write("count\n")
                receiver.stdin.flush()
                accepted = int(receiver.stdout.readline())
                sent = (arguments.records // case.batch + WARM_UP) * case.batch
                if accepted != (sent if case.way in ("official", "setup") else 0):
                    raise RuntimeError(f"{name}: {accepted} of {sent} records were accepted")
        receiver.stdin.close()
    print("| from the call to | CPU µs per record | ratio |\n|---|---:|---:|")
    for name in names:
        case, ratio = CASES[name], ""
        if case.rival in spent:
            pairs = zip(spent[name], spent[case.rival], strict=True)
            ratio = f"{statistics.median(own / other for own, other in pairs):.2f} × {CASES[case.rival].title}"
        print(f"| {case.title} | {min(spent[name]):.1f} | {ratio} |")


if __name__ == "__main__":
    main()
