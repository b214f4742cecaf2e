"""Where a piece of a configuration stands: line and column in the text, path in the structure.

Positions are kept beside the data, not in it: factories of own types get plain dicts and lists.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from otel_ctxlog.config.wording import short
from otel_ctxlog.engine.origin import Origin as RuleOrigin
from otel_ctxlog.errors import ConfigError

__all__ = ["Mark", "Marks", "Origin", "Place", "join_path"]

_SIMPLE_KEY = re.compile(r"[\w./@-]{1,80}")


class Mark(NamedTuple):
    """A position in a text; line and column count from 1."""

    line: int
    column: int


class Entry(NamedTuple):
    """The positions of one collection: its own, those of its keys and those of its items."""

    container: object
    mark: Mark
    keys: dict[object, Mark]
    items: dict[object, Mark] | list[Mark]


@dataclass(slots=True)
class Origin:
    """The document that places belong to: its file name, and the errors it has already placed."""

    file: str | None = None
    issued: list[ConfigError] = field(default_factory=list[ConfigError])

    def of_rule(self, mark: Mark | None) -> RuleOrigin | None:
        """Where a rule that is written there comes from; None for plain data, which has no positions."""
        if self.file is not None:
            return RuleOrigin("file", self.file if mark is None else f"{self.file}:{mark.line}")
        return None if mark is None else RuleOrigin("text", f"line {mark.line}")


class Marks:
    """The positions of the collections of one document, by identity."""

    __slots__ = ("_entries", "origin")

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        # The entry holds its container, so an identity cannot be taken over by another object.
        self._entries: dict[int, Entry] = {}

    def add(
        self, container: object, *, mark: Mark, keys: dict[object, Mark], items: dict[object, Mark] | list[Mark]
    ) -> None:
        """Keep the positions of `container`."""
        self._entries[id(container)] = Entry(container, mark, keys, items)

    def entry(self, container: object) -> Entry | None:
        """The positions of `container`, None where unknown."""
        return self._entries.get(id(container))

    def copy_entry(self, container: object, *, target: Marks, copied: object) -> None:
        """Give `copied`, in `target`, the positions that `container` has here."""
        entry = self.entry(container)
        if entry is not None:
            target.add(copied, mark=entry.mark, keys=entry.keys, items=entry.items)


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a document, able to make the error that names it."""

    marks: Marks
    path: str = ""
    mark: Mark | None = None

    def item(self, container: object, key: object) -> Place:
        """The place of an item of the collection that stands here."""
        entry = self.marks.entry(container)
        mark = self.mark
        if entry is not None:
            items = entry.items
            if isinstance(items, dict):
                mark = items.get(key, entry.mark)
            elif isinstance(key, int) and key < len(items):
                mark = items[key]
        return Place(self.marks, join_path(self.path, key), mark)

    def key(self, container: object, key: object) -> Place:
        """The place of a key of the mapping that stands here."""
        entry = self.marks.entry(container)
        mark = self.mark if entry is None else entry.keys.get(key, entry.mark)
        return Place(self.marks, join_path(self.path, key), mark)

    def error(self, problem: str) -> ConfigError:
        """The error that says `problem` of this place."""
        mark = self.mark
        error = ConfigError(
            problem,
            file=self.marks.origin.file,
            line=None if mark is None else mark.line,
            column=None if mark is None else mark.column,
            path=self.path,
        )
        self.marks.origin.issued.append(error)
        return error

    def has_issued(self, error: ConfigError) -> bool:
        """True if `error` already names a place in this document."""
        return any(error is issued for issued in self.marks.origin.issued)


def join_path(path: str, key: object) -> str:
    """`path` extended by a key or an index: ``rules[1].rule``."""
    if isinstance(key, str) and _SIMPLE_KEY.fullmatch(key):
        return f"{path}.{key}" if path else key
    return f"{path}[{short(key)}]"
