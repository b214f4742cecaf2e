"""The provider sink: records into an OpenTelemetry ``LoggerProvider``.

This is the one place that knows how the SDK takes a record. Two habits of it matter (tested in
``tests/otel/test_what_we_rely_on.py``):

- where the number of attributes is limited, it drops the *oldest*, so that ambient attributes go first in the mapping;
- it puts ``exception.*`` before a plain mapping's attributes, but after those of its own `BoundedAttributes`.
"""

from __future__ import annotations

import sys
import threading
import traceback
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, Protocol, TypeGuard, cast

from opentelemetry._logs import Logger as OtelLogger
from opentelemetry._logs import LoggerProvider, get_logger_provider
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context

from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.engine.values import AttributeValue, clean_text, safe_text
from otel_ctxlog.otel.severity import SeverityNumber, severity_text

__all__ = [
    "DEFAULT_SCOPE",
    "LOGGER_NAME",
    "MAX_SCOPES",
    "Emitting",
    "LoggerProvider",
    "ProviderSink",
    "ScopeLogger",
    "emit_record",
    "is_provider",
]

DEFAULT_SCOPE: Final = "otel_ctxlog"
LOGGER_NAME: Final = "logger.name"
MAX_SCOPES: Final = 1000


class ScopeLogger:
    """The OTel logger of one scope, and what is known about whether it wants records.

    The SDK asks every processor's ``enabled`` for every record, at a sixth of what the record costs, and next to no
    processor has one of its own. Where all of them have the default, which always says yes, only another set of
    processors is looked for: a method that is put on one of them later is not noticed. That needs private parts of the
    SDK, which are used here alone, and only where all is exactly as expected: ``tests/otel/test_what_we_rely_on.py``
    fails when they change.

    Attributes:
        emit: the logger's ``emit``.
    """

    __slots__ = ("_found", "_logger", "_processors", "emit")

    emit: Callable[..., None]

    def __init__(self, logger: OtelLogger) -> None:
        self.emit = logger.emit
        self._logger: Any = logger
        # The object that holds the logger's processors; those of them that were looked at, and whether they want all.
        self._processors: Any = _processors_of(logger)
        self._found: tuple[object, bool] = (None, False)

    def wants_all(self) -> bool:
        """Return whether every record is wanted; False means that `enabled` has to be asked."""
        processors = self._processors
        if processors is None:
            return False
        found = self._found
        if processors._log_record_processors is not found[0]:
            found = self._look()
        logger = self._logger
        return (
            found[1] and logger._multi_log_record_processor is processors and logger._logger_config.is_enabled is True
        )

    def _look(self) -> tuple[object, bool]:
        processors: tuple[object, ...] = self._processors._log_record_processors
        default: object = getattr(type(self._processors).__mro__[1], "enabled", None)
        agree = bool(processors) and all(_has_default(processor, default) for processor in processors)
        self._found = found = (processors, agree)
        return found

    def enabled(self, *, context: Context, severity_number: SeverityNumber | None, event_name: str | None) -> bool:
        """Return whether the OTel logger wants a record."""
        return bool(self._logger.enabled(context=context, severity_number=severity_number, event_name=event_name))


def _has_default(processor: object, default: object) -> bool:
    return getattr(type(processor), "enabled", None) is default and "enabled" not in getattr(processor, "__dict__", ())


def _processors_of(logger: OtelLogger) -> object | None:
    """Return what holds the processors of an SDK logger, or None for a logger of another kind."""
    sdk = sys.modules.get("opentelemetry.sdk._logs._internal")
    if sdk is None or type(logger) is not getattr(sdk, "Logger", None):
        return None
    found = getattr(logger, "_multi_log_record_processor", None)
    kinds = (
        getattr(sdk, "SynchronousMultiLogRecordProcessor", None),
        getattr(sdk, "ConcurrentMultiLogRecordProcessor", None),
    )
    as_expected = (
        type(found) in kinds
        and type(found).__mro__[1] is getattr(sdk, "LogRecordProcessor", None)
        and type(getattr(found, "_log_record_processors", None)) is tuple
        and hasattr(getattr(logger, "_logger_config", None), "is_enabled")
    )
    return found if as_expected else None


