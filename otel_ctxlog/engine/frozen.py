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

    def __getstate__(self) -> dict[str, object]:
        state: dict[str, object] = dict(getattr(self, "__dict__", {}))
        for kind in type(self).__mro__:
            slots: str | tuple[str, ...] = kind.__dict__.get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if not name.startswith("__") and hasattr(self, name):
                    state[name] = getattr(self, name)
        return state

    def __setstate__(self, state: object) -> None:
        for name, value in cast("Mapping[str, object]", state).items():
            put(self, name, value)
