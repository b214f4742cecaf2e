"""Flattening: from what users pass as ``*messages`` to the flat message context."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, cast

from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.engine.messages import AmbientAttribute, Attribute, Name, Realm, Tag
from otel_ctxlog.engine.protocols import is_condition
from otel_ctxlog.engine.values import is_a

__all__ = ["flatten", "has_attach"]

_MESSAGES: Final = frozenset({Realm, Tag, Name, Attribute})
_MOST: Final = 100_000
"""More messages than any context has: beyond it, a provider brings itself."""


def has_attach(message: object) -> bool:
    """Return whether `message` attaches something to loggers."""
    try:
        return not is_a(message, type) and callable(getattr(message, "attach", None))
    except Exception:  # noqa: BLE001 - a property of the user
        return False


def flatten(messages: Sequence[object]) -> tuple[object, ...]:
    """Return the flat message context that `messages` mean; never raises.

    Lists, tuples and providers are expanded to any depth, a text becomes ``Attribute("message", text)``, None is
    skipped; anything that is no message is skipped with one diagnostic per type.
    """
    for message in messages:
        if type(message) not in _MESSAGES:
            return tuple(_expanded(messages))
    return tuple(messages)


def _expanded(messages: Sequence[object]) -> Iterator[object]:
    # A stack of iterators instead of recursion: depth costs no Python frames. What is being expanded is remembered, so
    # that a list in itself ends.
    stack: list[tuple[object, Iterator[object]]] = [(messages, iter(messages))]
    inside = {id(messages)}
    given = 0
    while stack:
        owner, items = stack[-1]
        try:
            message = next(items)
        except StopIteration:
            inside.discard(id(owner))
            stack.pop()
            continue
        except Exception as error:  # noqa: BLE001 - an iterable of the user
            inside.discard(id(owner))
            stack.pop()
            report_once(type(owner), f"a message context of type {_type_name(owner)} could not be read", error=error)
            continue
        given += 1
        if given > _MOST:
            report_once(type(owner), f"a message context has more than {_MOST} messages: the rest is skipped")
            return
        inner = _parts(message)
        if inner is None:
            single = _single(message)
            if single is not None:
                yield single
        elif id(message) not in inside:
            inside.add(id(message))
            stack.append((message, iter(inner)))


def _parts(message: object) -> Iterable[object] | None:
    """Return what a message consists of, or None for a single one."""
    if type(message) in _MESSAGES or is_a(message, str):
        return None
    if issubclass(type(message), (list, tuple)):
        return cast("Sequence[object]", message)
    if is_a(message, type):
        return None
    try:
        context = getattr(message, "message_context", None)
    except Exception as error:  # noqa: BLE001 - a property of the user
        report_once(type(message), f"the message context of {_type_name(message)} could not be read", error=error)
        return ()
    if issubclass(type(context), (list, tuple)):
        return cast("Sequence[object]", context)
    if context is not None and not callable(context):
        return (context,)
    return None


def _single(message: object) -> object | None:
    """Return the message that goes into the flat context, or None for what is skipped."""
    if message is None or type(message) in _MESSAGES:
        return message
    if is_a(message, str):
        return Attribute("message", message)
    if is_a(message, AmbientAttribute):  # handed on by an own condition: from here on it is an explicit one
        return Attribute(message.name, message.value)
    if issubclass(type(message), (Realm, Tag, Name, Attribute)):
        return message
    try:
        if is_condition(message) or has_attach(message):
            return message
    except Exception as error:  # noqa: BLE001 - a __getattr__ of the user
        report_once(type(message), f"a message of type {_type_name(message)} could not be looked at", error=error)
        return None
    report_once(
        type(message),
        f"skipped a message of type {_type_name(message)}: allowed are Realm, Tag, Name, Attribute, str, lists and "
        "tuples of them, message context providers, conditions and objects with attach(logger)",
    )
    return None


def _type_name(message: object) -> str:
    kind = message if is_a(message, type) else type(message)
    return f"{kind.__module__}.{kind.__qualname__}"
