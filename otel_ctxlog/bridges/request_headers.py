"""What a middleware takes from the headers of a request: a request id, and what is on its list.

Headers come from outside. Nothing enters that is not listed, and what is listed enters only if it is short printable
ASCII text; a header that comes twice, with different values, counts as missing, since nobody knows which one is meant.
A name that is listed has one source, its header: a baggage entry of that name from outside is removed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, cast
from urllib.parse import quote, unquote_plus
from uuid import uuid4

from otel_ctxlog.bridges.request import check_attribute_name

__all__ = ["BAGGAGE_HEADER", "Allowed", "Taken"]

BAGGAGE_HEADER: Final = "baggage"

# RFC 9110, section 5.6.2
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_REQUEST_ID: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._:/+=@~-]{0,127}")


class Taken(NamedTuple):
    """What was taken from the headers of one request."""

    request_id: str
    attributes: dict[str, object]
    entries: dict[str, str]


class Allowed:
    """What may be taken from the headers of a request.

    Args:
        request_id_header: the header with the request id; None: each request gets a new one.
        request_id_attribute: the attribute it becomes; None: none.
        response_header: the header of the response that tells the request id; None: none.
        headers: header → attribute.
        baggage: header → baggage entry, which is sent on with outgoing calls.
        max_value_length: characters of a value; a longer one does not enter.
        route_attribute: the attribute with the route, which the middleware itself gives; None: none.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: a name of a header or an attribute is none, or two headers have one name for their value.
    """

    __slots__ = (
        "_attribute",
        "_attributes",
        "_entries",
        "_id_header",
        "_longest",
        "declared",
        "response_header",
        "wanted",
    )

    def __init__(
        self,
        *,
        request_id_header: str | None,
        request_id_attribute: str | None,
        response_header: str | None,
        headers: Mapping[str, str] | None,
        baggage: Mapping[str, str] | None,
        max_value_length: int,
        route_attribute: str | None = None,
    ) -> None:
        if type(max_value_length) is not int or max_value_length < 1:
            raise ValueError(f"max_value_length must be a positive int, but got {max_value_length!r}")
        self._longest = max_value_length
        self._id_header = None if request_id_header is None else _header("request_id_header", request_id_header)
        self.response_header = None if response_header is None else _header("response_header", response_header)
        self._attribute = request_id_attribute
        if request_id_attribute is not None:
            check_attribute_name("request_id_attribute", request_id_attribute)
        if route_attribute is not None:
            check_attribute_name("route_attribute", route_attribute)
        self._attributes = _names("headers", headers)
        self._entries = _names("baggage", baggage)
        own = [name for name in (request_id_attribute, route_attribute) if name is not None]
        names = [*self._attributes.values(), *own]
        _check_unique("attribute", names)
        _check_unique("baggage entry", list(self._entries.values()))
        self.declared: frozenset[str] = frozenset((*names, *self._entries.values()))
        id_header = () if self._id_header is None else (self._id_header,)
        self.wanted: frozenset[str] = frozenset((*self._attributes, *self._entries, *id_header))

    def take(self, headers: Iterable[tuple[str, str]], outer_id: str | None = None) -> Taken:
        """Return what may be taken from the headers of a request.

        Args:
            headers: the `wanted` ones, by lower-case name.
            outer_id: the id that the request has already, or None.
        """
        found: dict[str, str | None] = {}
        for name, value in headers:
            text = value.strip(" \t")
            found[name] = text if found.setdefault(name, text) == text else None
        request_id = outer_id
        if request_id is None:
            given = None if self._id_header is None else found.get(self._id_header)
            request_id = given if given is not None and _REQUEST_ID.fullmatch(given) else uuid4().hex
        attributes: dict[str, object] = {} if self._attribute is None else {self._attribute: request_id}
        attributes.update(self._listed(self._attributes, found))
        return Taken(request_id, attributes, self._listed(self._entries, found))

    def _listed(self, names: Mapping[str, str], found: Mapping[str, str | None]) -> dict[str, str]:
        values = ((name, found.get(header)) for header, name in names.items())
        return {
            name: value
            for name, value in values
            if value is not None and len(value) <= self._longest and _VALUE.fullmatch(value)
        }

    def baggage_header(self, given: Iterable[str], entries: Mapping[str, str]) -> str:
        """Return the header ``baggage`` (W3C Baggage) for who reads it next: what came, with declared names replaced.

        Args:
            given: the headers that came.
            entries: the entries that the declared names have.
        """
        members = [text for header in given for member in header.split(",") if (text := member.strip(" \t"))]
        kept = [member for member in members if _member_name(member) not in self.declared]
        return ",".join(
            [*kept, *(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in entries.items())]
        )


def _member_name(member: str) -> str:
    return unquote_plus(member.split("=", 1)[0].strip(" \t")).strip()


def _header(what: str, name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"{what} must be the name of a header as str, but got {type(name).__name__} {name!r}")
    if _HEADER_NAME.fullmatch(name) is None:
        raise ValueError(
            f"{what} is {name!r}, which is no name of a header; allowed: letters, digits, - and !#$%&'*+.^_`|~"
        )
    return name.lower()


def _names(what: str, given: object) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise TypeError(
            f"{what} must be a mapping of headers to names, like {{'X-Tenant': 'tenant'}}, but got {given!r}"
        )
    names: dict[str, str] = {}
    for header, name in cast("Mapping[object, object]", given).items():
        key = _header(f"a header in {what}", header)
        if key in names:
            raise ValueError(f"{what} has the header {header!r} twice: upper and lower case are the same")
        names[key] = check_attribute_name(f"the name for {header!r} in {what}", name)
    return names


def _check_unique(what: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"the {what} {name!r} would have two values; each needs a name of its own")
