from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_ctxlog.console import ConsoleRecord, JsonLinesFormat

MOMENT = 1_800_000_000_123_456_789


DEFAULT = JsonLinesFormat()


def parsed(style: JsonLinesFormat = DEFAULT, **given_: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"timestamp": MOMENT, "level": 3, "severity": 9, "body": "connected", **given_}
    record = ConsoleRecord(**values)
    line = style.format(record)
    assert line.endswith("}\n")
    assert "\n" not in line[:-1]
    return json.loads(line, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))  # type: ignore[no-any-return]


def test_the_own_keys_come_first() -> None:
    """Time, level, logger, realm and message, then the rest in the order given."""
    found = parsed(
        name="pool", realm="shop/db", attributes={"b": 1, "a": {"c": [1]}}, trace_id=0xAB, span_id=0xCD, stack="Stack\n"
    )

    assert list(found.items()) == [
        ("time", "2027-01-15T08:00:00.123Z"),
        ("level", "INFO"),
        ("logger", "pool"),
        ("realm", "shop/db"),
        ("message", "connected"),
        ("trace_id", f"{0xAB:032x}"),
        ("span_id", f"{0xCD:016x}"),
        ("b", 1),
        ("a", {"c": [1]}),
        ("stack", "Stack"),
    ]


def test_the_order_can_be_chosen() -> None:
    """What is named comes first, own keys and fields alike, and the rest sorted."""
    style = JsonLinesFormat(first=("message", "tenant", "absent", "message"), order="sorted")

    assert list(parsed(style, attributes={"z": 1, "tenant": "acme", "b": 2})) == [
        "message", "tenant", "b", "level", "time", "z",
    ]  # fmt: skip


def test_a_field_with_the_name_of_an_own_key_keeps_its_value() -> None:
    """It is marked, and so is one that looks marked: no two fields ever share a key."""
    fields = {"time": 1, "fields.time": 2, "fields.fields.time": 3, "message": 4, "realm": "other", "fields.x": 5}

    found = parsed(realm="shop", attributes=fields)
    assert {key: found[key] for key in found if key.startswith("fields.")} == {
        "fields.time": 1,
        "fields.fields.time": 2,
        "fields.fields.fields.time": 3,
        "fields.message": 4,
        "fields.realm": "other",
        "fields.x": 5,
    }
    assert (found["message"], found["realm"]) == ("connected", "shop")


def test_the_message_is_text_template_or_both() -> None:
    """`{{fields}}` are put in, left as they are, or both can be had; the fields stay, unless said otherwise."""
    given_: dict[str, Any] = {"body": "read {{rows}} rows", "attributes": {"rows": 3, "ms": 1.5}}

    assert parsed(**given_)["message"] == "read 3 rows"
    assert parsed(**given_)["rows"] == 3
    assert parsed(JsonLinesFormat(message="template"), **given_)["message"] == "read {{rows}} rows"
    both = parsed(JsonLinesFormat(message="both", keep=False), **given_)
    assert (both["message"], both["template"], both["ms"]) == ("read 3 rows", "read {{rows}} rows", 1.5)
    assert "rows" not in both
    assert parsed(JsonLinesFormat(message="template", keep=False), **given_)["rows"] == 3


def test_a_finer_trace_level_has_its_number() -> None:
    """`level` stays a word that machines know, `verbosity` says the rest."""
    assert parsed(level=7, severity=1)["level"] == "TRACE"
    assert parsed(level=7, severity=1)["verbosity"] == 7
    assert "verbosity" not in parsed(level=5, severity=1)


def test_an_event_has_its_type_and_fields() -> None:
    """The type is a key; the body that repeats it all is left out."""
    found = parsed(event_name="paid", body='{"eventType":"paid","n":1}', attributes={"n": 1, "eventType": "paid"})

    assert found == {"time": "2027-01-15T08:00:00.123Z", "level": "INFO", "event": "paid", "n": 1}


