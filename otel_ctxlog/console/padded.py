"""The padded human format: columns that grow with what was seen, up to a bound.

::

    2026-11-20T14:03:07.863Z INFO  pool   [shop/db]   connected              rows=3
    2026-11-20T14:03:07.864Z WARN  cart   [shop/cart] price from yesterday   cart.size=60
"""

from __future__ import annotations

from typing import Final
from unicodedata import combining, east_asian_width

from otel_ctxlog.console.colors import DIM, NAME, REALM, color_of_severity, paint
from otel_ctxlog.console.human import HumanFormat, Parts, TimeStyle, paint_message, tail
from otel_ctxlog.console.record import ConsoleRecord

__all__ = ["PaddedFormat"]

_LEVEL: Final = 5
_MOST_LEVEL: Final = 8


class PaddedFormat:
    """The human format with its columns padded to the widest value seen so far.

    A column of which nothing was seen yet takes no room. A value wider than the column may get sticks out, and moves
    the rest of its own line only.

    Args:
        time: as for `HumanFormat`.
        local: as for `HumanFormat`.
        keep: as for `HumanFormat`.
        trace: as for `HumanFormat`.
        most_name: how many columns the names may take.
        most_realm: how many columns the realms may take, brackets included.
        most_message: how many columns the messages may take.

    Raises:
        ValueError: an argument is not allowed.
    """

    __slots__ = ("_label", "_message", "_most", "_name", "_realm", "_style")

    def __init__(
        self,
        *,
        time: TimeStyle = "iso",
        local: bool = False,
        keep: bool = False,
        trace: int = 8,
        most_name: int = 30,
        most_realm: int = 30,
        most_message: int = 50,
    ) -> None:
        self._style = HumanFormat(time=time, local=local, keep=keep, trace=trace)
        for what, most in (("most_name", most_name), ("most_realm", most_realm), ("most_message", most_message)):
            if type(most) is not int or most < 0:
                raise ValueError(f"{what} is {most!r}, allowed: an int from 0")
        self._most = (most_name, most_realm, most_message)
        self._label = _LEVEL
        self._name = self._realm = self._message = 0

    def __repr__(self) -> str:
        style = self._style
        most_name, most_realm, most_message = self._most
        return (
            f"PaddedFormat(time={style.time!r}, local={style.local}, keep={style.keep}, trace={style.trace}, "
            f"{most_name=}, {most_realm=}, {most_message=})"
        )

    def format(self, record: ConsoleRecord, *, color: bool = False) -> str:
        r"""Return the lines of one record, the last ended by ``\n``; never raises."""
        parts = Parts(self._style, record)
        realm = f"[{parts.realm}]" if parts.realm else ""
        # Two threads may grow a column at the same time, and the narrower win: then it grows with the next record.
        label_width, name_width = _width(parts.label), _width(parts.name)
        realm_width, message_width = _width(realm), _width(parts.message)
        self._label = label = _grown(self._label, label_width, _MOST_LEVEL)
        self._name = name = _grown(self._name, name_width, self._most[0])
        self._realm = middle = _grown(self._realm, realm_width, self._most[1])
        self._message = message = _grown(self._message, message_width, self._most[2])

        cells: list[str] = []
        if parts.time:
            cells.append(paint(parts.time, DIM) if color else parts.time)
        cells.append(
            (paint(parts.label, color_of_severity(record.severity)) if color else parts.label)
            + " " * (label - label_width)
        )
        if name or parts.name:
            cells.append((paint(parts.name, NAME) if color and parts.name else parts.name) + " " * (name - name_width))
        if middle or realm:
            cells.append((paint(realm, REALM) if color and realm else realm) + " " * (middle - realm_width))
        cells.append(
            (paint_message(parts.message, record) if color else parts.message) + " " * (message - message_width)
        )
        end = tail(self._style, record, parts.left_out, color=color)
        line = " ".join(cells)
        return (line.rstrip(" ") if end.startswith("\n") else line) + end


def _grown(width: int, seen: int, most: int) -> int:
    return seen if width < seen <= most else width


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes: East Asian wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(character) else 1 + (east_asian_width(character) in "WF") for character in text)
