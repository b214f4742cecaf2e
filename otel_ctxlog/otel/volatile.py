"""What can change under an unchanged OpenTelemetry context, and whether it has.

Contexts and baggage are immutable. A span's attributes and name are not, and neither is a provider's resource (the SDK
gives providers a new one after a fork). A decision that looked at some of them is good only while each is the very same
object: ``==`` would take True for 1. What is compared with is what the decision was made from, not what was read a
moment before or after: another thread may change a value and change it back.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final, Protocol, TypeAlias, cast

from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context

from otel_ctxlog.engine.messages import SPAN, Ambient
from otel_ctxlog.engine.scope import Needs, Scope
from otel_ctxlog.engine.values import is_a
from otel_ctxlog.otel.context import span_in

__all__ = ["Changed", "Readings", "Watch", "changed_always", "live_attributes", "plain_names", "watching"]

Changed: TypeAlias = Callable[[], bool]
"""Tells whether anything that was looked at has changed since."""
Watch: TypeAlias = Callable[[Context, Ambient], Changed | None]
"""Returns what tells whether anything that was read from a context has changed; None where nothing can."""

_FEW: Final = 16
"""Up to so many names are looked up one by one; beyond, the span's attributes are gone through."""
_MISSING: Final = object()
_TEXT: Final = frozenset({str})
_SCALARS: Final = frozenset({str, int, float, bool, bytes, type(None)})


class Readings(Protocol):
    """How spans and resource are read; none of it raises."""

    def span_attributes(self, span: object) -> Mapping[str, object]:
        """Return a copy of the span's attributes."""
        ...

    def span_name(self, span: object) -> object:
        """Return the span's name."""
        ...

    def resource(self) -> Mapping[str, object] | None:
        """Return the resource; the same object while it is the same."""
        ...


def changed_always() -> bool:
    """Return True: what was looked at cannot be watched, and is looked at each time."""
    return True


def watching(needs: Needs, scope: Scope, readings: Readings) -> Watch | None:
    """Return what watches all that `needs` names; None where none of it can ever change.

    What it returns holds neither the context nor its span alive.
    """
    allowed = scope.span_allows
    names = frozenset(filter(allowed, needs.names | needs.span_names))
    span_name = scope.span and (needs.span_name or needs.everything)
    attributes = scope.span and (bool(names) or needs.everything)
    resource = needs.resource or needs.everything
    if not (span_name or attributes or resource):
        return None

    def watch(context: Context, read: Ambient) -> Changed | None:
        checks: list[Changed] = []
        if resource:
            checks.append(_resource(readings, read.resource))
        span = span_in(context)
        if (attributes or span_name) and type(span) is not trace.NonRecordingSpan:
            groups = [values for origin, values in read.groups if origin == SPAN]
            if attributes and len(groups) != 1:  # several span sources, each with a filter and a moment of its own
                return changed_always
            try:
                if span_name:
                    checks.append(_span_name(weakref.ref(span), readings, read.span_name))
                if attributes and needs.everything:
                    checks.append(_copied(weakref.ref(span), allowed, readings, groups[0]))
                elif attributes:
                    checks.append(_names(span, names, readings, groups[0]))
            except TypeError:  # a span of a kind that cannot be weakly referenced
                return changed_always
        if len(checks) > 1:
            return lambda: any(check() for check in checks)
        return checks[0] if checks else None

    return watch


def _resource(readings: Readings, then: Mapping[str, object] | None) -> Changed:
    return lambda: readings.resource() is not then


def _span_name(span: weakref.ref[trace.Span], readings: Readings, then: str | None) -> Changed:
    def changed() -> bool:
        now = span()
        return now is None or readings.span_name(now) is not then

    return changed


def _names(span: trace.Span, names: Collection[str], readings: Readings, read: Mapping[str, object]) -> Changed:
    """Return what watches the span's attributes of these names."""
    if len(names) <= _FEW:
        live = live_attributes(span)
        if live is not None:
            return _live(live, [(name, read.get(name, _MISSING)) for name in names])
    relevant = {name: value for name, value in read.items() if name in names}
    return _copied(weakref.ref(span), names.__contains__, readings, relevant)


def _is_fixed(values: Iterable[object]) -> bool:
    """Return whether none of the values can change in place."""
    return all(
        type(value) in _SCALARS
        or value is _MISSING
        or (type(value) is tuple and all(type(item) in _SCALARS for item in value))  # pyright: ignore[reportUnknownVariableType]
        for value in values
    )


def live_attributes(span: object) -> Any | None:
    """Return the object whose ``_dict`` holds the span's attributes as they are; None for a span of another kind.

    Private to the SDK, so that it is used here alone and only for spans that are exactly as expected:
    ``tests/otel/test_what_we_rely_on.py`` fails when they change. A copy of the attributes, which is what the public
    interface has, costs more than all the rest of a decision.
    """
    sdk = sys.modules.get("opentelemetry.sdk.trace")
    if sdk is None:
        return None
    known = getattr(sdk, "ReadableSpan", None)
    if known is None or getattr(type(span), "attributes", None) is not known.attributes:
        return None
    live = getattr(span, "_attributes", None)
    return live if type(live) is BoundedAttributes and type(getattr(live, "_dict", None)) is dict else None


def plain_names(found: dict[object, object]) -> dict[str, object]:
    """Return attributes with names that are nothing but text: what is more may raise where it is looked up.

    A name that is no text is left out. The mapping itself is returned where all is well.
    """
    if set(map(type, found)) <= _TEXT:
        return cast("dict[str, object]", found)
    return {str.__str__(name): value for name, value in found.items() if is_a(name, str)}


def _live(live: Any, read: list[tuple[str, object]]) -> Changed:
    """Return what compares live attributes with what was read of them."""
    if not _is_fixed(value for _, value in read):
        return changed_always
    if len(read) == 1:
        one, then = read[0]

        def one_changed() -> bool:
            try:
                return live._dict.get(one, _MISSING) is not then
            except Exception:  # noqa: BLE001 - a name among them that raises when it is compared
                return True

        return one_changed

    def changed() -> bool:
        get = live._dict.get
        try:
            for name, value in read:
                if get(name, _MISSING) is not value:
                    return True
        except Exception:  # noqa: BLE001 - as above
            return True
        return False

    return changed


def _copied(
    span: weakref.ref[trace.Span],
    wanted: Callable[[str], bool],
    readings: Readings,
    read: Mapping[str, object],
) -> Changed:
    """Return what compares a copy of the wanted attributes with what was read; also their order, which own ones see."""
    if not _is_fixed(read.values()):
        return changed_always
    then = list(read.items())

    def changed() -> bool:
        known = span()
        if known is None:
            return True
        now = [item for item in readings.span_attributes(known).items() if wanted(item[0])]
        return len(now) != len(then) or any(
            name != name_then or value is not value_then
            for (name, value), (name_then, value_then) in zip(now, then, strict=True)
        )

    return changed
