"""A bridged record says its place once, its name once, and no line break at its end; JSON lines keep everything."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor

import otel_ctxlog as cl
from otel_ctxlog.console import (
    ConsoleExporter,
    ConsoleRecord,
    ConsoleSink,
    HumanFormat,
    JsonLinesFormat,
    PaddedFormat,
)
from otel_ctxlog.console.formats import FormatName

CODE: dict[str, Any] = {
    "code.file.path": "/srv/uvicorn/h11_impl.py",
    "code.line.number": 477,
    "code.function.name": "run_asgi",
}
HUMAN, PADDED, JSON = HumanFormat(time="none"), PaddedFormat(time="none"), JsonLinesFormat()


def record(**given: Any) -> ConsoleRecord:
    values: dict[str, Any] = {"timestamp": 0, "level": 3, "severity": 9, "body": "hello", **given}
    return ConsoleRecord(**values)


@pytest.mark.parametrize("style", [HUMAN, PADDED])
def test_the_place_of_a_call_ends_the_line(style: HumanFormat | PaddedFormat) -> None:
    """Behind fields and trace, without folders, dim in colours; a traceback stands below it."""
    whole = record(attributes={"a": 1, **CODE}, trace_id=0xABC << 100, exception="ValueError: bad")

    first, second = style.format(whole).splitlines()
    assert first == "INFO  hello  a=1 trace=0000abc0 (h11_impl.py:477)"
    assert second == "    ValueError: bad"
    assert style.format(record(attributes=CODE)).rstrip("\n").endswith("hello  (h11_impl.py:477)")
    assert style.format(record(attributes=CODE), color=True).endswith("\x1b[2m(h11_impl.py:477)\x1b[0m\n")


def test_a_place_is_escaped_and_has_no_folders_of_windows() -> None:
    """Whatever is in the path, the line is one line and has the file's name only."""
    text = HUMAN.format(record(attributes={**CODE, "code.file.path": "C:\\app\\a\n\x1b.py"}))

    assert text == "INFO  hello  (a\\n\\x1b.py:477)\n"


@pytest.mark.parametrize(
    ("attributes", "fields"),
    [
        ({"code.function.name": "f"}, "code.function.name=f"),
        ({"code.file.path": "a.py"}, "code.file.path=a.py"),
        ({"code.file.path": 1, "code.line.number": 2}, "code.file.path=1 code.line.number=2"),
        ({"code.file.path": "a.py", "code.line.number": "x"}, "code.file.path=a.py code.line.number=x"),
    ],
)
def test_what_is_no_place_stays_among_the_fields(attributes: dict[str, Any], fields: str) -> None:
    """Nothing gets lost where file and line are not what the semantic conventions say."""
    assert HUMAN.format(record(attributes=attributes)) == f"INFO  hello  {fields}\n"


def test_json_lines_keep_the_place_and_the_line_break() -> None:
    """A machine gets what was logged."""
    line = json.loads(JSON.format(record(name="shop.db", realm="shop/db", body="end\n", attributes=CODE)))

    assert {name: line[name] for name in CODE} == CODE
    assert line["message"] == "end\n"
    assert line["logger"] == "shop.db"


@pytest.mark.parametrize("style", [HUMAN, PADDED])
def test_line_breaks_at_the_end_of_a_message_are_left_out(style: HumanFormat | PaddedFormat) -> None:
    """Those within it are escaped as ever, in events, too."""
    assert (
        style.format(record(body="Exception in\nASGI application\r\n\n")) == "INFO  Exception in\\nASGI application\n"
    )
    assert HUMAN.format(record(event_name="stopped", body="bye\n")) == "INFO  ◆ stopped bye\n"
    assert HUMAN.format(record(body="\n")) == "INFO\n"


@pytest.mark.parametrize(
    ("name", "shown"),
    [("shop.db", "[shop/db]"), ("shop/db", "[shop/db]"), ("shop.dB", "shop.dB [shop/db]"), ("db", "db [shop/db]")],
)
@pytest.mark.parametrize("format", ["human", "padded"])
@pytest.mark.parametrize("through", ["sink", "provider"])
def test_a_name_that_is_the_realm_is_not_said_twice(name: str, shown: str, format: FormatName, through: str) -> None:
    """With dots for slashes, as bridges make it, and as it is; any other name stands there as ever."""
    out = io.StringIO()
    provider = LoggerProvider()
    provider.add_log_record_processor(SimpleLogRecordProcessor(ConsoleExporter(out, format=format)))
    context = cl.LoggingContext(provider if through == "provider" else ConsoleSink(out, format=format))
    context.logger(cl.Realm("shop/db"), cl.Name(name)).info("hello")
    provider.shutdown()

    assert out.getvalue().partition("INFO  ")[2] == f"{shown} hello\n"
