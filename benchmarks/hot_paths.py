"""What each hot path costs, against stdlib logging, structlog and raw ``Logger.emit``, in one run.

Prints, for each path, the median of several rounds in nanoseconds, and its ratio to a rival measured in the same
rounds: the machine may be noisy, and only ratios within one run mean anything. Run it with the package and its ``test``
extra installed::

    python benchmarks/hot_paths.py [--rounds N]
"""

from __future__ import annotations

import argparse
import gc
import logging
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter_ns, time_ns

import structlog
from opentelemetry import baggage
from opentelemetry._logs import SeverityNumber
from opentelemetry.context import attach, detach, get_current
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler, LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk.trace import TracerProvider

import otel_ctxlog as cl

SPAN_ATTRIBUTES: dict[str, str | int] = {"http.route": "/cart", "http.method": "GET", "user.tier": "gold", "size": 3}


class _Nothing(LogRecordProcessor):
    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        pass

    def shutdown(self) -> None:
        pass

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002
        return True


@dataclass
class Path:
    """One measured call."""

    name: str
    call: Callable[[], object]
    rival: str | None = None
    number: int = 20_000


def provider() -> LoggerProvider:
    """Return a provider whose processor does nothing."""
    made = LoggerProvider(shutdown_on_exit=False)
    made.add_log_record_processor(_Nothing())
    return made


def tenants(count: int, condition: Callable[[str, object], cl.Condition]) -> list[cl.Rule]:
    """Return rules for that many tenants."""
    return [cl.ConditionRule(cl.DEBUG, condition("tenant", f"tenant-{number}")) for number in range(count)]


