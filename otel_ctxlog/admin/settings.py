"""What an endpoint is told when it is made, checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

from otel_ctxlog.admin.hosts import Hosts
from otel_ctxlog.admin.redaction import Redaction
from otel_ctxlog.admin.tokens import Failures, Tokens
from otel_ctxlog.config.registry import Registry
from otel_ctxlog.engine.durations import parse_duration
from otel_ctxlog.loggers.context import LoggingContext

__all__ = ["Settings"]

_T = TypeVar("_T")

_MOST_RECORDS: Final = 10_000


class Settings:
    """What holds for one endpoint.

    Args:
        context: whose rules it shows and changes.
        token: one bearer token.
        tokens: bearer tokens by name.
        allow_unauthenticated_loopback: whether programs of this machine need no token.
        allowed_hosts: hosts that requests may name besides those of loopback.
        max_expiry: the longest time for which a rule can be added, in seconds or as ``"24h"``.
        registry: the types that rules can have; None: the standard ones.
        records: how many recent records are kept; 0: none, so that there is no tail and no preview.
        redact: globs over names of attributes and baggage entries whose values are never shown.
        bodies: whether the bodies of records are shown.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument is not allowed; or nobody could use the endpoint.
    """

    __slots__ = (
        "context",
        "failures",
        "hosts",
        "max_expiry",
        "open_here",
        "records",
        "redaction",
        "registry",
        "tokens",
    )

    def __init__(
        self,
        context: LoggingContext,
        *,
        token: str | None,
        tokens: Mapping[str, str] | None,
        allow_unauthenticated_loopback: bool,
        allowed_hosts: Iterable[str],
        max_expiry: float | str,
        registry: Registry | None,
        records: int,
        redact: Iterable[str],
        bodies: bool,
    ) -> None:
        self.context = _of_kind("context", context, LoggingContext)
        self.tokens = Tokens(token, tokens)
        self.open_here = _of_kind("allow_unauthenticated_loopback", allow_unauthenticated_loopback, bool)
        if not self.tokens and not self.open_here:
            raise ValueError(
                "an admin endpoint needs a token: pass token= or tokens={'alice': …}, or"
                " allow_unauthenticated_loopback=True where every program of this machine may change what is logged"
            )
        self.hosts = Hosts(allowed_hosts)
        self.max_expiry = parse_duration(max_expiry)
        # Own types are the program's code, which was made for whoever writes its configuration.
        self.registry = Registry() if registry is None else _of_kind("registry", registry, Registry)
        if type(records) is not int or not 0 <= records <= _MOST_RECORDS:
            raise ValueError(f"records must be an int from 0 to {_MOST_RECORDS}, but got {records!r}")
        self.records = records
        self.redaction = Redaction(redact, bodies=_of_kind("bodies", bodies, bool))
        self.failures = Failures()


def _of_kind(name: str, value: object, kind: type[_T]) -> _T:
    if isinstance(value, kind):
        return value
    raise TypeError(f"{name} must be a {kind.__name__}, but got {value!r}")
