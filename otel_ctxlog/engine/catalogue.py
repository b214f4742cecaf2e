"""The catalogue: tags and realms that code announces, with what they are for."""

from __future__ import annotations

import threading

from otel_ctxlog.engine.messages import Realm, Tag

__all__ = ["Catalogue", "define_realm", "define_tag", "realm_definitions", "tag_definitions"]


class Catalogue:
    """Names with their distinct non-empty descriptions; safe from many threads."""

    __slots__ = ("_entries", "_lock")

    def __init__(self) -> None:
        self._entries: dict[str, set[str]] = {}
        self._lock = threading.RLock()

    def add(self, name: str, description: str) -> None:
        """Enter `name`; an empty description adds none."""
        with self._lock:
            descriptions = self._entries.setdefault(name, set())
            if description:
                descriptions.add(description)

    def definitions(self) -> dict[str, list[str]]:
        """Return a copy: name → its descriptions, sorted; names sorted as well."""
        with self._lock:
            return {name: sorted(self._entries[name]) for name in sorted(self._entries)}

    def renew_lock(self) -> None:
        """Replace the lock: in a forked child, another thread of the parent may have held it."""
        self._lock = threading.RLock()


_tags = Catalogue()
_realms = Catalogue()


def _check_description(description: object) -> str:
    if not isinstance(description, str):
        msg = f"a description must be a str, but got {type(description).__name__} {description!r}"
        raise TypeError(msg)
    return description


def define_tag(name: str, description: str = "") -> Tag:
    """Return ``Tag(name)`` and enter it in the catalogue.

    Raises:
        ValueError: `name` is empty.
    """
    tag = Tag(name)
    _tags.add(name, _check_description(description))
    return tag


def define_realm(name: str, description: str = "") -> Realm:
    """Return ``Realm(name)`` and enter it in the catalogue.

    Raises:
        ValueError: `name` is empty.
    """
    realm = Realm(name)
    _realms.add(name, _check_description(description))
    return realm


def tag_definitions() -> dict[str, list[str]]:
    """Return the defined tags: name → its distinct non-empty descriptions, sorted; a copy."""
    return _tags.definitions()


def realm_definitions() -> dict[str, list[str]]:
    """Return the defined realms: name → its distinct non-empty descriptions, sorted; a copy."""
    return _realms.definitions()


def renew_locks() -> None:
    """Replace the locks of both catalogues, in a forked child."""
    _tags.renew_lock()
    _realms.renew_lock()
