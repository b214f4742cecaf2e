"""The bytes of a file that others may be changing right now."""

from __future__ import annotations

import errno
import os
import stat
from typing import Final

from otel_ctxlog.config.limits import MAX_BYTES
from otel_ctxlog.errors import ConfigError

__all__ = ["read_bytes"]

# As much as a text in UTF-16 may have, and one more that tells that there is more.
_MOST: Final = 2 * MAX_BYTES + 5
_CHUNK: Final = 1 << 16


def read_bytes(path: str, *, name: str) -> bytes:
    """The content of a regular file, cut after what no configuration may exceed.

    Opened anew each time, so that what was renamed into its place is found, also through symbolic links; never waits
    for a pipe or a device that was put there.

    Raises:
        ConfigError: there is no such file, or it cannot be read.
    """
    try:
        try:
            return _read(path)
        except OSError as error:
            if error.errno != getattr(errno, "ESTALE", None):
                raise
            # A network file system whose file was replaced between two steps: the next look finds the new one.
            return _read(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(f"the file cannot be read: {reason}", file=name) from error


def _read(path: str) -> bytes:
    flags = os.O_RDONLY
    # Never wait for a writer, never take a terminal for the process's own.
    for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, name, 0)
    descriptor = os.open(path, flags)
    try:
        kind = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(kind):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(kind):
            raise ValueError("it is no regular file")
        parts: list[bytes] = []
        missing = _MOST
        while missing > 0:
            part = os.read(descriptor, min(_CHUNK, missing))
            if not part:
                break
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)
