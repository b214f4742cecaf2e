"""What a question needs of the records: small, picklable, so that processes that read can be told."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fnmatch import translate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Filters", "Wanted", "matcher"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which records and spans count; everything empty or None: all.

    Attributes:
        types: patterns, as in file names and case-sensitive, one of which the event type matches.
        services: the same for the service.
        since: the first moment that counts, in nanoseconds since 1970.
        until: the first moment that does not count any more.
        trace: what the trace id begins with, in lower case.
        severity: the lowest severity number of a record.
    """

    types: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None
    trace: str | None = None
    severity: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to keep while reading.

    Attributes:
        events: whether to keep log records that are events.
        plain: whether to keep those that are none.
        spans: whether to keep spans.
        columns: the optional columns to fill: ``body``, ``scope``, ``trace_id``, ``span_id``, ``attributes``,
            ``resource``, ``service``, ``severity``, ``severity_number``; times and event types are always there.
        attributes: names of attributes to keep as columns of their own.
        filters: which records and spans to keep.
        names: whether to count which attributes there are.
        distinct: whether to keep the ids of log records, ``log.record.uid``.
    """

    events: bool = False
    plain: bool = False
    spans: bool = False
    columns: frozenset[str] = frozenset()
    attributes: tuple[str, ...] = ()
    filters: Filters = field(default_factory=Filters)
    names: bool = False
    distinct: bool = False


def matcher(patterns: tuple[str, ...]) -> Callable[[str | None], bool]:
    """Return whether a text matches one of the patterns; any text does if there are none."""
    if not patterns:
        return _any
    expression = re.compile("|".join(translate(pattern) for pattern in patterns))
    known: dict[str, bool] = {}

    def matches(text: str | None) -> bool:
        if text is None:
            return False
        answer = known.get(text)
        if answer is None:
            if len(known) > _MOST_KNOWN:
                known.clear()
            answer = known[text] = expression.match(text) is not None
        return answer

    return matches


_MOST_KNOWN = 10_000


def _any(text: str | None) -> bool:  # noqa: ARG001
    return True
