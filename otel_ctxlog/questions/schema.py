"""What can be asked about: the views and their columns, and the attributes of the records at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_ctxlog.questions.asking import Question
from otel_ctxlog.questions.database import VIEWS
from otel_ctxlog.questions.table import table
from otel_ctxlog.questions.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_ctxlog.questions.database import Database
    from otel_ctxlog.questions.rows import Found

__all__ = ["Schema", "attributes", "views"]

_ABOUT = {
    "logs": "every log record, events among them",
    "events": "the log records that have an event type; the same columns as logs",
    "spans": "every span",
}


class Schema(Question):
    """Which attributes there are."""

    def wanted(self, database: Database) -> Wanted:  # noqa: ARG002
        """Return that names are wanted, and no rows are kept."""
        return Wanted(events=True, plain=True, spans=True, filters=self.records.filters, names=True)


def views(*, columns: int | None = None, color: bool = False) -> Iterator[str]:
    """Give the lines that describe the views."""
    for view, about in _ABOUT.items():
        yield f"{view}: {about}"
        if view != "events":
            rows = [(f"  {name}", kind, what) for name, kind, what, _ in VIEWS[view]]
            yield from table(("  column", "type", "what it is"), rows, columns=columns, color=color)
        yield ""
    yield 'Each attribute is a column, too, by its name: tenant, http.route, "order.id".'


def attributes(found: Found, *, columns: int | None = None, color: bool = False) -> Iterator[str]:
    """Give the lines of a table of the attributes: where they are, how often, and of which kinds."""
    kinds: dict[tuple[str, str], dict[str, int]] = {}
    for (name, kind, view), count in found.uses.items():
        kinds.setdefault((view, name), {})[kind] = count
    rows = [
        (view, name, sum(counts.values()), ", ".join(sorted(counts, key=lambda kind: (-counts[kind], kind))))
        for (view, name), counts in sorted(kinds.items())
    ]
    yield from table(("in", "attribute", "records", "kinds"), rows, columns=columns, color=color)
