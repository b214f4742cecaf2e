"""OTLP over gRPC: the three Export methods, with the request's bytes decoded by us.

Were decoding left to grpc, it would answer what cannot be decoded with INTERNAL; OTLP senders retry or report by the
status, and the fault is theirs: INVALID_ARGUMENT.
"""

from __future__ import annotations

import logging
import socket
import time
from typing import TYPE_CHECKING, Any, NoReturn

import grpc

from otel_ctxlog.receiver.intake import Signal
from otel_ctxlog.receiver.workers import DaemonPool

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_ctxlog.receiver.intake import Intake
    from otel_ctxlog.receiver.rejections import Rejections

_diagnostics = logging.getLogger("otel_ctxlog")

_WORKERS = 4
_MAX_CONCURRENT = 64

_METHODS = {
    f"/opentelemetry.proto.collector.{package}.v1.{service}/Export": signal
    for package, service, signal in (
        ("logs", "LogsService", Signal.LOGS),
        ("trace", "TraceService", Signal.TRACES),
        ("metrics", "MetricsService", Signal.METRICS),
    )
}


class GrpcServer:
    """An OTLP/gRPC server on its own threads.

    Args:
        host: address or name to listen on.
        port: 0 for any free one.
        intake: gets every request.
        rejections: is told about every request that is refused, but for those that grpc itself finds too large.
        max_request_bytes: limit of a message, as sent and decompressed; beyond it the answer is RESOURCE_EXHAUSTED.

    Raises:
        OSError: the address cannot be listened on.
    """

    def __init__(self, *, host: str, port: int, intake: Intake, rejections: Rejections, max_request_bytes: int) -> None:
        _probe(host, port)
        self._pool = DaemonPool(_WORKERS, "otel-ctxlog-grpc")
        try:
            self._server = grpc.server(
                self._pool,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # any executor will do
                handlers=[_Handlers(intake, rejections, max_request_bytes)],
                options=(
                    ("grpc.max_receive_message_length", max_request_bytes),
                    # Or a port in use would be shared with whoever uses it.
                    ("grpc.so_reuseport", 0),
                ),
                maximum_concurrent_rpcs=_MAX_CONCURRENT,
            )
            address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            try:
                self.port = self._server.add_insecure_port(address)
            except RuntimeError as error:
                raise OSError(str(error)) from None
        except BaseException:
            self._pool.shutdown()
            raise

    def start(self) -> None:
        """Begin to answer."""
        self._server.start()

    def stop(self, timeout: float) -> None:
        """Answer what is under way, close everything and join the threads, within so many seconds."""
        deadline = time.monotonic() + timeout
        stopped = self._server.stop(timeout / 2)
        stopped.wait(timeout)
        self._pool.shutdown(wait=False)
        self._pool.join(max(0.0, deadline - time.monotonic()))


def _probe(host: str, port: int) -> None:
    """Raise the OSError that grpc would print to stderr, and not say, if it cannot listen there."""
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        # Two sockets may be bound to one port with SO_REUSEADDR, but not listen on it.
        probe.listen(1)


class _Handlers(grpc.GenericRpcHandler):
    def __init__(self, intake: Intake, rejections: Rejections, max_request_bytes: int) -> None:
        self._intake = intake
        self._rejections = rejections
        self._max_request_bytes = max_request_bytes

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        method = str(handler_call_details.method)
        signal = _METHODS.get(method)
        if signal is None:
            self._rejections.note(grpc.StatusCode.UNIMPLEMENTED.name, method, "no such method")
            return None
        return grpc.unary_unary_rpc_method_handler(self._export(signal, method))

    def _refuse(self, context: grpc.ServicerContext, code: grpc.StatusCode, method: str, reason: str) -> NoReturn:
        self._rejections.note(code.name, method, reason)
        context.abort(code, reason)

    def _export(self, signal: Signal, method: str) -> Callable[[bytes, grpc.ServicerContext], bytes]:
        def export(data: bytes, context: grpc.ServicerContext) -> bytes:
            if len(data) > self._max_request_bytes:
                reason = f"the message exceeds {self._max_request_bytes} bytes"
                self._refuse(context, grpc.StatusCode.RESOURCE_EXHAUSTED, method, reason)
            try:
                self._intake.accept(signal, data, json=False)
            except ValueError as error:
                self._refuse(context, grpc.StatusCode.INVALID_ARGUMENT, method, str(error))
            except Exception:  # noqa: BLE001  (logged; the sender has to get an answer)
                _diagnostics.exception("the OTLP receiver failed")
                self._refuse(context, grpc.StatusCode.INTERNAL, method, "internal error")
            # An empty message of every Export…ServiceResponse: all was accepted.
            return b""

        return export
