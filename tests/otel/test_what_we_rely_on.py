"""Facts about the OpenTelemetry API and SDK that the library relies on; should one change, this says which."""

from __future__ import annotations

import gc
import inspect
import weakref
from typing import TYPE_CHECKING, Any, cast

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry._logs import Logger
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider, LogRecordLimits
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from otel_ctxlog.otel.provider_sink import ScopeLogger
from otel_ctxlog.otel.volatile import live_attributes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.trace import Tracer
    from opentelemetry.util.types import AnyValue, Attributes

# The SDK warns when a limit drops something, which is what some of these tests are about.
pytestmark = pytest.mark.filterwarnings("ignore:Log record attributes were dropped due to limits")


@pytest.fixture
def tracer() -> Iterator[Tracer]:
    provider = TracerProvider(shutdown_on_exit=False)
    yield provider.get_tracer("facts")
    provider.shutdown()


def _names(attributes: Attributes, limit: int | None = None, error: BaseException | None = None) -> list[str]:
    """Return the names of the attributes of one record, in order, after the SDK took it."""
    exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    provider = LoggerProvider(shutdown_on_exit=False, log_record_limits=LogRecordLimits(max_attributes=limit))
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    provider.get_logger("x").emit(attributes=attributes, exception=error)
    provider.shutdown()
    return list(exporter.get_finished_logs()[0].log_record.attributes or {})


def _bounded(**values: AnyValue) -> BoundedAttributes:
    return BoundedAttributes(attributes=values, immutable=False)


def test_a_limit_drops_the_oldest_attributes() -> None:
    """Where the number is limited, the first attributes go: so ambient ones come first in the mapping."""
    assert _names({"a": 1, "b": 2, "c": 3}, limit=2) == ["b", "c"]


def test_the_exception_comes_before_a_plain_mapping() -> None:
    """With a plain mapping the SDK puts `exception.*` first, where a limit drops it."""
    names = _names({"a": 1}, error=ValueError("x"))

    assert names[-1] == "a"
    assert {"exception.type", "exception.message"} <= set(names[:-1])


def test_the_exception_comes_after_bounded_attributes() -> None:
    """With the SDK's own `BoundedAttributes` it appends `exception.*`: a limit drops what is ambient first."""
    names = _names(_bounded(a=1), error=ValueError("x"))

    assert names[0] == "a"
    assert {"exception.type", "exception.message"} <= set(names[1:])


def test_bounded_attributes_that_are_handed_over_are_limited_too() -> None:
    """`BoundedAttributes` without a limit of their own do not get round the provider's limit."""
    assert _names(_bounded(a=1, b=2, c=3), limit=2) == ["b", "c"]


def test_an_attribute_that_is_set_again_goes_to_the_end(tracer: Tracer) -> None:
    """The order of a span's attributes is that of their last change."""
    with tracer.start_as_current_span("s", attributes={"a": 1, "b": 2}) as span:
        span.set_attribute("a", 3)

        assert list(cast("BoundedAttributes", getattr(span, "attributes", None))) == ["b", "a"]


def test_a_copy_of_span_attributes_is_a_plain_dict_of_its_own(tracer: Tracer) -> None:
    """`span.attributes.copy()` gives a dict that later changes do not reach, with the very same values."""
    value = "a value of its own, not interned"
    with tracer.start_as_current_span("s", attributes={"a": value}) as span:
        attributes = cast("BoundedAttributes", getattr(span, "attributes", None))
        copy = attributes.copy()
        span.set_attribute("b", 1)
        again = cast("BoundedAttributes", getattr(span, "attributes", None)).copy()

    assert type(copy) is dict
    assert copy == {"a": value}
    assert again["a"] is copy["a"]


def test_a_span_attribute_that_changes_is_another_object(tracer: Tracer) -> None:
    """A changed value, a list included, is never the same object: `is` tells whether anything changed."""
    changing = [1, 2]
    with tracer.start_as_current_span("s", attributes={"a": changing}) as span:
        first = cast("BoundedAttributes", getattr(span, "attributes", None))["a"]
        changing.append(3)
        span.set_attribute("a", changing)
        second = cast("BoundedAttributes", getattr(span, "attributes", None))["a"]

    assert (first, second) == ((1, 2), (1, 2, 3))


def test_a_span_that_does_not_record_has_neither_attributes_nor_name() -> None:
    """An unsampled span shows nothing of what it was given."""
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    span = provider.get_tracer("x").start_span("s", attributes={"a": 1})

    assert getattr(span, "attributes", None) is None
    assert getattr(span, "name", None) is None


def test_contexts_and_spans_can_be_weakly_referenced(tracer: Tracer) -> None:
    """OTel contexts and spans support weak references, and go when nobody uses them."""
    span = tracer.start_span("s")
    made = trace.set_span_in_context(span, Context())
    refs: list[weakref.ref[object]] = [weakref.ref(span), weakref.ref(made)]
    alive = [ref() is not None for ref in refs]
    del span, made
    gc.collect()

    assert alive == [True, True]
    assert [ref() for ref in refs] == [None, None]


