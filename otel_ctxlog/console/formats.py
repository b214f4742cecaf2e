"""What a console format is, and the names of the built-in ones."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, Literal, Protocol, TypeAlias, runtime_checkable

from otel_ctxlog.console.choosing import choose
from otel_ctxlog.console.human import HumanFormat
from otel_ctxlog.console.json_lines import JsonLinesFormat
from otel_ctxlog.console.padded import PaddedFormat
from otel_ctxlog.console.record import ConsoleRecord

__all__ = ["ConsoleFormat", "FormatName", "as_format"]

FormatName: TypeAlias = Literal["human", "padded", "json"]


@runtime_checkable
class ConsoleFormat(Protocol):
    """Makes the text of a record; safe from many threads."""

    def format(self, record: ConsoleRecord, *, color: bool = False) -> str:
        r"""Return the text of one record, ended by ``\n``; never raises.

        Args:
            record: what to show.
            color: whether ANSI colours are wanted; a format may have none.
        """
        ...


def as_format(format: object) -> ConsoleFormat:
    """Return a format: one that is given, a new one of the name, a new `HumanFormat` for None.

    Raises:
        ValueError: a name that is not ``human``, ``padded`` or ``json``.
        TypeError: anything else that has no method ``format``.
    """
    if format is None:
        format = "human"
    if isinstance(format, str):
        return _BY_NAME[choose(format, tuple(_BY_NAME), what="format")]()
    # A formatter of the standard library has a method of that name, too.
    if isinstance(format, ConsoleFormat) and not isinstance(format, (type, logging.Formatter)):
        return format
    raise TypeError(f"format is {format!r}, allowed: {', '.join(_BY_NAME)}, or an object with a method format(record)")


_BY_NAME: Final[dict[str, Callable[[], ConsoleFormat]]] = {
    "human": HumanFormat,
    "padded": PaddedFormat,
    "json": JsonLinesFormat,
}
