"""Where a rule came from: what explanations, statistics and audit records name it by."""

from __future__ import annotations

from typing import Final

from otel_ctxlog.engine.frozen import Frozen, put

__all__ = ["KINDS", "UNKNOWN", "Origin", "check_origin"]

KINDS: Final = ("code", "file", "environment", "endpoint", "text")


class Origin(Frozen):
    """Where a rule came from; its text is like ``file rules.yaml:12`` or ``endpoint by alice``.

    Args:
        kind: ``code``, ``file``, ``environment``, ``endpoint`` or ``text``.
        place: where there: ``shop.app:31``, ``rules.yaml:12``, ``OTEL_CTXLOG``; empty where unknown.
        actor: who added it: the name of a token; empty where nobody is known.

    Raises:
        ValueError: `kind` is none of these.
    """

    __slots__ = ("actor", "kind", "place")
    __match_args__ = ("kind", "place", "actor")

    kind: str
    place: str
    actor: str

    def __init__(self, kind: str, place: str = "", actor: str = "") -> None:
        if kind not in KINDS:
            msg = f"the kind of an origin must be one of {', '.join(KINDS)}, but got {kind!r}"
            raise ValueError(msg)
        put(self, "kind", kind)
        put(self, "place", str(place))
        put(self, "actor", str(actor))

    def __str__(self) -> str:
        by = f"by {self.actor}" if self.actor else ""
        return " ".join(filter(None, (self.kind, self.place, by)))


def check_origin(origin: object) -> Origin:
    """Return `origin` if it is one.

    Raises:
        TypeError: it is none.
    """
    if isinstance(origin, Origin):
        return origin
    msg = f"an origin must be an Origin, like Origin('file', 'rules.yaml:12'), but got {origin!r}"
    raise TypeError(msg)


UNKNOWN: Final = Origin("code")
"""The origin of a rule of which nothing more is known."""
