from __future__ import annotations

import io
import logging
import time
from datetime import timezone
from typing import TYPE_CHECKING

import pytest
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from otel_ctxlog.receiver import ReceivedRecord, ReceivedSpan, Receiver, Style, format_record, format_span

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.receiver.conftest import Send

TIME = 1_700_000_000_123_456_789
TRACE = "5b8efff798038103d269b633813fc60c"
SHOP = {"service.name": "shop-front"}
PLAIN = Style(zone=timezone.utc)
COLORED = Style(color=True, zone=timezone.utc)


def shown(record: ReceivedRecord, style: Style = PLAIN) -> str:
    """What is shown of a record."""
    return format_record(record, style)


LINES: dict[str, tuple[ReceivedRecord, str]] = {
    "everything": (
        ReceivedRecord(
            time_unix_nano=TIME,
            severity_number=9,
            body="added to cart",
            attributes={
                "realm": "shop/cart",
                "service.name": "shop-front",
                "item": 42,
                "tenant": "acme",
                "note": "two words",
                "text": "42",
                "price": 9.5,
                "vip": True,
                "gone": None,
                "tags": ["a", "b"],
                "address": {"city": "Köln", "zip": [5, b"\x01"]},
                "raw": b"\x00\xff",
                "empty": "",
            },
            trace_id=TRACE,
            scope_name="shop/cart",
            resource_attributes=SHOP,
        ),
        (
            "22:13:20.123 INFO  shop-front [shop/cart] added to cart  "
            'item=42 tenant=acme note="two words" text="42" price=9.5 vip=true gone=null tags=["a","b"] '
            'address={"city":"Köln","zip":[5,"0x01"]} raw=0x00ff empty=""  5b8efff7'
        ),
    ),
    "logger name": (
        ReceivedRecord(
            time_unix_nano=TIME, severity_number=5, body="query", scope_name="pool", attributes={"realm": "shop/db"}
        ),
        "22:13:20.123 DEBUG - [shop/db] pool: query",
    ),
    "a name that is the realm with dots": (
        ReceivedRecord(time_unix_nano=TIME, body="x", scope_name="inv.main", attributes={"realm": "inv/main"}),
        "22:13:20.123 -     - [inv/main] x",
    ),
    "a name without a realm": (
        ReceivedRecord(time_unix_nano=TIME, body="x", scope_name="inv.main"),
        "22:13:20.123 -     - inv.main: x",
    ),
    "a place": (
        ReceivedRecord(
            time_unix_nano=TIME,
            body="Exception in ASGI\napplication\r\n",
            attributes={
                "code.file.path": "/srv/uvicorn/h11_impl.py",
                "code.line.number": 477,
                "code.function.name": "run_asgi",
                "n": 1,
                "exception.type": "ValueError",
            },
            trace_id=TRACE,
        ),
        "22:13:20.123 -     - Exception in ASGI\\napplication  n=1  5b8efff7  (h11_impl.py:477)\n    | ValueError",
    ),
    "a place of Windows, nasty": (
        ReceivedRecord(
            time_unix_nano=TIME, body="x", attributes={"code.file.path": "C:\\a\\b\n.py", "code.line.number": 1}
        ),
        "22:13:20.123 -     - x  (b\\n.py:1)",
    ),
    "no place": (
        ReceivedRecord(time_unix_nano=TIME, body="x", attributes={"code.file.path": "a.py", "code.function.name": "f"}),
        "22:13:20.123 -     - x  code.file.path=a.py code.function.name=f",
    ),
    "our own scope": (
        ReceivedRecord(time_unix_nano=TIME, severity_number=1, body="x", scope_name="otel_ctxlog"),
        "22:13:20.123 TRACE - x",
    ),
    "warn": (ReceivedRecord(time_unix_nano=TIME, severity_number=16, body="x"), "22:13:20.123 WARN  - x"),
    "error": (ReceivedRecord(time_unix_nano=TIME, severity_number=17, body="x"), "22:13:20.123 ERROR - x"),
    "fatal": (ReceivedRecord(time_unix_nano=TIME, severity_number=24, body="x"), "22:13:20.123 FATAL - x"),
    "severity in words, observed time": (
        ReceivedRecord(observed_time_unix_nano=TIME, severity_text="Notice", body={"a": [1]}),
        '22:13:20.123 NOTIC - {"a":[1]}',
    ),
    "nothing": (ReceivedRecord(), "--:--:--.--- -     -"),
    "event, body said by attributes": (
        ReceivedRecord(
            time_unix_nano=TIME,
            severity_number=9,
            event_name="machineStopped",
            body='{"addr":"192.168.1.1","duration":3600.0,"eventType":"machineStopped","tags":["a"]}',
            attributes={"eventType": "machineStopped", "addr": "192.168.1.1", "duration": 3600.0, "tags": ["a"]},
            trace_id=TRACE,
            resource_attributes=SHOP,
        ),
        '22:13:20.123 INFO  shop-front ◆ machineStopped  addr=192.168.1.1 duration=3600.0 tags=["a"]  5b8efff7',
    ),
    "event, body that says more": (
        ReceivedRecord(
            time_unix_nano=TIME, severity_number=9, body='{"a":1,"b":2}', attributes={"eventType": "stopped", "a": 1}
        ),
        '22:13:20.123 INFO  - ◆ stopped {"a":1,"b":2}  a=1',
    ),
    "event, body in words": (
        ReceivedRecord(time_unix_nano=TIME, severity_number=9, event_name="login", body="user came in"),
        "22:13:20.123 INFO  - ◆ login user came in",
    ),
    "event, body its name": (
        ReceivedRecord(time_unix_nano=TIME, severity_number=9, event_name="login", body="login"),
        "22:13:20.123 INFO  - ◆ login",
    ),
    "exception": (
        ReceivedRecord(
            time_unix_nano=TIME,
            severity_number=17,
            body="cannot pay",
            attributes={
                "order": 7,
                "exception.type": "ValueError",
                "exception.message": "no money",
                "exception.stacktrace": 'Traceback (most recent call):\n  File "x.py", line 1\nValueError: no\x1b[2J\n',
            },
        ),
        (
            "22:13:20.123 ERROR - cannot pay  order=7\n"
            "    | Traceback (most recent call):\n"
            '    |   File "x.py", line 1\n'
            "    | ValueError: no\\x1b[2J"
        ),
    ),
    "exception without stack": (
        ReceivedRecord(
            time_unix_nano=TIME,
            severity_number=17,
            body="cannot pay",
            attributes={"exception.type": "ValueError", "exception.message": "no\nmoney"},
        ),
        "22:13:20.123 ERROR - cannot pay\n    | ValueError: no\\nmoney",
    ),
}


