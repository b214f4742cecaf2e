from __future__ import annotations

import pytest

from otel_ctxlog import config
from otel_ctxlog.config import compose


@pytest.mark.parametrize(
    ("source", "start"),
    [
        ("a: \x00", "1:4: not YAML: the character U+0000"),
        ("a: b\nc: \x07", "2:4: not YAML: the character U+0007"),
        ("ä: 'ö'\r\n\ud800", "2:1: not YAML: the character U+D800"),
        ("\ufeffab\ufffe", "1:3: not YAML: the character U+FFFE"),
        (b"a: b\nc: \xff", "2:4: not valid UTF-8: byte 0xff"),
        ("ä: ".encode() + b"\xc3", "1:4: not valid UTF-8: byte 0xc3"),
        (b"\xff\xfea", "1:1: not valid UTF-16"),
        (b"a: \x00", "1:4: not YAML: the character U+0000"),
    ],
)
def test_what_is_no_text_is_placed_by_line_and_column(source: str | bytes, start: str) -> None:
    """Bytes that are no text and characters that YAML forbids are errors with their position."""
    with pytest.raises(config.ConfigError) as caught:
        config.load(source)

    assert str(caught.value).startswith(start)


def test_columns_count_characters() -> None:
    """Neither bytes nor UTF-16 units: an emoji is one column."""
    with pytest.raises(config.ConfigError) as caught:
        config.load("{defaultLevel: Info, '😀ü': 1}")

    assert (caught.value.line, caught.value.column) == (1, 22)


@pytest.mark.parametrize(
    "text",
    [
        "rules: [{rule: {level: Debgu}}]",
        "rules:\n- rule:\n    level: x\n",
        "rules:\n- rule: {level: 1}\n  x:",
        "a: [",
        "a: {b: c",
        "a: 'x",
        "\n\n  - a\n b",
        "ü: [😀, *x]",
        "a: |\n  x\n y",
        "rules:\n- \n",
        "rules:\n- rule: {level: }",
        "rules:\n- rule:\n    level:\n",
        "rules:\n- rule: {level: 1, conditions: [not: ]}",
        "rules: [{rule}]",
        "- - - [a, b\n",
    ],
)
def test_both_parsers_of_pyyaml_give_the_same_errors(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """With libyaml and without it the text of the error is the same."""
    with pytest.raises(config.ConfigError) as fast:
        config.load(text)
    monkeypatch.setattr(compose, "_FAST_LOADER", None)
    with pytest.raises(config.ConfigError) as slow:
        config.load(text)

    assert str(fast.value) == str(slow.value)


def test_messages_stay_short() -> None:
    """A huge text in the wrong place does not become a huge message."""
    long = "x" * 500_000
    for text in (
        f"defaultLevel: {long}",
        f"rules: [{long}]",
        f"{long}: 1",
        f"a: *{long}",
        f"rules: [{{rule: {{level: 1, conditions: [{{span: {{name: a, value: {{regex: '({long}'}}}}}}]}}}}]",
    ):
        with pytest.raises(config.ConfigError) as caught:
            config.load(text)
        assert len(str(caught.value)) < 1_000
