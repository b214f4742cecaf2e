from __future__ import annotations

import io
import json
import logging
import logging.config
import logging.handlers
import queue
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import context, trace
from opentelemetry.trace import NonRecordingSpan, SpanContext

from otel_ctxlog.console import ConsoleHandler, HumanFormat, JsonLinesFormat


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    made = logging.getLogger("console.test")
    made.setLevel(1)
    made.propagate = False
    yield made
    made.handlers.clear()


SHORT = HumanFormat(time="none")


def shown(log: logging.Logger, style: Any = SHORT) -> io.StringIO:
    out = io.StringIO()
    log.handlers[:] = [ConsoleHandler(out, format=style)]
    return out


def test_a_standard_record_looks_as_all_others(log: logging.Logger) -> None:
    """Arguments are put in, `extra` gives fields, and `{{field}}` takes them."""
    out = shown(log)
    log.info("hello")
    log.warning("%d rows in {{ms}}", 3, extra={"ms": 1.5, "user": {"id": 7}, "realm": "shop/db"})

    assert out.getvalue().splitlines() == [
        "INFO  console.test: hello",
        'WARN  console.test [shop/db] 3 rows in 1.5  user={"id":7}',
    ]


@pytest.mark.parametrize(
    ("number", "label"),
    [(5, "TRACE"), (10, "DEBUG"), (15, "DEBUG"), (20, "INFO "), (30, "WARN "), (40, "ERROR"), (50, "FATAL")],
)  # fmt: skip
def test_standard_levels_get_our_names(log: logging.Logger, number: int, label: str) -> None:
    """A number between two levels belongs to the lower one."""
    out = shown(log)
    log.log(number, "x")

    assert out.getvalue() == f"{label} console.test: x\n"


def test_a_level_with_a_name_of_its_own_keeps_it(log: logging.Logger) -> None:
    """What was named by `addLevelName` is shown so."""
    logging.addLevelName(25, "NOTICE")
    try:
        out = shown(log, JsonLinesFormat())
        log.log(25, "x")
    finally:
        logging._nameToLevel.pop("NOTICE")
        logging._levelToName.pop(25)

    assert json.loads(out.getvalue())["level"] == "NOTICE"


def test_exceptions_and_stacks_are_shown(log: logging.Logger) -> None:
    """`exc_info` and `stack_info` stand below; a traceback that is text only, as from another process, too."""
    out = shown(log)
    try:
        raise ValueError("bad")  # noqa: TRY301 - its traceback is the point
    except ValueError:
        log.exception("failed", stack_info=True)
    lines = out.getvalue().splitlines()
    assert lines[0] == "ERROR console.test: failed"
    assert "    ValueError: bad" in lines
    assert "    Stack (most recent call last):" in lines

    out = shown(log)
    log.handle(
        logging.makeLogRecord(
            {"msg": "m", "levelno": 40, "levelname": "ERROR", "name": "", "exc_text": "Trace\n  Error"}
        )
    )
    assert out.getvalue() == "ERROR m\n    Trace\n      Error\n"


def test_a_message_that_does_not_fit_its_arguments_is_kept(log: logging.Logger, capsys: Any) -> None:
    """The record goes out with what it has, and `logging` prints no traceback about it."""
    out = shown(log)
    log.info("%s and %s", "one")  # noqa: PLE1206 - that is what happens
    log.info("%d", object)

    assert out.getvalue().splitlines() == [
        "INFO  console.test: %s and %s ('one',) !ERROR: TypeError: not enough arguments for format string",
        "INFO  console.test: %d (<class 'object'>,) !ERROR: TypeError: %d format: a real number is required, not type",
    ]
    assert capsys.readouterr().err == ""


def test_the_trace_of_the_caller_is_on_the_record(log: logging.Logger) -> None:
    """A record has the trace and span that it was written in."""
    out = shown(log, JsonLinesFormat())
    span = NonRecordingSpan(SpanContext(0xAB, 0xCD, is_remote=False))
    token = context.attach(trace.set_span_in_context(span))
    try:
        log.info("x")
    finally:
        context.detach(token)

    found = json.loads(out.getvalue())
    assert (found["trace_id"], found["span_id"]) == (f"{0xAB:032x}", f"{0xCD:016x}")


def test_the_time_is_that_of_the_record(log: logging.Logger) -> None:
    """Milliseconds are not lost in the float that `logging` keeps."""
    out = shown(log, HumanFormat())
    for milliseconds in (1, 123, 999):
        log.handle(logging.makeLogRecord({"created": 1_700_000_000 + milliseconds / 1000, "levelno": 20, "msg": "x"}))

    assert [line[20:23] for line in out.getvalue().splitlines()] == ["001", "123", "999"]


def test_every_extra_is_a_field_whatever_the_order(log: logging.Logger) -> None:
    """Records whose own attributes were deleted or added lose and gain no field."""
    out = shown(log)
    record = logging.LogRecord("n", 20, "p", 1, "x", (), None)
    record.first = 1
    for name in ("relativeCreated", "process", "stack_info"):
        delattr(record, name)
    log.handle(record)
    record.first, record.stack_info, record.message, record.asctime = 1, None, "x", "now"
    log.handle(record)

    assert out.getvalue() == "INFO  n: x  first=1\n" * 2


