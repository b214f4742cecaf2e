"""The text of a configuration: read, decoded, and checked for its size and its characters."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Final

from otel_ctxlog.config.limits import MAX_BYTES, too_long, utf8_length
from otel_ctxlog.config.places import Mark, Marks, Origin, Place

if TYPE_CHECKING:
    import os

__all__ = ["checked_text", "decoded_text", "read_file"]

# UTF-16 takes at most twice the bytes of UTF-8; both may start with a byte order mark.
_MOST_RAW_BYTES: Final = 2 * MAX_BYTES + 4
_LINE_BREAK: Final = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
# The set of YAML 1.1 and PyYAML.
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read_file(path: os.PathLike[str], *, origin: Origin) -> str:
    """The text of the file.

    Raises:
        ConfigError: it cannot be read, is too large, or is no text.
    """
    start = Place(Marks(origin))
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - any path-like object
            raw = file.read(_MOST_RAW_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise start.error(f"the file cannot be read: {reason}") from error
    return decoded_text(raw, origin=origin)


def decoded_text(raw: bytes, *, origin: Origin) -> str:
    """The text of some bytes in UTF-8, or in UTF-16 with a byte order mark.

    Raises:
        ConfigError: it is too large or is no text.
    """
    start = Place(Marks(origin))
    if len(raw) > _MOST_RAW_BYTES:
        raise too_long(start)
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding, name = "utf-16", "UTF-16"
    else:
        encoding, name = "utf-8", "UTF-8"
        if len(raw) > MAX_BYTES + len(codecs.BOM_UTF8):
            raise too_long(start)
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode(encoding, "replace")
        place = Place(start.marks, "", _mark_at(before, len(before)))
        found = raw[error.start] if error.start < len(raw) else 0
        raise place.error(f"not valid {name}: byte 0x{found:02x}, {error.reason}; allowed: UTF-8 text") from error
    return checked_text(text, origin=origin)


def checked_text(text: str, *, origin: Origin) -> str:
    """`text` without a byte order mark.

    Raises:
        ConfigError: it is too large, or has a character that YAML does not allow.
    """
    start = Place(Marks(origin))
    text = text.removeprefix("\ufeff")
    if len(text) > MAX_BYTES or utf8_length(text) > MAX_BYTES:
        raise too_long(start)
    forbidden = _FORBIDDEN.search(text)
    if forbidden is not None:
        code = ord(forbidden.group())
        place = Place(start.marks, "", _mark_at(text, forbidden.start()))
        raise place.error(
            f"not YAML: the character U+{code:04X} is not allowed; allowed: printable characters, tabs and line breaks "
            f"(write it as \\u{code:04x} in a double-quoted text)"
        )
    return text


def _mark_at(text: str, index: int) -> Mark:
    line, line_start = 1, 0
    for found in _LINE_BREAK.finditer(text, 0, index):
        line += 1
        line_start = found.end()
    return Mark(line, index - line_start + 1 - text.count("\ufeff", line_start, index))
