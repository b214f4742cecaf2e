"""Where console records go: a stream, or whatever a standard stream is at the moment of writing."""

from __future__ import annotations

import sys
import weakref
from typing import Literal, TextIO, TypeAlias, cast

from otel_ctxlog.console.channel import Channel, channel_of
from otel_ctxlog.console.choosing import choose
from otel_ctxlog.console.formats import ConsoleFormat
from otel_ctxlog.console.record import ConsoleRecord
from otel_ctxlog.console.text import escape_json, one_line
from otel_ctxlog.console.times import iso_time
from otel_ctxlog.engine.diagnostics import report_once

__all__ = ["Outlet", "StreamArgument", "StreamName", "ThroughOutlet"]

StreamName: TypeAlias = Literal["stderr", "stdout"]
StreamArgument: TypeAlias = TextIO | StreamName | None


class ThroughOutlet:
    """A stream that writes through an outlet: a standard stream may be redirected to it."""

    outlet: Outlet


class Outlet:
    """Writes to a stream through its channel.

    Args:
        stream: a text stream, ``"stderr"``, ``"stdout"``, or None for ``"stderr"``. A standard stream is looked up anew
            for each record, so that a redirection or a test's capture gets what is written while it lasts.
        color: colours or none; None for what environment and terminal say (see `otel_ctxlog.console.colors`).

    Raises:
        ValueError: a name that is no standard stream.
        TypeError: an object without a method ``write``.
    """

    __slots__ = ("_channel", "_color", "_known", "_name", "_stream")

    def __init__(self, stream: StreamArgument = None, *, color: bool | None = None) -> None:
        self._stream: TextIO | None = None
        self._name = ""
        if stream is None or isinstance(stream, str):
            self._name = choose("stderr" if stream is None else stream, ("stderr", "stdout"), what="stream")
        elif callable(getattr(stream, "write", None)):
            self._stream = stream
        else:
            raise TypeError(f"stream is {stream!r}, allowed: a text stream, 'stderr', 'stdout' or None")  # pyright: ignore[reportUnreachable]
        if color is not None and type(color) is not bool:
            raise TypeError(f"color is {color!r}, allowed: True, False, or None for what terminal and environment say")
        self._color = color
        # The standard stream of the last record with its channel, one reference.
        self._known: tuple[weakref.ref[TextIO], Channel] | None = None
        self._channel = None if self._stream is None else channel_of(self._stream)

    def __repr__(self) -> str:
        stream = repr(self._name) if self._stream is None else f"<{type(self._stream).__name__}>"
        return f"Outlet({stream}, color={self._color})"

    def target(self) -> tuple[TextIO, Channel] | None:
        """Return the stream of this moment and its channel, or None where there is none: ``pythonw`` has no stderr."""
        if self._stream is not None and self._channel is not None:
            return self._stream, self._channel
        current: object = getattr(sys, self._name, None)
        known = self._known
        if known is not None:
            last = known[0]()
            if last is not None and last is current:
                return last, known[1]
        # A redirection to a stream that writes through an outlet, perhaps this one: go on to where that led before.
        stream = current.outlet.beneath() if isinstance(current, ThroughOutlet) else cast("TextIO | None", current)
        if stream is None:
            return None
        channel = channel_of(stream)
        try:
            self._known = (weakref.ref(stream), channel)
        except TypeError:  # a stream of the user that cannot be weakly referenced
            self._known = None
        return stream, channel

    def beneath(self) -> TextIO | None:
        """Return the stream that was written to last, whatever a standard stream is now; no `ThroughOutlet`."""
        if self._stream is not None:
            return self._stream
        known = None if self._known is None else self._known[0]()
        return getattr(sys, f"__{self._name}__", None) if known is None else known

    def write(self, text: str, owner: object = None) -> None:
        """Write `text` at once (see `Channel.write`); never raises."""
        target = self.target()
        if target is not None:
            target[1].write(target[0], text, owner)

    def show(self, record: ConsoleRecord, style: ConsoleFormat) -> None:
        """Write one record in a format; never raises.

        A format that raises, or gives no text, is reported once, and the record is written without it.
        """
        target = self.target()
        if target is None:
            return
        stream, channel = target
        try:
            text = style.format(record, color=channel.color if self._color is None else self._color)
            if type(text) is not str:
                text = _checked(text)
        except Exception as error:  # noqa: BLE001 - whatever a format of the user does
            report_once(style, f"the console format {type(style).__name__} raised {type(error).__name__}", error=error)
            text = _bare(record)
        channel.write(stream, text if text.endswith("\n") else f"{text}\n")


def _checked(text: object) -> str:
    if isinstance(text, str):
        return text
    raise TypeError(f"a console format must give text, but gave {type(text).__name__}")


def _bare(record: ConsoleRecord) -> str:
    try:
        return f"{iso_time(record.timestamp)} {one_line(record.body)}\n"
    except Exception:  # noqa: BLE001 - a record of the user's making
        return f"{escape_json(type(record.body).__name__)}\n"
