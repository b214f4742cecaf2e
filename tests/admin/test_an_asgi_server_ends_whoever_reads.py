"""Behind ASGI a stream of records neither keeps the server from ending, nor its place when its request is given up."""

from __future__ import annotations

import asyncio
import http.client
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from otel_ctxlog import admin
from otel_ctxlog.admin import asgi as asgi_module

from .asking import TOKEN, Service, under_uvicorn

if TYPE_CHECKING:
    from concurrent.futures import Future

STREAM = "/api/records/stream"
SCOPE: dict[str, Any] = {
    "type": "http",
    "method": "GET",
    "path": STREAM,
    "headers": [(b"host", b"localhost"), (b"authorization", f"Bearer {TOKEN}".encode())],
    "client": ("127.0.0.1", 1),
}


def test_a_server_without_patience_limit_ends_while_a_page_is_open(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Uvicorn waits for its answers for as long as they take: a stream ends by itself, and a page comes again."""
    monkeypatch.setattr(asgi_module, "_STREAM_SECONDS", 0.5)
    app = admin.asgi_app(service.context, token=TOKEN)
    # Leaving the block waits for the end of the server, which has no limit of its own.
    with under_uvicorn(app, graceful=None) as url:
        address = urlsplit(url)
        with closing(http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)) as connection:
            connection.request("GET", STREAM, headers={"Authorization": f"Bearer {TOKEN}"})
            answer = connection.getresponse()
            service.log.info("streamed")
            content = answer.read()

    assert answer.status == 200
    assert b'"body":"streamed"' in content


class _Holding(ThreadPoolExecutor):
    """Keeps its results back until it may give them."""

    def __init__(self) -> None:
        super().__init__(max_workers=1)
        self.done = threading.Event()
        self.may_end = threading.Event()

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        def held() -> Any:
            result = fn(*args, **kwargs)
            self.done.set()
            self.may_end.wait(30)
            return result

        return super().submit(held)


def test_requests_that_are_given_up_leave_room_for_streams(service: Service) -> None:
    """A task that is cancelled while a thread begins its stream takes no place for ever."""
    app = admin.asgi_app(service.context, token=TOKEN)
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if sent:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    async def given_up() -> None:
        with _Holding() as executor:
            asyncio.get_running_loop().set_default_executor(executor)
            request = asyncio.ensure_future(app(SCOPE, receive, send))
            while not executor.done.is_set():  # noqa: ASYNC110 - it is set by a thread
                await asyncio.sleep(0.001)
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request
            executor.may_end.set()
        # What the thread has left to be done in the loop.
        for _ in range(10):
            await asyncio.sleep(0)

    for _ in range(10):
        asyncio.run(given_up())
    assert sent == []
    asyncio.run(app(SCOPE, receive, send))

    assert sent[0]["status"] == 200
