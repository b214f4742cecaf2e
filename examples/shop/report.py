"""What the demo prints: records as they come, and the summary."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections import Counter
from typing import TYPE_CHECKING

from expectations import SEVERITIES, severity, tenant

from otel_ctxlog.receiver import ReceivedRecord, ReceivedSpan, format_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from expectations import Check

    from otel_ctxlog.receiver import AttributeValue, Style

__all__ = ["Report"]

_BOLD, _DIM, _GREEN, _RED = "1", "2", "32", "1;31"
_COLORS = {"TRACE": "35", "DEBUG": "36", "INFO": "32", "WARN": "33", "ERROR": "31", "FATAL": "1;31"}
_SHOWN = SEVERITIES[:5]
_ESCAPE = re.compile(r"(\x1b\[[0-9;]*m)")
_KINDS = ("", "", " (server)", " (client)", "", "")


class Report:
    """Prints to standard output, in the width of the terminal.

    Args:
        style: colours or none.
    """

    def __init__(self, style: Style) -> None:
        self._style = style
        self._width = shutil.get_terminal_size((120, 24)).columns

    def say(self, text: str = "") -> None:
        """Print a line, cut to the width."""
        print(_cut(text, self._width), flush=True)

    def title(self, text: str) -> None:
        """Print a heading."""
        self.say()
        self.say(self._style.paint(text, _BOLD))

    def record(self, record: ReceivedRecord) -> None:
        """Print a record as ``otel-ctxlog receive`` shows it."""
        for line in format_record(record, self._style).splitlines():
            self.say(f"    {line}")

    def by_tenant(self, everything: Sequence[ReceivedRecord], passed: Sequence[ReceivedRecord]) -> None:
        """Print how many log records of each tenant and severity passed, of how many; events are left out."""
        before, after = (
            Counter((tenant(r), severity(r)) for r in records if not r.event_type) for records in (everything, passed)
        )
        self.say("  " + f"{'tenant':<10}" + "".join(f"{name:>12}" for name in _SHOWN))
        for who in sorted({who for who, _ in before | after}):
            cells = (self._share(after[who, name], before[who, name], _COLORS[name]) for name in _SHOWN)
            self.say("  " + f"{who:<10}" + "".join(cells))

    def by_type(self, everything: Sequence[ReceivedRecord], passed: Sequence[ReceivedRecord]) -> None:
        """Print how many events of each type passed, of how many."""
        before, after = (
            Counter(record.event_type for record in records if record.event_type) for records in (everything, passed)
        )
        for name, count in sorted((before | after).items()):
            remark = "" if after[name] else self._style.paint("   silenced by a rule", _DIM)
            self.say(f"  {name:<14}{self._share(after[name], count, _GREEN)}{remark}")

    def trace(self, spans: Sequence[ReceivedSpan], records: Sequence[ReceivedRecord]) -> None:
        """Print the spans of one trace as a tree, and in each its records, in order of time."""
        start = min(span.start_time_unix_nano for span in spans)
        for depth, item in _tree(spans, records):
            if isinstance(item, ReceivedSpan):
                moment = item.start_time_unix_nano
                text = self._style.paint(f"┌ {item.name}{_KINDS[item.kind]}, {item.duration_nano / 1e6:.1f} ms", _DIM)
            else:
                moment, text = item.time_unix_nano, self._logged(item)
            offset = self._style.paint(f"{(moment - start) / 1e6:+8.1f} ms", _DIM)
            indent = self._style.paint("│ " * depth, _DIM)
            self.say(f"{offset}  {item.service_name:<10} {indent}{text}")

    def reasons(self, text: str) -> None:
        """Print an explanation, wrapped."""
        for line in text.splitlines():
            indent = "  " + " " * (len(line) - len(line.lstrip()))
            for part in textwrap.wrap(line.strip(), self._width - len(indent), subsequent_indent="    "):
                self.say(indent + part)

    def checks(self, checks: Sequence[Check]) -> None:
        """Print expectations with a mark each."""
        for item in checks:
            mark = self._style.paint("✓", _GREEN) if item.holds else self._style.paint("✗", _RED)
            self.say(f"  {mark} {item.text}")

    def _share(self, count: int, of: int, color: str) -> str:
        """Return ``3 of 12`` in a cell; without colour where nothing passed."""
        if not of:
            return f"{'·':>12}"
        cell = f"{count} of {of}".rjust(12)
        return self._style.paint(cell, color if count else _DIM)

    def _logged(self, record: ReceivedRecord) -> str:
        name = severity(record)
        what = f"◆ {record.event_type}" if record.event_type else _text(record.body)
        fields = [f"{key}={_text(value)}" for key, value in record.attributes.items() if key not in _ELSEWHERE]
        parts = [self._style.paint(f"{name:<5}", _COLORS[name]), f"[{record.realm}]", what]
        return " ".join([*parts, *(self._style.paint(field, _DIM) for field in fields)])


# What the heading of the trace or the line itself says already.
_ELSEWHERE = frozenset({"realm", "eventType", "tenant", "order"})


def _text(value: AttributeValue) -> str:
    return value if isinstance(value, str) else repr(value)


def _tree(
    spans: Sequence[ReceivedSpan], records: Sequence[ReceivedRecord]
) -> Iterator[tuple[int, ReceivedSpan | ReceivedRecord]]:
    """Yield spans and records with their depth, depth first; a span whose parent is not there is a root."""
    known = {span.span_id for span in spans}
    children: dict[str, list[ReceivedSpan | ReceivedRecord]] = {}
    for span in spans:
        children.setdefault(span.parent_span_id if span.parent_span_id in known else "", []).append(span)
    for record in records:
        children.setdefault(record.span_id if record.span_id in known else "", []).append(record)

    def walk(parent: str, depth: int) -> Iterator[tuple[int, ReceivedSpan | ReceivedRecord]]:
        for item in sorted(children.get(parent, ()), key=_moment):
            yield depth, item
            if isinstance(item, ReceivedSpan):
                yield from walk(item.span_id, depth + 1)

    return walk("", 0)


def _moment(item: ReceivedSpan | ReceivedRecord) -> int:
    return item.start_time_unix_nano if isinstance(item, ReceivedSpan) else item.time_unix_nano


def _cut(text: str, width: int) -> str:
    """Return `text` with at most `width` visible characters; escape sequences take no room."""
    parts: list[str] = []
    room = width
    for part in _ESCAPE.split(text):
        if _ESCAPE.fullmatch(part):
            parts.append(part)
        elif len(part) <= room:
            parts.append(part)
            room -= len(part)
        else:
            parts.append(part[: max(0, room - 1)] + "…" * (room > 0))
            room = 0
    return "".join(parts)
