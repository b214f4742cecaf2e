"""A proxy on the loopback in front of the server, which answers some requests itself."""

from __future__ import annotations

import http.client
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self


class Flaky:
    """Passes requests on to a server, but for those that `answer` says something about.

    Args:
        address: the server.
        answer: called with the name of the operation and the number of the request; what it returns is answered: an
            error code, a status, or ``"close"`` for no answer at all; None passes the request on.
        port: the port; 0 for any.
    """

    def __init__(self, address: str, answer: Callable[[str, int], str | int | None], port: int = 0) -> None:
        target = urlsplit(address).netloc
        self.requests: list[str] = []
        requests = self.requests

        class Handler(BaseHTTPRequestHandler):
            # HTTP/1.0: no connection is left open at the end of a test.

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                operation = self.headers["x-amz-target"].rpartition(".")[2]
                requests.append(operation)
                said = answer(operation, len(requests))
                if said == "close":
                    self.close_connection = True
                elif isinstance(said, str):
                    self.reply(400, json.dumps({"__type": said, "message": "planted"}).encode())
                elif isinstance(said, int):
                    self.reply(said, b"")
                else:
                    connection = http.client.HTTPConnection(target, timeout=20)
                    connection.request("POST", self.path, body, dict(self.headers))
                    response = connection.getresponse()
                    self.reply(response.status, response.read())
                    connection.close()

            def reply(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("content-type", "application/x-amz-json-1.1")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *_arguments: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                pass

        self._server = Server(("127.0.0.1", port), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
