"""Values: when two are equal, what an OpenTelemetry attribute value looks like, and text that can be sent.

Equality here is deep and typed: a bool never equals a number, 1 equals 1.0, a list equals a tuple of the same elements
(contract, section 3). A `BaggageText` is a value that came from baggage, where everything is text: a scalar in a
condition is compared with it as its text.
"""

from __future__ import annotations

import enum
import os
import sys
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Final, TypeAlias, TypeGuard, TypeVar, cast

from otel_ctxlog.engine.frozen import Frozen

if TYPE_CHECKING:
    from datetime import date

__all__ = [
    "INT_MAX",
    "INT_MIN",
    "AttributeValue",
    "BaggageText",
    "Lazy",
    "canonical_key",
    "clean_text",
    "is_a",
    "is_plain",
    "kept_lazy",
    "repr_of",
    "safe_text",
    "scalar_text",
    "snapshot",
    "to_value",
    "values_equal",
]

_T = TypeVar("_T")

AttributeValue: TypeAlias = (
    "str | bool | int | float | bytes | Sequence[AttributeValue] | Mapping[str, AttributeValue] | None"
)

INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**63 - 1
# OTLP decoders stop at 100 nested protobuf messages, and a nested map takes three: beyond this, one deep value would
# make a receiver refuse the whole batch.
_MAX_DEPTH: Final = 30
_TOO_DEEP: Final = "!ERROR: nested too deep"
_CYCLE: Final = "!ERROR: cycle"
_LONG_INT: Final = 10**4000
# More elements than any record should carry: what refers to itself many times over would never end.
_MAX_ELEMENTS: Final = 100_000
_TOO_LARGE: Final = "!ERROR: too large"
_ATOMS: Final = frozenset({str, int, float, bool, type(None), bytes})


def is_a(value: object, kind: type[_T]) -> TypeGuard[_T]:
    """Return whether `value` is of that kind, by its type alone: a proxy's `__class__` may run code that raises."""
    return issubclass(type(value), kind)


# Modules that a program need not have are never loaded here: while one is not, there are no values of its types. To
# import in a logging call fails where the interpreter goes down, and waits where another thread is importing.
_types: dict[str, tuple[type, ...]] = {}


def _known(module: str, *names: str) -> tuple[type, ...]:
    """Return these types of a module, as far as it is loaded."""
    known = _types.get(module)
    if known is None:
        loaded = sys.modules.get(module)
        known = tuple(kind for name in names if isinstance(kind := getattr(loaded, name, None), type))
        if len(known) == len(names):
            _types[module] = known
    return known


def _temporal() -> tuple[type, ...]:
    return _known("datetime", "datetime", "date", "time", "timedelta")[:3]


def _written_as_text() -> tuple[type, ...]:
    return (*_known("uuid", "UUID"), *_known("decimal", "Decimal"), BaseException)


def _keyed() -> tuple[type, ...]:
    """Return the kinds whose ``==`` agrees with their hash, also between each other and with numbers."""
    return (
        *_known("uuid", "UUID"),
        *_known("decimal", "Decimal"),
        *_known("datetime", "datetime", "date", "time", "timedelta"),
    )


class BaggageText(str):
    """A text that came from baggage."""

    __slots__ = ()


