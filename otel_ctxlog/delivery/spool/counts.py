"""What a spool has lost, refused or could not do."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SpoolCounts"]


@dataclass(slots=True)
class SpoolCounts:
    """Counted since the spool was made, by this process; a copy, which does not change any more.

    Attributes:
        dropped: records that were removed to make room, by ``when_full="drop_oldest"``.
        dropped_bytes: the bytes that they took.
        refused: calls of `append` that found the spool full.
        failed: calls of `append` that the disk did not take, those in the pause after a failure included.
        corrupt: records that could not be read, as far as their neighbours tell. A record that was cut off at the end
            of what a killed process left counts, although `append` had not returned for it.
        corrupt_bytes: the bytes that could not be read.
        corrupt_parts: in how many stretches.
    """

    dropped: int = 0
    dropped_bytes: int = 0
    refused: int = 0
    failed: int = 0
    corrupt: int = 0
    corrupt_bytes: int = 0
    corrupt_parts: int = 0
