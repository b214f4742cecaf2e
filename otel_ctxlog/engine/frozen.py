"""The base of immutable values.

Frozen dataclasses would do the same, but each costs a millisecond of every start of every program, and several times as
much to make: messages are made in requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final, cast

__all__ = ["Frozen", "put"]

put: Final = object.__setattr__
"""What a constructor sets a field with: ``put(self, "name", name)``."""


class Frozen:
    """An immutable value: equal where type and fields are, hashable where these are, with a `repr` that evaluates.

    A subclass names its fields in ``__match_args__``, in the order of its constructor, and sets them there by `put`.
    """

    __slots__ = ()
    __match_args__: ClassVar[tuple[str, ...]] = ()

    def _fields(self) -> tuple[object, ...]:
        return tuple([getattr(self, name) for name in self.__match_args__])

    def __setattr__(self, name: str, value: object) -> None:
        msg = f"{type(self).__name__} is immutable: cannot set {name!r}"
        raise AttributeError(msg)

    def __delattr__(self, name: str) -> None:
        msg = f"{type(self).__name__} is immutable: cannot delete {name!r}"
        raise AttributeError(msg)

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
        return f"{type(self).__qualname__}({fields})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash((type(self), *self._fields()))

    def __setstate__(self, state: object) -> None:
        # Copies and pickles come along here, as `object` makes them: a dict, or a dict or None and one of slots.
        parts = cast("tuple[Mapping[str, object] | None, ...]", state if isinstance(state, tuple) else (state,))
        for part in parts:
            for name, value in (part or {}).items():
                put(self, name, value)
