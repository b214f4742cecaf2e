"""ASGI middleware: each request and each websocket connection is message context while it is served.

::

    app = ContextMiddleware(app, headers={"X-Tenant": "tenant"})

From then on `Attribute("tenant", "acme")` in a rule means the requests of that tenant, for every logger of the context.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from otel_ctxlog.bridges.request import (
    Viewers,
    add_request_attributes,
    enter,
    leave,
    request_attributes,
)
from otel_ctxlog.bridges.request_headers import BAGGAGE_HEADER, Allowed, Taken
from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.loggers.context import LoggingContext

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["ContextMiddleware"]

# ASGI 3: https://asgi.readthedocs.io/en/latest/specs/main.html
Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_REQUEST_ID: Final = "otel_ctxlog.request_id"
_SERVED: Final = frozenset({"http", "websocket"})
_ANSWERS: Final = frozenset({"http.response.start", "websocket.accept"})
_ROUTE: Final = "route"
_LONGEST_ROUTE: Final = 256


class ContextMiddleware:
    """Serves each request, and each websocket connection, with its attributes as message context.

    They hold until the response is complete and the framework's background tasks are done, also in what was started
    meanwhile with a copy of the context (tasks, ``asyncio.to_thread``, thread pools of frameworks). It may stand around
    or inside of the official instrumentations, and more than once: the inner one adds what it has listed. Nothing that
    comes from outside breaks a request.

    Args:
        app: the ASGI 3 application.
        context: whose loggers see requests; None: the default context.
        request_id_header: the header that brings a request id; what is no id (up to 128 letters, digits and
            ``._:/+=@~-``) is replaced by a new one. None: each request gets a new one.
        request_id_attribute: the attribute with the request id; None: none.
        response_header: the header of the response with the request id, unless the application sets it; None: none.
        headers: header → attribute, for each header that may enter.
        baggage: header → baggage entry, for each header that may enter and is to be sent on with outgoing calls.
        route_attribute: the attribute with the route, like ``/orders/{id}``, from the moment that Starlette or FastAPI
            has found it; None: none.
        max_value_length: characters of a value; a longer one does not enter.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: a name of a header or an attribute is none.
    """

    def __init__(
        self,
        app: AsgiApp,
        *,
        context: LoggingContext | None = None,
        request_id_header: str | None = "X-Request-ID",
        request_id_attribute: str | None = "request_id",
        response_header: str | None = None,
        headers: Mapping[str, str] | None = None,
        baggage: Mapping[str, str] | None = None,
        route_attribute: str | None = "http.route",
        max_value_length: int = 128,
    ) -> None:
        if not callable(app):
            raise TypeError(f"app must be an ASGI application, but got {app!r}")
        self.app = app
        self._allowed = Allowed(
            request_id_header=request_id_header,
            request_id_attribute=request_id_attribute,
            response_header=response_header,
            headers=headers,
            baggage=baggage,
            max_value_length=max_value_length,
            route_attribute=route_attribute,
        )
        self._route_attribute = route_attribute
        self._viewers = Viewers(context)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or connection; everything else, like ``lifespan``, is passed on as it is."""
        if scope["type"] not in _SERVED:
            await self.app(scope, receive, send)
            return
        entered = None
        try:
            self._viewers.look()
            outer_id: str | None = scope.get(_REQUEST_ID)
            inner, taken = self._prepared(scope, outer_id)
            known: Mapping[str, object] = {} if outer_id is None else request_attributes()
            if outer_id is None and self._allowed.response_header is not None:
                send = _telling(send, self._allowed.response_header, taken.request_id)
            entered = enter({**known, **taken.attributes}, declared=self._allowed.declared, entries=taken.entries)
        except Exception as error:  # noqa: BLE001 - a request is worth more than what is logged about it
            report_once(self, f"a request is served without its attributes: {type(error).__name__}", error=error)
            inner = scope
        try:
            await self.app(inner, receive, send)
        finally:
            if entered is not None:
                leave(entered)

    def _prepared(self, scope: Scope, outer_id: str | None) -> tuple[Scope, Taken]:
        """Return the scope for the application, and what was taken from the headers."""
        allowed = self._allowed
        headers: list[tuple[bytes, bytes]] = [(bytes(name).lower(), bytes(value)) for name, value in scope["headers"]]
        texts = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
        taken = allowed.take((pair for pair in texts if pair[0] in allowed.wanted), outer_id)
        # The outermost one knows the whole path.
        inner = _Scope(scope, self._route_attribute if outer_id is None else None)
        inner.own(_REQUEST_ID, taken.request_id)
        given = [value for name, value in texts if name == BAGGAGE_HEADER]
        if allowed.declared and (given or taken.entries):
            name = BAGGAGE_HEADER.encode()
            text = allowed.baggage_header(given, taken.entries).encode("latin-1")
            rest = [pair for pair in headers if pair[0] != name]
            inner.own("headers", [*rest, (name, text)] if text else rest)
        return inner, taken


