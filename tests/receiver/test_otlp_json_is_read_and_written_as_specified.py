from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from otel_ctxlog.receiver import ReceivedRecord, ReceivedSpan, Receiver, read_kept
from otel_ctxlog.receiver.decode import records_of
from otel_ctxlog.receiver.otlp_json import from_json, to_json_line, to_json_object

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_ctxlog.receiver import AttributeValue
    from tests.receiver.conftest import Send

JSON = {"Content-Type": "application/json"}

# As in the examples of the OTLP specification.
LOGS: dict[str, object] = {
    "resourceLogs": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "my.service"}}]},
            "scopeLogs": [
                {
                    "scope": {
                        "name": "my.library",
                        "version": "1.0.0",
                        "attributes": [{"key": "my.scope.attribute", "value": {"stringValue": "some scope attribute"}}],
                    },
                    "logRecords": [
                        {
                            "timeUnixNano": "1544712660300000000",
                            "observedTimeUnixNano": 1544712660300000001,
                            "severityNumber": 10,
                            "severityText": "Information",
                            "traceId": "5B8EFFF798038103D269B633813FC60C",
                            "spanId": "eee19b7ec3c1b174",
                            "flags": 1,
                            "eventName": "browser.page_view",
                            "droppedAttributesCount": 2,
                            "body": {"stringValue": "Example log record"},
                            "attributes": [
                                {"key": "string", "value": {"stringValue": "some string"}},
                                {"key": "boolean", "value": {"boolValue": True}},
                                {"key": "int", "value": {"intValue": "-10"}},
                                {"key": "number", "value": {"intValue": 10}},
                                {"key": "double", "value": {"doubleValue": 637.704}},
                                {"key": "infinite", "value": {"doubleValue": "Infinity"}},
                                {"key": "bytes", "value": {"bytesValue": "AP8="}},
                                {"key": "nothing", "value": {}},
                                {"key": "array", "value": {"arrayValue": {"values": [{"stringValue": "many"}, {}]}}},
                                {
                                    "key": "map",
                                    "value": {"kvlistValue": {"values": [{"key": "k", "value": {"intValue": "1"}}]}},
                                },
                            ],
                        }
                    ],
                }
            ],
        }
    ]
}


def test_a_json_log_request_is_read(receiver: Receiver, send: Send) -> None:
    """Hexadecimal ids, integers as text or number, base64 bytes and nested values are read from OTLP JSON."""
    assert send(json.dumps(LOGS).encode(), headers=JSON).status == 200
    assert receiver.records == [
        ReceivedRecord(
            time_unix_nano=1544712660300000000,
            observed_time_unix_nano=1544712660300000001,
            severity_number=10,
            severity_text="Information",
            body="Example log record",
            event_name="browser.page_view",
            attributes={
                "string": "some string",
                "boolean": True,
                "int": -10,
                "number": 10,
                "double": 637.704,
                "infinite": math.inf,
                "bytes": b"\x00\xff",
                "nothing": None,
                "array": ["many", None],
                "map": {"k": 1},
            },
            dropped_attributes_count=2,
            flags=1,
            trace_id="5b8efff798038103d269b633813fc60c",
            span_id="eee19b7ec3c1b174",
            scope_name="my.library",
            scope_version="1.0.0",
            scope_attributes={"my.scope.attribute": "some scope attribute"},
            resource_attributes={"service.name": "my.service"},
        )
    ]


def test_a_json_trace_request_is_read(receiver: Receiver, send: Send) -> None:
    """Ids of spans, of their parents and of their links are hexadecimal."""
    span = {
        "traceId": "5B8EFFF798038103D269B633813FC60C",
        "spanId": "EEE19B7EC3C1B174",
        "parentSpanId": "EEE19B7EC3C1B173",
        "name": "I'm a server span",
        "kind": 2,
        "links": [{"traceId": "5B8EFFF798038103D269B633813FC60D", "spanId": "EEE19B7EC3C1B175"}],
        "status": {"code": 2},
    }
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()

    assert send(body, path="/v1/traces", headers=JSON).status == 200

    [received] = receiver.spans

    assert isinstance(received, ReceivedSpan)
    assert received.trace_id == "5b8efff798038103d269b633813fc60c"
    assert received.span_id == "eee19b7ec3c1b174"
    assert received.parent_span_id == "eee19b7ec3c1b173"
    assert [(link.trace_id, link.span_id) for link in received.links] == [
        ("5b8efff798038103d269b633813fc60d", "eee19b7ec3c1b175")
    ]
    assert (received.kind, received.status_code) == (2, 2)


def test_unknown_fields_are_ignored(receiver: Receiver, send: Send) -> None:
    """Fields that OTLP does not know are ignored at every depth, snake_case names of known ones among them."""
    record = {
        "body": {"stringValue": "hello", "stringView": 1},
        "trace_id": "no id",
        "severity_number": 9,
        "traceId": "",
        "spanId": None,
        "new": {"deep": [1, {"traceId": 5}]},
    }
    body: dict[str, object] = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record], "x": 1}], "y": []}], "z": {}}

    assert send(json.dumps(body).encode(), headers=JSON).status == 200
    assert receiver.records == [ReceivedRecord(body="hello")]


