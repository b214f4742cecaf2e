"""The endpoint: from a request to its answer, the same for the ASGI, the WSGI and the own server's face."""

from __future__ import annotations

import os
import re
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from otel_ctxlog.admin.answers import Answers
from otel_ctxlog.admin.exchange import Problem, Request, Response, json_response
from otel_ctxlog.admin.hosts import comes_from_here, host_of, is_loopback
from otel_ctxlog.admin.openapi import description
from otel_ctxlog.admin.page import page
from otel_ctxlog.admin.settings import Settings
from otel_ctxlog.admin.streams import EVENT_STREAM, Streams, Tail
from otel_ctxlog.admin.tap import Tap
from otel_ctxlog.admin.tapping import Tapping, renew_lock
from otel_ctxlog.admin.tokens import ANONYMOUS
from otel_ctxlog.engine.diagnostics import report_once

__all__ = ["Endpoint"]

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_BEARER: Final = re.compile(r"bearer +([^ ]+) *", re.IGNORECASE)
_RULE: Final = re.compile(r"/api/rules/([0-9]{1,15})", re.ASCII)
_RULE_PATH: Final = "/api/rules/{id}"

_Handler: TypeAlias = Callable[[Request, str], Response]


@dataclass(frozen=True, slots=True)
class _Route:
    """What answers a request.

    Attributes:
        handler: answers, given the request and who asks.
        is_open: whether no token is needed.
    """

    handler: _Handler
    is_open: bool = False