def _telling(send: Send, header: str, request_id: str) -> Send:
    """Return a `send` that adds a header to the answer, unless the application has set it."""
    name, value = header.encode("latin-1"), request_id.encode("latin-1")

    async def telling(message: Message) -> None:
        if message["type"] in _ANSWERS:
            headers: list[tuple[bytes, bytes]] = list(message.get("headers") or ())
            if all(bytes(known).lower() != name for known, _ in headers):
                message = {**message, "headers": [*headers, (name, value)]}
        await send(message)

    return telling


class _Scope(dict[str, Any]):
    """The scope for the application; it notices when a router says the route, and tells the outer scope all changes.

    What stands around may read from the scope what the application has written there, so that a copy is not enough.
    """

    def __init__(self, outer: Scope, route_attribute: str | None) -> None:
        super().__init__(outer)
        self._outer = outer
        self._route_attribute = route_attribute
        self._prefix = len(str(outer.get("root_path") or ""))

    # A copy is nobody's: what is written there must not reach the outer scope.
    def __copy__(self) -> dict[str, Any]:
        return dict(self)

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        return dict, (dict(self),)

    def own(self, key: str, value: object) -> None:
        """Set an entry that the outer scope does not get."""
        super().__setitem__(key, value)

    def __setitem__(self, key: str, value: object) -> None:
        super().__setitem__(key, value)
        self._outer[key] = value
        if key == _ROUTE:
            self._routed()

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self._outer.pop(key, None)

    def update(self, *given: Any, **more: Any) -> None:
        """Set entries; the route is looked at when all are set."""
        entries: dict[str, Any] = dict(*given, **more)
        super().update(entries)
        self._outer.update(entries)
        if _ROUTE in entries:
            self._routed()

    def __ior__(self, other: Any) -> Self:  # type: ignore[override,misc] # dict's own has overloads
        self.update(other)
        return self

    def setdefault(self, key: str, default: Any = None, /) -> Any:
        """Return an entry, after setting it if it is missing."""
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: str, *default: Any) -> Any:
        """Remove an entry and return it."""
        self._outer.pop(key, None)
        return super().pop(key, *default)

    def _routed(self) -> None:
        if self._route_attribute is None:
            return
        try:
            route = self._route()
            if route is not None and request_attributes().get(self._route_attribute) != route:
                add_request_attributes({self._route_attribute: route})
        except Exception as error:  # noqa: BLE001 - a router may put anything there
            report_once(type(self), f"a route is not on records: {type(error).__name__}", error=error)

    def _route(self) -> str | None:
        """Return the path of the route, that of mounts included; None where the router does not say it."""
        route = self[_ROUTE]
        path = getattr(route, "path", None)
        # FastAPI: the route of an included router knows only its own part of the path.
        fastapi: Mapping[str, object] = self.get("fastapi") or {}
        included = fastapi.get("effective_route_context")
        if included is not None and getattr(included, "original_route", None) is route:
            path = getattr(included, "path_format", path)
        if not isinstance(path, str):
            return None
        parameters: Mapping[str, object] = self.get("path_params") or {}
        names = {str(value): name for name, value in parameters.items()}
        mounted = str(self.get("root_path") or "")[self._prefix :]
        # A mount tells the path that came: its parameters would make as many routes as there are values.
        parts = [f"{{{names[part]}}}" if part in names else part for part in mounted.split("/")]
        full = "/".join(parts) + path
        return full if 0 < len(full) <= _LONGEST_ROUTE else None
