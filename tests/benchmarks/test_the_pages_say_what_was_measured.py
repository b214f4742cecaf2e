"""The tables in README.md and benchmarks/RESULTS.md are those of benchmarks/results.json, and hide no loss."""

from __future__ import annotations

import re

import pytest

from benchmarks import pages, results, tables
from benchmarks.targets import TARGETS


@pytest.fixture
def published() -> results.Results:
    return results.from_json(pages.RESULTS.read_text(encoding="utf-8"))


@pytest.fixture
def sample() -> results.Results:
    """Results in which we win one row and lose another, with a target met, one missed and one not measured."""

    def case(scenario: str, library: str, median: float) -> results.Measured:
        return results.Measured("off/bound", scenario, library, "seconds", median, 1.0, median, 45)

    return results.Results(
        python="CPython 3.11.7",
        versions=dict.fromkeys(results.PACKAGES, "1.0"),
        processes=3,
        rounds=15,
        complete=True,
        cases=[
            case("off, bound logger", "otel_ctxlog", 50.0),
            case("off, bound logger", "stdlib logging", 80.0),
            case("off, bound logger", "structlog", 40.0),
            case("written, 3 fields", "otel_ctxlog", 9_612.0),
            case("written, 3 fields", "stdlib + LoggingHandler", 21_300.0),
        ],
        ratios=[],
        targets=[
            results.Verdict("off, bound logger", "off, bound logger", "stdlib logging", 1.0, 0.625, met=True),
            results.Verdict("off, bound logger", "off, bound logger", "structlog", 1.1, 1.25, met=False),
            results.Verdict("10,000 rules", None, None, 150.0, None, None),
        ],
    )


def test_the_pages_are_what_results_json_gives(published: results.Results) -> None:
    """Rendering the published results again changes no page."""
    assert {file: file.read_text(encoding="utf-8") for file in pages.rendered(published)} == pages.rendered(published)


def test_the_published_run_is_a_complete_one_of_todays_targets(published: results.Results) -> None:
    """All groups were measured with full effort, and each target has its verdict under its present limit."""
    verdicts = [(one.scenario, one.rival_scenario, one.rival, one.limit) for one in published.targets]
    wanted = [
        (one.scenario, None, None, one.limit * 1e3)
        if one.rival is None
        else (one.scenario, one.rival[0], one.rival[1].value, one.limit)
        for one in TARGETS
    ]

    assert published.complete
    assert verdicts == wanted
    assert [one.scenario for one in published.targets if one.measured is None] == []


def test_the_headlines_are_scenarios_that_were_measured(published: results.Results) -> None:
    """README's rows are not left out silently because a scenario was renamed."""
    assert [name for name in tables.HEADLINES if name not in tables.rows(published)] == []


def test_the_published_results_name_no_machine(published: results.Results) -> None:
    """results.json has versions and numbers: no path, and no host, user or processor."""
    text = pages.RESULTS.read_text(encoding="utf-8")

    assert re.findall(r"(?:/home/|/Users/|/tmp/|/root/|/work/|site-packages|hostname|cpu_)\S*", text) == []
    assert set(published.versions) == set(results.PACKAGES)


def test_results_survive_their_file(sample: results.Results) -> None:
    """What is read back from the JSON equals what was written."""
    assert results.from_json(results.to_json(sample)) == sample


def test_a_rival_that_wins_a_row_is_the_bold_one(sample: results.Results) -> None:
    """The lowest of a row is marked, whoever's it is, in Markdown and on the terminal."""
    markdown = tables.page(sample).splitlines()

    assert "| off, bound logger | 50 ns | 80 ns | **40 ns** |  |  |  |" in markdown
    assert "| written, 3 fields | **9.6 µs** |  |  |  | 21 µs |  |" in markdown
    assert "*40 ns*" in tables.plain(sample)


def test_a_missed_target_is_shown_on_every_page(sample: results.Results) -> None:
    """README, RESULTS.md and the terminal say MISSED, what was wanted and what was measured."""
    row = "| off, bound logger | ≤ 1.1 × structlog | 1.25 × | MISSED |"

    assert row in tables.headlines(sample).splitlines()
    assert row in tables.page(sample).splitlines()
    assert re.search(r"(?m)^MISSED +off, bound logger +1\.25 × +≤ 1\.1 × structlog$", tables.plain(sample))


def test_a_target_that_was_not_measured_does_not_count_as_met(sample: results.Results) -> None:
    """The count in README counts what was met, and lists the rest."""
    text = tables.headlines(sample)

    assert "Of 3 targets, 1 are met; these are not:" in text
    assert "| 10,000 rules | ≤ 150 ms | not measured | ? |" in text.splitlines()


@pytest.mark.parametrize(
    ("unit", "median", "text"),
    [
        ("seconds", 8.2, "8 ns"),
        ("seconds", 89.4, "89 ns"),
        ("seconds", 999.4, "999 ns"),
        ("seconds", 5_439.0, "5.4 µs"),
        ("seconds", 15_509.0, "16 µs"),
        ("seconds", 83_400_000.0, "83 ms"),
        ("seconds", 2_500_000_000.0, "2.5 s"),
        ("seconds per record", 50_000.0, "20,000 /s"),
        ("bytes", 512.0, "0.5 KiB"),
        ("bytes", 7_549_747.0, "7.2 MiB"),
    ],
)
def test_amounts_have_a_unit_of_their_size(unit: str, median: float, text: str) -> None:
    """A median reads as a person would write it."""
    case = results.Measured("room/group", "scenario", "otel_ctxlog", unit, median, 0.0, median, 1)

    assert tables.amount(case) == text


def test_only_what_is_between_the_markers_is_rewritten() -> None:
    """The prose around the table, and the markers, stay to the letter."""
    text = f"# Title\n\nbefore\n{pages.START}old\nrows\n{pages.END}after\n"

    assert pages.replaced(text, "new\n") == f"# Title\n\nbefore\n{pages.START}new\n{pages.END}after\n"


@pytest.mark.parametrize(
    "text",
    [
        "no marker",
        f"{pages.START}no end",
        f"{pages.END}{pages.START}the wrong way round",
        f"{pages.START}{pages.END}{pages.START}{pages.END}",
    ],
)
def test_a_page_without_one_clear_place_is_refused(text: str) -> None:
    """Nothing is guessed about where the table belongs."""
    with pytest.raises(ValueError, match="exactly one line"):
        pages.replaced(text, "new\n")
