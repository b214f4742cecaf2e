"""Conditions about the current OpenTelemetry context: baggage, span, resource.

They match only where a context has the source they need: `SpanAttribute`, `SpanName` and `Sampled` a `SpanSource`,
`BaggageEntry` a `BaggageSource`, `ResourceAttribute` any source. Without it none matches, ``Sampled(False)`` neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from otel_ctxlog.engine.frozen import put
from otel_ctxlog.engine.messages import BAGGAGE, SPAN, BuiltinCondition, View, check_name, same_value, value_matches
from otel_ctxlog.engine.protocols import is_matcher
from otel_ctxlog.engine.values import snapshot

__all__ = ["BaggageEntry", "ResourceAttribute", "Sampled", "SpanAttribute", "SpanName"]


class _Entry(BuiltinCondition):
    """A name and an expected value (or matcher) in one particular place."""

    __slots__ = ("name", "value")
    __match_args__ = ("name", "value")

    name: str
    value: object
    kind: ClassVar[str]

    def __init__(self, name: str, value: object) -> None:
        put(self, "name", check_name(self.kind, name))
        put(self, "value", snapshot(value) if type(value) in (list, dict, tuple) else value)

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


class BaggageEntry(_Entry):
    """The current baggage has an entry of that name and value; scalars are compared as their text."""

    __slots__ = ()

    kind: ClassVar[str] = "a BaggageEntry"

    def found(self, view: View) -> Iterator[object]:
        """Yield the baggage values of that name."""
        return view.values_of(BAGGAGE, self.name)


class SpanAttribute(_Entry):
    """The current span has an attribute of that name and value. A span that does not record has no attributes."""

    __slots__ = ()

    kind: ClassVar[str] = "a SpanAttribute"

    def found(self, view: View) -> Iterator[object]:
        """Yield the span attribute's value."""
        return view.values_of(SPAN, self.name)


class ResourceAttribute(_Entry):
    """The resource of the target's ``LoggerProvider`` has an attribute of that name and value."""

    __slots__ = ()

    kind: ClassVar[str] = "a ResourceAttribute"

    def found(self, view: View) -> Iterator[object]:
        """Yield the resource attribute's value."""
        resource = view.ambient.resource
        if resource is not None and self.name in resource:
            yield resource[self.name]


class SpanName(BuiltinCondition):
    """The current recording span has that name; in place of the text there may be a matcher."""

    __slots__ = ("value",)
    __match_args__ = ("value",)

    value: object

    def __init__(self, value: object) -> None:
        if not isinstance(value, str) and not is_matcher(value):
            msg = f"the value of a SpanName must be a str or a matcher, but got {value!r}"
            raise TypeError(msg)
        if value == "":
            msg = "the name in a SpanName must not be empty, but got ''"
            raise ValueError(msg)
        put(self, "value", value)

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


class Sampled(BuiltinCondition):
    """The current span is sampled, or is not (`sampled` false); without a span nothing is sampled."""

    __slots__ = ("sampled",)
    __match_args__ = ("sampled",)

    sampled: bool

    def __init__(self, sampled: bool = True) -> None:  # noqa: FBT001, FBT002 - `Sampled(False)` reads as it should
        put(self, "sampled", _checked_flag(sampled))

    def test(self, view: View) -> bool:
        """Return whether the span is sampled as expected."""
        return view.ambient.sampled is self.sampled


def _checked_flag(sampled: object) -> bool:
    if not isinstance(sampled, bool):
        msg = f"sampled must be a bool, but got {sampled!r}"
        raise TypeError(msg)
    return sampled
