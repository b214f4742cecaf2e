"""Matchers: tests of one attribute value that conditions take in place of a value to be equal to."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from otel_ctxlog.engine.frozen import Frozen, put
from otel_ctxlog.engine.messages import same_value
from otel_ctxlog.engine.values import snapshot, values_equal

if TYPE_CHECKING:
    from decimal import Decimal
    from fractions import Fraction
    from numbers import Real

__all__ = ["Exists", "Glob", "OneOf", "Range", "Regex"]

Number: TypeAlias = "int | float | Decimal | Fraction"

_NUMBER: Final = r"\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,4})?\s*"
_LONGEST_NUMBER: Final = 400


def _check_pattern(kind: str, pattern: object) -> str:
    if not isinstance(pattern, str):
        msg = f"the pattern of a {kind} must be a str, but got {type(pattern).__name__} {pattern!r}"
        raise TypeError(msg)
    return pattern


class Glob(Frozen):
    """Accepts text that the shell pattern matches as a whole, case-sensitive: ``*``, ``?``, ``[abc]``, ``[!abc]``."""

    __slots__ = ("_regex", "pattern")
    __match_args__ = ("pattern",)

    pattern: str
    _regex: re.Pattern[str]

    def __init__(self, pattern: str) -> None:
        put(self, "pattern", _check_pattern("Glob", pattern))
        from fnmatch import translate

        put(self, "_regex", re.compile(translate(pattern)))

    def matches_value(self, value: object, /) -> bool:
        """Return whether `value` is text and the pattern matches all of it."""
        return isinstance(value, str) and self._regex.match(value) is not None


class Regex(Frozen):
    """Accepts text in which the regular expression (Python's `re`) is found anywhere.

    ``ValueError`` where the pattern is no regular expression.
    """

    __slots__ = ("_regex", "pattern")
    __match_args__ = ("pattern",)

    pattern: str
    _regex: re.Pattern[str]

    def __init__(self, pattern: str) -> None:
        put(self, "pattern", _check_pattern("Regex", pattern))
        try:
            compiled = re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            msg = f"the pattern {pattern!r} is no regular expression: {error}"
            raise ValueError(msg) from error
        put(self, "_regex", compiled)

    def matches_value(self, value: object, /) -> bool:
        """Return whether `value` is text and contains a match."""
        return isinstance(value, str) and self._regex.search(value) is not None


class OneOf(Frozen):
    """Accepts a value that equals one of `values`."""

    __slots__ = ("values",)
    __match_args__ = ("values",)

    values: tuple[object, ...]

    def __init__(self, *values: object) -> None:
        put(self, "values", snapshot(values))

    def __repr__(self) -> str:
        return f"OneOf({', '.join(map(repr, self.values))})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OneOf):
            return NotImplemented
        return same_value(self.values, other.values)

    def __hash__(self) -> int:
        return hash((OneOf, self.values))

    def matches_value(self, value: object, /) -> bool:
        """Return whether `value` equals one of the values."""
        return any(values_equal(expected, value) for expected in self.values)


class Range(Frozen):
    """Accepts a number from `min` to `max`, both inclusive; None leaves a side open.

    A text that is a decimal number counts as that number; a bool is no number. ``ValueError`` where a limit is no
    number or `min` exceeds `max`.
    """

    __slots__ = ("max", "min")
    __match_args__ = ("min", "max")

    min: Number | None
    max: Number | None

    def __init__(self, min: Number | None = None, max: Number | None = None) -> None:
        _number_types()
        for side, limit in (("min", min), ("max", max)):
            if limit is not None and (not _is_number(limit) or limit != limit):  # noqa: PLR0124 - NaN
                msg = f"{side} of a Range must be a number or None, but got {limit!r}"
                raise ValueError(msg)
        if min is not None and max is not None and min > max:
            msg = f"min of a Range must not exceed max, but got Range({min!r}, {max!r})"
            raise ValueError(msg)
        put(self, "min", min)
        put(self, "max", max)

    def matches_value(self, value: object, /) -> bool:
        """Return whether `value` is a number within the limits."""
        if isinstance(value, str):
            if len(value) > _LONGEST_NUMBER or re.fullmatch(_NUMBER, value, re.ASCII) is None:
                return False
        elif not _is_number(value) or value != value:  # noqa: PLR0124 - NaN
            return False
        return (self.min is None or self.min <= _comparable(value, self.min)) and (
            self.max is None or _comparable(value, self.max) <= self.max
        )


@cache
def _number_types() -> tuple[type[Real], type[Decimal], type[Fraction]]:
    """Return what only a `Range` needs. Made with the first: where the interpreter goes down, nothing can be loaded."""
    from decimal import Decimal
    from fractions import Fraction
    from numbers import Real

    return Real, Decimal, Fraction


def _is_number(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, _number_types()[:2])


def _comparable(value: object, limit: Number) -> Number:
    """Return a number as it is; a text as the number that it is, exactly where the limit is exact."""
    if not isinstance(value, str):
        return cast("Number", value)
    if isinstance(limit, float):
        return float(value)
    _, decimal, fraction = _number_types()
    number = decimal(value.strip())
    # A Fraction does not compare with a Decimal.
    return fraction(number) if isinstance(limit, fraction) else number


class Exists(Frozen):
    """Accepts any value, None too: what matters is that the attribute is there."""

    __slots__ = ()

    def matches_value(self, value: object, /) -> bool:  # noqa: ARG002 - any value
        """Return True."""
        return True
