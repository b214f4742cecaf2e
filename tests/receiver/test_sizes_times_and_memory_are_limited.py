from __future__ import annotations

import gzip
import http.client
import json
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import grpc
import pytest

from otel_ctxlog.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.receiver.conftest import Send

JSON = {"Content-Type": "application/json"}
LOGS_METHOD = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
LIMIT = 10_000


def peak_memory() -> int:
    """The most memory this process has had resident, in bytes; Linux only."""
    with Path("/proc/self/status").open(encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) * 1024


def bodies(*texts: str) -> bytes:
    """A JSON request with records of these bodies."""
    records = [{"body": {"stringValue": text}} for text in texts]
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()


@pytest.fixture
def small(sender: Callable[[Receiver], Send]) -> Iterator[tuple[Receiver, Send]]:
    """A receiver with a limit of 10,000 bytes and a sender to it."""
    with Receiver(http_port=0, grpc_port=0, max_request_bytes=LIMIT) as running:
        yield running, sender(running)


def test_a_body_may_be_as_long_as_the_limit_and_no_longer(small: tuple[Receiver, Send]) -> None:
    """The limit is exact: at it 200, one byte above it 413."""
    _, send = small
    fitting = b'{"x":"' + b"y" * (LIMIT - 8) + b'"}'

    assert len(fitting) == LIMIT
    assert send(fitting, headers=JSON).status == 200
    assert send(fitting + b" ", headers=JSON).status == 413
    assert send(iter([fitting]), headers={**JSON, "Transfer-Encoding": "chunked"}).status == 200
    assert send(iter([fitting, b" "]), headers={**JSON, "Transfer-Encoding": "chunked"}).status == 413
    assert send(gzip.compress(fitting), headers={**JSON, "Content-Encoding": "gzip"}).status == 200
    assert send(gzip.compress(fitting + b" "), headers={**JSON, "Content-Encoding": "gzip"}).status == 413


def test_the_refusal_of_a_big_body_reaches_its_sender(small: tuple[Receiver, Send]) -> None:
    """A client that sends all of a refused body before it reads gets the 413, and no broken connection."""
    _, send = small
    answer = send(b" " * (30 << 20), headers=JSON)

    assert answer.status == 413
    assert json.loads(answer.body)["code"] == 8


def test_a_chunk_is_not_believed_to_be_as_long_as_it_says(small: tuple[Receiver, Send]) -> None:
    """A chunk that announces more than the limit is refused before it is read."""
    receiver, _ = small
    address = urlsplit(receiver.http_endpoint)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=20) as connection:
        connection.sendall(
            b"POST /v1/logs HTTP/1.1\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\nffffffffff\r\n"
        )

        assert connection.recv(12) == b"HTTP/1.1 413"


@pytest.mark.slow
def test_a_zip_bomb_does_not_go_off_over_http(receiver: Receiver, send: Send) -> None:
    """A gigabyte of blanks in a megabyte of gzip costs a 413 and little memory."""
    bomb = gzip.compress(b" " * (1 << 30), compresslevel=1)
    before = peak_memory()
    answer = send(bomb, headers={**JSON, "Content-Encoding": "gzip"})

    assert answer.status == 413
    # What is allowed, as a few copies; far from a gigabyte.
    assert peak_memory() - before < 200 << 20


@pytest.mark.slow
def test_a_zip_bomb_does_not_go_off_over_grpc(receiver: Receiver) -> None:
    """Over gRPC, too, the limit is that of the unpacked message: half a gigabyte of zeros is refused."""
    # Without a limit of its own the client would refuse to send it.
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(urlsplit(receiver.grpc_endpoint).netloc, options=options) as channel:
        export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(LOGS_METHOD)
        with pytest.raises(grpc.RpcError) as raised:
            export(bytes(512 << 20), timeout=60, compression=grpc.Compression.Gzip)

    assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert receiver.records == []


