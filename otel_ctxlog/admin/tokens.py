"""Bearer tokens: who asks, and how often somebody may be wrong about it."""

from __future__ import annotations

import hashlib
import hmac
import math
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from time import monotonic
from typing import Final

from otel_ctxlog.admin.exchange import Problem

__all__ = ["ANONYMOUS", "MIN_TOKEN_LENGTH", "Failures", "Tokens"]

ANONYMOUS: Final = "anonymous"
"""The actor of changes that nobody had to show a token for."""
MIN_TOKEN_LENGTH: Final = 16
_LONGEST_TOKEN: Final = 1024
_DEFAULT_NAME: Final = "token"
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/=-]+")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,63}")
_MAX_PEERS: Final = 1000


class Tokens:
    """The tokens by name, of which only digests are kept.

    Args:
        token: one token, whose name is ``token``.
        tokens: tokens by name, like ``{"alice": "…"}``; the name is the actor of changes.

    Raises:
        TypeError: `tokens` is no mapping, or a name or a token is no text.
        ValueError: a name or a token is not allowed, two tokens are equal, or ``token`` is named twice.
    """

    __slots__ = ("_digests", "_key")

    def __init__(self, token: str | None = None, tokens: Mapping[str, str] | None = None) -> None:
        if tokens is not None and not isinstance(tokens, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"tokens must map names to tokens, but got {type(tokens).__name__}")
        named = dict(tokens or {})
        if token is not None:
            if _DEFAULT_NAME in named:
                raise ValueError(f"tokens has the name {_DEFAULT_NAME!r}, which is that of the argument token")
            named[_DEFAULT_NAME] = token
        # With a key of this process, how long a comparison takes says nothing about a digest either.
        self._key = secrets.token_bytes(32)
        self._digests = tuple(
            (_checked_name(name), self._digest(_checked_token(name, one))) for name, one in named.items()
        )
        if len({digest for _, digest in self._digests}) < len(self._digests):
            raise ValueError("two of the tokens are equal, so that nobody could say whose a change was")

    def __repr__(self) -> str:
        return f"<Tokens {', '.join(name for name, _ in self._digests) or 'none'}>"

    def __bool__(self) -> bool:
        return bool(self._digests)

    def name_of(self, token: str) -> str | None:
        """Return whose token that is, or None; it takes the same time whichever it is, and whether it is one."""
        digest = self._digest(token)
        found: str | None = None
        for name, known in self._digests:
            if hmac.compare_digest(digest, known):
                found = name
        return found

    def _digest(self, token: str) -> bytes:
        return hashlib.blake2b(token.encode("utf-8", "surrogatepass"), key=self._key, digest_size=32).digest()


def _checked_name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"the name of a token must be a str, but got {name!r}")
    if _NAME.fullmatch(name) is None or name == ANONYMOUS:
        raise ValueError(
            f"the name of a token must be 1 to 64 letters, digits and _.@+-, and not {ANONYMOUS!r}, but got {name!r}"
        )
    return name


def _checked_token(name: str, token: object) -> str:
    if not isinstance(token, str):
        raise TypeError(f"the token of {name!r} must be a str, but got {type(token).__name__}")
    fits = _TOKEN.fullmatch(token) is not None
    if not fits or not MIN_TOKEN_LENGTH <= len(token) <= _LONGEST_TOKEN:
        # What was found stays out of the text: it may be a good part of the secret.
        found = f"{len(token)} characters{'' if fits else ', some of them others'}"
        raise ValueError(
            f"the token of {name!r} must be {MIN_TOKEN_LENGTH} to {_LONGEST_TOKEN} letters, digits and ._~+/=-, but got"
            f" {found}; secrets.token_urlsafe() makes a good one"
        )
    return token


class Failures:
    """How many wrong tokens may come from one address: so many at once, then one in a second.

    While there are too many, no token of that address is looked at. Behind a proxy all its clients are one address.

    Args:
        burst: how many at once.
        rate: how many more in a second.
    """

    def __init__(self, *, burst: int = 10, rate: float = 1.0) -> None:
        self._burst = burst
        self._rate = rate
        self._lock = threading.Lock()
        # For each address what is left, and when that was so; the longest unused first.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, peer: str) -> None:
        """Raise a `Problem` where too many wrong tokens came from that address."""
        with self._lock:
            left = self._left_of(peer, monotonic())
        if left < 1:
            seconds = max(1, math.ceil((1 - left) / self._rate))
            raise Problem(
                429,
                "too many wrong tokens came from this address",
                allowed=f"{self._burst} at once, then {self._rate:g} in a second",
                headers={"Retry-After": str(seconds)},
            )

    def note(self, peer: str) -> None:
        """Count one wrong token."""
        with self._lock:
            now = monotonic()
            left = self._left_of(peer, now)
            self._left[peer] = (max(0.0, left - 1), now)
            self._left.move_to_end(peer)
            while len(self._left) > _MAX_PEERS:
                self._left.popitem(last=False)

    def renew_lock(self) -> None:
        """Replace the lock, in a forked child."""
        self._lock = threading.Lock()

    def _left_of(self, peer: str, now: float) -> float:
        left, then = self._left.get(peer, (float(self._burst), now))
        return min(float(self._burst), left + (now - then) * self._rate)
