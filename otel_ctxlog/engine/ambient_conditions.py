"""Conditions about the current OpenTelemetry context: baggage, span, resource.

They match only where a context has the source they need: `SpanAttribute`, `SpanName` and `Sampled` a `SpanSource`,
`BaggageEntry` a `BaggageSource`, `ResourceAttribute` any source. Without it none matches, ``Sampled(False)`` neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from otel_ctxlog.engine.messages import BAGGAGE, SPAN, BuiltinCondition, View, check_name, same_value, value_matches
from otel_ctxlog.engine.protocols import is_matcher
from otel_ctxlog.engine.values import snapshot

__all__ = ["BaggageEntry", "ResourceAttribute", "Sampled", "SpanAttribute", "SpanName"]


@dataclass(frozen=True, slots=True, eq=False)
class _Entry(BuiltinCondition):
    """A name and an expected value (or matcher) in one particular place."""

    name: str
    value: object
    kind: ClassVar[str]

    def __post_init__(self) -> None:
        check_name(self.kind, self.name)
        if type(self.value) in (list, dict, tuple):
            object.__setattr__(self, "value", snapshot(self.value))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Entry) or type(self) is not type(other):
            return NotImplemented
        return self.name == other.name and same_value(self.value, other.value)

    def __hash__(self) -> int:
        return hash((type(self), self.name, self.value))

    def found(self, view: View) -> Iterator[object]:
        """Yield the values of that name in that place."""
        raise NotImplementedError

    def test(self, view: View) -> bool:
        """Return whether one of the values is the expected one."""
        return any(value_matches(self.value, value) for value in self.found(view))


@dataclass(frozen=True, slots=True, eq=False)
class BaggageEntry(_Entry):
    """The current baggage has an entry of that name and value; scalars are compared as their text."""

    kind: ClassVar[str] = "a BaggageEntry"

    def found(self, view: View) -> Iterator[object]:
        """Yield the baggage values of that name."""
        return view.values_of(BAGGAGE, self.name)


@dataclass(frozen=True, slots=True, eq=False)
class SpanAttribute(_Entry):
    """The current span has an attribute of that name and value. A span that does not record has no attributes."""

    kind: ClassVar[str] = "a SpanAttribute"

    def found(self, view: View) -> Iterator[object]:
        """Yield the span attribute's value."""
        return view.values_of(SPAN, self.name)


@dataclass(frozen=True, slots=True, eq=False)
class ResourceAttribute(_Entry):
    """The resource of the target's ``LoggerProvider`` has an attribute of that name and value."""

    kind: ClassVar[str] = "a ResourceAttribute"

    def found(self, view: View) -> Iterator[object]:
        """Yield the resource attribute's value."""
        resource = view.ambient.resource
        if resource is not None and self.name in resource:
            yield resource[self.name]


@dataclass(frozen=True, slots=True, eq=False)
class SpanName(BuiltinCondition):
    """The current recording span has that name; in place of the text there may be a matcher."""

    value: object

    def __post_init__(self) -> None:
        if not isinstance(self.value, str) and not is_matcher(self.value):
            msg = f"the value of a SpanName must be a str or a matcher, but got {self.value!r}"
            raise TypeError(msg)
        if self.value == "":
            msg = "the name in a SpanName must not be empty, but got ''"
            raise ValueError(msg)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SpanName):
            return NotImplemented
        return same_value(self.value, other.value)

    def __hash__(self) -> int:
        return hash((SpanName, self.value))

    def test(self, view: View) -> bool:
        """Return whether the span's name is the expected one."""
        name = view.ambient.span_name
        return name is not None and value_matches(self.value, name)


@dataclass(frozen=True, slots=True)
class Sampled(BuiltinCondition):
    """The current span is sampled, or is not (`sampled` false); without a span nothing is sampled."""

    sampled: bool = True

    def __post_init__(self) -> None:
        _check_flag(self.sampled)

    def test(self, view: View) -> bool:
        """Return whether the span is sampled as expected."""
        return view.ambient.sampled is self.sampled


def _check_flag(sampled: object) -> None:
    if not isinstance(sampled, bool):
        msg = f"sampled must be a bool, but got {sampled!r}"
        raise TypeError(msg)
