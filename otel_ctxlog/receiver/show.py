"""Received records as lines for people: one record, one line, and a stack trace below it where there is one.

::

    12:08:36.123 INFO  shop-front [shop/cart] added to cart  item=42 tenant=acme  5b8efff7
    12:08:36.124 ERROR stock [shop/db] ◆ machineStopped  addr=192.168.1.1 duration=3600.0  5b8efff7

Whatever is not printable is escaped, so no text that came over the wire can move the cursor, colour the terminal or
look like a line of its own.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from datetime import datetime, timezone, tzinfo
from typing import TYPE_CHECKING

from otel_ctxlog.console.text import escape
from otel_ctxlog.receiver.text import quote, same_event, shorten

if TYPE_CHECKING:
    from typing import TextIO

    from typing_extensions import Self

    from otel_ctxlog.receiver.model import Attributes, ReceivedRecord, ReceivedSpan

EVENT_MARKER = "◆"
SPAN_MARKER = "─"

_SEVERITIES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_COLORS = {"TRACE": "2", "DEBUG": "36", "INFO": "32", "WARN": "33", "ERROR": "31", "FATAL": "1;31", "SPAN": "34"}
_DIM, _BOLD, _MAGENTA, _EVENT, _RED = "2", "1", "35", "1;36", "31"

_KINDS = ("", "", "server", "client", "producer", "consumer")
_STATUS_ERROR = 2
_MAX_BODY = 4_000
_MAX_VALUE = 1_000
_MAX_NAME = 200
_STACK_HEAD, _STACK_TAIL = 10, 40
_SHORT_TRACE = 8
_BACKSLASH = "\\"

_FILE, _LINE = "code.file.path", "code.line.number"
# Where the call is (semantic conventions, code attributes): the place at the end of the line stands for all of it.
_PLACE = frozenset({_FILE, _LINE, "code.function.name"})

# Shown in their own places.
_OWN_PLACE = frozenset(
    {"realm", "eventType", "service.name", "exception.type", "exception.message", "exception.stacktrace"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How lines look.

    Attributes:
        color: whether they have ANSI colours.
        zone: the time zone of the times; None for the local one.
    """

    color: bool = False
    zone: tzinfo | None = None

    @classmethod
    def of_stream(cls, stream: TextIO, *, color: bool | None = None) -> Self:
        """The style for a stream: coloured as said, else as the environment says, else on a terminal.

        A non-empty ``NO_COLOR`` comes before a non-empty ``FORCE_COLOR``; a terminal of type ``dumb`` has no colours.
        """
        if color is None:
            if os.environ.get("NO_COLOR"):
                color = False
            elif os.environ.get("FORCE_COLOR"):
                color = True
            else:
                color = os.environ.get("TERM") != "dumb" and _is_terminal(stream)
        return cls(color=color)

    def paint(self, text: str, code: str) -> str:
        """The text in a colour, given as the parameters of an ANSI sequence, or as it is."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.color and text else text

    def time(self, unix_nano: int) -> str:
        """``HH:MM:SS.mmm``, or as many dashes for 0."""
        if not unix_nano:
            return "--:--:--.---"
        seconds, nanos = divmod(unix_nano, 1_000_000_000)
        try:
            moment = datetime.fromtimestamp(seconds, tz=timezone.utc).astimezone(self.zone)
        except (OverflowError, OSError, ValueError):
            return "--:--:--.---"
        return f"{moment:%H:%M:%S}.{nanos // 1_000_000:03d}"


class Display:
    """A stream on which records, and spans if wanted, are shown; one write each, safe from many threads.

    What the stream's encoding lacks is escaped. A stream that fails is not used again.
    """

    def __init__(self, stream: TextIO, *, style: Style, spans: bool = False) -> None:
        self._stream = stream
        self._style = style
        self._spans = spans
        self._lock = threading.Lock()
        self.failed = False

    def record(self, record: ReceivedRecord) -> None:
        """Show a log record."""
        if not self.failed:
            self._write(format_record(record, self._style))

    def span(self, span: ReceivedSpan) -> None:
        """Show a span, if spans are shown."""
        if self._spans and not self.failed:
            self._write(format_span(span, self._style))

    def _write(self, text: str) -> None:
        with self._lock:
            try:
                encoding = getattr(self._stream, "encoding", None) or "utf-8"
                encodable = f"{text}\n".encode(encoding, "backslashreplace").decode(encoding)
                self._stream.write(encodable)
                self._stream.flush()
            except Exception:  # noqa: BLE001  (whatever a stream of the user's raises)
                self.failed = True


def format_record(record: ReceivedRecord, style: Style = Style()) -> str:
    """A log record as a line without line end, followed by indented lines if it has a stack trace."""
    severity = _severity(record)
    color = _COLORS.get(severity, _DIM)
    event = record.event_type
    parts = [
        style.paint(style.time(record.time_unix_nano or record.observed_time_unix_nano), _DIM),
        style.paint(f"{severity:<5}", color),
        style.paint(_name(record.service_name) or "-", _BOLD),
    ]
    if record.realm:
        parts.append(style.paint(f"[{_name(record.realm)}]", _MAGENTA))
    # Bridges make the realm of the name.
    if record.scope_name not in ("", record.realm, (record.realm or "").replace("/", "."), "otel_ctxlog"):
        parts.append(style.paint(f"{_name(record.scope_name)}:", _DIM))
    if event:
        parts.append(style.paint(f"{EVENT_MARKER} {_name(event)}", _EVENT))
    if record.body is not None and not (event and same_event(record.body, event, record.attributes)):
        body = record.body if isinstance(record.body, str) else quote(record.body)
        message = escape(shorten(body.rstrip("\r\n"), _MAX_BODY))
        parts.append(style.paint(message, color) if severity in ("ERROR", "FATAL") else message)
    line = " ".join(parts)
    place = _place(record.attributes)
    line += _fields(record.attributes, style, left_out=_OWN_PLACE | _PLACE if place else _OWN_PLACE)
    line += _trace(record.trace_id, style)
    if place:
        line += f"  {style.paint(place, _DIM)}"
    return line + _exception(record.attributes, style)


def format_span(span: ReceivedSpan, style: Style = Style()) -> str:
    """A span as a line without line end: when it began, its service, name, duration, kind and error."""
    parts = [
        style.paint(style.time(span.start_time_unix_nano), _DIM),
        style.paint("SPAN ", _COLORS["SPAN"]),
        style.paint(_name(span.service_name) or "-", _BOLD),
        style.paint(f"{SPAN_MARKER} {_name(span.name)}", _COLORS["SPAN"]),
        f"{span.duration_nano / 1_000_000:.1f} ms",
    ]
    kind = _KINDS[span.kind] if 0 <= span.kind < len(_KINDS) else ""
    if kind:
        parts.append(kind)
    if span.status_code == _STATUS_ERROR:
        message = escape(shorten(span.status_message, _MAX_VALUE))
        parts.append(style.paint(f"error: {message}" if message else "error", _RED))
    line = " ".join(parts)
    line += _fields(span.attributes, style)
    return line + _trace(span.trace_id, style)


def _name(text: str) -> str:
    return escape(shorten(text, _MAX_NAME))


def _severity(record: ReceivedRecord) -> str:
    if record.severity_number <= 0:
        return escape(record.severity_text.upper()[:5]) or "-"
    # Four numbers each; a number beyond the last is as bad as it gets.
    return _SEVERITIES[min((record.severity_number - 1) // 4, len(_SEVERITIES) - 1)]


def _fields(attributes: Attributes, style: Style, *, left_out: frozenset[str] = _OWN_PLACE) -> str:
    pairs = [
        f"{style.paint(shorten(quote(key), _MAX_NAME) + '=', _DIM)}{shorten(quote(value), _MAX_VALUE)}"
        for key, value in attributes.items()
        if key not in left_out
    ]
    return f"  {' '.join(pairs)}" if pairs else ""


def _place(attributes: Attributes) -> str:
    """``(pool.py:47)``, or nothing where file and line are not what the conventions say."""
    path, line = attributes.get(_FILE), attributes.get(_LINE)
    if not isinstance(path, str) or type(line) is not int:
        return ""
    return f"({_name(path.replace(_BACKSLASH, '/').rpartition('/')[2])}:{line})"


def _trace(trace_id: str, style: Style) -> str:
    return f"  {style.paint(trace_id[:_SHORT_TRACE], _DIM)}" if trace_id else ""


def _exception(attributes: Attributes, style: Style) -> str:
    kind, message, stack = (attributes.get(f"exception.{part}") for part in ("type", "message", "stacktrace"))
    lines: list[str] = []
    if isinstance(stack, str) and stack.strip():
        lines = stack.rstrip().splitlines()
        left_out = len(lines) - _STACK_HEAD - _STACK_TAIL
        if left_out > 0:
            lines[_STACK_HEAD:-_STACK_TAIL] = [f"… {left_out} more lines …"]
    elif kind is not None or message is not None:
        known = [part if isinstance(part, str) else quote(part) for part in (kind, message) if part is not None]
        lines = [": ".join(known)]
    # The bar marks what belongs to the record above, whatever the text says.
    return "".join(f"\n    {style.paint('|', _RED)} {escape(shorten(line, _MAX_VALUE))}" for line in lines)


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError, OSError):
        return False