class Lazy:
    """A value that is computed only if the record is emitted: the result of calling `function` without arguments."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[[], object]) -> None:
        self.function = function

    def __repr__(self) -> str:
        return f"Lazy({self.function!r})"


def scalar_text(value: object) -> str | None:
    """Return the text that a scalar has in baggage (``true``, ``1``, ``1.5``), or None for anything else."""
    if isinstance(value, enum.Enum):
        return scalar_text(value.value)
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, *_known("decimal", "Decimal"))):
        try:
            return str(value)
        except ValueError:  # an int with more digits than the interpreter prints
            return None
    return None


def values_equal(left: object, right: object) -> bool:
    """Return whether two values are equal by the rules of this module.

    Raises:
        RecursionError: both are nested without end.
    """
    left_type, right_type = type(left), type(right)
    if left_type is str and right_type is str:
        return left == right
    if left_type is BaggageText or right_type is BaggageText:
        if left_type is not BaggageText:
            return scalar_text(left) == right
        return (right_type is BaggageText and left == right) or scalar_text(right) == left
    if isinstance(left, bool) or isinstance(right, bool):
        return isinstance(left, bool) and isinstance(right, bool) and left == right
    if isinstance(left, (list, tuple)):
        if not isinstance(right, (list, tuple)):
            return False
        ours, theirs = cast("Sequence[object]", left), cast("Sequence[object]", right)
        return len(ours) == len(theirs) and all(map(values_equal, ours, theirs))
    if isinstance(left, (set, frozenset)):
        # True and 1 are one element of a set, but not one value here.
        if not isinstance(right, (set, frozenset)):
            return False
        return _marked(cast("Iterable[object]", left)) == _marked(cast("Iterable[object]", right))
    if isinstance(left, Mapping):
        return isinstance(right, Mapping) and _mappings_equal(
            cast("Mapping[object, object]", left), cast("Mapping[object, object]", right)
        )
    return bool(left == right)


def _mappings_equal(left: Mapping[object, object], right: Mapping[object, object]) -> bool:
    if len(left) != len(right):
        return False
    for key, value in left.items():
        if key not in right or not values_equal(value, right[key]):
            return False
    # True and 1 are one key of a dict, but not one value here.
    return _marked(left) == _marked(right)


def _marked(values: Iterable[object]) -> set[tuple[bool, object]]:
    return {(isinstance(value, bool), value) for value in values}


def canonical_key(value: object) -> Hashable | None:
    """Return a key that equal values share, or None where no such key exists.

    ``values_equal(a, b)`` implies equal keys where both have one, text compared with baggage excepted; the opposite
    need not hold. Objects of the user have none: their ``==`` may say anything.
    """
    kind = type(value)
    if kind is str:
        return cast("str", value)
    if kind is BaggageText:
        return str(value)
    if kind is bool:
        return ("bool", value)
    # A NaN is not equal to itself.
    if kind is int or kind is bytes or (kind is float and value == value):  # noqa: PLR0124
        return value
    if value is None:
        return ("none",)
    if kind in _keyed():
        return value
    if kind.__eq__ is str.__eq__:
        return str.__str__(cast("str", value))
    if kind.__eq__ is int.__eq__ and kind.__hash__ is int.__hash__:
        return int.__index__(cast("int", value))
    if kind is list or kind is tuple:
        # Length suffices to tell most apart, and cannot recurse.
        return ("sequence", len(cast("Sequence[object]", value)))
    return None


def is_plain(value: object) -> bool:
    """Return whether comparing this value with another plain one runs no code of the user."""
    return type(value) in _ATOMS or type(value) is BaggageText


def snapshot(value: object) -> object:
    """Return `value`, its lists and dicts copied, so that a later change of theirs does not reach us."""
    return value if type(value) not in (list, dict, tuple) else _copied(value, {})


def _copied(value: object, memo: dict[int, object]) -> object:
    kind = type(value)
    if kind not in (list, dict, tuple):
        return value
    known = memo.get(id(value))
    if known is not None:
        return known
    try:
        if kind is list:
            items: list[object] = []
            memo[id(value)] = items
            items.extend(_copied(item, memo) for item in cast("list[object]", value))
            return items
        if kind is dict:
            table: dict[object, object] = {}
            memo[id(value)] = table
            for key, item in cast("dict[object, object]", value).items():
                table[key] = _copied(item, memo)
            return table
        copied = memo[id(value)] = tuple(_copied(item, memo) for item in cast("tuple[object, ...]", value))
        return copied
    except RecursionError:
        return value


def clean_text(text: str) -> str:
    r"""Return `text` as it can be encoded in UTF-8: a plain ``str``, lone surrogates escaped (``\udc80``)."""
    if text.isascii():
        return text if type(text) is str else str.__str__(text)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def repr_of(subject: object) -> str:
    """Return ``repr(subject)``, or its type's name where that fails."""
    try:
        return repr(subject)
    except Exception:  # noqa: BLE001 - a __repr__ of the user, or one nested too deep
        return f"<{type(subject).__name__}>"


