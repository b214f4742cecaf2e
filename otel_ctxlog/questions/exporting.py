"""Answers for programs: CSV and JSON lines. Everything is written as it is; nothing is escaped for a terminal."""

from __future__ import annotations

import math
import re
from datetime import date, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final, cast

from msgspec import Raw, json

from otel_ctxlog.questions.cells import iso

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TextIO

    from otel_ctxlog.questions.database import Answer

__all__ = ["write_csv", "write_json_lines"]

_BATCH: Final = 1_000


def write_csv(answer: Answer, stream: TextIO) -> None:
    """Write an answer as CSV (RFC 4180, with LF): a line of names, then the rows.

    NULL is an empty field, an empty text is in quotes. Not by the module `csv`: before Python 3.11 it has no NUL.
    """
    stream.write(_csv_line([_quoted(name) for name in answer.names]))
    batch: list[str] = []
    for row in answer:
        batch.append(_csv_line([_field(value) for value in row]))
        if len(batch) == _BATCH:
            stream.write("".join(batch))
            batch.clear()
    stream.write("".join(batch))


def _csv_line(fields: list[str]) -> str:
    # A line without anything on it would be no row.
    return (",".join(fields) or '""') + "\n"


def _field(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (date, time, timedelta)):
        return _quoted(iso(value))
    if isinstance(value, (list, dict)):
        return _quoted(_ENCODER.encode(_nested(cast("object", value))).decode())
    return _quoted(value.hex() if isinstance(value, bytes) else str(value))


def _quoted(text: str) -> str:
    if text and not _SPECIAL.search(text):
        return text
    return '"' + text.replace('"', '""') + '"'


_SPECIAL: Final = re.compile(r'[",\r\n]')
_ENCODER: Final = json.Encoder(decimal_format="number", order=None)


def write_json_lines(answer: Answer, stream: TextIO) -> None:
    """Write an answer as one JSON object per line; columns of JSON are values, not text."""
    names = unique(answer.names)
    nested = [kind == "JSON" for kind in answer.types]
    batch: list[object] = []
    for row in answer:
        batch.append(
            {
                name: Raw(value.encode()) if is_json and isinstance(value, str) else _plain(value)
                for name, value, is_json in zip(names, row, nested, strict=True)
            }
        )
        if len(batch) == _BATCH:
            stream.write(_ENCODER.encode_lines(batch).decode())
            batch.clear()
    stream.write(_ENCODER.encode_lines(batch).decode())


def _plain(value: object) -> object:
    """A value as JSON has it: times as ISO 8601, NaN and the infinities as texts."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else "NaN" if math.isnan(value) else f"{'-' * (value < 0)}Infinity"
    if isinstance(value, int):
        # What goes beyond 64 bit, a sum for instance, has no number in most readers.
        return value if -(1 << 63) <= value < 1 << 64 else str(value)
    if isinstance(value, Decimal):
        return value if value.is_finite() else str(value)
    if isinstance(value, (date, time, timedelta)):
        return iso(value)
    if isinstance(value, bytes):
        return value.hex()
    return _nested(value)


def _nested(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in cast("dict[object, object]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in cast("list[object]", value)]
    return str(value)


def unique(names: Sequence[str] | Iterable[str]) -> list[str]:
    """Return names of which none comes twice: the second ``n`` is ``n_2``."""
    taken: set[str] = set()
    found: list[str] = []
    for name in names:
        candidate, number = name, 1
        while candidate in taken:
            number += 1
            candidate = f"{name}_{number}"
        taken.add(candidate)
        found.append(candidate)
    return found
