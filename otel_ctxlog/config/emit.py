"""Plain data to YAML text that reads back equal.

Every text that YAML could take for something else is written in double quotes, on one line.
"""

from __future__ import annotations

import base64
import datetime as dt
import math
import re
from typing import TYPE_CHECKING, Final

from otel_ctxlog.config.kinds import is_dict, is_list, is_set
from otel_ctxlog.config.limits import MAX_BYTES, utf8_length
from otel_ctxlog.config.scalars import is_plain_text

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["yaml_text"]

_PLAIN: Final = re.compile(r"[A-Za-z_/][\w./-]*(?: [\w./-]+)*", re.ASCII)
# YAML reads a key of more than 1024 characters only after a question mark.
_LONGEST_SIMPLE_KEY: Final = 200
_LONGEST_PLAIN: Final = 200
# A shared text shorter than this costs no more than the alias for it.
_SHORTEST_SHARED: Final = 16
_SHORT_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_LARGEST_SHORT_ESCAPE: Final = 0xFFFF
_LARGEST_DECIMAL_BITS: Final = 10_000


def yaml_text(data: object) -> str:
    """`data` as YAML, ending with a line break.

    In block style without aliases where that stays within the limit of 1 MiB; else in flow style, in which what is
    shared in `data` is written once.
    """
    lines: list[str] = []
    size = 0
    for line in _block(data, ""):
        lines.append(line)
        size += utf8_length(line) + 1
        if size > MAX_BYTES:
            return "".join(_Flow(data).parts()) + "\n"
    return "\n".join(lines) + "\n"


def _block(data: object, indent: str) -> Iterator[str]:
    """The lines of `data`, each already indented."""
    if is_dict(data) and data:
        for key, value in data.items():
            text = _scalar(key)
            if len(text) > _LONGEST_SIMPLE_KEY:
                yield f"{indent}? {text}"
                text = ""
            yield from _block_entry(f"{indent}{text}:", value, indent + "  ")
    elif is_list(data) and data:
        for value in data:
            yield from _block_item(value, indent)
    else:
        yield indent + _scalar(data)


def _block_entry(head: str, value: object, indent: str) -> Iterator[str]:
    if (is_dict(value) or is_list(value)) and value:
        yield head
        yield from _block(value, indent)
    else:
        yield f"{head} {_scalar(value)}"


def _block_item(value: object, indent: str) -> Iterator[str]:
    """A list item begins on the line of its dash."""
    lines = _block(value, indent + "  ")
    first = next(lines)
    yield f"{indent}- {first[len(indent) + 2 :]}"
    yield from lines


class _Flow:
    """Flow style, with anchors for what occurs more than once."""

    def __init__(self, data: object) -> None:
        self._data = data
        self._shared: set[int] = set()
        self._anchors: dict[int, str] = {}
        self._find_shared(data, set())

    def _find_shared(self, data: object, seen: set[int]) -> None:
        if isinstance(data, str):
            if len(data) < _SHORTEST_SHARED:
                return
        elif not (is_dict(data) or is_list(data)):
            return
        if id(data) in seen:
            self._shared.add(id(data))
            return
        seen.add(id(data))
        if is_dict(data):
            for value in data.values():
                self._find_shared(value, seen)
        elif is_list(data):
            for value in data:
                self._find_shared(value, seen)

    def parts(self) -> Iterator[str]:
        """The pieces of the text, in order."""
        return self._write(self._data)

    def _write(self, data: object) -> Iterator[str]:
        if id(data) in self._shared:
            known = self._anchors.get(id(data))
            if known is not None:
                yield f"*{known}"
                return
            anchor = f"a{len(self._anchors)}"
            yield f"&{anchor} "
            # Known only from its end on: there are no cycles in the data.
            self._anchors[id(data)] = anchor
        if is_dict(data) and data:
            before = "{"
            for key, value in data.items():
                yield f"{before}{_flow_key(key)}: "
                yield from self._write(value)
                before = ","
            yield "}"
        elif is_list(data) and data:
            before = "["
            for value in data:
                yield before
                yield from self._write(value)
                before = ","
            yield "]"
        else:
            yield _scalar(data)


def _flow_key(key: object) -> str:
    text = _scalar(key)
    return text if len(text) <= _LONGEST_SIMPLE_KEY else f"? {text} "


def _scalar(data: object) -> str:
    if data is None:
        return "null"
    if isinstance(data, bool):
        return "true" if data else "false"
    if isinstance(data, str):
        return _text(data)
    if isinstance(data, int):
        return str(data) if data.bit_length() < _LARGEST_DECIMAL_BITS else hex(data)
    if isinstance(data, float):
        return _float(data)
    if isinstance(data, bytes):
        return f'!!binary "{base64.b64encode(data).decode("ascii")}"'
    if isinstance(data, dt.datetime):
        return f'!!timestamp "{_datetime(data).isoformat(" ")}"'
    if isinstance(data, dt.date):
        return data.isoformat()
    if is_set(data):
        # Sets have no order: sorted, so that equal configurations give equal texts.
        members = ", ".join(sorted(f"{_flow_key(member)}: null" for member in data))
        return f"!!set {{{members}}}"
    return "{}" if isinstance(data, dict) else "[]"


def _text(text: str) -> str:
    if len(text) <= _LONGEST_PLAIN and _PLAIN.fullmatch(text) and is_plain_text(text):
        return text
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    short = _SHORT_ESCAPES.get(character)
    if short is not None:
        return short
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code <= _LARGEST_SHORT_ESCAPE else f"\\U{code:08x}"


def _float(number: float) -> str:
    if math.isnan(number):
        return ".nan"
    if math.isinf(number):
        return ".inf" if number > 0 else "-.inf"
    text = repr(number)
    # YAML 1.1 wants a point in every number with an exponent.
    return text if "." in text or "e" not in text else text.replace("e", ".0e")


def _datetime(moment: dt.datetime) -> dt.datetime:
    """`moment` in a zone that YAML can say: whole minutes off UTC."""
    offset = moment.utcoffset()
    if offset is None or not (offset.seconds % 60 or offset.microseconds):
        return moment
    whole = dt.timedelta(minutes=offset // dt.timedelta(minutes=1))
    try:
        return moment.astimezone(dt.timezone(whole))
    except OverflowError:  # the first minute that there is
        return moment.astimezone(dt.timezone(whole + dt.timedelta(minutes=1)))