def paths() -> list[Path]:
    """Return the paths, rivals first."""
    std = logging.getLogger("benchmark")
    std.setLevel(logging.INFO)
    std.propagate = False
    std.addHandler(logging.NullHandler())
    handled = logging.getLogger("benchmark.handled")
    handled.setLevel(logging.INFO)
    handled.propagate = False
    handled.addHandler(LoggingHandler(logger_provider=provider()))
    structured = structlog.wrap_logger(None, wrapper_class=structlog.make_filtering_bound_logger(logging.INFO)).bind()
    raw = provider().get_logger("benchmark")

    plain = cl.LoggingContext(provider())
    bound = plain.logger(cl.Realm("shop/db"))
    ruled = cl.LoggingContext(provider())
    ruled.add_rule(cl.ConditionRule(cl.INFO, cl.RealmPrefix("shop")))
    by_rule = ruled.logger(cl.Realm("shop/db"))
    unbound = plain.unbound_logger(cl.Realm("shop/db"))
    baggage_10, baggage_10k = (_with_rules(tenants(count, cl.BaggageEntry)) for count in (10, 10_000))
    span_10, span_10k = (_with_rules(tenants(count, cl.SpanAttribute)) for count in (10, 10_000))
    unconcerned = cl.LoggingContext(provider())
    unconcerned.replace_rules(
        [cl.ConditionRule(cl.DEBUG, cl.Realm(f"r{number}"), cl.BaggageEntry("t", "x")) for number in range(10_000)]
    )
    off_10k = unconcerned.unbound_logger(cl.Realm("shop/db"))
    without_ambient = cl.LoggingContext(provider(), sources=()).logger(cl.Realm("shop/db"))
    many = cl.LoggingContext(provider())
    many.replace_rules(tenants(10_000, cl.BaggageEntry))
    realm = cl.Realm("shop/db")

    def emit_raw_3() -> None:
        raw.emit(
            timestamp=time_ns(),
            context=get_current(),
            severity_number=SeverityNumber.INFO,
            severity_text="INFO",
            body="row read",
            attributes={"table": "orders", "rows": 3, "cached": False},
        )

    def emit_raw_0() -> None:
        raw.emit(severity_number=SeverityNumber.INFO, severity_text="INFO", body="row read")

    def in_new_context(logger: cl.UnboundLogger) -> Callable[[], None]:
        base = get_current()

        def call() -> None:
            token = attach(baggage.set_baggage("tenant", "globex", base))
            logger.debug("row read")
            detach(token)

        return call

    def new_context_only() -> None:
        detach(attach(baggage.set_baggage("tenant", "globex", get_current())))

    return [
        Path("stdlib disabled", lambda: std.debug("row read")),
        Path("structlog disabled", lambda: structured.debug("row read")),
        Path("bound disabled, default level", lambda: bound.debug("row read"), "stdlib disabled"),
        Path("bound disabled, default level ", lambda: bound.debug("row read"), "structlog disabled"),
        Path("bound disabled, by rule", lambda: by_rule.debug("row read"), "stdlib disabled"),
        Path("unbound disabled, no rules", lambda: unbound.debug("row read"), "stdlib disabled"),
        Path("unbound disabled, 10,000 unconcerned", lambda: off_10k.debug("row read"), "stdlib disabled"),
        Path("unbound disabled, baggage, 10 rules", lambda: baggage_10.debug("row read"), "stdlib disabled"),
        Path(
            "unbound disabled, baggage, 10,000 rules",
            lambda: baggage_10k.debug("row read"),
            "unbound disabled, baggage, 10 rules",
        ),
        Path("unbound disabled, span attributes, 10 rules", lambda: span_10.debug("row read"), "stdlib disabled"),
        Path(
            "unbound disabled, span attributes, 10,000",
            lambda: span_10k.debug("row read"),
            "unbound disabled, span attributes, 10 rules",
        ),
        Path("a new OTel context", new_context_only, number=5_000),
        Path("first call in a new context, 10 rules", in_new_context(baggage_10), "a new OTel context", 5_000),
        Path(
            "first call in a new context, 10,000",
            in_new_context(baggage_10k),
            "first call in a new context, 10 rules",
            5_000,
        ),
        Path("raw emit, no attributes", emit_raw_0, number=5_000),
        Path("making a bound logger, 10,000 rules", lambda: many.logger(realm), "raw emit, no attributes", 5_000),
        Path("raw emit, 3 attributes", emit_raw_3, number=5_000),
        Path(
            "enabled, 3 attributes",
            lambda: without_ambient.info("row read", table="orders", rows=3, cached=False),
            "raw emit, 3 attributes",
            5_000,
        ),
        Path(
            "stdlib + LoggingHandler, 3 attributes",
            lambda: handled.info("row read", extra={"table": "orders", "rows": 3, "cached": False}),
            number=3_000,
        ),
        Path(
            "enabled, 3 attributes, ambient attached",
            lambda: bound.info("row read", table="orders", rows=3, cached=False),
            "stdlib + LoggingHandler, 3 attributes",
            5_000,
        ),
    ]


def _with_rules(rules: list[cl.Rule]) -> cl.UnboundLogger:
    context = cl.LoggingContext(provider())
    context.replace_rules(rules)
    return context.unbound_logger(cl.Realm("shop/db"))


def measured(path: Path) -> float:
    """Return nanoseconds per call in one round."""
    call, number = path.call, path.number
    before = perf_counter_ns()
    for _ in range(number):
        call()
    return (perf_counter_ns() - before) / number


def main(argv: list[str] | None = None) -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args(argv).rounds
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("benchmark")
    token = attach(baggage.set_baggage("tenant", "acme"))
    times: dict[str, list[float]] = {}
    with tracer.start_as_current_span("request", attributes=SPAN_ATTRIBUTES):
        everything = paths()
        gc.disable()
        for _ in range(rounds):
            for path in everything:
                times.setdefault(path.name, []).append(measured(path))
            gc.collect()
        gc.enable()
    detach(token)
    print(f"Python {sys.version.split()[0]}, median of {rounds} rounds, with a loop and a lambda around each call")
    print(f"{'path':<46}{'ns':>9}   ratio (the rival of the same run)")
    for path in everything:
        median = statistics.median(times[path.name])
        line = f"{path.name:<46}{median:>9.0f}"
        if path.rival is not None:
            ratio = statistics.median(
                own / other for own, other in zip(times[path.name], times[path.rival], strict=True)
            )
            line += f"   {ratio:.2f} × {path.rival}"
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
