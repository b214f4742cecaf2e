"""The mark on a record that rules have decided about, so that a gate at its provider does not ask again.

What a record is about is not all on it (tags are not, nor what a logger was bound to), so that a second decision could
be another one. The mark rides on the record's own OTel context: it reaches processors in other threads, and records
made meanwhile, by a processor that logs, do not have it. No gate, no mark: records keep the context of their call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opentelemetry.context import Context, create_key

__all__ = ["GATES", "Decided", "decided", "mark"]


class _Gates:
    """The gates of this process.

    Attributes:
        living: one token per gate that may ask for marks; nobody needs to mark anything while it is empty.
    """

    __slots__ = ("living",)

    def __init__(self) -> None:
        self.living: set[object] = set()


GATES: Final = _Gates()


class Decided:
    """That rules have let a record through.

    Attributes:
        owners: what they belong to: the core of a context.
        context: the record's OTel context, as it was without the mark.
    """

    __slots__ = ("context", "owners")

    def __init__(self, owners: tuple[object, ...], context: Context) -> None:
        self.owners = owners
        self.context = context


_KEY: Final = create_key("otel_ctxlog-decided")


def mark(context: Context, owner: object | None) -> Context:
    """Return `context` with the mark that the rules of `owner` have let the record through; None: nobody's have."""
    if owner is None:
        return context
    known = decided(context)
    if known is None:
        return Context({**context, _KEY: Decided((owner,), context)})
    if any(owner is one for one in known.owners):
        return context
    return Context({**known.context, _KEY: Decided((*known.owners, owner), known.context)})


def decided(context: Mapping[str, object]) -> Decided | None:
    """Return the mark on a record's context, or None."""
    found = context.get(_KEY)
    return found if type(found) is Decided else None