@pytest.mark.parametrize("case", LINES)
def test_a_record_is_one_readable_line(case: str) -> None:
    """Time, severity, service, realm, logger, event, message, attributes and trace, each once and in this order."""
    record, line = LINES[case]

    assert shown(record) == line


def test_a_line_has_colours_where_wanted() -> None:
    """Severity, service, realm and events are coloured; keys, time and trace are dimmed."""
    record = ReceivedRecord(
        time_unix_nano=TIME,
        severity_number=13,
        event_name="stopped",
        attributes={"realm": "a/b", "n": 1},
        trace_id=TRACE,
        resource_attributes=SHOP,
    )

    assert shown(record, COLORED) == (
        "\x1b[2m22:13:20.123\x1b[0m \x1b[33mWARN \x1b[0m \x1b[1mshop-front\x1b[0m \x1b[35m[a/b]\x1b[0m "
        "\x1b[1;36m◆ stopped\x1b[0m  \x1b[2mn=\x1b[0m1  \x1b[2m5b8efff7\x1b[0m"
    )


def test_the_place_is_dim() -> None:
    """Where the call is stands behind all else, and does not shout."""
    record = ReceivedRecord(body="x", attributes={"code.file.path": "a.py", "code.line.number": 7})

    assert shown(record, COLORED).endswith(" x  \x1b[2m(a.py:7)\x1b[0m")


def test_a_span_is_one_readable_line() -> None:
    """Start, service, name, duration, kind, error, attributes and trace."""
    span = ReceivedSpan(
        name="GET /cart",
        kind=2,
        start_time_unix_nano=TIME,
        end_time_unix_nano=TIME + 12_340_000,
        status_code=2,
        status_message="no\nstock",
        attributes={"http.route": "/cart"},
        trace_id=TRACE,
        resource_attributes=SHOP,
    )

    assert format_span(span, PLAIN) == (
        "22:13:20.123 SPAN  shop-front ─ GET /cart 12.3 ms server error: no\\nstock  http.route=/cart  5b8efff7"
    )


# Escape sequences, carriage return, line feed, C1 controls, direction overrides, line separators, tags.
NASTY = "a\n\r\x1b[2J\x07\x08\x00\x7f\x85\x9b1m\u200f\u202e\u2028\u2066\ufeff\U000e0001z"


def test_no_text_can_steer_the_terminal_or_look_like_another_line() -> None:
    """Whatever field it is in, text that is not printable is shown escaped, and the record stays one line."""
    record = ReceivedRecord(
        time_unix_nano=TIME,
        severity_text=NASTY[1:],
        body=NASTY,
        event_name=NASTY,
        attributes={"realm": NASTY, NASTY: NASTY, "m": {NASTY: [NASTY]}, "exception.type": NASTY},
        scope_name=NASTY,
        trace_id=TRACE,
        resource_attributes={"service.name": NASTY},
    )
    first, second = shown(record).split("\n")

    assert all(character.isprintable() for character in first + second)
    assert second.startswith("    | a\\n\\r\\x1b[2J\\x07\\x08\\x00\\x7f\\x85\\x9b1m\\u200f\\u202e\\u2028")
    assert all(
        character.isprintable()
        for character in format_span(ReceivedSpan(name=NASTY, status_code=2, status_message=NASTY), PLAIN)
    )


