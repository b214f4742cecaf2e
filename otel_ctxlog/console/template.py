r"""Fields in messages: ``"read {{rows}} rows of {{table}}"``.

A field's name stands in double braces, blanks around it ignored. A dot looks into a map: of ``{{user.name}}`` the field
``user.name`` is taken where there is one, else the key ``name`` of the map ``user``. What is not there stays as it is
written, and so does ``\{{rows}}``, without its backslash; ``\\{{rows}}`` is a backslash and the field. What is put in
is not looked at again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from otel_ctxlog.console.text import shown
from otel_ctxlog.engine.values import AttributeValue

__all__ = ["substituted"]

_FIELD: Final = re.compile(r"\{\{([^{}]{1,256})\}\}")
_NOTHING: Final[frozenset[str]] = frozenset()
_ABSENT: Final = object()
# A message that came from outside must not be able to repeat a long value without end.
_MOST_FIELDS: Final = 100
_MOST_CHARACTERS: Final = 65_536
_MOST_DOTS: Final = 8


def substituted(message: str, fields: Mapping[str, AttributeValue]) -> tuple[str, AbstractSet[str]]:
    """Return the message with the values of its fields, and the names of the fields that are now said in full.

    A field of which only a part was put in is not among these. At most 100 fields and 65,536 characters are put in; the
    rest stays as it is written. Never raises.
    """
    if "{{" not in message:
        return message, _NOTHING
    parts: list[str] = []
    said: set[str] = set()
    end = count = length = 0
    for match in _FIELD.finditer(message):
        start = match.start()
        bare = start
        while bare > end and message[bare - 1] == "\\":
            bare -= 1
        slashes = start - bare
        if slashes % 2:
            parts.append(message[end:bare] + "\\" * (slashes // 2) + match[0])
            end = match.end()
            continue
        name = match[1].strip()
        value = _value(fields, name)
        if value is _ABSENT or count >= _MOST_FIELDS:
            continue
        text = shown(value)
        if length + len(text) > _MOST_CHARACTERS:
            continue
        count += 1
        length += len(text)
        if name in fields:
            said.add(name)
        parts.append(message[end:bare] + "\\" * (slashes // 2) + text)
        end = match.end()
    parts.append(message[end:])
    return "".join(parts), said


def _value(fields: Mapping[str, AttributeValue], name: str) -> object:
    try:
        return _looked_up(fields, name, _MOST_DOTS)
    except Exception:  # noqa: BLE001 - a mapping of the user
        return _ABSENT


def _looked_up(fields: Mapping[str, AttributeValue], name: str, dots: int) -> object:
    if name in fields:
        return fields[name]
    at = len(name)
    # The longest name first: attribute names have dots themselves, as `http.request.method`.
    while dots > 0 and (at := name.rfind(".", 0, at)) > 0:
        dots -= 1
        inner = fields.get(name[:at])
        if isinstance(inner, Mapping):
            found = _looked_up(inner, name[at + 1 :], dots)
            if found is not _ABSENT:
                return found
    return _ABSENT
