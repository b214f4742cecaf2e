"""What comes of sending a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["ACCEPTED", "Answer", "Outcome"]

Outcome = Literal["accepted", "retry", "refused", "misdirected", "too_large", "busy", "failed"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver, or the way to it, has made of a request.

    Attributes:
        outcome: ``accepted``; ``retry``: not now, try again; ``refused``: never, its content is wrong;
            ``misdirected``: never, the credentials or the address are wrong, so that the same request may be taken once
            they are right; ``too_large``: never in one piece; ``busy``: not now, and perhaps not in one piece;
            ``failed``: given up by an exporter that has its own way of trying again.
        reason: why, for a diagnostic; empty if it was accepted and nothing was said.
        rejected: how many records of an accepted request the receiver has not taken (OTLP, partial success).
        wait: how many seconds the receiver wants to be left alone; None if it did not say.
    """

    outcome: Outcome
    reason: str = ""
    rejected: int = 0
    wait: float | None = None


ACCEPTED: Final = Answer("accepted")
"""Everything was taken."""
