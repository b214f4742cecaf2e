"""An answer on a stream, in the format wanted."""

from __future__ import annotations

import io
import shutil
from typing import TYPE_CHECKING, Final

from otel_ctxlog.console.colors import wants_color
from otel_ctxlog.questions.exporting import write_csv, write_json_lines
from otel_ctxlog.questions.table import listing, table
from otel_ctxlog.questions.timeline import label_widths, plot, sparklines, step_for
from otel_ctxlog.questions.trace_tree import tree

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

    from otel_ctxlog.questions.asking import Timeline
    from otel_ctxlog.questions.session import Session

__all__ = ["FORMATS", "Screen", "show_list", "show_plain", "show_table", "show_timeline", "show_tree"]

FORMATS: Final = ("table", "csv", "jsonl", "parquet")
_NARROWEST: Final = 40
_PLOT_UNKNOWN: Final = 80
_PLOT_MARGIN: Final = 10
_NARROWEST_PLOT: Final = 10


class Screen:
    """Where text for people goes.

    Args:
        stream: the stream.
        color: whether there are colours; None: as the stream and the environment say.

    Attributes:
        columns: how wide a line may be; None for any width, which is what a file or a pipe has.
        color: whether there are colours.
    """

    def __init__(self, stream: TextIO, *, color: bool | None = None) -> None:
        self._stream = stream
        self.color = wants_color(stream) if color is None else color
        self.columns = max(shutil.get_terminal_size().columns, _NARROWEST) if _is_terminal(stream) else None

    def write(self, lines: Iterable[str]) -> int:
        """Write lines, and return how many; what the stream's encoding lacks is escaped."""
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        number = 0
        for number, line in enumerate(lines, 1):  # noqa: B007 - the last number is the result
            self._stream.write(f"{line}\n".encode(encoding, "backslashreplace").decode(encoding))
        self._stream.flush()
        return number


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError, OSError):
        return False


def show_table(session: Session, screen: Screen) -> int:
    """Show an answer as a table, and return the number of its rows."""
    answer = session.answer()
    return screen.write(table(answer.names, answer, columns=screen.columns, color=screen.color)) - 2


def show_list(session: Session, screen: Screen) -> int:
    """Show a list of records, a line each, and return their number."""
    return screen.write(listing(session.answer(), columns=screen.columns, color=screen.color))


def show_tree(session: Session, screen: Screen) -> int:
    """Show a trace, and return the number of its lines, those that name traces left out."""
    traces: dict[str, list[tuple[object, ...]]] = {}
    for row in session.answer():
        traces.setdefault(str(row[7]), []).append(row)
    shown = 0
    for trace, rows in sorted(traces.items()):
        if len(traces) > 1:
            screen.write([f"trace {trace}"])
        shown += screen.write(tree(rows, columns=screen.columns, color=screen.color))
    return shown


def show_timeline(session: Session, question: Timeline, screen: Screen) -> int:
    """Show a plot, and return the number of records in it."""
    columns = screen.columns or _PLOT_UNKNOWN
    first, last = question.span_of_time(session.database)
    if first is None or last is None:
        return 0
    groups, number = question.largest(session.database) if question.by else ([], 0)
    margin = sum(label_widths(groups)) + 4 if groups else _PLOT_MARGIN
    step = step_for(first, last, max(columns - margin, _NARROWEST_PLOT))
    start = first // step * step
    courses = question.courses(session.database, first=first, last=last, step=step)
    if not groups:
        screen.write(plot(courses[0], start=start, step=step, columns=columns, color=screen.color, what=question.view))
        return sum(courses[0])
    named = [(name, course) for (name, _), course in zip(groups, courses, strict=True)]
    screen.write(sparklines(named, start=start, step=step, color=screen.color))
    if number > len(groups):
        screen.write([f"{number - len(groups):,} more are not shown; --top {number} shows all"])
    return sum(count for _, count in groups)


def show_plain(session: Session, stream: TextIO, format: str) -> None:
    """Write an answer as CSV or JSON lines; always in UTF-8, where the stream can be told."""
    wrapper: object = stream
    if isinstance(wrapper, io.TextIOWrapper):
        wrapper.reconfigure(encoding="utf-8", newline="\n", errors="surrogatepass")
    answer = session.answer()
    (write_csv if format == "csv" else write_json_lines)(answer, stream)
    stream.flush()
