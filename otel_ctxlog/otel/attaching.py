"""What the sources of a context put on a record, one class per kind of source.

Every record with ambient attributes comes along here, so that it does little: what a record before it has shown about
a name or a baggage is kept, in small bounds.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context

from otel_ctxlog.engine.values import AttributeValue, BaggageText, clean_text, to_value
from otel_ctxlog.otel.context import span_in
from otel_ctxlog.otel.volatile import live_attributes, plain_names

__all__ = [
    "EXCEPTION_PREFIX",
    "RESERVED",
    "Attaching",
    "BaggageReading",
    "BaggageThenSpan",
    "SourceAttaching",
    "SpanReading",
    "is_reserved",
]

RESERVED: Final = frozenset({"realm", "eventType"})
EXCEPTION_PREFIX: Final = "exception."

_MOST_KEYS: Final = 1024
# Names of baggage come from outside.
_LONGEST_KEY: Final = 128
_REFUSED: Final = ""
_keys: dict[str, str] = {}


class Attaching(Protocol):
    """One source, as it is put on records."""

    def add(self, context: Context, attached: dict[str, AttributeValue]) -> None:
        """Add what the source finds in `context` to the attributes of a record; raises nothing."""
        ...


class SourceAttaching:
    """Any source: asked for every record.

    Args:
        read: reads the source; it raises nothing.
    """

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[Context], Mapping[str, object]]) -> None:
        self._read = read

    def add(self, context: Context, attached: dict[str, AttributeValue]) -> None:
        """Add what the source finds in `context`."""
        _put(self._read(context), attached)


class _Found(weakref.ref[Context]):
    """What was found in one context; called, it returns that context, or None if it is gone.

    Attributes:
        entries: the entries of its baggage.
        attached: the same, as they are put on records.
        live: what holds the attributes of its span (`live_attributes`).
    """

    __slots__ = ("attached", "entries", "live")

    attached: dict[str, AttributeValue]
    entries: Mapping[str, object]
    live: Any | None


# It lives: a reference to what is gone would give None, which somebody may have attached as the context.
_NOWHERE: Final = Context()
_NOTHING: Final = _Found(_NOWHERE)


class _OfLastContext:
    """What was found in the context of the call before, for as long as that lives."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last = _NOTHING

    def _keep(self, context: Context, **found: object) -> None:
        try:
            kept = _Found(context, self._forget)
        except TypeError:  # a context of a kind that cannot be weakly referenced
            return
        for name, value in found.items():
            setattr(kept, name, value)
        self._last = kept

    def _forget(self, gone: weakref.ref[Context]) -> None:
        if self._last is gone:
            self._last = _NOTHING


class BaggageReading(_OfLastContext):
    """A `BaggageSource`: what is in a context stays as it is, so that it is read once for several calls in one.

    Args:
        read: reads the source; it raises nothing.
    """

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[Context], Mapping[str, object]]) -> None:
        super().__init__()
        self._read = read

    def entries(self, context: Context) -> Mapping[str, object]:
        """Return the entries of the baggage in `context`; not to be changed."""
        last = self._last
        return last.entries if last() is context else self._find(context)[0]

    def add(self, context: Context, attached: dict[str, AttributeValue]) -> None:
        """Add the entries of the baggage in `context` to the attributes of a record."""
        last = self._last
        attached.update(last.attached if last() is context else self._find(context)[1])

    def _find(self, context: Context) -> tuple[Mapping[str, object], dict[str, AttributeValue]]:
        entries = self._read(context)
        attached: dict[str, AttributeValue] = {}
        _put(entries, attached)
        self._keep(context, entries=entries, attached=attached)
        return entries, attached


class SpanReading(_OfLastContext):
    """A `SpanSource` that lets all names through.

    A context keeps its span, but not the span its attributes: kept is where the SDK has them, for the context of the
    call before.

    Args:
        read: reads the source; it raises nothing.
    """

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[Context], Mapping[str, object]]) -> None:
        super().__init__()
        self._read = read

    def live(self, context: Context) -> Any | None:
        """Return what holds the attributes of the span in `context`; None where that cannot be known."""
        last = self._last
        return last.live if last() is context else self._find(context)

    def attributes(self, context: Context) -> Mapping[str, object]:
        """Return a copy of the attributes of the span in `context`."""
        live = self.live(context)
        return self._read(context) if live is None else plain_names(live._dict.copy())

    def add(self, context: Context, attached: dict[str, AttributeValue]) -> None:
        """Add the attributes of the span in `context` to the attributes of a record."""
        live = self.live(context)
        if live is None:
            _put(self._read(context), attached)
        elif live._dict:
            _put(live._dict.copy(), attached)

    def _find(self, context: Context) -> Any | None:
        span = span_in(context)
        live = _NEVER_ANY if type(span) is trace.NonRecordingSpan else live_attributes(span)
        self._keep(context, live=live)
        return live


class BaggageThenSpan(_OfLastContext):
    """The default sources on a record: one look at the context for both.

    Args:
        baggage: the first source.
        span: the second; its attributes win.
    """

    __slots__ = ("_baggage", "_span")

    def __init__(self, baggage: BaggageReading, span: SpanReading) -> None:
        super().__init__()
        self._baggage = baggage
        self._span = span

    def attachments(self, context: Context) -> dict[str, AttributeValue]:
        """Return the ambient attributes that go on a record, in a new dict."""
        last = self._last
        if last() is not context:
            return self._find(context)
        attached = last.attached.copy()
        live = last.live
        if live is None:
            self._span.add(context, attached)
        elif live._dict:
            _put(live._dict.copy(), attached)
        return attached

    def _find(self, context: Context) -> dict[str, AttributeValue]:
        attached: dict[str, AttributeValue] = {}
        self._baggage.add(context, attached)
        self._keep(context, attached=attached.copy(), live=self._span.live(context))
        self._span.add(context, attached)
        return attached


_NEVER_ANY: Final = BoundedAttributes()
"""Of a span that does not record."""


def _put(found: Mapping[str, object], attached: dict[str, AttributeValue]) -> None:
    for name, value in found.items():
        if type(name) is not str:  # a subclass may raise when it is looked up
            name = str.__str__(name)  # noqa: PLW2901
        key = _keys.get(name)
        if key is None:
            key = _key(name)
        if key:
            attached[key] = clean_text(str(value)) if type(value) is BaggageText else to_value(value)


def is_reserved(name: str) -> bool:
    """Return whether nothing ambient may be attached under that name (contract, section 6)."""
    return name in RESERVED or name.startswith(EXCEPTION_PREFIX)


def _key(name: str) -> str:
    """Return the key that an ambient attribute of that name has on a record, or `_REFUSED` where it has none."""
    key = _REFUSED if is_reserved(name) else clean_text(name)
    if len(name) <= _LONGEST_KEY:
        if len(_keys) >= _MOST_KEYS:
            _keys.clear()
        _keys[name] = key
    return key
