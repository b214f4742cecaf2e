from __future__ import annotations

import gzip
import http.client
import json
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import grpc
import pytest
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_ctxlog.receiver import Receiver
    from tests.receiver.conftest import Send

PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}
PACKED = gzip.compress(b"{}")
LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def test_protobuf_is_answered_in_protobuf(receiver: Receiver, send: Send, protobuf_request: bytes) -> None:
    """A good protobuf request gets 200 and an empty ExportLogsServiceResponse."""
    answer = send(protobuf_request, headers=PROTOBUF)

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/x-protobuf"
    assert ExportLogsServiceResponse.FromString(answer.body) == ExportLogsServiceResponse()
    assert [record.body for record in receiver.records] == ["hello"]


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8"])
def test_json_is_answered_in_json(receiver: Receiver, send: Send, json_request: bytes, content_type: str) -> None:
    """A good JSON request gets 200 and an empty object."""
    answer = send(json_request, headers={"Content-Type": content_type})

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert json.loads(answer.body) == {}
    assert [record.body for record in receiver.records] == ["hello"]


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip"])
def test_gzip_is_unpacked(receiver: Receiver, send: Send, json_request: bytes, encoding: str) -> None:
    """A gzip body is read, also one of several members."""
    half = len(json_request) // 2
    packed = gzip.compress(json_request[:half]) + gzip.compress(json_request[half:])

    assert send(packed, headers={**JSON, "Content-Encoding": encoding}).status == 200
    assert [record.body for record in receiver.records] == ["hello"]


def test_identity_and_an_empty_encoding_are_no_encoding(send: Send, json_request: bytes) -> None:
    """Content-Encoding identity, and an empty one, are accepted."""
    assert send(json_request, headers={**JSON, "Content-Encoding": "identity"}).status == 200
    assert send(json_request, headers={**JSON, "Content-Encoding": ""}).status == 200


def test_an_empty_protobuf_request_is_a_good_one(receiver: Receiver, send: Send) -> None:
    """No bytes are a protobuf message without fields."""
    assert send(b"", headers=PROTOBUF).status == 200
    assert receiver.records == []


def test_a_chunked_body_is_read(receiver: Receiver, send: Send, json_request: bytes) -> None:
    """Transfer-Encoding chunked is accepted."""
    chunks = iter([json_request[:10], json_request[10:11], json_request[11:]])

    assert send(chunks, headers={**JSON, "Transfer-Encoding": "chunked"}).status == 200
    assert [record.body for record in receiver.records] == ["hello"]


