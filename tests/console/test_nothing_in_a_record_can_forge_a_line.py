from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_ctxlog.console import ConsoleFormat, ConsoleRecord, HumanFormat, JsonLinesFormat, PaddedFormat

FORMATS: dict[str, ConsoleFormat] = {
    "human": HumanFormat(),
    "padded": PaddedFormat(),
    "json": JsonLinesFormat(),
    "json, not only ASCII": JsonLinesFormat(ascii_only=False),
}
EVIL = "x\r\n2026-11-20T14:03:07.863Z INFO  forged\x1b[2J\x1b]0;title\x07\u202e\u2028\x85\x9b31m\x00\ud800"
_TEXT = st.text(
    alphabet=st.one_of(st.sampled_from("\r\n\x1b\x07\x00\x85\u2028\u202e\ud800\\{}\"' =a"), st.characters())
)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("place", ["body", "name", "realm", "event_name", "severity_text", "key", "value", "nested"])
def test_control_characters_are_escaped_in_every_place(name: str, place: str) -> None:
    """Line breaks, escape sequences and marks of direction give one printable line, wherever they stand."""
    given_: dict[str, Any] = {"attributes": {"k": "v"}}
    if place == "key":
        given_["attributes"] = {EVIL: 1}
    elif place == "value":
        given_["attributes"] = {"k": EVIL}
    elif place == "nested":
        given_["attributes"] = {"k": {"a": [EVIL], EVIL: {EVIL}}}
    else:
        given_[place] = EVIL

    text = FORMATS[name].format(ConsoleRecord(0, 3, 9, **given_))
    assert text.endswith("\n")
    assert text[:-1].isprintable()
    assert "\\" in text


@pytest.mark.parametrize("name", FORMATS)
def test_a_traceback_cannot_pretend_to_be_a_record(name: str) -> None:
    """Every line of an exception is indented, or all of it is one text; escape sequences are escaped there, too."""
    text = FORMATS[name].format(ConsoleRecord(0, 3, 9, body="x", exception=ValueError(EVIL), stack=EVIL))

    first, *below = text[:-1].split("\n")
    assert first.isprintable()
    assert all(line.startswith("    ") and line.isprintable() for line in below)


@settings(max_examples=200, deadline=None)
@given(
    body=_TEXT,
    fields=st.dictionaries(_TEXT, st.one_of(_TEXT, st.lists(_TEXT), st.dictionaries(_TEXT, _TEXT)), max_size=4),
    name=_TEXT,
    realm=st.none() | _TEXT,
    event=st.none() | _TEXT,
)
def test_random_text_gives_one_printable_line(
    body: str, fields: dict[str, Any], name: str, realm: str | None, event: str | None
) -> None:
    """No combination of texts gives a second line, or a character that a terminal obeys."""
    record = ConsoleRecord(
        0, 3, 9, name=name, realm=realm, body=body + "{{a}}", attributes={**fields, "a": body}, event_name=event
    )
    for style in FORMATS.values():
        text = style.format(record)
        assert text.endswith("\n")
        assert text[:-1].isprintable()