def test_long_text_is_cut() -> None:
    """Bodies, values, names and stack traces are cut where they would fill the screen, and say by how much."""
    record = ReceivedRecord(
        body="b" * 4_010,
        event_name="e" * 201,
        attributes={"v": "v" * 1_005, "exception.stacktrace": "\n".join(f"line {n}" for n in range(100))},
    )
    first, *stack = shown(record).split("\n")

    assert "b" * 4_000 + "… (+10 characters)" in first
    assert "e" * 200 + "… (+1 characters)" in first
    assert "v" * 1_000 + "… (+5 characters)" in first
    assert len(stack) == 51
    assert stack[9:12] == ["    | line 9", "    | … 50 more lines …", "    | line 60"]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """True."""
        return True


@pytest.mark.parametrize(
    ("stream", "variables", "color", "expected"),
    [
        (io.StringIO(), {}, None, False),
        (Terminal(), {}, None, True),
        (Terminal(), {"TERM": "dumb"}, None, False),
        (Terminal(), {"NO_COLOR": "1"}, None, False),
        (Terminal(), {"NO_COLOR": ""}, None, True),
        (io.StringIO(), {"FORCE_COLOR": "1"}, None, True),
        (io.StringIO(), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, None, False),
        (io.StringIO(), {"NO_COLOR": "1"}, True, True),
        (Terminal(), {"FORCE_COLOR": "1"}, False, False),
    ],
)
def test_colours_follow_argument_environment_and_terminal(
    stream: io.StringIO,
    variables: dict[str, str],
    color: bool | None,
    expected: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An argument comes before NO_COLOR, that before FORCE_COLOR, and that before what the stream is."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert Style.of_stream(stream, color=color).color is expected


class Writes(io.StringIO):
    """A stream that notes each write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def write(self, text: str, /) -> int:
        """Note the text."""
        self.writes.append(text)
        return len(text)


def test_each_record_is_one_write() -> None:
    """A record and its stack trace go to the stream in one write, in the order sent, without colours if not wanted."""
    stream = Writes()
    with Receiver(http_port=0, grpc_port=None, show=stream, color=False) as receiver:
        provider = LoggerProvider(resource=Resource(SHOP))
        provider.add_log_record_processor(
            BatchLogRecordProcessor(OTLPLogExporter(endpoint=f"{receiver.http_endpoint}/v1/logs"))
        )
        logger = provider.get_logger("shop")
        logger.emit(body="one", severity_number=SeverityNumber.INFO)
        logger.emit(body="two", severity_number=SeverityNumber.ERROR, exception=ValueError("no"))
        provider.shutdown()
        receiver.wait_for(2)

    assert [text[13:] for text in stream.writes] == [
        "INFO  shop-front shop: one\n",
        "ERROR shop-front shop: two\n    | ValueError: no\n",
    ]


def test_what_the_encoding_lacks_is_escaped(sender: Callable[[Receiver], Send]) -> None:
    """On a stream that only knows ASCII, other characters are shown escaped."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    with Receiver(http_port=0, grpc_port=None, show=stream) as receiver:
        record = '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"eventName":"caf\\u00e9"}]}]}]}'
        sender(receiver)(record.encode(), headers={"Content-Type": "application/json"})

    assert raw.getvalue() == b"--:--:--.--- -     - \\u25c6 caf\\xe9\n"


def test_a_stream_that_fails_is_given_up(
    sender: Callable[[Receiver], Send], json_request: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """A closed stream costs the sender nothing; what comes is still received."""
    stream = io.StringIO()
    stream.close()
    with caplog.at_level(logging.ERROR), Receiver(http_port=0, grpc_port=None, show=stream) as receiver:
        send = sender(receiver)

        failed = [receiver.show_failed]

        assert send(json_request, headers={"Content-Type": "application/json"}).status == 200
        assert send(json_request, headers={"Content-Type": "application/json"}).status == 200
        failed.append(receiver.show_failed)

        assert failed == [False, True]
        assert receiver.received_records == 2


def test_spans_are_shown_if_wanted(sender: Callable[[Receiver], Send]) -> None:
    """Spans are shown with show_spans only."""
    request = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"GET"}]}]}]}'
    streams = io.StringIO(), io.StringIO()
    for stream, spans in zip(streams, (False, True), strict=True):
        with Receiver(http_port=0, grpc_port=None, show=stream, show_spans=spans, color=False) as receiver:
            sender(receiver)(request, path="/v1/traces", headers={"Content-Type": "application/json"})

    assert [stream.getvalue() for stream in streams] == ["", "--:--:--.--- SPAN  - ─ GET 0.0 ms\n"]


def test_times_are_local(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a zone the time is that of the place."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        line = format_record(ReceivedRecord(time_unix_nano=TIME, body="x"))
    finally:
        monkeypatch.undo()
        time.tzset()

    assert line == "07:13:20.123 -     - x"
