"""Asking: read what a question needs, then answer it. Whatever happens, nothing is left on the disk."""

from __future__ import annotations

import difflib
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from otel_ctxlog.questions.database import Database
from otel_ctxlog.questions.problem import QuestionError
from otel_ctxlog.questions.rows import BOOLEAN, DOUBLE, INTEGER, NESTED, NOT_FINITE, TEXT
from otel_ctxlog.questions.scan import scan

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

    from otel_ctxlog.questions.asking import Question
    from otel_ctxlog.questions.database import Answer
    from otel_ctxlog.questions.lines import Sources
    from otel_ctxlog.questions.rows import Found

__all__ = ["Session"]

_KINDS: Final = {
    TEXT: "text",
    INTEGER: "integers",
    DOUBLE: "doubles",
    NOT_FINITE: "NaN or infinity",
    BOOLEAN: "booleans",
    NESTED: "lists or maps",
}


class Session:
    """One question to some sources; a context manager.

    Args:
        question: what is asked.
        memory: how much memory the database may take: ``1GB``.
        jobs: how many processes may read.

    Attributes:
        database: what answers; shut after `read`.
        found: what was read.
        duplicates: how many log records were left out as their id had come before.
    """

    def __init__(self, question: Question, *, memory: str, jobs: int) -> None:
        self._question = question
        self._memory = memory
        self._jobs = jobs
        self._stack = ExitStack()
        self.found: Found | None = None
        self.duplicates = 0

    def __enter__(self) -> Self:
        """Make the folder and the database, and see whether the question is understood.

        Raises:
            QuestionError: it is not.
        """
        with ExitStack() as stack:
            # What cannot be deleted on the way out is the system's temporary files' business.
            folder = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="otel-ctxlog-events-", ignore_cleanup_errors=True)
            )
            self.folder = Path(folder)
            self.database = Database(self.folder, memory=self._memory)
            stack.callback(self.database.close)
            self._wanted = self._question.wanted(self.database)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def read(self, sources: Sources, progress: Callable[[int, int], None]) -> Found:
        """Read everything, and return what was found; `progress` gets bytes and records now and then.

        Raises:
            OSError: a source cannot be read.
        """
        self.found = found = scan(
            sources,
            self._wanted,
            folder=self.folder,
            load=self.database.load,
            jobs=self._jobs,
            progress=lambda so_far: progress(sources.position, so_far.records + so_far.spans),
        )
        if self._wanted.distinct:
            self.duplicates = self.database.drop_duplicates()
        self.database.shut(found, self._question.attributes, null_columns=self._question.null_columns)
        return found

    def sql(self) -> str:
        """Return the SELECT that answers.

        Raises:
            QuestionError: there is no sensible one.
        """
        if self.found is None:
            raise RuntimeError("read() comes first")
        return self._question.sql(self.database, self.found)

    def answer(self) -> Answer:
        """Return the answer.

        Raises:
            QuestionError: DuckDB does not take the question.
        """
        try:
            return self.database.ask(self.sql())
        except QuestionError as error:
            raise QuestionError(f"{error}{self._hints(str(error))}") from error

    def export(self) -> Path:
        """Return a Parquet file with the answer; it lives as long as the session.

        Raises:
            QuestionError: DuckDB does not take the question.
        """
        try:
            return self.database.export(self.sql(), "answer.parquet")
        except QuestionError as error:
            raise QuestionError(f"{error}{self._hints(str(error))}") from error

    def left_out(self, shown: int) -> int:
        """Return how many rows the limit has kept from an answer of which so many were shown."""
        total = self._question.total()
        if self._question.limit is None or shown < self._question.limit or total is None:
            return 0
        ((count,),) = self.database.rows(total)
        return int(str(count)) - shown

    def unknown(self) -> list[str]:
        """Return a line for each attribute that was asked for and that no record has."""
        found = self.found
        if found is None or not self._question.null_columns or not (found.log_rows or found.span_rows):
            return []
        return [
            f"no record has an attribute {name!r}{self._nearest(name)}"
            for name, kinds in zip(self._question.attributes, found.log_kinds, strict=False)
            if not kinds
        ]

    def _nearest(self, name: str) -> str:
        names = self.found.names if self.found is not None else set[str]()
        near = difflib.get_close_matches(name, sorted(names), n=1)
        return f"; did you mean {near[0]!r}?" if near else ""

    def _hints(self, reason: str) -> str:
        """What DuckDB cannot know: kinds of values, and names that are nearly right."""
        found = self.found
        if found is None:
            return ""
        hints: list[str] = []
        for position, name in enumerate(self._question.attributes):
            kinds = 0
            for of_view in (found.log_kinds, found.span_kinds):
                kinds |= of_view[position] if of_view else 0
            several = [text for bit, text in _KINDS.items() if kinds & bit]
            if kinds & TEXT and ("Conversion Error" in reason or "Cannot compare values" in reason):
                what = f"values of several kinds ({', '.join(several)}), so it is text" if len(several) > 1 else "text"
                hints.append(
                    f'attribute {name!r} has {what}: try_cast("{name}" AS DOUBLE) is NULL where it is no number'
                )
            elif not kinds and "Binder Error" in reason and f'"{name}"' in reason:
                near = self._nearest(name)
                if near:
                    hints.append(f"no record has an attribute {name!r}{near}")
        return "".join(f"\n({hint})" for hint in hints)
