"""What a check of a configuration has found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_ctxlog.engine.frozen import Frozen, put

if TYPE_CHECKING:
    from otel_ctxlog.config.places import Place
    from otel_ctxlog.errors import ConfigError

__all__ = ["CODES", "Finding"]

CODES: Final = {
    "error": "it cannot be loaded",
    "contradiction": "conditions of one rule that never hold together",
    "replaced": "a later rule with the same conditions takes its place",
    "unreachable": "a rule that is asked before it always decides",
    "unknown-realm": "no such realm is defined",
    "unknown-tag": "no such tag is defined",
    "no-source": "a condition about something that the service does not look at",
    "expired": "the rule has ended already",
    "unfinished": "there are too many rules to compare all of them",
}
"""What findings are about; all but the first are warnings."""


class Finding(Frozen):
    """One mistake.

    Attributes:
        code: one of `CODES`; ``error`` is an error, all else are warnings.
        problem: what is wrong, in words.
        file: the name of the file, or of the text; None where unknown.
        line: the line, from 1; None where unknown.
        column: the column, from 1; None where unknown.
        path: the place in the structure, like ``rules[1].rule.level``; empty for the whole document.
    """

    __slots__ = ("code", "column", "file", "line", "path", "problem")
    __match_args__ = ("code", "problem", "file", "line", "column", "path")

    code: str
    problem: str
    file: str | None
    line: int | None
    column: int | None
    path: str

    def __init__(
        self,
        code: str,
        problem: str,
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
        path: str = "",
    ) -> None:
        put(self, "code", code)
        put(self, "problem", problem)
        put(self, "file", file)
        put(self, "line", line)
        put(self, "column", column)
        put(self, "path", path)

    @classmethod
    def of_error(cls, error: ConfigError) -> Finding:
        """The finding that an error is."""
        return cls("error", error.problem, error.file, error.line, error.column, error.path)

    @classmethod
    def at(cls, place: Place, code: str, problem: str) -> Finding:
        """A finding at a place."""
        mark = place.mark
        line, column = (None, None) if mark is None else (mark.line, mark.column)
        return cls(code, problem, place.marks.origin.file, line, column, place.path)

    def in_file(self, name: str) -> Finding:
        """The same finding, of a file of that name."""
        return Finding(self.code, self.problem, name, self.line, self.column, self.path)

    @property
    def is_error(self) -> bool:
        """Whether the configuration cannot be loaded for it."""
        return self.code == "error"

    def __str__(self) -> str:
        place = "" if self.line is None else f"{self.line}:{self.column or 1}: "
        if self.file is not None:
            place = f"{self.file}:{place or ' '}"
        kind = "error" if self.is_error else "warning"
        path = f"{self.path}: " if self.path else ""
        code = "" if self.is_error else f" [{self.code}]"
        first, line_break, more = self.problem.partition("\n")
        return f"{place}{kind}: {path}{first}{code}{line_break}{more}"
