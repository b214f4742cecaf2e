"""JSON lines: each record one JSON object on one line, chosen keys first.

::

    {"time":"2026-11-20T14:03:07.863Z","level":"INFO","realm":"shop/db","message":"connected","rows":3}
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from json.encoder import encode_basestring, encode_basestring_ascii
from math import isfinite
from typing import Final, Literal, cast

from otel_ctxlog.console.choosing import choose
from otel_ctxlog.console.record import SAID, ConsoleRecord, is_said, severity_word
from otel_ctxlog.console.template import substituted
from otel_ctxlog.console.text import escape_json, json_text, same_event, shown, traceback_of
from otel_ctxlog.console.times import iso_time
from otel_ctxlog.engine.levels import TRACE
from otel_ctxlog.engine.values import INT_MAX, INT_MIN, safe_text

__all__ = ["JsonLinesFormat", "MessageStyle"]

MessageStyle = Literal["text", "template", "both"]
_MESSAGES: Final = ("text", "template", "both")
_FIRST: Final = ("time", "level", "verbosity", "logger", "realm", "event", "message")


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonLinesFormat:
    """One JSON object a line, valid whatever the record holds.

    Own keys, each only where there is something to say: ``time``, ``level``, ``verbosity`` (the number of a level finer
    than Trace), ``logger``, ``realm``, ``event``, ``message``, ``template``, ``trace_id``, ``span_id``, ``exception``
    and ``stack``. A field with such a name becomes ``fields.time``.

    Args:
        first: the keys to begin with, in this order, own keys and names of fields alike.
        order: the rest in the order ``"given"``, or ``"sorted"`` by key.
        message: what ``message`` is where it has ``{{fields}}``: ``"text"`` with their values, ``"template"`` as it was
            written; ``"both"`` adds the key ``template`` to the text.
        keep: keep a field although it was put into the message.
        local: times in the zone of this machine in place of UTC.
        ascii_only: escape everything beyond ASCII; else only what is not printable.

    Raises:
        ValueError: an argument is not allowed.
        TypeError: `first` is no collection of texts.
    """

    first: tuple[str, ...] = _FIRST
    order: Literal["given", "sorted"] = "given"
    message: MessageStyle = "text"
    keep: bool = True
    local: bool = False
    ascii_only: bool = True

    def __post_init__(self) -> None:
        choose(self.order, ("given", "sorted"), what="order")
        choose(self.message, _MESSAGES, what="message")
        object.__setattr__(self, "first", _checked(self.first))

    def format(self, record: ConsoleRecord, *, color: bool = False) -> str:  # noqa: ARG002 - JSON has no colours
        r"""Return one record as a line of JSON, ended by ``\n``; never raises."""
        table = self._table(record)
        text_of = encode_basestring_ascii if self.ascii_only else encode_basestring
        items = [(name, table.pop(name)) for name in self.first if name in table]
        items += sorted(table.items()) if self.order == "sorted" else table.items()
        pairs = [
            f"{text_of(name)}:{text_of(value) if type(value) is str else _json(value, text_of)}"
            for name, value in items
        ]
        line = f"{{{','.join(pairs)}}}"
        return f"{line if self.ascii_only else escape_json(line)}\n"

    def _table(self, record: ConsoleRecord) -> dict[str, object]:
        table: dict[str, object] = {
            "time": iso_time(record.timestamp, local=self.local),
            "level": severity_word(record),
        }
        if record.level > TRACE and table["level"] == "TRACE":
            table["verbosity"] = record.level
        if record.name:
            table["logger"] = record.name
        if record.realm:
            table["realm"] = record.realm
        left_out = self._add_message(table, record)
        if record.trace_id:
            table["trace_id"] = f"{record.trace_id:032x}"
        if record.span_id:
            table["span_id"] = f"{record.span_id:016x}"
        for name, value in record.attributes.items():
            if name in left_out or (name in SAID and is_said(name, value, record)):
                continue
            table[_free(name)] = value
        if record.exception is not None:
            table["exception"] = traceback_of(record.exception)
        if record.stack:
            table["stack"] = record.stack.rstrip("\n")
        return table

    def _add_message(self, table: dict[str, object], record: ConsoleRecord) -> Collection[str]:
        body, event = record.body, record.event_name
        if event:
            table["event"] = event
            if not same_event(body, event, record.attributes):
                table["message"] = body
            return ()
        if type(body) is not str:
            if body is not None:
                table["message"] = body
            return ()
        text, said = substituted(body, record.attributes)
        table["message"] = body if self.message == "template" else text
        if self.message == "both":
            table["template"] = body
        return () if self.keep or self.message == "template" else said


def _json(value: object, text_of: Callable[[str], str]) -> str:
    kind = type(value)
    if kind is int and not INT_MIN <= cast("int", value) <= INT_MAX:
        return text_of(safe_text(value))
    if kind is int or (kind is float and isfinite(cast("float", value))):
        return shown(value)
    return json_text(value, ascii_only=text_of is encode_basestring_ascii)


_OWN: Final = frozenset(
    {
        "time",
        "level",
        "verbosity",
        "logger",
        "realm",
        "event",
        "message",
        "template",
        "trace_id",
        "span_id",
        "exception",
        "stack",
    }
)


def _free(name: object) -> str:
    """Return the key of a field: its name, marked where an own key or a marked one could be meant."""
    key = name if type(name) is str else safe_text(name)
    if key not in _OWN and not key.startswith("fields."):
        return key
    bare = key
    while bare.startswith("fields."):
        bare = bare[len("fields.") :]
    return f"fields.{key}" if bare in _OWN else key


def _checked(first: object) -> tuple[str, ...]:
    if isinstance(first, (str, Mapping)) or not isinstance(first, Iterable):
        raise TypeError(f"first is {first!r}, allowed: a tuple of keys, such as ('time', 'level', 'message')")
    keys = tuple(cast("Iterable[object]", first))
    for key in keys:
        if not isinstance(key, str):
            raise TypeError(f"first has {key!r}, allowed: texts")
    return tuple(dict.fromkeys(cast("tuple[str, ...]", keys)))