class _Scopes:
    """The loggers of one provider by scope name; at most `MAX_SCOPES`, since a provider keeps each for ever."""

    __slots__ = ("__weakref__", "loggers", "overflow")

    def __init__(self) -> None:
        self.loggers: dict[str, ScopeLogger] = {}
        self.overflow: ScopeLogger | None = None


# RLocks: a finalizer or a signal handler may log while its thread holds one.
_lock = threading.RLock()
# Several contexts may have one provider as target, and the limit is the target's. By identity: providers may be equal.
# An SDK logger does not hold its provider, so that the entry goes with the provider.
_scopes_of: dict[int, tuple[weakref.ref[LoggerProvider], _Scopes]] = {}
# The global provider of the last call with its scopes, one reference.
_global: tuple[LoggerProvider | None, _Scopes] = (None, _Scopes())


def renew_lock() -> None:
    """Replace the lock: in a forked child, another thread of the parent may have held it."""
    global _lock  # noqa: PLW0603
    _lock = threading.RLock()


def is_provider(target: object) -> TypeGuard[LoggerProvider]:
    """Return whether `target` is an OTel ``LoggerProvider``, or looks like one."""
    if isinstance(target, type):
        return False
    return isinstance(target, LoggerProvider) or callable(getattr(target, "get_logger", None))


class ProviderSink:
    """Emits records through the loggers of one provider.

    Args:
        provider: the provider; None for the global one, also one that is set later.
    """

    __slots__ = ("_own_scopes", "provider")

    def __init__(self, provider: LoggerProvider | None) -> None:
        self.provider = provider
        self._own_scopes = None if provider is None else _scopes(provider)

    def scope(self, name: str) -> tuple[ScopeLogger, bool]:
        """Return the logger of that scope name, and whether the name has to go into an attribute instead."""
        scopes = self._own_scopes or _current_global_scopes()
        logger = scopes.loggers.get(name)
        if logger is not None:
            return logger, False
        return self._new_scope(scopes, name)

    def _new_scope(self, scopes: _Scopes, name: str) -> tuple[ScopeLogger, bool]:
        if len(scopes.loggers) < MAX_SCOPES:
            logger = self._get_logger(name)
            with _lock:
                if len(scopes.loggers) < MAX_SCOPES:
                    return scopes.loggers.setdefault(name, logger), False
        overflow = scopes.overflow
        if overflow is None:
            overflow = scopes.overflow = scopes.loggers.get(DEFAULT_SCOPE) or self._get_logger(DEFAULT_SCOPE)
            report_once(
                scopes,
                f"more than {MAX_SCOPES} logger names and realms for one target: further ones go out under scope "
                f"{DEFAULT_SCOPE!r} with the name in attribute {LOGGER_NAME!r}; names and realms should be few",
            )
        return overflow, name != DEFAULT_SCOPE

    def _get_logger(self, name: str) -> ScopeLogger:
        provider = get_logger_provider() if self.provider is None else self.provider
        return ScopeLogger(provider.get_logger(name))

    def resource(self) -> Mapping[str, object] | None:
        """Return the attributes of the provider's resource, or None where it has none."""
        provider = get_logger_provider() if self.provider is None else self.provider
        resource = getattr(provider, "resource", None)
        return cast("Mapping[str, object] | None", getattr(resource, "attributes", None))

    def enabled(self, level: int) -> bool:  # noqa: ARG002 - see below
        """Return True: whether the provider wants a record depends on its scope, which `emit` knows."""
        return True

    def emit(
        self,
        *,
        level: int,  # noqa: ARG002 - the severity says it
        body: AttributeValue,
        attributes: Mapping[str, AttributeValue],
        name: str,
        realm: str | None,
        exception: BaseException | None,
        context: Context,
        timestamp: int,
        severity: SeverityNumber,
        event_name: str | None,
    ) -> None:
        """Emit one record through the scope of `name`, else of `realm`, else of this library."""
        scope_name = clean_text(name or realm or DEFAULT_SCOPE)
        logger, renamed = self.scope(scope_name)
        if not logger.wants_all() and not logger.enabled(
            context=context, severity_number=severity, event_name=event_name
        ):
            return
        if renamed:
            attributes = {**attributes, LOGGER_NAME: scope_name}
        emit_record(
            logger,
            body=body,
            attributes=attributes,
            exception=exception,
            context=context,
            timestamp=timestamp,
            severity=severity,
            event_name=event_name,
        )