def test_a_written_request_has_otlp_spelling() -> None:
    """Written requests have camelCase names, hexadecimal ids, enums as integers and 64-bit integers as text."""
    request = from_json(json.dumps(LOGS), ExportLogsServiceRequest())
    expected = json.loads(json.dumps(LOGS))
    record = expected["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
    record["traceId"] = record["traceId"].lower()
    record["observedTimeUnixNano"] = "1544712660300000001"
    record["attributes"][3]["value"]["intValue"] = "10"

    assert to_json_object(request) == expected
    assert to_json_line(request).count("\n") == 1


VALUES: st.SearchStrategy[AttributeValue] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.binary(max_size=8)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


def any_value(value: AttributeValue) -> AnyValue:
    """The value on the wire."""
    wire = AnyValue()
    if isinstance(value, bool):
        wire.bool_value = value
    elif isinstance(value, int):
        wire.int_value = value
    elif isinstance(value, float):
        wire.double_value = value
    elif isinstance(value, str):
        wire.string_value = value
    elif isinstance(value, bytes):
        wire.bytes_value = value
    elif isinstance(value, dict):
        wire.kvlist_value.SetInParent()
        wire.kvlist_value.values.extend(KeyValue(key=key, value=any_value(inner)) for key, inner in value.items())
    elif isinstance(value, list):
        wire.array_value.SetInParent()
        wire.array_value.values.extend(map(any_value, value))
    return wire


@given(VALUES, st.binary(min_size=16, max_size=16))
def test_what_is_written_is_read_back_equal(value: AttributeValue, trace_id: bytes) -> None:
    """Any value and id survives being written as a line of OTLP JSON and read again."""
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add(trace_id=trace_id)
    record.body.CopyFrom(any_value(value))
    again = from_json(to_json_line(request), ExportLogsServiceRequest())

    assert again == request
    assert next(records_of(again))[0].body == value


def test_kept_requests_are_read_back_equal(
    tmp_path: Path, sender: Callable[[Receiver], Send], protobuf_request: bytes
) -> None:
    """The kept file has a line per request, of logs and traces, there at once, and gives back what was received."""
    path = tmp_path / "kept.jsonl"
    spans = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "GET", "spanId": "00" * 8}]}]}]}).encode()
    with Receiver(http_port=0, grpc_port=None, keep=path) as receiver:
        send = sender(receiver)
        send(json.dumps(LOGS).encode(), headers=JSON)

        assert list(read_kept(path)) == receiver.records

        send(spans, path="/v1/traces", headers=JSON)
        send(protobuf_request, headers={"Content-Type": "application/x-protobuf"})
        send(b'{"resourceMetrics":[]}', path="/v1/metrics", headers=JSON)

    lines = path.read_text("utf-8").splitlines()

    assert [next(iter(json.loads(line))) for line in lines] == ["resourceLogs", "resourceSpans", "resourceLogs"]
    assert list(read_kept(path)) == [receiver.records[0], receiver.spans[0], receiver.records[1]]


def test_the_deepest_request_that_is_taken_can_be_read_back(tmp_path: Path, sender: Callable[[Receiver], Send]) -> None:
    """Whatever depth protobuf lets in, the kept line is not too deep to be read; beyond it the answer is 400."""
    path = tmp_path / "kept.jsonl"
    statuses: list[int] = []
    with Receiver(http_port=0, grpc_port=None, keep=path) as receiver:
        send = sender(receiver)
        for depth in range(1, 60):
            request = ExportLogsServiceRequest()
            value = request.resource_logs.add().scope_logs.add().log_records.add().body
            for _ in range(depth):
                value = value.kvlist_value.values.add(key="k").value
            value.int_value = depth
            headers = {"Content-Type": "application/x-protobuf"}
            statuses.append(send(request.SerializeToString(), headers=headers).status)

    assert set(statuses) == {200, 400}
    assert list(read_kept(path)) == receiver.records
    assert len(receiver.records) == statuses.count(200)


def test_traces_can_be_left_out_of_the_kept_file(tmp_path: Path, sender: Callable[[Receiver], Send]) -> None:
    """With keep_traces=False only logs are kept; a second run appends."""
    path = tmp_path / "kept.jsonl"
    for _ in range(2):
        with Receiver(http_port=0, grpc_port=None, keep=path, keep_traces=False) as receiver:
            send = sender(receiver)
            send(json.dumps(LOGS).encode(), headers=JSON)
            send(b'{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}', path="/v1/traces", headers=JSON)

            assert len(receiver.spans) == 1

    assert [type(element) for element in read_kept(path)] == [ReceivedRecord, ReceivedRecord]


def test_a_bad_line_is_named(tmp_path: Path) -> None:
    """Reading says in which line of the file the fault is; metrics and blank lines are none."""
    path = tmp_path / "kept.jsonl"
    path.write_text('{"resourceMetrics":[]}\n\n{"resourceLogs":3}\n', "utf-8")
    with pytest.raises(ValueError, match=r"kept\.jsonl:3: not OTLP JSON: "):
        list(read_kept(path))

    path.write_text('{"x":1}\n', "utf-8")
    with pytest.raises(ValueError, match=r"kept\.jsonl:1: expected an object with resourceLogs, .* found '\{"):
        list(read_kept(path))


def test_a_full_disk_costs_one_diagnostic(
    sender: Callable[[Receiver], Send], json_request: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """A file that cannot be written to is given up with one diagnostic; receiving goes on."""
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with Receiver(http_port=0, grpc_port=None, keep="/dev/full") as receiver:
        send = sender(receiver)

        assert send(json_request, headers=JSON).status == 200
        assert send(json_request, headers=JSON).status == 200

        receiver.wait_for(2)

    assert [record.getMessage() for record in caplog.records if record.name == "otel_ctxlog"] == [
        "the OTLP receiver cannot keep requests any more: [Errno 28] No space left on device"
    ]
