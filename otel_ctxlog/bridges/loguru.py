"""loguru: its records as OpenTelemetry log records, under the rules of a context.

::

    logger.add(LoguruSink(), level=0, filter=ContextFilter())

Needs loguru 0.7 or later: ``pip install 'otel-ctxlog[loguru]'``.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final, cast

from otel_ctxlog.bridges.loguru_capture import Capture
from otel_ctxlog.bridges.named_writers import BridgeWriter, NamedWriters
from otel_ctxlog.bridges.stdlib.feedback import BUSY, is_diagnostic_name, is_quiet
from otel_ctxlog.bridges.stdlib.once import is_written
from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.engine.levels import DEBUG, ERROR, INFO, TRACE, WARN
from otel_ctxlog.engine.messages import Realm
from otel_ctxlog.errors import MissingExtraError
from otel_ctxlog.loggers.context import LoggingContext
from otel_ctxlog.loggers.record_rules import Passed
from otel_ctxlog.otel.context import get_current
from otel_ctxlog.otel.severity import SeverityNumber

try:
    __import__("loguru")
except ImportError as error:
    raise MissingExtraError("otel_ctxlog.bridges.loguru", "loguru") from error

if TYPE_CHECKING:
    from loguru import Message, Record

__all__ = ["ContextFilter", "LoguruSink"]

_CAPTURE: Final = "otel_ctxlog"
"""Where in a record the capture is; beside loguru's own entries, so that no format shows it unasked."""

_REALM: Final = "realm"
_LEVEL_NAME: Final = "loguru.level"
_LEVEL_NAMES: Final = frozenset({"TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)

# The least number of each level, and the severity from there on, as the official handler for `logging` has them.
_BANDS: Final = (
    (50, int(ERROR), SeverityNumber.FATAL),
    (40, int(ERROR), SeverityNumber.ERROR),
    (30, int(WARN), SeverityNumber.WARN),
    (20, int(INFO), SeverityNumber.INFO),
    (10, int(DEBUG), SeverityNumber.DEBUG),
)


class ContextFilter:
    """Asks the rules of a context about a record, and keeps what the record's place and moment have to say.

    For ``logger.add(…, filter=ContextFilter())``: a handler gets what the rules let through. For
    ``logger.patch(ContextFilter().patcher)`` or ``logger.configure(patcher=…)``: the rules are asked before any handler
    is, and span and baggage are kept for a `LoguruSink` added with ``enqueue=True`` that has no filter. A record
    is asked about once, whoever comes first. Rules see what is bound (``extra``) as attributes; the realm is what is
    bound as ``realm``, else the name of the module with slashes for dots.

    What is logged because a record is being written or exported does not pass.

    Args:
        context: the context, live; None: the default one.
        realm: the realm of all records; None: as above.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: `realm` is empty.
    """

    def __init__(self, context: LoggingContext | None = None, *, realm: Realm | str | None = None) -> None:
        self._writers = NamedWriters(context, realm)

    def __call__(self, record: Record) -> bool:
        """Return whether the rules let the record through; raises nothing."""
        if is_quiet(get_current()):
            return False
        token = BUSY.set(True)
        try:
            return _decided(record, self._writers)[1] is not None
        except Exception as error:  # noqa: BLE001 - a logging call never raises
            report_once(self, f"a record of loguru is off: {type(error).__name__}", error=error)
            return False
        finally:
            BUSY.reset(token)

    def patcher(self, record: Record) -> None:
        """Ask the rules about the record, and keep the answer with it; raises nothing."""
        self(record)


class LoguruSink:
    """A sink that writes records as log records, if the rules of a context let them through.

    The message is the body; what is bound, and where the call is (``code.*`` of the semantic conventions), are
    attributes; the exception is the record's own. The module's name is the OTel scope and, with slashes for dots, the
    realm. What a `ContextFilter` of the same context has decided is not asked again.

    With ``enqueue=True`` it runs in another thread: add it with a `ContextFilter`, which keeps span, baggage and
    everything else that belongs to the moment of the call.

    A record that ``logging`` hands on to loguru (the ``InterceptHandler`` of loguru's documentation), and that
    `stdlib.install` has written to the same context, is not written again; with ``enqueue=True`` nothing tells.

    Args:
        context: the context, live; None: the default one.
        realm: the realm of all records; None: what is bound as ``realm``, else that of the module's name.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: `realm` is empty.
    """

    def __init__(self, context: LoggingContext | None = None, *, realm: Realm | str | None = None) -> None:
        self._writers = NamedWriters(context, realm)

    def __call__(self, message: Message) -> None:
        """Write one record; raises nothing."""
        if is_quiet(get_current()) or is_diagnostic_name(message.record["name"] or ""):
            return
        token = BUSY.set(True)
        try:
            if not is_written(self._writers.core, message.record["message"]):
                self._write(message.record)
        except Exception as error:  # noqa: BLE001 - a logging call never raises
            report_once(self, f"a record of loguru is lost: {type(error).__name__}", error=error)
        finally:
            BUSY.reset(token)

    def _write(self, record: Record) -> None:
        writer, passed, capture = _decided(record, self._writers)
        if passed is None:
            return
        level, severity = _level(record["level"].no)
        exception = record["exception"]
        writer.write_passed(
            passed,
            level,
            record["message"],
            (capture.kept, record["extra"], _place(record)),
            context=capture.context,
            exception=None if exception is None else exception.value,
            severity=severity,
            timestamp=(record["time"] - _EPOCH) // timedelta(microseconds=1) * 1000,
        )


def _decided(record: Record, writers: NamedWriters) -> tuple[BridgeWriter, Passed | None, Capture]:
    """Return who writes a record, whether the rules let it through, and what was kept; the rules are asked once."""
    entries = cast("dict[str, Any]", record)
    capture = entries.get(_CAPTURE)
    if not isinstance(capture, Capture):
        capture = entries[_CAPTURE] = Capture(get_current(), record["exception"])
    extra = record["extra"]
    realm = extra.get(_REALM)
    writer = writers.writer(record["name"] or "", realm if isinstance(realm, str) else "")
    known = capture.decisions.get(id(writers.core))
    if known is None:
        known = writer.decide(_level(record["level"].no)[0], capture.context, extra) or False
        capture.decisions[id(writers.core)] = known
    if known is True:
        # Decided before the record went through a queue.
        known = writer.passed_anyway()
    return writer, known or None, capture


def _level(number: int) -> tuple[int, SeverityNumber | None]:
    """Return level and severity of a level number; None where the level says it."""
    for least, level, severity in _BANDS:
        if number >= least:
            above = number - least
            if above == 0 and severity is not SeverityNumber.FATAL:
                return level, None
            return level, SeverityNumber(severity.value + min(above, 3))
    return int(TRACE), None


def _place(record: Record) -> dict[str, object]:
    """Return where a call is (semantic conventions, code attributes), and the name of a level that loguru adds."""
    place: dict[str, object] = {
        "code.function.name": record["function"],
        "code.file.path": record["file"].path,
        "code.line.number": record["line"],
    }
    if record["level"].name not in _LEVEL_NAMES:
        place[_LEVEL_NAME] = record["level"].name
    return place
