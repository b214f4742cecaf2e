"""What is on a bridged record, next to what OpenTelemetry's own handler puts there."""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry._logs import SeverityNumber
from opentelemetry.instrumentation.logging.handler import LoggingHandler  # pyright: ignore[reportMissingTypeStubs]
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider

import otel_ctxlog as cl
from otel_ctxlog.bridges import stdlib

from .conftest import Kept

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk._logs import ReadableLogRecord

    Records = Callable[[], list[ReadableLogRecord]]


def test_a_record_is_the_official_one_and_a_realm(
    ctx: cl.LoggingContext, logger: logging.Logger, records: Records
) -> None:
    """Body, scope, severity, time, trace and attributes are those of the official handler, which adds no thread."""
    official = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    beside = LoggerProvider(shutdown_on_exit=False)
    beside.add_log_record_processor(SimpleLogRecordProcessor(official))
    logger.addHandler(LoggingHandler(logger_provider=beside, log_code_attributes=True))
    logger.setLevel(logging.INFO)
    stdlib.install(ctx)
    tracing = TracerProvider(shutdown_on_exit=False)
    with tracing.get_tracer("t").start_as_current_span("request"):
        logger.warning("order %d of %s", 7, "acme", extra={"order": 7, "goods": ["a", "b"]})
    [ours], [theirs] = records(), official.get_finished_logs()
    beside.shutdown()
    tracing.shutdown()

    assert ours.log_record.attributes is not None
    assert theirs.log_record.attributes is not None
    assert dict(ours.log_record.attributes) == {
        **theirs.log_record.attributes,
        "realm": logger.name.replace(".", "/"),
    }
    for name in ("body", "severity_number", "severity_text", "timestamp", "trace_id", "span_id", "event_name"):
        assert getattr(ours.log_record, name) == getattr(theirs.log_record, name), name
    assert ours.instrumentation_scope is not None
    assert theirs.instrumentation_scope is not None
    assert ours.instrumentation_scope.name == theirs.instrumentation_scope.name == logger.name


def test_a_record_is_the_same_with_and_without_other_handlers(
    ctx: cl.LoggingContext, logger: logging.Logger, records: Records
) -> None:
    """Where nobody else gets a record of ``logging``, none is made; what goes to OTel is the same to the letter."""
    stdlib.install(ctx)
    logger.setLevel(logging.INFO)
    logger.propagate = False  # the test runner listens at root
    heard: list[int] = []

    def everything() -> None:
        caught = KeyError("x")
        logger.info("plain")
        logger.info("%s of %d", "a", 5, extra={"order": 7, "otelTraceID": 0, "event.name": "e"})
        logger.info("%(x)s", {"x": 1})
        logger.info("%d", "x")
        logger.info("%s", ["x"])
        logger.info({"map": 1})
        logger.log(25, "between", stacklevel=1)
        logger.critical("c", exc_info=caught)
        logger.error("d", exc_info=(KeyError, caught, None))
        logger.info("e", stack_info=True)
        logger.info("umlaut ä \udcff", extra={"ä": "\udcff", "o": object})
        with pytest.raises(KeyError, match="Attempt to overwrite"):
            logger.info("x", extra={"name": "x"})  # noqa: G101 - the very point

    def seen() -> list[object]:
        return [
            (
                record.instrumentation_scope,
                one.body,
                one.severity_number,
                {key: value for key, value in (one.attributes or {}).items() if key != "code.stacktrace"},
                one.event_name,
            )
            for record in records()
            for one in (record.log_record,)
        ]

    alone: list[object] = []
    for handler in (logging.NullHandler(), Kept()):
        logger.addHandler(handler)
        everything()
        alone = alone or seen()
        heard.append(len(handler.records) if isinstance(handler, Kept) else 0)

    assert heard == [0, 11]
    assert len(alone) == 11
    assert seen()[11:] == alone


def test_the_code_location_is_that_of_the_call(
    ctx: cl.LoggingContext, logger: logging.Logger, records: Records
) -> None:
    """Also through an adapter, ``stacklevel`` and ``exception``; ``stack_info`` is ``code.stacktrace``."""
    stdlib.install(ctx)

    def below() -> None:
        logger.info("of the caller", stacklevel=2)

    line = sys._getframe().f_lineno
    logger.info("direct", stack_info=True)
    logging.LoggerAdapter(logger, {}).info("adapter")
    below()
    found = [record.log_record.attributes or {} for record in records()]

    assert [one["code.line.number"] for one in found] == [line + 1, line + 2, line + 3]
    assert {str(one["code.file.path"]) for one in found} == {__file__}
    assert {str(one["code.function.name"]) for one in found} == {"test_the_code_location_is_that_of_the_call"}
    assert str(found[0]["code.stacktrace"]).startswith("Stack (most recent call last)")


