"""Answers as tables for people: columns as wide as they need to be, the whole as wide as the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Final, cast

from otel_ctxlog.console.colors import DIM, EVENT, NAME, color_of_severity, paint
from otel_ctxlog.console.text import escape, quote, quote_name
from otel_ctxlog.questions.cells import cell, cut, iso, number_like, pad, width
from otel_ctxlog.questions.otlp import severity_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["listing", "table"]

# Widths are taken from so many rows; later ones that are wider stick out, or are cut where the terminal ends.
_MEASURED: Final = 1_000
_GAP: Final = "  "
_NARROWEST: Final = 6
_WIDEST_NUMBER: Final = 24


def table(
    names: Sequence[str], rows: Iterable[tuple[object, ...]], *, columns: int | None = None, color: bool = False
) -> Iterator[str]:
    """Give the lines of a table: names, a rule, a line for each row; numbers stand right.

    Args:
        names: the names of the columns.
        rows: the values.
        columns: how wide a line may be; None for any width.
        color: whether the head is painted.
    """
    remaining = iter(rows)
    first = list(islice(remaining, _MEASURED))
    heads = [escape(name) for name in names]
    right = [_is_right(at, first) for at in range(len(heads))]
    texts = [tuple(map(cell, row)) for row in first]
    widths = [max([width(head), *(width(row[at]) for row in texts)]) for at, head in enumerate(heads)]
    if columns is not None:
        whole = [is_right or _is_time(at, first) for at, is_right in enumerate(right)]
        widths = fitted(widths, columns, whole=whole)
    line = [
        pad(cut(head, size), size, right=is_right) for head, size, is_right in zip(heads, widths, right, strict=True)
    ]
    yield paint(_GAP.join(line).rstrip(), NAME) if color else _GAP.join(line).rstrip()
    rule = _GAP.join("─" * size for size in widths)
    yield paint(rule, DIM) if color else rule
    for row in texts:
        yield _line(row, widths, right, columns)
    for values in remaining:
        yield _line(tuple(map(cell, values)), widths, right, columns)


def _is_right(at: int, rows: list[tuple[object, ...]]) -> bool:
    values = [row[at] for row in rows if row[at] is not None]
    return bool(values) and all(number_like(value) for value in values)


def _is_time(at: int, rows: list[tuple[object, ...]]) -> bool:
    return any(isinstance(row[at], datetime) for row in rows)


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[bool], columns: int | None) -> str:
    cells = [
        pad(text if columns is None else cut(text, size), size, right=is_right)
        for text, size, is_right in zip(row, widths, right, strict=True)
    ]
    return _GAP.join(cells).rstrip()


def fitted(widths: Sequence[int], columns: int, *, whole: Sequence[bool]) -> list[int]:
    """Return widths that fit into so many columns: the widest gives first, and times and numbers come last.

    Args:
        widths: what each column would take.
        columns: the room for all, gaps included.
        whole: for each column whether half of it would be of no use.
    """
    found = list(widths)
    room = columns - len(_GAP) * (len(found) - 1)
    for floor, everyone in ((_NARROWEST, False), (_NARROWEST, True), (1, True)):
        while sum(found) > room:
            giving = [at for at, size in enumerate(found) if size > floor and (everyone or not whole[at])]
            if not giving:
                break
            widest = max(giving, key=lambda at: found[at])
            found[widest] -= 1
    return found


def listing(rows: Iterable[tuple[object, ...]], *, columns: int | None = None, color: bool = False) -> Iterator[str]:
    """Give a line for each record: time, severity, service, event type or text, attributes, trace.

    Args:
        rows: time, service, severity, event type, body, scope, trace id, span id, attributes as JSON.
        columns: how wide a line may be; None for any width.
        color: whether there are colours.
    """
    remaining = iter(rows)
    first = list(islice(remaining, _MEASURED))
    service = min(max((width(cell(row[1])) for row in first), default=0), _WIDEST_NUMBER)
    event = min(max((width(cell(row[3])) for row in first), default=0), _WIDEST_NUMBER)
    for row in first:
        yield _record(row, service, event, columns, color=color)
    for row in remaining:
        yield _record(row, service, event, columns, color=color)


def _record(row: tuple[object, ...], service_width: int, event_width: int, columns: int | None, *, color: bool) -> str:
    time, service, severity, event, body, _, trace, _, attributes = row
    text = cell(severity)
    parts = [
        (_time(time), DIM),
        (pad(cut(text, 5), 5), color_of_severity(severity_number(None, text))),
        (pad(cut(cell(service), service_width), service_width), NAME),
        (pad(cut(cell(event), event_width) if event is not None else "", event_width), EVENT if event else ""),
    ]
    rest = fields(attributes)
    if event is None and body is not None:
        rest = f"{cell(body)}{_GAP}{rest}" if rest else cell(body)
    if isinstance(trace, str):
        parts.append((rest, ""))
        rest, short = "", escape(trace[:8])
    else:
        short = ""
        parts.append((rest, ""))
    used = sum(width(part) + 1 for part, _ in parts[:-1]) + (len(short) + len(_GAP) if short else 0)
    last = parts[-1][0]
    if columns is not None:
        last = cut(last, max(columns - used, 0))
    painted = [paint(part, code) if color and code and part.strip() else part for part, code in parts[:-1]]
    tail = _GAP + (paint(short, DIM) if color else short) if short else ""
    return f"{' '.join(painted)} {last}{tail}".rstrip()


def _time(value: object) -> str:
    if not isinstance(value, datetime):
        return "-" * 23
    return iso(value.replace(microsecond=value.microsecond // 1_000 * 1_000))[:-1].replace("T", " ")


def fields(attributes: object) -> str:
    """Return attributes, given as the JSON of an object, as ``key=value`` with blanks between."""
    if not isinstance(attributes, str):
        return ""
    try:
        found: object = json.loads(attributes)
    except (ValueError, RecursionError):
        return cell(attributes)
    if not isinstance(found, Mapping):
        return cell(attributes)
    pairs = cast("Mapping[str, object]", found)
    return " ".join(f"{quote_name(key)}={cell(quote(value))}" for key, value in pairs.items() if key != "eventType")
