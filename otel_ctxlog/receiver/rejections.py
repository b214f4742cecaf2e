"""What is said about refused requests: a line for each kind, and no flood of them."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from otel_ctxlog.console.text import escape
from otel_ctxlog.receiver.text import shorten

if TYPE_CHECKING:
    from typing import TextIO

_PAUSE_SECONDS = 10.0
# Paths are the sender's: beyond this many kinds, all others are one.
_MAX_KINDS = 32
_MAX_TEXT = 300


class Rejections:
    """Counts refused requests, and writes a line about the first of each kind, then one per ten seconds at most.

    A stream that cannot be written to is not used again.

    Args:
        stream: where the lines go; None for nowhere.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        # By kind: when it may be said again, and how many were not said since.
        self._kinds: dict[tuple[str, str], tuple[float, int]] = {}
        self._count = 0

    @property
    def count(self) -> int:
        """How many requests were refused."""
        return self._count

    def note(self, status: object, path: str, reason: str) -> None:
        """Count a refused request, and say so unless its kind, status and path, was said a moment ago."""
        kind = (str(status), path[:_MAX_TEXT])
        now = time.monotonic()
        with self._lock:
            self._count += 1
            if kind not in self._kinds and len(self._kinds) >= _MAX_KINDS:
                kind = ("", "")
            again, unsaid = self._kinds.get(kind, (now, 0))
            if now < again:
                self._kinds[kind] = (again, unsaid + 1)
                return
            self._kinds[kind] = (now + _PAUSE_SECONDS, 0)
            stream = self._stream
        if stream is None:
            return
        more = f" (and {unsaid} more since this was last said)" if unsaid else ""
        text = shorten(escape(f"refused: {status} {path}: {reason}"), _MAX_TEXT)
        try:
            stream.write(f"{text}{more}\n")
            stream.flush()
        except (OSError, ValueError):
            self._stream = None
