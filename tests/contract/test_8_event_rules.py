"""Section 8 of the contract: the rules of a logging context gate events, and see their type and fields."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import otel_ctxlog as cl

from .emitted import attributes, last, only
from .records import RecordingSink, use_baggage

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk._logs import LoggerProvider

    from .emitted import Records


def test_the_rules_of_a_context_gate_events_at_their_level(ctx: cl.LoggingContext, records: Records) -> None:
    """Given a `LoggingContext`, its rules gate an event at `level`, live."""
    info, debug = cl.OTelEventer(ctx), cl.OTelEventer(ctx, level=cl.DEBUG)

    info.event("1 info")
    debug.event("no")
    ctx.default_level = cl.DEBUG
    debug.event("2 debug")
    ctx.default_level = cl.ERROR
    info.event("no")
    ctx.add_rule(cl.ConditionRule(cl.DEBUG))
    debug.event("3 debug")
    ctx.add_rule(cl.ConditionRule(cl.NONE))
    info.event("no")

    assert [record.log_record.event_name for record in records()] == ["1 info", "2 debug", "3 debug"]


GATES: dict[str, Callable[[cl.LoggingContext], cl.Eventer]] = {
    "OTelEventer": cl.OTelEventer,
    "ctx.eventer": lambda c: c.eventer(),
    "nested": lambda c: c.with_context(cl.Tag("x")).eventer(),
}


@pytest.mark.parametrize("gate", GATES)
def test_rules_see_the_event_type(gate: str, ctx: cl.LoggingContext, records: Records) -> None:
    """`eventType` is visible to rules as an attribute: one noisy type is silenced."""
    ctx.add_rule(cl.ConditionRule(cl.NONE, cl.Attribute("eventType", "noisy")))
    eventer = GATES[gate](ctx)

    for kind in ("a", "noisy", "b", "noisy"):
        eventer.event(kind)

    assert [record.log_record.event_name for record in records()] == ["a", "b"]


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize(
    ("fields", "keywords"),
    [
        (("org", "GRAIL"), {}),
        ((cl.KeyValue("org", "GRAIL"),), {}),
        ((cl.Attribute("org", "GRAIL"),), {}),
        (({"org": "GRAIL"},), {}),
        ((), {"org": "GRAIL"}),
    ],
    ids=["pair", "KeyValue", "Attribute", "mapping", "keyword"],
)
def test_rules_see_the_fields(
    gate: str, fields: tuple[object, ...], keywords: dict[str, object], ctx: cl.LoggingContext, records: Records
) -> None:
    """The fields are visible to rules as attributes, in whatever form they are given."""
    ctx.default_level = cl.NONE
    ctx.add_rule(cl.ConditionRule(cl.INFO, cl.Attribute("org", "GRAIL")))
    eventer = GATES[gate](ctx)

    eventer.event("shown", *fields, **keywords)
    eventer.event("hidden", org="other")
    eventer.event("hidden")

    assert [record.log_record.event_name for record in records()] == ["shown"]


def test_rules_see_the_value_of_a_lazy_field(ctx: cl.LoggingContext, records: Records) -> None:
    """A field is visible to rules with the value that its attribute has: a `Lazy` as what it computes."""
    ctx.add_rule(cl.ConditionRule(cl.NONE, cl.Attribute("k", "red")))

    ctx.eventer().event("hidden", k=cl.Lazy(lambda: "red"))
    ctx.eventer().event("shown", k=cl.Lazy(lambda: "blue"))

    assert [record.log_record.event_name for record in records()] == ["shown"]


def test_a_lazy_field_of_an_event_that_is_not_emitted_is_not_called(ctx: cl.LoggingContext) -> None:
    """Fields as in section 7: a `Lazy` is called only if the record is emitted, where no rule needs its value."""
    calls: list[int] = []
    ctx.default_level = cl.ERROR

    ctx.eventer().event("t", k=cl.Lazy(lambda: calls.append(1)))

    assert calls == []


def test_rules_see_messages_and_ambient_attributes(ctx: cl.LoggingContext, records: Records) -> None:
    """Beside `eventType` and fields, rules see the message context and the ambient attributes, as for every record."""
    ctx.default_level = cl.NONE
    ctx.add_rule(
        cl.ConditionRule(
            cl.INFO, cl.Realm("r"), cl.Attribute("k", 1), cl.BaggageEntry("tenant", "acme"), cl.Tag("outer")
        )
    )
    nested = ctx.with_context(cl.Tag("outer"))

    with use_baggage(tenant="acme"):
        nested.eventer(cl.Realm("r")).event("shown", k=1)
        nested.eventer(cl.Realm("other")).event("hidden", k=1)
    nested.eventer(cl.Realm("r")).event("hidden", k=1)

    assert [record.log_record.event_name for record in records()] == ["shown"]


def test_fields_of_one_event_do_not_show_in_the_next(ctx: cl.LoggingContext, records: Records) -> None:
    """A decision for one event is not that for the next one of the same eventer, type and OTel context."""
    ctx.add_rule(cl.ConditionRule(cl.NONE, cl.Attribute("n", cl.Range(min=5))))
    eventer = ctx.eventer()

    for n in (1, 9, 2, 8, 3):
        eventer.event("t", n=n)

    assert [attributes(record)["n"] for record in records()] == [1, 2, 3]


def test_a_field_named_realm_or_tag_is_an_attribute(ctx: cl.LoggingContext, records: Records) -> None:
    """Fields are attributes to rules, whatever they are called: a field `realm` is no realm."""
    ctx.add_rule(cl.ConditionRule(cl.NONE, cl.Realm("x")))

    ctx.eventer().event("t", realm="x")

    assert len(records()) == 1


def test_ctx_eventer_is_the_short_way(ctx: cl.LoggingContext, records: Records) -> None:
    """`ctx.eventer(*messages)` gives an `OTelEventer` with the context as target and these messages."""
    eventer = ctx.eventer(cl.Realm("r"), cl.Attribute("k", 1))

    assert isinstance(eventer, cl.OTelEventer)
    eventer.event("t")
    assert attributes(last(records)) == {"eventType": "t", "realm": "r", "k": 1}


def test_an_eventer_follows_the_target_of_its_context(ctx: cl.LoggingContext, records: Records) -> None:
    """The context decides where events go, live."""
    eventer, other = ctx.eventer(), RecordingSink()

    ctx.set_target(other, level_offset=2)
    eventer.event("t")

    assert records() == []
    assert only(other.records)["level"] == cl.INFO + 2


def test_an_event_at_level_0_is_never_emitted(provider: LoggerProvider, records: Records) -> None:
    """Nothing is ever emitted at level 0, events neither."""
    ctx = cl.LoggingContext(provider)
    ctx.add_rule(cl.ConditionRule(9))

    cl.OTelEventer(ctx, level=cl.NONE).event("t")
    cl.OTelEventer(provider, level=cl.NONE).event("t")

    assert records() == []


def test_broken_text_is_escaped(provider: LoggerProvider, records: Records) -> None:
    """Text that is not valid UTF-8 is escaped in type, body and attributes."""
    cl.OTelEventer(provider).event("t\udc80", "k\udc81", "v\udc82")

    record = only(records())
    assert record.log_record.event_name == "t\\udc80"
    assert attributes(record) == {"eventType": "t\\udc80", "k\\udc81": "v\\udc82"}
    assert json.loads(str(record.log_record.body)) == {"eventType": "t\\udc80", "k\\udc81": "v\\udc82"}
