"""How large a configuration may be, and the errors that say so.

The limits hold for texts, mappings and `Config` objects alike. They are checked with arithmetic, before anything is
expanded, so that a small text that stands for a huge structure costs neither time nor memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otel_ctxlog.config.places import Place
    from otel_ctxlog.errors import ConfigError

__all__ = ["MAX_BYTES", "MAX_LEVELS", "MAX_NODES", "too_deep", "too_long", "too_many", "utf8_length"]

MAX_BYTES = 1024 * 1024
"""Bytes of the UTF-8 text; of a mapping, bytes of the texts in it, a repeated key counted once."""

MAX_LEVELS = 64
"""Levels of collections, the outermost mapping being the first."""

MAX_NODES = 1_000_000
"""Collections, keys and values, aliases expanded."""


def utf8_length(text: str) -> int:
    """The length of `text` in UTF-8, in bytes."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def too_long(place: Place) -> ConfigError:
    """The error for too much text."""
    return place.error(f"the configuration is too large: more than {MAX_BYTES} bytes (1 MiB) of text")


def too_deep(place: Place) -> ConfigError:
    """The error for too many levels."""
    return place.error(f"the configuration is nested too deeply: more than {MAX_LEVELS} levels of collections")


def too_many(place: Place) -> ConfigError:
    """The error for too many nodes."""
    return place.error(f"the configuration is too large: more than {MAX_NODES} nodes, aliases expanded")
