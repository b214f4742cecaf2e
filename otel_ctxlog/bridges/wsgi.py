"""WSGI middleware: each request is message context while it is served.

::

    app.wsgi_app = ContextMiddleware(app.wsgi_app, headers={"X-Tenant": "tenant"})

From then on `Attribute("tenant", "acme")` in a rule means the requests of that tenant, for every logger of the context.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import Context, copy_context
from typing import Any, Final, TypeAlias

from otel_ctxlog.bridges.request import Viewers, enter, request_attributes
from otel_ctxlog.bridges.request_headers import BAGGAGE_HEADER, Allowed, Taken
from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.loggers.context import LoggingContext

__all__ = ["ContextMiddleware"]

# PEP 3333
Environ: TypeAlias = dict[str, Any]
StartResponse: TypeAlias = Callable[..., Callable[[bytes], object]]
WsgiApp: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]

_REQUEST_ID: Final = "otel_ctxlog.request_id"
_BAGGAGE: Final = "HTTP_" + BAGGAGE_HEADER.upper()


class ContextMiddleware:
    """Serves each request with its attributes as message context.

    The application, the body it returns and the body's ``close`` run in a copy of the caller's context of
    `contextvars`: what they set there, the attributes of the request included, never reaches the next request of the
    thread, even where a server forgets ``close``. It may stand around or inside of the official instrumentations, and
    more than once: the inner one adds what it has listed. Nothing that comes from outside breaks a request.

    A WSGI server does not know the route; `otel_ctxlog.bridges.request.add_request_attributes` takes it from where the
    framework says it.

    Args:
        app: the WSGI application.
        context: whose loggers see requests; None: the default context.
        request_id_header: the header that brings a request id; what is no id (up to 128 letters, digits and
            ``._:/+=@~-``) is replaced by a new one. None: each request gets a new one.
        request_id_attribute: the attribute with the request id; None: none.
        response_header: the header of the response with the request id, unless the application sets it; None: none.
        headers: header → attribute, for each header that may enter.
        baggage: header → baggage entry, for each header that may enter and is to be sent on with outgoing calls.
        max_value_length: characters of a value; a longer one does not enter.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: a name of a header or an attribute is none.
    """

    def __init__(
        self,
        app: WsgiApp,
        *,
        context: LoggingContext | None = None,
        request_id_header: str | None = "X-Request-ID",
        request_id_attribute: str | None = "request_id",
        response_header: str | None = None,
        headers: Mapping[str, str] | None = None,
        baggage: Mapping[str, str] | None = None,
        max_value_length: int = 128,
    ) -> None:
        if not callable(app):
            raise TypeError(f"app must be a WSGI application, but got {app!r}")
        self.app = app
        self._allowed = Allowed(
            request_id_header=request_id_header,
            request_id_attribute=request_id_attribute,
            response_header=response_header,
            headers=headers,
            baggage=baggage,
            max_value_length=max_value_length,
        )
        self._variables = {f"HTTP_{name.upper().replace('-', '_')}": name for name in self._allowed.wanted}
        self._viewers = Viewers(context)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request; return the body."""
        context = copy_context()
        try:
            self._viewers.look()
            start_response = context.run(self._begin, environ, start_response)
        except Exception as error:  # noqa: BLE001 - a request is worth more than what is logged about it
            report_once(self, f"a request is served without its attributes: {type(error).__name__}", error=error)
        body = context.run(self.app, environ, start_response)
        if type(body) in (list, tuple) or _is_file(body, environ.get("wsgi.file_wrapper")):
            # Nothing of the application is left to run, and servers send these in better ways.
            return body
        return _SizedBody(body, context) if hasattr(body, "__len__") else _Body(body, context)

    def _begin(self, environ: Environ, start_response: StartResponse) -> StartResponse:
        """Enter the request, in its own context; return what the application shall answer with."""
        allowed = self._allowed
        outer_id: str | None = environ.get(_REQUEST_ID)
        found = ((name, environ[variable]) for variable, name in self._variables.items() if variable in environ)
        taken = allowed.take(found, outer_id)
        known: Mapping[str, object] = {} if outer_id is None else request_attributes()
        enter({**known, **taken.attributes}, declared=allowed.declared, entries=taken.entries)
        environ[_REQUEST_ID] = taken.request_id
        self._replace_baggage(environ, taken)
        if outer_id is None and allowed.response_header is not None:
            return _telling(start_response, allowed.response_header, taken.request_id)
        return start_response

    def _replace_baggage(self, environ: Environ, taken: Taken) -> None:
        given: str | None = environ.get(_BAGGAGE)
        if self._allowed.declared and (given or taken.entries):
            text = self._allowed.baggage_header([given or ""], taken.entries)
            if text:
                environ[_BAGGAGE] = text
            else:
                environ.pop(_BAGGAGE, None)


def _is_file(body: object, wrapper: object) -> bool:
    return isinstance(wrapper, type) and isinstance(body, wrapper)


def _telling(start_response: StartResponse, header: str, request_id: str) -> StartResponse:
    """Return a `start_response` that adds a header to the answer, unless the application has set it."""

    def telling(status: str, headers: list[tuple[str, str]], *rest: object) -> Callable[[bytes], object]:
        if all(name.lower() != header for name, _ in headers):
            headers = [*headers, (header, request_id)]
        return start_response(status, headers, *rest)

    return telling


class _Body:
    """A body that is made, and closed, in the context of its request."""

    __slots__ = ("_body", "_context", "_iterator")

    def __init__(self, body: Iterable[bytes], context: Context) -> None:
        self._body = body
        self._context = context
        self._iterator: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._iterator is None:
            self._iterator = self._context.run(iter, self._body)
        return self._context.run(next, self._iterator)

    def close(self) -> None:
        """Close the body, if it can be closed."""
        close = getattr(self._body, "close", None)
        if close is None:
            return
        begun = False

        def closing() -> None:
            nonlocal begun
            begun = True
            close()

        try:
            self._context.run(closing)
        except RuntimeError:
            if begun:
                raise
        if not begun:
            # Another thread is making a part of the body, and a context can be entered once at a time. Not always a
            # copy: what was set on the way, like a span, can be unset in its own context only.
            self._context.copy().run(close)


class _SizedBody(_Body):
    """A body that knows the number of its parts."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