def test_a_context_is_the_same_object_until_another_is_attached() -> None:
    """The current context is one object between two `attach`, so that its identity is a key; and it is immutable."""
    made = context.set_value("a", 1)
    token = context.attach(made)
    try:
        assert context.get_current() is made
        assert context.get_current() is context.get_current()
        with pytest.raises(ValueError):
            made["a"] = 2
    finally:
        context.detach(token)
    assert baggage.set_baggage("a", "b", made) is not made


def test_baggage_keeps_the_order_in_which_entries_came() -> None:
    """Entries are listed in the order of setting, so that a limit of entries is the same each time."""
    made = Context()
    for name in ("b", "a", "c"):
        made = baggage.set_baggage(name, name, made)

    assert list(baggage.get_all(made)) == ["b", "a", "c"]


def test_baggage_may_hold_what_is_no_text() -> None:
    """The API takes any object as a baggage value; a source has to make it text."""
    assert baggage.get_all(baggage.set_baggage("a", 1, Context())) == {"a": 1}


def test_a_logger_does_not_keep_its_provider() -> None:
    """An SDK logger holds no reference to its provider: a table of loggers keeps no provider alive."""
    provider = LoggerProvider(shutdown_on_exit=False)
    logger = provider.get_logger("x")
    ref = weakref.ref(provider)
    del provider
    gc.collect()

    assert ref() is None
    assert logger is not None


def test_a_provider_gives_the_same_logger_for_a_name_and_keeps_it() -> None:
    """A provider keeps each logger for ever: names must be few."""
    provider = LoggerProvider(shutdown_on_exit=False)

    assert provider.get_logger("x") is provider.get_logger("x")


@pytest.mark.parametrize("kind", [Logger, type(LoggerProvider(shutdown_on_exit=False).get_logger("x"))])
def test_emit_and_enabled_take_the_keywords_that_we_give(kind: type[Logger]) -> None:
    """The record's parts go to `emit` as keywords, the gate's to `enabled`, in API and SDK alike."""
    emit, enabled = inspect.signature(kind.emit).parameters, inspect.signature(kind.enabled).parameters

    assert {
        "timestamp",
        "context",
        "severity_number",
        "severity_text",
        "body",
        "attributes",
        "event_name",
        "exception",
    } <= set(emit)
    assert {"context", "severity_number", "event_name"} <= set(enabled)


def test_a_provider_shows_its_resource_and_the_same_each_time() -> None:
    """`provider.resource.attributes` is one object while the resource is the same."""
    provider = LoggerProvider(shutdown_on_exit=False)

    assert provider.resource.attributes is provider.resource.attributes


def test_a_span_keeps_its_attributes_in_one_live_dict() -> None:
    """Whatever changes a span's attributes changes the dict that `live_attributes` leads to, also at the limit."""
    provider = TracerProvider(shutdown_on_exit=False, span_limits=SpanLimits(max_span_attributes=2))
    span = provider.get_tracer("facts").start_span("s")
    live: Any = live_attributes(span)
    values = live._dict
    for name, value in (("a", 1), ("b", 2), ("c", 3), ("b", "other"), (None, 0), ("d", 4)):
        if name is None:
            span.end()
        else:
            span.set_attribute(name, value)

        assert live._dict is values
        assert live_attributes(span) is live
        assert dict(values) == dict(cast("ReadableSpan", span).attributes or {})


def test_spans_of_other_kinds_have_no_live_attributes() -> None:
    """Only a span whose attributes are read as the SDK reads them is looked into."""

    class Other(trace.NonRecordingSpan):
        _attributes = BoundedAttributes(attributes={"a": 1})

        @property
        def attributes(self) -> Attributes:
            return {"b": 2}

    assert live_attributes(Other(trace.INVALID_SPAN_CONTEXT)) is None


class _Picky(SimpleLogRecordProcessor):
    def enabled(self, **_: Any) -> bool:
        return False


def test_the_processors_of_a_logger_are_known() -> None:
    """A plain SDK logger wants all records without being asked; one with a processor of own mind is asked."""
    provider = LoggerProvider(shutdown_on_exit=False)
    exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    logger = ScopeLogger(provider.get_logger("x"))
    assert not logger.wants_all()  # nobody takes it

    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    assert logger.wants_all()

    provider.add_log_record_processor(_Picky(exporter))
    assert not logger.wants_all()


def test_a_logger_that_is_switched_off_wants_nothing() -> None:
    """The SDK's logger configuration counts at once."""
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(InMemoryLogRecordExporter()))  # type: ignore[no-untyped-call]
    sdk_logger = provider.get_logger("x")
    logger = ScopeLogger(sdk_logger)
    assert logger.wants_all()

    cast("Any", sdk_logger)._logger_config = type("Off", (), {"is_enabled": False})()

    assert not logger.wants_all()
