"""How contexts make loggers: messages, names and values in, a logger with its attachments out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar, cast

from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.engine.flatten import has_attach
from otel_ctxlog.engine.messages import Attribute, Name, Realm, StaticMessages, Tag
from otel_ctxlog.engine.stem import Recipe
from otel_ctxlog.loggers.base import Logger
from otel_ctxlog.loggers.bound import NON_LOGGING, BoundLogger, bound_logger, decided_logger
from otel_ctxlog.loggers.core import ContextCore
from otel_ctxlog.loggers.unbound import UnboundLogger

__all__ = ["make_bound", "make_bound_for", "make_unbound"]

_L = TypeVar("_L", bound=Logger)
_ATTACH_NOTHING: Final = frozenset({Realm, Tag, Name, Attribute})


def make_bound(core: ContextCore, recipe: Recipe) -> BoundLogger:
    """Return a bound logger of a context."""
    logger = bound_logger(core, recipe)
    messages = recipe.messages
    if not logger.context_messages and len(messages) == 1 and type(messages[0]) in _ATTACH_NOTHING:
        return logger
    return _attached(logger, logger.context_messages, messages)


def make_bound_for(core: ContextCore, messages: tuple[object, ...], recipe: Recipe) -> BoundLogger:
    """Return a logger for these messages alone, or `NON_LOGGING` where no rule matches them.

    Args:
        core: the context; its rules decide and its target gets the records.
        messages: the only messages that count.
        recipe: gives names and values; its messages do not count.
    """
    decision = core.decide_alone(StaticMessages.read(messages))
    if decision is None:
        return NON_LOGGING
    return _attached(decided_logger(core, recipe.alone(messages), decision, (), alone=True), messages)


def make_unbound(core: ContextCore, recipe: Recipe) -> UnboundLogger:
    """Return an unbound logger of a context."""
    return _attached(UnboundLogger(core, recipe), core.messages(), recipe.messages)


def _attached(logger: _L, *contexts: Sequence[object]) -> _L:
    """Return `logger` after every message that has ``attach(logger)`` attached what it has."""
    for messages in contexts:
        for message in messages:
            if type(message) in _ATTACH_NOTHING:
                continue
            if has_attach(message):
                logger = _attach(logger, message)
    return logger


def _attach(logger: _L, message: object) -> _L:
    kind = type(message)
    try:
        attach = cast("Callable[[Logger], object]", getattr(message, "attach"))  # noqa: B009 - of unknown type
        result = attach(logger)
    except Exception as error:  # noqa: BLE001 - whatever a message of the user does
        text = f"attach of a {kind.__module__}.{kind.__qualname__} raised {type(error).__name__}: nothing is attached"
        report_once(kind, text, error=error, topic="attach")
        return logger
    if not issubclass(type(result), type(logger)):
        name = f"{kind.__module__}.{kind.__qualname__}"
        text = f"attach of a {name} must return the logger, but returned {type(result).__name__}"
        report_once(kind, text, topic="attach")
        return logger
    return cast("_L", result)