class Emitting(Protocol):
    """What takes a record: an OTel logger, or what stands for one."""

    @property
    def emit(self) -> Callable[..., None]:
        """What takes the parts of a record as keyword arguments, as ``Logger.emit`` does."""
        ...


def emit_record(
    logger: Emitting,
    *,
    body: AttributeValue,
    attributes: Mapping[str, AttributeValue],
    exception: BaseException | None,
    context: Context,
    timestamp: int,
    severity: SeverityNumber,
    event_name: str | None,
) -> None:
    """Emit one record through a scope's logger."""
    if exception is not None:
        own = None if _is_sound(exception) else _exception_attributes(exception)
        if own is not None:
            # Last, as the SDK's own: a limit takes ambient attributes first. What was given by hand stays.
            attributes = {**attributes, **{key: text for key, text in own.items() if key not in attributes}}
            if not _has_text(exception):
                exception = None
        # In this form the SDK appends exception.* instead of prepending it: a limit takes ambient attributes first.
        attributes = BoundedAttributes(attributes=attributes, immutable=False)
    logger.emit(
        timestamp=timestamp,
        context=context,
        severity_number=severity,
        severity_text=severity_text(severity),
        body=body,
        attributes=attributes,
        event_name=event_name,
        exception=exception,
    )


def _current_global_scopes() -> _Scopes:
    """Return the scopes of the global provider of this moment: it may be set later than its first use."""
    global _global  # noqa: PLW0603
    provider = get_logger_provider()
    known = _global
    if known[0] is not provider:
        known = _global = (provider, _scopes(provider))
    return known[1]


def _scopes(provider: LoggerProvider) -> _Scopes:
    key = id(provider)
    with _lock:
        known = _scopes_of.get(key)
        if known is not None and known[0]() is provider:
            return known[1]
        made = _Scopes()
        with suppress(TypeError):  # a provider of another implementation that cannot be weakly referenced
            _scopes_of[key] = (weakref.ref(provider, lambda ref: _forget(key, ref)), made)
        return made


def _forget(key: int, ref: weakref.ref[LoggerProvider]) -> None:
    known = _scopes_of.get(key)
    if known is not None and known[0] is ref:
        _scopes_of.pop(key, None)


def _has_text(exception: BaseException) -> bool:
    try:
        str(exception)
    except Exception:  # noqa: BLE001 - a __str__ of the user
        return False
    return True


def _is_sound(exception: BaseException) -> bool:
    """Return whether the SDK can make attributes of an exception that can be sent: it asks for its text, unescaped."""
    try:
        texts = "".join(traceback.format_exception_only(type(exception), exception)) + str(exception)
        if not texts.isascii():
            texts.encode()
        # What is chained shows up in the stack trace.
        chained = exception.__cause__ or exception.__context__ or getattr(exception, "exceptions", None)
        if chained:
            "".join(traceback.format_exception(type(exception), exception, exception.__traceback__)).encode()
    except Exception:  # noqa: BLE001 - a __str__ of the user, or text that is not valid
        return False
    return True


def _exception_attributes(exception: BaseException) -> dict[str, AttributeValue]:
    """Return the attributes of an exception (semantic conventions, exceptions in logs), its text escaped."""
    kind = type(exception)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    try:
        trace = "".join(traceback.format_exception(kind, exception, exception.__traceback__))
    except Exception as error:  # noqa: BLE001 - whatever an exception of the user does
        trace = f"!ERROR: {type(error).__name__}"
    return {
        "exception.type": clean_text(name),
        "exception.message": safe_text(exception),
        "exception.stacktrace": clean_text(trace),
    }
