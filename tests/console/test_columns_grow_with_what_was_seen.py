from __future__ import annotations

from typing import Any

import pytest

from otel_ctxlog.console import ConsoleRecord, PaddedFormat


def line(style: PaddedFormat, body: str = "x", **given: Any) -> str:
    values: dict[str, Any] = {"timestamp": 0, "level": 3, "severity": 9, "body": body, **given}
    return style.format(ConsoleRecord(**values))


def test_a_column_is_as_wide_as_its_widest_value_so_far() -> None:
    """Lines after a long value are padded to it; nothing is padded for a column that nobody has used."""
    style = PaddedFormat(time="none")
    lines = [
        line(style, "go", attributes={"a": 1}),
        line(style, "connected", name="pool", realm="shop/db", attributes={"a": 1}),
        line(style, "go", realm="shop", attributes={"a": 1}),
        line(style, "go"),
    ]

    assert lines == [
        "INFO  go  a=1\n",
        "INFO  pool [shop/db] connected  a=1\n",
        "INFO       [shop]    go         a=1\n",
        "INFO                 go\n",
    ]


def test_a_column_does_not_grow_beyond_its_bound() -> None:
    """A value wider than the bound sticks out of its own line, and no other line is the wider for it."""
    style = PaddedFormat(time="none", most_name=4, most_realm=6, most_message=3)
    line(style, "long message", name="long.name", realm="long/realm", attributes={"a": 1})

    assert line(style, "abc", name="abcd", realm="wxyz", attributes={"a": 1}) == "INFO  abcd [wxyz] abc  a=1\n"
    assert line(style, "a", name="a", realm="b", attributes={"a": 1}) == "INFO  a    [b]    a    a=1\n"


def test_colours_take_no_columns() -> None:
    """With colours the text without them is the same."""
    import re

    colored, plain = PaddedFormat(), PaddedFormat()
    given: dict[str, Any]
    for given in ({"name": "pool", "realm": "shop/db"}, {"severity": 17, "level": 1}, {"attributes": {"k": "v"}}):
        values: dict[str, Any] = {"timestamp": 0, "level": 3, "severity": 9, "body": "x", **given}
        record = ConsoleRecord(**values)
        text = colored.format(record, color=True)
        assert "\x1b[" in text
        assert re.sub(r"\x1b\[[0-9;]*m", "", text).rstrip() == plain.format(record).rstrip()


def test_wide_characters_take_two_columns() -> None:
    """A column is measured in what a terminal shows, not in characters."""
    style = PaddedFormat(time="none")
    line(style, "你好", attributes={"a": 1})

    assert line(style, "abcd", attributes={"a": 1}) == "INFO  abcd  a=1\n"
    assert line(style, "e\u0301", attributes={"a": 1}) == "INFO  e\u0301     a=1\n"


def test_the_options_are_checked_and_shown() -> None:
    """A bound that is none is refused; the repr evaluates to an equal one."""
    assert repr(eval(repr(PaddedFormat(most_name=3, time="short")))) == repr(PaddedFormat(most_name=3, time="short"))
    with pytest.raises(ValueError, match="most_realm is -1, allowed: an int from 0"):
        PaddedFormat(most_realm=-1)
