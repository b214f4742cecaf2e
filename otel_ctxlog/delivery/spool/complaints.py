"""What goes wrong is said once, and never while a lock of ours is held: handlers of the host have locks, too."""

from __future__ import annotations

import time
from collections import deque
from typing import Final

from otel_ctxlog.engine.diagnostics import emit_diagnostic

__all__ = ["Complaints"]

_PAUSE_SECONDS: Final = 60.0


class Complaints:
    """One diagnostic per topic and episode, and at most one a minute.

    Attributes:
        open: the topics whose episode goes on.
    """

    def __init__(self) -> None:
        self.open: set[str] = set()
        self._last: dict[str, float] = {}
        self._waiting: deque[str] = deque(maxlen=10)

    def note(self, topic: str, text: str) -> None:
        """Keep a text for `say`, unless its topic is open or was not long ago; takes no lock and writes nothing."""
        if topic in self.open:
            return
        self.open.add(topic)
        now = time.monotonic()
        if now - self._last.get(topic, -_PAUSE_SECONDS) >= _PAUSE_SECONDS:
            self._last[topic] = now
            self._waiting.append(text)

    def over(self, topic: str) -> None:
        """End an episode."""
        self.open.discard(topic)

    def say(self) -> None:
        """Write what is waiting; without any lock held."""
        while self._waiting:
            try:
                text = self._waiting.popleft()
            except IndexError:
                return
            emit_diagnostic(text)
