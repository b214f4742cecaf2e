"""How long to wait before the next attempt."""

from __future__ import annotations

import random
from typing import Final

__all__ = ["Backoff"]

_FIRST: Final = 1.0
_LONGEST: Final = 30.0
_JITTER: Final = 0.2
# A receiver that asks for more is asked again all the same: by then somebody may have mended it.
_LONGEST_ASKED: Final = 3600.0
# One that wants to be asked again at once is, and then after this part of the usual pauses.
_LEAST_PART: Final = 0.01


class Backoff:
    """Pauses that double from 1 s to 30 s, each 20 % shorter or longer by chance, until something works.

    By chance, so that the clients of a receiver that was down do not all come back at once.
    """

    def __init__(self) -> None:
        self._failures = 0

    def failed(self, asked: float | None) -> float:
        """Return how many seconds to wait after one more failure; `asked` is what the receiver wants, None: nothing."""
        self._failures += 1
        pause: float = min(_FIRST * 2 ** min(self._failures - 1, 10), _LONGEST)
        if asked is not None:
            return min(max(pause * _LEAST_PART, asked), _LONGEST_ASKED)
        # S311: nobody gains from guessing it
        return pause * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311

    def worked(self) -> None:
        """Begin anew."""
        self._failures = 0
