"""From lines of OTLP JSON to flat rows: what a process that reads does, one chunk of lines after the other.

Rows go to files of JSON lines, which is what DuckDB reads fastest of all that needs no further package. Reading the
nested lines by DuckDB itself was three times slower: it takes 2,048 lines at a time, and those are a million records.
"""

from __future__ import annotations

import gc
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from msgspec import MsgspecError, Struct, json

from otel_ctxlog.delivery.uid import RECORD_UID
from otel_ctxlog.questions.otlp import (
    attributes_of,
    broken_because,
    decode,
    id_text,
    integer,
    severity_number,
    severity_text,
    span_kind,
    status_code,
    value_of,
)
from otel_ctxlog.questions.wanted import matcher

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otel_ctxlog.questions.otlp import KeyValue, LogRecord, Request, Scope, Span, Value
    from otel_ctxlog.questions.wanted import Wanted

__all__ = ["Broken", "Chunk", "Found", "LineReader", "Place", "kind_of"]

TEXT, INTEGER, DOUBLE, BOOLEAN, NESTED, NOT_FINITE = 1, 2, 4, 8, 16, 32
"""The kinds of an attribute's values; together as bits. The last is a text that stands for a number."""

_KINDS: Final = {str: TEXT, int: INTEGER, float: DOUBLE, bool: BOOLEAN, list: NESTED, dict: NESTED}
_NOT_FINITE: Final = frozenset({"NaN", "Infinity", "-Infinity"})
_MOST_BROKEN, _MOST_NAMES, _SAMPLED = 20, 10_000, 20


class LogRow(Struct, omit_defaults=True, gc=False):
    """A log record as a row; the names are short because each row repeats them."""

    t: int
    n: int = 0
    m: str | None = None
    e: str | None = None
    v: str | None = None
    b: Value = None
    c: str | None = None
    i: str | None = None
    p: str | None = None
    a: dict[str, Value] | None = None
    r: dict[str, Value] | None = None
    x: list[Value] | None = None
    u: str | None = None


class SpanRow(Struct, omit_defaults=True, gc=False):
    """A span as a row."""

    t: int
    d: int = 0
    n: str | None = None
    k: str | None = None
    s: str | None = None
    g: str | None = None
    v: str | None = None
    c: str | None = None
    i: str | None = None
    p: str | None = None
    o: str | None = None
    a: dict[str, Value] | None = None
    r: dict[str, Value] | None = None
    x: list[Value] | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some lines of one source.

    Attributes:
        source: the name of the file.
        line: the number of the first line, from 1.
        data: whole lines.
        unfinished: whether the last one may still be written to: it has no line end, and the file ends there.
        place: where `data` can be read again, where that is so.
    """

    source: str
    line: int
    data: bytes
    unfinished: bool = False
    place: Place | None = None

    def without_data(self) -> Chunk:
        """Return the same for another process, which reads the data itself if it can."""
        return self if self.place is None else replace(self, data=b"")

    def with_data(self) -> Chunk:
        """Return the same with its data.

        Raises:
            OSError: they cannot be read any more.
        """
        return self if self.place is None else replace(self, data=self.place.read())


@dataclass(frozen=True, slots=True)
class Place:
    """Bytes of a plain file.

    Attributes:
        path: the file.
        identity: its device and number, which tell whether it is still the same.
        start: where they begin.
        size: how many they are.
    """

    path: str
    identity: tuple[int, int]
    start: int
    size: int

    def read(self) -> bytes:
        """Return the bytes.

        Raises:
            OSError: there is another file by now, or a shorter one.
        """
        with open(self.path, "rb") as file:  # noqa: PTH123 - errors show the name as given
            found = os.fstat(file.fileno())
            file.seek(self.start)
            data = file.read(self.size)
        if (found.st_dev, found.st_ino) != self.identity or len(data) != self.size:
            raise OSError(None, "was replaced or shortened while it was read", self.path)
        return data


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that could not be read, or the rest of a file."""

    source: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.source}:{self.line}: {self.reason}"


