"""The way to one text stream: whole texts, one at a time, and no failure that reaches the caller.

All that this library writes to one stream goes through the one `Channel` of that stream, whoever writes. It holds the
stream's lock, knows whether a line was left unfinished, and says once that the stream fails.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from contextlib import suppress
from typing import Final, TextIO, TypeAlias

from otel_ctxlog.console.colors import wants_color
from otel_ctxlog.console.text import as_units
from otel_ctxlog.engine.diagnostics import report_once

__all__ = ["Channel", "channel_of"]

# What is written by a signal handler, a finalizer or the stream itself while its own thread is writing waits for that
# to end. It is bounded: a stream that logs whenever it is written to would never come to an end.
_MOST_WAITING: Final = 100
# How long a fork waits for a thread that is just writing, in seconds: longer only where nobody reads the pipe.
_FORK_PATIENCE: Final = 0.2


# What a stream did, and the error where it tells more.
_Failure: TypeAlias = tuple[str, Exception | None]


class Channel:
    """What is known of one stream; the stream itself is handed in, so that this keeps none alive.

    Attributes:
        color: whether records get colours, decided when the stream was first seen.
    """

    __slots__ = ("__weakref__", "_lock", "_open", "_waiting", "_writing", "color")

    def __init__(self, stream: TextIO) -> None:
        self.color = wants_color(stream)
        # An RLock: a signal handler or a finalizer may log while its thread holds it.
        self._lock = threading.RLock()
        self._writing = False
        self._waiting: deque[tuple[str, object]] = deque()
        # Who left a line unfinished.
        self._open: object = None
        _all.add(self)

    def write(self, stream: TextIO, text: str, owner: object = None) -> None:
        """Write `text` with one ``write``, and flush; never raises, but what interrupts the program.

        Args:
            stream: the stream of this channel.
            text: what to write; it should end with a line.
            owner: who may go on with a line of its own that it left unfinished; anybody else begins a new one.
        """
        with self._lock:
            if self._writing:
                if len(self._waiting) < _MOST_WAITING:
                    self._waiting.append((text, owner))
                return
            self._writing = True
            try:
                failure = self._put(stream, text, owner)
            finally:
                self._writing = False
            # Asked after the mark is gone: what comes now writes itself.
            if self._waiting:
                failure = self._catch_up(stream) or failure
        # Without the lock: what is reported may end up in a handler that waits for it.
        if failure is not None:
            problem, error = failure
            report_once(self, f"a console stream {problem}: what is written there is lost", error=error)

    def _catch_up(self, stream: TextIO) -> _Failure | None:
        failure: _Failure | None = None
        for _ in range(_MOST_WAITING):
            try:
                text, owner = self._waiting.popleft()
            except IndexError:
                return failure
            self._writing = True
            try:
                failure = self._put(stream, text, owner) or failure
            finally:
                self._writing = False
        if not self._waiting:
            return failure
        self._waiting.clear()
        return failure or ("logs whenever it is written to", None)

    def _put(self, stream: TextIO, text: str, owner: object) -> _Failure | None:
        if self._open is not None and self._open is not owner:
            text = f"\n{text}"
        try:
            if not text.isascii():
                text = _encodable(text, getattr(stream, "encoding", None))
            stream.write(text)
            self._open = None if text.endswith("\n") else owner
            stream.flush()
        except Exception as error:  # noqa: BLE001 - whatever a stream does: closed, broken pipe, full disk, no method
            # What the operating system and closed streams say needs no traceback.
            known = isinstance(error, (OSError, ValueError))
            return f"failed ({type(error).__name__}: {error})", None if known else error
        return None

    def hold(self) -> bool:
        """Take the lock for the time of a fork; return whether it could be had soon."""
        return self._lock.acquire(timeout=_FORK_PATIENCE)

    def let_go(self) -> None:
        """Give back what `hold` took."""
        self._lock.release()

    def renew(self) -> None:
        """Begin anew in a forked child: another thread of the parent may have held the lock."""
        self._lock = threading.RLock()
        self._writing = False
        self._waiting.clear()


def _encodable(text: str, encoding: object) -> str:
    r"""Return `text` with what the stream's encoding lacks as ``\uXXXX``, which JSON allows, too."""
    if not isinstance(encoding, str):
        # Streams in memory take everything, but what they keep has to be sent some day.
        encoding = "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join([character if _has(encoding, character) else as_units(character) for character in text])
    except LookupError:
        return _encodable(text, "ascii")
    return text


def _has(encoding: str, character: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeError:
        return False
    return True


_all: weakref.WeakSet[Channel] = weakref.WeakSet()
_channels: weakref.WeakKeyDictionary[object, Channel] = weakref.WeakKeyDictionary()
_lock = threading.RLock()


def channel_of(stream: TextIO) -> Channel:
    """Return the channel of a stream: the same for the same object, as far as it can be weakly referenced."""
    try:
        known = _channels.get(stream)
        if known is None:
            made = Channel(stream)
            with _lock:
                known = _channels.setdefault(stream, made)
    except TypeError:  # neither hashable nor weakly referenced: it gets one for each that writes to it
        return Channel(stream)
    return known


class _Held(threading.local):
    """The channels that this thread holds while it forks."""

    channels: list[Channel]


_held = _Held()


def _before_fork() -> None:
    # A child would inherit what a thread has put into the stream's buffer and not yet flushed, and write it again.
    _held.channels = [channel for channel in _living() if channel.hold()]


def _after_fork_in_parent() -> None:
    for channel in getattr(_held, "channels", ()):
        channel.let_go()
    _held.channels = []


def _after_fork_in_child() -> None:
    global _lock  # noqa: PLW0603
    _lock = threading.RLock()
    _held.channels = []
    for channel in _living():
        channel.renew()


def _living() -> list[Channel]:
    while True:
        with suppress(RuntimeError):  # it has grown
            return list(_all)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
