"""`otel-ctxlog receive`: listen for OTLP and show what comes."""

from __future__ import annotations

import argparse
import ipaddress
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

    from otel_ctxlog.receiver import Receiver

_DESCRIPTION = """\
Listen for OTLP over HTTP and gRPC, and show log records as they come, one line each, on standard output. Where it
listens, what it refuses and the summary at the end go to standard error. Ctrl-C and SIGTERM end it.
"""

_POLL_SECONDS = 0.1


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:  # pyright: ignore[reportPrivateUsage]
    """Add the command to a parser."""
    parser = commands.add_parser(
        "receive", help="listen for OTLP and show what comes", description=_DESCRIPTION, allow_abbrev=False
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--http-port", type=_port, default=4318, metavar="PORT", help="for OTLP/HTTP; 0: any (default: %(default)s)"
    )
    parser.add_argument(
        "--grpc-port", type=_port, default=4317, metavar="PORT", help="for OTLP/gRPC; 0: any (default: %(default)s)"
    )
    parser.add_argument("--no-http", action="store_true", help="no OTLP/HTTP")
    parser.add_argument("--no-grpc", action="store_true", help="no OTLP/gRPC")
    parser.add_argument("--keep", metavar="FILE", help="append every request to FILE as a line of OTLP JSON")
    parser.add_argument("--traces", action="store_true", help="show spans, too")
    parser.add_argument("--quiet", action="store_true", help="show nothing of what comes")
    parser.add_argument(
        "--color", action=argparse.BooleanOptionalAction, help="colours, or none (default: on a terminal)"
    )
    parser.add_argument(
        "--max-request-bytes",
        type=_positive,
        default=16 << 20,
        metavar="BYTES",
        help="refuse larger requests, as sent and decompressed (default: %(default)s)",
    )
    parser.set_defaults(run=run, error=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Receive until a signal comes; the exit code."""
    if arguments.no_http and arguments.no_grpc:
        error: Callable[[str], Any] = arguments.error
        error("--no-http and --no-grpc leave nothing to listen for")
    from otel_ctxlog.receiver import Receiver

    if not _is_loopback(arguments.host):
        _say(f"warning: {arguments.host} is not a loopback address; whoever can reach it can send, without TLS")
    receiver = Receiver(
        host=arguments.host,
        http_port=None if arguments.no_http else arguments.http_port,
        grpc_port=None if arguments.no_grpc else arguments.grpc_port,
        show=None if arguments.quiet else sys.stdout,
        show_spans=arguments.traces,
        color=arguments.color,
        show_refused=sys.stderr,
        keep=arguments.keep,
        max_request_bytes=arguments.max_request_bytes,
        # Nobody reads them here.
        max_records=1,
    )
    stop = _StopSignals()
    with stop:
        try:
            receiver.start()
        except OSError as problem:
            _say(f"otel-ctxlog receive: {_text_of(problem)}")
            return 1
        _greet(receiver, arguments)
        # A flag and short sleeps: a signal handler must not touch a lock that the interrupted code may hold.
        while not stop.came and not receiver.show_failed:
            time.sleep(_POLL_SECONDS)
    receiver.stop()
    _say(_summary(receiver, arguments))
    return 0


def _greet(receiver: Receiver, arguments: argparse.Namespace) -> None:
    _say("Listening for OTLP; point a service at it:")
    if not arguments.no_http:
        _say(f"  OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf OTEL_EXPORTER_OTLP_ENDPOINT={receiver.http_endpoint}")
    if not arguments.no_grpc:
        _say(f"  OTEL_EXPORTER_OTLP_PROTOCOL=grpc OTEL_EXPORTER_OTLP_ENDPOINT={receiver.grpc_endpoint}")
    if arguments.keep is not None:
        _say(f"Requests are kept in {arguments.keep}")
    _say("Ctrl-C ends it.")


def _summary(receiver: Receiver, arguments: argparse.Namespace) -> str:
    text = f"Received {_count(receiver.received_records, 'log record')} and {_count(receiver.received_spans, 'span')}"
    if receiver.refused_requests:
        text += f"; refused {_count(receiver.refused_requests, 'request')}"
    return f"{text}; kept in {arguments.keep}." if arguments.keep is not None else f"{text}."


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _text_of(problem: OSError) -> str:
    text = problem.strerror or str(problem)
    return f"{problem.filename}: {text}" if problem.filename is not None else text


def _say(text: str) -> None:
    # Whoever reads only the beginning, or nothing, must not end what is received.
    with suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)


class _StopSignals:
    """While entered, `came` turns true at SIGINT and SIGTERM instead of their usual effect.

    A second signal after the exit has the usual effect again: whoever does not want to wait need not. Outside of the
    main thread, where Python has no signals, it does nothing.
    """

    def __init__(self) -> None:
        self.came = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self.came = True


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) <= 0xFFFF:  # noqa: PLR2004
        return int(text)
    raise argparse.ArgumentTypeError(f"a port is 0 to 65535, found {text!r}")


def _positive(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"a positive number is needed, found {text!r}")
