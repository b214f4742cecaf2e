"""What `wire` writes is, byte for byte, what the official encoder's message serialises to, or it is not written."""

from __future__ import annotations

import enum
import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import baggage, context, trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs as official_message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.sdk._logs import LoggerProvider, LogRecordLimits, ReadableLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

import otel_ctxlog as cl
from otel_ctxlog.delivery import wire
from otel_ctxlog.delivery.request import assemble
from otel_ctxlog.delivery.wire import encode_record, encode_resource, encode_scope, plain_attributes

# Where a length or a number needs one more byte, and where the prepared heads of texts end.
LENGTHS = (0, 1, 50, 121, 122, 123, 124, 125, 126, 127, 128, 129, 200, 16_380, 16_384, 20_000)
INTEGERS = (0, 1, -1, 127, 128, 16_383, 16_384, 2**31, 2**32, 2**63 - 1, -(2**63), 2**53 + 1)
FLOATS = (0.0, -0.0, 1.0, 84.5, math.inf, -math.inf, math.nan, 5e-324, 1.7976931348623157e308)

Some = st.SearchStrategy[Any]


def repeated(letter: str, length: int) -> str:
    """A text of that many letters."""
    return letter * length


texts: Some = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.builds(
    repeated, st.sampled_from("xé€😀"), st.sampled_from(LENGTHS)
)
integers: Some = st.integers(-(2**63), 2**63 - 1) | st.sampled_from(INTEGERS)
floats: Some = st.floats() | st.sampled_from(FLOATS)
scalars: Some = st.none() | st.booleans() | integers | floats | texts | st.binary(max_size=20) | st.just(b"\xff" * 300)
values: Some = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(texts | integers | st.none() | st.booleans(), inner, max_size=4)
    ),
    max_leaves=12,
)
keys: Some = st.sampled_from(["tenant", "http.route", "k", "k" * 99, "k" * 101, "ключ", "x" * 130]) | texts.filter(bool)
mappings: Some = st.dictionaries(keys, values, max_size=6)
ids: Some = st.sampled_from([0, 1]) | st.integers(0, 2**64 - 1)


def bounded(mapping: Mapping[str, Any], limit: int | None, *, immutable: bool) -> BoundedAttributes:
    """The SDK's own mapping, which drops what is above the limit."""
    return BoundedAttributes(limit, mapping, immutable=immutable)


attributes: Some = (
    st.none() | mappings | st.builds(bounded, mappings, st.none() | st.integers(0, 5), immutable=st.booleans())
)
resources: Some = st.builds(Resource, mappings, st.none() | texts)
# Without a name it is the same on the wire as none at all, which the official encoder keeps apart nevertheless.
scopes: Some = st.none() | st.builds(
    InstrumentationScope, texts.filter(bool), st.none() | texts, st.none() | texts, st.none() | mappings
)


@st.composite
def records(draw: st.DrawFn, owners: Sequence[tuple[Resource, InstrumentationScope | None]]) -> ReadableLogRecord:
    """A record as any API user may have made it, of one of the given resources and scopes."""
    record = LogRecord(
        timestamp=draw(st.none() | st.integers(0, 2**64 - 1)),
        observed_timestamp=draw(st.integers(0, 2**64 - 1)),
        severity_number=draw(st.none() | st.sampled_from(SeverityNumber)),
        severity_text=draw(st.none() | st.sampled_from(["INFO", "ERROR", ""]) | texts),
        body=draw(values),
        attributes=draw(attributes),
        event_name=draw(st.none() | texts),
    )
    record.trace_id = draw(ids | st.integers(0, 2**128 - 1))
    record.span_id = draw(ids)
    record.trace_flags = trace.TraceFlags(draw(st.sampled_from([0, 1, 3, 255])))
    resource, scope = draw(st.sampled_from(owners))
    return ReadableLogRecord(record, resource, scope)