def safe_text(value: object) -> str:
    """Return ``str(value)`` as text that can be sent, or ``!ERROR: …`` where that fails; never raises."""
    try:
        return clean_text(value if is_a(value, str) else _text_of(value))
    except Exception as error:  # noqa: BLE001 - whatever a __str__ of the user does
        return _failure(error)


def _text_of(value: object) -> str:
    if is_a(value, int) and not is_a(value, bool):
        # By way of Decimal: str() refuses numbers of more than 4,300 digits.
        return str(value) if -_LONG_INT < value < _LONG_INT else str(_decimal(int.__index__(value)))
    return str(value)


def _decimal(number: int) -> object:
    from decimal import Decimal

    return Decimal(number)


def _failure(error: BaseException) -> str:
    try:
        return clean_text(f"!ERROR: {type(error).__name__}: {error}")
    except Exception:  # noqa: BLE001 - the error's own text fails as well
        return f"!ERROR: {type(error).__name__}"


def to_value(value: object) -> AttributeValue:
    """Return `value` as an OpenTelemetry attribute value (contract, section 7); never raises.

    Scalars, maps and sequences are kept; datetime gives ISO 8601, an Enum its value, UUID, Path, Decimal and exceptions
    their text, a dataclass a map, a set a sequence; a reference back in a cycle ``!ERROR: cycle``; an int beyond 64 bit
    its text; anything else ``str``. A `Lazy` is called. What fails becomes ``!ERROR: …``.
    """
    kind = type(value)
    if kind is str:
        text = cast("str", value)
        return text if text.isascii() else clean_text(text)
    if kind is bool or kind is float or value is None:
        return cast("bool | float | None", value)
    if kind is int:
        number = cast("int", value)
        return number if INT_MIN <= number <= INT_MAX else safe_text(number)
    return Converter().convert(value)


def kept_lazy(value: object) -> object:
    """Return `value` as it is for later: one that has a `Lazy` somewhere inside as a `Lazy` of the whole.

    The rest of it is converted now, so that a later change of the value does not matter.
    """
    if type(value) in _ATOMS or type(value) is Lazy:
        return value
    converter = Converter(keep_lazy=True)
    converted = converter.convert(value)
    return Lazy(lambda: converted) if converter.kept else converted


