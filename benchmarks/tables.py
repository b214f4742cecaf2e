"""Results as text: for the terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.model import Library, Unit
from benchmarks.results import Measured, Results, Verdict

HEADLINES = (
    "off, bound logger",
    "off, bound logger, 3 fields",
    "off, unbound logger, outside of requests",
    "off, unbound logger, 10,000 rules of other realms",
    "off, 10 rules on baggage",
    "off, 10,000 rules on baggage",
    "off, 10,000 rules on span attributes",
    "off, 10,000 rules on everything",
    "off, first call in a request, 10,000 rules on baggage",
    "off, 8 threads, 1,000 rules on baggage",
    "off, 1,000 alternating tasks, 10,000 rules on baggage",
    "written, no fields",
    "written, 3 fields",
    "written, 10 fields",
    "written, 3 fields, 15 span attributes attached",
    "event, 3 fields, with body",
    "making a bound logger, no rules",
    "making a bound logger, 10,000 rules on baggage",
    "10,000 rules on everything by one `replace_rules`",
    "end to end over OTLP/HTTP, records per CPU-second",
    "end to end over OTLP/HTTP, pipeline of `setup()`, records per CPU-second",
    "end to end over OTLP/gRPC, records per CPU-second",
    "end to end over OTLP/gRPC, pipeline of `setup()`, records per CPU-second",
    "import",
    "memory of a logger",
    "memory of 10,000 rules on everything",
)
"""The scenarios of README's table."""

_LIBRARIES = tuple(library.value for library in Library)
_STEPS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (0, "ns"))
_FEW = 10


def amount(case: Measured) -> str:
    """Return the median with its unit: ``89 ns``, ``5.4 µs``, ``14,200 /s``, ``1.3 KiB``."""
    if case.unit == Unit.RATE.value:
        return f"{round(1e9 / case.median, -2):,.0f} /s"
    if case.unit == Unit.MEMORY.value:
        kib = case.median / 1024
        return f"{kib / 1024:.1f} MiB" if kib >= 1024 else f"{kib:.1f} KiB"  # noqa: PLR2004
    size, unit = next(step for step in _STEPS if case.median >= step[0])
    shown = case.median / max(size, 1)
    return f"{shown:.1f} {unit}" if shown < _FEW and unit != "ns" else f"{shown:,.0f} {unit}"


def rows(results: Results) -> dict[str, dict[str, Measured]]:
    """Return the cases by scenario, in order, then by library."""
    table: dict[str, dict[str, Measured]] = {}
    for case in results.cases:
        table.setdefault(case.scenario, {})[case.library] = case
    return table


def _least(row: dict[str, Measured]) -> float | None:
    """Return the lowest median of a row with more than one library."""
    return min(case.median for case in row.values()) if len(row) > 1 else None


def _cells(row: dict[str, Measured], mark: str) -> list[str]:
    """Return a text per library; the lowest of several between marks, so that a rival's win is seen."""
    least = _least(row)
    texts: list[str] = []
    for library in _LIBRARIES:
        case = row.get(library)
        text = "" if case is None else amount(case)
        texts.append(f"{mark}{text}{mark}" if case is not None and case.median == least else text)
    return texts


def limit(verdict: Verdict) -> str:
    """Return what a target asks: ``≤ 1.1 × structlog``, ``≤ 150 ms``."""
    if verdict.rival is None:
        return f"≤ {verdict.limit:g} ms"
    if verdict.rival_scenario == verdict.scenario:
        return f"≤ {verdict.limit:g} × {verdict.rival}"
    whose = "" if verdict.rival == Library.OURS.value else f"{verdict.rival}, "
    return f"≤ {verdict.limit:g} × {whose}“{verdict.rival_scenario}”"


def found(verdict: Verdict) -> str:
    """Return what was measured: ``1.04 ×``, ``83.1 ms``, ``not measured``."""
    if verdict.measured is None:
        return "not measured"
    return f"{verdict.measured:.3g} {'ms' if verdict.rival is None else '×'}"


def outcome(verdict: Verdict) -> str:
    """Return ``met``, ``MISSED`` or ``?``."""
    return "?" if verdict.met is None else "met" if verdict.met else "MISSED"


def setting(results: Results) -> str:
    """Return what was measured with, in a sentence."""
    versions = results.versions
    return (
        f"{results.python}, OpenTelemetry SDK {versions['opentelemetry-sdk']}, structlog {versions['structlog']}, "
        f"loguru {versions['loguru']}; medians of up to {results.rounds} turns in each of {results.processes} processes"
    )


def plain(results: Results) -> str:
    """Return all tables for a terminal; the lowest value of a row stands between asterisks."""
    table = rows(results)
    measured = [verdict for verdict in results.targets if verdict.measured is not None]
    lines = [setting(results) + ".", ""]
    body = [["", *_LIBRARIES], *([scenario, *_cells(row, "*")] for scenario, row in table.items())]
    lines += _aligned(body)
    if measured:
        lines += ["", "Targets, each the median ratio of single turns:"]
        lines += _aligned([[outcome(one), one.scenario, found(one), limit(one)] for one in measured], left=(0, 1, 3))
        lines += [f"{sum(one.met is True for one in measured)} of {len(measured)} met."]
    return "\n".join(lines) + "\n"


def _aligned(body: Sequence[Sequence[str]], left: Sequence[int] = (0,)) -> list[str]:
    widths = [max(len(row[column]) for row in body) for column in range(len(body[0]))]
    return [
        "  ".join(
            text.ljust(width) if column in left else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in body
    ]


def _markdown(results: Results, scenarios: Sequence[str]) -> list[str]:
    table = rows(results)
    lines = [f"| | {' | '.join(_LIBRARIES)} |", f"|---|{'---:|' * len(_LIBRARIES)}"]
    lines += [f"| {scenario} | {' | '.join(_cells(table[scenario], '**'))} |" for scenario in scenarios]
    return lines


def _markdown_targets(verdicts: Sequence[Verdict]) -> list[str]:
    lines = ["| target of | at most | measured | |", "|---|---|---:|---|"]
    return lines + [f"| {one.scenario} | {limit(one)} | {found(one)} | {outcome(one)} |" for one in verdicts]


def headlines(results: Results) -> str:
    """Return README's part: the table of `HEADLINES`, and each target that was missed."""
    lines = [f"{setting(results)}. **Bold**: the lowest of a row, whoever's it is.", ""]
    lines += _markdown(results, [name for name in HEADLINES if name in rows(results)])
    missed = results.missed()
    met = len(results.targets) - len(missed)
    lines += ["", f"Of {len(results.targets)} targets, {met} are met{'; these are not:' if missed else '.'}"]
    if missed:
        lines += ["", *_markdown_targets(missed)]
    return "\n".join(lines) + "\n"


def page(results: Results) -> str:
    """Return ``RESULTS.md``: everything."""
    lines = ["# Results", "", "Written by `make bench`; what it is and how it is measured stands in `__init__.py`.", ""]
    lines += [f"{setting(results)}. **Bold**: the lowest of a row.", "", *_markdown(results, list(rows(results)))]
    lines += ["", "## Targets", "", "Each is the median of the ratios of single turns.", ""]
    lines += _markdown_targets(results.targets)
    return "\n".join(lines) + "\n"