@pytest.mark.parametrize(
    "start",
    [
        b"P",
        b"POST /v1/logs HTTP/1.1\r\nContent-Ty",
        b"POST /v1/logs HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
    ],
)
def test_a_trickling_client_is_cut_off(start: bytes) -> None:
    """A client that sends a byte now and then, in line, head or body, loses its connection when its time is up."""
    with Receiver(http_port=0, grpc_port=None, request_seconds=0.5) as receiver:
        address = urlsplit(receiver.http_endpoint)
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=0.1) as connection:
            began = time.monotonic()
            connection.sendall(start)
            answer = b""
            while time.monotonic() - began < 10:
                try:
                    connection.sendall(b" ")
                    more = connection.recv(1000)
                except TimeoutError:
                    continue
                except OSError:
                    break
                answer += more
                if not more:
                    break
            took = time.monotonic() - began

    assert 0.4 < took < 5
    assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")


def test_a_silent_connection_does_not_hold_up_others(receiver: Receiver, send: Send) -> None:
    """While 20 clients say nothing, another one is answered."""
    address = urlsplit(receiver.http_endpoint)
    silent = [socket.create_connection((address.hostname or "", address.port or 0)) for _ in range(20)]

    assert send(bodies("hello"), headers=JSON).status == 200

    for connection in silent:
        connection.close()


def test_connections_are_limited(receiver: Receiver, send: Send) -> None:
    """Beyond 64 open connections the answer is 503, which senders retry; with fewer it works again."""
    address = urlsplit(receiver.http_endpoint)
    silent = [socket.create_connection((address.hostname or "", address.port or 0)) for _ in range(64)]
    threads = threading.active_count()
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=20) as connection:
        answer = connection.recv(1 << 16)

    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nRetry-After: 1\r\n" in answer
    assert threads < 64 + 20

    for other in silent:
        other.close()
    deadline = time.monotonic() + 10
    status = 503
    while status == 503 and time.monotonic() < deadline:
        try:
            status = send(bodies("hello"), headers=JSON).status
        except (ConnectionError, http.client.HTTPException):
            time.sleep(0.05)

    assert status == 200


def test_the_oldest_records_are_dropped_and_counted(sender: Callable[[Receiver], Send]) -> None:
    """No more than max_records are held; the others are counted; waiting counts all that came."""
    with Receiver(http_port=0, grpc_port=None, max_records=3) as receiver:
        send = sender(receiver)
        send(bodies("a", "b"), headers=JSON)
        send(bodies("c", "d", "e"), headers=JSON)
        held = receiver.wait_for(5)

        assert [record.body for record in held] == ["c", "d", "e"]
        assert (receiver.received_records, receiver.dropped_records) == (5, 2)

        receiver.clear()

        assert receiver.records == []
        assert (receiver.received_records, receiver.dropped_records) == (0, 0)


def test_big_records_are_dropped_earlier(sender: Callable[[Receiver], Send]) -> None:
    """What is held measured no more than max_bytes on the wire, but the newest record always stays."""
    with Receiver(http_port=0, grpc_port=None, max_bytes=1_000) as receiver:
        send = sender(receiver)
        send(bodies("a" * 400, "b" * 400, "c" * 400), headers=JSON)

        assert [record.body for record in receiver.wait_for(3)] == ["b" * 400, "c" * 400]

        send(bodies("d" * 5_000), headers=JSON)

        assert [record.body for record in receiver.wait_for(4)] == ["d" * 5_000]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"http_port": 65_536}, "http_port is 0 to 65535 or None, found 65536"),
        ({"grpc_port": -1}, "grpc_port is 0 to 65535 or None, found -1"),
        ({"http_port": None, "grpc_port": None}, "both None"),
        ({"max_records": 0}, "max_records is more than 0, found 0"),
        ({"max_request_bytes": -1}, "max_request_bytes is more than 0, found -1"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, int | None], message: str) -> None:
    """A wrong argument is a ValueError that names it, what it may be and what it was."""
    with pytest.raises(ValueError, match=message):
        Receiver(**arguments)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
