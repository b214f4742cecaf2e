"""How far reading is, on standard error while that is a terminal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing import TextIO

__all__ = ["Progress"]

_EVERY: Final = 0.1
_AFTER: Final = 0.3
_BAR: Final = 24
_PARTS: Final = " ▏▎▍▌▋▊▉█"


class Progress:
    """A bar that is redrawn in place, and gone at the end.

    Args:
        stream: where it is drawn.
        total: the number of bytes there are, or None where nobody knows.
        shown: whether it is drawn at all.
    """

    def __init__(self, stream: TextIO, *, total: int | None, shown: bool) -> None:
        self._stream = stream
        self._total = total
        self._shown = shown
        self._began = time.monotonic()
        self._next = self._began + _AFTER
        self._drawn = False

    def show(self, position: int, records: int) -> None:
        """Show how many bytes and records were read."""
        now = time.monotonic()
        if not self._shown or now < self._next:
            return
        self._next = now + _EVERY
        self._draw(self.text(position, records, now - self._began))

    def text(self, position: int, records: int, seconds: float) -> str:
        """Return the line for so many bytes and records."""
        speed = f"{position / 1e6:,.0f} MB  {records:,} records  {position / 1e6 / max(seconds, 1e-3):,.0f} MB/s"
        if not self._total:
            return f"reading  {speed}"
        share = min(position / self._total, 1.0)
        eighths = int(share * _BAR * 8)
        bar = (_PARTS[8] * (eighths // 8) + _PARTS[eighths % 8])[:_BAR].ljust(_BAR)
        return f"reading ▕{bar}▏ {share:4.0%}  {speed}"

    def _draw(self, text: str) -> None:
        try:
            self._stream.write(f"\r\x1b[K{text}")
            self._stream.flush()
            self._drawn = True
        except (OSError, ValueError):
            self._shown = False

    def end(self) -> None:
        """Take it away."""
        if self._drawn:
            self._draw("")
            self._drawn = False
