"""Records and values as text for people: one record, one line, whatever is in it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from otel_ctxlog.engine.values import repr_of, safe_text

__all__ = ["Opaque", "one_line", "place", "shown"]

_EVENT_MARKER = "◆"
_MOST = 200
"""Characters of one value."""

# Shown in their own places.
_OWN_PLACE = frozenset({"realm", "eventType"})
_FILE, _LINE = "code.file.path", "code.line.number"
# Where the call is, as bridges say it (semantic conventions, code attributes).
_PLACE = frozenset({_FILE, _LINE, "code.function.name"})


class Opaque:
    """A value that was not looked at, since the call was suppressed; only its type is known."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return f"<{self._text}>"


def shortened(text: str) -> str:
    """Return `text`, its middle left out where it is long."""
    if len(text) <= _MOST:
        return text
    half = (_MOST - 3) // 2
    return f"{text[:half]}…{text[-half:]}"


def plain(text: str) -> str:
    """Return `text` on one line: what is not printable is escaped."""
    if not text.isprintable():
        text = "".join(
            character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
            for character in text
        )
    return shortened(text)


def shown(value: object) -> str:
    """Return a value as text: as Python would write it; never raises."""
    return plain(safe_text(repr_of(value)))


def _attribute(value: object) -> str:
    if isinstance(value, str) and value and value.isprintable() and not set(value) & set(" '\"=,"):
        return shortened(value)
    return shown(value)


def place(location: tuple[str, int] | None) -> str:
    """Return file name and line, relative to the current directory where it is below; ``""`` for None."""
    if location is None:
        return ""
    name, line = location
    try:
        relative = os.path.relpath(name)
    except (OSError, ValueError):  # another drive, or no current directory any more
        relative = name
    return f"{name if relative.startswith(os.pardir) else relative}:{line}"


def _location(attributes: Mapping[str, object]) -> tuple[str, int] | None:
    path, line = attributes.get(_FILE), attributes.get(_LINE)
    return (path, line) if isinstance(path, str) and type(line) is int else None


def one_line(
    severity: str,
    body: object,
    attributes: Mapping[str, object],
    *,
    name: str,
    realm: str | None,
    event_type: str | None,
    exception: BaseException | None = None,
    location: tuple[str, int] | None = None,
) -> str:
    """Return a record as one line: severity, name, realm, message or event type, attributes, exception, place.

    Where no location is known, the attributes ``code.*`` of a bridge are the place.
    """
    left_out = _OWN_PLACE
    if location is None:
        location = _location(attributes)
        if location is not None:
            left_out |= _PLACE
    parts = [f"{severity:<5}"]
    if name:
        parts.append(plain(name))
    if realm is not None:
        parts.append(f"[{plain(realm)}]")
    if event_type is not None:
        # The body of an event says the same as its type and fields.
        parts.append(f"{_EVENT_MARKER} {plain(event_type)}")
    elif body is not None:
        parts.append(plain(body) if isinstance(body, str) else shown(body))
    parts += [f"{plain(key)}={_attribute(value)}" for key, value in attributes.items() if key not in left_out]
    if exception is not None:
        parts.append(f"raised {shown(exception)}")
    where = place(location)
    if where:
        parts.append(f" ({where})")
    return " ".join(parts)
