from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from otel_ctxlog.questions.cells import cut, pad, width
from otel_ctxlog.questions.exporting import unique
from otel_ctxlog.questions.table import fitted, table
from otel_ctxlog.questions.timeline import STEPS, plot, sparklines, step_for

printable = st.text(max_size=30).filter(str.isprintable)


def test_wide_characters_take_two_columns_and_marks_none() -> None:
    """As terminals draw them."""
    assert [width(text) for text in ("abc", "京東", "e\u0301", "😀", "")] == [3, 4, 1, 2, 0]


@given(text=printable, columns=st.integers(0, 20))
def test_a_cut_text_fits_and_is_a_beginning(text: str, columns: int) -> None:
    """Nothing is cut that fits, and what is cut says so."""
    found = cut(text, columns)

    assert width(found) <= max(columns, 0)
    assert found == text or not columns or (found.endswith("…") and text.startswith(found[:-1]))
    assert (found == text) or width(text) > columns
    assert width(pad(text, columns)) == max(width(text), columns)


@given(widths=st.lists(st.integers(0, 200), min_size=1, max_size=12), columns=st.integers(60, 200), data=st.data())
def test_columns_of_a_table_fit(widths: list[int], columns: int, data: st.DataObject) -> None:
    """The sum fits, nothing becomes wider, and whole columns give last."""
    whole = data.draw(st.lists(st.booleans(), min_size=len(widths), max_size=len(widths)))
    found = fitted(widths, columns, whole=whole)

    assert sum(found) + 2 * (len(found) - 1) <= columns
    assert all(new <= old for new, old in zip(found, widths, strict=True))
    shrunk = [new < old for new, old in zip(found, widths, strict=True)]
    if any(one and kept for one, kept in zip(shrunk, whole, strict=True)):
        assert all(new <= 6 for new, kept in zip(found, whole, strict=True) if not kept)


@given(
    rows=st.lists(st.tuples(st.none() | st.text(max_size=60), st.integers(), st.floats(), st.booleans()), max_size=6)
)
def test_every_line_of_a_table_fits(rows: list[tuple[object, ...]]) -> None:
    """Whatever the values are."""
    lines = list(table(["text", "n\n", "share", "on"], rows, columns=60))

    assert len(lines) == len(rows) + 2
    assert all(width(line) <= 60 and line.isprintable() for line in lines)


@given(first=st.integers(1, 2**62), length=st.integers(0, 2**61), columns=st.integers(40, 220))
def test_a_plot_fits_whatever_time_it_spans(first: int, length: int, columns: int) -> None:
    """From one nanosecond to a lifetime, on any width."""
    step = step_for(first, first + length, columns - 10)
    buckets = (first + length) // step - first // step + 1
    lines = list(plot([1] * buckets, start=first // step * step, step=step, columns=columns, color=False))

    assert buckets <= columns - 10
    assert all(width(line) <= columns for line in lines[:-1])
    assert step in STEPS or length > STEPS[-1]


def test_what_happened_once_is_seen() -> None:
    """Beside a million, one is not nothing; nothing is."""
    ((first, _, _, _)) = list(sparklines([("a", [0, 1, 1_000_000])], start=0, step=STEPS[0], color=False))

    assert first == "a  1,000,001   ▁█"


def test_no_two_columns_have_one_name() -> None:
    """JSON has no room for two; the second gets a number that no other has."""
    assert unique(["n", "n", "n_2", "m"]) == ["n", "n_2", "n_2_2", "m"]