class Endpoint:
    """Answers requests about one context; safe from many threads.

    Args:
        settings: what holds for it.

    Attributes:
        streams: the streams that are open.
    """

    def __init__(self, settings: Settings) -> None:
        self.streams = Streams()
        self._settings = settings
        self._tap = Tap(settings.records, settings.redaction)
        self._tapping = Tapping(settings.context, self._tap)
        answers = self._answers = Answers(settings, self._tap, self._tapping)
        self._routes: dict[str, dict[str, _Route]] = {
            "/": {"GET": _Route(_page, is_open=True)},
            "/openapi.json": {"GET": _Route(_openapi, is_open=True)},
            "/api/health": {"GET": _Route(self._health, is_open=True)},
            "/api/about": {"GET": _Route(answers.about)},
            "/api/rules": {"GET": _Route(answers.rules), "POST": _Route(answers.add_rule)},
            _RULE_PATH: {"GET": _Route(answers.rule), "DELETE": _Route(answers.remove_rule)},
            "/api/default-level": {
                "GET": _Route(answers.default_level),
                "PUT": _Route(answers.set_default_level),
            },
            "/api/explain": {"POST": _Route(answers.explain)},
            "/api/preview": {"POST": _Route(answers.preview)},
            "/api/configuration": {"GET": _Route(answers.configuration)},
            "/api/statistics": {"GET": _Route(answers.statistics)},
            "/api/audit": {"GET": _Route(answers.audit)},
            "/api/contexts": {"GET": _Route(answers.contexts)},
            "/api/records": {"GET": _Route(answers.records)},
            "/api/records/stream": {"GET": _Route(self._stream)},
            "/api/catalogue": {"GET": _Route(answers.catalogue)},
        }
        self._tapping.follow()
        _endpoints.add(self)

    def handle(self, request: Request) -> Response:
        """Return the answer to a request; raises nothing.

        An answer with `Response.stream_after` has counted as one of `streams`, and has to be ended there.
        """
        try:
            response = self._answer(request)
        except Problem as problem:
            response = problem.response()
        except Exception as error:  # noqa: BLE001 - the program goes on, whatever a rule of it does here
            report_once(self, f"the admin endpoint failed: {type(error).__name__}", error=error)
            response = Problem(500, "the endpoint failed; the diagnostics of otel_ctxlog have more").response()
        return finished(response)

    def tail(self, after: int) -> Tail:
        """Return a reader of the records after that number."""
        return Tail(self._tap, after)

    def close(self) -> None:
        """See no more records. Rules that were added stay until they end."""
        self._tapping.stop()

    def in_forked_child(self, *, served: bool) -> None:
        """Renew what the parent's threads may hold.

        Args:
            served: False: nobody answers requests here any more.
        """
        self._settings.failures.renew_lock()
        self._answers.renew_lock()
        self.streams.renew_lock()
        if not served:
            self._tap.close()

    def _answer(self, request: Request) -> Response:
        self._settings.hosts.check(request)
        if request.path == "":
            return _to_root(request)
        path = _RULE_PATH if _RULE.fullmatch(request.path) else request.path
        methods = self._routes.get(path)
        if methods is None or request.path == _RULE_PATH:
            raise Problem(
                404,
                "there is nothing at this path",
                found=repr(request.path)[:200],
                allowed="the paths of /openapi.json",
            )
        method = "GET" if request.method == "HEAD" else request.method
        route = methods.get(method)
        if route is None:
            allowed = ", ".join(sorted({*methods, *(["HEAD"] if "GET" in methods else [])}))
            raise Problem(
                405,
                "the path does not have this method",
                found=request.method[:40],
                allowed=allowed,
                headers={"Allow": allowed},
            )
        actor = ANONYMOUS if route.is_open else self._actor(request)
        if request.method == "HEAD" and path == "/api/records/stream":
            return Response(status=200, headers={"Content-Type": EVENT_STREAM})
        return route.handler(request, actor)

    def _actor(self, request: Request) -> str:
        """Return who asks.

        Raises:
            Problem: that has to be shown, and is not.
        """
        settings = self._settings
        given = request.headers.get("authorization")
        if given is None:
            # A name that leads here could be anybody's: only one that cannot needs no token.
            if settings.open_here and comes_from_here(request) and is_loopback(host_of(request)):
                return ANONYMOUS
            raise _unauthorized("a bearer token is needed", found="no header Authorization")
        peer = request.peer or "unknown"
        settings.failures.check(peer)
        match = _BEARER.fullmatch(given)
        name = None if match is None else settings.tokens.name_of(match[1])
        if name is None:
            settings.failures.note(peer)
            raise _unauthorized("the token is not one of this endpoint's", found="another token")
        return name

    def _health(self, request: Request, actor: str) -> Response:  # noqa: ARG002 - the same for everybody
        return json_response({"status": "ok"})

    def _stream(self, request: Request, actor: str) -> Response:  # noqa: ARG002 - the same for everybody
        after = self._answers.stream_after(request)
        self.streams.begin()
        return Response(status=200, headers={"Content-Type": EVENT_STREAM}, stream_after=after)


def finished(response: Response) -> Response:
    """Return an answer with the headers that all have."""
    return Response(
        status=response.status,
        headers={**_HEADERS, **response.headers},
        body=response.body,
        stream_after=response.stream_after,
    )


def _unauthorized(detail: str, *, found: str) -> Problem:
    return Problem(
        401,
        detail,
        found=found,
        allowed="Authorization: Bearer, and a token of this endpoint",
        headers={"WWW-Authenticate": 'Bearer realm="otel_ctxlog"'},
    )


def _page(request: Request, actor: str) -> Response:  # noqa: ARG001 - the same for everybody
    html, policy = page()
    return Response(
        status=200, headers={"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy}, body=html
    )


def _openapi(request: Request, actor: str) -> Response:  # noqa: ARG001 - the same for everybody
    return json_response(description())


def _to_root(request: Request) -> Response:
    """Lead to the page with its slash, below which its links are."""
    last = request.root.rpartition("/")[2]
    if not last or not re.fullmatch(r"[A-Za-z0-9._~-]+", last):
        raise Problem(404, "there is nothing at this path", allowed="the path with a slash at its end")
    return Response(status=308, headers={"Location": f"{last}/", "Content-Type": "text/plain; charset=utf-8"})


_endpoints: Final[weakref.WeakSet[Endpoint]] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    renew_lock()
    for endpoint in list(_endpoints):
        endpoint.in_forked_child(served=True)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
