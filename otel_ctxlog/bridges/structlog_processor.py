"""The processor: an event of structlog as a log record."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from datetime import datetime, timedelta, timezone
from functools import partial
from pickle import PicklingError
from types import FrameType
from typing import Any, Final, NamedTuple, TypeAlias, cast

import structlog

from otel_ctxlog.bridges.named_writers import BridgeWriter, NamedWriters
from otel_ctxlog.bridges.stdlib.feedback import BUSY, is_quiet
from otel_ctxlog.bridges.structlog_names import LOGGER_KEYS, REALM_KEY, name_of, realm_of
from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.engine.fields import IGNORE
from otel_ctxlog.engine.levels import DEBUG, ERROR, INFO, TRACE, WARN
from otel_ctxlog.engine.messages import Realm
from otel_ctxlog.loggers.context import LoggingContext
from otel_ctxlog.loggers.record_rules import Passed
from otel_ctxlog.otel.context import Context, get_current
from otel_ctxlog.otel.severity import FATAL, SeverityNumber

__all__ = ["DECIDED", "LEVELS", "ContextProcessor", "Decided"]

Event: TypeAlias = MutableMapping[str, Any]

LEVELS: Final[Mapping[str, int]] = {
    "critical": int(ERROR),
    "fatal": int(ERROR),
    "exception": int(ERROR),
    "error": int(ERROR),
    "err": int(ERROR),
    "failure": int(ERROR),
    "warning": int(WARN),
    "warn": int(WARN),
    "info": int(INFO),
    "msg": int(INFO),
    "debug": int(DEBUG),
    "trace": int(TRACE),
    "notset": int(TRACE),
}
"""The level of each method of structlog's loggers."""

_FATAL: Final = frozenset({"critical", "fatal"})
# What other processors make of the call, and what is not a fact about the event.
_LEVEL_KEYS: Final = frozenset({"level", "log_level"})
_NEVER: Final = frozenset(
    {"exc_info", "stack_info", "level_number", "positional_args", "_record", "_from_structlog", *LOGGER_KEYS, REALM_KEY}
)
# OpenTelemetry semantic conventions
_STACK: Final = "code.stacktrace"
_STACKTRACE: Final = "exception.stacktrace"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LATEST: Final = 253_402_300_800  # the year 10000, in seconds
_OURS: Final = frozenset({"structlog", "otel_ctxlog"})


class Decided(NamedTuple):
    """That a bound logger has asked the rules already, on its way through the chain.

    Attributes:
        owner: the core of the context whose rules they are.
        logger: the wrapped logger of the call.
        writer: what writes the record.
        passed: the decision.
        level: the level of the call.
        context: the OTel context of the call.
        asked: names of what the record has because rules looked at it.
    """

    owner: object
    logger: object
    writer: BridgeWriter
    passed: Passed
    level: int
    context: Context
    asked: frozenset[str]


DECIDED: Final[ContextVar[Decided | None]] = ContextVar("otel_ctxlog_structlog_decided", default=None)


