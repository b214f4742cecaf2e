"""Records over time as a plot of block characters."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from otel_ctxlog.console.colors import DIM, EVENT, NAME, paint
from otel_ctxlog.console.text import escape
from otel_ctxlog.engine.durations import duration_text
from otel_ctxlog.questions.cells import cut, pad, width

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["STEPS", "label_widths", "plot", "sparklines", "step_for"]

_BLOCKS: Final = " ▁▂▃▄▅▆▇█"
_EIGHTHS: Final = 8
_HEIGHT: Final = 10
_WIDEST_NAME: Final = 32
_SECOND: Final = 1_000_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
STEPS: Final = tuple(
    round(seconds * _SECOND)
    for seconds in (
        *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 20, 30),
        *(size * _MINUTE for size in (1, 2, 5, 10, 15, 20, 30)),
        *(size * _HOUR for size in (1, 2, 3, 4, 6, 8, 12)),
        *(size * _DAY for size in (1, 2, 7, 14, 28, 91, 182, 364)),
    )
)
"""The intervals that a plot may have, in nanoseconds."""


def step_for(first: int, last: int, buckets: int) -> int:
    """Return the shortest of `STEPS` with which the time from first to last takes at most so many intervals."""
    for step in STEPS:
        if last // step - first // step < buckets:
            return step
    # Some record has a time of its own: as many equal intervals as there is room for.
    return (last - first) // max(buckets - 1, 1) + 1


def plot(
    counts: Sequence[int], *, start: int, step: int, columns: int, color: bool, what: str = "records"
) -> Iterator[str]:
    """Give the lines of a plot: bars, an axis with times below, and a line that says what they mean.

    Args:
        counts: how many records each interval has.
        start: the beginning of the first interval, in nanoseconds since 1970.
        step: the length of an interval in nanoseconds.
        columns: how wide a line may be.
        color: whether there are colours.
        what: what is counted.
    """
    highest = max(counts, default=0)
    labels = {_HEIGHT: f"{highest:,}", _HEIGHT // 2: f"{highest / 2:,.0f}" if highest > 1 else "", 0: "0"}
    margin = max(len(label) for label in labels.values())
    # Bars are as broad as there is room for.
    broad = max((columns - margin - 2) // max(len(counts), 1), 1)
    for row in range(_HEIGHT, 0, -1):
        line = "".join(_block(count, highest, row) * broad for count in counts).rstrip()
        label = pad(labels.get(row, ""), margin, right=True)
        axis = "┤" if labels.get(row) else "│"
        yield f"{label} {_dim(axis, color=color)}{paint(line, EVENT) if color and line else line}"
    yield f"{pad('0', margin, right=True)} {_dim('┼' + '─' * (len(counts) * broad), color=color)}"
    yield " " * (margin + 2) + _dim(_times(start, step, len(counts), broad), color=color)
    total = sum(counts)
    peak = counts.index(highest) if highest else 0
    yield (
        f"{' ' * (margin + 2)}{total:,} {what}, {duration_text(step / _SECOND)} per bar; "
        f"peak {highest:,} at {_moment(start + peak * step, step)}"
    )


def sparklines(groups: Sequence[tuple[str, Sequence[int]]], *, start: int, step: int, color: bool) -> Iterator[str]:
    """Give a line for each group: its name, its number of records, and its course; each to a scale of its own."""
    buckets = max((len(counts) for _, counts in groups), default=0)
    margin, digits = label_widths([(name, sum(counts)) for name, counts in groups])
    for name, counts in groups:
        highest = max(counts, default=0)
        line = "".join(_block(count, highest, 1, height=1) for count in counts)
        head = pad(cut(escape(name), margin), margin)
        yield (
            f"{paint(head, NAME) if color else head}  {pad(f'{sum(counts):,}', digits, right=True)}  "
            f"{paint(line, EVENT) if color else line}".rstrip()
        )
    indent = " " * (margin + digits + 4)
    yield indent + _dim("─" * buckets, color=color)
    yield indent + _dim(_times(start, step, buckets, 1), color=color)
    yield f"{indent}{duration_text(step / _SECOND)} per character, each line to its own scale"


def label_widths(groups: Sequence[tuple[str, int]]) -> tuple[int, int]:
    """Return how wide the names of groups and their numbers are in `sparklines`; two blanks follow each."""
    names = max((width(escape(name)) for name, _ in groups), default=1)
    return min(names, _WIDEST_NAME), max((len(f"{total:,}") for _, total in groups), default=1)


def _block(count: int, highest: int, row: int, *, height: int = _HEIGHT) -> str:
    """The character of a bar in a row, counted from 1 at the bottom; what is there at all is seen."""
    if not count:
        return " "
    filled = max(round(count / highest * height * _EIGHTHS), 1)
    return _BLOCKS[min(max(filled - (row - 1) * _EIGHTHS, 0), _EIGHTHS)]


def _times(start: int, step: int, buckets: int, broad: int) -> str:
    """The times below the axis: at the first interval, and at others so far away that none touches the next."""
    room = buckets * broad
    line = ""
    last_day = ""
    position = 0
    while position < room:
        moment = start + position // broad * step
        text = _moment(moment, step)
        day, _, clock = text.partition(" ")
        shown = text if day != last_day or not clock else clock
        if position + len(shown) > room and line:
            break
        line = line.ljust(position) + shown
        last_day = day
        # The next multiple of ten characters that leaves a gap.
        position = -(-(len(line) + 3) // 10) * 10
        position = -(-position // broad) * broad
    return line


def _moment(nanoseconds: int, step: int) -> str:
    try:
        moment = _EPOCH + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        return str(nanoseconds)
    if step >= _DAY * _SECOND:
        return f"{moment:%Y-%m-%d}"
    if step >= _MINUTE * _SECOND:
        return f"{moment:%Y-%m-%d %H:%M}"
    if step >= _SECOND:
        return f"{moment:%Y-%m-%d %H:%M:%S}"
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}"


def _dim(text: str, *, color: bool) -> str:
    return paint(text, DIM) if color else text
