"""Our sink for providers: limits, scopes, and a global provider that comes late."""

from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
import textwrap
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from opentelemetry import baggage, context
from opentelemetry.sdk._logs import LoggerProvider, LogRecordLimits, ReadableLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

import otel_ctxlog as cl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.filterwarnings("ignore:Log record attributes were dropped due to limits")


def _provider(exporter: InMemoryLogRecordExporter, limit: int | None = None) -> LoggerProvider:
    provider = LoggerProvider(shutdown_on_exit=False, log_record_limits=LogRecordLimits(max_attributes=limit))
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    return provider


@pytest.fixture
def emitted() -> Iterator[Callable[[int | None], tuple[cl.LoggingContext, Callable[[], list[ReadableLogRecord]]]]]:
    """Return what makes a context on a provider with a limit, and what returns its records."""
    providers: list[LoggerProvider] = []

    def make(limit: int | None) -> tuple[cl.LoggingContext, Callable[[], list[ReadableLogRecord]]]:
        exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
        providers.append(_provider(exporter, limit))
        return cl.LoggingContext(providers[-1]), lambda: list(exporter.get_finished_logs())

    yield make
    for provider in providers:
        provider.shutdown()


@pytest.mark.parametrize("error", [None, ValueError("x")], ids=["plain", "exception"])
@pytest.mark.parametrize("limit", range(1, 12))
def test_ambient_attributes_are_the_first_to_go(
    emitted: Callable[[int | None], tuple[cl.LoggingContext, Callable[[], list[ReadableLogRecord]]]],
    limit: int,
    error: BaseException | None,
) -> None:
    """Whatever the limit, no explicit attribute and no `exception.*` goes while an ambient one is left."""
    ctx, records = emitted(limit)
    made = context.get_current()
    for name in ("ambient.1", "ambient.2", "ambient.3", "both"):
        made = baggage.set_baggage(name, "x", made)
    token = context.attach(made)
    try:
        ctx.logger(cl.Realm("r"), cl.Attribute("own", 1)).with_values(both=2).log_error(error or "text", "m", call=3)
    finally:
        context.detach(token)

    names = list(records()[0].log_record.attributes or {})
    explicit = {"realm", "own", "both", "call"} | (
        {"error"} if error is None else {"exception.type", "exception.message", "exception.stacktrace"}
    )
    assert len(names) == min(limit, len(explicit) + 3)
    if limit <= len(explicit):
        assert set(names) <= explicit
    else:
        assert explicit <= set(names)


def test_beyond_a_thousand_names_records_go_out_under_our_own_scope(
    emitted: Callable[[int | None], tuple[cl.LoggingContext, Callable[[], list[ReadableLogRecord]]]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Name 1,001 and all after it: scope `otel_ctxlog`, the name in `logger.name`, one diagnostic; nothing is lost."""
    ctx, records = emitted(None)
    other = cl.LoggingContext(base=ctx)
    with caplog.at_level(logging.ERROR, "otel_ctxlog"):
        for number in range(1005):
            (ctx if number % 2 else other).logger().with_name(f"n{number}").info("m")
        ctx.logger().with_name("n7").info("known")
        ctx.unbound_logger(cl.Realm("n1002")).info("realm")

    scopes = [record.instrumentation_scope.name if record.instrumentation_scope else "" for record in records()]
    names = [(record.log_record.attributes or {}).get("logger.name") for record in records()]
    assert scopes == [*(f"n{number}" for number in range(1000)), *["otel_ctxlog"] * 5, "n7", "otel_ctxlog"]
    assert names == [None] * 1000 + [f"n{number}" for number in range(1000, 1005)] + [None, "n1002"]
    assert len([record for record in caplog.records if "1000" in record.getMessage()]) == 1


def test_two_contexts_on_one_provider_share_the_limit(
    emitted: Callable[[int | None], tuple[cl.LoggingContext, Callable[[], list[ReadableLogRecord]]]],
) -> None:
    """The limit of scope names is the target's: a second context on the same provider does not start anew."""
    exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    provider = _provider(exporter)
    one, other = cl.LoggingContext(provider), cl.LoggingContext(provider)
    for number in range(600):
        one.logger(cl.Realm(f"one {number}")).info("m")
        other.logger(cl.Realm(f"other {number}")).info("m")
    provider.shutdown()

    scopes = {
        record.instrumentation_scope.name for record in exporter.get_finished_logs() if record.instrumentation_scope
    }
    assert len(scopes) == 1001


def test_a_provider_goes_with_its_last_context() -> None:
    """The table of scopes keeps no provider alive."""
    provider = _provider(InMemoryLogRecordExporter())  # type: ignore[no-untyped-call]
    ctx = cl.LoggingContext(provider)
    ctx.logger(cl.Realm("r")).info("m")
    ref = weakref.ref(provider)
    provider.shutdown()
    del provider, ctx
    gc.collect()

    assert ref() is None


def test_a_global_provider_that_is_set_later_is_used(tmp_path: Path) -> None:
    """Without target and base a context follows the global provider, also one set after its first record."""
    source = """
        import otel_ctxlog as cl
        from opentelemetry._logs import set_logger_provider
        from opentelemetry.sdk._logs import LoggerProvider
        from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
        from opentelemetry.sdk.resources import Resource
        ctx = cl.LoggingContext()
        ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.ResourceAttribute("place", "here")))
        logger, bound, default, eventer = ctx.unbound_logger(), ctx.logger(), cl.log(), ctx.eventer()
        for each in (logger, bound, default): each.info("too early")
        early = logger.enabled(cl.DEBUG)
        exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
        provider = LoggerProvider(resource=Resource({"place": "here"}))
        provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
        set_logger_provider(provider)
        for each in (logger, bound, default): each.info("in time")
        logger.debug("by the resource")
        eventer.event("event")
        print(early, [record.log_record.body for record in exporter.get_finished_logs()])
    """
    path = tmp_path / "late.py"
    path.write_text(textwrap.dedent(source))
    assert cl.__file__ is not None
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    environment["PYTHONPATH"] = str(Path(cl.__file__).parent.parent)
    result = subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    expected = ["in time"] * 3 + ["by the resource", '{"eventType":"event"}']
    assert (result.stdout.strip(), result.stderr) == (f"False {expected}", "")
