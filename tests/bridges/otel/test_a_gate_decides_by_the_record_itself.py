"""`ContextRuleProcessor`: realm, level, attributes, span and baggage are those of the record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk.trace import TracerProvider

import otel_ctxlog as cl
from otel_ctxlog.bridges.otel import MAX_SCOPES, ContextRuleProcessor

from .conftest import current, of_tenant

if TYPE_CHECKING:
    from .conftest import Gated

DEBUG, INFO = SeverityNumber.DEBUG, SeverityNumber.INFO


@pytest.mark.parametrize(
    ("severity", "level"),
    [
        (SeverityNumber.TRACE4, cl.TRACE),
        (SeverityNumber.DEBUG, cl.DEBUG),
        (SeverityNumber.DEBUG4, cl.DEBUG),
        (SeverityNumber.UNSPECIFIED, cl.INFO),
        (None, cl.INFO),
        (SeverityNumber.INFO, cl.INFO),
        (SeverityNumber.WARN2, cl.WARN),
        (SeverityNumber.ERROR, cl.ERROR),
        (SeverityNumber.FATAL4, cl.ERROR),
    ],
)
def test_the_severity_says_the_level(gated: Gated, severity: SeverityNumber | None, level: int) -> None:
    """A record passes from its own level on, and not one below."""
    logger = gated.provider.get_logger("any")

    for default in (level - 1, level):
        gated.ctx.default_level = default
        logger.emit(severity_number=severity, body=default)

    assert gated.bodies() == [level]


def test_the_scope_is_the_realm(gated: Gated) -> None:
    """Dots of the scope's name become slashes: rules for parts of a program hold for loggers named by module."""
    gated.ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.RealmPrefix("sqlalchemy/engine")))

    for scope in ("sqlalchemy.engine.Engine", "sqlalchemy.engine", "sqlalchemy.engines", "sqlalchemy", ""):
        gated.provider.get_logger(scope).emit(severity_number=DEBUG, body=scope)

    assert gated.bodies() == ["sqlalchemy.engine.Engine", "sqlalchemy.engine"]


def test_a_realm_on_the_record_wins_over_the_scope(gated: Gated) -> None:
    """Records that carry `realm`, as those of this library do, are decided by it; what is no text is no realm."""
    gated.ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.Realm("shop/db")))
    logger, shop = gated.provider.get_logger("other"), gated.provider.get_logger("shop.db")

    logger.emit(severity_number=DEBUG, body="by attribute", attributes={"realm": "shop/db"})
    shop.emit(severity_number=DEBUG, body="elsewhere", attributes={"realm": "shop/web"})
    shop.emit(severity_number=DEBUG, body="no realm", attributes={"realm": 7})

    assert gated.bodies() == ["by attribute", "no realm"]


def test_rules_see_attributes_and_the_event_name(gated: Gated) -> None:
    """Attributes of the record count as attributes, its event name as `eventType`."""
    gated.ctx.add_rule(
        cl.ConditionRule(cl.DEBUG, cl.Attribute("db.system", "postgresql")),
        cl.ConditionRule(cl.NONE, cl.Attribute("eventType", cl.Glob("cache*"))),
    )
    logger = gated.provider.get_logger("any")

    logger.emit(severity_number=DEBUG, body="attribute", attributes={"db.system": "postgresql"})
    logger.emit(severity_number=DEBUG, body="other attribute", attributes={"db.system": "mysql"})
    logger.emit(severity_number=SeverityNumber.INFO, body="event", event_name="ordered")
    logger.emit(severity_number=SeverityNumber.INFO, body="silenced", event_name="cacheLookup")
    logger.emit(
        severity_number=SeverityNumber.INFO, body="own", event_name="cacheLookup", attributes={"eventType": "x"}
    )

    assert gated.bodies() == ["attribute", "event", "own"]


def test_baggage_is_that_of_the_record_and_not_the_current_one(gated: Gated) -> None:
    """A record made for another context than the current one is decided by its own."""
    gated.ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.BaggageEntry("tenant", "acme")))
    logger = gated.provider.get_logger("any")

    with current(of_tenant("globex")):
        logger.emit(severity_number=DEBUG, body="own", context=of_tenant("acme"))
        logger.emit(LogRecord(severity_number=DEBUG, body="own, as record", context=of_tenant("acme")))
        logger.emit(severity_number=DEBUG, body="current")
    with current(of_tenant("acme")):
        logger.emit(severity_number=DEBUG, body="other", context=of_tenant("globex"))
        logger.emit(severity_number=DEBUG, body="current of the tenant")

    assert gated.bodies() == ["own", "own, as record", "current of the tenant"]


