"""Section 6 of the contract: where the provider limits attributes, ambient ones are the first to go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk._logs import LoggerProvider, LogRecordLimits
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

import otel_ctxlog as cl

from .emitted import attributes, only
from .records import use_baggage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.trace import Tracer

# The SDK warns when a limit drops something, which is what these tests are about.
pytestmark = pytest.mark.filterwarnings("ignore:Log record attributes were dropped due to limits")

EXCEPTION = {"exception.type", "exception.message", "exception.stacktrace"}
BAGGAGE = {f"b{i}": "x" for i in range(5)}


class Limited:
    """Contexts on real providers that limit the number of attributes."""

    def __init__(self) -> None:
        self.providers: list[LoggerProvider] = []

    def __call__(self, limits: LogRecordLimits | None) -> tuple[cl.LoggingContext, Callable[[], ReadableLogRecord]]:
        exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
        provider = LoggerProvider(shutdown_on_exit=False, log_record_limits=limits)
        provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
        self.providers.append(provider)
        return cl.LoggingContext(provider), lambda: only(exporter.get_finished_logs())


@pytest.fixture
def limited() -> Iterator[Limited]:
    """A maker of contexts on limited providers, and of a callable that returns the one record."""
    maker = Limited()
    yield maker
    for provider in maker.providers:
        provider.shutdown()


def test_explicit_attributes_survive_where_ambient_ones_do_not(limited: Limited) -> None:
    """Ambient attributes go first: with room for two, the two explicit ones stay."""
    ctx, record = limited(LogRecordLimits(max_log_record_attributes=2))

    with use_baggage(BAGGAGE):
        ctx.logger().info("m", a=1, b=2)

    assert attributes(record()) == {"a": 1, "b": 2}


@pytest.mark.parametrize("room", [1, 2, 3])
def test_only_as_many_ambient_attributes_go_as_must(room: int, limited: Limited) -> None:
    """The first to go, but not all at once: what is left of the limit is theirs."""
    ctx, record = limited(LogRecordLimits(max_log_record_attributes=2 + room))

    with use_baggage(BAGGAGE):
        ctx.logger().info("m", a=1, c=2)

    found = attributes(record())
    assert {"a", "c"} <= set(found)
    assert len(found) == 2 + room


def test_every_explicit_source_of_attributes_survives(limited: Limited) -> None:
    """Context attributes, the realm, `with_values`, fields and `!BADKEY` all outlive the ambient ones."""
    ctx, record = limited(LogRecordLimits(max_log_record_attributes=6))

    with use_baggage(BAGGAGE):
        ctx.with_context(cl.Realm("r"), cl.Attribute("outer", 1)).logger(cl.Attribute("inner", 2)).with_values(
            value=3
        ).info("m", "field", 4, 5)

    assert attributes(record()) == {"realm": "r", "outer": 1, "inner": 2, "value": 3, "field": 4, "!BADKEY": ["5"]}


@pytest.mark.parametrize("where", ["context", "with_values", "call"])
def test_an_explicit_attribute_of_an_ambient_name_is_explicit(where: str, limited: Limited) -> None:
    """An explicit attribute that wins over an ambient one does not inherit its place in the queue of what goes."""
    ctx, record = limited(LogRecordLimits(max_log_record_attributes=1))

    with use_baggage({"first": "ambient", **BAGGAGE}):
        if where == "context":
            ctx.logger(cl.Attribute("first", "explicit")).info("m")
        elif where == "with_values":
            ctx.logger().with_values(first="explicit").info("m")
        else:
            ctx.logger().info("m", first="explicit")

    assert attributes(record()) == {"first": "explicit"}


@pytest.mark.parametrize("explicit", [0, 1, 2])
def test_ambient_attributes_go_before_those_of_the_exception(explicit: int, limited: Limited) -> None:
    """With an exception on the record, its three attributes and the explicit ones outlive the ambient ones."""
    fields = {f"k{i}": i for i in range(explicit)}
    ctx, record = limited(LogRecordLimits(max_log_record_attributes=3 + explicit))

    with use_baggage(BAGGAGE):
        ctx.logger().log_error(ValueError("v"), "m", fields)

    assert set(attributes(record())) == EXCEPTION | set(fields)


def test_an_exception_leaves_room_for_some_ambient_attributes(limited: Limited) -> None:
    """With an exception and room for four more, one explicit attribute and three ambient ones stay."""
    ctx, record = limited(LogRecordLimits(max_log_record_attributes=7))

    with use_baggage(BAGGAGE):
        try:
            raise ValueError("v")  # noqa: TRY301
        except ValueError:
            ctx.logger().exception("m", k=1)

    found = set(attributes(record()))
    assert EXCEPTION | {"k"} <= found
    assert len(found & set(BAGGAGE)) == 3


@pytest.mark.parametrize("level_of", ["v error", "unbound", "bound"])
def test_exceptions_of_every_logger_are_kept(level_of: str, limited: Limited) -> None:
    """Whichever logger logs the exception, the ambient attributes go before it."""
    ctx, record = limited(LogRecordLimits(max_log_record_attributes=3))

    with use_baggage(BAGGAGE):
        if level_of == "v error":
            ctx.v(cl.INFO).error(ValueError("v"), "m")
        elif level_of == "unbound":
            ctx.unbound_logger().log_error(ValueError("v"), "m")
        else:
            ctx.logger().log_error(ValueError("v"), "m")

    assert set(attributes(record())) == EXCEPTION


def test_the_fields_of_an_event_survive(limited: Limited) -> None:
    """On an event, the event type and the fields outlive the ambient attributes."""
    ctx, record = limited(LogRecordLimits(max_log_record_attributes=3))

    with use_baggage(BAGGAGE):
        ctx.eventer().event("t", a=1, b=2)

    assert attributes(record()) == {"eventType": "t", "a": 1, "b": 2}


def test_the_default_limit_holds_too(limited: Limited, tracer: Tracer) -> None:
    """At the SDK's default of 128, a span of 128 attributes costs no explicit one."""
    ctx, record = limited(None)
    fields = {f"k{i}": i for i in range(20)}

    with tracer.start_as_current_span("s", attributes={f"s{i}": i for i in range(128)}):
        ctx.logger().info("m", fields)

    found = attributes(record())
    assert len(found) == 128
    assert fields.items() <= found.items()