class ContextProcessor:
    """A processor that writes an event as a log record, if the rules of a context let it through.

    The event is the body, what else the event has are attributes, ``exc_info`` is the exception. The name of the
    logger (``logger`` or ``logger_name`` in the event, else the wrapped logger's ``name``) is the OTel scope and, with
    slashes for dots, the realm; what is bound as ``realm`` is the realm instead. Rules see all of it as attributes,
    unless a bound logger of ours has asked them before (`make_context_bound_logger`).

    It understands what structlog's own processors make of an event, wherever it stands among them; in front of
    ``format_exc_info`` and ``dict_tracebacks`` it gets the exception itself.

    A copy is the processor itself. It can be pickled unless it has a context of its own.

    Args:
        context: the context, live; None: the default one.
        final: whether the chain ends here: ``structlog.DropEvent`` is raised, so that nothing is written elsewhere. If
            not, the event is passed on as it came, also where the rules did not let it through.
        realm: the realm of all records; None: that of the logger's name.
        event_key: the key of the event (``structlog.processors.EventRenamer`` changes it).
        merge_contextvars: whether what is bound by ``structlog.contextvars`` is put on records, and seen by rules, even
            if ``structlog.contextvars.merge_contextvars`` is not in the chain.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: `realm` is empty.
    """

    def __init__(
        self,
        context: LoggingContext | None = None,
        *,
        final: bool = True,
        realm: Realm | str | None = None,
        event_key: str = "event",
        merge_contextvars: bool = True,
    ) -> None:
        self._writers = NamedWriters(context, realm)
        self._has_own_context = context is not None
        self._realm = realm
        self._final = final
        self._event_key = event_key
        self._merge = merge_contextvars

    # Bound loggers have their processors among what is copied and pickled.
    def __copy__(self) -> ContextProcessor:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> ContextProcessor:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        if self._has_own_context:
            raise PicklingError("a ContextProcessor with a context of its own cannot be pickled: use the default one")
        options: dict[str, Any] = {
            "final": self._final,
            "realm": self._realm,
            "event_key": self._event_key,
            "merge_contextvars": self._merge,
        }
        return partial(type(self), **options), ()

    def __call__(
        self, logger: object, method_name: str, event_dict: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Write the event; return it, unless the chain ends here.

        Raises:
            structlog.DropEvent: the chain ends here.
        """
        context = get_current()
        if not is_quiet(context):
            token = BUSY.set(True)
            try:
                self._write(logger, method_name, event_dict, context)
            except Exception as error:  # noqa: BLE001 - a logging call never raises
                report_once(self, f"an event of structlog is lost: {type(error).__name__}", error=error)
            finally:
                BUSY.reset(token)
        if self._final:
            raise structlog.DropEvent
        return event_dict

    def _write(self, logger: object, method: str, event_dict: Mapping[str, Any], context: Context) -> None:
        event = {**structlog.contextvars.get_contextvars(), **event_dict} if self._merge else dict(event_dict)
        severity = FATAL if method in _FATAL else None
        decided = DECIDED.get()
        if decided is not None and decided.owner is self._writers.core and decided.logger is logger:
            fields = {**dict.fromkeys(decided.asked, IGNORE), **self._attributes(event)}
            level, context = decided.level, decided.context
            writer, passed = decided.writer, decided.passed
        else:
            level, severity = _level(method, event, severity)
            writer = self._writers.writer(name_of(event, logger), realm_of(event))
            fields = self._attributes(event)
            found = writer.decide(level, context, fields)
            if found is None:
                return
            passed = found
        # structlog's generic bound logger leaves it to others to find the exception of `exception()`.
        body, exception = self._body(event), _exception(event.get("exc_info", method == "exception"))
        timestamp = _nanoseconds(event.get("timestamp"))
        if timestamp is not None:
            fields.pop("timestamp", None)
        _add_traces(event, fields, exception)
        writer.write_passed(
            passed, level, body, (fields,), context=context, exception=exception, severity=severity, timestamp=timestamp
        )

    def _attributes(self, event: Mapping[str, Any]) -> dict[str, object]:
        """Return what of an event becomes an attribute."""
        return {
            key: value
            for key, value in event.items()
            if key not in _NEVER
            and key != self._event_key
            and not (key in _LEVEL_KEYS and type(value) is str and value.lower() in LEVELS)
        }

    def _body(self, event: Mapping[str, Any]) -> object:
        body = event.get(self._event_key)
        arguments = event.get("positional_args")
        if not arguments or not isinstance(body, str):
            return body
        try:
            return body % arguments
        except Exception:  # noqa: BLE001 - arguments of the user that do not fit
            return f"{body} {arguments!r}"


def _level(method: str, event: Mapping[str, Any], severity: SeverityNumber | None) -> tuple[int, SeverityNumber | None]:
    """Return level and severity of an event: by the method, else by what the event says, else Info."""
    level = LEVELS.get(method)
    if level is not None and method != "notset":
        return level, severity
    for key in ("level", "log_level"):
        text = event.get(key)
        if type(text) is str and text.lower() in LEVELS:
            return LEVELS[text.lower()], FATAL if text.lower() in _FATAL else None
    return (int(INFO) if level is None else level), severity


def _exception(exc_info: object) -> BaseException | None:
    """Return the exception that an ``exc_info`` means: itself, the one in a tuple, or for True the current one."""
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        parts = cast("tuple[object, ...]", exc_info)
        return next((part for part in parts if isinstance(part, BaseException)), None)
    return sys.exc_info()[1] if exc_info else None


def _add_traces(event: Mapping[str, Any], fields: dict[str, object], exception: BaseException | None) -> None:
    """Rename what other processors have made of exception and stack to what the semantic conventions call it."""
    text = event.get("exception")
    if isinstance(text, str) and "exc_info" not in event:
        fields.pop("exception", None)
        if exception is None:
            fields[_STACKTRACE] = text
    stack = event.get("stack")
    if isinstance(stack, str):
        fields.pop("stack", None)
        fields[_STACK] = stack
    elif event.get("stack_info"):
        frame: FrameType | None = sys._getframe(1)  # pyright: ignore[reportPrivateUsage] # as inspect does
        while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _OURS:
            frame = frame.f_back
        fields[_STACK] = "".join(traceback.format_stack(frame))


def _nanoseconds(timestamp: object) -> int | None:
    """Return the time that ``structlog.processors.TimeStamper`` has put into an event; None where that is not certain.

    A number means seconds since the epoch; a text has to say its time zone.
    """
    try:
        if type(timestamp) in (int, float):
            return int(timestamp * 1e9) if 0 < timestamp < _LATEST else None  # type: ignore[operator]
        if isinstance(timestamp, datetime):
            moment = timestamp
        elif type(timestamp) is str:
            moment = datetime.fromisoformat(timestamp.removesuffix("Z") + "+00:00" * timestamp.endswith("Z"))
        else:
            return None
        if moment.tzinfo is None:
            return None
        return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
    except (ValueError, OverflowError):
        return None
