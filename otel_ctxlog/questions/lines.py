"""The lines of files and of standard input, plain or compressed, as chunks that know their place.

What is read is never more than a chunk and one line ahead. A line longer than 64 MiB, damaged compressed data, and what
follows them in the file are reported as broken lines.
"""

from __future__ import annotations

import glob
import io
import os
import stat
import sys
import zlib
from typing import TYPE_CHECKING, Final, Protocol, cast

from otel_ctxlog.errors import MissingExtraError
from otel_ctxlog.questions.problem import QuestionError
from otel_ctxlog.questions.rows import Broken, Chunk, Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import zstandard

__all__ = ["LONGEST_LINE", "Sources", "expand"]

LONGEST_LINE: Final = 64 << 20
"""Longer lines are not kept in memory, and count as broken."""

STDIN: Final = "-"
_CHUNK: Final = 8 << 20
_PIECE: Final = 1 << 20
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_MOST_PADDING: Final = 1 << 20
# Names of which each process has its own.
_OWN: Final = ("/dev/fd/", "/dev/std", "/proc/")
# Zstd makes up to 16 MiB of so little.
_ZSTD_PIECE: Final = 512


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _DamagedError(Exception):
    """Compressed data that cannot be read any further."""


def expand(names: Sequence[str]) -> list[str]:
    """Return the files that names stand for, each once: patterns become what matches them, in order, ``-`` stays.

    Raises:
        QuestionError: nothing matches a pattern.
    """
    files: list[str] = []
    for name in names:
        if name == STDIN or os.path.exists(name) or not glob.has_magic(name):  # noqa: PTH110 - the name as given
            files.append(name)
            continue
        found = sorted(glob.glob(name, recursive=True))  # noqa: PTH207 - the names as the pattern spells them
        if not found:
            raise QuestionError(f"no file matches {name!r}")
        files.extend(found)
    # Under whatever name: nothing counts twice.
    once: dict[str, str] = {}
    for name in files:
        once.setdefault(name if name == STDIN else os.path.realpath(name), name)
    return list(once.values())


class Sources:
    """Files, one after the other.

    Attributes:
        total: the bytes of all files as they lie on disk, or None where standard input or a pipe is among them.
        position: how many of them were read.

    Raises:
        OSError: a file is not there, is a directory, or may not be read.
    """

    def __init__(self, names: Sequence[str], *, chunk_size: int = _CHUNK) -> None:
        self._names = tuple(names)
        self._chunk_size = chunk_size
        self.position = 0
        total: int | None = 0
        for name in names:
            size = _size(name)
            total = None if total is None or size is None else total + size
        self.total = total

    def chunks(self) -> Iterator[Chunk | Broken]:
        """Read everything once: chunks of whole lines, and what could not be read.

        Raises:
            OSError: a file cannot be read.
            MissingExtraError: a file is compressed by zstd, and nothing here can read that.
        """
        for name in self._names:
            if name == STDIN:
                if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison]
                    raise OSError("standard input is closed")
                yield from self._chunks_of(STDIN, sys.stdin.buffer)
            else:
                with open(name, "rb") as file:  # noqa: PTH123 - errors show the name as given
                    yield from self._chunks_of(name, file)

    def _chunks_of(self, name: str, file: _Readable) -> Iterator[Chunk | Broken]:
        counted = _Counted(file, self, self.position)
        first = counted.peek(4)
        identity = _identity(file) if name != STDIN and not name.startswith(_OWN) else None
        uncompressed = _uncompressed(counted, first)
        if uncompressed is not None:
            identity = None
        rest, line, start, skipping = b"", 1, 0, False

        def chunk(data: bytes, *, unfinished: bool = False) -> Chunk:
            place = Place(name, identity, start, len(data)) if identity is not None else None
            return Chunk(name, line, data, unfinished=unfinished, place=place)

        try:
            for piece in uncompressed or _pieces(counted, min(4 * _PIECE, self._chunk_size)):
                data = rest + piece if rest else piece
                if skipping:
                    at = data.find(b"\n") + 1 or len(data)
                    skipping = not data.endswith(b"\n", 0, at)
                    data, start, line = data[at:], start + at, line + (not skipping)
                if len(data) < self._chunk_size:
                    rest = data
                    continue
                end = data.rfind(b"\n") + 1
                if end:
                    yield chunk(data[:end])
                    line, start = line + data.count(b"\n"), start + end
                rest = data[end:]
                if len(rest) > LONGEST_LINE:
                    yield Broken(name, line, f"longer than {LONGEST_LINE >> 20} MiB")
                    rest, start, skipping = b"", start + len(rest), True
        except _DamagedError as damage:
            whole = rest[: rest.rfind(b"\n") + 1]
            if whole:
                yield chunk(whole)
            yield Broken(name, line + whole.count(b"\n"), f"{damage}; the rest of the file is left out")
            return
        if rest:
            yield chunk(rest, unfinished=not rest.endswith(b"\n"))