@pytest.mark.parametrize("wanted", [False, True], ids=["written alone", "beside a handler"])
def test_a_stacklevel_beyond_the_stack_names_what_logging_names(
    ctx: cl.LoggingContext, logger: logging.Logger, records: Records, wanted: bool
) -> None:
    """The place of such a call is never in this library; it is that of the same call without a bridge."""
    kept = Kept()
    logger.addHandler(kept)
    logger.setLevel(logging.INFO)
    logger.propagate = False

    def below() -> None:
        logger.info("x", stacklevel=10_000)

    below()
    kept.setLevel(logging.INFO if wanted else logging.CRITICAL)
    stdlib.install(ctx)
    below()
    [found] = records()

    assert (found.log_record.attributes or {})["code.file.path"] == kept.records[0].pathname
    assert (found.log_record.attributes or {})["code.function.name"] == kept.records[0].funcName
    assert [record.funcName for record in kept.records] == [kept.records[0].funcName] * (1 + wanted)


@pytest.mark.parametrize(
    ("levelno", "expected", "name"),
    [
        (3, SeverityNumber.TRACE, "Level 3"),
        (10, SeverityNumber.DEBUG, None),
        (15, SeverityNumber.DEBUG, "Level 15"),
        (20, SeverityNumber.INFO, None),
        (25, SeverityNumber.INFO, "Level 25"),
        (30, SeverityNumber.WARN, None),
        (40, SeverityNumber.ERROR, None),
        (50, SeverityNumber.FATAL, None),
        (60, SeverityNumber.FATAL, "Level 60"),
    ],
)
def test_levels_become_severities(
    ctx: cl.LoggingContext,
    logger: logging.Logger,
    records: Records,
    levelno: int,
    expected: SeverityNumber,
    name: str | None,
) -> None:
    """What lies between two levels counts as the more verbose; the name of such a level is kept."""
    stdlib.install(ctx)
    ctx.default_level = cl.TRACE
    logger.log(levelno, "x")
    [found] = records()

    assert found.log_record.severity_number == expected
    assert found.log_record.severity_text == expected.name
    assert (found.log_record.attributes or {}).get("log.level") == name


def test_critical_passes_where_errors_pass(ctx: cl.LoggingContext, logger: logging.Logger, records: Records) -> None:
    """CRITICAL is an error to the rules."""
    stdlib.install(ctx)
    ctx.default_level = cl.ERROR
    logger.warning("off")
    logger.critical("on")

    assert [record.log_record.body for record in records()] == ["on"]


def test_an_exception_is_the_records_own(ctx: cl.LoggingContext, logger: logging.Logger, records: Records) -> None:
    """Whichever way it was given; text that was formatted elsewhere is kept as the stack trace."""
    stdlib.install(ctx)
    caught = KeyError()
    try:
        dict[str, str]()["stock"]
    except KeyError as error:
        logger.exception("a")
        caught = error
    logger.error("b", exc_info=caught)
    logger.error("c", exc_info=(type(caught), caught, caught.__traceback__))
    logger.error("none", exc_info=True)  # noqa: LOG014 - as it happens in real code
    logger.handle(logging.makeLogRecord({"levelno": 40, "msg": "far", "exc_text": "Traceback of another process"}))
    found = [record.log_record.attributes or {} for record in records()]

    for one in found[:3]:
        assert (one["exception.type"], one["exception.message"]) == ("KeyError", "'stock'")
        assert "test_an_exception_is_the_records_own" in str(one["exception.stacktrace"])
    assert "exception.type" not in found[3]
    assert found[4]["exception.stacktrace"] == "Traceback of another process"


def test_objects_logged_as_messages_keep_their_structure(
    ctx: cl.LoggingContext, logger: logging.Logger, records: Records
) -> None:
    """What OpenTelemetry can say stays as it is; of anything else the text."""
    stdlib.install(ctx)
    for message in ({"a": [1, 2]}, ["x", 1], 5, None, LookupError("text"), "plain %s"):
        logger.info(message)

    assert [record.log_record.body for record in records()] == [{"a": [1, 2]}, ["x", 1], 5, None, "text", "plain %s"]