# method, path, headers, body, status, google.rpc.Code, a part of the message
REFUSED: dict[str, tuple[str, str, Mapping[str, str], bytes, int, int, str]] = {
    "other path": ("POST", "/v1/profiles", JSON, b"{}", 404, 5, "/v1/logs, /v1/traces"),
    "root": ("POST", "/", PROTOBUF, b"", 404, 5, "no such path: '/'"),
    "get of other path": ("GET", "/favicon.ico", {}, b"", 404, 5, "favicon"),
    "get": ("GET", "/v1/logs", {}, b"", 405, 12, "GET is not allowed; POST is"),
    "put": ("PUT", "/v1/traces", JSON, b"{}", 405, 12, "PUT"),
    "options": ("OPTIONS", "/v1/logs", {}, b"", 405, 12, "OPTIONS"),
    "unknown method": ("BREW", "/v1/logs", JSON, b"{}", 501, 12, "BREW"),
    "no content type": ("POST", "/v1/logs", {}, b"{}", 415, 3, "None"),
    "text": ("POST", "/v1/logs", {"Content-Type": "text/plain"}, b"{}", 415, 3, "'text/plain'"),
    "form": ("POST", "/v1/logs", {"Content-Type": "application/x-www-form-urlencoded"}, b"a=b", 415, 3, "allowed are"),
    "deflate": ("POST", "/v1/logs", {**JSON, "Content-Encoding": "deflate"}, b"{}", 415, 3, "'deflate'"),
    "twice packed": ("POST", "/v1/logs", {**JSON, "Content-Encoding": "gzip, gzip"}, b"{}", 415, 3, "gzip, gzip"),
    "not gzip": ("POST", "/v1/logs", {**PROTOBUF, "Content-Encoding": "gzip"}, b"plain", 400, 3, "no gzip"),
    "cut gzip": (
        "POST",
        "/v1/logs",
        {**JSON, "Content-Encoding": "gzip"},
        PACKED[:-4],
        400,
        3,
        "no gzip",
    ),
    "gzip and more": (
        "POST",
        "/v1/logs",
        {**JSON, "Content-Encoding": "gzip"},
        PACKED + b"x",
        400,
        3,
        "",
    ),
    "not protobuf": ("POST", "/v1/logs", PROTOBUF, b"\xff\xff\xff", 400, 3, "not an OTLP ExportLogsServiceRequest"),
    "cut protobuf": ("POST", "/v1/traces", PROTOBUF, b"\x0a\x05abc", 400, 3, "not an OTLP ExportTraceServiceRequest"),
    "text in protobuf": ("POST", "/v1/logs", PROTOBUF, b'{"resourceLogs":[]}', 400, 3, ""),
    "not json": ("POST", "/v1/logs", JSON, b"{", 400, 3, "not JSON"),
    "empty json": ("POST", "/v1/logs", JSON, b"", 400, 3, "not JSON"),
    "list": ("POST", "/v1/logs", JSON, b"[]", 400, 3, "expected a JSON object, found list"),
    "wrong type": ("POST", "/v1/logs", JSON, b'{"resourceLogs": 1}', 400, 3, "resourceLogs"),
    "elements of wrong type": ("POST", "/v1/logs", JSON, b'{"resourceLogs": [1]}', 400, 3, "resourceLogs"),
    "not utf-8": ("POST", "/v1/logs", JSON, b'{"a": "\xff"}', 400, 3, "utf-8"),
    "deep json": ("POST", "/v1/logs", JSON, b"[" * 100_000, 400, 3, "deep"),
    "deep values": (
        "POST",
        "/v1/logs",
        JSON,
        b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":'
        + b'{"arrayValue":{"values":[' * 200
        + b"]}}" * 200
        + b"}]}]}]}",
        400,
        3,
        "",
    ),
    "long digits": ("POST", "/v1/logs", JSON, b'{"x": ' + b"9" * 10_000 + b"}", 400, 3, ""),
    "surrogate": (
        "POST",
        "/v1/logs",
        JSON,
        rb'{"resourceLogs":[{"schemaUrl":"\ud800"}]}',
        400,
        3,
        "",
    ),
    "bad id": (
        "POST",
        "/v1/logs",
        JSON,
        b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"W47/95gDgQPSabYzgT/GDA=="}]}]}]}',
        400,
        3,
        "hexadecimal",
    ),
    "bad length": ("POST", "/v1/logs", {**JSON, "Content-Length": "-1"}, b"{}", 400, 3, "bad Content-Length: '-1'"),
    "length in words": ("POST", "/v1/logs", {**JSON, "Content-Length": "two"}, b"{}", 400, 3, "'two'"),
    "both lengths": (
        "POST",
        "/v1/logs",
        {**JSON, "Transfer-Encoding": "chunked", "Content-Length": "2"},
        b"2\r\n{}\r\n0\r\n\r\n",
        400,
        3,
        "both",
    ),
    "too long": ("POST", "/v1/logs", {**JSON, "Content-Length": "99999999999"}, b"{}", 413, 8, "limit of 16777216"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_request_gets_its_status(receiver: Receiver, send: Send, case: str) -> None:
    """Each fault gets the status that OTLP and HTTP ask for, and a google.rpc.Status in the request's encoding."""
    method, path, headers, body, status, code, message = REFUSED[case]
    answer = send(body, method=method, path=path, headers=headers)

    assert answer.status == status
    if headers.get("Content-Type") == "application/x-protobuf":
        assert answer.headers["Content-Type"] == "application/x-protobuf"
        said = Status.FromString(answer.body)
        assert said.code == code
        assert message in said.message
    else:
        assert answer.headers["Content-Type"] == "application/json"
        assert json.loads(answer.body)["code"] == code
        assert message in json.loads(answer.body)["message"]
    assert receiver.records == []
    assert receiver.spans == []


def test_other_methods_are_told_the_allowed_one(send: Send) -> None:
    """405 comes with Allow."""
    assert send(method="GET").headers["Allow"] == "POST"


def test_a_head_request_gets_no_body(send: Send) -> None:
    """The answer to HEAD has a head only."""
    answer = send(method="HEAD")

    assert (answer.status, answer.body) == (405, b"")


def talk(receiver: Receiver, data: bytes) -> bytes:
    """What the receiver answers to these bytes, up to its closing of the connection."""
    address = urlsplit(receiver.http_endpoint)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=20) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while more := connection.recv(1 << 16):
            answer += more
    return answer