def _identity(file: _Readable) -> tuple[int, int] | None:
    """What tells a plain file from others; None for what can be read once only."""
    if not isinstance(file, io.BufferedReader):
        return None
    found = os.fstat(file.fileno())
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None


class _Counted:
    """A file that tells how far it was read."""

    def __init__(self, file: _Readable, sources: Sources, start: int) -> None:
        self._file = file
        self._sources = sources
        self._position = start
        self._first = b""
        self._ended = False

    def peek(self, size: int) -> bytes:
        """The first bytes, which `read` gives once more."""
        self._first = self._read(size)
        return self._first

    def read(self, size: int, /) -> bytes:
        first, self._first = self._first, b""
        data = first + self._read(size - len(first)) if first else self._read(size)
        self._position += len(data)
        self._sources.position = self._position
        return data

    def _read(self, size: int) -> bytes:
        """Less than wanted is the end. It is not asked for again: a terminal would want another Ctrl-D."""
        data = b"" if self._ended else self._file.read(size)
        self._ended = len(data) < size
        return data


def _size(name: str) -> int | None:
    if name == STDIN:
        return None
    found = os.stat(name)  # noqa: PTH116 - errors show the name as given
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(21, "is a directory, expected a file", name)
    if not os.access(name, os.R_OK):
        raise PermissionError(13, "may not be read", name)
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _uncompressed(file: _Readable, first: bytes) -> Iterator[bytes] | None:
    """The content in pieces, uncompressed, if its first bytes say that it is compressed."""
    if first.startswith(_GZIP):
        return _gunzipped(file)
    return _unzstd(file) if first == _ZSTD else None


def _pieces(file: _Readable, size: int) -> Iterator[bytes]:
    while piece := file.read(size):
        yield piece


def _gunzipped(file: _Readable) -> Iterator[bytes]:
    """Gzip, member after member.

    Not `gzip.GzipFile`: of data that end early it loses what came with the last read, and a file that is still being
    written to is such data.
    """
    data = file.read(_PIECE)
    while data:
        inflating = zlib.decompressobj(wbits=31)
        ended = False
        while not ended:
            try:
                # Bounded, so that a little data cannot become a lot of memory.
                piece = inflating.decompress(data, 4 * _PIECE)
            except zlib.error as error:
                raise _DamagedError(f"the gzip data are damaged ({error})") from None
            if piece:
                yield piece
            ended = inflating.eof
            if not ended:
                rest = inflating.unconsumed_tail or file.read(_PIECE)
                # Without more to read, what is inside may still come out.
                if not rest and not piece:
                    raise _DamagedError("the gzip data end early")
                data = rest
        data = _after_padding(inflating.unused_data or file.read(_PIECE), file)


def _after_padding(data: bytes, file: _Readable) -> bytes:
    """What follows a member of gzip, without the zeros that may stand between."""
    padding = 0
    while data and not data.lstrip(b"\0"):
        padding += len(data)
        if padding > _MOST_PADDING:
            return b""
        data = file.read(_PIECE)
    return data.lstrip(b"\0")


def _unzstd(file: _Readable) -> Iterator[bytes]:
    if sys.version_info >= (3, 14):
        from compression import zstd

        reader = zstd.ZstdFile(cast("io.BytesIO", file))
        try:
            while piece := reader.read(_PIECE):
                yield piece
        except (zstd.ZstdError, EOFError) as error:
            raise _DamagedError(f"the zstd data are damaged ({error})") from None
    else:
        try:
            import zstandard
        except ImportError:
            raise MissingExtraError("reading files compressed by zstd", "events") from None
        yield from _frames(file, zstandard.ZstdDecompressor(), zstandard.ZstdError)


def _frames(file: _Readable, zstd: zstandard.ZstdDecompressor, failure: type[Exception]) -> Iterator[bytes]:
    """Zstd, frame after frame, in pieces of about a MiB.

    Not its `stream_reader`, which takes data that end early for a good end.
    """
    inflating, begun, damage = zstd.decompressobj(), False, ""
    parts: list[bytes] = []
    size = 0
    while not damage and (data := file.read(_ZSTD_PIECE)):
        while data:
            try:
                parts.append(inflating.decompress(data))
            except failure as error:
                damage = f"the zstd data are damaged ({error})"
                break
            size += len(parts[-1])
            begun, data = not inflating.eof, b""
            if not begun:
                data, inflating = inflating.unused_data, zstd.decompressobj()
        if size >= _PIECE:
            yield b"".join(parts)
            parts, size = [], 0
    if size:
        yield b"".join(parts)
    if damage or begun:
        raise _DamagedError(damage or "the zstd data end early")