def test_an_exception_is_one_text() -> None:
    """The traceback is a JSON string with its line breaks."""
    try:
        raise ValueError("two\nlines")  # noqa: TRY301 - its traceback is the point
    except ValueError as error:
        found = parsed(exception=error)

    assert found["exception"].startswith("Traceback (most recent call last):\n")
    assert found["exception"].endswith("ValueError: two\nlines")


def test_what_json_has_not_becomes_text() -> None:
    """NaN, infinities, bytes, large numbers and foreign objects are texts."""
    cycle: list[Any] = []
    cycle.append(cycle)

    found = parsed(
        attributes={
            "nan": float("nan"), "inf": -float("inf"), "bytes": b"\x00\xff", "in": {"x": [float("inf"), b"a"]},
            "large": 10**5000, "object": {1, 2}, "cycle": cycle, "keys": {1: "a", (2, 3): "b"},
        }
    )  # fmt: skip
    assert (found["nan"], found["inf"], found["bytes"]) == ("NaN", "-Infinity", "AP8=")
    assert found["in"] == {"x": ["Infinity", "YQ=="]}
    assert found["large"] == "1" + "0" * 5000
    assert found["keys"] == {"1": "a", "(2, 3)": "b"}
    assert found["object"] == [1, 2]
    assert found["cycle"] == ["!ERROR: cycle"]


def test_text_beyond_ascii_is_readable_where_asked_for() -> None:
    """With `ascii_only=False` letters stay; what is not printable is escaped all the same."""
    record = ConsoleRecord(MOMENT, 3, 9, body="Köln 😀 \x85\u2028\u202e\x9b31m", attributes={"ü": "\udc80"})

    line = JsonLinesFormat(ascii_only=False).format(record)
    assert '"message":"Köln 😀 \\u0085\\u2028\\u202e\\u009b31m"' in line
    assert line[:-1].isprintable()
    assert json.loads(line)["message"] == record.body
    assert JsonLinesFormat().format(record).isascii()


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
_KEYS = st.sampled_from(["time", "message", "realm", "fields.time", "a", "template"]) | st.text(max_size=8)


@settings(max_examples=300, deadline=None)
@given(
    body=_VALUES | st.text(alphabet="{}\\ab.\n\x1b ", max_size=30),
    fields=st.dictionaries(_KEYS, _VALUES, max_size=6),
    style=st.builds(
        JsonLinesFormat,
        order=st.sampled_from(["given", "sorted"]),
        message=st.sampled_from(["text", "template", "both"]),
        keep=st.booleans(),
        ascii_only=st.booleans(),
    ),
    event=st.none() | st.text(max_size=5),
)
def test_whatever_is_in_a_record_its_line_is_one_json_object(
    body: Any, fields: dict[str, Any], style: JsonLinesFormat, event: str | None
) -> None:
    """Random records in random styles: printable, valid, with all the fields that were not said."""
    record = ConsoleRecord(MOMENT, 3, 9, realm="r", body=body, attributes=fields, event_name=event)

    line = style.format(record)
    assert line[:-1].isprintable()
    found = json.loads(line, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert len(re.findall(r"\n", line)) == 1
    if style.keep:
        assert len(found) >= 3 + len(fields) - ("realm" in fields) - ("eventType" in fields)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"order": "sort"}, "order is 'sort', allowed: given, sorted; did you mean 'sorted'?"),
        ({"message": None}, "message is None, allowed: text, template, both"),
        ({"first": "time"}, "first is 'time', allowed: a tuple of keys, such as ('time', 'level', 'message')"),
        ({"first": ["time", 1]}, "first has 1, allowed: texts"),
    ],
)
def test_a_wrong_option_is_named(arguments: Any, text: str) -> None:
    """An error says what was found, what is allowed and the nearest match."""
    with pytest.raises((ValueError, TypeError), match=re.escape(text)):
        JsonLinesFormat(**arguments)
