"""A text stream beside the records: other output on the same stream, whole lines at a time."""

from __future__ import annotations

import io
import threading
from typing import Final, TextIO

from otel_ctxlog.console.colors import is_terminal
from otel_ctxlog.console.outlet import Outlet, StreamArgument, ThroughOutlet

__all__ = ["ConsoleStream"]

# A line that never ends must not be kept for ever.
_MOST_PENDING: Final = 65_536


# Both bases, as the standard library's own streams are typed.
class ConsoleStream(ThroughOutlet, io.TextIOBase, TextIO):  # pyright: ignore[reportIncompatibleMethodOverride, reportIncompatibleVariableOverride]
    r"""A text stream whose lines stand between console records, and never in one.

    A line is kept until it is complete, for each thread its own, and is then written at once. `flush` writes what is
    unfinished, too; a record that comes next begins on a line of its own. Escape sequences pass as they are: what is
    written here is the program's own. As with records, a stream that fails raises nothing.

    `close` flushes and closes nothing: the stream belongs to others as well.

    Args:
        stream: a text stream, ``"stderr"``, ``"stdout"``, or None for ``"stderr"``, as for `ConsoleSink`.

    Raises:
        ValueError: a name that is no standard stream.
        TypeError: an object without a method ``write``.
    """

    def __init__(self, stream: StreamArgument = None, *, outlet: Outlet | None = None) -> None:
        # Before anything that may raise: the destructor flushes.
        self._pending: dict[int, str] = {}
        self._owner = object()
        self.outlet = Outlet(stream) if outlet is None else outlet
        # So that it knows where a standard stream led before it is redirected to this.
        self.outlet.target()

    def __repr__(self) -> str:
        return f"<ConsoleStream of {self.outlet!r}>"

    @property
    def encoding(self) -> str:  # type: ignore[override]
        r"""The encoding of the stream; what it lacks is written as ``\uXXXX``."""
        target = self.outlet.target()
        return str(getattr(target[0], "encoding", None) or "utf-8") if target is not None else "utf-8"

    def writable(self) -> bool:
        """Return True."""
        return True

    def isatty(self) -> bool:
        """Return whether it ends on a terminal."""
        target = self.outlet.target()
        return target is not None and is_terminal(target[0])

    def write(self, text: str, /) -> int:
        """Write the lines that are complete now, keep the rest, and return the number of characters taken.

        Raises:
            TypeError: `text` is no text.
        """
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"write() takes text, but got {type(text).__name__}")  # pyright: ignore[reportUnreachable]
        thread = threading.get_ident()
        pending = self._pending.pop(thread, "") + text if self._pending else text
        end = len(pending) if len(pending) > _MOST_PENDING else pending.rfind("\n") + 1
        if end < len(pending):
            self._pending[thread] = pending[end:]
        if end:
            self.outlet.write(pending[:end], self._owner)
        return len(text)

    def flush(self) -> None:
        """Write what this thread has left unfinished, without ending the line."""
        pending = self._pending.pop(threading.get_ident(), "")
        if pending:
            self.outlet.write(pending, self._owner)

    def close(self) -> None:
        """Write what every thread has left unfinished; the stream can be used further."""
        while self._pending:
            try:
                _thread, pending = self._pending.popitem()
            except KeyError:  # another thread has just finished its line
                return
            self.outlet.write(pending, self._owner)
