"""The documented calls as users write them, checked by mypy and pyright with the rest, and never run.

What a type checker should refuse is marked: an ignore that is not needed is an error, too.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from opentelemetry._logs import Logger, LoggerProvider, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.trace import TracerProvider
from typing_extensions import assert_type

import otel_ctxlog as cl
from otel_ctxlog import config, console, keyvalue, testing
from otel_ctxlog.bridges import stdlib
from otel_ctxlog.bridges.otel import ContextRuleProcessor


def levels() -> None:
    """Section 1."""
    assert_type(cl.parse_level(" Debug "), int)
    assert_type(cl.level_name(cl.DEBUG), str)
    fine: int = cl.TRACE + 3
    cl.level_name(fine)


@dataclass(frozen=True)
class Weekday:
    """An own condition."""

    depends_on: frozenset[str] = frozenset()

    def matches(self, messages: Sequence[object]) -> bool:
        """Always."""
        return bool(messages)


class Prefix:
    """An own matcher."""

    def matches_value(self, value: object) -> bool:
        """Whether it is a text."""
        return isinstance(value, str)


class Redirect:
    """An own rule."""

    def match(self, messages: Sequence[object], sink: cl.LogSink) -> cl.Verdict | None:
        """Let debug through."""
        return cl.Verdict(cl.DEBUG, sink) if messages else None


class Headers:
    """An own source."""

    def attributes(self, context: Context) -> Mapping[str, object]:
        """Nothing."""
        return {}


class Sink:
    """An own target."""

    def enabled(self, level: int) -> bool:
        """Up to debug."""
        return level <= cl.DEBUG

    def emit(
        self,
        *,
        level: int,
        body: object,
        attributes: Mapping[str, object],
        name: str,
        realm: str | None,
        exception: BaseException | None,
        context: Context | None,
        timestamp: int,
        severity: SeverityNumber,
        event_name: str | None,
    ) -> None:
        """Drop it."""


def contexts(provider: LoggerProvider) -> None:
    """Sections 2 to 6."""
    realm = cl.define_realm("shop/db", "the database")
    tag = cl.define_tag("slow")
    assert_type(realm, cl.Realm)
    assert_type(tag, cl.Tag)
    context = cl.LoggingContext(provider, level_offset=1, sources=(cl.BaggageSource(), cl.SpanSource(), Headers()))
    cl.LoggingContext(Sink())
    context.add_rule(
        cl.ConditionRule(cl.DEBUG, cl.RealmPrefix("shop"), cl.Not(cl.Tag("noisy"))),
        cl.ConditionRule(
            cl.TRACE, cl.Or(cl.BaggageEntry("tenant", "a"), cl.SpanAttribute("http.route", cl.Glob("/a*")))
        ),
        cl.ConditionRule(cl.INFO, Weekday(), cl.Attribute("name", Prefix()), cl.And()),
        Redirect(),
    )
    context.add_rule("debug")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert_type(context.default_level, int)
    context.default_level = cl.DEBUG
    assert_type(context.message_context, tuple[object, ...])
    assert_type(context.rules, tuple[cl.Rule, ...])
    assert_type(context.generation, int)
    assert_type(context.match(cl.Attribute("x", cl.Exists())), bool)
    assert_type(str(context.explain(realm)), str)
    assert_type(context.with_context(realm, [tag, None], "text"), cl.LoggingContext)
    assert_type(context.logger(realm), cl.Logger)
    assert_type(context.logger_for(realm), cl.Logger)
    assert_type(context.unbound_logger(realm).bound(), cl.Logger)
    assert_type(context.v(6, realm), cl.VLogger)
    attribution = context.attribution(realm).with_context(tag).with_name("n").with_values("user", 1, key="value")
    assert_type(attribution, cl.AttributionContext)
    attribution.logger().info("hello")
    assert_type(cl.set_default_context(context), cl.LoggingContext)
    assert_type(cl.default_context(), cl.LoggingContext)
    assert_type(cl.log(cl.package_realm()), cl.UnboundLogger)


def loggers(context: cl.LoggingContext, error: Exception) -> None:
    """Section 7."""
    logger = context.logger()
    logger.info("paid", cl.KeyValue("amount", 3), {"user": "a"}, "key", "value", cl.Attribute("x", 1), order=7)
    logger.log_error(error, "failed", keyvalue.id(5), retry=cl.IGNORE, state=cl.Lazy(lambda: "slow"))
    logger.log(cl.TRACE + 1, "deep")
    logger.exception("failed")
    logger.critical("gone")
    assert_type(logger.enabled(cl.DEBUG), bool)
    assert_type(logger.with_name("db").with_values(user="a"), cl.Logger)
    deeper = logger.v(4).v(1)
    deeper.info("value", "key", 1)
    deeper.error(error, "failed", "key", 1)
    assert_type(deeper.enabled(), bool)
    unbound = cl.log()
    unbound.warning("hello")
    assert_type(unbound.with_values(user="a"), cl.UnboundLogger)


def events(context: cl.LoggingContext) -> None:
    """Section 8."""
    eventer: cl.Eventer = context.eventer()
    eventer.event("order.paid", "amount", 3, user="a")
    tee: cl.Eventer = cl.TeeEventer(eventer, cl.LogEventer(context.logger(), level=cl.DEBUG), cl.NopEventer())
    tee.event("order.paid")
    assert_type(cl.marshal("order.paid", amount=3), str)
    cl.OTelEventer(context, level=cl.DEBUG, body=None)


def configuration(context: cl.LoggingContext) -> None:
    """Section 9."""
    config.configure(context, "defaultLevel: Info")
    config.configure(context, Path("ctxlog.yaml"))
    loaded = config.load({"defaultLevel": "Info"})
    assert_type(loaded, config.Config)
    assert_type(loaded.to_yaml(), str)
    config.Config(
        "Debug", [config.rule("Trace", config.not_(config.tag("x")), config.baggage("tenant", config.glob("a*")))]
    )


async def ending() -> None:
    """A pipeline that ends in an event loop."""
    async with cl.setup(handle_signals=False) as telemetry:
        assert_type(await telemetry.aflush(), bool)
    assert_type(await telemetry.ashutdown(timeout=1.0), bool)


def controls(ctx: cl.LoggingContext) -> None:
    """Rules that end, and limits."""
    rule = cl.ControlledRule(
        cl.ConditionRule(cl.DEBUG),
        expires="15m",
        limit=cl.Limit("100/s", burst=10, per="tenant"),
        sample=0.5,
        first=cl.First(10, every=100, within="1m"),
        sampled_traces_only=True,
        exempt_events=True,
    )
    ctx.add_rule(rule, cl.ControlledRule(rule.rule, limit="1/s", first=3), origin=cl.Origin("endpoint", actor="alice"))
    assert_type(ctx.statistics().rules[0].suppressed, Mapping[str, int])
    assert_type(ctx.remove_rule(ctx.statistics().rules[0].id), bool)
    assert_type(ctx.explain().notes, tuple[str, ...])
    assert_type(ctx.audit_trail()[0].until, float | None)
    assert_type(cl.eventer("audit"), cl.NamedEventer)


def pipeline() -> None:
    """`setup`."""
    with cl.setup(
        service_name="shop",
        config=Path("ctxlog.yaml"),
        exporter=["otlp", InMemoryLogRecordExporter()],  # type: ignore[no-untyped-call]
        endpoint="http://localhost:4317",
        protocol="grpc",
        headers={"api-key": "secret"},
        resource_attributes={"deployment": "test"},
        propagators="tracecontext,baggage",
        set_global=False,
        handle_signals=2.5,
        spool="spool",
        spool_severity="error",
    ) as telemetry:
        assert_type(telemetry, cl.Telemetry)
        assert_type(telemetry.logging, cl.LoggingContext)
        assert_type(telemetry.eventer, cl.OTelEventer)
        assert_type(telemetry.logger_provider, LoggerProvider)
        assert_type(telemetry.tracer_provider, TracerProvider)
        assert_type(telemetry.flush(timeout=1.0), bool)
        assert_type(telemetry.shutdown(1), bool)
        assert_type(len(telemetry.memory.finished_logs()), int)
    cl.setup("shop")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def bridges(context: cl.LoggingContext) -> None:
    """Existing logging code."""
    stdlib.install()
    stdlib.install(context, others="gated")
    stdlib.uninstall()
    standard: logging.Logger = context.std_logger(cl.Realm("shop"))
    standard.info("read %d rows", 3, extra={"table": "orders"})
    otel: Logger = context.otel_logger(cl.Realm("shop")).with_values(a=1)
    otel.emit(body="hello", severity_number=SeverityNumber.INFO)
    exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    ContextRuleProcessor(SimpleLogRecordProcessor(exporter), context)


def consoles(context: cl.LoggingContext) -> None:
    """Records for people."""
    context.set_target(console.ConsoleSink(format=console.JsonLinesFormat(first=("time", "level"))))
    with console.stream(context) as stream:
        stream.write("between records")


def captures() -> None:
    """Tests of users."""
    with testing.capture() as captured:
        cl.log().info("hello", rows=3)
    assert_type(captured.one("hello"), testing.CapturedRecord)
    captured.assert_logged("hello", rows=3)
