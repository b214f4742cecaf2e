from __future__ import annotations

import pytest

from otel_ctxlog.questions.moments import parse_moment, parse_severity

SECOND = 1_000_000_000
NOW = 1_795_176_000 * SECOND  # 2026-11-20T12:00:00Z


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-20T12:00:00Z", NOW),
        ("2026-11-20T12:00:00", NOW),
        ("2026-11-20 12:00", NOW),
        ("2026-11-20", NOW - 12 * 3600 * SECOND),
        ("2026-11-20T13:00:00+01:00", NOW),
        ("2026-11-20T12:00:00.5Z", NOW + SECOND // 2),
        ("2026-11-20T12:00:00.123456789z", NOW + 123_456_789),
        ("1969-12-31T23:59:59Z", -SECOND),
        ("10m", NOW - 600 * SECOND),
        (" 1h30m ", NOW - 5400 * SECOND),
        ("250ms", NOW - SECOND // 4),
        ("2D", NOW - 2 * 86_400 * SECOND),
    ],
)
def test_moments(text: str, expected: int) -> None:
    """ISO 8601, in UTC unless it says a zone; durations are before now."""
    assert parse_moment(text, now=NOW) == expected


@pytest.mark.parametrize("text", ["", "now", "12:00", "10 minutes", "2026-13-01", "0m", "-5m", "5"])
def test_other_texts_are_refused(text: str) -> None:
    """The error quotes them."""
    with pytest.raises(ValueError, match=r"but got '"):
        parse_moment(text, now=NOW)


@pytest.mark.parametrize(
    ("text", "expected"), [("warn", 13), ("WARNING", 13), ("Trace", 1), ("17", 17), (" fatal ", 21)]
)
def test_severities(text: str, expected: int) -> None:
    """By name in any case, or by number."""
    assert parse_severity(text) == expected


@pytest.mark.parametrize("text", ["", "0", "25", "loud", "-1", "1.5"])
def test_other_severities_are_refused(text: str) -> None:
    """The error says what there is."""
    with pytest.raises(ValueError, match="fatal, or 1 to 24"):
        parse_severity(text)
