"""The admin endpoint: see, explain and change what a service logs while it runs; it goes away by itself.

::

    from otel_ctxlog import admin

    with admin.serve(telemetry.logging, token=os.environ["ADMIN_TOKEN"]) as server:
        print(server.url)

Off unless one of these is called: `serve` (a small server of its own), `asgi_app` and `wsgi_app` (for a server that is
there). ``docs/admin.md`` says what it does, and against whom it is safe.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from otel_ctxlog.admin.asgi import AsgiEndpoint
from otel_ctxlog.admin.endpoint import Endpoint
from otel_ctxlog.admin.hosts import is_loopback
from otel_ctxlog.admin.redaction import DEFAULT_REDACTED
from otel_ctxlog.admin.server import AdminServer
from otel_ctxlog.admin.settings import Settings
from otel_ctxlog.admin.wsgi import WsgiEndpoint
from otel_ctxlog.config.registry import Registry
from otel_ctxlog.loggers.context import LoggingContext

__all__ = ["DEFAULT_REDACTED", "AdminServer", "AsgiEndpoint", "WsgiEndpoint", "asgi_app", "serve", "wsgi_app"]


def serve(
    context: LoggingContext,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    token: str | None = None,
    tokens: Mapping[str, str] | None = None,
    allowed_hosts: Iterable[str] = (),
    max_expiry: float | str = "24h",
    registry: Registry | None = None,
    records: int = 500,
    redact: Iterable[str] = DEFAULT_REDACTED,
    bodies: bool = True,
) -> AdminServer:
    """Return a running server with the endpoint of `context`, on daemon threads; a context manager.

    Args:
        context: whose rules it shows and changes.
        host: address or name to listen on. On another one than loopback there must be a token.
        port: 0 for any free one, which `AdminServer.url` has.
        token: a bearer token, at least 16 letters, digits and ``._~+/=-``; its name is ``token``.
        tokens: bearer tokens by name, like ``{"alice": "…"}``: the name is in the audit record of each change. Without
            any, every program of this machine may use the endpoint.
        allowed_hosts: hosts that requests may name in their header ``Host``, besides those of loopback and `host`; each
            with or without a port.
        max_expiry: the longest time for which a rule can be added, in seconds or as ``"24h"``.
        registry: the types of rules, conditions and values that a rule can have; None: the standard ones only.
        records: how many recent records are kept for the tail and for previews, up to 10,000; 0: none.
        redact: globs over names of attributes and baggage entries, whose values are not shown; replaces
            `DEFAULT_REDACTED`.
        bodies: whether the bodies of records are shown.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument is not allowed, or there is no token on another address than loopback.
        OSError: the address cannot be listened on.
    """
    here = is_loopback(host)
    if not here and token is None and not tokens:
        raise ValueError(f"an admin endpoint on {host!r}, which is not loopback, needs a token: pass token= or tokens=")
    settings = Settings(
        context,
        token=token,
        tokens=tokens,
        allow_unauthenticated_loopback=token is None and not tokens,
        allowed_hosts=[*allowed_hosts, *([] if here or host in _ANY else [f"[{host}]" if ":" in host else host])],
        max_expiry=max_expiry,
        registry=registry,
        records=records,
        redact=redact,
        bodies=bodies,
    )
    endpoint = Endpoint(settings)
    try:
        return AdminServer(endpoint, host=host, port=port)
    except BaseException:
        endpoint.close()
        raise


def asgi_app(
    context: LoggingContext,
    *,
    token: str | None = None,
    tokens: Mapping[str, str] | None = None,
    allow_unauthenticated_loopback: bool = False,
    allowed_hosts: Iterable[str] = (),
    max_expiry: float | str = "24h",
    registry: Registry | None = None,
    records: int = 500,
    redact: Iterable[str] = DEFAULT_REDACTED,
    bodies: bool = True,
) -> AsgiEndpoint:
    """Return the endpoint of `context` as an ASGI 3 application, to serve alone or to mount in another.

    Args:
        context: whose rules it shows and changes.
        token: a bearer token; see `serve`, also for what is not said here.
        tokens: bearer tokens by name.
        allow_unauthenticated_loopback: whether no token is needed where client and header ``Host`` are loopback, and no
            proxy has added its headers. The application cannot know on which addresses its server listens: without it
            there must be a token.
        allowed_hosts: the hosts under which it is reached, besides those of loopback.
        max_expiry: the longest time for which a rule can be added.
        registry: the types that a rule can have.
        records: how many recent records are kept.
        redact: globs over names whose values are not shown.
        bodies: whether the bodies of records are shown.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument is not allowed, or nobody could use the endpoint.
    """
    settings = Settings(
        context,
        token=token,
        tokens=tokens,
        allow_unauthenticated_loopback=allow_unauthenticated_loopback,
        allowed_hosts=allowed_hosts,
        max_expiry=max_expiry,
        registry=registry,
        records=records,
        redact=redact,
        bodies=bodies,
    )
    return AsgiEndpoint(Endpoint(settings))


def wsgi_app(
    context: LoggingContext,
    *,
    token: str | None = None,
    tokens: Mapping[str, str] | None = None,
    allow_unauthenticated_loopback: bool = False,
    allowed_hosts: Iterable[str] = (),
    max_expiry: float | str = "24h",
    registry: Registry | None = None,
    records: int = 500,
    redact: Iterable[str] = DEFAULT_REDACTED,
    bodies: bool = True,
) -> WsgiEndpoint:
    """Return the endpoint of `context` as a WSGI application; the arguments are those of `asgi_app`.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument is not allowed, or nobody could use the endpoint.
    """
    settings = Settings(
        context,
        token=token,
        tokens=tokens,
        allow_unauthenticated_loopback=allow_unauthenticated_loopback,
        allowed_hosts=allowed_hosts,
        max_expiry=max_expiry,
        registry=registry,
        records=records,
        redact=redact,
        bodies=bodies,
    )
    return WsgiEndpoint(Endpoint(settings))


_ANY = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - what a host is compared with
