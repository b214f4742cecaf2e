"""Whether a request comes from where it may: its host, its origin and its peer.

A page of another site can have a browser send requests to this machine, and can make its own name lead here (DNS
rebinding). So the host that a request names has to be one of ours, and the origin that a browser adds the same.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from otel_ctxlog.admin.exchange import Problem, Request

__all__ = ["Hosts", "comes_from_here", "host_of", "is_loopback"]

_LOCALHOST: Final = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})
_HOST: Final = re.compile(r"(?P<name>\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]{1,253})(?::(?P<port>[0-9]{1,5}))?")
# What a proxy adds: then the peer is the proxy, and says nothing.
_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
_CHANGES: Final = frozenset({"POST", "PUT", "DELETE", "PATCH"})


def is_loopback(host: str) -> bool:
    """Return whether a name or address can only be this machine's own."""
    name = host.strip("[]").lower().rstrip(".")
    if name in _LOCALHOST:
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_loopback or (mapped is not None and mapped.is_loopback)


def comes_from_here(request: Request) -> bool:
    """Return whether whoever asks is a program of this machine, as far as that can be known."""
    forwarded = any(name in request.headers for name in _FORWARDED)
    return request.peer is not None and not forwarded and is_loopback(request.peer)


def host_of(request: Request) -> str:
    """Return the name of the host that a request names, without its port; empty where it names none."""
    parts = _parts(request.headers.get("host", ""))
    return "" if parts is None else parts[0]


class Hosts:
    """The hosts that requests may name: those of loopback, and further ones.

    Args:
        allowed: names or addresses, each with or without a port; without one, any port.

    Raises:
        TypeError: `allowed` is a text, or one of it is none.
        ValueError: one of it is no host.
    """

    __slots__ = ("_allowed",)

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        if isinstance(allowed, (str, bytes)):
            raise TypeError(f"allowed_hosts must be several texts, like ['admin.example:8443'], but got {allowed!r}")
        self._allowed = frozenset(map(_checked_host, allowed))

    def check(self, request: Request) -> None:
        """Raise a `Problem` unless the request names one of the hosts, and comes from no page of another."""
        headers = request.headers
        host = headers.get("host", "")
        name, port = _parts(host) or ("", "")
        if not name:
            raise Problem(400, "the header Host names no host", found=repr(host)[:200], allowed="a host, with its port")
        if not (is_loopback(name) or name in self._allowed or f"{name}:{port}" in self._allowed):
            raise Problem(
                403,
                "the header Host names a host that is not this endpoint's; who serves it allows more by allowed_hosts",
                found=repr(host)[:200],
                allowed="a name of loopback, or one of allowed_hosts",
            )
        _check_origin(headers, host, changes=request.method in _CHANGES)


def _check_origin(headers: Mapping[str, str], host: str, *, changes: bool) -> None:
    origin = headers.get("origin")
    if origin is not None and not _is_same(origin, host):
        raise Problem(
            403, "a page of another origin asks", found=f"origin {origin!r:.200}", allowed=f"the page of {host!r:.200}"
        )
    site = headers.get("sec-fetch-site")
    if changes and site is not None and site not in ("same-origin", "none"):
        raise Problem(403, "a page of another site asks for a change", found=f"{site!r:.50}", allowed="same-origin")


def _is_same(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
        netloc = parts.netloc.lower()
    except ValueError:
        return False
    if parts.scheme not in ("http", "https"):
        return False
    default = ":443" if parts.scheme == "https" else ":80"
    return netloc.removesuffix(default) == host.lower().removesuffix(default)


def _parts(host: str) -> tuple[str, str] | None:
    """Return name and port of a host, in lower case."""
    match = _HOST.fullmatch(host)
    if match is None:
        return None
    return match["name"].lower().rstrip("."), match["port"] or ""


def _checked_host(host: object) -> str:
    if not isinstance(host, str):
        raise TypeError(f"an allowed host must be a str, but got {host!r}")
    parts = _parts(host)
    if parts is None:
        raise ValueError(f"an allowed host must be a name or an address, with or without a port, but got {host!r}")
    name, port = parts
    return f"{name}:{port}" if port else name
