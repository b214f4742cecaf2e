"""The body and the query of a request as checked values: an error says what was found, and what is allowed."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Mapping
from typing import Final, NoReturn, TypeGuard, cast
from urllib.parse import parse_qsl

from otel_ctxlog.admin.exchange import JSON, Json, Problem, Request

__all__ = ["Fields", "describe", "query_of"]

_MEDIA_TYPE: Final = re.compile(r'\s*application/json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?', re.IGNORECASE)
_SHOWN: Final = 80
_MOST_DEPTH: Final = 40
_MOST_QUERY_FIELDS: Final = 20
_NUMBER: Final = re.compile(r"[0-9]{1,15}", re.ASCII)


def is_object(value: object) -> TypeGuard[dict[str, Json]]:
    """Return whether that is a JSON object."""
    return isinstance(value, dict)


def describe(value: object) -> str:
    """Return what was found, in words."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"a list of {len(cast('list[object]', value))}"
    if isinstance(value, dict):
        keys = ", ".join(repr(key)[:_SHOWN] for key in list(cast("dict[object, object]", value))[:4])
        return f"an object with the keys {keys}" if keys else "an empty object"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


class Fields:
    """An object of a request; each field is taken once, and what is left over is an error.

    Args:
        content: the object.
        path: where in the body it stands, like ``span.``.
    """

    __slots__ = ("_content", "_path")

    def __init__(self, content: Mapping[str, Json], path: str = "") -> None:
        self._content = content
        self._path = path

    @classmethod
    def of(cls, request: Request, names: Collection[str]) -> Fields:
        """Return the body of a request, an object that has no other fields than these.

        Raises:
            Problem: it is something else.
        """
        kind = request.headers.get("content-type", "")
        if _MEDIA_TYPE.fullmatch(kind) is None:
            raise Problem(415, "the body must be JSON", found=f"Content-Type {kind!r:.100}", allowed=JSON)
        try:
            content: object = json.loads(
                request.body.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_unique
            )
        except RecursionError:
            raise Problem(400, "the body is nested too deeply", allowed=f"{_MOST_DEPTH} levels") from None
        except ValueError as error:
            raise Problem(400, f"the body is no JSON: {error}"[:300], allowed="a JSON object in UTF-8") from None
        if not is_object(content):
            raise Problem(422, "the body is no object", found=describe(content), allowed="an object")
        if _is_deeper(content, _MOST_DEPTH):
            raise Problem(400, "the body is nested too deeply", allowed=f"{_MOST_DEPTH} levels")
        return cls(content).only(names)

    def only(self, names: Collection[str]) -> Fields:
        """Return this, having no other fields than these."""
        for name in self._content:
            if name not in names:
                near = difflib.get_close_matches(name[:64], names, n=1)
                raise Problem(
                    422,
                    f"unknown field {describe(self._path + name)}" + (f"; did you mean {near[0]!r}?" if near else ""),
                    found=describe(name),
                    allowed=", ".join(sorted(names)),
                )
        return self

    def __contains__(self, name: str) -> bool:
        return name in self._content

    def raw(self, name: str) -> Json:
        """Return the value of a field as it is; None where it is not there."""
        return self._content.get(name)

    def text(self, name: str, *, longest: int = 10_000) -> str | None:
        """Return a text that is not empty, or None where it is not there."""
        if name not in self._content:
            return None
        value = self._content[name]
        if not isinstance(value, str) or not value or len(value) > longest:
            self.wrong(name, f"a text of 1 to {longest} characters")
        return value

    def texts(self, name: str) -> list[str]:
        """Return a list of texts that are not empty; none where it is not there."""
        if name not in self._content:
            return []
        value = self._content[name]
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            self.wrong(name, "a list of texts that are not empty")
        return cast("list[str]", value)

    def flag(self, name: str) -> bool | None:
        """Return a truth value, or None where it is not there."""
        if name not in self._content:
            return None
        value = self._content[name]
        if not isinstance(value, bool):
            self.wrong(name, "true or false")
        return value

    def number(self, name: str, *, least: int, most: int, default: int) -> int:
        """Return a whole number within limits."""
        if name not in self._content:
            return default
        value = self._content[name]
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            self.wrong(name, f"a whole number from {least} to {most}")
        return value

    def mapping(self, name: str) -> dict[str, Json]:
        """Return an object whose keys are not empty; an empty one where it is not there."""
        if name not in self._content:
            return {}
        value = self._content[name]
        if not is_object(value) or "" in value:
            self.wrong(name, "an object whose keys are not empty")
        return value

    def fields(self, name: str, names: Collection[str]) -> Fields | None:
        """Return an object with no other fields than these, or None where it is not there."""
        if name not in self._content:
            return None
        value = self._content[name]
        if not is_object(value):
            self.wrong(name, f"an object with the fields {', '.join(sorted(names))}")
        return Fields(value, f"{self._path}{name}.").only(names)

    def wrong(self, name: str, allowed: str) -> NoReturn:
        """Raise a `Problem` about a field."""
        found = describe(self._content.get(name))
        raise Problem(422, f"{self._path}{name} is {found}; allowed: {allowed}", found=found, allowed=allowed)


def query_of(request: Request, names: Collection[str]) -> Query:
    """Return the query of a request, which has no other fields than these, each at most once.

    Raises:
        Problem: it has.
    """
    try:
        pairs = parse_qsl(
            request.query, keep_blank_values=True, max_num_fields=_MOST_QUERY_FIELDS, errors="backslashreplace"
        )
    except ValueError as error:
        raise Problem(400, f"the query cannot be read: {error}"[:200]) from None
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise Problem(422, f"the query has {describe(name)} twice", found=describe(name), allowed="once")
        found[name] = value
    Fields(cast("dict[str, Json]", found), "query ").only(names)
    return Query(found)


class Query:
    """The fields of a query."""

    __slots__ = ("_found",)

    def __init__(self, found: Mapping[str, str]) -> None:
        self._found = found

    def number(self, name: str, *, least: int = 0, most: int, default: int) -> int:
        """Return a whole number within limits."""
        text = self._found.get(name)
        if text is None:
            return default
        if _NUMBER.fullmatch(text) is None or not least <= int(text) <= most:
            allowed = f"a whole number from {least} to {most}"
            raise Problem(
                422, f"query {name} is {describe(text)}; allowed: {allowed}", found=text[:100], allowed=allowed
            )
        return int(text)

    def text(self, name: str, *, longest: int) -> str:
        """Return a text; empty where it is not there."""
        text = self._found.get(name, "")
        if len(text) > longest:
            allowed = f"a text of up to {longest} characters"
            raise Problem(422, f"query {name} is too long", found=describe(text), allowed=allowed)
        return text

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        """Return one of the allowed texts, the first where it is not there."""
        text = self._found.get(name, allowed[0])
        if text not in allowed:
            words = ", ".join(allowed)
            raise Problem(422, f"query {name} is {describe(text)}; allowed: {words}", found=text[:100], allowed=words)
        return text


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has the key {describe(twice)} twice")
    return found


def _is_deeper(value: object, most: int) -> bool:
    level: list[object] = [value]
    for _ in range(most):
        level = [
            inner
            for one in level
            if isinstance(one, (dict, list))
            for inner in (
                cast("dict[str, object]", one).values() if isinstance(one, dict) else cast("list[object]", one)
            )
        ]
        if not level:
            return False
    return True
