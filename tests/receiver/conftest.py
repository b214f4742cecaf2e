"""A running receiver on free ports, and senders to it: the official exporters, and raw bytes."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from otel_ctxlog.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to an HTTP request."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Send(Protocol):
    """Sends an HTTP request to the receiver."""

    def __call__(
        self,
        body: bytes | Iterator[bytes] | None = b"",
        *,
        method: str = "POST",
        path: str = "/v1/logs",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer; a body in parts is sent chunked."""
        ...


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of both protocols."""
    with Receiver(http_port=0, grpc_port=0) as running:
        yield running


@pytest.fixture
def send(receiver: Receiver) -> Send:
    """A function that sends an HTTP request with these headers and no others but Host and the length."""
    return sender(receiver)


@pytest.fixture(name="sender")
def _sender() -> object:
    return sender


def sender(receiver: Receiver) -> Send:
    """As the fixture `send`, for any receiver."""
    address = urlsplit(receiver.http_endpoint).netloc

    def send(
        body: bytes | Iterator[bytes] | None = b"",
        *,
        method: str = "POST",
        path: str = "/v1/logs",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        connection = http.client.HTTPConnection(address, timeout=20)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            if isinstance(body, bytes) and "Content-Length" not in (headers or {}):
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body, encode_chunked=not isinstance(body, bytes))
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    return send


@pytest.fixture
def protobuf_request() -> bytes:
    """A good request with one log record whose body is ``hello``."""
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add()
    record.body.string_value = "hello"
    return request.SerializeToString()


@pytest.fixture
def json_request() -> bytes:
    """The same in OTLP JSON."""
    record = {"body": {"stringValue": "hello"}}
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).encode()
