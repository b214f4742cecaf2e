"""Section 7 of the contract: names and realms must be few, 1,000 scope names per target."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

import otel_ctxlog as cl

from .emitted import attributes, only

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk._logs import ReadableLogRecord

    from .emitted import AnyLogger, Records
    from .records import RecordingSink


def _scope(record: ReadableLogRecord) -> str:
    scope = record.instrumentation_scope
    assert scope is not None
    return scope.name


NAMED: dict[str, Callable[[cl.LoggingContext, str], AnyLogger]] = {
    "with_name": lambda c, n: c.logger().with_name(n),
    "Name": lambda c, n: c.logger(cl.Name(n)),
    "Realm": lambda c, n: c.logger(cl.Realm(n)),
    "unbound": lambda c, n: c.unbound_logger(cl.Realm(n)),
}


@pytest.mark.parametrize("way", NAMED)
def test_the_first_thousand_names_are_scopes(
    way: str, ctx: cl.LoggingContext, records: Records, diagnostics: list[logging.LogRecord]
) -> None:
    """1,000 scope names are let through as they are, and nothing is said about it."""
    for i in range(1000):
        NAMED[way](ctx, f"n{i}").info("m")

    assert [_scope(record) for record in records()] == [f"n{i}" for i in range(1000)]
    assert not any("logger.name" in attributes(record) for record in records())
    assert diagnostics == []


@pytest.mark.parametrize("way", NAMED)
def test_further_names_go_out_under_the_common_scope(
    way: str, ctx: cl.LoggingContext, records: Records, diagnostics: list[logging.LogRecord]
) -> None:
    """Beyond 1,000, names go out under `otel_ctxlog` with the name in attribute `logger.name`: one diagnostic."""
    for i in range(1010):
        NAMED[way](ctx, f"n{i}").info("m", k=i)

    late = records()[1000:]
    assert [_scope(record) for record in late] == ["otel_ctxlog"] * 10
    assert [attributes(record)["logger.name"] for record in late] == [f"n{i}" for i in range(1000, 1010)]
    assert [attributes(record)["k"] for record in late] == list(range(1000, 1010))
    assert [record.levelno for record in diagnostics] == [logging.ERROR]


def test_known_names_stay_scopes(ctx: cl.LoggingContext, records: Records) -> None:
    """The first 1,000 stay scopes after the limit was met, for loggers old and new."""
    early = ctx.logger().with_name("n5")
    for i in range(1005):
        ctx.logger().with_name(f"n{i}").info("m")

    early.info("m")
    ctx.logger(cl.Realm("n7")).info("m")

    assert [_scope(record) for record in records()[-2:]] == ["n5", "n7"]


def test_the_limit_is_for_each_target(ctx: cl.LoggingContext) -> None:
    """The limit is per target: another provider has its own thousand."""
    for i in range(1001):
        ctx.logger().with_name(f"n{i}").info("m")
    exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))

    cl.LoggingContext(provider).logger().with_name("fresh").info("m")

    assert [_scope(record) for record in exporter.get_finished_logs()] == ["fresh"]
    provider.shutdown()


def test_contexts_on_one_target_share_its_limit(provider: LoggerProvider, records: Records) -> None:
    """The limit is per target: contexts on one provider share it, nested ones and repeated `set_target` included."""
    first, second = cl.LoggingContext(provider), cl.LoggingContext(provider)
    for i in range(600):
        first.logger().with_name(f"a{i}").info("m")
        second.logger().with_name(f"b{i}").info("m")
    first.set_target(provider)
    for i in range(600):
        first.with_context(cl.Tag("t")).logger().with_name(f"c{i}").info("m")

    assert len({_scope(record) for record in records()} - {"otel_ctxlog"}) == 1000


def test_events_are_limited_too(ctx: cl.LoggingContext, records: Records) -> None:
    """Names beyond the limit go to the attribute on events as well."""
    for i in range(1001):
        ctx.eventer(cl.Name(f"n{i}")).event("t")

    assert _scope(records()[999]) == "n999"
    assert _scope(records()[1000]) == "otel_ctxlog"
    assert attributes(records()[1000])["logger.name"] == "n1000"


def test_a_sink_gets_every_name(sink: RecordingSink, diagnostics: list[logging.LogRecord]) -> None:
    """A `LogSink` has no scopes: it gets every name and realm as it is."""
    ctx = cl.LoggingContext(sink)
    for i in range(1100):
        ctx.logger(cl.Realm(f"r{i}")).with_name(f"n{i}").info("m")

    assert [(record["name"], record["realm"]) for record in sink.records] == [(f"n{i}", f"r{i}") for i in range(1100)]
    assert diagnostics == []


def test_threads_do_not_overrun_the_limit(
    ctx: cl.LoggingContext, records: Records, diagnostics: list[logging.LogRecord]
) -> None:
    """Threads that make names at the same time do not get more than 1,000 of them, nor lose a record."""
    barrier = threading.Barrier(8)

    def work(number: int) -> None:
        barrier.wait()
        for i in range(200):
            ctx.logger().with_name(f"n{number}.{i}").info("m", n=f"n{number}.{i}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    assert len(records()) == 1600
    scopes = {_scope(record) for record in records()}
    assert len(scopes - {"otel_ctxlog"}) == 1000
    for record in records():
        found = attributes(record)
        assert found.get("logger.name", _scope(record)) == found["n"]
    assert only(diagnostics).levelno == logging.ERROR
