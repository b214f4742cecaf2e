"""Untrusted text and values for one line of a terminal: escaped, quoted, shortened."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from otel_ctxlog.console.text import escape

if TYPE_CHECKING:
    from otel_ctxlog.receiver.model import Attributes, AttributeValue

# Text of which nobody can tell where it begins and ends, or that reads like a value of another kind.
_PLAIN = re.compile(r"[^\s\"'=\\{}\[\],]+")


def quote(value: AttributeValue) -> str:
    """A value as it stands after ``=``: plain text bare, other text in quotes, nested values as JSON, bytes in hex."""
    if isinstance(value, str):
        if _PLAIN.fullmatch(value) and value.isprintable() and not _reads_like_another(value):
            return value
        return escape(json.dumps(value, ensure_ascii=False))
    if isinstance(value, bytes):
        return _hex(value)
    return escape(json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":")))


def shorten(text: str, limit: int) -> str:
    """The text, or its beginning and how many characters are left out."""
    return text if len(text) <= limit else f"{text[:limit]}… (+{len(text) - limit} characters)"


def same_event(body: AttributeValue, event: str, attributes: Attributes) -> bool:
    """Whether an event's body says nothing that its type and attributes do not say."""
    content: object = body
    if isinstance(body, str):
        if body == event:
            return True
        try:
            content = json.loads(body)
        except (ValueError, RecursionError):
            return False
    if not isinstance(content, Mapping):
        return False
    return all(
        value == event if key == "eventType" else key in attributes and _plain(attributes[key]) == value
        for key, value in cast("Mapping[str, object]", content).items()
    )


def _plain(value: AttributeValue) -> object:
    if isinstance(value, bytes):
        return _hex(value)
    if isinstance(value, Mapping):
        return {key: _plain(element) for key, element in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(element) for element in value]
    return value


def _hex(value: bytes) -> str:
    return f"0x{value.hex()}"


def _reads_like_another(text: str) -> bool:
    """Whether bare text would read like a number, a truth value or nothing: the text ``1`` is shown as ``"1"``."""
    if text in ("true", "false", "null", "NaN", "Infinity", "-Infinity"):
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True