class Converter:
    """Turns nested values into attribute values; one for each top-level value, since it knows the way down.

    A subclass may refuse values: `other` and `number` and `binary` are what the event contract is stricter about.

    Args:
        keep_lazy: leave a `Lazy` where it is instead of calling it; `kept` then says whether there was one.
    """

    __slots__ = ("_elements", "_keep_lazy", "_path", "kept")

    def __init__(self, *, keep_lazy: bool = False) -> None:
        self._elements = 0
        self._path: list[object] = []
        self._keep_lazy = keep_lazy
        self.kept = False

    def convert(self, value: object) -> AttributeValue:
        """Return the attribute value for `value`; raises only what a subclass raises."""
        try:
            return self._convert(value)
        except ValueRefusedError:
            raise
        except _TooLargeError:
            return self.too_large()
        except RecursionError:
            return self.failed(RecursionError("nested too deep"))
        except Exception as error:  # noqa: BLE001 - whatever an object of the user does
            return self.failed(error)

    def other(self, value: object) -> AttributeValue:
        """Return what stands for an object of unknown kind."""
        return safe_text(value)

    def number(self, value: float) -> AttributeValue:
        """Return what stands for a float."""
        return value

    def binary(self, value: bytes) -> AttributeValue:
        """Return what stands for bytes."""
        return value

    def failed(self, error: Exception) -> AttributeValue:
        """Return what stands for a value that raised."""
        return _failure(error)

    def too_large(self) -> AttributeValue:
        """Return what stands for a value of more elements than a record should carry."""
        return _TOO_LARGE

    def too_deep(self) -> AttributeValue:
        """Return what stands for a value nested deeper than OTLP receivers decode."""
        return _TOO_DEEP

    def _convert(self, value: object) -> AttributeValue:  # noqa: C901, PLR0912 - one line for each kind of value
        if isinstance(value, enum.Enum):
            return self._inside(value, value.value)
        if isinstance(value, str):
            return clean_text(value)
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, int):
            return int(value) if INT_MIN <= value <= INT_MAX else safe_text(int(value))
        if isinstance(value, float):
            return self.number(float(value))
        if isinstance(value, (bytes, bytearray)):
            return self.binary(bytes(value))
        if isinstance(value, memoryview):
            return self.binary(cast("memoryview[int]", value).tobytes())
        if isinstance(value, _temporal()):
            return cast("date", value).isoformat()
        if isinstance(value, _written_as_text()):
            return self._text(value)
        if isinstance(value, os.PathLike):
            return self._text(cast("object", value))
        if isinstance(value, Lazy):
            if self._keep_lazy:
                self.kept = True
                return cast("AttributeValue", value)
            return self._inside(value, value.function())
        if isinstance(value, Mapping):
            return self._map(cast("Mapping[object, object]", value))
        if isinstance(value, (list, tuple)):
            return self._sequence(cast("Sequence[object]", value))
        if isinstance(value, AbstractSet):
            return self._set(cast("AbstractSet[object]", value))
        if isinstance(value, Frozen):
            return self._map({name: getattr(value, name) for name in value.__match_args__})
        if hasattr(type(value), "__dataclass_fields__"):
            return self._dataclass(value)
        if isinstance(value, Sequence):
            return self._sequence(cast("Sequence[object]", value))
        return self.other(value)

    def _text(self, value: object) -> AttributeValue:
        return clean_text(str(value))

    def _nested(self, value: object) -> AttributeValue:
        """Convert an element, so that one which fails costs only itself."""
        self._elements += 1
        if self._elements > _MAX_ELEMENTS:
            raise _TooLargeError
        if type(value) is str:
            return clean_text(value)
        try:
            return self._convert(value)
        except (ValueRefusedError, RecursionError, _TooLargeError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever an object of the user does
            return self.failed(error)

    def _enter(self, value: object) -> AttributeValue:
        """Go one level down; return None, or what stands for a value that must not be entered."""
        if any(outer is value for outer in self._path):
            return _CYCLE
        if len(self._path) >= _MAX_DEPTH:
            return self.too_deep()
        self._path.append(value)
        return None

    def _inside(self, outer: object, inner: object) -> AttributeValue:
        refused = self._enter(outer)
        if refused is not None:
            return refused
        try:
            return self._nested(inner)
        finally:
            self._path.pop()

    def _map(self, value: Mapping[object, object]) -> AttributeValue:
        refused = self._enter(value)
        if refused is not None:
            return refused
        try:
            return {
                clean_text(key) if type(key) is str else self._key(key): self._nested(item)
                for key, item in value.items()
            }
        finally:
            self._path.pop()

    def _key(self, key: object) -> str:
        converted = key.value if isinstance(key, enum.Enum) else key
        text = scalar_text(converted)
        return safe_text(converted) if text is None else clean_text(text)

    def _sequence(self, value: Sequence[object]) -> AttributeValue:
        refused = self._enter(value)
        if refused is not None:
            return refused
        try:
            items = [self._nested(item) for item in value]
            return tuple(items) if isinstance(value, tuple) else items
        finally:
            self._path.pop()

    def _set(self, value: AbstractSet[object]) -> AttributeValue:
        refused = self._enter(value)
        if refused is not None:
            return refused
        try:
            # Sets have no order: sort, so that equal sets give equal records.
            return sorted((self._nested(item) for item in value), key=lambda item: (type(item).__name__, repr(item)))
        finally:
            self._path.pop()

    def _dataclass(self, value: object) -> AttributeValue:
        refused = self._enter(value)
        if refused is not None:
            return refused
        try:
            from dataclasses import fields

            names = [field.name for field in fields(value)]  # type: ignore[arg-type]
            return {name: self._nested(getattr(value, name)) for name in names}
        finally:
            self._path.pop()


class ValueRefusedError(ValueError):
    """Raised by a `Converter` that refuses a kind of value; the text says which."""


class _TooLargeError(Exception):
    """Raised inside a `Converter` to leave a value that is too large as a whole."""