@dataclass(slots=True)
class Found:
    """What a chunk holds, and, added up, what all of them do.

    Attributes:
        lines: lines read, blank ones left out.
        records: log records in them, whether kept or not.
        spans: spans in them.
        logs: rows of log records, as JSON lines.
        log_rows: their number.
        span_lines: rows of spans, as JSON lines.
        span_rows: their number.
        broken: the first lines that could not be read.
        broken_lines: the number of all of them.
        unfinished: the line that was still being written.
        log_kinds: the kinds of values of each wanted attribute in log records.
        span_kinds: the same in spans.
        names: names of attributes, as far as they were looked at.
        longest: the size of the longest row in bytes where it matters, otherwise 0.
        uses: how often each attribute has a value of each kind; by name, kind and the view where it is.
    """

    lines: int = 0
    records: int = 0
    spans: int = 0
    logs: bytes = b""
    log_rows: int = 0
    span_lines: bytes = b""
    span_rows: int = 0
    broken: list[Broken] = field(default_factory=list[Broken])
    broken_lines: int = 0
    unfinished: Broken | None = None
    log_kinds: list[int] = field(default_factory=list[int])
    span_kinds: list[int] = field(default_factory=list[int])
    longest: int = 0
    names: set[str] = field(default_factory=set[str])
    uses: dict[tuple[str, str, str], int] = field(default_factory=dict[tuple[str, str, str], int])

    def note(self, broken: Broken) -> None:
        """Count a broken line."""
        self.broken_lines += 1
        if len(self.broken) < _MOST_BROKEN:
            self.broken.append(broken)

    def add(self, other: Found) -> None:
        """Add what another chunk holds, its rows left out."""
        self.lines += other.lines
        self.records += other.records
        self.spans += other.spans
        self.log_rows += other.log_rows
        self.span_rows += other.span_rows
        self.broken_lines += other.broken_lines
        self.broken.extend(other.broken[: _MOST_BROKEN - len(self.broken)])
        self.unfinished = self.unfinished or other.unfinished
        self.log_kinds = _together(self.log_kinds, other.log_kinds)
        self.span_kinds = _together(self.span_kinds, other.span_kinds)
        if len(self.names) < _MOST_NAMES:
            self.names |= other.names
        self.add_uses(other.uses)

    def add_uses(self, uses: dict[tuple[str, str, str], int]) -> None:
        """Add how often attributes were used."""
        for use, count in uses.items():
            if use in self.uses or len(self.uses) < _MOST_NAMES:
                self.uses[use] = self.uses.get(use, 0) + count


def _together(one: list[int], other: list[int]) -> list[int]:
    return [a | b for a, b in zip(one, other, strict=True)] if one and other else one or other


def kind_of(value: Value) -> int:
    """Return the kind of a value, as a bit; 0 for None."""
    if value is None:
        return 0
    kind = _KINDS[type(value)]
    return NOT_FINITE if kind == TEXT and value in _NOT_FINITE else kind


