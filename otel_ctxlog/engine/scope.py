"""What a decision may look at besides the static messages, and how much of it a condition needs.

A `Scope` tells which ambient messages can occur at all; `Needs` tells which of them some conditions look at. Both make
a decision cheap: a logger none of whose rules needs anything ambient never reads the OpenTelemetry context.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

__all__ = ["NOTHING_AMBIENT", "Needs", "Scope"]


def _never(_name: str) -> bool:
    return False


class Scope:
    """Which ambient messages can occur.

    Attributes:
        span: there is a `SpanSource`.
        baggage: there is a `BaggageSource`.
        own: there is an own source, which may give any name.
        span_allows: whether a `SpanSource` lets an attribute name through.
        baggage_allows: whether a `BaggageSource` lets an entry name through.
    """

    __slots__ = ("baggage", "baggage_allows", "own", "span", "span_allows")

    def __init__(
        self,
        *,
        span: bool = False,
        baggage: bool = False,
        own: bool = False,
        span_allows: Callable[[str], bool] = _never,
        baggage_allows: Callable[[str], bool] = _never,
    ) -> None:
        self.span = span
        self.baggage = baggage
        self.own = own
        self.span_allows = span_allows
        self.baggage_allows = baggage_allows

    @property
    def anything(self) -> bool:
        """Whether there is any source."""
        return self.span or self.baggage or self.own

    def allows(self, name: str) -> bool:
        """Return whether any source may give an attribute of that name."""
        return self.own or self.baggage_allows(name) or self.span_allows(name)


NOTHING_AMBIENT: Final = Scope()


class Needs:
    """Which ambient messages some conditions look at; grows while it is collected, then stays as it is.

    Attributes:
        names: attribute names they look at, from any source.
        span_names: attribute names they look at in the span only.
        baggage_names: entry names they look at in the baggage only.
        span_name: they look at the span's name.
        sampled: they look at the sampled flag.
        resource: they look at the resource.
        everything: they may look at all of it (own conditions and rules).
        explicit: they may look at any explicit message (own conditions and rules).
    """

    __slots__ = (
        "baggage_names",
        "everything",
        "explicit",
        "names",
        "resource",
        "sampled",
        "span_name",
        "span_names",
    )

    def __init__(
        self,
        *,
        names: Iterable[str] = (),
        span_names: Iterable[str] = (),
        baggage_names: Iterable[str] = (),
        span_name: bool = False,
        sampled: bool = False,
        resource: bool = False,
        everything: bool = False,
        explicit: bool = False,
    ) -> None:
        self.names = set(names)
        self.span_names = set(span_names)
        self.baggage_names = set(baggage_names)
        self.span_name = span_name
        self.sampled = sampled
        self.resource = resource
        self.everything = everything
        self.explicit = explicit

    def add(self, other: Needs) -> None:
        """Take over what `other` needs."""
        self.names |= other.names
        self.span_names |= other.span_names
        self.baggage_names |= other.baggage_names
        self.span_name |= other.span_name
        self.sampled |= other.sampled
        self.resource |= other.resource
        self.everything |= other.everything
        self.explicit |= other.explicit

    def outline(self) -> Needs:
        """Return the same with at most one name of each kind, which is the same for all: cheap to add up."""
        return Needs(
            names="*" if self.names else (),
            span_names="*" if self.span_names else (),
            baggage_names="*" if self.baggage_names else (),
            span_name=self.span_name,
            sampled=self.sampled,
            resource=self.resource,
            everything=self.everything,
            explicit=self.explicit,
        )

    def within(self, scope: Scope) -> Needs:
        """Return what is left of it where only the messages of `scope` can occur."""
        if not scope.anything:
            return Needs()
        return Needs(
            names=filter(scope.allows, self.names),
            span_names=filter(scope.span_allows, self.span_names),
            baggage_names=filter(scope.baggage_allows, self.baggage_names),
            span_name=self.span_name and scope.span,
            sampled=self.sampled and scope.span,
            resource=self.resource,
            everything=self.everything,
            explicit=self.explicit,
        )

    @property
    def anything(self) -> bool:
        """Whether anything ambient is needed."""
        return self.context or self.resource

    @property
    def context(self) -> bool:
        """Whether anything of the OpenTelemetry context is needed."""
        return bool(
            self.names or self.span_names or self.baggage_names or self.span_name or self.sampled or self.everything
        )