HEAD = b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (HEAD + b"\r\n", 411),
        (HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
        (HEAD + b"Content-Length: 10\r\n\r\n{}", 400),
        (HEAD + b"Transfer-Encoding: gzip\r\n\r\n", 501),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nx\r\n", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;" + b"x" * 5_000 + b"\r\n{}\r\n0\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n" + b"A: b\r\n" * 101 + b"\r\n", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\nA: b\r\n\r\n", 200),
        (b"nonsense\r\n\r\n", 400),
        (b"POST /v1/logs HTTP/9.9\r\n\r\n", 505),
        (b"POST /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (HEAD + b"X: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (HEAD + b"X: y\r\n" * 200 + b"\r\n", 431),
    ],
)
def test_a_malformed_head_or_body_gets_its_status(receiver: Receiver, data: bytes, status: int) -> None:
    """What no HTTP client sends by itself is refused with the fitting status and a google.rpc.Status, and forgotten."""
    answer = talk(receiver, data)
    head, _, body = answer.partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert (set(json.loads(body)) == {"code", "message"}) == (status != 200)
    assert receiver.records == []


def test_a_connection_is_kept_over_requests(receiver: Receiver, json_request: bytes) -> None:
    """Several requests, and a bad one between them, go over one connection."""
    connection = http.client.HTTPConnection(urlsplit(receiver.http_endpoint).netloc, timeout=20)
    statuses: list[int] = []
    connection.connect()
    before = connection.sock
    for body in (json_request, b"{", json_request):
        connection.request("POST", "/v1/logs", body, JSON)
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)

    assert connection.sock is before

    connection.close()

    assert statuses == [200, 400, 200]
    assert receiver.received_records == 2


def test_a_body_is_asked_for_only_if_it_will_be_read(receiver: Receiver) -> None:
    """With Expect: 100-continue the go-ahead comes for a good head, and the refusal at once for a bad one."""
    good = talk(receiver, HEAD + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n{}")
    bad = talk(receiver, HEAD + b"Content-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n")

    assert good.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert bad.startswith(b"HTTP/1.1 413 ")


def call(receiver: Receiver, method: str, data: bytes, compression: grpc.Compression | None = None) -> bytes:
    """Call a gRPC method with raw bytes."""
    with grpc.insecure_channel(urlsplit(receiver.grpc_endpoint).netloc) as channel:
        export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
        return export(data, timeout=20, compression=compression)


def test_grpc_answers_a_good_request(receiver: Receiver, protobuf_request: bytes) -> None:
    """A good gRPC request gets an empty response."""
    assert call(receiver, LOGS, protobuf_request) == b""
    assert [record.body for record in receiver.records] == ["hello"]


@pytest.mark.parametrize(
    ("method", "data", "code"),
    [
        (LOGS, b"\xff\xff\xff", grpc.StatusCode.INVALID_ARGUMENT),
        (
            "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            b"\x0a\x05abc",
            grpc.StatusCode.INVALID_ARGUMENT,
        ),
        ("/opentelemetry.proto.collector.logs.v1.LogsService/Import", b"", grpc.StatusCode.UNIMPLEMENTED),
        ("/x.Y/Z", b"", grpc.StatusCode.UNIMPLEMENTED),
        (LOGS, b"\x0a" * (17 << 20), grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
)
def test_a_bad_grpc_request_gets_its_status(
    receiver: Receiver, method: str, data: bytes, code: grpc.StatusCode
) -> None:
    """What cannot be decoded is INVALID_ARGUMENT and not INTERNAL; what is too large RESOURCE_EXHAUSTED."""
    with pytest.raises(grpc.RpcError) as raised:
        call(receiver, method, data)

    assert raised.value.code() == code
    assert receiver.records == []
