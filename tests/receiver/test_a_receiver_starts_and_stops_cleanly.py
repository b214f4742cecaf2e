from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import grpc
import pytest

from otel_ctxlog.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.receiver.conftest import Send

JSON = {"Content-Type": "application/json"}
LOGS_METHOD = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"


def test_no_thread_outlives_stop(sender: Callable[[Receiver], Send], json_request: bytes) -> None:
    """When stop returns, every thread has ended: servers, pools, and connections that clients still hold open."""
    before = set(threading.enumerate())
    receiver = Receiver(http_port=0, grpc_port=0)
    receiver.start()
    address = urlsplit(receiver.http_endpoint)
    idle = socket.create_connection((address.hostname or "", address.port or 0))
    sender(receiver)(json_request, headers=JSON)
    with grpc.insecure_channel(urlsplit(receiver.grpc_endpoint).netloc) as channel:
        export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(LOGS_METHOD)
        export(b"", timeout=20)
        began = time.monotonic()
        receiver.stop()
        took = time.monotonic() - began
    idle.close()
    # The serving thread of grpc, and its channel's, end a moment after they have said so.
    deadline = time.monotonic() + 2
    while set(threading.enumerate()) - before and time.monotonic() < deadline:
        time.sleep(0.01)

    assert set(threading.enumerate()) - before == set()
    assert took < 10


