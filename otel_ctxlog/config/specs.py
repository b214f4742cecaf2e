"""The parts of standard specs: keys, texts, numbers, lists, levels, each with an error that says what is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from otel_ctxlog.config.kinds import is_dict, is_list
from otel_ctxlog.config.wording import describe, listing, nearest, short, tidy
from otel_ctxlog.engine.levels import parse_level

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_ctxlog.config.places import Place

__all__ = ["checked", "fields", "flag", "items", "level_of", "name_of", "number", "text_of"]

T = TypeVar("T")

_LEVEL_NAMES = ("Error", "Warn", "Warning", "Info", "Debug", "Trace", "None", "Off")
_LEVELS = "Error, Warn, Info, Debug, Trace, None or off, or a number from 0"


def fields(
    spec: object, place: Place, *, required: tuple[str, ...] = (), optional: tuple[str, ...] = ()
) -> dict[object, object]:
    """`spec` if it is a mapping with all of the required keys and no others than these and the optional ones."""
    allowed = (*required, *optional)
    if not is_dict(spec):
        raise place.error(f"found {describe(spec)}; allowed: a mapping with the keys {listing(allowed)}")
    for key in spec:
        if key not in allowed:
            raise place.key(spec, key).error(
                f"unknown key {short(key)}; allowed: {listing(allowed)}{nearest(key, allowed)}"
            )
    for key in required:
        if key not in spec:
            raise place.error(f"missing key {key!r}; found {describe(spec)}; required: {listing(required)}")
    return spec


def items(spec: object, place: Place, *, of: str) -> list[object]:
    """`spec` if it is a list."""
    if not is_list(spec):
        raise place.error(f"found {describe(spec)}; allowed: a list of {of}")
    return spec


def text_of(spec: object, place: Place, *, allowed: str) -> str:
    """`spec` if it is a text, an empty one included."""
    if not isinstance(spec, str):
        hint = " (put it in quotes to make it a text)" if isinstance(spec, (bool, int, float)) else ""
        raise place.error(f"found {describe(spec)}; allowed: {allowed}{hint}")
    return spec


def name_of(spec: object, place: Place, *, allowed: str = "a non-empty text") -> str:
    """`spec` if it is a text that is not empty."""
    name = text_of(spec, place, allowed=allowed)
    if not name:
        raise place.error(f"found an empty name ''; allowed: {allowed}")
    return name


def flag(spec: object, place: Place) -> bool:
    """`spec` if it is true or false."""
    if not isinstance(spec, bool):
        raise place.error(f"found {describe(spec)}; allowed: true or false")
    return spec


def number(spec: object, place: Place) -> int | float | None:
    """`spec` if it is a number, or None: not given."""
    if spec is None:
        return None
    if isinstance(spec, bool) or not isinstance(spec, (int, float)) or spec != spec:  # noqa: PLR0124 - NaN
        raise place.error(f"found {describe(spec)}; allowed: a number")
    return spec


def level_of(spec: object, place: Place) -> int:
    """The level that `spec` means; YAML reads an unquoted ``off`` as false, which is level 0."""
    if spec is False:
        return parse_level(0)
    if isinstance(spec, str) or (isinstance(spec, int) and not isinstance(spec, bool)):
        try:
            return parse_level(spec)
        except ValueError as error:
            raise place.error(
                f"unknown level {short(spec)}; allowed: {_LEVELS}{nearest(spec, _LEVEL_NAMES)}"
            ) from error
    raise place.error(f"found {describe(spec)} as level; allowed: {_LEVELS}")


def checked(make: Callable[[], T], place: Place) -> T:
    """What `make` returns; what it raises becomes the error of this place."""
    try:
        return make()
    except Exception as error:  # values of the user take part in equality, hashing and patterns
        raise place.error(tidy(str(error)) or type(error).__name__) from error
