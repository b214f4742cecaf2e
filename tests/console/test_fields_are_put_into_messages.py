from __future__ import annotations

import time
from typing import Any

import pytest

from otel_ctxlog.console import ConsoleRecord, HumanFormat

FIELDS: dict[str, Any] = {
    "rows": 3,
    "table": "users",
    "http.method": "GET",
    "user": {"name": "ann", "id": {"n": 7}},
    "a": {"b.c": 1},
}


def message(template: str, fields: Any = None, *, keep: bool = False) -> str:
    record = ConsoleRecord(0, 3, 9, body=template, attributes=FIELDS if fields is None else fields)
    return HumanFormat(time="none", keep=keep).format(record).removeprefix("INFO  ").partition("  ")[0].rstrip("\n")


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("read {{rows}} rows of {{table}}", "read 3 rows of users"),
        ("{{ rows }}{{rows}}", "33"),
        ("{{http.method}}", "GET"),
        ("{{user.name}} {{user.id.n}}", "ann 7"),
        ("{{a.b.c}}", "1"),
        ("{{user.id}}", '{"n":7}'),
        ("{{missing}} {{user.missing}} {{rows.x}}", "{{missing}} {{user.missing}} {{rows.x}}"),
        ("{rows} {{rows} {{}} {{ }}", "{rows} {{rows} {{}} {{ }}"),
        ("{{{rows}}}", "{3}"),
        (r"\{{rows}} is {{rows}}", "{{rows}} is 3"),
        (r"C:\\{{table}}", r"C:\users"),
        (r"\\\{{rows}}", r"\{{rows}}"),
        (r"\d \\ {{rows}}", r"\d \\ 3"),
        ("a\n{{rows}}", r"a\n3"),
    ],
)
def test_a_field_stands_in_double_braces(template: str, text: str) -> None:
    """Names, blanks, dots, what is not there, and what is escaped."""
    assert message(template) == text


def test_what_is_put_in_is_not_looked_at_again() -> None:
    """A value with braces stays as it is, and cannot ask for another field."""
    assert message("{{a}} {{b}}", {"a": "{{b}}", "b": "{{a}}"}) == "{{b}} {{a}}"


def test_a_field_in_the_message_is_left_out_of_the_list() -> None:
    """It is left out unless the format keeps it; one of which only a part was said stays."""
    record = ConsoleRecord(0, 3, 9, body="{{rows}} of {{user.name}}", attributes=FIELDS)
    left = HumanFormat(time="none").format(record)
    kept = HumanFormat(time="none", keep=True).format(record)

    assert left.startswith("INFO  3 of ann  table=users http.method=GET user=")
    assert kept.startswith("INFO  3 of ann  rows=3 table=users http.method=GET user=")


def test_escapes_in_a_value_cannot_reach_the_terminal() -> None:
    """What is put in is escaped as the message is."""
    assert message("{{a}}.", {"a": "\x1b[2J\r\n"}) == r"\x1b[2J\r\n."


def test_a_message_from_outside_cannot_grow_without_end() -> None:
    """At most 100 fields and 65,536 characters are put in; the rest stays as written."""
    many = message("{{a}}" * 500, {"a": "x"})
    long = message("{{a}}" * 50, {"a": "x" * 10_000})

    assert many == "x" * 100 + "{{a}}" * 400
    assert long == "x" * 60_000 + "{{a}}" * 44


@pytest.mark.parametrize("template", ["{{" * 50_000, "{{ " + " " * 50_000, "\\" * 50_000 + "{{a}}", "{{a" * 20_000])
def test_no_template_takes_long(template: str) -> None:
    """Templates made to be slow take well under a second."""
    before = time.process_time()
    message(template, {"a": 1})

    assert time.process_time() - before < 3


def test_nothing_in_a_value_raises() -> None:
    """Mappings and values that raise leave the place as it is, or say that they failed."""

    class Hostile(dict[str, Any]):
        def __contains__(self, key: object) -> bool:
            raise RuntimeError

    class Silent:
        def __repr__(self) -> str:
            raise RuntimeError

    assert message("{{a.b}}", {"a": Hostile(b=1)}) == "{{a.b}}"
    assert message("{{a}}", {"a": Silent()}) == '"!ERROR: RuntimeError: "'
    deep: Any = {}
    deep["a"] = deep
    assert message("{{" + ".".join("a" * 100) + "}}", deep).startswith("{{a.a.")