def test_stop_is_bounded_while_a_request_hangs() -> None:
    """A client in the middle of a request is cut off when the time of stop is up."""
    receiver = Receiver(http_port=0, grpc_port=None)
    receiver.start()
    address = urlsplit(receiver.http_endpoint)
    with socket.create_connection((address.hostname or "", address.port or 0)) as hanging:
        hanging.sendall(b"POST /v1/logs HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
        time.sleep(0.1)
        began = time.monotonic()
        receiver.stop(1.0)
        took = time.monotonic() - began

    assert took < 8


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_leaves_the_receiver_alone(receiver: Receiver, send: Send, json_request: bytes) -> None:
    """A child that stops what it inherited neither hangs nor stops the parent's receiver."""
    send(json_request, headers=JSON)
    child = os.fork()
    if child == 0:
        receiver.stop()
        os._exit(0)
    deadline = time.monotonic() + 20
    ended = 0
    while not ended and time.monotonic() < deadline:
        ended, _ = os.waitpid(child, os.WNOHANG)
        time.sleep(0.01)
    if not ended:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

    assert ended == child
    assert send(json_request, headers=JSON).status == 200


def test_a_receiver_can_be_started_again(sender: Callable[[Receiver], Send], json_request: bytes) -> None:
    """After stop, what was received is still there, and start listens once more; a second stop does nothing."""
    receiver = Receiver(http_port=0, grpc_port=0)
    for _ in range(2):
        with receiver:
            sender(receiver)(json_request, headers=JSON)
        receiver.stop()

    assert [record.body for record in receiver.records] == ["hello", "hello"]


def test_a_running_receiver_cannot_be_started(receiver: Receiver) -> None:
    """A second start is a RuntimeError."""
    with pytest.raises(RuntimeError, match="the receiver runs already"):
        receiver.start()


def test_endpoints_are_there_while_it_listens() -> None:
    """An endpoint is asked for in vain before the start, after the stop, and of a protocol that is off."""
    receiver = Receiver(http_port=0, grpc_port=None)
    with pytest.raises(RuntimeError, match="does not listen for OTLP/HTTP"):
        _ = receiver.http_endpoint
    with receiver:
        assert receiver.http_endpoint.startswith("http://127.0.0.1:")
        with pytest.raises(RuntimeError, match="does not listen for OTLP/gRPC"):
            _ = receiver.grpc_endpoint
    with pytest.raises(RuntimeError, match="does not listen for OTLP/HTTP"):
        _ = receiver.http_endpoint


@pytest.mark.parametrize("protocol", ["HTTP", "gRPC"])
def test_a_port_in_use_leaves_nothing_running(protocol: str, receiver: Receiver, tmp_path: Path) -> None:
    """A port in use is an OSError that names it, and neither protocol listens then."""
    taken = urlsplit(receiver.http_endpoint if protocol == "HTTP" else receiver.grpc_endpoint).port or 0
    other = (
        Receiver(http_port=taken, grpc_port=0, keep=tmp_path / "x")
        if protocol == "HTTP"
        else Receiver(http_port=0, grpc_port=taken, keep=tmp_path / "x")
    )
    before = set(threading.enumerate())
    with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{taken} for OTLP/{protocol}: the port is in use"):
        other.start()

    assert set(threading.enumerate()) - before == set()
    with pytest.raises(RuntimeError):
        _ = other.http_endpoint


def test_a_file_that_cannot_be_opened_is_said_at_the_start(tmp_path: Path) -> None:
    """A kept file in a folder that does not exist is an OSError of start."""
    with pytest.raises(FileNotFoundError):
        Receiver(http_port=0, grpc_port=0, keep=tmp_path / "no" / "x").start()


def test_waiting_says_what_came_when_it_was_not_enough(receiver: Receiver, send: Send, json_request: bytes) -> None:
    """A wait in vain is a TimeoutError that says how many records came and the last bodies."""
    send(json_request, headers=JSON)
    with pytest.raises(TimeoutError, match=r"1 of 2 log records came within 0\.1 s; the last bodies: \['hello'\]"):
        receiver.wait_for(2, 0.1)
    with pytest.raises(TimeoutError, match=r"not within 0\.1 s; 1 log records and 0 spans came"):
        receiver.wait_until(lambda running: bool(running.spans), 0.1)


def test_waiting_ends_when_the_record_comes(receiver: Receiver, send: Send, json_request: bytes) -> None:
    """A thread that waits is woken by the record."""
    found: list[object] = []
    waiting = threading.Thread(target=lambda: found.extend(receiver.wait_for(1, 20)))
    waiting.start()
    time.sleep(0.05)
    send(json_request, headers=JSON)
    waiting.join(20)

    assert found == receiver.records


def test_many_senders_at_once_lose_nothing(receiver: Receiver, send: Send, json_request: bytes) -> None:
    """Requests from 8 threads all arrive."""

    def work() -> None:
        for _ in range(25):
            send(json_request, headers=JSON)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert receiver.received_records == 200


@pytest.mark.parametrize("host", ["localhost", "::1"])
def test_other_addresses_can_be_listened_on(host: str, sender: Callable[[Receiver], Send], json_request: bytes) -> None:
    """Names and IPv6 addresses work, and the endpoint is one that can be sent to."""
    if host == "::1":
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            pytest.skip("needs IPv6")
    with Receiver(http_port=0, grpc_port=0, host=host) as receiver:
        assert sender(receiver)(json_request, headers=JSON).status == 200
        with grpc.insecure_channel(urlsplit(receiver.grpc_endpoint).netloc) as channel:
            export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(LOGS_METHOD)
            export(b"", timeout=20)


@pytest.mark.parametrize(
    ("host", "endpoint"),
    [("0.0.0.0", "http://127.0.0.1:4318"), ("::", "http://[::1]:4318"), ("10.0.0.1", "http://10.0.0.1:4318")],
)
def test_the_endpoint_of_a_wildcard_address_is_loopback(host: str, endpoint: str) -> None:
    """Where it listens on every address, the endpoint is one that can be sent to."""
    assert Receiver(host=host)._endpoint(4318) == endpoint


def test_importing_loads_neither_grpc_nor_protobuf() -> None:
    """The package can be imported without the cost of grpc and protobuf, and the command line without the receiver."""
    program = (
        "import sys, otel_ctxlog.receiver, otel_ctxlog.cli\n"
        "print([name for name in ('grpc', 'google.protobuf', 'http.server') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert answer.stdout == "[]\n"


@pytest.mark.slow
def test_a_program_that_forgets_to_stop_ends() -> None:
    """A receiver that nobody stopped does not keep the process alive."""
    program = (
        "from otel_ctxlog.receiver import Receiver\n"
        "receiver = Receiver(http_port=0, grpc_port=0)\n"
        "receiver.start()\n"
        "print('end')"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30)

    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "end\n", "")