class LineReader:
    """Reads chunks and keeps what is wanted."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        filters = wanted.filters
        self._of_type = matcher(filters.types)
        self._of_service = matcher(filters.services)
        self._since = filters.since if filters.since is not None else -1
        self._until = filters.until if filters.until is not None else 1 << 64
        self._timed = filters.since is not None or filters.until is not None
        self._encoder = json.Encoder()
        columns = wanted.columns
        self._body, self._scope = "body" in columns, "scope" in columns
        self._attributes, self._resource = "attributes" in columns, "resource" in columns
        self._trace = "trace_id" in columns or filters.trace is not None
        self._span, self._service = "span_id" in columns, "service" in columns
        self._severity = not columns.isdisjoint({"severity", "severity_number"}) or filters.severity is not None
        self._log_records = wanted.events or wanted.plain
        self._columns = frozenset(wanted.attributes)

    def read(self, chunk: Chunk) -> Found:
        """Return what a chunk holds."""
        found = Found(log_kinds=[0] * len(self._wanted.attributes), span_kinds=[0] * len(self._wanted.attributes))
        logs: list[LogRow] = []
        spans: list[SpanRow] = []
        # The values of a line form no cycles; looking for some would take a third of the time.
        collecting = gc.isenabled()
        gc.disable()
        try:
            lines = chunk.data.split(b"\n")
            for number, line in enumerate(lines, chunk.line):
                text = line.lstrip(b"\xef\xbb\xbf") if number == 1 else line
                if not text or text.isspace():
                    continue
                found.lines += 1
                before = (len(logs), len(spans), found.records, found.spans)
                kinds_before = (found.log_kinds.copy(), found.span_kinds.copy())
                uses, found.uses = found.uses, {}
                try:
                    request = decode(text)
                    self._read_logs(request, logs, found)
                    self._read_spans(request, spans, found)
                except (ValueError, MsgspecError, RecursionError) as error:
                    # Nothing of a broken line counts.
                    del logs[before[0] :], spans[before[1] :]
                    _, _, found.records, found.spans = before
                    found.log_kinds, found.span_kinds = kinds_before
                    found.uses = {}
                    broken = Broken(chunk.source, number, broken_because(error))
                    if chunk.unfinished and number == chunk.line + len(lines) - 1:
                        found.lines -= 1
                        found.unfinished = broken
                    else:
                        found.note(broken)
                of_line, found.uses = found.uses, uses
                found.add_uses(of_line)
        finally:
            if collecting:
                gc.enable()
        found.logs, found.log_rows = self._encoder.encode_lines(logs), len(logs)
        found.span_lines, found.span_rows = self._encoder.encode_lines(spans), len(spans)
        return found

    def _read_logs(self, request: Request, rows: list[LogRow], found: Found) -> None:
        for of_resource in request.resource_logs or ():
            resource = attributes_of(of_resource.resource.attributes) if of_resource.resource else {}
            service = _text(resource.get("service.name"))
            skipped = not self._log_records or not self._of_service(service)
            for of_scope in of_resource.scope_logs or ():
                records = of_scope.log_records or ()
                found.records += len(records)
                if skipped:
                    continue
                scope = of_scope.scope
                self._note_names(records, found)
                outer = self._outer(resource, scope)
                name = scope.name if scope else None
                for record in records:
                    row = self._log_row(record, outer, found)
                    if row is None:
                        continue
                    if self._service:
                        row.v = service
                    if self._scope:
                        row.c = name
                    if self._resource:
                        row.r = resource
                    if self._wanted.distinct:
                        row.u = _attribute(record.attributes, RECORD_UID)
                    rows.append(row)

    def _log_row(self, record: LogRecord, outer: dict[str, Value], found: Found) -> LogRow | None:
        """A record's row without what comes from its resource and scope; None if it does not count."""
        wanted, filters = self._wanted, self._wanted.filters
        time = integer(record.time_unix_nano) or integer(record.observed_time_unix_nano)
        if self._timed and not self._since <= time < self._until:
            return None
        event = record.event_name or _attribute(record.attributes, "eventType")
        if not (wanted.events if event else wanted.plain) or not self._of_type(event):
            return None
        row = LogRow(time, e=event)
        if self._trace:
            row.i = id_text(record.trace_id)
            if filters.trace is not None and not (row.i and row.i.startswith(filters.trace)):
                return None
        if self._severity:
            row.n = severity_number(record.severity_number, record.severity_text)
            if filters.severity is not None and row.n < filters.severity:
                return None
            row.m = severity_text(row.n, record.severity_text)
        if self._span:
            row.p = id_text(record.span_id)
        if self._body:
            row.b = value_of(record.body)
        attributes = self._attributes_of(record.attributes)
        if self._attributes:
            row.a = attributes
        if self._columns:
            row.x = self._values(attributes, outer, found.log_kinds)
        if wanted.names:
            _count(attributes, "events" if event else "logs", found)
        return row

    def _read_spans(self, request: Request, rows: list[SpanRow], found: Found) -> None:
        for of_resource in request.resource_spans or ():
            resource = attributes_of(of_resource.resource.attributes) if of_resource.resource else {}
            service = _text(resource.get("service.name"))
            skipped = not self._wanted.spans or not self._of_service(service)
            for of_scope in of_resource.scope_spans or ():
                spans = of_scope.spans or ()
                found.spans += len(spans)
                if skipped:
                    continue
                self._note_names(spans, found)
                outer = self._outer(resource, of_scope.scope)
                for span in spans:
                    row = self._span_row(span, outer, found)
                    if row is None:
                        continue
                    row.v = service
                    row.c = of_scope.scope.name if of_scope.scope else None
                    if self._resource:
                        row.r = resource
                    rows.append(row)

    def _span_row(self, span: Span, outer: dict[str, Value], found: Found) -> SpanRow | None:
        filters = self._wanted.filters
        time = integer(span.start_time_unix_nano)
        if self._timed and not self._since <= time < self._until:
            return None
        trace = id_text(span.trace_id)
        if filters.trace is not None and not (trace and trace.startswith(filters.trace)):
            return None
        row = SpanRow(
            time,
            d=max(integer(span.end_time_unix_nano) - time, 0),
            n=span.name,
            k=span_kind(span.kind),
            s=status_code(span.status),
            g=(span.status.message or None) if span.status else None,
            i=trace,
            p=id_text(span.span_id),
            o=id_text(span.parent_span_id),
        )
        attributes = self._attributes_of(span.attributes)
        if self._attributes:
            row.a = attributes
        if self._columns:
            row.x = self._values(attributes, outer, found.span_kinds)
        if self._wanted.names:
            _count(attributes, "spans", found)
        return row

    def _attributes_of(self, attributes: list[KeyValue] | None) -> dict[str, Value]:
        """The attributes that somebody looks at."""
        if not attributes:
            return {}
        if self._attributes or self._wanted.names:
            return attributes_of(attributes)
        columns = self._columns
        return {pair.key: value_of(pair.value) for pair in attributes if pair.key in columns} if columns else {}

    def _note_names(self, records: Sequence[LogRecord | Span], found: Found) -> None:
        """Which attributes there are, from a few records of each scope: for whoever mistypes a name."""
        if self._columns and len(found.names) < _MOST_NAMES:
            for record in records[:_SAMPLED]:
                found.names.update([pair.key for pair in record.attributes or ()])

    def _outer(self, resource: dict[str, Value], scope: Scope | None) -> dict[str, Value]:
        """What a record without an attribute of its own takes: the scope's, else the resource's."""
        return {**resource, **attributes_of(scope.attributes)} if scope and scope.attributes else resource

    def _values(self, attributes: dict[str, Value], outer: dict[str, Value], kinds: list[int]) -> list[Value]:
        values: list[Value] = []
        for position, name in enumerate(self._wanted.attributes):
            value = attributes.get(name)
            if value is None:
                value = outer.get(name)
            kinds[position] |= kind_of(value)
            values.append(value)
        return values


def _text(value: Value) -> str | None:
    return value if type(value) is str else None


def _attribute(attributes: list[KeyValue] | None, name: str) -> str | None:
    """The text of an attribute; None where there is none, or an empty one."""
    for pair in attributes or ():
        if pair.key == name:
            value = value_of(pair.value)
            return None if value is None or value == "" else str(value)
    return None


_KIND_NAMES: Final = {
    TEXT: "text",
    INTEGER: "integer",
    DOUBLE: "double",
    NOT_FINITE: "double",
    BOOLEAN: "boolean",
    NESTED: "nested",
}


def _count(attributes: dict[str, Value], view: str, found: Found) -> None:
    for name, value in attributes.items():
        kind = kind_of(value)
        if kind:
            use = (name, _KIND_NAMES[kind], view)
            if use in found.uses or len(found.uses) < _MOST_NAMES:
                found.uses[use] = found.uses.get(use, 0) + 1
