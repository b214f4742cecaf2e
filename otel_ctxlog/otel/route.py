"""The route of a record: from a call that is on into a sink. Nothing here asks rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import time_ns
from typing import Final

from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.engine.fields import Fields, are_plain, read_fields
from otel_ctxlog.engine.held import Governor, Held
from otel_ctxlog.engine.levels import ERROR
from otel_ctxlog.engine.levels import TRACE as TRACE_LEVEL
from otel_ctxlog.engine.protocols import LogSink, Source, is_sink
from otel_ctxlog.engine.stem import Stem
from otel_ctxlog.engine.values import AttributeValue, clean_text, safe_text
from otel_ctxlog.otel.ambient import SourcesReader
from otel_ctxlog.otel.context import Context, span_in
from otel_ctxlog.otel.decided import GATES, mark
from otel_ctxlog.otel.provider_sink import LOGGER_NAME, ProviderSink, emit_record, is_provider
from otel_ctxlog.otel.severity import FINEST, SEVERITIES, SeverityNumber, severity_text

__all__ = ["GLOBAL", "Route", "as_sink", "goes_out", "report_lost", "shifted", "write"]

# A plain int: comparing an IntEnum is slower.
TRACE: Final = int(TRACE_LEVEL)
_NO_ATTRIBUTES: Final[Mapping[str, object]] = {}

GLOBAL = ProviderSink(None)
"""The sink of the global provider, also of one that is set later."""


def as_sink(target: object) -> LogSink:
    """Return the sink for a target.

    Raises:
        TypeError: `target` is neither a ``LoggerProvider`` nor a `LogSink`.
    """
    if is_provider(target):
        return ProviderSink(target)
    if is_sink(target):
        return target
    msg = f"a target must be an OpenTelemetry LoggerProvider or a LogSink (enabled, emit), but got {target!r}"
    raise TypeError(msg)


def shifted(level: int, offset: int) -> int:
    """Return the level with the offset, which errors do not get."""
    return level + offset if level > ERROR else level


class Route:
    """Where records go, and what is put on them on the way; immutable.

    Attributes:
        target: the sink where records go.
        offset: what is added to the level of a non-error record on its way there.
        provider: the target, if it is a `ProviderSink`.
        reader: reads the sources.
        owner: what decides about the records that go this way (the core of a context), or None where nobody does.
    """

    __slots__ = ("offset", "owner", "provider", "reader", "target")

    def __init__(self, target: LogSink, offset: int, sources: tuple[Source, ...], owner: object | None = None) -> None:
        self.target = target
        self.owner = owner
        self.offset = offset
        self.provider = target if isinstance(target, ProviderSink) else None
        self.reader = SourcesReader(sources, _no_resource if self.provider is None else self.provider.resource)


def _no_resource() -> Mapping[str, object] | None:
    return None


def write(  # noqa: C901, PLR0912, PLR0915 - every record takes this way: a call less counts
    route: Route,
    stem: Stem,
    sink: LogSink | None,
    context: Context,
    level: int,
    message: object,
    fields: Sequence[object] | Fields,
    attributes: Mapping[str, object],
    *,
    exception: BaseException | None = None,
    severity: SeverityNumber | None = None,
    event_name: str | None = None,
    timestamp: int | None = None,
    content: Callable[[], tuple[AttributeValue, Fields]] | None = None,
    held: Held | None = None,
    message_key: object = None,
) -> None:
    """Write one record, unless the rule that let it through holds it back; raises what a sink raises.

    Args:
        route: gives the sources and, where `sink` is None, the target.
        stem: what the logger puts on the record.
        sink: where a rule sent the record, or None for the route's target.
        context: the OTel context of the call.
        level: the level of the call, without offset.
        message: the body; None for none.
        fields: the call's positional fields, or all its fields already read.
        attributes: the call's keyword attributes, a dict of its own: the record may get it.
        exception: the record's exception.
        severity: the severity, where the level does not say it.
        event_name: the type of an event.
        timestamp: when the record was made, in nanoseconds since the epoch; None: now.
        content: gives body and fields instead of `message` and the others; called only if the sink wants the record.
        held: the rule that let it through, or None where the default level did.
        message_key: the message before it was formatted: where it is a text, the record is counted by it; else by the
            type of an event, or the body.
    """
    governor = None if held is None else held.governor
    if governor is not None and level <= ERROR and governor.spares_errors:
        governor = None
    if timestamp is None:
        timestamp = time_ns()
    record_context = mark(context, route.owner) if GATES.living else context
    target = sink
    provider = None
    if target is None:
        target = route.target
        provider = route.provider
        if route.offset:
            level = shifted(level, route.offset)
    if severity is None:
        severity, text = SEVERITIES[level] if level < TRACE else FINEST
    else:
        text = severity_text(severity)
    logger = None
    renamed = False
    if provider is None:
        if not target.enabled(level):
            return
    else:
        kept = stem.kept
        if kept[0] is provider:
            _, logger, renamed = kept
        else:
            logger, renamed = provider.scope(stem.scope)
            if provider.provider is not None:  # the global one may be another next time
                stem.kept = (provider, logger, renamed)
        if not logger.wants_all() and not logger.enabled(
            context=record_context, severity_number=severity, event_name=event_name
        ):
            return
    body: AttributeValue
    key: object = None
    by_body = False
    if governor is not None:
        if governor.limit_only:
            if not governor.take():
                return
        else:
            # An object of the application is not even asked whether it is true.
            key = message_key if type(message_key) is str else event_name or None
            if key is None and content is None:
                message = key = _body(message)
            by_body = governor.needs_message and key is None and content is not None
            if not by_body and not _admitted(governor, context, key, event_name):
                return
    if content is not None:
        body, read = content()
        if governor is not None and by_body:
            key = body
            if not _admitted(governor, context, key, event_name):
                return
        record = stem.record_attributes(route.reader.attachments(context), read)
    else:
        body = message if type(message) is str and message.isascii() else _body(message)
        if not fields and stem.plain and are_plain(attributes):
            ambient = route.reader.attachments(context)
            record = stem.plain_attributes(ambient, attributes) if ambient or stem.attributes else attributes
        else:
            record = stem.record_attributes(route.reader.attachments(context), _read(fields, attributes))
    if held is not None:
        if governor is not None and governor.tells and not _complete(governor, context, key, event_name, record):
            return
        held.passed += 1
    if logger is None:
        target.emit(
            level=level,
            body=body,
            attributes=record,
            name=stem.name,
            realm=stem.realm,
            exception=exception,
            context=record_context,
            timestamp=timestamp,
            severity=severity,
            event_name=event_name,
        )
        return
    if renamed:
        record[LOGGER_NAME] = stem.scope
    if exception is None:
        logger.emit(
            timestamp=timestamp,
            context=record_context,
            severity_number=severity,
            severity_text=text,
            body=body,
            attributes=record,
            event_name=event_name,
        )
        return
    emit_record(
        logger,
        body=body,
        attributes=record,
        exception=exception,
        context=record_context,
        timestamp=timestamp,
        severity=severity,
        event_name=event_name,
    )


def _admitted(governor: Governor, context: Context, message: object, event_name: str | None) -> bool:
    """Return False where a record is held back whose attributes need not be known for that."""
    return governor.per is not None or _admit(governor, context, message, event_name, _NO_ATTRIBUTES)


def _complete(
    governor: Governor,
    context: Context,
    message: object,
    event_name: str | None,
    record: dict[str, AttributeValue],
) -> bool:
    """Return False where a record is held back whose attributes had to be known; else add what it has to say."""
    if governor.per is not None and not _admit(governor, context, message, event_name, record):
        return False
    added = governor.additions(record, event=event_name is not None)
    if added is not None:
        record.update(added)
    return True


def _admit(
    governor: Governor,
    context: Context,
    message: object,
    event_name: str | None,
    attributes: Mapping[str, object],
) -> bool:
    """Return whether a record goes out, by the controls of the rule that let it through."""
    if not governor.needs_trace:
        return governor.admit(message, 0, attributes, sampled=False, event=event_name is not None)
    span = span_in(context).get_span_context()
    return governor.admit(
        message, span.trace_id, attributes, sampled=span.trace_flags.sampled, event=event_name is not None
    )


def goes_out(
    held: Held,
    level: int,
    context: Context,
    message: object,
    event_name: str | None,
    record: dict[str, AttributeValue],
) -> bool:
    """Return whether a record goes out that a rule has let through; it is counted, and says what was held back."""
    governor = held.governor
    if governor is not None and level <= ERROR and governor.spares_errors:
        governor = None
    key = event_name or message
    if governor is not None and not (
        _admitted(governor, context, key, event_name) and _complete(governor, context, key, event_name, record)
    ):
        return False
    held.passed += 1
    return True


def report_lost(route: Route, sink: LogSink | None, error: Exception) -> None:
    """Report, once per sink, that it raised and a record is lost."""
    failed: object = route.target if sink is None else sink
    if isinstance(failed, ProviderSink) and failed.provider is not None:
        failed = failed.provider
    text = f"a sink of type {type(failed).__name__} raised {type(error).__name__}: a record is lost"
    report_once(failed, text, error=error)


def _read(fields: Sequence[object] | Fields, attributes: Mapping[str, object]) -> Fields | None:
    if isinstance(fields, Fields):
        return fields
    return read_fields(fields, attributes) if fields or attributes else None


def _body(message: object) -> str | None:
    if type(message) is str:
        return message if message.isascii() else clean_text(message)
    return None if message is None else safe_text(message)
