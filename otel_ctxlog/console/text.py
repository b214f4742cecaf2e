"""Untrusted text and values on one line of a terminal: escaped and quoted.

Whatever is not printable, the blank aside, becomes a backslash escape: line breaks, which would make one record look
like two, escape sequences, which move cursors and colour terminals, and marks that turn the direction of text.
"""

from __future__ import annotations

import json
import re
import traceback
from base64 import b64encode
from collections.abc import Mapping
from typing import Final, cast

from otel_ctxlog.engine.values import AttributeValue, clean_text, safe_text, to_value

__all__ = [
    "as_name",
    "as_units",
    "escape",
    "escape_json",
    "json_text",
    "one_line",
    "quote",
    "quote_name",
    "same_event",
    "shown",
    "traceback_of",
]

# Text of which nobody can tell where it begins and ends.
_PLAIN: Final = re.compile(r"[^\s\"'=\\{}\[\],]+")
_LIKE_ANOTHER: Final = frozenset({"true", "false", "null", "none", "nan", "inf", "infinity"})
_LONGEST: Final = 8
_SHORT: Final = {9: "\\t", 10: "\\n", 13: "\\r"}
_BYTE: Final = 0xFF
_PLANE: Final = 0xFFFF


def escape(text: str) -> str:
    r"""Return `text` with everything that is not printable as ``\n``, ``\x1b``, ``\u2028`` or ``\U000e0001``."""
    if text.isprintable():
        return text
    return "".join([character if character.isprintable() else _escaped(character) for character in text])


def _escaped(character: str) -> str:
    number = ord(character)
    short = _SHORT.get(number)
    if short is not None:
        return short
    if number <= _BYTE:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= _PLANE else f"\\U{number:08x}"


def escape_json(text: str) -> str:
    r"""Return `text` with everything that is not printable as JSON escapes it: ``\uXXXX``, in pairs beyond 16 bit.

    In valid JSON such characters stand inside of strings only, so that it stays valid.
    """
    if text.isprintable():
        return text
    return "".join([character if character.isprintable() else as_units(character) for character in text])


def as_units(text: str) -> str:
    r"""Return each character as its UTF-16 code units, ``\uXXXX``: what JSON strings allow for any character."""
    units = text.encode("utf-16-be", "surrogatepass")
    return "".join([f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2)])


def one_line(body: AttributeValue) -> str:
    """Return a message on one line: text without quotes, other values as `quote` shows them, None as nothing.

    Line breaks at its end are left out.
    """
    if type(body) is str:
        return body if body.isprintable() else escape(body.rstrip("\r\n"))
    return "" if body is None else escape(shown(body).rstrip("\r\n"))


def shown(value: object) -> str:
    """Return a value as text inside of a sentence: text as it is, unescaped, others as JSON, bytes in hex."""
    kind = type(value)
    if kind is str:
        return cast("str", value)
    if kind is int or kind is float:
        try:
            return repr(value)
        except ValueError:  # more digits than the interpreter prints
            return safe_text(value)
    if kind is bool:
        return "true" if value else "false"
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (bytes, bytearray)):
        return f"0x{value.hex()}"
    return json_text(value, hexadecimal=True)


def quote(value: object) -> str:
    """Return a value as it stands after ``=``: plain text bare, other text in quotes, nested values as JSON.

    Text that reads like a number, a truth value or nothing is quoted: the text ``1`` is ``"1"``, the number ``1``.
    """
    kind = type(value)
    if kind is str:
        text = cast("str", value)
        # Most values: whatever is an identifier is plain, and these words are all that reads like something else.
        if text.isidentifier():
            return text if len(text) > _LONGEST or text.lower() not in _LIKE_ANOTHER else f'"{text}"'
        if _PLAIN.fullmatch(text) and text.isprintable() and not _reads_like_another(text):
            return text
        return escape(json.dumps(text, ensure_ascii=False))
    if kind is int or kind is float:
        return shown(value)
    if isinstance(value, str):
        return quote(str.__str__(value))
    return escape(shown(value))


def quote_name(name: str) -> str:
    """Return a name as it stands before ``=``: bare where it is plain, in quotes otherwise."""
    if _PLAIN.fullmatch(name) and name.isprintable():
        return name
    return escape(json.dumps(name, ensure_ascii=False))


def _reads_like_another(text: str) -> bool:
    first = text[0]
    if first.isalpha():
        return False  # identifiers are known by now
    if first not in "+-._" and not first.isdigit():
        return False
    try:
        float(text)
    except ValueError:
        return text[1:].lower() in _LIKE_ANOTHER
    return True


def json_text(value: object, *, ascii_only: bool = False, hexadecimal: bool = False) -> str:
    """Return `value` as JSON on one line, valid whatever it is; never raises.

    NaN and the infinities, which JSON has not, become texts; bytes base64, as in OTLP's JSON, or hex.

    Args:
        value: anything.
        ascii_only: escape everything beyond ASCII.
        hexadecimal: show bytes as ``0x…`` in place of base64.
    """
    try:
        return (_ASCII if ascii_only else _UNICODE).encode(value)
    except Exception:  # noqa: BLE001 - not finite, bytes, a cycle, an object of the user: the long way knows them all
        converted = _finite(to_value(value), hexadecimal=hexadecimal)
        return (_ASCII if ascii_only else _UNICODE).encode(converted)


# By hand: `json.dumps` makes an encoder for every call that is not the default one.
_ASCII: Final = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
_UNICODE: Final = json.JSONEncoder(allow_nan=False, separators=(",", ":"), ensure_ascii=False)


def _finite(value: AttributeValue, *, hexadecimal: bool) -> object:
    if isinstance(value, float):
        # As protobuf's JSON mapping has them.
        return value if value - value == 0 else "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"  # noqa: PLR0124
    if isinstance(value, bytes):
        return f"0x{value.hex()}" if hexadecimal else b64encode(value).decode()
    if isinstance(value, Mapping):
        return {key: _finite(item, hexadecimal=hexadecimal) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item, hexadecimal=hexadecimal) for item in value]
    return value


def same_event(body: AttributeValue, event: str, attributes: Mapping[str, AttributeValue]) -> bool:
    """Return whether an event's body says nothing that its type and attributes do not say."""
    content: object = body
    if isinstance(body, str):
        if body == event:
            return True
        try:
            content = json.loads(body)
        except (ValueError, RecursionError):
            return False
    if not isinstance(content, Mapping):
        return body is None
    try:
        return all(
            value == event if key == "eventType" else key in attributes and _finite_equal(attributes[key], value)
            for key, value in cast("Mapping[str, object]", content).items()
        )
    except Exception:  # noqa: BLE001 - whatever an attribute of the user compares like
        return False


def _finite_equal(attribute: AttributeValue, value: object) -> bool:
    if type(attribute) in (str, int, float, bool, type(None)):
        return attribute == value
    return _finite(attribute, hexadecimal=False) == value


def as_name(text: object) -> str:
    """Return a name on one line, whatever it is."""
    return escape(text if type(text) is str else safe_text(text))


def traceback_of(exception: BaseException | str) -> str:
    """Return a traceback as text without a line break at its end; never raises."""
    if isinstance(exception, str):
        return exception.rstrip("\n")
    try:
        lines = traceback.format_exception(type(exception), exception, exception.__traceback__)
        return clean_text("".join(lines)).rstrip("\n")
    except Exception as error:  # noqa: BLE001 - whatever an exception of the user does
        return f"{type(exception).__name__}: !ERROR: {type(error).__name__}"
