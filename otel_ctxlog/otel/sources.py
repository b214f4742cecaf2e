"""Sources: the current span's attributes and the current baggage's entries as message context."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, cast

from opentelemetry import baggage, trace
from opentelemetry.context import Context

from otel_ctxlog.engine.frozen import Frozen, put
from otel_ctxlog.engine.values import BaggageText, safe_text, scalar_text
from otel_ctxlog.otel.volatile import live_attributes, plain_names

__all__ = ["DEFAULT_SOURCES", "BaggageSource", "SpanSource"]


def _patterns(what: str, patterns: object) -> tuple[str, ...]:
    if isinstance(patterns, str) or not isinstance(patterns, (list, tuple, set, frozenset)):
        msg = f"{what} must be a tuple of glob patterns like ('tenant', 'app.*'), but got {patterns!r}"
        raise TypeError(msg)
    for pattern in cast("Sequence[object]", patterns):
        if not isinstance(pattern, str):
            msg = f"{what} must hold glob patterns as str, but got {type(pattern).__name__} {pattern!r}"
            raise TypeError(msg)
    return tuple(cast("Sequence[str]", patterns))


def _any_name(_name: str) -> bool:
    return True


def _filter(include: tuple[str, ...], exclude: tuple[str, ...]) -> Callable[[str], bool]:
    """Return whether a name passes: one of `include` matches it and none of `exclude`."""
    if "*" in include and not exclude:
        return _any_name
    from fnmatch import translate

    wanted = re.compile("|".join(map(translate, include)) if include else r"(?!)")
    unwanted = re.compile("|".join(map(translate, exclude)) if exclude else r"(?!)")
    return lambda name: wanted.match(name) is not None and unwanted.match(name) is None


def _put_filter(source: SpanSource | BaggageSource, include: object, exclude: object) -> None:
    wanted, unwanted = _patterns("include", include), _patterns("exclude", exclude)
    put(source, "include", wanted)
    put(source, "exclude", unwanted)
    put(source, "allows", _filter(wanted, unwanted))


def _limit(what: str, number: object) -> int:
    if isinstance(number, int) and not isinstance(number, bool) and number >= 0:
        return number
    msg = f"{what} must be a non-negative int, but got {number!r}"
    raise ValueError(msg)


class SpanSource(Frozen):
    """The attributes of the current span; also its name and whether it is sampled, for conditions.

    A span that does not record (an unsampled one) has no attributes and no name.

    Args:
        include: globs over names; only these are seen, by rules and on records alike.
        exclude: globs over names; these are not.
        attach: whether they are put on records.
    """

    __slots__ = ("allows", "attach", "exclude", "include")
    __match_args__ = ("include", "exclude", "attach")

    include: tuple[str, ...]
    exclude: tuple[str, ...]
    attach: bool
    allows: Callable[[str], bool]

    def __init__(
        self,
        include: Iterable[str] = ("*",),
        exclude: Iterable[str] = (),
        attach: bool = True,  # noqa: FBT001, FBT002 - by position, as in the contract
    ) -> None:
        _put_filter(self, include, exclude)
        put(self, "attach", attach)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.include, self.exclude, self.attach)

    @property
    def lets_all_through(self) -> bool:
        """Whether every name passes `include` and `exclude`."""
        return self.allows is _any_name

    def attributes(self, context: Context, /) -> Mapping[str, object]:
        """Return a copy of the attributes of the span in `context`."""
        found = span_attributes(trace.get_current_span(context))
        if self.allows is _any_name:
            return found
        return {name: value for name, value in found.items() if self.allows(name)}


class BaggageSource(Frozen):
    """The entries of the current baggage, each value as text.

    Baggage comes from outside, so that it is limited.

    Args:
        include: globs over names; only these are seen, by rules and on records alike.
        exclude: globs over names; these are not.
        attach: whether they are put on records.
        max_entries: how many entries are seen at most.
        max_value_length: characters of a value; longer ones are cut before anybody sees them.
    """

    __slots__ = ("allows", "attach", "exclude", "include", "max_entries", "max_value_length")
    __match_args__ = ("include", "exclude", "attach", "max_entries", "max_value_length")

    include: tuple[str, ...]
    exclude: tuple[str, ...]
    attach: bool
    max_entries: int
    max_value_length: int
    allows: Callable[[str], bool]

    def __init__(
        self,
        include: Iterable[str] = ("*",),
        exclude: Iterable[str] = (),
        attach: bool = True,  # noqa: FBT001, FBT002 - by position, as in the contract
        max_entries: int = 64,
        max_value_length: int = 256,
    ) -> None:
        _put_filter(self, include, exclude)
        put(self, "attach", attach)
        put(self, "max_entries", _limit("max_entries", max_entries))
        put(self, "max_value_length", _limit("max_value_length", max_value_length))

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.include, self.exclude, self.attach, self.max_entries, self.max_value_length)

    def attributes(self, context: Context, /) -> Mapping[str, object]:
        """Return the entries of the baggage in `context`."""
        found: dict[str, object] = {}
        every = self.allows is _any_name
        entries: Mapping[object, object] = baggage.get_all(context)  # type: ignore[assignment] # names are what was set
        longest = self.max_value_length
        for name, value in entries.items():
            if len(found) >= self.max_entries:
                break
            if isinstance(name, str) and name and (every or self.allows(name)):
                text = value if isinstance(value, str) else scalar_text(value)
                if text is None:
                    text = safe_text(value)
                # A subclass of str may raise when it is looked up.
                plain = name if type(name) is str else str.__str__(name)
                found[plain] = BaggageText(text if len(text) <= longest else text[:longest])
        return found


def span_attributes(span: object) -> dict[str, object]:
    """Return a copy of a span's attributes; empty for one that does not record.

    Raises what a span of another implementation raises, and where its attributes are no mapping.
    """
    live = live_attributes(span)
    found: object = live._dict.copy() if live is not None else dict(getattr(span, "attributes", None) or {})
    return plain_names(cast("dict[object, object]", found))


DEFAULT_SOURCES: Final = (BaggageSource(), SpanSource())