def test_a_configuration_names_it(tmp_path: Path) -> None:
    """`dictConfig` makes a handler from its name, and a formatter for the handler of a file."""
    path = tmp_path / "log.jsonl"
    out, sys.stdout = sys.stdout, io.StringIO()
    try:
        logging.config.dictConfig(
            {
                "version": 1,
                "disable_existing_loggers": False,
                "formatters": {"lines": {"()": "otel_ctxlog.console.ConsoleFormatter", "format": "json"}},
                "handlers": {
                    "console": {
                        "class": "otel_ctxlog.console.ConsoleHandler",
                        "level": "WARNING",
                        "stream": "ext://sys.stdout",
                        "format": "json",
                    },
                    "file": {"class": "logging.FileHandler", "filename": str(path), "formatter": "lines"},
                },
                "loggers": {"console.test": {"handlers": ["console", "file"], "level": "DEBUG", "propagate": False}},
            }
        )
        log = logging.getLogger("console.test")
        log.info("too fine for the console", extra={"n": 1})
        log.warning("hello", extra={"n": 2})
        text = sys.stdout.getvalue()
    finally:
        sys.stdout = out
        for handler in [*logging.getLogger("console.test").handlers]:
            handler.close()
        logging.getLogger("console.test").handlers.clear()

    assert [json.loads(line)["n"] for line in text.splitlines()] == [2]
    assert [json.loads(line)["n"] for line in path.read_text().splitlines()] == [1, 2]


def test_basic_config_leaves_the_format_alone(log: logging.Logger) -> None:
    """`basicConfig` gives handlers without a formatter one of its own, but not this one; an explicit one is used."""
    out = shown(log)
    root = logging.getLogger()
    before = root.handlers[:]
    root.handlers.clear()
    try:
        logging.basicConfig(handlers=log.handlers)
    finally:
        root.handlers[:] = before
    log.info("ours")
    log.handlers[0].setFormatter(logging.Formatter("theirs: %(message)s"))
    log.info("x")
    log.handlers[0].setFormatter(logging.Formatter("%(absent)s"))
    log.info("without it")

    assert out.getvalue() == "INFO  console.test: ours\ntheirs: x\nINFO  console.test: without it\n"
    assert log.handlers[0].format(logging.makeLogRecord({"msg": "x", "absent": 1})) == "1"


def test_filters_queues_and_warnings_work_as_with_every_handler(log: logging.Logger) -> None:
    """A handler's level and filters count, also where they are asked by a queue's listener; warnings arrive."""
    out = shown(log)
    handler = log.handlers[0]
    handler.addFilter(lambda record: record.getMessage() != "no")
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    log.handlers[:] = [logging.handlers.QueueHandler(waiting)]
    listener = logging.handlers.QueueListener(waiting, handler)
    listener.start()
    log.info("no")
    log.info("yes %s", 1, extra={"a": 1})
    listener.stop()
    logging.captureWarnings(True)
    try:
        logging.getLogger("py.warnings").addHandler(handler)
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("careful", UserWarning, stacklevel=1)
    finally:
        logging.captureWarnings(False)
        logging.getLogger("py.warnings").removeHandler(handler)

    lines = out.getvalue().splitlines()
    assert lines[0] == "INFO  console.test: yes 1  a=1"
    assert lines[1].startswith("WARN  py.warnings: ")
    assert "UserWarning: careful" in lines[1]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="filters replace records since Python 3.12")
def test_a_filter_may_replace_the_record(log: logging.Logger) -> None:
    """What a filter gives in place of a record is written."""
    out = shown(log)

    def replaced(record: logging.LogRecord) -> Any:
        return logging.makeLogRecord({**record.__dict__, "msg": "other"})

    log.handlers[0].addFilter(replaced)
    log.info("x")

    assert out.getvalue() == "INFO  console.test: other\n"


@pytest.mark.parametrize(
    "given",
    [
        {"levelno": "high", "levelname": None, "name": None, "created": 0},
        {"args": {"a": 1}, "msg": "%(b)s"},
        {"exc_info": True},
        {"exc_info": (None, None, None)},
        {"exc_info": ()},
        {"exc_info": (ValueError,)},
        {"msg": None, "name": 5, "stack_info": 7},
        {"created": float("nan")},
        {"created": None},
    ],
)
def test_a_record_of_strange_things_raises_nothing(log: logging.Logger, given: dict[str, Any]) -> None:
    """Whatever a record was made of, a line comes out."""
    for style in (HumanFormat(), JsonLinesFormat()):
        out = shown(log, style)
        log.handlers[0].handle(logging.makeLogRecord(given))
        assert out.getvalue().endswith("\n")
        assert out.getvalue().startswith(("1970-01-01T00:00:00.000Z", "2", '{"time":'))


@pytest.mark.parametrize("info", [(), (ValueError,)])
def test_exceptions_that_are_none_raise_nothing(log: logging.Logger, info: Any) -> None:
    """A call with a tuple too short for an exception is shown without one, as `logging` itself does."""
    out = shown(log)
    log.error("x", exc_info=info)

    assert out.getvalue() == "ERROR console.test: x\n"


@pytest.mark.parametrize("missing", ["created", "levelname", "levelno", "name", "msg", "args", "exc_info"])
def test_a_record_that_lacks_something_costs_one_diagnostic(
    log: logging.Logger, caplog: pytest.LogCaptureFixture, missing: str
) -> None:
    """What is shown of a record from elsewhere may be nothing, but the call returns and the next record is shown."""
    out = shown(log)
    record = logging.makeLogRecord({"msg": "broken"})
    delattr(record, missing)
    log.handlers[0].handle(record)
    log.handlers[0].handle(logging.makeLogRecord({"msg": "x", "levelname": ["unhashable"]}))
    log.info("whole")

    assert out.getvalue().splitlines()[-1] == "INFO  console.test: whole"
    assert all("cannot be shown" in message for message in caplog.messages)
