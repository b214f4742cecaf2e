"""Keeping instrumentations quiet: what sends telemetry must not make more of it."""

from __future__ import annotations

from contextvars import Token
from typing import Final

from opentelemetry import context as context_api
from opentelemetry.context import Context

__all__ = ["Quiet"]

# Private names of the API, as of 1.45, and the plain text that older instrumentations look for.
_KEYS: Final[tuple[str, ...]] = (
    getattr(context_api, "_SUPPRESS_INSTRUMENTATION_KEY", "suppress_instrumentation"),
    getattr(context_api, "_SUPPRESS_HTTP_INSTRUMENTATION_KEY", "suppress_http_instrumentation"),
    "suppress_instrumentation",
)


class Quiet:
    """While it is entered, the current OTel context has nothing in it but that instrumentations keep quiet."""

    __slots__ = ("_token",)

    _token: Token[Context]

    def __enter__(self) -> None:
        self._token = context_api.attach(Context(dict.fromkeys(_KEYS, True)))

    def __exit__(self, *_exc: object) -> None:
        context_api.detach(self._token)