def test_a_limit_from_the_environment_holds_too(limited: Limited, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit that the provider took from `OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT` is one of the provider's."""
    monkeypatch.setenv("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "4")
    ctx, record = limited(None)

    with use_baggage(BAGGAGE):
        ctx.logger().log_error(ValueError("v"), "m", k=1)

    assert set(attributes(record())) == EXCEPTION | {"k"}


def test_more_explicit_attributes_than_room_leave_no_ambient_one(limited: Limited) -> None:
    """Where even the explicit ones do not fit, no ambient one is left."""
    ctx, record = limited(LogRecordLimits(max_log_record_attributes=2))

    with use_baggage(BAGGAGE):
        ctx.logger().info("m", {f"k{i}": i for i in range(4)})

    found = set(attributes(record()))
    assert len(found) == 2
    assert not found & set(BAGGAGE)


def test_a_provider_that_allows_no_attributes_still_gets_the_record(limited: Limited) -> None:
    """A limit of none costs the attributes, not the record."""
    ctx, record = limited(LogRecordLimits(max_log_record_attributes=0))

    with use_baggage(BAGGAGE):
        ctx.logger().info("m", k=1)

    assert record().log_record.body == "m"
    assert attributes(record()) == {}


@pytest.mark.filterwarnings("ignore")
def test_a_limit_on_the_length_of_values_is_kept(limited: Limited) -> None:
    """The provider's limit on the length of values holds for ambient and explicit attributes alike."""
    ctx, record = limited(LogRecordLimits(max_log_record_attribute_length=3))

    with use_baggage(b="123456"):
        ctx.logger().info("m", k="abcdef")

    assert attributes(record()) == {"b": "123", "k": "abc"}


def test_the_warning_of_the_sdk_is_no_exception_to_the_caller(limited: Limited) -> None:
    """Even with the SDK's warning turned into an error, a logging call over the limit raises nothing."""
    import warnings

    ctx, _record = limited(LogRecordLimits(max_log_record_attributes=1))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ctx.logger().info("m", a=1, b=2)
