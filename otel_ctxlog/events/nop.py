"""Events into nothing."""

from __future__ import annotations

__all__ = ["NopEventer"]


class NopEventer:
    """Takes events and does nothing with them."""

    __slots__ = ()

    def __str__(self) -> str:
        return "disabled"

    def __repr__(self) -> str:
        return "NopEventer()"

    def event(self, type: str, /, *fields: object, **attributes: object) -> None:
        """Do nothing."""