def test_the_span_is_that_of_the_record(gated: Gated) -> None:
    """Attributes of the span in the record's context decide, whatever the current span is."""
    gated.ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.SpanAttribute("cart.size", cl.Range(min=50))))
    logger = gated.provider.get_logger("any")
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    large, small = (tracer.start_span("price", attributes={"cart.size": size}) for size in (75, 5))

    with trace.use_span(small):
        logger.emit(severity_number=DEBUG, body="large", context=trace.set_span_in_context(large))
        logger.emit(severity_number=DEBUG, body="small")

    assert gated.bodies() == ["large"]
    assert gated.records()[0].log_record.span_id == large.get_span_context().span_id


def test_a_gate_follows_every_change(gated: Gated) -> None:
    """Rules added, levels changed and a new default context hold for the next record."""
    logger = gated.provider.get_logger("any")

    logger.emit(severity_number=DEBUG, body=1)
    gated.ctx.add_rule(cl.ConditionRule(cl.DEBUG))
    logger.emit(severity_number=DEBUG, body=2)
    gated.ctx.replace_rules([], default_level=cl.ERROR)
    logger.emit(severity_number=SeverityNumber.WARN, body=3)

    assert gated.bodies() == [2]


def test_without_a_context_it_is_the_default_one(ungated: Gated) -> None:
    """A gate made without a context obeys whatever context is the default at the moment."""
    chosen = cl.LoggingContext(ungated.provider)
    ungated.gate(ctx=cl.default_context())
    logger = ungated.provider.get_logger("any")

    logger.emit(severity_number=DEBUG, body="before")
    previous = cl.set_default_context(chosen)
    try:
        chosen.default_level = cl.DEBUG
        logger.emit(severity_number=DEBUG, body="after")
    finally:
        cl.set_default_context(previous)

    assert ungated.bodies() == ["after"]


def test_wanted_is_what_a_rule_could_let_through(gated: Gated) -> None:
    """`Logger.enabled` knows no attributes: it says no only where nothing is that high."""
    logger = gated.provider.get_logger("any")

    assert not logger.enabled(severity_number=DEBUG)
    assert logger.enabled(severity_number=SeverityNumber.INFO)
    assert logger.enabled()
    gated.ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.Attribute("late", 1)))
    assert logger.enabled(severity_number=DEBUG)
    assert not logger.enabled(severity_number=SeverityNumber.TRACE)
    gated.ctx.replace_rules([], default_level=cl.NONE)
    assert not logger.enabled()
    assert not logger.enabled(severity_number=SeverityNumber.FATAL)


def test_more_scopes_than_are_remembered_are_decided_all_the_same(gated: Gated) -> None:
    """Scope names may be made up per request: what a gate keeps is bounded, and the answers stay right."""
    gated.ctx.add_rule(
        cl.ConditionRule(cl.DEBUG, cl.Realm("scope/1400")), cl.ConditionRule(cl.DEBUG, cl.Realm("scope/7"))
    )
    logger = gated.provider.get_logger("many")

    for number in range(1500):
        logger.emit(severity_number=DEBUG, body=number, attributes={"realm": f"scope/{number}"})

    gate = gated.provider._multi_log_record_processor._log_record_processors[0]
    assert gated.bodies() == [7, 1400]
    assert len(gate._judge._writers) == MAX_SCOPES  # type: ignore[attr-defined]


@pytest.mark.parametrize(("next", "ctx"), [(None, None), (object(), None), ("x", None)])
def test_what_is_no_processor_is_refused(next: object, ctx: object) -> None:
    """The error says what was found."""
    with pytest.raises(TypeError, match="next must be a LogRecordProcessor, but got"):
        ContextRuleProcessor(next, ctx)  # type: ignore[arg-type]


def test_what_is_no_context_is_refused(ungated: Gated) -> None:
    """The error says what was found."""
    with pytest.raises(TypeError, match="context must be a LoggingContext or None, but got 'x'"):
        ungated.gate(ctx="x")  # type: ignore[arg-type]