@st.composite
def batches(draw: st.DrawFn) -> list[ReadableLogRecord]:
    """Records of several resources and scopes, some of them equal without being the same, in any order."""
    some_resources = draw(st.lists(resources, min_size=1, max_size=3))
    some_scopes = draw(st.lists(scopes, min_size=1, max_size=3))
    again = [Resource(dict(r.attributes), r.schema_url) for r in some_resources]
    owners = [(resource, scope) for resource in (*some_resources, *again) for scope in some_scopes]
    return draw(st.lists(records(owners), max_size=6))


def encode_logs(batch: Sequence[ReadableLogRecord]) -> bytes:
    """The request with these records, each of them encoded by itself, as when it is emitted."""
    return assemble(
        [
            (
                (encode_resource(one.resource), encode_scope(one.instrumentation_scope)),
                encode_record(one.log_record, plain_attributes(one.log_record)),
            )
            for one in batch
        ]
    )


def assert_same(batch: Sequence[ReadableLogRecord]) -> ExportLogsServiceRequest:
    """Our bytes are the official ones; returns the message that they are."""
    ours = encode_logs(batch)

    assert ours == official_message(batch).SerializeToString()
    return ExportLogsServiceRequest.FromString(ours)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(batches())
def test_any_batch_of_certain_values_gives_the_official_bytes(batch: list[ReadableLogRecord]) -> None:
    """All kinds of values, all fields, several resources and scopes: never refused, never different."""
    assert_same(batch)


@pytest.fixture
def kept() -> InMemoryLogRecordExporter:
    """Keeps what a provider emits."""
    return InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]


@pytest.fixture
def provider(kept: InMemoryLogRecordExporter) -> LoggerProvider:
    """A real provider in front of it, with a limit that drops attributes."""
    made = LoggerProvider(
        Resource.create({"service.name": "shop", "list": ["a", "b"]}, schema_url="https://example.com/1"),
        shutdown_on_exit=False,
        log_record_limits=LogRecordLimits(max_log_record_attributes=8),
    )
    made.add_log_record_processor(SimpleLogRecordProcessor(kept))
    return made


@pytest.mark.filterwarnings("ignore:Log record attributes were dropped")
def test_what_this_library_and_the_sdk_emit_is_never_refused(
    kept: InMemoryLogRecordExporter, provider: LoggerProvider
) -> None:
    """Records and events with span, baggage, exception, dropped attributes and a schema URL, through a provider."""
    ctx = cl.LoggingContext(provider)
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    token = context.attach(baggage.set_baggage("tenant", "acme"))
    with tracer.start_as_current_span("span", attributes={"http.route": "/cart", "sizes": [1, 2]}):
        log = ctx.logger(cl.Realm("shop/cart"))
        log.info("plain")
        log.warning("nested", data={"a": [1, None, {"b": b"\x00"}]}, big=2**70, text="\udcff", many=list(range(300)))
        log.info("too many", **{f"key{number}": number for number in range(20)})
        try:
            int("no")
        except ValueError as error:
            log.log_error(error, "failed", order="A-1")
        ctx.eventer(cl.Realm("shop/orders")).event("orderPlaced", total=100, items=["a"])
        provider.get_logger("raw", "1.0", "https://example.com/2", {"scope.attribute": 1}).emit(
            body=None, exception=KeyError("k"), severity_number=SeverityNumber.FATAL4
        )
    context.detach(token)

    message = assert_same(kept.get_finished_logs())

    (resource,) = message.resource_logs
    assert resource.schema_url == "https://example.com/1"
    assert [scope.scope.name for scope in resource.scope_logs] == ["shop/cart", "shop/orders", "raw"]
    assert resource.scope_logs[2].schema_url == "https://example.com/2"
    dropped = [record.dropped_attributes_count for record in resource.scope_logs[0].log_records]
    assert dropped[2] > 0
    failed = {attribute.key for attribute in resource.scope_logs[0].log_records[3].attributes}
    assert {"exception.type", "exception.message", "exception.stacktrace"} <= failed


