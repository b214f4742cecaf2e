"""A source of configuration (text, bytes, file, mapping, `Config`) to plain data that know their places."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from otel_ctxlog.config.compose import compose
from otel_ctxlog.config.kinds import is_mapping, is_path
from otel_ctxlog.config.model import Config
from otel_ctxlog.config.places import Marks, Origin, Place
from otel_ctxlog.config.plain import plain_data
from otel_ctxlog.config.source import checked_text, decoded_text, read_file
from otel_ctxlog.config.wording import describe

__all__ = ["ConfigSource", "Document", "ElementSource", "composed", "read_document"]

ConfigSource = str | bytes | os.PathLike[str] | Mapping[str, object] | Config
ElementSource = str | bytes | Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Document:
    """Checked plain data, and the place of their outermost node."""

    data: object
    place: Place


def read_document(source: object) -> Document:
    """The plain data of `source`; None for an empty text.

    Raises:
        ConfigError: it cannot be read, is not YAML, is too large, or is no source at all.
    """
    if is_path(source):
        origin = Origin(file=os.fsdecode(source))
        return composed(read_file(source, origin=origin), origin)
    if isinstance(source, str):
        origin = Origin()
        return composed(checked_text(source, origin=origin), origin)
    if isinstance(source, (bytes, bytearray)):
        origin = Origin()
        return composed(decoded_text(bytes(source), origin=origin), origin)
    place = Place(Marks(Origin()))
    if isinstance(source, Config):
        return Document(plain_data(source.as_mapping(), place), place)
    if is_mapping(source):
        return Document(plain_data(source, place), place)
    raise place.error(
        f"found {describe(source)} as a configuration; allowed: YAML as str or bytes, a mapping, a Path, a Config"
    )


def composed(text: str, origin: Origin) -> Document:
    """The plain data of a YAML text; None for an empty one.

    Raises:
        ConfigError: it is not YAML, or too large.
    """
    marks = Marks(origin)
    data, mark = compose(text, marks)
    return Document(data, Place(marks, "", mark))
