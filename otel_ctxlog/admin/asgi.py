"""The endpoint as an ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from time import monotonic
from typing import Any, Final, TypeAlias, cast

from otel_ctxlog.admin.endpoint import Endpoint, finished
from otel_ctxlog.admin.exchange import MAX_BODY_BYTES, Problem, Request, Response
from otel_ctxlog.admin.reading import too_large
from otel_ctxlog.admin.streams import POLL_SECONDS

__all__ = ["AsgiEndpoint"]

# ASGI 3: https://asgi.readthedocs.io/en/latest/specs/main.html
Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

_BODY_SECONDS: Final = 10.0
# Servers that are told to end wait for their answers first, uvicorn for as long as it takes: an open page must not keep
# the program from ending. The client comes again, as Server-Sent Events do.
_STREAM_SECONDS: Final = 5.0
_DISCONNECT: Final = "http.disconnect"


class AsgiEndpoint:
    """Answers as an ASGI 3 application, by itself or mounted in another. Made by `otel_ctxlog.admin.asgi_app`.

    Args:
        endpoint: answers the requests.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def __repr__(self) -> str:
        return f"<admin endpoint, ASGI, at {id(self):#x}>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        kind: str = scope["type"]
        if kind == "lifespan":
            await _live(receive, send)
        elif kind == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
        elif kind == "http":
            # Whoever has gone needs no answer.
            with suppress(OSError):
                await self._serve(scope, receive, send)
        else:
            raise ValueError(f"the admin endpoint serves http, but got {kind!r}")

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            request = _request(scope, await _body(scope, receive))
        except Problem as problem:
            await _send(send, finished(problem.response()), with_body=True)
            return
        response = await self._handle(request)
        if response.stream_after is None:
            await _send(send, response, with_body=request.method != "HEAD")
            return
        try:
            await self._stream(response, receive, send, response.stream_after)
        finally:
            self._endpoint.streams.end()

    async def _handle(self, request: Request) -> Response:
        """Answer in a thread: thousands of rules take a while, and the loop has others to serve."""
        if not _in_asyncio():
            return self._endpoint.handle(request)
        answering = asyncio.ensure_future(asyncio.to_thread(self._endpoint.handle, request))
        try:
            return await asyncio.shield(answering)
        except asyncio.CancelledError:
            # The thread goes on: a stream that it begins is nobody's.
            answering.add_done_callback(self._give_up)
            raise

    def _give_up(self, answering: asyncio.Future[Response]) -> None:
        if not answering.cancelled() and answering.result().stream_after is not None:
            self._endpoint.streams.end()

    async def _stream(self, response: Response, receive: Receive, send: Send, after: int) -> None:
        tail = self._endpoint.tail(after)
        await send({"type": "http.response.start", "status": response.status, "headers": _raw(response)})
        await send({"type": "http.response.body", "body": tail.start() + tail.more(), "more_body": True})
        # Without asyncio's loop there is nothing to wait with: the client comes again, as Server-Sent Events do.
        if _in_asyncio():
            gone = asyncio.ensure_future(_until_gone(receive))
            try:
                await _tell(tail_more=tail.more, send=send, gone=gone)
            finally:
                gone.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await gone
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _tell(*, tail_more: Callable[[], bytes], send: Send, gone: asyncio.Future[None]) -> None:
    end = monotonic() + _STREAM_SECONDS
    while not gone.done() and monotonic() < end:
        more = tail_more()
        if more:
            await send({"type": "http.response.body", "body": more, "more_body": True})
        await asyncio.wait([gone], timeout=POLL_SECONDS)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != _DISCONNECT:
        pass


def _in_asyncio() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        kind: str = message["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return


async def _body(scope: Scope, receive: Receive) -> bytes:
    """Return the body of a request.

    Raises:
        Problem: it is too long or too slow.
        ConnectionError: the client has gone.
    """
    declared = dict(cast("list[tuple[bytes, bytes]]", scope["headers"])).get(b"content-length", b"0")
    if declared.isdigit() and int(declared[:16]) > MAX_BODY_BYTES:
        raise too_large(int(declared[:16]))
    if not _in_asyncio():
        return await _whole(receive)
    try:
        return await asyncio.wait_for(_whole(receive), _BODY_SECONDS)
    except (asyncio.TimeoutError, TimeoutError):
        raise Problem(408, "the request took too long to arrive") from None


async def _whole(receive: Receive) -> bytes:
    found = bytearray()
    while True:
        message = await receive()
        if message["type"] == _DISCONNECT:
            raise ConnectionError
        found += message.get("body", b"")
        if len(found) > MAX_BODY_BYTES:
            raise too_large(len(found))
        if not message.get("more_body", False):
            return bytes(found)


def _request(scope: Scope, body: bytes) -> Request:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name in headers and name in ("host", "authorization", "origin", "content-type"):
            raise Problem(400, f"the header {name} is there twice", allowed="once")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    # In which of the two the root is depends on the age of the server.
    root: str = scope.get("root_path", "").rstrip("/")
    path: str = scope["path"]
    if root and (path == root or path.startswith(f"{root}/")):
        path = path[len(root) :]
    client: tuple[str, int] | None = scope.get("client")
    return Request(
        method=scope["method"].upper(),
        path=path,
        query=scope.get("query_string", b"").decode("latin-1"),
        headers=headers,
        body=body,
        peer=None if not client else client[0],
        root=root,
    )


def _raw(response: Response) -> list[tuple[bytes, bytes]]:
    return [
        (name.lower().encode("latin-1"), value.encode("latin-1", "replace")) for name, value in response.headers.items()
    ]


async def _send(send: Send, response: Response, *, with_body: bool) -> None:
    headers = [*_raw(response), (b"content-length", str(len(response.body)).encode("ascii"))]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body if with_body else b"", "more_body": False})
