from __future__ import annotations

import io
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import grpc
import pytest
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import LogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from otel_ctxlog.cli import main
from otel_ctxlog.receiver import read_kept
from otel_ctxlog.receiver.rejections import Rejections

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import IO

ANY_PORTS = ("--http-port", "0", "--grpc-port", "0")


class Command:
    """A running `otel-ctxlog receive`."""

    def __init__(self, *arguments: str, stdout: int | IO[str] = subprocess.PIPE) -> None:
        environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "TZ": "UTC"}
        environment.pop("FORCE_COLOR", None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "otel_ctxlog", "receive", *arguments],
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=environment,
        )
        self.greeting = ""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.greeting += line
            if line.startswith("Ctrl-C"):
                break

    def endpoint(self, protocol: str) -> str:
        """What the greeting says for this value of OTEL_EXPORTER_OTLP_PROTOCOL."""
        found = re.search(rf"OTEL_EXPORTER_OTLP_PROTOCOL={protocol} OTEL_EXPORTER_OTLP_ENDPOINT=(\S+)", self.greeting)
        assert found is not None, self.greeting
        return found[1]

    def end(self, number: signal.Signals) -> tuple[int, str, str]:
        """The exit code, and the rest of stdout and stderr, after the signal."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err


@pytest.fixture
def commands() -> Iterator[list[Command]]:
    """Those in the list are gone after the test."""
    started: list[Command] = []
    yield started
    for command in started:
        if command.process.poll() is None:
            command.process.kill()
        command.process.communicate()


def emit(exporter: LogRecordExporter, *bodies: str) -> None:
    """Send records with these bodies."""
    provider = LoggerProvider(resource=Resource({"service.name": "shop"}))
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    for body in bodies:
        provider.get_logger("cart").emit(
            timestamp=1_700_000_000_123_456_789, body=body, severity_number=SeverityNumber.INFO
        )
    provider.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_shows_and_keeps_what_comes_until_a_signal(
    number: signal.Signals, commands: list[Command], tmp_path: Path
) -> None:
    """Records of both protocols are shown on stdout and kept; SIGINT and SIGTERM end it with 0 and a summary."""
    kept = tmp_path / "kept.jsonl"
    command = Command(*ANY_PORTS, "--keep", str(kept))
    commands.append(command)
    emit(HttpLogExporter(endpoint=command.endpoint("http/protobuf") + "/v1/logs"), "one", "two")
    emit(GrpcLogExporter(endpoint=command.endpoint("grpc")), "drei ☃")
    code, out, err = command.end(number)

    assert out == (
        "22:13:20.123 INFO  shop cart: one\n22:13:20.123 INFO  shop cart: two\n22:13:20.123 INFO  shop cart: drei ☃\n"
    )
    assert err == f"Received 3 log records and 0 spans; kept in {kept}.\n"
    assert code == 0
    assert len(list(read_kept(kept))) == 3


@pytest.mark.slow
def test_it_can_be_quiet_and_speak_one_protocol(commands: list[Command]) -> None:
    """With --quiet nothing is shown; with --no-grpc there is no gRPC."""
    command = Command("--http-port", "0", "--no-grpc", "--quiet")
    commands.append(command)
    emit(HttpLogExporter(endpoint=command.endpoint("http/protobuf") + "/v1/logs"), "one")

    assert "PROTOCOL=grpc" not in command.greeting
    assert command.end(signal.SIGTERM) == (0, "", "Received 1 log record and 0 spans.\n")


@pytest.mark.slow
def test_it_says_what_it_refuses(commands: list[Command]) -> None:
    """Each kind of refused requests, by status and path, is one line on stderr however often it comes."""
    command = Command(*ANY_PORTS)
    commands.append(command)
    port = urlsplit(command.endpoint("http/protobuf")).port or 0
    for path, kind in (("/v1/logs", "text/plain"), ("/wrong\x1b", "application/json"), ("/v1/logs", "text/plain")):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: 0\r\n\r\n"
            connection.sendall(head.encode())
            while connection.recv(1024):
                pass
    with grpc.insecure_channel(urlsplit(command.endpoint("grpc")).netloc) as channel:
        for method in ("/x.Y/Export", "/opentelemetry.proto.collector.logs.v1.LogsService/Export"):
            with pytest.raises(grpc.RpcError):
                channel.unary_unary(method, request_serializer=bytes)(b"\xff", timeout=10)
    code, _, err = command.end(signal.SIGTERM)
    lines = err.splitlines()
    unsupported = "unsupported content type: 'text/plain'; allowed are application/x-protobuf and application/json"

    assert lines.pop(3).startswith(
        "refused: INVALID_ARGUMENT /opentelemetry.proto.collector.logs.v1.LogsService/Export: not an OTLP Export"
    )
    assert lines == [
        f"refused: 415 /v1/logs: {unsupported}",
        "refused: 404 /wrong\\x1b: no such path: '/wrong\\x1b'; there are /v1/logs, /v1/traces, /v1/metrics",
        "refused: UNIMPLEMENTED /x.Y/Export: no such method",
        "Received 0 log records and 0 spans; refused 5 requests.",
    ]
    assert code == 0


def test_refusals_do_not_flood() -> None:
    """However many paths are made up, the lines are few; every refusal is counted."""
    stream = io.StringIO()
    rejections = Rejections(stream)
    for number in range(1000):
        rejections.note(404, f"/{number}", "no such path")
        rejections.note(404, "/0", "no such path")

    assert len(stream.getvalue().splitlines()) == 33
    assert rejections.count == 2000


@pytest.mark.slow
def test_it_ends_when_nobody_reads_its_output(commands: list[Command]) -> None:
    """As `otel-ctxlog receive | head -1` does: a closed pipe ends it, cleanly."""
    command = Command(*ANY_PORTS)
    commands.append(command)
    assert command.process.stdout is not None
    command.process.stdout.close()
    emit(HttpLogExporter(endpoint=command.endpoint("http/protobuf") + "/v1/logs"), "one", "two")

    assert command.process.wait(20) == 0
    assert command.process.stderr is not None
    assert command.process.stderr.read() == "Received 2 log records and 0 spans.\n"


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_a_port_in_use_is_one_line(protocol: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A port in use is one line on stderr that names it, and exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code = main(["receive", *ANY_PORTS, f"--{protocol}-port", str(port)])
    name = "HTTP" if protocol == "http" else "gRPC"

    assert capfd.readouterr().err == (
        f"otel-ctxlog receive: cannot listen on 127.0.0.1:{port} for OTLP/{name}: the port is in use\n"
    )
    assert code == 1


def test_a_file_that_cannot_be_opened_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """So is a file in a folder that does not exist."""
    path = tmp_path / "no" / "file"

    assert main(["receive", *ANY_PORTS, "--keep", str(path)]) == 1
    assert capsys.readouterr().err == f"otel-ctxlog receive: {path}: No such file or directory\n"


def test_listening_beyond_this_machine_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    """A host that is not loopback is warned of; this one, of a documentation network, is no machine's."""
    assert main(["receive", *ANY_PORTS, "--host", "192.0.2.1"]) == 1

    warning, problem = capsys.readouterr().err.splitlines()

    assert warning.startswith("warning: 192.0.2.1 is not a loopback address")
    assert problem == (
        "otel-ctxlog receive: cannot listen on 192.0.2.1:0 for OTLP/HTTP: Cannot assign requested address"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--no-http", "--no-grpc"], "--no-http and --no-grpc leave nothing to listen for"),
        (["--http-port", "65536"], "a port is 0 to 65535, found '65536'"),
        (["--grpc-port", "http"], "a port is 0 to 65535, found 'http'"),
        (["--max-request-bytes", "0"], "a positive number is needed, found '0'"),
        (["--prot", "1"], "--prot"),
        (["--foo"], "usage: otel-ctxlog receive [-h]"),
        (["--foo"], "otel-ctxlog receive: error: unrecognized arguments: --foo"),
    ],
)
def test_a_wrong_command_line_is_explained(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong command line ends with 2 and says what was found and what is allowed."""
    with pytest.raises(SystemExit) as raised:
        main(["receive", *arguments])

    assert raised.value.code == 2
    assert message in capsys.readouterr().err


def test_without_a_command_the_commands_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    """No command is a wrong command line; --help names the commands; --version says the version."""
    with pytest.raises(SystemExit) as raised:
        main([])

    assert raised.value.code == 2

    with pytest.raises(SystemExit) as raised:
        main(["--help"])

    assert raised.value.code == 0
    assert "receive" in capsys.readouterr().out

    with pytest.raises(SystemExit) as raised:
        main(["--version"])

    assert raised.value.code == 0
    assert re.fullmatch(r"otel-ctxlog (\d+\.\d+\.\d+\S*|\(not installed\))\n", capsys.readouterr().out)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs pthread_kill")
def test_signal_handlers_are_given_back(capfd: pytest.CaptureFixture[str]) -> None:
    """A program that calls main has its own signal handlers afterwards."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    main_thread = threading.main_thread().ident
    assert main_thread is not None
    timer = threading.Timer(0.5, signal.pthread_kill, (main_thread, signal.SIGTERM))
    timer.start()

    assert main(["receive", *ANY_PORTS]) == 0

    timer.join()

    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert capfd.readouterr().err.endswith("Ctrl-C ends it.\nReceived 0 log records and 0 spans.\n")
