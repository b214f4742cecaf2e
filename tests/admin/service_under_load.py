"""A service for `test_two_services_under_load.py`: HTTP, baggage passed on, OTLP out, and an admin endpoint.

``python service_under_load.py NAME OTLP_ENDPOINT TOKEN [URL_OF_THE_NEXT_SERVICE]``; it ends when its input does.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from opentelemetry import context, propagate

import otel_ctxlog as cl
from otel_ctxlog import admin

log = cl.log(cl.Realm("shop/checkout"))
NAME, OTLP, TOKEN, *REST = sys.argv[1:]
NEXT = urlsplit(REST[0]) if REST else None
_local = threading.local()


def _pass_on(path: str) -> None:
    """Ask the next service, by a connection that this thread keeps."""
    if NEXT is None:
        return
    connection: http.client.HTTPConnection | None = getattr(_local, "connection", None)
    if connection is None:
        assert NEXT.hostname is not None
        connection = _local.connection = http.client.HTTPConnection(NEXT.hostname, NEXT.port, timeout=30)
    headers: dict[str, str] = {}
    propagate.inject(headers)
    connection.request("GET", path, headers=headers)
    connection.getresponse().read()


class Handler(BaseHTTPRequestHandler):
    """One request: a record at debug, and an event, in each service."""

    protocol_version = "HTTP/1.1"
    telemetry: cl.Telemetry

    def do_GET(self) -> None:
        token = context.attach(propagate.extract(dict(self.headers.items())))
        try:
            number = self.path.strip("/")
            log.debug("looked at", request=number)
            _pass_on(self.path)
            self.telemetry.eventer.event("served", request=number)
        finally:
            context.detach(token)
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """The service's server."""

    daemon_threads = True
    request_queue_size = 128


def main() -> None:
    """Serve until the input ends."""
    telemetry = cl.setup(service_name=NAME, exporter="otlp", endpoint=OTLP, protocol="http/protobuf")
    Handler.telemetry = telemetry
    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    with admin.serve(telemetry.logging, tokens={"alice": TOKEN}) as endpoint:
        print(json.dumps({"url": f"http://127.0.0.1:{server.server_port}", "admin": endpoint.url}), flush=True)
        sys.stdin.read()
    server.shutdown()
    print(json.dumps({"flushed": telemetry.shutdown()}), flush=True)


if __name__ == "__main__":
    main()