def test_a_record_that_cannot_be_formatted_is_not_lost(
    ctx: cl.LoggingContext, logger: logging.Logger, records: Records
) -> None:
    """Wrong arguments, a ``__str__`` that raises, values of any kind, keys that are none: all go out."""

    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError

    stdlib.install(ctx)
    logger.info("%d apples", "five")
    logger.info("%s", Hostile())
    logger.info("x", extra={"object": Hostile(), "\udcff": "\udcff", "big": 2**70})
    odd: dict[Any, object] = {"levelno": 20, "msg": "y", 5: "number as key", "created": "never"}
    logger.handle(logging.makeLogRecord(odd))
    found = [(record.log_record.body, dict(record.log_record.attributes or {})) for record in records()]

    assert found[0][0] == "%d apples"
    assert "TypeError with arguments ('five',)" in str(found[0][1]["!BADKEY"])
    assert found[1][0] == "%s"
    assert found[2][1]["big"] == str(2**70)
    assert str(found[2][1]["object"]).startswith("!ERROR")
    assert found[3][1]["!BADKEY"] == ("5: number as key",)


def test_an_extra_may_name_an_event(ctx: cl.LoggingContext, logger: logging.Logger, records: Records) -> None:
    """As with the official handler, ``otel.event.name`` becomes the record's event name."""
    stdlib.install(ctx)
    logger.info("x", extra={"otel.event.name": "orderPlaced", "total": 3})
    [found] = records()

    assert found.log_record.event_name == "orderPlaced"
    assert "otel.event.name" not in (found.log_record.attributes or {})


def test_an_event_name_that_is_no_text_is_an_attribute(
    ctx: cl.LoggingContext, logger: logging.Logger, records: Records
) -> None:
    """Nothing that was given as an extra disappears; the older key counts where the newer one is no name."""
    stdlib.install(ctx)
    logger.info("x", extra={"event.name": 5})
    logger.info("x", extra={"otel.event.name": 5, "event.name": "orderPlaced"})
    first, second = (record.log_record for record in records())

    assert (first.event_name, (first.attributes or {})["event.name"]) == (None, 5)
    assert (second.event_name, (second.attributes or {})["otel.event.name"]) == ("orderPlaced", 5)
    assert "event.name" not in (second.attributes or {})


def test_what_the_official_record_factory_adds_is_left_out(
    ctx: cl.LoggingContext, logger: logging.Logger, records: Records
) -> None:
    """Trace ids as attributes would repeat what the record itself has."""
    stdlib.install(ctx)
    logger.info("x", extra={"otelTraceID": "0", "otelSpanID": "0", "otelTraceSampled": False, "otelServiceName": "s"})
    [found] = records()

    assert not [key for key in found.log_record.attributes or {} if key.startswith("otel")]


def test_arguments_are_formatted_only_for_who_wants_the_record(logger: logging.Logger) -> None:
    """A sink that does not want the record costs no formatting."""

    class Sink:
        def enabled(self, level: int) -> bool:
            return False

        def emit(self, **fields: object) -> None:
            raise AssertionError

    class Counting:
        texts = 0

        def __str__(self) -> str:
            Counting.texts += 1
            return "x"

    stdlib.install(cl.LoggingContext(Sink()))
    logger.info("%s", Counting())

    assert Counting.texts == 0


def test_what_arguments_log_while_they_are_formatted_is_bridged(
    ctx: cl.LoggingContext, logger: logging.Logger, records: Records
) -> None:
    """It is the application that logs there, not the writing of a record."""

    class Loading:
        def __str__(self) -> str:
            logger.info("loaded")
            return "object"

    stdlib.install(ctx)
    logger.info("%s", Loading())

    assert [record.log_record.body for record in records()] == ["loaded", "object"]


def test_records_of_a_thread_without_context_have_no_trace(
    ctx: cl.LoggingContext, logger: logging.Logger, records: Records
) -> None:
    """The context is that of the call, in its own thread."""
    stdlib.install(ctx)
    tracing = TracerProvider(shutdown_on_exit=False)
    with tracing.get_tracer("t").start_as_current_span("request"):
        thread = threading.Thread(target=lambda: logger.info("elsewhere"))
        thread.start()
        thread.join()
    tracing.shutdown()
    [found] = records()

    if sys.version_info < (3, 14):
        assert not found.log_record.trace_id
