"""Type guards for plain data: what is inside a collection is an `object` to the type checkers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from os import PathLike
from typing import TypeGuard

__all__ = ["is_dict", "is_list", "is_mapping", "is_path", "is_sequence", "is_set"]


def is_dict(data: object) -> TypeGuard[dict[object, object]]:
    """True for a dict."""
    return isinstance(data, dict)


def is_list(data: object) -> TypeGuard[list[object]]:
    """True for a list."""
    return isinstance(data, list)


def is_mapping(data: object) -> TypeGuard[Mapping[object, object]]:
    """True for any mapping."""
    return isinstance(data, Mapping)


def is_sequence(data: object) -> TypeGuard[Sequence[object]]:
    """True for a list or a tuple."""
    return isinstance(data, (list, tuple))


def is_set(data: object) -> TypeGuard[AbstractSet[object]]:
    """True for any set."""
    return isinstance(data, AbstractSet)


def is_path(source: object) -> TypeGuard[PathLike[str]]:
    """True for a `pathlib.Path` and the like."""
    return isinstance(source, PathLike)
