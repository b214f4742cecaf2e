"""The human format: one record, one line, and below it what needs several.

::

    2026-11-20T14:03:07.863Z INFO  pool [shop/db] connected  tenant=acme rows=3 trace=0810f624
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final, Literal

from otel_ctxlog.console.choosing import choose
from otel_ctxlog.console.colors import DIM, EVENT, NAME, REALM, color_of_severity, paint
from otel_ctxlog.console.record import SAID, ConsoleRecord, is_error, is_said, label_of
from otel_ctxlog.console.template import substituted
from otel_ctxlog.console.text import as_name, escape, one_line, quote, quote_name, same_event, shown, traceback_of
from otel_ctxlog.console.times import iso_time, short_time
from otel_ctxlog.engine.values import safe_text

__all__ = ["EVENT_MARK", "HumanFormat", "Parts", "TimeStyle"]

TimeStyle = Literal["iso", "short", "none"]
_TIMES: Final = ("iso", "short", "none")
_TRACE_DIGITS: Final = 32
EVENT_MARK: Final = "◆"
_INDENT: Final = "    "
_BACKSLASH: Final = "\\"
_NOTHING: Final[frozenset[str]] = frozenset()
_FILE: Final = "code.file.path"
_LINE: Final = "code.line.number"
# Where the call is (semantic conventions, code attributes): the place at the end of the line stands for all of it.
_PLACE: Final = frozenset({_FILE, _LINE, "code.function.name"})
# What a name looks like before its value; filled as names are seen, and not beyond this.
_MOST_KEYS: Final = 2000
_LONG_KEY: Final = 100
_keys: dict[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanFormat:
    """Time, level, name, ``[realm]``, message and fields on one line; tracebacks indented below.

    A name that is the realm, or that with dots for slashes, is left out. Where the call is (``code.file.path``,
    ``code.line.number`` and ``code.function.name``) becomes ``(pool.py:47)`` at the end of the line.

    Args:
        time: ``"iso"``: date and time with milliseconds and zone; ``"short"``: the time of day; ``"none"``.
        local: times in the zone of this machine in place of UTC.
        keep: show a field among the others although ``{{field}}`` put it into the message.
        trace: how many digits of the trace id are shown, 0 to 32.

    Raises:
        ValueError: an argument is not allowed.
    """

    time: TimeStyle = "iso"
    local: bool = False
    keep: bool = False
    trace: int = 8

    def __post_init__(self) -> None:
        choose(self.time, _TIMES, what="time")
        if type(self.trace) is not int or not 0 <= self.trace <= _TRACE_DIGITS:
            raise ValueError(f"trace is {self.trace!r}, allowed: 0 to {_TRACE_DIGITS} digits")

    def format(self, record: ConsoleRecord, *, color: bool = False) -> str:
        r"""Return the lines of one record, the last ended by ``\n``; never raises."""
        parts = Parts(self, record)
        label = f"{parts.label:<5}"
        head = f"{parts.time} " if parts.time else ""
        line = parts.message
        if color:
            head = paint(parts.time, DIM) + " " if head else ""
            label = paint(label, color_of_severity(record.severity))
            line = paint_message(line, record)
        if parts.realm:
            realm = f"[{parts.realm}]"
            line = f"{paint(realm, REALM) if color else realm} {line}"
        if parts.name:
            # Where no brackets follow, the colon says where the name ends.
            name = f"{paint(parts.name, NAME) if color else parts.name}{'' if parts.realm else ':'}"
            line = f"{name} {line}"
        return f"{head}{label} {line}".rstrip(" ") + tail(self, record, parts.left_out, color=color)


class Parts:
    """The parts of a record's line up to its message, each escaped, none coloured."""

    __slots__ = ("label", "left_out", "message", "name", "realm", "time")

    def __init__(self, style: HumanFormat, record: ConsoleRecord) -> None:
        if style.time == "iso":
            self.time = iso_time(record.timestamp, local=style.local)
        else:
            self.time = short_time(record.timestamp, local=style.local) if style.time == "short" else ""
        self.label = escape(label_of(record))
        name, realm = record.name, record.realm
        if name and realm and len(name) == len(realm) and name in (realm, realm.replace("/", ".")):
            name = ""  # bridges make one of the other
        self.name = name if not name or name.isprintable() else escape(name)
        self.realm = realm if realm and realm.isprintable() else escape(realm) if realm else ""
        self.left_out: AbstractSet[str] = _NOTHING
        event = record.event_name
        if event:
            same = same_event(record.body, event, record.attributes)
            self.message = f"{EVENT_MARK} {as_name(event)}" + ("" if same else f" {one_line(record.body)}")
        else:
            body = record.body
            if type(body) is str and "{{" in body:
                body, said = substituted(body, record.attributes)
                if not style.keep:
                    self.left_out = said
            self.message = one_line(body)


def paint_message(message: str, record: ConsoleRecord) -> str:
    """Return a message in the colour it gets: errors and events stand out."""
    if not message:
        return message
    if record.event_name:
        return paint(message, EVENT)
    return paint(message, color_of_severity(record.severity)) if is_error(record) else message


def tail(style: HumanFormat, record: ConsoleRecord, left_out: AbstractSet[str], *, color: bool) -> str:
    """Return what follows the message: fields, trace id, place, the end of the line, and tracebacks below."""
    pairs: list[str] = []
    place = _place(record) if _FILE in record.attributes else ""
    if place:
        left_out = _PLACE | left_out
    for name, value in record.attributes.items():
        if name in left_out or (name in SAID and is_said(name, value, record)):
            continue
        key = _keys.get(name) or _key(name)
        pairs.append(f"{paint(key, DIM) if color else key}{quote(value)}")
    if record.trace_id and style.trace:
        trace = f"trace={record.trace_id:032x}"[: len("trace=") + style.trace]
        pairs.append(paint(trace, DIM) if color else trace)
    if place:
        pairs.append(paint(place, DIM) if color else place)
    text = f"  {' '.join(pairs)}\n" if pairs else "\n"
    if record.exception is None and not record.stack:
        return text
    return text + _below(record, color=color)


def _key(name: str) -> str:
    key = f"{quote_name(name if type(name) is str else safe_text(name))}="
    if len(_keys) < _MOST_KEYS and len(key) < _LONG_KEY:  # names that came from outside may be long
        _keys[name] = key
    return key


def _place(record: ConsoleRecord) -> str:
    """Return ``(pool.py:47)``, or nothing where file and line are not what the conventions say."""
    path, line = record.attributes.get(_FILE), record.attributes.get(_LINE)
    if not isinstance(path, str) or type(line) is not int:
        return ""
    return f"({escape(path.replace(_BACKSLASH, '/').rpartition('/')[2])}:{shown(line)})"


def _below(record: ConsoleRecord, *, color: bool) -> str:
    lines: list[str] = []
    # Indented, whatever the text says: a line that begins at the margin is a record.
    if record.exception is not None:
        lines += [f"{_INDENT}{escape(line)}" for line in traceback_of(record.exception).split("\n")]
        if color:
            lines[-1] = paint(lines[-1], color_of_severity(record.severity))
    if record.stack:
        lines += [f"{_INDENT}{escape(line)}" for line in record.stack.rstrip("\n").split("\n")]
    return "".join([f"{line.rstrip(' ')}\n" for line in lines])
