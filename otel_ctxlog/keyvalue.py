"""Standard keys: fields whose name is agreed on, so that everybody finds them."""

from __future__ import annotations

from otel_ctxlog.engine.fields import KeyValue

__all__ = ["element", "error", "id", "name", "namespace"]


def error(value: object) -> KeyValue:
    """Return the field ``error``: an error that is a fact of the message rather than its exception."""
    return KeyValue("error", value)


def id(value: object) -> KeyValue:
    """Return the field ``id``: what identifies the thing that the message is about."""
    return KeyValue("id", value)


def name(value: object) -> KeyValue:
    """Return the field ``name``: the name of the thing that the message is about."""
    return KeyValue("name", value)


def namespace(value: object) -> KeyValue:
    """Return the field ``namespace``: where that name is valid."""
    return KeyValue("namespace", value)


def element(value: object) -> KeyValue:
    """Return the field ``element``: the part of a larger thing that the message is about."""
    return KeyValue("element", value)
