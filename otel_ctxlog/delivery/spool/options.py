"""The arguments of a spool, checked: a mistake is found where it is made, and not when the disk is full."""

from __future__ import annotations

import difflib
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeVar, cast, get_args

from otel_ctxlog.delivery.spool.durability import FsyncPolicy

__all__ = ["MIN_BYTES", "Options", "WhenFull", "check_count"]

WhenFull = Literal["drop_oldest", "refuse"]

MIN_BYTES: Final = 64 << 10

_MAX_SECONDS: Final = 3600.0
_SEGMENTS: Final = 16
_MAX_SEGMENT: Final = 4 << 20

C = TypeVar("C", bound=str)


@dataclass(frozen=True, slots=True)
class Options:
    """What a spool was asked for.

    Attributes:
        root: its directory, as an absolute path: programs change their working directory.
        max_bytes: limit of all segments together.
        fsync: when the device is made to take what was appended.
        fsync_interval: seconds, for ``interval``.
        when_full: what goes when it is full.
    """

    root: Path
    max_bytes: int
    fsync: FsyncPolicy
    fsync_interval: float
    when_full: WhenFull

    @classmethod
    def checked(
        cls, path: object, *, max_bytes: object, fsync: object, fsync_interval: object, when_full: object
    ) -> Options:
        """Return the options.

        Raises:
            TypeError: an argument has the wrong type.
            ValueError: it has a value that is not allowed.
        """
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(f"path of a spool is {path!r}, allowed: text or a path object")
        text = os.fspath(cast("os.PathLike[str] | str", path))
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance] - a PathLike of bytes
            raise TypeError(f"path of a spool is {text!r}, allowed: text")  # pyright: ignore[reportUnreachable]
        if not text or "\0" in text:
            raise ValueError(f"path of a spool is {text!r}, allowed: the name of a directory")
        if check_count(max_bytes, what="max_bytes") < MIN_BYTES:
            raise ValueError(f"max_bytes is {max_bytes!r}, allowed: {MIN_BYTES} (64 KiB) and more")
        return cls(
            _absolute(text),
            cast("int", max_bytes),
            _choice(fsync, cast("tuple[FsyncPolicy, ...]", get_args(FsyncPolicy)), what="fsync"),
            _seconds(fsync_interval, what="fsync_interval"),
            _choice(when_full, cast("tuple[WhenFull, ...]", get_args(WhenFull)), what="when_full"),
        )

    @property
    def segment_bytes(self) -> int:
        """Size beyond which a segment is not continued: what a full spool drops at once."""
        return min(_MAX_SEGMENT, self.max_bytes // _SEGMENTS)


def _absolute(text: str) -> Path:
    try:
        # Not `resolve`, which follows links: those may change.
        return Path(text).absolute()
    except OSError:
        # The working directory is gone.
        return Path(text)


def check_count(value: object, *, what: str) -> int:
    """Return a whole number above 0.

    Raises:
        TypeError: it is no whole number.
        ValueError: it is too small.
    """
    if type(value) is not int:
        raise TypeError(f"{what} is {value!r}, allowed: a whole number above 0")
    if value <= 0:
        raise ValueError(f"{what} is {value!r}, allowed: a whole number above 0")
    return value


def _seconds(value: object, *, what: str) -> float:
    if type(value) is not int and type(value) is not float:
        raise TypeError(f"{what} is {value!r}, allowed: a number of seconds")
    if not 0 < value <= _MAX_SECONDS or math.isnan(value):
        raise ValueError(f"{what} is {value!r}, allowed: more than 0 and up to {_MAX_SECONDS:.0f} seconds")
    return float(value)


def _choice(value: object, allowed: tuple[C, ...], *, what: str) -> C:
    for choice in allowed:
        if value == choice:
            return choice
    text = f"{what} is {value!r}, allowed: {', '.join(map(repr, allowed))}"
    if not isinstance(value, str):
        raise TypeError(text)
    near = difflib.get_close_matches(value, allowed, n=1)
    raise ValueError(text + (f"; did you mean {near[0]!r}?" if near else ""))
