"""A target that keeps what it gets."""

from __future__ import annotations


class Kept:
    """A `LogSink` whose records are dicts."""

    def __init__(self) -> None:
        self.records: list[dict[str, object]] = []

    def __repr__(self) -> str:
        return "<Kept>"

    def enabled(self, level: int) -> bool:
        return True

    def emit(self, **record: object) -> None:
        self.records.append(record)