def one(body: Any = None, **fields: Any) -> list[ReadableLogRecord]:
    """A batch of one record, whose fields are set as they are given."""
    record = LogRecord(timestamp=1, observed_timestamp=2, body=body)
    for name, value in fields.items():
        setattr(record, name, value)
    return [ReadableLogRecord(record, Resource({}), InstrumentationScope("scope"))]


class OwnText(str):
    """Text whose encoding is its own."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return b"something else"


class OwnAttributes(BoundedAttributes):
    """Attributes that know better than ours what was dropped."""


class OwnSeverity(enum.Enum):
    """A foreign enumeration, as other libraries have them."""

    INFO = 9


@pytest.mark.parametrize(
    "batch",
    [
        one(2**63),
        one(-(2**63) - 1),
        one(["deep", {"in": 2**64}]),
        one("\ud800"),
        one(attributes={"key": "\ud800"}),
        one(attributes={"\ud800": 1}),
        one(attributes={5: "key"}),
        one(attributes={"key": OwnText("x")}),
        one(attributes={OwnText("x"): 1}),
        one(OwnText("x")),
        one(attributes=OrderedDict(a=1)),
        one(attributes=OwnAttributes(0, {"dropped": 1})),
        one(range(3)),
        one(object()),
        one({1, 2}),
        one(trace_id=2**128),
        one(span_id=-1),
        one(trace_id=None),
        one(timestamp=-1),
        one(timestamp=1.5),
        one(trace_flags=-1),
        one(severity_number=OwnSeverity.INFO),
        one(severity_text=5),
        one(event_name=5),
    ],
)
def test_what_is_not_certain_is_left_to_the_official_encoder(batch: list[ReadableLogRecord]) -> None:
    """A value that the official encoder refuses, or that is of no exact type, raises: nothing is guessed."""
    assert refused(batch)


def refused(batch: Sequence[ReadableLogRecord]) -> bool:
    """Whether our encoder leaves the batch to the official one."""
    try:
        encode_logs(batch)
    except Exception:  # noqa: BLE001 - of any type, as its documentation says
        return True
    return False


class LooksLike(str):
    """Text that is equal to every other one."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash("known")


def test_a_name_that_only_equals_a_known_one_is_not_taken_for_it() -> None:
    """What is remembered of a name or a severity text is for exactly this text."""
    encode_logs(one(attributes={"known": 1}, severity_text="known"))

    assert refused(one(attributes={LooksLike("other"): 1}))
    assert refused(one(severity_text=LooksLike("other")))


def test_a_value_that_contains_itself_raises_and_does_not_hang() -> None:
    """A cycle ends in an error, which sends the batch to the official encoder."""
    cycle: list[object] = []
    cycle.append(cycle)

    with pytest.raises(RecursionError):
        encode_logs(one(cycle))


def test_ever_new_names_keep_the_memory_flat() -> None:
    """What is remembered of names is bounded, and stays right when it is thrown away."""
    batch = [record for n in range(3000) for record in one(attributes={f"key-{n}": "v", f"{n}" * 100: "v"})]

    assert_same(batch)
    assert 0 < len(wire._keys) <= 1000


def test_ever_new_severity_texts_keep_the_memory_flat() -> None:
    """The same with severity texts."""
    batch = [
        record for n in range(300) for record in one(severity_text=f"LEVEL{n}", severity_number=SeverityNumber.INFO)
    ]

    assert_same(batch)
    assert 0 < len(wire._severities) <= 100


def test_heads_of_one_name_are_bounded_too() -> None:
    """A name whose values have all lengths remembers some of them only."""
    batch = [record for size in range(200) for record in one(attributes={"of.all.lengths": "x" * size})]

    assert_same(batch)
    assert len(wire._keys["of.all.lengths"][1]) <= 32
